"""Draws a user's videos: the table with its filters, and storage by video and by style as charts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from pages._ui.kit import charts, format, status, tables
from pages._ui.kit.session import key, url_for
from pages._ui.kit.text import plain
from storage.domain.amounts import exact_sum
from storage.domain.diagnosis.wording import number

_TITLE_PIXELS = 260  # wide enough for most, and the status beside it is still seen on a narrow screen
ROWS = 200  # videos on a page of the table
_COLUMNS = ["open", "video_title", "status", "created_at", "updated_at", "clips_count", "total_size_bytes",
            "highlights_count", "video_id"]  # fmt: skip


def table(videos: pd.DataFrame, *, page: str, csv_name: str) -> None:
    """The videos with filters by status and text."""
    if not len(videos):
        st.caption("This user has no videos.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        present = sorted(videos["status"].dropna().unique())
        chosen = st.pills(
            "Status",
            present,
            selection_mode="multi",
            format_func=lambda value: status.look("video", value).word,
            key=key(page, "status"),
            label_visibility="collapsed",
            wrap=True,
        )
        text = st.text_input(
            "Filter", key=key(page, "filter"), type="search", placeholder="Filter by title or id",
            label_visibility="collapsed", width=260,
        )  # fmt: skip
    shown = filtered(videos, chosen, text)
    if not len(shown):
        st.caption("No video matches the filters.")
        return
    part = tables.paged(len(shown), key=key(page, "videos"), size=ROWS)
    seen = shown.iloc[part.start : part.stop]
    ids = zip(seen["uid"], seen["video_id"], strict=True)
    frame = seen.assign(open=[url_for("video", uid=uid, video_id=video) for uid, video in ids])[_COLUMNS]
    frame["status"] = status.words("video", frame["status"])
    columns = {
        "open": tables.link("Open"),
        "video_title": st.column_config.TextColumn("Title", width=_TITLE_PIXELS),
        "status": status.column("video", shown["status"], "Status"),
        "created_at": tables.moment("Created", distance=True),
        "updated_at": tables.moment("Last touch", distance=True),
        "clips_count": st.column_config.NumberColumn("Clips", help="The video's counter."),
        "total_size_bytes": tables.size("Size", help="The video's counter."),
        "highlights_count": st.column_config.NumberColumn("Highlights"),
        "video_id": "Video id",
    }
    tables.table(
        frame, key=key(page, "videos"), alt="The user's videos", columns=columns, id_column="video_id",
        total=part if part.total > ROWS else None, csv_name=csv_name, csv_frame=lambda: shown.drop(columns=["path"]),
    )  # fmt: skip


def filtered(videos: pd.DataFrame, statuses: list[str], text: str) -> pd.DataFrame:
    """The rows in one of the states (all, where none is chosen) whose title or id contains the text, in any case."""
    keep = pd.Series(True, index=videos.index)
    if statuses:
        keep &= videos["status"].isin(statuses).fillna(False)
    if text.strip():
        needle = text.strip().casefold()
        title = videos["video_title"].fillna("").str.casefold().str.contains(needle, regex=False)
        keep &= title | videos["video_id"].str.casefold().str.contains(needle, regex=False)
    return videos[keep.astype(bool)]


def largest(videos: pd.DataFrame, count: int = 10) -> None:
    """Storage by video, by the videos' own counters, the largest first, and what all the others have together."""
    known = videos[videos["total_size_bytes"].notna() & (videos["total_size_bytes"] > 0)]
    known = known.sort_values("total_size_bytes", ascending=False)
    rows, others = known.head(count), known.iloc[count:]
    titles = [plain(title if pd.notna(title) else video, 24) for title, video in
              zip(rows["video_title"], rows["video_id"], strict=True)]  # fmt: skip
    bars = [
        _Bar(f"{title} · {video[:6]}", int(size), None if pd.isna(clips) else int(clips))
        for title, video, size, clips in
        zip(titles, rows["video_id"], rows["total_size_bytes"], rows["clips_count"], strict=True)
    ]  # fmt: skip
    _bars(bars, "Video", number(len(others), "other video"), exact_sum(others["total_size_bytes"]))


def by_style(clips: pd.DataFrame, count: int = 20) -> None:
    """Storage by style over all clips that were read, the largest first."""
    styles = clips.assign(style=clips["style"].fillna("(none)")).groupby("style")["file_size_bytes"]
    found = [_Bar(plain(str(style), 40), exact_sum(sizes), len(sizes)) for style, sizes in styles]
    bars = sorted(found, key=lambda bar: bar.size, reverse=True)
    rest = bars[count:]
    _bars(bars[:count], "Style", number(len(rest), "other style"), sum(bar.size for bar in rest))


@dataclass(frozen=True, slots=True)
class _Bar:
    name: str
    size: int
    clips: int | None  # `None` where no number stands for it


def _bars(bars: Sequence[_Bar], heading: str, others: str, others_bytes: int) -> None:
    """One bar each, with its size and its share of all: a bar alone does not say how much it is.

    What the others have together is told below: as a bar it would dwarf all that are shown.
    """
    total = sum(bar.size for bar in bars) + others_bytes
    if not total:
        st.caption("Nothing with a size.")
        return
    frame = pd.DataFrame(
        {
            heading: [bar.name for bar in bars],
            "bytes": [float(bar.size) for bar in bars],  # the length of a bar; the words say the exact size
            "Size": [format.size(bar.size).text for bar in bars],
            "Share": [format.percent(round(bar.size * 100 / total, 1)).text for bar in bars],
            "Clips": [format.count(bar.clips).text for bar in bars],
        }
    )
    frame["label"] = frame["Size"] + " · " + frame["Share"]
    charts.bars(
        frame, heading, "bytes", colour="blue", label="label", more=("Size", "Share", "Clips"), pixels=24,
        alt=f"Storage by {heading.lower()}, the largest first",
    )  # fmt: skip
    rest = f", {format.size(others_bytes).text} of it in {others}" if others_bytes else ""
    st.caption(f"{format.size(total).text} in all{rest}.")
