"""Draws the lists of users of a rollup: near or over a limit, the biggest, those whose counters drift; with filters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from pages._ui.kit import charts, feedback, format, status, tables
from pages._ui.kit.session import key, url_for
from pages._ui.kit.text import plain
from pages._ui.views.fleet import QUOTAS
from storage.domain.rollup import TOP
from storage.fleet import near_or_over
from storage.repositories.rollups import FleetView

LIMITS, BIGGEST, DRIFTING = "Near or over a limit", "Biggest", "Drifting"
_BARS = 12


def draw(view: FleetView, *, page: str) -> None:
    """One of the lists, as the address says."""
    chosen = st.segmented_control(
        "List", [LIMITS, BIGGEST, DRIFTING], default=LIMITS, required=True, key=key(page, "list"),
        bind="query-params", label_visibility="collapsed",
    )  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        quota = _quota(view, page) if chosen == LIMITS else ""
        states_chosen = _states(page) if chosen == LIMITS else []
        names = sorted(view.plans["plan"].dropna())
        plan_names = st.multiselect(
            "Plan", names, key=key(page, "plan"), bind="query-params", width=220, placeholder="All plans",
            format_func=lambda name: plain(name, 40),
        )  # fmt: skip
        text = st.text_input(
            "Search", key=key(page, "text"), type="search", bind="query-params", width=240,
            placeholder="Address or user id",
        )  # fmt: skip
    if chosen == BIGGEST:
        _biggest(filtered(view.biggest, plan_names, text), view, page)
    elif chosen == DRIFTING:
        _drifting(filtered(view.drifting, plan_names, text), view, page)
    else:
        rows = view.near[view.near["quota"] == quota]
        kept = filtered(rows, plan_names, text)
        kept = kept[kept["state"].isin(states_chosen)] if states_chosen else kept
        _limits(kept, near_or_over(view, quota) if len(kept) == len(rows) else len(kept), quota, page)


def filtered(frame: pd.DataFrame, plan_names: list[str], text: str | None) -> pd.DataFrame:
    """The rows of one of the plans (all, where none is chosen) whose address or id contains the text, in any case."""
    keep = pd.Series(True, index=frame.index)
    if plan_names:
        keep &= frame["plan"].isin(plan_names)
    needle = (text or "").strip().casefold()
    if needle:
        email = frame["email"].fillna("").str.casefold().str.contains(needle, regex=False)
        keep &= email | frame["uid"].str.casefold().str.contains(needle, regex=False)
    return frame[keep.astype(bool)]


def _quota(view: FleetView, page: str) -> str:
    names = {QUOTAS[name]: name for name in QUOTAS if name in view.states}
    chosen = st.segmented_control(
        "Quota", list(names), default=next(iter(names), None), required=True, key=key(page, "quota"),
        bind="query-params",
    )  # fmt: skip
    return names.get(str(chosen), "storage")


def _states(page: str) -> list[str]:
    looks = {status.look("usage", name).word: name for name in ("exceeded", "near_limit")}
    chosen = st.pills(
        "State", list(looks), selection_mode="multi", key=key(page, "state"), bind="query-params", wrap=True
    )
    return [looks[word] for word in chosen]


def _people(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(
        open=[url_for("user", uid=uid) for uid in frame["uid"]],
        who=frame["email"].fillna(frame["uid"]),
    )


def _limits(frame: pd.DataFrame, total: int, quota: str, page: str) -> None:
    if not len(frame):
        feedback.empty("Nobody here is near this limit.", icon="task_alt", hint="Or no row matches the filters.")
        return
    shown = _people(frame).assign(state=status.words("usage", frame["state"]))
    number = tables.size if quota == "storage" else _number
    columns = {
        "open": tables.link("Open"),
        "who": "User",
        "state": status.column("usage", frame["state"], "State"),
        "percent": tables.share("Used", help="Empty: a limit of 0 has no percentage."),
        "used": number("Amount"),
        "limit": number("Limit"),
        "plan": "Plan",
        "uid": "User id",
    }
    _table(shown, columns, f"fleet-{quota}", "Users near or over a limit, the gravest first", total, frame, page)


def _biggest(frame: pd.DataFrame, view: FleetView, page: str) -> None:
    if not len(frame):
        feedback.empty("Nobody here has anything stored.", icon="inbox", hint="Or no row matches the filters.")
        return
    _bars(frame.head(_BARS))
    columns = {
        "open": tables.link("Open"),
        "who": "User",
        "actual_bytes": tables.size("Clips add up to"),
        "used_bytes": tables.size("Counter says"),
        "limit_bytes": tables.size("Limit"),
        "clips": _number("Clips"),
        "plan": "Plan",
        "uid": "User id",
    }
    whole = max(view.totals.users, len(frame)) if len(view.biggest) >= TOP else len(frame)
    _table(_people(frame), columns, "fleet-biggest", "The biggest users", whole, frame, page)


def _drifting(frame: pd.DataFrame, view: FleetView, page: str) -> None:
    if not len(frame):
        feedback.empty("No counter drifts here.", icon="task_alt", hint="Or no row matches the filters.")
        return
    shown = _people(frame).assign(counters=[_drifts(drifts) for drifts in frame["drifts"]])
    columns = {
        "open": tables.link("Open"),
        "who": "User",
        "worst_bytes": tables.size("Off by", help="The largest drift of a counter of bytes, without its sign."),
        "counters": st.column_config.TextColumn("Counters that drift", width="large"),
        "used_bytes": tables.size("Counter says"),
        "actual_bytes": tables.size("Clips add up to"),
        "plan": "Plan",
        "uid": "User id",
    }
    known = int(view.drift["users"].max()) if len(view.drift) else 0
    total = max(known, len(frame)) if len(view.drifting) >= TOP else len(frame)
    _table(shown, columns, "fleet-drifting", "Users whose counters drift, the worst first", total, frame, page)


def _drifts(drifts: Mapping[str, Any]) -> str:
    """`user.total_clips_count +3, ...` with bytes in units."""
    words = []
    for name, value in drifts.items():
        amount = int(value or 0)
        text = format.size(abs(amount)).text if name.endswith("_bytes") else f"{abs(amount):,}"
        words.append(f"{name} {'-' if amount < 0 else '+'}{text}")
    return ", ".join(words)


def _table(
    shown: pd.DataFrame, columns: Mapping[str, Any], name: str, alt_text: str, total: int, rows: pd.DataFrame, page: str
) -> None:
    tables.table(
        shown, key=key(page, name), alt=alt_text, columns=columns, id_column="uid", total=total,
        height="content" if len(shown) <= 10 else 420, csv_name=name, csv_frame=lambda: rows,
    )  # fmt: skip


def _number(label: str) -> Any:
    return st.column_config.NumberColumn(label, format="localized")


def _bars(frame: pd.DataFrame) -> None:
    """The biggest as bars: what their clips add up to, or the counter where that is not known."""
    pairs = zip(frame["actual_bytes"], frame["used_bytes"], strict=True)
    sizes = [next((int(size) for size in pair if not pd.isna(size)), 0) for pair in pairs]
    names = [f"{plain(who, 32)} · {uid[:4]}" for who, uid in zip(frame["email"].fillna(frame["uid"]), frame["uid"],
                                                                 strict=True)]  # fmt: skip
    data = pd.DataFrame({"User": names, "bytes": list(map(float, sizes))})
    data["Plan"] = [plain(one, 40) for one in frame["plan"]]
    data["Size"] = [format.size(size).text for size in sizes]
    charts.bars(
        data, "User", "bytes", colour="blue", label="Size", more=("Plan", "Size"), pixels=26,
        alt="Storage of the biggest users, the largest first",
    )  # fmt: skip
