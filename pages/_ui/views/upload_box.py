"""Asks whose uploads to check: by user id or e-mail address, one video or all."""

from __future__ import annotations

import streamlit as st

from pages._ui.access import addresses
from pages._ui.data import loads
from pages._ui.kit import feedback, tables
from pages._ui.kit.session import UID, VIDEO_ID, key
from storage.errors import BadInput, StorageError
from storage.ids import check_id


def draw(uid: str, video_id: str, *, page: str) -> None:
    """Draws the fields, filled from the address. “Run” checks the typed values and puts them into the address.

    An unchanged value is taken as it came from the address: it may be an id that nobody would type.
    """
    here = tables.fingerprint([uid, video_id])
    with st.form(key(page, "form", here), border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        typed = st.text_input("Customer id or e-mail", uid, key=key(page, "uid", here), max_chars=1_500)
        narrowed = st.text_input("Video id, if only one", video_id, key=key(page, "video", here), max_chars=1_500)
        sent = st.form_submit_button("Check", type="primary", icon=":material/fact_check:")
    if sent:
        try:
            wanted = {UID: uid if typed == uid and uid else _uid(typed.strip())}
            if narrowed.strip():
                wanted[VIDEO_ID] = video_id if narrowed == video_id else check_id(narrowed.strip(), VIDEO_ID)
        except StorageError as error:
            feedback.error_panel(error, key=key(page, "refused"))
            return
        loads.report.clear()
        st.query_params.pop(VIDEO_ID, None)
        st.query_params.update(wanted)
        st.rerun()


def _uid(typed: str) -> str:
    """The id of the customer: the typed id, or the id that the typed e-mail address leads to."""
    if "@" in typed:
        found = loads.find(typed, masked=not addresses.seen().whole).value
        users = {match.uid for match in found.matches if match.type == "user"}
        if len(users) > 1:
            raise BadInput(
                f"{len(users):,} customers match this address",
                field_name="Customer id or e-mail",
                remedy="Give the whole address, or open the customer with Find.",
            )
        if users:
            return users.pop()
    return check_id(typed, UID)
