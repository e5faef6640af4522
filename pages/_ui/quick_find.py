"""The search box in the side bar: from any page to the answer, without leaving the keyboard."""

from __future__ import annotations

from typing import Final

import streamlit as st

from pages._ui import shortcut
from pages._ui.access.guard import allowed
from pages._ui.keys import QUERY, key
from pages._ui.nav import SCREENS
from storage.domain.secret_patterns import without_secrets

_BOX: Final = key("quick", "find")
_WISH: Final = key("quick", "wish")  # session key: what was typed, until the run that follows takes it
PAGE_BOX: Final = key("find", "text")  # the beginning of the key of the box on the page Find
SENT: Final = key("quick", "sent")  # session key: a question was just sent, so a single match may be opened at once


def draw() -> None:
    """Draws the box, and goes to the answer where something was typed since the last run."""
    if not allowed("find"):
        return
    with st.sidebar:
        st.text_input(
            "Find", key=_BOX, type="search", placeholder="Find anything: press /", label_visibility="collapsed",
            on_change=_wish, max_chars=8_000, help="An id, an address, a key, a link, or a line of a log.",
        )  # fmt: skip
        shortcut.to_search(PAGE_BOX, _BOX, key=key("quick", "shortcut"))
    typed = st.session_state.pop(_WISH, "")
    if typed:
        st.session_state[SENT] = True
        st.switch_page(SCREENS["find"].file, query_params={QUERY: typed})


def question(text: str) -> str:
    """The text as the address holds it: without signatures and other secrets, and without line ends."""
    return " ".join(without_secrets(text, "").split())[:2_000]


def _wish() -> None:
    st.session_state[_WISH] = question(st.session_state[_BOX])
    st.session_state[_BOX] = ""
