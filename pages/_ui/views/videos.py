"""Draws a user's videos: the table with its filters, and storage by video and by style as charts."""

from __future__ import annotations

import altair as alt
import pandas as pd
import streamlit as st

from pages._ui import fmt, status, tables
from pages._ui.keys import key
from pages._ui.links import url_for
from pages._ui.text import plain

_COLUMNS = ["open", "video_title", "status", "created_at", "updated_at", "clips_count", "total_size_bytes",
            "highlights_count", "video_id"]  # fmt: skip


def table(videos: pd.DataFrame, *, page: str, csv_name: str) -> None:
    """The videos with filters by status and text."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        present = sorted(videos["status"].dropna().unique()) if len(videos) else []
        chosen = st.pills(
            "Status",
            present,
            selection_mode="multi",
            format_func=lambda value: status.look("video", value).word,
            key=key(page, "status"),
            label_visibility="collapsed",
        )
        text = st.text_input(
            "Filter", key=key(page, "filter"), type="search", placeholder="Filter by title or id",
            label_visibility="collapsed", width=260,
        )  # fmt: skip
    shown = filtered(videos, chosen, text)
    frame = shown.assign(
        open=[
            url_for("video", uid=uid, video_id=video)
            for uid, video in zip(shown["uid"], shown["video_id"], strict=True)
        ]
    )[_COLUMNS]
    frame["status"] = status.words("video", frame["status"])
    if not len(frame):
        st.caption("No video matches the filters." if len(videos) else "This user has no videos.")
        return
    columns = {
        "open": tables.link("Open"),
        "video_title": st.column_config.TextColumn("Title", width="large"),
        "status": status.column("video", shown["status"], "Status"),
        "created_at": tables.moment("Created", distance=True),
        "updated_at": tables.moment("Last touch", distance=True),
        "clips_count": st.column_config.NumberColumn("Clips", help="The video's counter."),
        "total_size_bytes": tables.size("Size", help="The video's counter."),
        "highlights_count": st.column_config.NumberColumn("Highlights"),
        "video_id": "Video id",
    }
    tables.table(
        frame.head(tables.ROW_LIMIT), key=key(page, "videos"), alt="The user's videos", columns=columns,
        id_column="video_id", csv_name=csv_name, csv_frame=lambda: shown.drop(columns=["path"]),
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


def largest(videos: pd.DataFrame, count: int = 12) -> None:
    """Storage by video, by the videos' own counters, the largest first."""
    known = videos[videos["total_size_bytes"].notna() & (videos["total_size_bytes"] > 0)]
    rows = known.nlargest(count, "total_size_bytes")
    titles = [plain(title if pd.notna(title) else video, 36) for title, video in
              zip(rows["video_title"], rows["video_id"], strict=True)]  # fmt: skip
    _bars([f"{title} · {video[:6]}" for title, video in zip(titles, rows["video_id"], strict=True)],
          list(rows["total_size_bytes"]), "Video")  # fmt: skip


def by_style(clips: pd.DataFrame) -> None:
    """Storage by style over all clips that were read."""
    sums = clips.assign(style=clips["style"].fillna("(none)")).groupby("style")["file_size_bytes"].sum()
    sums = sums.sort_values(ascending=False).head(20)
    _bars([plain(style, 40) for style in sums.index], list(sums), "Style")


def _bars(names: list[str], sizes: list[int], heading: str) -> None:
    if not names:
        st.caption("Nothing with a size.")
        return
    frame = pd.DataFrame({heading: names, "bytes": [int(size) for size in sizes]})
    frame["Size"] = [fmt.size(size).text for size in frame["bytes"]]
    base = alt.Chart(frame).encode(
        y=alt.Y(f"{heading}:N", sort=None, title=None, axis=alt.Axis(labelLimit=220)),
        x=alt.X("bytes:Q", title=None, axis=None),
        tooltip=[heading, "Size"],
    )
    chart = base.mark_bar(color=status.shade("blue"), cornerRadiusEnd=3, height={"band": 0.7}) + base.mark_text(
        align="left", dx=4, color=status.shade("gray")
    ).encode(text="Size")
    st.altair_chart(chart.properties(height=max(60, 26 * len(names))), width="stretch")
