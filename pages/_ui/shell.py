"""What stands around every page: title and icon of the tab, who is signed in, the banner, the menu."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

import streamlit as st

from pages._ui import banner, looks, nav, quick_find
from pages._ui.access import account, guard, screens, settings
from pages._ui.access.sessions import SessionEnded
from storage import environment
from storage.errors import ConfigError

# Drawings of our own: icons by name would be fetched from a third party.
_MARK: Final = "<rect width='32' height='32' rx='7' fill='#0B6E82'/><path d='M12 9l11 7-11 7z' fill='#fff'/>"
_NAME: Final = "<text x='42' y='23' font-family='sans-serif' font-size='20' font-weight='600' fill='#5B8794'>Clip Desk"
_SVG: Final = "data:image/svg+xml,"
_ICON: Final = _SVG + quote(f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'>{_MARK}</svg>")
_LOGO: Final = _SVG + quote(
    f"<svg xmlns='http://www.w3.org/2000/svg' width='150' height='32' viewBox='0 0 150 32'>{_MARK}{_NAME}</text></svg>"
)


def run() -> None:
    """Draws the shell and in it the page that the address names, or what stands in its place."""
    st.set_page_config(page_title="Clip Desk", page_icon=_ICON, layout="wide")
    looks.draw()
    try:
        values = environment.read()
        settings.check(values)
        actor = guard.actor()
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
    st.logo(_LOGO, icon_image=_ICON)
    banner.draw(values, actor)
    quick_find.draw()
    account.panel(actor)
    page.run()


def _pages_unseen() -> None:
    """Registers every page without a menu: the address stays what it is, and no page's file runs."""
    st.navigation(nav.pages(()), position="hidden")
    st.set_page_config(page_title="Clip Desk", page_icon=_ICON)
