"""Processing: which videos have stalled, since when, in which outage, and what is wrong with each?"""

from __future__ import annotations

from functools import partial
from typing import Final

import streamlit as st

from pages._ui.access.guard import require, show
from pages._ui.data import loads
from pages._ui.kit import feedback, params, session
from pages._ui.kit.feedback import freshness
from pages._ui.kit.session import UID, VIDEO_ID, key
from pages._ui.nav import SCREENS
from pages._ui.views import diagnosis, drafts, stuck
from storage.errors import BadInput
from storage.services.diagnose import StuckList
from storage.text import number

NAME: Final = "processing"
DELIVERED: Final = 200  # delivered videos that are checked on demand, the last touched first
_SELECTED: Final = key(NAME, "selected")  # session key: the row chosen last, so that it opens once and not at every run


def page() -> None:
    session.enter(NAME)
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        st.title("Processing", width="content", anchor=False)
        delivered = st.toggle(
            "Also look at delivered videos",
            key=key(NAME, "delivered"),
            bind="query-params",
            help=f"A status of completed does not prove that the customer sees anything. Checks the {DELIVERED:,} "
            "delivered videos that were touched last: 2 bucket operations and some 5 document reads for each, and one "
            "more for each of its clips.",
        )
    feedback.section(
        "what is stuck",
        partial(_stuck, DELIVERED if delivered else 0),
        key=key(NAME, "stuck"),
        unknown="which videos need a person",
    )
    _drawer()


def _stuck(delivered: int) -> None:
    with feedback.loading("Checking videos that do not move…", 480):
        loaded = loads.stuck(delivered)
    found = loaded.value
    freshness(
        loaded.read_at,
        key=key(NAME, "fresh"),
        cost=loaded.cost,
        complete=found.complete,
        on_refresh=loads.stuck.clear,
    )
    if not found.videos:
        _drafts(found)
        _nothing(found, delivered)
        return
    stuck.disclosures(found)
    stuck.refused(found)
    _totals(found)
    chosen = stuck.outage()
    stuck.outages(found.outages, chosen=chosen, choose=stuck.choose_outage)
    stuck.apart(found, chosen=chosen, choose=stuck.choose_outage)
    _drafts(found)
    with st.container(border=True):
        st.markdown("**When they stopped** :small[:gray[UTC; each mark is one video; a column of marks is an outage]]")
        stuck.strip(found.videos, found.outages)
    shown = stuck.draw_filters(found.videos, found.outages, page=NAME)
    if shown:
        rows = stuck.table(shown, page=NAME, select="one", csv_name="stuck-videos")
        _open_selected(rows)
    else:
        feedback.empty("No video matches the filters.", icon="filter_alt_off", hint="Remove one of the filters.")
    st.caption("Tick a row to see its diagnosis beside the list; the first column opens the video's own page.")
    stuck.gaps(found, page=NAME)
    _scope(found, delivered)


def _drafts(found: StuckList) -> None:
    if found.drafts:
        st.markdown("**Drafts** :small[:gray[analyses that stalled or failed; there is no video yet]]")
        drafts.table(found.drafts, page=NAME, name="drafts")


def _nothing(found: StuckList, delivered: int) -> None:
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
    stuck.gaps(found, page=NAME)
    _scope(found, delivered)


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


def _open_selected(rows: list[str]) -> None:
    """Puts a newly ticked row into the address, which opens the drawer."""
    if rows == st.session_state.get(_SELECTED, []):
        return
    st.session_state[_SELECTED] = rows
    if rows:
        uid, _, video_id = rows[0].rpartition("/")
        st.query_params.update({UID: uid, VIDEO_ID: video_id})
    else:
        _close()


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
    if uid and video_id:
        st.dialog("Diagnosis", position="right", width=720, icon=":material/troubleshoot:", on_dismiss=_close)(_case)(
            uid, video_id
        )


def _case(uid: str, video_id: str) -> None:
    feedback.section(
        "the diagnosis", partial(_diagnosis, uid, video_id), key=key(NAME, "case"), unknown="what is wrong"
    )


def _diagnosis(uid: str, video_id: str) -> None:
    require("diagnose")  # a drawer runs again without the page around it
    with feedback.loading("Looking at both stores…", 320):
        loaded = loads.case(uid, video_id)
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
    diagnosis.verdict(loaded.value, page=NAME)


if __name__ == "__main__":
    show(NAME, page)
