"""Draws what the desk changed of a customer or a video within seven days, by the records of the changes, with Undo.

It lasts over F5 and for other people: nothing of it is kept in the session.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

import streamlit as st

from pages._ui.access import addresses
from pages._ui.access.guard import allowed
from pages._ui.data import loads
from pages._ui.kit import format, status
from pages._ui.kit.feedback import freshness
from pages._ui.kit.session import UID, VIDEO_ID, key
from pages._ui.kit.text import ABSENT, md
from pages._ui.nav import SCREENS
from pages._ui.views.repair import take_back
from pages._ui.views.repair.kinds import BY_ID
from storage.actions import undoable
from storage.actions.orphans import CHANGE
from storage.actions.repair import undo_needs
from storage.actions.undoable import Recorded

DAYS: Final = 7
SHOWN: Final = 20
_OTHERS: Final = {  # kinds of changes that no dialog of a repair makes
    CHANGE["adopt"]: ("Adopt a file without a document", "note_add"),
    CHANGE["remove"]: ("Remove a file without a document", "delete_sweep"),
}
_JOINT: Final = re.compile(r"(repair-[0-9]{8}-[0-9]{6}-[0-9a-f]{8})-[0-9]+(?:-[0-9]+)?")  # a row of a joint repair


def section(uid: str, video_id: str = "", *, page: str) -> None:
    """The changes to the customer, or to one of the videos, the newest first; draws nothing where there are none."""
    loaded = loads.last_changes(uid)
    now = datetime.now(UTC)
    mine = [one for one in loaded.value if not video_id or one.video_id == video_id]
    recent = sorted((one for one in mine if _at(one, now) > now - timedelta(days=DAYS)), key=lambda one: _at(one, now))
    if not recent:
        return
    st.subheader("Last changes", anchor="last-changes")
    st.caption(f"By this desk, within {DAYS} days, the newest first.")
    for one in recent[::-1][:SHOWN]:
        _draw(one, now, page, whole=not video_id)
    if len(recent) > SHOWN:
        st.caption(f"The newest {SHOWN} of {len(recent):,}; the audit has all.")
    freshness(
        loaded.read_at,
        key=key(page, "last_changes_fresh"),
        cost=loaded.cost,
        on_refresh=loads.last_changes.clear,
    )


def _at(one: Recorded, now: datetime) -> datetime:
    """When it was made; a time that the record does not have is not taken as long ago."""
    at = one.held.get("at")
    return at if isinstance(at, datetime) else now


def _draw(one: Recorded, now: datetime, page: str, *, whole: bool) -> None:
    kind = next((kind for kind in BY_ID.values() if one.kind in {kind.id, kind.audited}), None)
    title, icon = (kind.title, kind.icon) if kind else _OTHERS.get(one.kind, (md(one.kind, 40), "edit"))
    fields = ", ".join(dict.fromkeys(change.field for change in one.changes))
    why = f": {reason}" if (reason := _why(one, "reason")) else ""
    needed = undo_needs(one.kind)
    with st.container(border=True, key=key(page, "change", one.change_id)):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(
                f":material/{icon}: **{title}** {md(fields, 200)}  \n"
                f":small[{md(_who(one, 'actor'), 120)}, {format.ago(_at(one, now), now).text}{why}]",
                width="stretch",
            )
            if not _standing(one, now):
                take_back.control(one.change_id, needed, page=page)
        _links(one, whole=whole)
        take_back.form(one.change_id, needed, page=page)


def _who(one: Recorded, name: str) -> str:
    """Somebody of the team; support, who sees no reason either, learns that it was the team."""
    if not allowed("diagnose"):
        return "the team"
    return addresses.seen().text(str(one.held.get(name) or ABSENT), one.uid)


def _why(one: Recorded, name: str) -> str:
    """A reason as it was written, as Markdown; empty for support."""
    return md(addresses.seen().text(str(one.held.get(name) or ABSENT), one.uid), 400) if allowed("diagnose") else ""


def _standing(one: Recorded, now: datetime) -> bool:
    """Draws what became of the change; true where there is nothing left to take back."""
    if one.settled and str(one.held.get("undone_reason") or "").startswith(undoable.NOT_MADE):
        st.badge("Not made", icon=":material/block:", color="gray", help="It stopped, and what it wrote was put back.")
    elif one.settled:
        at = one.held.get("undone_at")
        when = f" {format.ago(at, now).text}" if isinstance(at, datetime) else ""
        status.tag(
            f"Undone by {_who(one, 'undone_by')}{when}",
            200,
            icon=":material/undo:",
            colour="gray",
            note=_why(one, "undone_reason"),
        )
    elif one.taken_by:
        gone = (
            f"The purge {md(one.taken_by, 80)} deleted the former content. Undo that purge first, where that is still "
            "possible."
        )
        st.badge("Cannot be undone", icon=":material/lock:", color="gray", help=gone)
    elif one.state in {undoable.BEGUN, undoable.RETURNING}:
        st.badge("Stopped half way", icon=":material/hourglass_bottom:", color="orange")
        return False
    else:
        return False
    return True


def _links(one: Recorded, *, whole: bool) -> None:
    joint = _JOINT.fullmatch(one.change_id)
    with st.container(horizontal=True, gap="small"):
        if whole and one.video_id:
            st.page_link(
                SCREENS["video"].file,
                label=f"Video {md(one.video_id, 80)}",
                icon=":material/movie:",
                query_params={UID: one.uid, VIDEO_ID: one.video_id},
            )
        if joint and allowed("fix"):
            st.page_link(
                SCREENS["processing"].file,
                label="All rows of this joint repair",
                icon=":material/build:",
                query_params={"repair": joint[1]},
            )
