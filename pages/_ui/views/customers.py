"""Draws all customers of the last rollup in one list: near or over a limit, biggest, or with drifting counters.

Filters and order work on the whole table in this process; the first rows of the answer reach the browser.
"""

from __future__ import annotations

import json
from typing import Any, Final, cast

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st

from pages._ui.access import addresses
from pages._ui.access.addresses import Seen
from pages._ui.kit import feedback, status, tables
from pages._ui.kit.session import key
from pages._ui.views import fleet
from storage.domain.rollup import QUOTAS
from storage.repositories.rollups import FleetView
from storage.text import percent_words

ANY: Final = "Any limit"
LISTS: Final = (fleet.LIMITS, fleet.BIGGEST, fleet.DRIFTING, fleet.EVERYBODY)
ORDERS: Final = {
    "Address": ("email", "ascending"),
    "Newest": ("joined", "descending"),
    "Storage": ("size_bytes", "descending"),
    "Clips": ("clips", "descending"),
    "Share of a limit": ("worst_percent", "descending"),
}
_MOST: Final = 5_000  # rows for the browser in each run: 0.6 MB
_TYPES: Final = {pa.int64(): pd.Int64Dtype(), pa.float64(): pd.Float64Dtype(), pa.string(): pd.StringDtype()}


def draw(view: FleetView, table: Any, *, page: str) -> None:
    """Draws the list that the address names, with its filters."""
    chosen = st.segmented_control(
        "List",
        LISTS,
        default=fleet.LIMITS,
        required=True,
        key=key(page, "list"),
        bind="query-params",
        label_visibility="collapsed",
        wrap=True,
    )
    with st.container(horizontal=True, gap="medium"):  # at the top, where the labels stand
        quota = _quota(view, page) if chosen == fleet.LIMITS else ""
        states = fleet.states(page) if chosen == fleet.LIMITS else []
        order = _order(page) if chosen == fleet.EVERYBODY else ""
        plans, text = fleet.plans_and_text(view, page)
    seen = addresses.seen()
    rows = sorted_rows(
        filtered(table, str(chosen), quota, states, plans, text, whole=seen.whole), str(chosen), quota, order, seen
    )
    if not rows.num_rows:
        words = {
            fleet.LIMITS: "Nobody here is near this limit.",
            fleet.BIGGEST: "Nobody here has anything stored.",
            fleet.DRIFTING: "No counter is wrong here.",
        }.get(str(chosen), "No customer is here.")
        feedback.empty(words, icon="task_alt", hint="Or no row matches the filters.")
        return
    if chosen == fleet.BIGGEST:
        fleet.bars(_frame(rows.slice(0, fleet.BARS)), used="storage_used")
    _table(_frame(rows.slice(0, _MOST)), str(chosen), quota, rows, page=page)


def filtered(
    table: Any, chosen: str, quota: str, states: list[str], plans: list[str], text: str, *, whole: bool = True
) -> Any:
    """The rows of the list, of these states and plans (all, where none is chosen), with the text in id or address.

    Who does not see addresses (not `whole`) finds one by the whole of it alone.
    """
    keep = pc.scalar(True)
    if chosen == fleet.LIMITS:
        wanted = states or ["near_limit", "exceeded"]
        names = QUOTAS if quota == ANY else (quota,)
        keep = _any([pc.field(f"{name}_state").isin(wanted) for name in names])
        if quota == ANY and not states:
            keep = keep | pc.field("worker_refuses")
    elif chosen == fleet.BIGGEST:
        keep = pc.field("size_bytes") > 0
    elif chosen == fleet.DRIFTING:
        keep = pc.field("drifts").is_valid()
    if plans:
        keep = keep & pc.field("plan").isin(plans)
    found = table.filter(keep)
    needle = text.strip()
    if not needle:
        return found
    held = pc.match_substring(found.column("uid"), needle, ignore_case=True)
    address = found.column("email")
    if whole:
        named = pc.match_substring(address, needle, ignore_case=True)
    else:
        named = pc.equal(pc.utf8_lower(address), needle.lower())
    return found.filter(pc.or_(held, pc.fill_null(named, False)))


def _any(conditions: list[Any]) -> Any:
    whole = conditions[0]
    for one in conditions[1:]:
        whole = whole | one
    return whole


def sorted_rows(table: Any, chosen: str, quota: str, order: str, seen: Seen) -> Any:
    """The rows in the order of the list: the gravest, the biggest or the worst first; the id decides between equals."""
    if chosen == fleet.LIMITS:
        percent = "worst_percent" if quota == ANY else f"{quota}_percent"
        state = "state" if quota == ANY else f"{quota}_state"
        grave = pc.if_else(pc.equal(table.column(state), "exceeded"), 0, 1)
        # A limit of 0 has no percentage, and any use exceeds it.
        ranked = table.append_column("_grave", grave).append_column(
            "_share", pc.fill_null(table.column(percent), float("inf"))
        )
        by = [("_grave", "ascending"), ("_share", "descending"), ("uid", "ascending")]
        return ranked.sort_by(by).drop_columns(["_grave", "_share"])
    name, direction = {
        fleet.BIGGEST: ("size_bytes", "descending"),
        fleet.DRIFTING: ("worst_bytes", "descending"),
    }.get(chosen, ORDERS.get(order, ORDERS["Address"]))
    if name == "email":  # in any case; who has none stands last
        table = table.append_column("_name", pc.utf8_lower(_as_shown(table, seen)))
        return table.sort_by([("_name", direction), ("uid", "ascending")]).drop_columns(["_name"])
    return table.sort_by([(name, direction), ("uid", "ascending")])


def _as_shown(table: Any, seen: Seen) -> Any:
    """The addresses as this person sees them: the order of whole addresses would tell their hidden letters."""
    held = table.column("email")
    if seen.whole:
        return held
    pairs = zip(held.to_pylist(), table.column("uid").to_pylist(), strict=True)
    return pa.array([seen.who(email, uid) if email else None for email, uid in pairs], pa.string())


def _quota(view: FleetView, page: str) -> str:
    names = {ANY: ANY, **{fleet.QUOTAS[name]: name for name in QUOTAS if name in view.states}}
    chosen = st.segmented_control(
        "Quota",
        list(names),
        default=ANY,
        required=True,
        key=key(page, "quota"),
        bind="query-params",
        wrap=True,
    )
    return names.get(str(chosen), ANY)


def _order(page: str) -> str:
    chosen = st.selectbox("Order", list(ORDERS), key=key(page, "order"), bind="query-params", width=180)
    return str(chosen)


def _frame(rows: Any) -> pd.DataFrame:
    return cast(pd.DataFrame, rows.to_pandas(types_mapper=_TYPES.get))


def _table(frame: pd.DataFrame, chosen: str, quota: str, rows: Any, *, page: str) -> None:
    shown = fleet.people(frame)
    columns: dict[str, Any] = {"open": tables.link("Open"), "who": st.column_config.TextColumn("Customer", width=230)}
    if chosen == fleet.LIMITS and quota != ANY:
        number = tables.size if quota == "storage" else fleet.number_column
        shown = shown.assign(shown_state=status.words("usage", frame[f"{quota}_state"]))
        columns |= {
            "shown_state": status.column("usage", frame[f"{quota}_state"], "State"),
            f"{quota}_percent": tables.share("Used", help="Empty: a limit of 0 has no percentage."),
            f"{quota}_used": number("Amount"),
            f"{quota}_limit": number("Limit"),
        }
    elif chosen == fleet.DRIFTING:
        shown = shown.assign(counters=[fleet.drifts(json.loads(text)) for text in frame["drifts"]])
        columns |= {
            "worst_bytes": tables.size(
                "Difference", help="The largest difference of a counter of bytes, without its sign."
            ),
            "counters": st.column_config.TextColumn("Wrong counters", width="large"),
            "storage_used": tables.size("Stored"),
            "actual_bytes": tables.size("Actual"),
        }
    elif chosen == fleet.BIGGEST:
        columns |= {
            "actual_bytes": tables.size("Actual"),
            "storage_used": tables.size("Stored"),
            "storage_limit": tables.size("Limit"),
            "clips": fleet.number_column("Clips"),
        }
    else:
        shown = shown.assign(
            shown_state=status.words("usage", frame["state"]), limits=[_limits(row) for row in _dicts(frame)]
        )
        columns |= {
            "shown_state": status.column("usage", frame["state"], "State"),
            "limits": st.column_config.TextColumn("Storage · clips · credits", width=230, help="Share of each limit."),
            "size_bytes": tables.size("Storage"),
            "clips": fleet.number_column("Clips"),
            "joined": tables.moment("Joined", distance=True),
        }
    columns |= {"plan": "Plan", "uid": "Customer id"}
    seen = addresses.seen()
    tables.table(
        shown,
        key=key(page, "customers-table"),
        alt=f"Customers: {chosen}",
        columns=columns,
        id_column="uid",
        total=rows.num_rows,
        height="content" if len(shown) <= 10 else 460,
        csv_name="customers",
        csv_frame=lambda: seen.frame(_frame(rows)),
        filters=False,
    )


def _dicts(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return cast(list[dict[str, Any]], frame.to_dict("records"))


def _limits(row: dict[str, Any]) -> str:
    words = []
    for name in QUOTAS:
        percent, state = row[f"{name}_percent"], row[f"{name}_state"]
        if pd.isna(state):
            words.append("–")
        elif pd.isna(percent):
            words.append("?" if state == "unknown" else "limit 0")
        else:
            words.append(percent_words(float(percent)))
    return " · ".join(words)
