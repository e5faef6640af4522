"""Draws the overview's parts: the backends' health, videos by status, users by how much of a limit they use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import streamlit as st

from pages._ui.access import addresses
from pages._ui.access.guard import allowed
from pages._ui.kit import away, charts, format, status, tables
from pages._ui.kit.session import key, url_for
from pages._ui.kit.text import md
from pages._ui.nav import SCREENS
from pages._ui.views.failures import FAILED_VIDEOS
from storage.actions.health import Check
from storage.domain.watches import NEEDS_PERSON, KeptWatch
from storage.errors import StorageError
from storage.repositories.rollups import FleetView
from storage.services.fleet import COUNTED_LIVE, LOOKED_AT, QUOTAS, LimitList, Statuses
from storage.text import capitalised, number

_NAMES = {
    "firestore_read": ("Firestore", "database"),
    "r2_list": ("Bucket", "cloud"),
    "key_prefix": ("Key prefix", "folder_open"),
    "right_bucket": ("Right bucket", "inventory_2"),
    "highlights_source": ("Source of highlights", "playlist_add_check"),
    "clock_skew": ("Clocks", "schedule"),
}
SAMPLED = ("key_prefix", "right_bucket", "highlights_source")
_SHOWN = 50


def backends(checks: Sequence[Check]) -> None:
    """Draws a card for each check, with the remedy where it failed."""
    grid = st.grid(min(len(checks), 3), min_column_width=200, gap="small")  # the name of a setting fits on one line
    for check in checks:
        name, icon = _NAMES.get(check.name, (check.name, "help"))
        with grid, st.container(border=True, height="stretch"):
            with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
                st.markdown(f":material/{icon}: **{name}**", width="content")
                status.badge("check", "ok" if check.ok else "unknown" if check.error is not None else "failed")
            st.caption(md(check.detail, 300))
            if not check.ok and check.remedy:
                st.markdown(f"**What to do:** {md(check.remedy, 500)}")


def unanswered(checks: Sequence[Check]) -> None:
    """Draws a line for each store that does not answer: the checks that need it."""
    by_store: dict[str, list[Check]] = {}
    for check in checks:
        by_store.setdefault(check.error.store if check.error else "", []).append(check)
    for some in by_store.values():
        names = ", ".join(_NAMES.get(check.name, (check.name, ""))[0] for check in some)
        if error := some[0].error:
            away.line(f"whether all is well with {names}", error)


def health(checks: Sequence[Check], *, page: str) -> None:
    """Draws one line about the checks that passed, which opens to a card for each."""
    passed = [check for check in checks if check.ok]
    if not passed:
        return
    names = ", ".join(_NAMES.get(check.name, (check.name, ""))[0] for check in passed)
    with st.expander(f":material/check_circle: OK: {names}", key=key(page, "health")):
        backends(passed)


def watches(found: Sequence[KeptWatch]) -> None:
    """Draws what did not hold, each with its link, and how many are still being watched."""
    now = datetime.now(UTC)
    for one in found:
        if one.state not in NEEDS_PERSON:
            continue
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(
                f":red-badge[{'Came back' if one.state == 'came_back' else 'Something is left'}] {md(one.kind, 60)} "
                f"by {md(one.actor, 80)}, {format.ago(one.made_at, now).text}. {md(one.detail, 300)}",
                width="stretch",
            )
            _watch_link(one)
    still = sum(one.state == "open" for one in found)
    if still:
        st.caption(f"Watching {number(still, 'change')}: the desk looks again after 15 minutes, an hour and a day.")
    elif not found:
        st.caption(":material/check_circle: Nothing is being watched.")


def _watch_link(one: KeptWatch) -> None:
    if one.of == "purge":
        st.page_link(SCREENS["purge"].file, label="Open", icon=":material/open_in_new:", query_params={"job": one.name})
    elif one.uid and one.video_id:
        query = {"uid": one.uid, "video_id": one.video_id}
        st.page_link(SCREENS["video"].file, label="Open", icon=":material/open_in_new:", query_params=query)
    elif one.uid:
        st.page_link(SCREENS["user"].file, label="Open", icon=":material/open_in_new:", query_params={"uid": one.uid})


def unread(error: StorageError) -> tuple[Check, ...]:
    """The checks that documents and objects answer together, where a store gave no answer."""
    detail = f"Could not be read now: {error.message}"
    return tuple(Check(name, False, detail, error.remedy, error) for name in SAMPLED)


def statuses(found: Statuses) -> None:
    """Draws videos by status as bars, in the order in which a video moves."""
    counts = found.counts
    total = sum(counts.values())
    if not total:
        st.caption("There are no videos.")
        return
    bars_by_status(counts)
    if found.at_least:
        names = ", ".join(status.look("video", name).word for name in counts if name in found.at_least)
        st.caption(
            f"Counting stops at {COUNTED_LIVE:,} per status, so there may be more: {md(names)}. "
            "The summary of Fleet counts all."
        )
    elif found.source == "rollup":
        st.caption(f"{number(total, 'video')} in all, by the last summary.")
    else:
        st.caption(f"{number(total, 'video')} in all, counted now.")


def bars_by_status(counts: Mapping[str, int]) -> None:
    shown = {name: number for name, number in counts.items() if number or name != "other"}
    looks = [status.look("video", name) for name in shown]
    failed = url_for("processing", **FAILED_VIDEOS) if allowed("diagnose") else ""
    frame = pd.DataFrame(
        {
            "Status": [look.word if look.known else "Other" for look in looks],
            "Videos": list(shown.values()),
            "colour": [status.shade(look.colour) for look in looks],
            "open": [failed if name == "failed" and count else "" for name, count in shown.items()],
        }
    )
    charts.bars(frame, "Status", "Videos", alt="Videos by status", leads="open")


def stuck_steps(view: FleetView | None, *, page: str) -> None:
    """Draws the steps where the rollup saw stalled videos, in place of a look at each of them."""
    if view is None or view.stuck is None:
        st.caption(
            f"More than {LOOKED_AT:,} videos are in progress or failed, and no recent summary says where they stopped."
        )
        return
    total = sum(view.stuck.values())
    st.markdown(f"**{number(total, 'stalled video')}** (in progress without an update) when the last summary was made.")
    words = {"analysis": "before the highlights", "render": "while rendering", "finish": "rendered, status never set"}
    with st.container(horizontal=True, key=key(page, "steps")):
        for step, count in view.stuck.items():
            st.metric(words.get(step, step), f"{count:,}", border=True)


def limits(found: LimitList, *, page: str) -> None:
    """Draws users near or over a limit, the gravest first."""
    frame = found.frame.head(_SHOWN)
    if len(frame):
        near = [_near(row) for row in frame.to_dict("records")]
        # Each in the colour of its own state: a user may be over one limit and only near another.
        colours = {said: status.look("usage", state).colour for row in near for said, state in row.items()}
        shown = frame.assign(
            open=[url_for("user", uid=uid) for uid in frame["uid"]],
            who=addresses.seen().column(frame["email"], frame["uid"]),
            limits=[list(row) for row in near],
        )
        columns = {
            "open": tables.link("Open"),
            "who": st.column_config.TextColumn("Customer", width=170),
            "limits": st.column_config.MultiselectColumn(
                "Which limit",
                options=list(colours),
                color=list(colours.values()),
                help="Share of the plan's limit. Red: exceeded (100 % and more, or a limit of 0). Orange: near.",
            ),
            "plan": "Plan",
        }
        tables.table(
            shown,
            key=key(page, "limits"),
            alt="Customers near or over a limit",
            columns=columns,
            id_column="uid",
            total=len(found.frame),
            height="content" if len(shown) <= 8 else 320,
        )
    else:
        who = "nobody" if found.complete else f"of {number(found.scanned, 'customer')} looked at, none"
        st.markdown(f":green[:material/check_circle:] {capitalised(who)} is near a limit.")
    st.caption(_scope(found))


def _near(row: Mapping[str, Any]) -> dict[str, str]:
    """The words for each quota that is near or over, with its state; a limit of 0 has no percentage.

    A worker that makes no clip comes first, because it leaves no error anywhere.
    """
    near = [name for name in QUOTAS if row[f"{name}_state"] in ("near_limit", "exceeded")]
    percents = {name: row[f"{name}_percent"] for name in near}
    said = {name: "limit 0" if pd.isna(part) else f"{part:,.1f} %" for name, part in percents.items()}
    refused = {} if row["worker_refuses"] is not True else {"Worker: no room for a clip": "exceeded"}
    return refused | {f"{name.capitalize()}: {said[name]}": row[f"{name}_state"] for name in near}


def _scope(found: LimitList) -> str:
    if found.source == "rollup":
        more = (
            " The list does not show every customer near or over a limit; Fleet counts them all." if found.more else ""
        )
        known = "All " if found.complete else ""
        return f"{known}{number(found.scanned, 'customer')}, by the last summary.{more}"
    scope = "All" if found.complete else "The first"
    rest = "" if found.complete else " Nothing is known of the others: Fleet says how to read them all."
    return f"{scope} {number(found.scanned, 'customer')}, read now from the counters behind the limits.{rest}"
