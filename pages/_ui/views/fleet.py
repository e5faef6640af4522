"""Draws the figures about all customers: sums, growth, quotas, plans, videos by status, and how they were made.

Below them stand the rollup's lists of users, with filters: near or over a limit, the biggest, those whose counters
drift.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

import altair as alt
import pandas as pd
import streamlit as st

from pages._ui.access import addresses
from pages._ui.access.guard import allowed
from pages._ui.kit import charts, feedback, format, status, tables
from pages._ui.kit.session import key, url_for
from pages._ui.kit.text import md, plain
from pages._ui.nav import SCREENS
from pages._ui.views.failures import FAILED_VIDEOS
from pages._ui.views.overview import bars_by_status
from pages._ui.views.stuck import STAGES, stage_word
from storage.domain.rollup import TOP
from storage.repositories.rollups import FleetView
from storage.services.fleet import near_or_over
from storage.text import number

PAGE: Final = "fleet"
QUOTAS = {"storage": "Storage", "clips": "Clips a month", "credits": "Credits a month"}
STEPS = {"analysis": "Before the highlights", "render": "While rendering", "finish": "Rendered, status never set"}
_MEASURES = {
    "Customers": "users",
    "Videos": "videos",
    "Clips": "clips",
    "Size of clips": "clip_bytes",
    "Joined a day": "joined",
}
_STATES = ("exceeded", "near_limit", "unknown")
_VERDICTS = {"analysis": "analysis_stalled", "render": "render_stalled", "finish": "status_stuck"}

LIMITS, BIGGEST, DRIFTING = "Near or over a limit", "Biggest", "Wrong counters"
EVERYBODY = "All customers"
BARS = 12
TO = "to"  # query parameter: the part of the page that a link leads to
LISTED = "customers"  # its value for the lists


def list_address(view: FleetView, name: str, **choices: str) -> str:
    """The address of a list of customers with its choices; without a table of all, the biggest stand for all."""
    return url_for(PAGE, **_of_list(view, name, choices))


def _of_list(view: FleetView, name: str, choices: Mapping[str, str]) -> dict[str, str]:
    shown = BIGGEST if name == EVERYBODY and not view.tables else name
    return {TO: LISTED, key(PAGE, "list"): shown, **{key(PAGE, one): value for one, value in choices.items()}}


def ways(view: FleetView) -> None:
    """Draws links to the lists behind the figures above and the charts below, for the keyboard too."""
    over = _over_storage(view)
    drifting = _drifting_users(view)
    storage = {"quota": QUOTAS["storage"], "state": status.look("usage", "exceeded").word}
    lists = [
        (number(view.totals.users, "customer"), "groups", EVERYBODY, {}),
        (f"{over:,} over storage", "error", LIMITS, storage if over else None),
        (f"{drifting:,} with wrong counters", "difference", DRIFTING, {} if drifting else None),
    ]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for label, icon, name, choices in lists:
            if choices is not None:
                query = _of_list(view, name, choices)
                st.page_link(SCREENS[PAGE].file, label=label, icon=f":material/{icon}:", query_params=query)
        if not allowed("diagnose"):
            return
        processing = SCREENS["processing"].file
        if failed := (view.videos or {}).get("failed", 0):
            icon = ":material/error:"
            st.page_link(processing, label=number(failed, "failed video"), icon=icon, query_params=FAILED_VIDEOS)
        if stalled := sum((view.stuck or {}).values()):
            found = [_VERDICTS[step] for step, count in (view.stuck or {}).items() if count and step in _VERDICTS]
            words = [(key("processing", "verdict"), status.look("verdict", verdict).word) for verdict in found]
            icon = ":material/hourglass_disabled:"
            st.page_link(processing, label=number(stalled, "stalled video"), icon=icon, query_params=words)


def _over_storage(view: FleetView) -> int:
    return view.states.get("storage", {}).get("exceeded", 0)


def _drifting_users(view: FleetView) -> int:
    return int(view.drift["users"].max()) if len(view.drift) else 0


def summary(view: FleetView) -> None:
    """Draws the sums over all users."""
    totals = view.totals
    videos = None if view.videos is None else sum(view.videos.values())
    size = format.size(totals.clip_bytes)
    over = _over_storage(view)
    drifting = _drifting_users(view)
    card = partial(st.metric, border=True, height="stretch")
    with st.grid(6, min_column_width=133, gap="small"):
        card("Customers", f"{totals.users:,}", icon=":material/group:", help=_phantoms(totals))
        card("Videos", format.count(videos).text, icon=":material/movie:")
        card("Clips", f"{totals.clips:,}", icon=":material/content_cut:")
        card("Size of clips", size.text, icon=":material/database:", help=size.help or None)
        card("Over storage", f"{over:,}", icon=":material/error:", help="Customers over their limit.")
        card(
            "Wrong counters",
            f"{drifting:,}",
            icon=":material/difference:",
            help="Customers whose stored counter differs from their clips, for the counter that is wrong most often.",
        )
    notes = []
    if totals.unsized_clips:
        notes.append(f"Clips without a usable size: {totals.unsized_clips:,}, so the size is a lower bound.")
    if totals.unknown_usage_users:
        notes.append(f"Customers whose storage counter is not known: {totals.unknown_usage_users:,}.")
    if totals.unread_users:
        notes.append(
            f"The clips of {number(totals.unread_users, 'customer')} could not be added up, and are in no sum."
        )
    if notes:
        st.caption(" ".join(notes))


def _phantoms(totals: object) -> str | None:
    number = getattr(totals, "phantom_users", 0)
    return f"{number:,} of them no longer have a document of their own." if number else None


def growth(view: FleetView, *, page: str) -> None:
    """Draws one measure by day, for the days that are known; a day without a rollup is a gap, not a zero."""
    choice = st.segmented_control(
        "Growth of",
        list(_MEASURES),
        default="Customers",
        required=True,
        key=key(page, "growth"),
        bind="query-params",
        label_visibility="collapsed",
        wrap=True,
    )
    name = _MEASURES.get(str(choice), "users")
    known = view.growth[view.growth[name].notna()]
    if not len(known):
        st.caption("No day is known yet; each summary adds one.")
        return
    is_bytes = name == "clip_bytes"
    values = [int(value) for value in known[name]]
    frame = pd.DataFrame({"Day": known["day"].dt.tz_localize(None)})
    frame["Amount"] = [format.size(value).text if is_bytes else f"{value:,}" for value in values]
    frame["shown"] = [value / 2**20 if is_bytes else float(value) for value in values]
    form = _by_day(is_bytes=is_bytes, joined=name == "joined", colour=status.shade("blue"))
    charts.draw(form, frame, alt=f"{choice} by day")
    since = view.counted_since if name != "joined" else None
    worked_out = f" Days before {since} come from creation dates; no summary counted them." if since else ""
    st.caption(_grown(frame, values, is_bytes=is_bytes, joined=name == "joined") + worked_out)


@charts.form
def _by_day(*, is_bytes: bool, joined: bool, colour: str) -> Any:
    """The columns `Day`, `shown` (MiB where these are bytes) and `Amount`, which is shown on hover."""
    axis = alt.Axis(tickMinStep=1, format=",.0f" if is_bytes else ",d", tickCount=5)
    base = charts.rows().encode(
        x=alt.X("yearmonthdate(Day):T", title=None, axis=alt.Axis(format="%b %d", labelOverlap=True, tickCount=8)),
        y=alt.Y("shown:Q", title="MiB" if is_bytes else None, scale=alt.Scale(zero=True), axis=axis),
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
        return f"{number(sum(values), 'customer')} who are still there joined since {first['Day']:%Y-%m-%d}."
    change = values[-1] - values[0]
    shown = f"{'-' if change < 0 else '+'}{format.size(abs(change)).text}" if is_bytes else f"{change:+,}"
    if len(frame) == 1:
        return f"{last['Amount']} on {last['Day']:%Y-%m-%d}; each summary adds a day."
    return f"{last['Amount']} on {last['Day']:%Y-%m-%d}, {shown} since {first['Day']:%Y-%m-%d}."


def quotas(view: FleetView) -> None:
    """Draws how many users are near or over each of their quotas."""
    rows = [
        {
            "Quota": words,
            "State": status.look("usage", state).word,
            "Customers": view.states[name].get(state, 0),
            "open": _limit_address(view, words, state),
        }
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
        frame,
        "Quota",
        "State",
        "Customers",
        scale=status.scale("usage", _STATES),
        order=QUOTAS.values(),
        alt="Customers near or over a limit, by quota",
        leads="open",
    )
    well = ", ".join(
        f"{words.lower()} {view.states[name].get('ok', 0):,}" for name, words in QUOTAS.items() if name in view.states
    )
    st.caption(
        f"Customers within their limit: {well}. A quota that does not apply to a customer does not count that customer."
    )


def _limit_address(view: FleetView, quota: str, state: str) -> str:
    """The list of these customers; no list has those whose state is unknown."""
    if state == "unknown":
        return ""
    return list_address(view, LIMITS, quota=quota, state=status.look("usage", state).word)


def plans(view: FleetView, *, page: str) -> None:
    """Draws users and bytes by plan."""
    frame = view.plans.sort_values("users", ascending=False)
    if not len(frame):
        st.caption("There are no customers, so there are no plans.")
        return
    columns = {
        "open": tables.link("Open", help="The customers of this plan."),
        "plan": "Plan",
        "users": st.column_config.NumberColumn("Customers", format="localized"),
        "clips": st.column_config.NumberColumn("Clips", format="localized"),
        "used_bytes": tables.size("Used", help="By the counters that the limits are checked against."),
        "limit_bytes": tables.size("Allowed", help="The limits of all these customers added up."),
    }
    if int(frame["unknown_plan_users"].sum()):
        columns["unknown_plan_users"] = st.column_config.NumberColumn(
            "Unknown plan", help="The customer's document names an unknown plan; it counts as free."
        )
    shown = frame.head(tables.ROW_LIMIT)
    tables.table(
        shown.assign(open=[list_address(view, EVERYBODY, plan=str(plan)) for plan in shown["plan"]]),
        key=key(page, "plans"),
        alt="Customers by plan",
        columns=columns,
        height="content",
        csv_name="fleet-plans",
        csv_frame=lambda: frame,
    )


def videos(view: FleetView) -> None:
    """Draws videos by status, and the step where stalled videos stopped."""
    if view.videos is None:
        st.warning("Videos could not be counted when the figures were made; the notes say why.", icon=":material/help:")
    elif not sum(view.videos.values()):
        st.caption("There are no videos.")
    else:
        bars_by_status(view.videos)
    if view.stuck is None:
        st.caption("How many of them have stalled is not known.")
        return
    total = sum(view.stuck.values())
    if not total:
        st.markdown(":green[:material/check_circle:] No video in progress has stalled.")
        return
    st.markdown(
        f"**{total:,} stalled** :small[:gray[in progress, without an update for longer than the limit; by step]]"
    )
    frame = pd.DataFrame({"Step": [STEPS.get(one, one) for one in view.stuck], "Videos": list(view.stuck.values())})
    listed = allowed("diagnose")
    frame["open"] = [_step_address(one) if listed and count else "" for one, count in view.stuck.items()]
    charts.bars(
        frame, "Step", "Videos", colour="orange", alt="Stalled videos, by the step where they stopped", leads="open"
    )


def _step_address(step: str) -> str:
    """The list of the videos that stopped at this step."""
    known = {key("processing", "step"): stage_word(step)} if step in STAGES else {}
    return url_for("processing", **known)


def drift(view: FleetView, *, page: str) -> None:
    """Draws the counters that differ from the sum of the clips, over all users."""
    if not len(view.drift):
        st.markdown(":green[:material/check_circle:] Every stored counter is right.")
        return
    frame = view.drift.sort_values("users", ascending=False)
    is_bytes = frame["counter"].str.endswith("_bytes")
    shown = frame.assign(
        open=list_address(view, DRIFTING),
        total=[_amount(value, size) for value, size in zip(frame["sum"], is_bytes, strict=True)],
        off=[_amount(value, size) for value, size in zip(frame["absolute"], is_bytes, strict=True)],
    )
    columns = {
        "open": tables.link("Open", help="The customers with wrong counters."),
        "counter": st.column_config.TextColumn("Counter", width="medium"),
        "users": st.column_config.NumberColumn("Customers", format="localized"),
        "total": st.column_config.TextColumn(
            "Sum of differences", help="Stored minus actual; positive and negative cancel out."
        ),
        "off": st.column_config.TextColumn("Off by", help="The sum without signs: nothing cancels out."),
    }
    tables.table(
        shown,
        key=key(page, "drift"),
        alt="Wrong counters, by counter",
        columns=columns,
        height="content",
        csv_name="fleet-drift",
        csv_frame=lambda: frame,
    )


def _amount(value: int, is_bytes: bool) -> str:
    sign = "-" if value < 0 else ""
    return f"{sign}{format.size(abs(int(value))).text}" if is_bytes else f"{int(value):,}"


def parts(view: FleetView, *, page: str) -> None:
    """Draws how each shard was made."""
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
        "users": st.column_config.NumberColumn("Customers", format="localized"),
        "reads": st.column_config.NumberColumn("Reads", format="localized", help="Document reads billed for it."),
        "notes": st.column_config.TextColumn("Notes", width="large"),
    }
    tables.table(frame, key=key(page, "parts"), alt="How each shard was made", columns=columns, height="content")
    st.caption(
        f"Making it took {view.made_with_reads:,} document reads; showing it takes a few, always the same number."
    )
    for note in view.notes:
        st.caption(f":material/info: {md(note, 400)}")


def draw_lists(view: FleetView, *, page: str) -> None:
    """Draws the list of users that the address names."""
    chosen = st.segmented_control(
        "List",
        [LIMITS, BIGGEST, DRIFTING],
        default=LIMITS,
        required=True,
        key=key(page, "list"),
        bind="query-params",
        label_visibility="collapsed",
        wrap=True,
    )
    with st.container(horizontal=True, gap="medium"):  # at the top, where the labels stand
        quota = _quota(view, page) if chosen == LIMITS else ""
        states_chosen = states(page) if chosen == LIMITS else []
        plan_names, text = plans_and_text(view, page)
    whole = addresses.seen().whole
    if chosen == BIGGEST:
        _biggest(filtered(view.biggest, plan_names, text, whole=whole), view, page)
    elif chosen == DRIFTING:
        _drifting(filtered(view.drifting, plan_names, text, whole=whole), view, page)
    else:
        rows = view.near[view.near["quota"] == quota]
        kept = filtered(rows, plan_names, text, whole=whole)
        kept = kept[kept["state"].isin(states_chosen)] if states_chosen else kept
        _limits(kept, near_or_over(view, quota) if len(kept) == len(rows) else len(kept), quota, page)


def plans_and_text(view: FleetView, page: str) -> tuple[list[str], str]:
    """Draws the filters by plan and by address or id, which every list of customers has; returns what they say."""
    plans = st.multiselect(
        "Plan",
        sorted(view.plans["plan"].dropna()),
        key=key(page, "plan"),
        bind="query-params",
        width=220,
        placeholder="All plans",
        format_func=lambda name: plain(name, 40),
    )
    text = st.text_input(
        "Search",
        key=key(page, "text"),
        type="search",
        bind="query-params",
        width=240,
        placeholder="Address or customer id",
    )
    return plans, text or ""


def filtered(frame: pd.DataFrame, plan_names: list[str], text: str | None, *, whole: bool = True) -> pd.DataFrame:
    """The rows of one of the plans (all, where none is chosen) whose address or id contains the text, in any case.

    Who does not see addresses (not `whole`) finds one by the whole of it alone.
    """
    keep = pd.Series(True, index=frame.index)
    if plan_names:
        keep &= frame["plan"].isin(plan_names)
    needle = (text or "").strip().casefold()
    if needle:
        address = frame["email"].fillna("").str.casefold()
        email = address.str.contains(needle, regex=False) if whole else address == needle
        keep &= email | frame["uid"].str.casefold().str.contains(needle, regex=False)
    return frame[keep.astype(bool)]


def _quota(view: FleetView, page: str) -> str:
    names = {QUOTAS[name]: name for name in QUOTAS if name in view.states}
    chosen = st.segmented_control(
        "Quota",
        list(names),
        default=next(iter(names), None),
        required=True,
        key=key(page, "quota"),
        bind="query-params",
        wrap=True,
    )
    return names.get(str(chosen), "storage")


def states(page: str) -> list[str]:
    looks = {status.look("usage", name).word: name for name in ("exceeded", "near_limit")}
    chosen = st.pills(
        "State", list(looks), selection_mode="multi", key=key(page, "state"), bind="query-params", wrap=True
    )
    return [looks[word] for word in chosen]


def people(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(
        open=[url_for("user", uid=uid) for uid in frame["uid"]],
        who=addresses.seen().column(frame["email"], frame["uid"]),
    )


def _limits(frame: pd.DataFrame, total: int, quota: str, page: str) -> None:
    if not len(frame):
        feedback.empty("Nobody here is near this limit.", icon="task_alt", hint="Or no row matches the filters.")
        return
    shown = people(frame).assign(state=status.words("usage", frame["state"]))
    number = tables.size if quota == "storage" else number_column
    columns = {
        "open": tables.link("Open"),
        "who": "Customer",
        "state": status.column("usage", frame["state"], "State"),
        "percent": tables.share("Used", help="Empty: a limit of 0 has no percentage."),
        "used": number("Amount"),
        "limit": number("Limit"),
        "plan": "Plan",
        "uid": "Customer id",
    }
    _table(shown, columns, f"fleet-{quota}", "Customers near or over a limit, the gravest first", total, frame, page)


def _biggest(frame: pd.DataFrame, view: FleetView, page: str) -> None:
    if not len(frame):
        feedback.empty("Nobody here has anything stored.", icon="inbox", hint="Or no row matches the filters.")
        return
    bars(frame.head(BARS))
    columns = {
        "open": tables.link("Open"),
        "who": "Customer",
        "actual_bytes": tables.size("Actual"),
        "used_bytes": tables.size("Stored"),
        "limit_bytes": tables.size("Limit"),
        "clips": number_column("Clips"),
        "plan": "Plan",
        "uid": "Customer id",
    }
    whole = max(view.totals.users, len(frame)) if len(view.biggest) >= TOP else len(frame)
    _table(people(frame), columns, "fleet-biggest", "The biggest customers", whole, frame, page)


def _drifting(frame: pd.DataFrame, view: FleetView, page: str) -> None:
    if not len(frame):
        feedback.empty("No counter is wrong here.", icon="task_alt", hint="Or no row matches the filters.")
        return
    shown = people(frame).assign(counters=[drifts(row) for row in frame["drifts"]])
    columns = {
        "open": tables.link("Open"),
        "who": "Customer",
        "worst_bytes": tables.size(
            "Difference", help="The largest difference of a counter of bytes, without its sign."
        ),
        "counters": st.column_config.TextColumn("Wrong counters", width="large"),
        "used_bytes": tables.size("Stored"),
        "actual_bytes": tables.size("Actual"),
        "plan": "Plan",
        "uid": "Customer id",
    }
    known = int(view.drift["users"].max()) if len(view.drift) else 0
    total = max(known, len(frame)) if len(view.drifting) >= TOP else len(frame)
    _table(shown, columns, "fleet-drifting", "Customers with wrong counters, the worst first", total, frame, page)


def drifts(of: Mapping[str, Any]) -> str:
    """`user.total_clips_count +3, ...` with bytes in units."""
    words = []
    for name, value in of.items():
        amount = int(value or 0)
        text = format.size(abs(amount)).text if name.endswith("_bytes") else f"{abs(amount):,}"
        words.append(f"{name} {'-' if amount < 0 else '+'}{text}")
    return ", ".join(words)


def _table(
    shown: pd.DataFrame, columns: Mapping[str, Any], name: str, alt_text: str, total: int, rows: pd.DataFrame, page: str
) -> None:
    seen = addresses.seen()
    tables.table(
        shown,
        key=key(page, name),
        alt=alt_text,
        columns=columns,
        id_column="uid",
        total=total,
        height="content" if len(shown) <= 10 else 420,
        csv_name=name,
        csv_frame=lambda: seen.frame(rows),
    )


def number_column(label: str) -> Any:
    return st.column_config.NumberColumn(label, format="localized")


def bars(frame: pd.DataFrame, *, used: str = "used_bytes") -> None:
    """Draws the biggest users as bars: the sum of their clips, or their counter (`used`) where that is not known."""
    pairs = zip(frame["actual_bytes"], frame[used], strict=True)
    sizes = [next((int(size) for size in pair if not pd.isna(size)), 0) for pair in pairs]
    names = [plain(who, 80) for who in addresses.seen().column(frame["email"], frame["uid"])]
    data = pd.DataFrame({"Customer": names, "bytes": list(map(float, sizes))})
    data["Plan"] = [plain(one, 40) for one in frame["plan"]]
    data["Size"] = [format.size(size).text for size in sizes]
    charts.bars(
        data,
        "Customer",
        "bytes",
        colour="blue",
        label="Size",
        more=("Plan", "Size"),
        pixels=26,
        alt="Storage of the biggest customers, the largest first",
    )
