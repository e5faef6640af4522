"""Draws the repairs of one video in the order to try them, the recount of a user, and how the last repair ended."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st

from pages._ui.access.guard import stopped_by
from pages._ui.data import loads
from pages._ui.kit.session import UID, VIDEO_ID, key
from pages._ui.kit.text import md
from pages._ui.nav import SCREENS
from pages._ui.views.purge.home import plan_button
from pages._ui.views.repair import dialog, outcome
from pages._ui.views.repair.kinds import BY_ID, KINDS, Kind, Subject, of_case
from pages._ui.views.repair.outcome import RepairTarget
from storage.domain.usage import Counter
from storage.services.diagnose import Case

_DOUBTED = (
    "The answers of the stores are not reliable at this moment, so the desk offers no repair. Check again when the "
    "settings are right and both stores answer."
)
_PLAN = "Plan a purge…"
_ADVISED = " :blue-badge[:material/recommend: advised]"


def draw(case: Case, *, page: str) -> None:
    """Draws the repairs; one that this person may not make is greyed and says why. A dialog shows each change first."""
    found = case.diagnosis
    outcome.draw(of_case(case), page=page)
    steps = {step.id for step in found.actions}
    offered = believed(case)
    if not offered:
        st.warning(
            _DOUBTED,
            title="No repairs now",
            icon=":material/gpp_maybe:",
        )
    with st.container(border=True, key=key(page, "ladder")):
        _again(found.uid, page)
        for kind in KINDS:
            _repair(kind, case, page, offered=offered, advised=bool(kind.advised_by & steps))
        _purge(found.uid, found.video_id, page, advised="purge" in steps)
    if offered:
        dialog.draw(of_case(case), page=page)


def recount(uid: str, counters: Sequence[Counter], *, page: str) -> None:
    """Draws the recount of a user beside the drift that it corrects, with its outcome."""
    subject = Subject(uid)
    outcome.draw(subject, page=page)
    kind = BY_ID["recount"]
    wrong = sum(counter.is_wrong for counter in counters)
    stop = stopped_by(kind.action)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            f"{kind.title}…",
            key=key(page, "fix", kind.id),
            icon=f":material/{kind.icon}:",
            on_click=dialog.start,
            args=(RepairTarget(page, kind.id, uid, ""),),
            type="primary" if wrong and not stop else "secondary",
            disabled=bool(stop),
            help=stop or None,
        )
        st.caption("Shows every counter before and after, asks for a reason, and can be undone.")
    dialog.draw(subject, page=page)


def believed(case: Case) -> bool:
    """Whether the stores' answers can be believed, so that a repair is offered."""
    found = case.diagnosis
    doubted = found.suspicion is not None and not found.suspicion.repairs
    return case.error is None and not doubted and found.verdict != "access_denied"


def of_steps(case: Case, *, page: str) -> None:
    """Draws the advised steps as buttons, in their order, and how the last repair ended."""
    found = case.diagnosis
    outcome.draw(of_case(case), page=page)
    kinds = {step: kind for kind in KINDS for step in kind.advised_by}
    drawn: set[str] = set()
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=key(page, "case", "steps")):
        for step in found.actions:
            kind = kinds.get(step.id)
            if kind is not None and kind.id not in drawn and believed(case):
                drawn.add(kind.id)
                target = RepairTarget(page, kind.id, found.uid, found.video_id)
                stop = stopped_by(kind.action)
                st.button(
                    f"{kind.title}…",
                    key=key(page, "case", "step", kind.id),
                    icon=f":material/{kind.icon}:",
                    type="primary" if len(drawn) == 1 and not stop else "secondary",
                    disabled=bool(stop),
                    help=stop or None,
                    on_click=dialog.start,
                    args=(target,),
                )
            elif step.id == "check_again":
                st.button(
                    "Check again",
                    key=key(page, "case", "step", "again"),
                    icon=":material/refresh:",
                    on_click=partial(loads.refresh_user, found.uid),
                )
            elif step.id == "purge":
                ids = {UID: found.uid, VIDEO_ID: found.video_id}
                plan_button(_PLAN, ids, icon=":material/delete_forever:", key=key(page, "case", "step", "purge"))
            elif step.id == "find":
                _link("find", "Look for it elsewhere", "search", {"q": found.video_id})


def _link(screen: str, label: str, icon: str, query: dict[str, str]) -> None:
    st.page_link(SCREENS[screen].file, label=label, icon=f":material/{icon}:", query_params=query)


def _again(uid: str, page: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(
            ":material/refresh: **Check again**  \n:small[The state may have changed since this page was read.]",
            width="stretch",
        )
        st.button("Check again", key=key(page, "fix", "again"), on_click=partial(loads.refresh_user, uid))


def _repair(kind: Kind, case: Case, page: str, *, offered: bool, advised: bool) -> None:
    target = RepairTarget(page, kind.id, case.diagnosis.uid, case.diagnosis.video_id)
    stop = stopped_by(kind.action) or ("" if offered else _DOUBTED)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(
            f":material/{kind.icon}: **{kind.title}**{_ADVISED if advised else ''}  \n:small[{md(kind.about, 200)}]",
            width="stretch",
        )
        st.button(
            f"{kind.title}…",
            key=key(page, "fix", kind.id),
            on_click=dialog.start,
            args=(target,),
            disabled=bool(stop),
            help=stop or None,
            type="primary" if advised and not stop else "secondary",
        )


def _purge(uid: str, video_id: str, page: str, *, advised: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(
            f":material/delete_forever: **Purge**{_ADVISED if advised else ''}  \n"
            ":small[The last resort, with the customer's agreement: you check a plan before anything is deleted.]",
            width="stretch",
        )
        plan_button(_PLAN, {UID: uid, VIDEO_ID: video_id}, key=key(page, "fix", "purge"))
