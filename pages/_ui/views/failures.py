"""Draws failed videos as a list, and groups of equal failures and stops, with their life and what persons say of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import pandas as pd
import streamlit as st

from pages._ui.access.guard import guarded, stopped_by
from pages._ui.data import loads
from pages._ui.data.resources import repair_context
from pages._ui.kit import format, session, status, tables
from pages._ui.kit.session import key, url_for
from pages._ui.kit.text import md
from pages._ui.views.stuck import going_on, stage_word
from storage.actions import failure_groups
from storage.actions.failure_groups import Wanted
from storage.domain.actor_and_reason import LEAST_REASON_CHARS
from storage.domain.diagnosis import Outage
from storage.domain.diagnosis.groups import FailedVideo, FailureGroup, Life
from storage.domain.policy import Actor
from storage.text import number, rate

RANGE: Final = "range"
ALL_FAILED: Final = "All failed"  # the view of Processing that lists every failed video
FAILED_VIDEOS: Final = {key("processing", "view"): ALL_FAILED}  # its query
ALL: Final = "All"
_RANGES: Final[dict[str, timedelta | None]] = {
    "24 h": timedelta(days=1),
    "7 d": timedelta(days=7),
    "30 d": timedelta(days=30),
    ALL: None,
}
_LIVES: Final[dict[Life, tuple[str, status.Colour, str]]] = {
    "new": ("New", "red", "fiber_new"),
    "escalating": ("Escalating", "red", "trending_up"),
    "back": ("Back again", "orange", "replay"),
    "known": ("Known", "gray", "history"),
    "resolved": ("Resolved", "green", "task_alt"),
    "archived": ("Archived", "gray", "archive"),
}
_ASIDE: Final = frozenset({"archived", "resolved"})
_KINDS: Final = {
    "permanent": "Cannot help",
    "transient": "May help",
    "quota": "After the quota",
    "unrecognised": "Not known",
}
SHOWN: Final = 20


def time_range(page: str) -> timedelta | None:
    """Draws the choice of the time range, which the address keeps, and returns it; `None`: all times."""
    chosen = st.segmented_control(
        "Time range",
        list(_RANGES),
        default=ALL,
        key=key(page, RANGE),
        bind="query-params",
        label_visibility="collapsed",
        wrap=True,
    )
    return _RANGES[chosen or ALL]


def within(at: datetime | None, span: timedelta | None, now: datetime) -> bool:
    """Whether a time lies in the range; one that is unknown lies in each."""
    return span is None or at is None or at > now - span


def videos(
    found: Sequence[FailedVideo],
    *,
    page: str,
    name: str,
    empty: str,
    select: tables.SelectionMode,
    on_open: Callable[[str], None],
) -> list[str]:
    """Draws failed videos, the newest first; returns `uid/video_id` of the rows that are ticked."""
    if not found:
        st.markdown(f":green[:material/check_circle:] {empty}")
        return []
    rows = pd.DataFrame(
        {
            "id": [f"{one.uid}/{one.video_id}" for one in found],
            "owner": [one.email or one.uid for one in found],
            "title": [one.title or None for one in found],
            "failed_at": pd.to_datetime([one.at for one in found], utc=True),
            "retry": [_KINDS.get(one.kind, one.kind) for one in found],
            "cause": [one.cause or None for one in found],
            "error": [one.text for one in found],
            "uid": [one.uid for one in found],
            "video_id": [one.video_id for one in found],
        }
    )
    links = [url_for("video", uid=one.uid, video_id=one.video_id) for one in found]
    shown = rows.assign(open=links).head(tables.ROW_LIMIT)
    columns: dict[str, Any] = {
        "open": tables.link("Video", help="Open the video."),
        "owner": "Customer",
        "title": st.column_config.TextColumn("Title", width="medium"),
        "failed_at": tables.moment("Failed", distance=True, help="Point at a cell for the time."),
        "retry": "A retry",
        "cause": "Cause",
        "error": st.column_config.TextColumn("Error", width="large"),
        "uid": "Customer id",
        "video_id": "Video id",
    }
    return tables.table(
        shown,
        key=key(page, name),
        alt="Failed videos, the newest first",
        columns=columns,
        id_column="id",
        select=select,
        on_open=on_open,
        total=len(rows),
        height="content" if len(shown) <= 10 else 420,
        csv_name=f"{name}-videos",
        csv_frame=lambda: rows.drop(columns=["id"]),
    )


def groups(found: Sequence[FailureGroup], outages: Sequence[Outage], now: datetime, *, page: str) -> None:
    """Draws each group as a card; archived and resolved ones are folded away."""
    together = {pair for outage in outages for pair in outage.videos}
    current = [one for one in found if one.life not in _ASIDE]
    aside = [one for one in found if one.life in _ASIDE]
    if not found:
        st.markdown(":green[:material/check_circle:] No failed or stopped video in this time.")
    for one in current[:SHOWN]:
        _card(one, together, now, page)
    if len(current) > SHOWN:
        st.caption(f"The first {SHOWN} of {number(len(current), 'group')}; the list of all failures has every video.")
    if aside:
        title = f"{number(len(aside), 'group')} resolved or archived"
        with st.expander(title, icon=":material/archive:", key=key(page, "aside")):
            for one in aside[:SHOWN]:
                _card(one, together, now, page)


def _card(one: FailureGroup, together: Collection[tuple[str, str]], now: datetime, page: str) -> None:
    word, colour, icon = _LIVES[one.life]
    with st.container(border=True, key=key(page, "group", one.id)):
        sort = "failed" if one.sort == "error" else "stopped"
        whose = " :violet-badge[:material/person: waits for customers]" if one.customers else ""
        lines = [
            f":{colour}-badge[:material/{icon}: {word}]{whose} **{number(len(one.videos), 'video')}** of "
            f"{number(one.users, 'customer')} {sort}: {md(_said(one), 260)}",
            f":small[{_when(one, now)} {_bursts(one, together)}]",
        ]
        if one.life not in _ASIDE:
            lines[1] = f":small[{going_on(one.standing)} {_when(one, now)} {_bursts(one, together)}]"
        if one.mark is not None:
            lines.append(f":small[:gray[{md(_marked(one, now), 400)}]]")
        st.markdown("  \n".join(lines))
        _ask(one, page)


def _bursts(one: FailureGroup, together: Collection[tuple[str, str]]) -> str:
    """How many of the group are part of an outage; the others came at no rate that is one."""
    inside = sum(pair in together for pair in one.videos)
    apart = len(one.videos) - inside
    if not inside:
        return "Not an outage: they failed at different times."
    return f"{inside:,} of them in an outage" + (f", {apart:,} outside of it." if apart else ".")


def _said(one: FailureGroup) -> str:
    if one.sort == "stop":
        return f"{status.look('verdict', one.kind).word}, at {stage_word(one.stage).lower()}"
    return one.text


def _when(one: FailureGroup, now: datetime) -> str:
    if one.first_at is None or one.last_at is None:
        return "The times are not known."
    first, last = format.ago(one.first_at, now), format.ago(one.last_at, now)
    usual = f"{rate(one.usual_per_day)} a day before"
    return f"First {first.text}, last {last.text}; {one.last_day:,} in the last 24 h, {usual}."


def _marked(one: FailureGroup, now: datetime) -> str:
    mark = one.mark
    if mark is None:
        return ""
    until = f" until {mark.until_more:,} more ({one.since_mark:,} since)" if mark.state == "archived" else ""
    return f"{mark.state.capitalize()}{until} by {mark.by} {format.ago(mark.at, now).text}: {mark.reason}"


def _ask(one: FailureGroup, page: str) -> None:
    """Draws the ways to put the group aside, with a reason that goes on record; greyed for who may not."""
    nonce, stop = session.nonce(key(page, "group", "nonce")), stopped_by("fix")
    with st.popover("Archive or resolve", icon=":material/archive:", disabled=bool(stop), help=stop or None):
        if stop:
            return
        reason = st.text_input(
            "Reason, with the ticket", key=key(page, "group", one.id, nonce, "reason"), max_chars=1_000, live=True
        )
        more = st.number_input(
            "Archive until this many more fail",
            min_value=1,
            max_value=failure_groups.MOST_MORE,
            value=10,
            step=1,
            key=key(page, "group", one.id, nonce, "more"),
        )
        short = len(reason.strip()) < LEAST_REASON_CHARS
        with st.container(horizontal=True):
            _button("Archive", "archived", one, page, reason, int(more), disabled=short)
            _button("Resolved", "resolved", one, page, reason, 0, disabled=short)
            if one.mark is not None:
                _button("Reopen", "open", one, page, reason, 0, disabled=short)


def _button(
    label: str, wanted: Wanted, one: FailureGroup, page: str, reason: str, more: int, *, disabled: bool
) -> None:
    st.button(
        label,
        key=key(page, "group", one.id, wanted),
        disabled=disabled,
        on_click=_mark,
        args=(one, wanted, reason, more, page),
    )


@guarded("fix")
def _mark(who: Actor, one: FailureGroup, wanted: Wanted, reason: str, more: int, page: str) -> None:
    asked = (who.email, one.id, one.mark, wanted, reason, more)
    mark = partial(failure_groups.mark, repair_context(), who, one.id, wanted, reason, seen=one.mark, until_more=more)
    session.once(key(page, "group", "marked"), asked, mark)
    session.renew_nonce(key(page, "group", "nonce"))
    loads.stuck.clear()
