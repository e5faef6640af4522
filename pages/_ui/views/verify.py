"""Draws the result of an upload check: doubts first, then totals, findings by kind and severity, and the table.

`draw_finding` draws one finding in full: its meaning, its place, when it was last seen, and its present state. The
things that are counted apart, and the result as JSON, stand below.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import pandas as pd
import streamlit as st

from pages._ui.copying import copy_button
from pages._ui.kit import away, charts, format, status, tables
from pages._ui.kit.session import CLIP_ID, UID, VIDEO_ID, key, url_for
from pages._ui.kit.text import md, plain, prose
from pages._ui.nav import SCREENS
from pages._ui.views import orphans
from storage.domain.integrity import (
    KINDS,
    SEVERITIES,
    CacheCount,
    Checked,
    Failure,
    Finding,
    InFlight,
    Kind,
    Report,
    Suspicion,
    count_by_kind,
)
from storage.services.verify import Rechecked
from storage.text import number

WORDS: Final[dict[str, str]] = {
    "missing_object": "Missing object",
    "size_mismatch": "Different size",
    "empty_object": "Empty object",
    "missing_thumbnail": "Missing thumbnail",
    "incomplete_video": "Incomplete video",
    "orphan_object": "File without a document",
    "missing_highlights": "Missing highlights",
    "invalid_highlights": "Invalid highlights",
    "clip_without_key": "Clip without key",
    "foreign_key": "Key outside the account",
    "duplicate_key": "Duplicate key",
    "phantom_parent": "Missing parent document",
    "unfinished_upload": "Unfinished upload",
    "stale_clip": "Stale clip",
    "dangling_share": "Dangling link",
    "not_media": "Not media",
    "truncated_media": "Cut short",
    "duration_mismatch": "Different length",
    "no_audio_track": "No sound",
    "wrong_content_type": "Wrong content type",
    "invalid_times": "Times make no sense",
    "unreadable": "Could not be read",
}
MEANING: Final[dict[str, str]] = {
    "missing_object": "A document says completed; the bucket proved that there is no object.",
    "size_mismatch": "The object's size differs from the size in its document.",
    "empty_object": "The object has 0 bytes.",
    "missing_thumbnail": "The clip is there, its thumbnail is not.",
    "incomplete_video": "The video's document has no creation time or no status: no list shows it, or it never ends.",
    "orphan_object": "An object among the customer's clips that no document names.",
    "missing_highlights": "The highlights that customers get are missing: the customer reads “still being processed”.",
    "invalid_highlights": "The highlights that the product serves cannot be read as a list.",
    "clip_without_key": "The clip's status is completed, and its document names no object.",
    "foreign_key": "A document names a key of another customer or outside the layout; the detail says what is there.",
    "duplicate_key": "Two documents name one object.",
    "phantom_parent": "Documents below a document that does not exist. Below a clip: the normal end of a shared one.",
    "unfinished_upload": "An upload in parts that began more than a day ago and never ended.",
    "stale_clip": "A clip is in progress past the limit: the worker that had it is gone.",
    "dangling_share": "A public link to a clip that does not exist: it shows nothing, unless the clip is made again.",
    "not_media": "The file is not an MP4, or not a JPEG where a thumbnail should be.",
    "truncated_media": "The file's index or its data end before they should.",
    "duration_mismatch": "The clip plays longer or shorter than its document says.",
    "no_audio_track": "The clip has no sound.",
    "wrong_content_type": "The store tells players another type than that of a clip or a thumbnail.",
    "invalid_times": "An entry of the highlights has times that make no sense: no clip can be cut from it.",
    "unreadable": "A store refused or did not answer: that part could not be read now.",
}


_STANDING: Final = {
    "still there": ":red-badge[:material/error: Still there]",
    "gone": ":green-badge[:material/check_circle: Gone]",
    "unknown": ":gray-badge[:material/help: Unknown]",
}


def identity(finding: Finding) -> str:
    """The id of a finding in tables, keys and the session: the same in a later check."""
    return tables.fingerprint([part or "" for part in finding.identity])


def prefix_doubt(reason: str) -> None:
    """Warns, above the findings, that no key lies under the configured prefix; draws nothing for an empty reason."""
    if reason:
        st.warning(prose(reason, 600), title="Is R2_KEY_PREFIX right?", icon=":material/folder_open:")


def suspicion(found: Suspicion, *, about: str = "") -> None:
    """Says above everything else that the result cannot be true, and how to find the fault in the settings."""
    steps = "\n".join(f"{place}. {prose(way, 500)}" for place, way in enumerate(found.how_to_check, start=1))
    st.error(
        f"{md(found.reason, 600)}\n\n**Do not act on any finding below** until this is settled:\n\n{steps}",
        title=f"Implausible{': ' + md(about, 120) if about else ''} — suspect the bucket, the prefix or the credential",
        icon=":material/gpp_maybe:",
    )


def incomplete(failures: Sequence[Failure], unchecked: int, *, now: bool = False) -> None:
    """Says that not everything could be read: what, why, and how much is therefore unknown.

    `now`: they are failures of this very look, so that the top of the page may say why.
    """
    alike: dict[tuple[str, str], list[Failure]] = {}
    for failure in failures:
        alike.setdefault((failure.code, failure.remedy), []).append(failure)
    lines = [_alike(some, away.for_code(code) if now else "") for (code, _), some in list(alike.items())[:10]]
    if len(alike) > 10:
        lines.append(f"- and {sum(len(some) for some in list(alike.values())[10:]):,} more")
    known = f" **{number(unchecked, 'clip')} could not be checked**; none counts as missing." if unchecked else ""
    st.warning(
        f"Not everything could be read, so there may be more findings than this list shows.{known}\n\n"
        + "\n".join(lines),
        title="Incomplete",
        icon=":material/hourglass_bottom:",
    )


def _alike(failures: Sequence[Failure], why: str) -> str:
    """One line about failures of one kind: what could not be read, and why, else the words of the first."""
    first = failures[0]
    targets = ", ".join(dict.fromkeys(md(failure.target, 120) for failure in failures[:10]))
    more = f" and {len(failures) - 10:,} more" if len(failures) > 10 else ""
    return f"- {targets}{more}: {why or md(f'{first.message} {first.remedy}'.strip(), 600)}"


def chart(findings: Sequence[Finding]) -> None:
    """Draws findings by kind, coloured by severity: the kinds with most errors first, then by number."""
    counts = pd.DataFrame({"kind": [f.kind for f in findings], "severity": [f.severity for f in findings]})
    counts = counts.value_counts(["kind", "severity"]).rename("Findings").reset_index()
    frame = pd.DataFrame(
        {
            "Kind": [WORDS[kind] for kind in counts["kind"]],
            "Severity": [status.look("severity", severity).word for severity in counts["severity"]],
            "Findings": counts["Findings"],
        }
    )
    charts.stacked(
        frame,
        "Kind",
        "Severity",
        "Findings",
        scale=status.scale("severity"),
        order=[WORDS[kind] for kind in _ranked(findings)],
        alt="Findings by kind and severity",
    )


def _ranked(findings: Sequence[Finding]) -> list[Kind]:
    numbers = {kind: Counter(f.severity for f in findings if f.kind == kind) for kind in KINDS}
    ranked = sorted(KINDS, key=lambda kind: [-numbers[kind][severity] for severity in SEVERITIES])
    return [kind for kind in ranked if numbers[kind]]


def filtered(findings: Sequence[Finding], *, page: str) -> list[Finding]:
    """Draws the filters and returns the findings that pass them. The address holds the chosen filters."""
    kinds = [WORDS[kind] for kind in KINDS if any(finding.kind == kind for finding in findings)]
    present = [name for name in SEVERITIES if any(finding.severity == name for finding in findings)]
    severities = [status.look("severity", name).word for name in present]
    with st.container(horizontal=True, gap="medium"):  # at the top, where the labels stand
        severity = st.pills(
            "Severity", severities, selection_mode="multi", key=key(page, "severity"), bind="query-params", wrap=True
        )
        kind = st.multiselect(
            "Kind", kinds, key=key(page, "kind"), bind="query-params", width=300, placeholder="All kinds"
        )
        text = st.text_input(
            "Search", key=key(page, "text"), type="search", bind="query-params", width=240, placeholder="Id or key"
        )
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
    """Draws the findings with links to user, video and clip; returns the identity of the chosen row."""
    rows = findings[: tables.ROW_LIMIT]
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
        "open": tables.link("Open", help="The video with the clip, or the customer."),
        "severity": status.column("severity", severities, "Severity"),
        "kind": "Kind",
        "detail": st.column_config.TextColumn("What is wrong", width="large"),
        "expected": "Expected",
        "actual": "Found",
        "standing": st.column_config.TextColumn("Checked again", help="The result of the check of this finding alone."),
        "seen": tables.moment("Last seen", distance=True),
        "key": st.column_config.TextColumn("Key", width="medium"),
        "clip_id": "Clip",
        "video_id": "Video",
        "uid": "Customer",
    }
    return tables.table(
        shown,
        key=key(page, "findings"),
        alt="Findings, gravest first",
        columns=columns,
        id_column="id",
        select="one",
        total=len(findings),
        height="content" if len(rows) <= 10 else 440,
        csv_name=csv_name,
        csv_frame=lambda: frame(findings),
        filters=False,
    )


def _address(finding: Finding) -> str:
    if finding.video_id is None:
        return url_for("user", uid=finding.uid)
    return url_for("video", uid=finding.uid, video_id=finding.video_id, clip_id=finding.clip_id)


def _amount(finding: Finding, value: str | int | None) -> str | None:
    """Whole numbers, which are always sizes, in the units that people read; texts unchanged."""
    if isinstance(value, int):
        return format.size(value).text
    if finding.kind == "unreadable" and isinstance(value, str):
        return value.replace("_", " ")  # the code of an error
    return None if value is None else str(value)


def draw_finding(finding: Finding, again: Rechecked | None, *, page: str) -> bool:
    """Draws the finding, and a button that checks it again; true when somebody pressed it."""
    now = datetime.now(UTC)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        status.badge("severity", finding.severity)
        st.markdown(f"**{WORDS[finding.kind]}**", width="content")
        seen = format.ago(finding.seen_at, now)
        st.caption(f"last seen {seen.text}", help=seen.help, width="content")
    if finding.detail:
        st.markdown(md(finding.detail, 600))
    st.caption(MEANING[finding.kind])
    if finding.key:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"Key {md(finding.key, 500)}", width="content")
            copy_button(finding.key, key=key(page, "finding", "key"), what="key", label="")
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        pressed = st.button("Check again", key=key(page, "finding", "again"), icon=":material/refresh:")
        if again is not None:
            at = format.ago(again.checked_at, now)
            st.markdown(f"{_STANDING[again.standing]} :small[:gray[checked {at.text}]]", width="content", help=at.help)
        st.page_link(SCREENS["user"].file, label="Customer", icon=":material/person:", query_params={UID: finding.uid})
        if finding.video_id is not None:
            ids = {UID: finding.uid, VIDEO_ID: finding.video_id, CLIP_ID: finding.clip_id}
            st.page_link(
                SCREENS["video"].file,
                label="Video",
                icon=":material/movie:",
                query_params={name: value for name, value in ids.items() if value},
            )
        orphans.offer(finding)
    if again is not None and again.reason:
        st.caption(md(again.reason, 400))
    return pressed


def totals(checked: Checked, found: int, *, complete: bool = True) -> None:
    """Draws how much was checked and found; the number of objects is a lower bound where the check is incomplete."""
    objects = f"{checked.objects:,}" if complete else (f"≥ {checked.objects:,}" if checked.objects else "—")
    with st.grid(5, min_column_width=130, gap="small"):
        st.metric("Customers", f"{checked.users:,}", border=True)
        st.metric("Videos", f"{checked.videos:,}", border=True)
        st.metric("Clips", f"{checked.clips:,}", border=True)
        st.metric("Objects", objects, border=True)
        st.metric("Findings", f"{found:,}", border=True)


def meanings(findings: Sequence[Finding]) -> None:
    """Draws each kind that was found with its number and its meaning."""
    counts = count_by_kind(findings)
    for kind in _ranked(findings):
        count = counts[kind]
        gravest = min((f.severity for f in findings if f.kind == kind), key=SEVERITIES.index)
        look = status.look("severity", gravest)
        st.markdown(f":{look.colour}[{look.icon}] **{count:,} × {WORDS[kind]}**  \n:small[{MEANING[kind]}]")


def uncompared(report: Report) -> list[str]:
    """The things that one check could not compare, in words."""
    unchecked = "clip" if report.unchecked == 1 else "clips"
    counts = (
        (report.unchecked, f"{unchecked} could not be checked"),
        (report.unsized, "clips have no size in their document, so sizes were not compared"),
        (report.without_thumbnail, "clips have no thumbnail, and their documents promise none"),
        (report.unrecognised, "objects have names of an unknown kind"),
    )
    return [f"{number:,} {words}" for number, words in counts if number]


def apart(in_flight: InFlight, found: Iterable[CacheCount], notes: Sequence[str] = ()) -> None:
    """Draws what is no finding: uploads in progress, caches, and what could not be compared."""
    with st.container(border=True):
        st.markdown("**Counted apart** :small[:gray[no errors]]")
        _in_flight(in_flight)
        if notes:
            st.caption("; ".join(notes) + ".")
        caches(found)


def _in_flight(found: InFlight) -> None:
    parts = [
        f"{number:,} {one if number == 1 else many}"
        for number, one, many in (
            (found.clips, "clip", "clips"),
            (found.objects, "object", "objects"),
            (found.uploads, "upload", "uploads"),
        )
        if number
    ]
    words = f"{', '.join(parts)} still in progress" if parts else "Nothing in progress"
    limit = f" :small[:gray[{found.limit_words}]]" if found.limit_words else ""
    st.markdown(f":blue[:material/flight:] {words}.{limit}")


def caches(found: Iterable[CacheCount]) -> None:
    """Draws source videos, raw segments, neural caches and transcripts, with those past their expiry."""
    rows = [cache for cache in found if cache.objects or not cache.complete]
    if not rows:
        st.markdown(":gray[:material/cached:] Caches: none.")
        return
    frame = pd.DataFrame(
        {
            "kind": [cache.kind.replace("_", " ") for cache in rows],
            "objects": [cache.objects for cache in rows],
            "size": [cache.size_bytes for cache in rows],
            "expired": [cache.expired for cache in rows],
            "overdue": [cache.overdue for cache in rows],
            "whole": ["all" if cache.complete else "only a part" for cache in rows],
        }
    )
    st.markdown(":gray[:material/cached:] Caches: not billed, judged by their own expiry.")
    columns = {
        "kind": "Cache",
        "objects": st.column_config.NumberColumn("Objects", format="localized"),
        "size": tables.size("Size"),
        "expired": st.column_config.NumberColumn("Expired", help="Past their own expiry."),
        "overdue": st.column_config.NumberColumn("Overdue", help="Expired more than a day ago, and not deleted."),
        "whole": "Listed",
    }
    tables.table(frame, key="report-caches", alt="Caches", columns=columns, height="content")


def as_json(document: Mapping[str, Any], name: str, *, page: str) -> None:
    """Draws a download of the whole result as `python -m storage verify --json` prints it."""
    st.download_button(
        "JSON",
        data=lambda: json.dumps(document, indent=2, default=_plain).encode(),
        file_name=f"{plain(name, 80)}.json",
        mime="application/json",
        key=key(page, "json"),
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
    )


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(value)


def span_words(begun: datetime, ended: datetime | None, now: datetime) -> str:
    """The start and the length of a run, in words."""
    long = format.span(((ended or now) - begun).total_seconds())
    return f"{format.ago(begun, now).text}, for {long}"
