"""Processing: which videos have stalled or failed, since when, in which outage, from which cause, and what now?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

import streamlit as st

from pages._ui.access import addresses
from pages._ui.access.guard import require, show
from pages._ui.copying import copy_button
from pages._ui.data import loads
from pages._ui.kit import feedback, params, session
from pages._ui.kit.feedback import freshness
from pages._ui.kit.session import UID, VIDEO_ID, key
from pages._ui.kit.text import md
from pages._ui.nav import SCREENS
from pages._ui.views import diagnosis, drafts, failures, looking, stuck
from pages._ui.views.repair import dialog as repairing
from pages._ui.views.repair import joint, repairs
from pages._ui.views.repair.kinds import of_case
from storage.domain.diagnosis import Known, Outage, StuckVideo
from storage.domain.diagnosis.groups import FailedVideo
from storage.errors import BadInput
from storage.services.diagnose import Case, StuckList
from storage.text import number

NAME: Final = "processing"
DELIVERED: Final = 200  # delivered videos that are checked on demand, the last touched first
FOR_GOOD: Final = "Failed for good"
CUSTOMERS: Final = "Waits for customers"
CAUSES: Final = "Causes"
VIEWS: Final = ("Needs a person", failures.ALL_FAILED, FOR_GOOD, CUSTOMERS, CAUSES)


def page() -> None:
    session.enter(NAME)
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        st.title("Processing", width="content", anchor=False)
        delivered = st.toggle(
            "Include delivered videos",
            key=key(NAME, "delivered"),
            bind="query-params",
            help=f"A status of completed does not prove that the customer sees anything. Checks the {DELIVERED:,} "
            "delivered videos that were touched last: 2 bucket operations and some 5 document reads for each, and one "
            "more for each of its clips.",
        )
    if feedback.section("the repair", joint.shown, key=key(NAME, "joint-place")) is not False:
        return
    feedback.section(
        "what is stuck",
        partial(_stuck, DELIVERED if delivered else 0),
        key=key(NAME, "stuck"),
        unknown="which videos need a person",
    )
    joint.dialog()
    _drawer()


def _stuck(delivered: int) -> None:
    with feedback.loading("Checking stalled videos…", 480):
        loaded = loads.stuck(delivered)
    found = loaded.value
    freshness(
        loaded.read_at,
        key=key(NAME, "fresh"),
        cost=loaded.cost,
        complete=found.complete,
        on_refresh=loads.stuck.clear,
    )
    stuck.disclosures(found)
    stuck.refused(found)
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        view = st.segmented_control(
            "List",
            VIEWS,
            default=VIEWS[0],
            key=key(NAME, "view"),
            bind="query-params",
            label_visibility="collapsed",
            wrap=True,
        )
        span = failures.time_range(NAME)
    draw = {
        failures.ALL_FAILED: _all_failed,
        FOR_GOOD: _for_good,
        CUSTOMERS: _customers,
        CAUSES: _causes,
    }.get(view or VIEWS[0])
    if draw is not None:
        draw(found, span)
    else:
        _needy(found, span, delivered)
    stuck.gaps(found, page=NAME)


def _needy(found: StuckList, span: timedelta | None, delivered: int) -> None:
    if not found.videos:
        _drafts(found)
        _nothing(found)
        _scope(found, delivered)
        return
    now = datetime.now(UTC)
    videos = [one for one in found.videos if failures.within(one.diagnosis.since, span, now)]
    outages = [one for one in found.outages if failures.within(one.last_at, span, now)]
    _totals(found)
    chosen = stuck.outage()
    stuck.outages(outages, chosen=chosen, choose=stuck.choose_outage, below=_repair_outage)
    stuck.apart(found, chosen=chosen, choose=stuck.choose_outage)
    _drafts(found)
    with st.container(border=True):
        st.markdown("**When they stopped** :small[:gray[UTC; each mark is one video; a column of marks is an outage]]")
        stuck.strip(videos, outages)
    shown = stuck.draw_filters(videos, found.outages, page=NAME)
    if shown:
        place = st.container(horizontal=True, vertical_alignment="center")
        ticked = stuck.table(shown, page=NAME, select=joint.ticks(), on_open=_open, csv_name="stuck-videos")
        with place:
            joint.offer_ticked(ticked, name="ticked")
            joint.offer(_pairs(shown), f"Repair all {number(len(shown), 'video')} of the list…", name="shown")
    else:
        feedback.empty("No video matches the filters.", icon="filter_alt_off", hint="Remove one of the filters.")
    _hint()
    _scope(found, delivered)


def _pairs(videos: Sequence[StuckVideo]) -> list[tuple[str, str]]:
    return [(one.diagnosis.uid, one.diagnosis.video_id) for one in videos]


def _repair_outage(outage: Outage) -> None:
    joint.offer(outage.videos, "Repair all…", name=stuck.outage_id(outage))


def _all_failed(found: StuckList, span: timedelta | None) -> None:
    _failed(found.failed, span, "failed", "No video failed in this time.")


def _for_good(found: StuckList, span: timedelta | None) -> None:
    permanent = [one for one in found.failed if one.kind == "permanent"]
    _failed(permanent, span, "failed-for-good", "No video failed for good in this time.")


def _customers(found: StuckList, span: timedelta | None) -> None:
    st.caption("Nothing on our side can help these: a quota is used up, or the source video is not open to everyone.")
    waiting = [one for one in found.failed if one.customers]
    _failed(waiting, span, "waiting-for-customers", "No failed video waits for its customer only.")
    failed = {(one.uid, one.video_id) for one in found.failed}
    held = [one for one in found.videos if one.diagnosis.verdict == "quota_blocked"]
    others = [one for one in held if (one.diagnosis.uid, one.diagnosis.video_id) not in failed]
    if others:
        st.markdown("**Not failed, and held back by a quota**")
        stuck.table(others, page=f"{NAME}-quota")


def _causes(found: StuckList, span: timedelta | None) -> None:
    now = datetime.now(UTC)
    shown = [one for one in found.groups if failures.within(one.last_at, span, now)]
    failures.groups(shown, found.outages, now, page=NAME)


def _failed(videos: Sequence[FailedVideo], span: timedelta | None, name: str, empty: str) -> None:
    now = datetime.now(UTC)
    shown = [one for one in videos if failures.within(one.at, span, now)]
    place = st.container(horizontal=True, vertical_alignment="center")
    ticked = failures.videos(shown, page=NAME, name=name, empty=empty, select=joint.ticks(), on_open=_open)
    with place:
        joint.offer_ticked(ticked, name=name)
    if shown:
        _hint()
    if len(videos) > len(shown):
        st.caption(f"{number(len(videos) - len(shown), 'video')} more failed outside this time range.")


def _hint() -> None:
    st.caption("A row opens its diagnosis beside the list; Ctrl-click opens the video in a new tab.")


def _drafts(found: StuckList) -> None:
    if found.drafts:
        st.markdown("**Drafts** :small[:gray[analyses that stalled or failed; there is no video yet]]")
        drafts.table(found.drafts, page=NAME, name="drafts")


def _nothing(found: StuckList) -> None:
    if found.drafts:
        st.caption("No video needs a person; the drafts above do.")
    elif found.complete:
        feedback.empty(
            "Nothing needs a person.",
            icon="task_alt",
            hint=f"Checked: {number(found.looked_at, 'video')} in progress without an update, or failed lately.",
        )
    else:
        st.warning(
            "No stuck video was found, but not everything could be checked.",
            title="Incomplete",
            icon=":material/hourglass_bottom:",
        )


def _scope(found: StuckList, delivered: int) -> None:
    more = "" if delivered else " Delivered videos were not checked; the switch above includes them."
    st.caption(f"Diagnosed: {number(found.looked_at, 'video')}.{more}")


def _totals(found: StuckList) -> None:
    judged = [video.diagnosis for video in found.videos if video.diagnosis.verdict != stuck.UNJUDGED]
    unjudged = len(found.videos) - len(judged)
    in_outages = len({pair for outage in found.outages for pair in outage.videos})
    ages = [diagnosis.age for diagnosis in judged if diagnosis.age is not None]
    days = max(ages).total_seconds() / 86_400 if ages else None
    with st.grid(5 if unjudged else 4, min_column_width=160, gap="small"):
        st.metric("Need a person", _known(len(judged), unjudged), border=True, icon=":material/person_alert:")
        customers = len({diagnosis.uid for diagnosis in judged})
        st.metric("Customers waiting", _known(customers, unjudged), border=True, icon=":material/group:")
        st.metric(
            "Outages",
            _known(len(found.outages), unjudged),
            border=True,
            icon=":material/crisis_alert:",
            help=f"{in_outages:,} of the videos stopped together with others.",
        )
        oldest = "—" if days is None else f"{days:.1f} days"
        st.metric("Longest wait", oldest, border=True, icon=":material/hourglass_disabled:")
        if unjudged:
            st.metric("Not known", f"{unjudged:,}", border=True, icon=":material/help:", help="No store answered.")


def _known(number: int, unjudged: int) -> str:
    """The number; a lower bound where some videos could not be judged, and a dash where that bound is 0."""
    if not unjudged:
        return f"{number:,}"
    return f"≥ {number:,}" if number else "—"


def _open(row: str) -> None:
    """Puts the row that was just opened into the address, which opens the drawer."""
    uid, _, video_id = row.rpartition("/")
    st.query_params.update({UID: uid, VIDEO_ID: video_id})


def _close() -> None:
    for name in (UID, VIDEO_ID):
        st.query_params.pop(name, None)


def _drawer() -> None:
    """Draws the diagnosis of the video that the address names, in a drawer at the right."""
    try:
        uid, video_id = params.read(UID), params.read(VIDEO_ID)
    except BadInput as error:
        feedback.error_panel(error, key=key(NAME, "params"))
        return
    if uid and video_id and repairing.is_open(NAME, uid, video_id):
        _repair(uid, video_id)
    elif uid and video_id:
        st.dialog("Diagnosis", position="right", width=720, icon=":material/troubleshoot:", on_dismiss=_close)(_case)(
            uid, video_id
        )


def _repair(uid: str, video_id: str) -> None:
    """Draws the dialog of a repair in place of the drawer: only one of them can be open."""
    loaded = feedback.section("the video", partial(loads.case, uid, video_id), key=key(NAME, "repair"))
    if loaded is not None:
        repairing.draw(of_case(loaded.value), page=NAME)


def _case(uid: str, video_id: str) -> None:
    if repairing.is_open(NAME, uid, video_id):
        st.rerun()  # a button of the drawer opened the repair, and runs the drawer alone
    feedback.section(
        "the diagnosis", partial(_diagnosis, uid, video_id), key=key(NAME, "case"), unknown="what is wrong"
    )


def _diagnosis(uid: str, video_id: str) -> None:
    require("diagnose")  # a drawer runs again without the page around it
    with feedback.loading("Looking at both stores…", 320):
        loaded = looking.case(uid, video_id, page=NAME)
    _head(loaded.value)
    st.page_link(
        SCREENS["video"].file,
        label="Open video and repairs",
        icon=":material/movie:",
        query_params={UID: uid, VIDEO_ID: video_id},
    )
    freshness(
        loaded.read_at,
        key=key(NAME, "case_fresh"),
        cost=loaded.cost,
        complete=loaded.value.error is None,
        on_refresh=loads.case.clear,
    )
    diagnosis.explain(loaded.value, page=NAME)
    looking.line(loaded.value, page=NAME)
    diagnosis.verdict(loaded.value, page=NAME, buttons=partial(repairs.of_steps, loaded.value, page=NAME))
    looking.look(loaded.value, page=NAME)


def _head(case: Case) -> None:
    """Draws the title, the customer and the id of the video."""
    video = case.facts.video.value if isinstance(case.facts.video, Known) else None
    owner = case.user.value if isinstance(case.user, Known) else None
    uid, video_id = case.diagnosis.uid, case.diagnosis.video_id
    title = (video.video_title if video else None) or "A video without a title"
    st.subheader(md(title, 120), anchor=False)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        label = md(addresses.seen().who(owner.email if owner else None, uid), 80)
        st.page_link(SCREENS["user"].file, label=label, icon=":material/person:", query_params={UID: uid})
        st.caption(f"video id {md(video_id, 80)}", width="content")
        copy_button(video_id, key=key(NAME, "copy"), what="video id", label="")


if __name__ == "__main__":
    show(NAME, page)
