"""Leads to a plan or job on the page that draws it: from an address that names it in the place of another kind, from
the list of what waits for a second person, from an applied plan to its job."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from pages._ui.kit.text import md
from pages._ui.nav import SCREENS
from storage.domain.places import DeskPlace, place_of
from storage.domain.purge.job import Job


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


def link(place: DeskPlace, name: str, label: str, *, icon: str = "") -> None:
    """Draws the link to what has this id; its icon is the page's, or `icon`."""
    screen = SCREENS[place.page]
    shown = f":material/{icon or screen.icon}:"
    st.page_link(screen.file, label=label, icon=shown, query_params={place.parameter: name})


def waiting(plan_id: str, what: str, maker: str, expires_at: datetime, *, ready: str = "") -> None:
    """Draws a plan that waits for a second person, or, where it is `ready` (in words), for its end, with the link to
    it. `what` and `maker` are Markdown."""
    badge = f":green-badge[{ready}]" if ready else ":orange-badge[Needs a second person]"
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"{badge} {what} :small[planned by {maker}, valid until {expires_at:%H:%M} UTC]",
            width="stretch",
        )
        if place := place_of(plan_id):
            words, icon = ("Look and apply", "task_alt") if ready else ("Look and answer", "how_to_reg")
            link(place, plan_id, words, icon=icon)


def applied(job: Job, said: str) -> None:
    """Draws that a plan was applied, `said` (Markdown) by whom and when, with the link to its job."""
    st.info(f"{said}. One plan is one job.", title="Applied", icon=":material/check_circle:")
    if place := place_of(job.job_id):
        link(place, job.job_id, f"Open job {md(job.job_id, 80)}", icon="arrow_forward")
