"""Draws what an upload check found: doubts first, then totals, findings by kind and severity, and the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import pandas as pd
import streamlit as st

from pages._ui.kit import charts, format, status, tables
from pages._ui.kit.session import key, url_for
from pages._ui.kit.text import md, prose
from storage.domain.diagnosis.wording import number
from storage.domain.integrity import KINDS, SEVERITIES, Failure, Finding, Suspicion

WORDS: Final[dict[str, str]] = {
    "missing_object": "Missing object",
    "size_mismatch": "Other size",
    "empty_object": "Empty object",
    "missing_thumbnail": "Missing thumbnail",
    "orphan_object": "Orphan object",
    "missing_highlights": "Missing highlights",
    "invalid_highlights": "Invalid highlights",
    "clip_without_key": "Clip without key",
    "foreign_key": "Foreign key",
    "duplicate_key": "Duplicate key",
    "phantom_parent": "Phantom parent",
    "unfinished_upload": "Unfinished upload",
    "stale_clip": "Stale clip",
    "unreadable": "Could not be read",
}
MEANING: Final[dict[str, str]] = {
    "missing_object": "A document says completed; the bucket proved that there is no object.",
    "size_mismatch": "The object has another size than its document says.",
    "empty_object": "The object has 0 bytes.",
    "missing_thumbnail": "The clip is there, its thumbnail is not.",
    "orphan_object": "An object among the user's clips that no document names.",
    "missing_highlights": "There is no highlights.json: the customer reads that the video is still being processed.",
    "invalid_highlights": "highlights.json cannot be read as a list of highlights.",
    "clip_without_key": "The clip's status is completed, and its document names no object.",
    "foreign_key": "A document names a key of another customer or outside the layout; the detail says what is there.",
    "duplicate_key": "Two documents name one object.",
    "phantom_parent": "Documents below a document that does not exist.",
    "unfinished_upload": "An upload in parts that was begun more than a day ago and never ended.",
    "stale_clip": "A clip is in progress past the limit: the worker that had it is gone.",
    "unreadable": "A store refused or did not answer. Nothing is known about what was to be read there.",
}


def identity(finding: Finding) -> str:
    """What stands for a finding in tables, keys and the session: the same in a later check."""
    return tables.fingerprint([part or "" for part in finding.identity])


def prefix_doubt(reason: str) -> None:
    """That no key lies where the configured prefix says, told above what was found; nothing where one does."""
    if reason:
        st.warning(prose(reason, 600), title="Is R2_KEY_PREFIX right?", icon=":material/folder_open:")


def suspicion(found: Suspicion, *, about: str = "") -> None:
    """Above everything else: the result cannot be true, and how to find out what is wrong with the settings."""
    steps = "\n".join(f"{place}. {prose(way, 500)}" for place, way in enumerate(found.how_to_check, start=1))
    st.error(
        f"{md(found.reason, 600)}\n\n**No finding below may be acted upon** until this is settled:\n\n{steps}",
        title=f"Implausible{': ' + md(about, 120) if about else ''} — suspect the bucket, the prefix or the credential",
        icon=":material/gpp_maybe:",
    )


def incomplete(failures: Sequence[Failure], unchecked: int) -> None:
    """Not everything could be read: what, why, and how much nothing is known about."""
    lines = [
        f"- {md(failure.target, 120)}: {md(failure.message, 300)} {md(failure.remedy, 300) if failure.remedy else ''}"
        for failure in failures[:10]
    ]
    if len(failures) > 10:
        lines.append(f"- and {len(failures) - 10:,} more")
    known = f" **{number(unchecked, 'clip')} could not be checked**; none counts as missing." if unchecked else ""
    st.warning(
        f"Not everything could be read, so what is missing from this list may still be wrong.{known}\n\n"
        + "\n".join(lines),
        title="Incomplete",
        icon=":material/hourglass_bottom:",
    )


def chart(findings: Sequence[Finding]) -> None:
    """Findings by kind, coloured by severity, in the contract's order of kinds."""
    counts = pd.DataFrame({"kind": [f.kind for f in findings], "severity": [f.severity for f in findings]})
    counts = counts.value_counts(["kind", "severity"]).rename("Findings").reset_index()
    frame = pd.DataFrame(
        {
            "Kind": [WORDS[kind] for kind in counts["kind"]],
            "Severity": [status.look("severity", severity).word for severity in counts["severity"]],
            "Findings": counts["Findings"],
        }
    )
    order = [WORDS[kind] for kind in KINDS if WORDS[kind] in set(frame["Kind"])]
    charts.stacked(
        frame, "Kind", "Severity", "Findings", scale=status.scale("severity"), order=order,
        alt="Findings by kind and severity",
    )  # fmt: skip


def filtered(findings: Sequence[Finding], *, page: str) -> list[Finding]:
    """The controls, and the findings that pass them. What is chosen stands in the address."""
    kinds = [WORDS[kind] for kind in KINDS if any(finding.kind == kind for finding in findings)]
    present = [name for name in SEVERITIES if any(finding.severity == name for finding in findings)]
    severities = [status.look("severity", name).word for name in present]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        severity = st.pills(
            "Severity", severities, selection_mode="multi", key=key(page, "severity"), bind="query-params", wrap=True
        )  # fmt: skip
        kind = st.multiselect(
            "Kind", kinds, key=key(page, "kind"), bind="query-params", width=300, placeholder="All kinds"
        )  # fmt: skip
        text = st.text_input(
            "Search", key=key(page, "text"), type="search", bind="query-params", width=240, placeholder="Id or key"
        )  # fmt: skip
    needle = (text or "").strip().casefold()
    return [
        finding
        for finding in findings
        if (not severity or status.look("severity", finding.severity).word in severity)
        and (not kind or WORDS[finding.kind] in kind)
        and (not needle or any(needle in (part or "").casefold() for part in finding.identity[1:]))
    ]


def frame(findings: Sequence[Finding]) -> pd.DataFrame:
    """The findings as rows with plain values, for the file to download."""
    columns = list(Finding("unreadable", "info", "").as_dict())
    return pd.DataFrame([finding.as_dict() for finding in findings], columns=columns)


def table(
    findings: Sequence[Finding], *, page: str, standing: Callable[[Finding], str | None], csv_name: str
) -> list[str]:
    """One page of the findings with links to user, video and clip; returns the identity of the row that is ticked."""
    part = tables.paged(len(findings), key=key(page, "pages"), size=200)
    rows = findings[part.start : part.stop]
    shown = pd.DataFrame(
        {
            "id": [identity(finding) for finding in rows],
            "open": [_address(finding) for finding in rows],
            "severity": status.words("severity", [finding.severity for finding in rows]),
            "kind": [WORDS[finding.kind] for finding in rows],
            "detail": [finding.detail for finding in rows],
            "expected": [_amount(finding, finding.expected) for finding in rows],
            "actual": [_amount(finding, finding.actual) for finding in rows],
            "uid": [finding.uid for finding in rows],
            "video_id": [finding.video_id for finding in rows],
            "clip_id": [finding.clip_id for finding in rows],
            "key": [finding.key for finding in rows],
            "seen": pd.to_datetime([finding.seen_at for finding in rows], utc=True),
            "standing": [standing(finding) for finding in rows],
        }
    )
    severities = pd.Series([finding.severity for finding in rows], dtype="object")
    columns: Mapping[str, Any] = {
        "open": tables.link("Open", help="The video with the clip, or the user."),
        "severity": status.column("severity", severities, "Severity"),
        "kind": "Kind",
        "detail": st.column_config.TextColumn("What is wrong", width="large"),
        "expected": "Expected",
        "actual": "Found",
        "standing": st.column_config.TextColumn("Checked again", help="What became of it when it was looked at alone."),
        "seen": tables.moment("Last seen", distance=True),
        "key": st.column_config.TextColumn("Key", width="medium"),
        "clip_id": "Clip",
        "video_id": "Video",
        "uid": "User",
    }
    return tables.table(
        shown, key=key(page, "findings"), alt="Findings, gravest first", columns=columns, id_column="id", select="one",
        total=part, height="content" if len(rows) <= 10 else 440, csv_name=csv_name, csv_frame=lambda: frame(findings),
    )  # fmt: skip


def _address(finding: Finding) -> str:
    if finding.video_id is None:
        return url_for("user", uid=finding.uid)
    return url_for("video", uid=finding.uid, video_id=finding.video_id, clip_id=finding.clip_id)


def _amount(finding: Finding, value: str | int | None) -> str | None:
    """Sizes in units people read; words as they are."""
    if isinstance(value, int) and finding.kind in {"size_mismatch", "empty_object", "orphan_object", "missing_object"}:
        return format.size(value).text
    if finding.kind == "unreadable" and isinstance(value, str):
        return value.replace("_", " ")  # the code of an error
    return None if value is None else str(value)
