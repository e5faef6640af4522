"""Draws a user's usage: a card for each quota, where each limit comes from, and the counters beside the truth."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages._ui import fmt, status, tables
from pages._ui.keys import key
from pages._ui.text import md
from storage.domain.plans import LIMIT_NAMES, EffectivePlan
from storage.domain.usage import Counter, Quota, Usage

_LIMIT_WORDS = {
    "storage_limit_bytes": "Storage",
    "max_clips_per_month": "Clips a month",
    "monthly_credits_included": "Credits a month",
    "max_highlights_per_video": "Highlights a video",
    "max_styles_per_video": "Styles a video",
}


def cards(usage: Usage) -> None:
    """One card for each quota that applies to the user."""
    quotas: list[tuple[str, str, Quota, bool]] = [("Storage", "database", usage.storage, True)]
    if usage.clips is not None:
        quotas.append(("Clips this month", "content_cut", usage.clips, False))
    if usage.credits is not None:
        quotas.append(("Credits this month", "toll", usage.credits, False))
    for column, (name, icon, quota, is_bytes) in zip(st.columns(len(quotas)), quotas, strict=True):
        with column:
            _card(name, icon, quota, is_bytes)
    notes = [f"The product enforces `{usage.enforced_by}`."]
    if usage.actual_bytes is not None:
        notes.append(f"The clips add up to {fmt.size(usage.actual_bytes).text}.")
    if usage.unsized_clips:
        notes.append(f"{usage.unsized_clips:,} clips have no usable size, so that sum is a lower bound.")
    if (usage.clips or usage.credits) and not usage.month_is_current:
        notes.append("The monthly counters are of an earlier month (UTC), so nothing counts yet in this one.")
    if usage.clips is None and usage.credits is None:
        notes.append("Neither the user nor the plan's document carries a monthly quota.")
    st.caption(" ".join(notes))


def _card(name: str, icon: str, quota: Quota, is_bytes: bool) -> None:
    shown = fmt.size if is_bytes else fmt.count
    used = shown(quota.used, "The counter holds no usable number.")
    limit = shown(quota.limit)
    with st.container(border=True, height="stretch"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.markdown(f":material/{icon}: **{name}**", width="content")
            status.badge("usage", None if quota.state == "unknown" else quota.state)
        st.metric(name, used.text, label_visibility="collapsed", help=used.help or None)
        fraction = 0.0 if quota.percent is None else min(max(quota.percent / 100, 0.0), 1.0)
        percent = fmt.percent(quota.percent, "There is no percentage of a limit of 0.")
        text = f"**{percent.text}** of {limit.text}" if quota.percent is not None else f"limit {limit.text}"
        st.progress(1.0 if quota.state == "exceeded" else fraction, text=text)


def plan(found: EffectivePlan) -> None:
    """The plan, each limit and the source of each."""
    if not found.known:
        written = "no plan" if not found.written else f"the plan “{md(found.written, 60)}”"
        st.warning(
            f"The user's document names {written}, which is not one that is known; it counts as **free**.",
            icon=":material/help:",
        )
    rows = []
    for name in LIMIT_NAMES:
        value: int = getattr(found.limits, name)
        shown = fmt.size(value).text if name == "storage_limit_bytes" else f"{value:,}"
        rows.append({"Limit": _LIMIT_WORDS[name], "Value": shown, "From": found.sources[name]})
    price = found.price_monthly_cents
    title = f"Plan **{md(found.name, 60)}**" + (f" · ${price / 100:,.2f} a month" if price is not None else "")
    st.markdown(title)
    st.dataframe(pd.DataFrame(rows), hide_index=True, alt="The plan's limits and their sources")


def counters(found: tuple[Counter, ...], *, page: str) -> None:
    """The user's own counters beside the truth; those of videos below, only where they drift."""
    own = [counter for counter in found if not counter.name.startswith("video.")]
    videos = [counter for counter in found if counter.name.startswith("video.")]
    drifting = [counter for counter in videos if counter.drift or (counter.counter is None and counter.truth)]
    if own:
        _counter_table(own, key(page, "counters"), "The user's counters beside the truth")
    if drifting:
        st.markdown(f"**{len(drifting):,} counters of videos drift**")
        _counter_table(drifting[: tables.ROW_LIMIT], key(page, "video_counters"), "Counters of videos that drift")
    elif videos:
        st.caption(f":green[:material/check_circle:] All {len(videos):,} counters of videos are true.")


def _counter_table(rows: list[Counter], name: str, alt: str) -> None:
    frame = pd.DataFrame(
        {
            "name": [row.name for row in rows],
            "counter": pd.array([row.counter for row in rows], dtype="Int64"),
            "truth": pd.array([row.truth for row in rows], dtype="Int64"),
            "drift": pd.array([row.drift for row in rows], dtype="Int64"),
            "state": [_drift_word(row) for row in rows],
        }
    )
    columns = {
        "name": "Counter",
        "counter": st.column_config.NumberColumn("Counter says", format="localized"),
        "truth": st.column_config.NumberColumn("Truth", format="localized", help="What the clip documents add up to."),
        "drift": st.column_config.NumberColumn("Drift", format="localized", help="Counter minus truth."),
        "state": "",
    }
    tables.table(frame, key=name, alt=alt, columns=columns, height="content" if len(rows) < 12 else "auto")


def _drift_word(row: Counter) -> str:
    if row.drift is None:
        return "unknown" if row.truth is None else "no counter"
    return "true" if row.drift == 0 else "drifts"
