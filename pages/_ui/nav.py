"""Declares the pages, and builds the navigation from them.

Each page is a file: `pages/NAME.py` defines `page()`, which draws, and ends with

    if __name__ == "__main__":
        show("NAME", page)

`show` (in `pages._ui.access.guard`) is the guard: it looks the page up here, establishes who is asking, checks the
page's action and only then calls `page`. Streamlit runs a page's file under the name `__main__` both through `app.py`
and when it discovers the file by itself; so no way to a page's body avoids the guard, and an import of the file does
nothing. A page's top level holds only imports, constants and functions.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from storage.domain.policy import Action, permitted

FOLDER: Final = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Screen:
    """One page: `action` is the permission that opening it needs; `listed` puts it into the menu."""

    name: str
    title: str
    icon: str
    action: Action
    section: str
    help: str
    listed: bool = True

    @property
    def file(self) -> Path:
        return FOLDER / f"{self.name}.py"


_SCREENS = (
    Screen(
        "overview", "Overview", "space_dashboard", "look", "", "What needs a person now, and do both stores answer?"
    ),
    Screen("find", "Find", "search", "find", "", "One box for anything a customer sends: id, e-mail, file, link."),
    Screen("user", "Customer", "person", "look", "Customer", "One customer: problems, videos, usage.", listed=False),
    Screen("video", "Video", "movie", "look", "Customer", "One video: state, highlights, clips.", listed=False),
    Screen(
        "fleet", "Fleet", "groups", "look", "Operations", "All customers: limits, growth, the biggest, wrong counters."
    ),
    Screen(
        "uploads",
        "Uploads",
        "fact_check",
        "verify",
        "Operations",
        "Are all files that the documents name in the bucket?",
    ),
    Screen(
        "processing", "Processing", "pending_actions", "diagnose", "Operations", "Videos that have stalled, and why."
    ),
    Screen(
        "alerts", "Alerts", "notifications", "alerts.read", "Operations", "What people were told, and where alerts go."
    ),
    Screen("purge", "Purge", "delete_forever", "purge.plan", "Administration", "Plan, approve, apply and undo purges."),
    Screen("audit", "Audit", "history", "audit.own", "Administration", "Who did what, when and why."),
    Screen("access", "Access", "admin_panel_settings", "access.read", "Administration", "Who may do what, and why."),
)
SCREENS: Final = MappingProxyType({screen.name: screen for screen in _SCREENS})
HOME: Final = "overview"


def pages(roles: Collection[str]) -> dict[str, list[StreamlitPage]]:
    """Every page, by section, for `st.navigation`; the menu hides the pages that the roles may not open.

    A page that was left out would answer "Page not found"; a hidden page can say whom to ask.
    """
    sections: dict[str, list[StreamlitPage]] = {}
    for screen in SCREENS.values():
        listed = screen.listed and permitted(roles, screen.action)
        page = st.Page(
            screen.file,
            title=screen.title,
            icon=f":material/{screen.icon}:",
            url_path=screen.name,
            default=screen.name == HOME,
            visibility="visible" if listed else "hidden",
            help=screen.help,
        )
        sections.setdefault(screen.section, []).append(page)
    return sections
