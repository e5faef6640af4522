"""Draws a part of a page that is read when somebody unfolds it, and stays as they left it while its title changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import streamlit as st
from streamlit.elements.lib.mutable_expander_container import ExpanderContainer

from pages._ui.kit import session

_KEPT: Final = "kept"  # ends the session key of a fold as it was drawn last


@dataclass(frozen=True, slots=True)
class _Fold:
    title: str
    expanded: bool
    open: bool


def fold(title: str, icon: str, *, key: str, expanded: bool = False) -> ExpanderContainer:
    """Draws the fold; `open` of the result says whether its content is wanted. `title` is Markdown.

    Streamlit takes a fold with another title for another one, and would close it: here it goes on as it stood.
    """
    kept = session.key(key, _KEPT)
    before = st.session_state.get(kept)
    if before is not None:
        expanded = before.expanded if before.title == title else before.open
    place = st.expander(title, icon=f":material/{icon}:", expanded=expanded, key=key, on_change="rerun")
    st.session_state[kept] = _Fold(title, expanded, bool(place.open))
    return place
