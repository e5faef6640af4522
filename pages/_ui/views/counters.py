"""Draws a user's counters beside the truth, the drift in words, and those of videos that drift with a way to each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from pages._ui.kit import format, tables
from pages._ui.kit.session import key, url_for
from storage.domain.amounts import whole_column
from storage.domain.diagnosis.wording import number
from storage.domain.usage import Counter

ROWS = 200  # counters on a page of the table
_VIDEO = "video."
_FIELDS = {"total_size_bytes": "Size", "clips_count": "Clips"}


def draw(uid: str, found: Sequence[Counter], *, page: str, titles: Mapping[str, object] | None = None) -> None:
    """The user's own counters beside the truth; those of videos below, only where they drift.

    `titles` names the videos by their ids, where they were read.
    """
    own = [counter for counter in found if not counter.name.startswith(_VIDEO)]
    videos = [counter for counter in found if counter.name.startswith(_VIDEO)]
    drifting = [counter for counter in videos if is_wrong(counter)]
    if own:
        tables.table(
            _frame(own), key=key(page, "counters"), alt="The user's counters beside the truth",
            columns={"name": "Counter", **_columns()}, height="content",
        )  # fmt: skip
    else:
        st.caption("Neither a user document nor an accounting document is there, so there are no counters to compare.")
    if drifting:
        st.markdown(f"**{number(len(drifting), 'counter')} of videos that drift{'s' if len(drifting) == 1 else ''}**")
        _videos(uid, drifting, titles or {}, page)
    elif videos:
        st.caption(f":green[:material/check_circle:] All {len(videos):,} counters of videos are true.")


def is_wrong(counter: Counter) -> bool:
    """Whether the counter is known not to be the truth; one that is absent is wrong where there is something."""
    return bool(counter.drift) or (counter.counter is None and bool(counter.truth))


def drift_word(row: Counter) -> str:
    """The drift in words: `1.25 MiB too high`, `1 too low`, `none`."""
    if row.drift is None:
        return "unknown" if row.truth is None else "no counter"
    if row.drift == 0:
        return "none"
    amount = abs(row.drift)
    shown = format.size(amount).text if row.name.endswith("_bytes") else f"{amount:,}"
    return f"{shown} too {'high' if row.drift > 0 else 'low'}"


def _frame(rows: Sequence[Counter]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "name": [row.name for row in rows],
            "counter": whole_column([row.counter for row in rows]),
            "truth": whole_column([row.truth for row in rows]),
            "state": [drift_word(row) for row in rows],
        }
    )


def _columns() -> dict[str, object]:
    return {
        "counter": st.column_config.NumberColumn("Counter says", format="localized"),
        "truth": st.column_config.NumberColumn("Truth", format="localized", help="What the clip documents add up to."),
        "state": st.column_config.TextColumn("Drift", help="Counter minus truth; sizes in bytes on the left."),
    }


def _videos(uid: str, rows: Sequence[Counter], titles: Mapping[str, object], page: str) -> None:
    part = tables.paged(len(rows), key=key(page, "video_counters"), size=ROWS)
    rows = rows[part.start : part.stop]
    ids = [row.name.removeprefix(_VIDEO).rpartition(".")[0] for row in rows]
    frame = _frame(rows).assign(
        open=[url_for("video", uid=uid, video_id=video_id) for video_id in ids],
        video=[_named(titles.get(video_id), video_id) for video_id in ids],
        field=[_FIELDS.get(row.name.rpartition(".")[2], row.name) for row in rows],
    )
    tables.table(
        frame, key=key(page, "video_counters"), alt="Counters of videos that drift",
        columns={"open": tables.link("Open"), "video": "Video", "field": "What", **_columns()},
        height="content" if len(rows) < 12 else "auto", total=part if part.total > ROWS else None,
    )  # fmt: skip


def _named(title: object, video_id: str) -> str:
    return title if isinstance(title, str) and title.strip() else video_id
