"""Draws the smaller parts of an upload check: totals, what kinds mean, what is counted apart, the whole as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import streamlit as st

from pages._ui.kit import format, status, tables
from pages._ui.kit.session import key
from pages._ui.kit.text import plain
from pages._ui.views.findings import MEANING, WORDS
from storage.domain.integrity import CacheCount, Checked, Finding, InFlight, Report, count_by_kind


def totals(checked: Checked, found: int, *, complete: bool = True) -> None:
    """How much was looked at, and how much was found. Of what was not read to its end, only a lower bound is told."""
    objects = f"{checked.objects:,}" if complete else (f"≥ {checked.objects:,}" if checked.objects else "—")
    with st.grid(5, min_column_width=130, gap="small"):
        st.metric("Users", f"{checked.users:,}", border=True)
        st.metric("Videos", f"{checked.videos:,}", border=True)
        st.metric("Clips", f"{checked.clips:,}", border=True)
        st.metric("Objects", objects, border=True)
        st.metric("Findings", f"{found:,}", border=True)


def meanings(findings: Sequence[Finding]) -> None:
    """Each kind that was found with its number and what it means."""
    for kind, count in count_by_kind(findings).items():
        gravest = min((f.severity for f in findings if f.kind == kind), key=("error", "warning", "info").index)
        look = status.look("severity", gravest)
        st.markdown(f":{look.colour}[{look.icon}] **{count:,} × {WORDS[kind]}**  \n:small[{MEANING[kind]}]")


def uncompared(report: Report) -> list[str]:
    """What one check could not compare, in words."""
    unchecked = "clip" if report.unchecked == 1 else "clips"
    counts = (
        (report.unchecked, f"{unchecked} could not be checked"),
        (report.unsized, "clips have no size in their document, so sizes were not compared"),
        (report.unrecognised, "objects lie there under names of no known kind"),
    )
    return [f"{number:,} {words}" for number, words in counts if number]


def apart(in_flight: InFlight, found: Iterable[CacheCount], notes: Sequence[str] = ()) -> None:
    """What is no finding: still being written, caches, and what could not be compared."""
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
    words = f"{', '.join(parts)} young enough to be still written" if parts else "nothing that is still being written"
    st.markdown(f":blue[:material/flight:] In flight: {words}.")


def caches(found: Iterable[CacheCount]) -> None:
    """Source videos, raw segments, neural caches and transcripts, with those that outlived their expiry."""
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
        "overdue": st.column_config.NumberColumn("Overdue", help="More than a day past it: the bucket should have."),
        "whole": "Listed",
    }
    tables.table(frame, key="report-caches", alt="Caches", columns=columns, height="content")


def as_json(document: Mapping[str, Any], name: str, *, page: str) -> None:
    """A download of the whole result as `python -m storage verify --json` prints it."""
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
    """When something ran and for how long."""
    long = format.span(((ended or now) - begun).total_seconds())
    return f"{format.ago(begun, now).text}, for {long}"
