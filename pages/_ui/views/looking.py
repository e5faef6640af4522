"""Looks into the clips of a video after the page is drawn, and draws it again with the result.

The desk looks into up to `UNASKED` clips by itself; a button looks into the others. The page shows at once what this
process has seen before.
"""

from __future__ import annotations

from typing import Final

import streamlit as st

from pages._ui.data import loads
from pages._ui.data.loads import Loaded
from pages._ui.kit import away, feedback
from pages._ui.kit.session import key
from pages._ui.kit.text import prose
from storage.domain.diagnosis import Known, Unknown
from storage.domain.diagnosis.playing import Playing, counted
from storage.services.diagnose import Case
from storage.text import number

UNASKED: Final = 24
ALL: Final = "all"


def case(uid: str, video_id: str, *, page: str) -> Loaded[Case]:
    """The diagnosis, with a look into the clips where this session asked for one or it costs nothing."""
    known = loads.case(uid, video_id)
    wished = st.session_state.get(_wish(page, uid, video_id))
    most = None if wished == ALL else UNASKED
    if known.value.gathered is None or (wished is None and loads.to_look_into(known.value, most)):
        return known
    seen = loads.looked_into(uid, video_id, known.read_at, most)
    return Loaded(seen.value, known.read_at, known.cost + seen.cost, known.unanswered + seen.unanswered)


def look(found: Case, *, page: str) -> None:
    """Called last on the page: looks into the clips where nobody has yet, then draws the page again."""
    uid, video_id = found.facts.uid, found.facts.video_id
    if found.gathered is None or found.gathered.looks is not None:
        return
    known = loads.case(uid, video_id)
    loads.looked_into(uid, video_id, known.read_at, UNASKED)
    st.session_state[_wish(page, uid, video_id)] = UNASKED
    feedback.draw_again()


def line(found: Case, *, page: str) -> None:
    """Draws one line on the look, as high before as after it, and the button for the clips that are left."""
    tally = found.facts.objects
    if isinstance(tally, Unknown) and away.for_code(tally.code):
        away.gap("whether these clips play")
        return
    if isinstance(tally, Unknown):
        st.caption(f"Whether these clips play is not known: {prose(tally.message, 300)}")
        return
    playing = tally.value.seen if isinstance(tally, Known) else Playing()
    more = _without_a_file(tally.value.named - playing.there) if isinstance(tally, Known) else ""
    if not playing.there:
        if more:
            st.caption(more)
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=key(page, "looked")):
        if found.gathered is not None and found.gathered.looks is None:
            st.caption(
                f":material/hourglass_top: Looking into {number(min(UNASKED, playing.there), 'clip')}…", width="content"
            )
            return
        st.caption(f"{prose(counted(playing), 300)} {more}", width="content")
        if playing.unasked:
            st.button(
                f"Look into the other {playing.unasked:,}",
                key=key(page, "look_into_all"),
                type="tertiary",
                icon=":material/frame_inspect:",
                on_click=_all,
                args=(page, found.facts.uid, found.facts.video_id),
                help="One or two billed reads a clip.",
            )


def _without_a_file(clips: int) -> str:
    """The clips that are completed by their documents, and whose files are not there or are not the customer's."""
    if clips <= 0:
        return ""
    return f"{number(clips, 'completed clip')} {'has' if clips == 1 else 'have'} no usable file."


def _all(page: str, uid: str, video_id: str) -> None:
    st.session_state[_wish(page, uid, video_id)] = ALL


def _wish(page: str, uid: str, video_id: str) -> str:
    return key(page, "look_into", uid, video_id)
