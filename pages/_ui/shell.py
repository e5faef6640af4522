"""What stands around every page: title and icon of the tab, who is signed in, the banner, the menu."""

from __future__ import annotations

from typing import Final

import streamlit as st

from pages._ui import banner, nav
from pages._ui.access import account, guard, screens
from pages._ui.access.sessions import SessionEnded
from storage import config, environment
from storage.errors import ConfigError

# A drawing of our own: icons by name would be fetched from a third party.
_ICON: Final = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Crect width='32' height='32' "
    "rx='7' fill='%230B6E82'/%3E%3Cpath d='M12 9l11 7-11 7z' fill='%23fff'/%3E%3C/svg%3E"
)


def run() -> None:
    """Draws the shell and in it the page that the address names, or what stands in its place."""
    st.set_page_config(page_title="Clip Desk", page_icon=_ICON, layout="wide")
    try:
        values = environment.read()
        actor = guard.actor()
        if not config.is_demo(values):
            config.load(values)
    except ConfigError as error:
        _pages_unseen()
        screens.not_configured(error)
        return
    except SessionEnded as error:
        _pages_unseen()
        screens.sign_in(error)
        return
    if not actor.roles:
        _pages_unseen()
        account.panel(actor)
        screens.no_role(actor)
        return
    page = st.navigation(nav.pages(actor.roles))
    st.set_page_config(page_title=f"{page.title} · Clip Desk", page_icon=_ICON)
    banner.draw(values, actor)
    account.panel(actor)
    page.run()


def _pages_unseen() -> None:
    """Registers every page without a menu: the address stays what it is, and no page's file runs."""
    st.navigation(nav.pages(()), position="hidden")
    st.set_page_config(page_title="Clip Desk", page_icon=_ICON)
