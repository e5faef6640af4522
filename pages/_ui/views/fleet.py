"""Draws all customers at a glance: sums, growth by day, quotas, plans, videos by status, and how it all was made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from pages._ui.kit import charts, format, status, tables
from pages._ui.kit.session import key
from pages._ui.kit.text import md, plain
from pages._ui.views.overview import bars_by_status
from storage.repositories.rollups import FleetView

QUOTAS = {"storage": "Storage", "clips": "Clips a month", "credits": "Credits a month"}
STEPS = {"analysis": "Before the highlights", "render": "While rendering", "finish": "Rendered, status never set"}
_MEASURES = {
    "Users": "users", "Videos": "videos", "Clips": "clips", "Size of clips": "clip_bytes", "Joined a day": "joined",
}  # fmt: skip
_STATES = ("near_limit", "exceeded", "unknown")


def summary(view: FleetView) -> None:
    """The sums over all users."""
    totals = view.totals
    videos = None if view.videos is None else sum(view.videos.values())
    size = format.size(totals.clip_bytes)
    over = view.states.get("storage", {}).get("exceeded", 0)
    drifting = int(view.drift["users"].max()) if len(view.drift) else 0
    with st.grid(6, min_column_width=150, gap="small"):
        st.metric("Users", f"{totals.users:,}", border=True, icon=":material/group:", help=_phantoms(totals))
        st.metric("Videos", format.count(videos).text, border=True, icon=":material/movie:")
        st.metric("Clips", f"{totals.clips:,}", border=True, icon=":material/content_cut:")
        st.metric("Size of clips", size.text, border=True, icon=":material/database:", help=size.help or None)
        st.metric("Over storage", f"{over:,}", border=True, icon=":material/error:", help="Users past their limit.")
        st.metric(
            "Drifting", f"{drifting:,}", border=True, icon=":material/difference:",
            help="Users of whom the counter that drifts most often says something else than their clips.",
        )  # fmt: skip
    notes = []
    if totals.unsized_clips:
        notes.append(f"{totals.unsized_clips:,} clips have no usable size, so the size is a lower bound.")
    if totals.unknown_usage_users:
        notes.append(f"Users whose storage counter is not known: {totals.unknown_usage_users:,}.")
    if totals.unread_users:
        notes.append(f"The clips of {totals.unread_users:,} users could not be added up; they are in no sum of clips.")
    if notes:
        st.caption(" ".join(notes))


def _phantoms(totals: object) -> str | None:
    number = getattr(totals, "phantom_users", 0)
    return f"{number:,} of them have no document of their own any more." if number else None


def growth(view: FleetView, *, page: str) -> None:
    """One measure by day, as far as days are known; a day without a rollup is a gap and no zero."""
    choice = st.segmented_control(
        "Growth of", list(_MEASURES), default="Users", required=True, key=key(page, "growth"), bind="query-params",
        label_visibility="collapsed",
    )  # fmt: skip
    name = _MEASURES.get(str(choice), "users")
    known = view.growth[view.growth[name].notna()]
    if not len(known):
        st.caption("No day of this is known yet; each rollup adds one.")
        return
    is_bytes = name == "clip_bytes"
    values = [int(value) for value in known[name]]
    frame = pd.DataFrame({"Day": known["day"].dt.tz_localize(None)})
    frame["Amount"] = [format.size(value).text if is_bytes else f"{value:,}" for value in values]
    frame["shown"] = [value / 2**20 if is_bytes else float(value) for value in values]
    form = _by_day(is_bytes=is_bytes, joined=name == "joined", colour=status.shade("blue"))
    charts.draw(form, frame, alt=f"{choice} by day")
    since = view.counted_since if name != "joined" else None
    worked_out = f" Days before {since} are worked out from creation dates, not counted." if since else ""
    st.caption(_grown(frame, values, is_bytes=is_bytes, joined=name == "joined") + worked_out)


@charts.form
def _by_day(*, is_bytes: bool, joined: bool, colour: str) -> Any:
    """The columns `Day`, `shown` (MiB where these are bytes) and `Amount`, which is said on pointing."""
    axis = alt.Axis(tickMinStep=1, format=",.0f" if is_bytes else ",d", tickCount=5)
    base = charts.rows().encode(
        x=alt.X("yearmonthdate(Day):T", title=None, axis=alt.Axis(format="%b %d", labelOverlap=True, tickCount=8)),
        y=alt.Y("shown:Q", title="MiB" if is_bytes else None, scale=alt.Scale(zero=joined), axis=axis),
        tooltip=[alt.Tooltip("Day:T", format="%Y-%m-%d"), alt.Tooltip("Amount:N")],
    )
    drawn = (
        base.mark_bar(color=colour, cornerRadiusEnd=2)
        if joined
        else base.mark_line(color=colour, strokeWidth=2) + base.mark_point(color=colour, filled=True, size=36)
    )
    return drawn.properties(height=240, padding=charts.TIGHT)


def _grown(frame: pd.DataFrame, values: Sequence[int], *, is_bytes: bool, joined: bool) -> str:
    first, last = frame.iloc[0], frame.iloc[-1]
    if joined:
        return f"{sum(values):,} users who are still there joined since {first['Day']:%Y-%m-%d}."
    change = values[-1] - values[0]
    shown = f"{'-' if change < 0 else '+'}{format.size(abs(change)).text}" if is_bytes else f"{change:+,}"
    if len(frame) == 1:
        return f"{last['Amount']} on {last['Day']:%Y-%m-%d}; each rollup adds a day."
    return f"{last['Amount']} on {last['Day']:%Y-%m-%d}, {shown} since {first['Day']:%Y-%m-%d}."


def quotas(view: FleetView) -> None:
    """How many users are near or over each of their quotas."""
    rows = [
        {"Quota": words, "State": status.look("usage", state).word, "Users": view.states[name].get(state, 0)}
        for name, words in QUOTAS.items()
        if name in view.states
        for state in _STATES
        if view.states[name].get(state, 0)
    ]
    if not rows:
        st.markdown(":green[:material/check_circle:] Nobody is near a limit.")
        return
    frame = pd.DataFrame(rows)
    charts.stacked(
        frame, "Quota", "State", "Users", scale=status.scale("usage"), order=QUOTAS.values(),
        alt="Users near or over a limit, by quota",
    )  # fmt: skip
    well = ", ".join(
        f"{words.lower()} {view.states[name].get('ok', 0):,}" for name, words in QUOTAS.items() if name in view.states
    )
    st.caption(f"Users within their limit: {well}. Where a quota does not apply, nobody is counted.")


def plans(view: FleetView, *, page: str) -> None:
    """Users and bytes by plan."""
    frame = view.plans.sort_values("users", ascending=False)
    if not len(frame):
        st.caption("No user, no plan.")
        return
    columns = {
        "plan": "Plan",
        "users": st.column_config.NumberColumn("Users", format="localized"),
        "clips": st.column_config.NumberColumn("Clips", format="localized"),
        "used_bytes": tables.size("Used", help="By the counters that the product enforces."),
        "limit_bytes": tables.size("Allowed", help="The limits of all these users added up."),
    }
    if int(frame["unknown_plan_users"].sum()):
        columns["unknown_plan_users"] = st.column_config.NumberColumn(
            "Of unknown plan", help="The user's document names a plan that is not known; it counts as free."
        )
    tables.table(
        frame.head(tables.ROW_LIMIT), key=key(page, "plans"), alt="Users by plan", columns=columns, height="content",
        csv_name="fleet-plans",
    )  # fmt: skip


def videos(view: FleetView) -> None:
    """Videos by status, and where those stand that nothing moves."""
    if view.videos is None:
        st.warning("Videos could not be counted when the figures were made; the notes say why.", icon=":material/help:")
    elif not sum(view.videos.values()):
        st.caption("There are no videos.")
    else:
        bars_by_status(view.videos)
    if view.stuck is None:
        st.caption("How many of them do not move is not known.")
        return
    total = sum(view.stuck.values())
    if not total:
        st.markdown(":green[:material/check_circle:] None in progress was without a touch past the limit.")
        return
    st.markdown(f"**{total:,} do not move** :small[:gray[in progress without a touch past the limit, by step]]")
    frame = pd.DataFrame({"Step": [STEPS.get(one, one) for one in view.stuck], "Videos": list(view.stuck.values())})
    charts.bars(frame, "Step", "Videos", colour="orange", alt="Videos that do not move, by the step they stand at")


def drift(view: FleetView, *, page: str) -> None:
    """Which counters do not say what the clips add up to, over all users."""
    if not len(view.drift):
        st.markdown(":green[:material/check_circle:] No counter of any user drifts.")
        return
    frame = view.drift.sort_values("users", ascending=False)
    is_bytes = frame["counter"].str.endswith("_bytes")
    shown = frame.assign(
        total=[_amount(value, size) for value, size in zip(frame["sum"], is_bytes, strict=True)],
        off=[_amount(value, size) for value, size in zip(frame["absolute"], is_bytes, strict=True)],
    )
    columns = {
        "counter": st.column_config.TextColumn("Counter", width="medium"),
        "users": st.column_config.NumberColumn("Users", format="localized"),
        "total": st.column_config.TextColumn("Sum of drift", help="Counter minus truth; up and down cancel out."),
        "off": st.column_config.TextColumn("Off by", help="The same without its sign: nothing cancels out."),
    }
    tables.table(
        shown, key=key(page, "drift"), alt="Drift by counter", columns=columns, height="content",
        csv_name="fleet-drift", csv_frame=lambda: frame,
    )  # fmt: skip


def _amount(value: int, is_bytes: bool) -> str:
    sign = "-" if value < 0 else ""
    return f"{sign}{format.size(abs(int(value))).text}" if is_bytes else f"{int(value):,}"


def parts(view: FleetView, *, page: str) -> None:
    """How each shard was made."""
    frame = pd.DataFrame(
        {
            "shard": [f"{part.index}/{view.shards}" for part in view.parts],
            "read_at": [part.read_at for part in view.parts],
            "seconds": [(part.finished_at - part.read_at).total_seconds() for part in view.parts],
            "complete": [part.complete for part in view.parts],
            "users": [part.users for part in view.parts],
            "reads": [part.reads for part in view.parts],
            "notes": [plain(" ".join(part.notes), 300) or None for part in view.parts],
        }
    )
    columns = {
        "shard": st.column_config.TextColumn("Shard", width="small"),
        "read_at": tables.moment("As of"),
        "seconds": st.column_config.NumberColumn("Took", format="%.1f s"),
        "complete": st.column_config.CheckboxColumn("Complete"),
        "users": st.column_config.NumberColumn("Users", format="localized"),
        "reads": st.column_config.NumberColumn("Reads", format="localized", help="Document reads billed for it."),
        "notes": st.column_config.TextColumn("Notes", width="large"),
    }
    tables.table(frame, key=key(page, "parts"), alt="How each shard was made", columns=columns, height="content")
    st.caption(f"Made with {view.made_with_reads:,} document reads in all; looking at it costs a few, always the same.")
    for note in view.notes:
        st.caption(f":material/info: {md(note, 400)}")
