"""Leads to the plan or job that an address names in the place of another kind, on the page that draws it."""

from __future__ import annotations

import streamlit as st

from pages._ui.kit.text import md
from pages._ui.nav import SCREENS
from storage.domain.places import DeskPlace, place_of


def led(name: str | None, page: str, parameter: str, *, title: str = "") -> bool:
    """Says where this id is shown, with a link, where that is not this parameter of this page; else false.

    It does not jump there: Back would jump again. `title` is drawn above where the page has none yet.
    """
    place = place_of(name) if name else None
    if name is None or place is None or (place.page, place.parameter) == (page, parameter):
        return False
    if title:
        st.title(title, anchor=False)
    st.info(
        f"{md(name, 80)} is {place.noun}. The page {SCREENS[place.page].title} shows it.",
        title="It is shown elsewhere",
        icon=":material/alt_route:",
    )
    link(place, name, "Open it there")
    return True


def link(place: DeskPlace, name: str, label: str) -> None:
    """Draws the link to what has this id."""
    screen = SCREENS[place.page]
    icon = f":material/{screen.icon}:"
    st.page_link(screen.file, label=label, icon=icon, query_params={place.parameter: name})
