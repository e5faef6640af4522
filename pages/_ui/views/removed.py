"""Draws what happened to things that a purge took: by whom, when, why, and until when they can be put back."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages._ui.access.guard import allowed
from pages._ui.data import loads
from pages._ui.kit import feedback
from pages._ui.kit.feedback import freshness
from pages._ui.kit.session import key
from pages._ui.kit.text import md
from pages._ui.nav import SCREENS
from storage.domain.purge.removed import FULLY_TOLD, Removed

SHOWN = 20  # purges of parts that a list shows


def told(found: Removed) -> str:
    """All that this person may be told."""
    return md(found.told(full=allowed(FULLY_TOLD)), 800)


def panel(found: Removed, *, page: str) -> None:
    """In the place of a thing that a purge took."""
    st.warning(told(found), title="Removed", icon=":material/delete_history:")
    _to_job(found, page=page)
    if found.can_be_undone and not allowed("purge.undo"):
        st.caption("An admin of the desk can put it back: tell them the id of the job.")


def parts(uid: str, video_id: str = "", *, page: str) -> None:
    """The purges of parts of a living account, or of one of its videos; draws nothing where there are none."""
    loaded = loads.removals(uid)
    there = [one for one in loaded.value if not one.there_again]
    mine = [one for one in there if not video_id or video_id in one.video_ids]
    if mine:
        st.subheader("What was removed", anchor="removed")
        _list(mine, page=page)
        freshness(loaded.read_at, key=key(page, "removed_fresh"), cost=loaded.cost, on_refresh=loads.removals.clear)


def _list(found: Sequence[Removed], *, page: str) -> None:
    for one in found[:SHOWN]:
        with st.container(border=True, horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(f":material/delete_history: **Removed: {md(one.spelled, 200)}**  \n:small[{told(one)}]")
            _to_job(one, page=page)
    if len(found) > SHOWN:
        st.caption(f"The newest {SHOWN} of {len(found):,}; the audit has all.")


def _to_job(found: Removed, *, page: str) -> None:
    if allowed("purge.plan"):
        label = "Open the job" if not found.can_be_undone else "Open the job, to undo it"
        purge = SCREENS["purge"]
        st.page_link(purge.file, label=label, icon=f":material/{purge.icon}:", query_params={"job": found.job_id})


def gone_clip(uid: str, video_id: str, clip_id: str, *, page: str) -> bool:
    """Draws the purge of a clip that is not there; false where no purge is known."""
    mine = (one for one in loads.removals(uid).value if one.kind in {"clip", "clips"} and video_id in one.video_ids)
    found = next((one for one in mine if clip_id in one.clip_ids and not one.there_again), None)
    if found is not None:
        panel(found, page=page)
    return found is not None


def gone(uid: str, *, page: str) -> bool:
    """Draws the purge of a user who is not there; false where no purge is known."""
    with feedback.loading("Looking for a purge…"):
        loaded = loads.removals(uid)
    found = next((one for one in loaded.value if one.kind == "user" and not one.there_again), None)
    if found is None:
        return False
    st.title(md(uid, 80), anchor=False)
    panel(found, page=page)
    freshness(loaded.read_at, key=key(page, "gone_fresh"), cost=loaded.cost, on_refresh=loads.removals.clear)
    return True
