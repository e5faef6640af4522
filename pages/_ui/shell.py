"""Draws the frame of every page: the tab's title and icon, the person, the search box, the banner, the menu.

The banner says on every page that the desk looks at a demo or an emulator.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

import streamlit as st

from pages._ui import nav, palette
from pages._ui.access import guard, identity, screens, settings
from pages._ui.access.sessions import SessionEnded
from pages._ui.kit.session import QUERY, key
from pages._ui.kit.text import md
from pages._ui.nav import SCREENS
from pages._ui.views import stories
from storage.domain.policy import Actor
from storage.domain.search import askable
from storage.errors import ConfigError
from storage.settings import backends, reader

PAGE_BOX: Final = key("find", "text")  # the beginning of the key of the box on the page Find
SENT: Final = key("quick", "sent")  # session key: a question was just sent, so the page may open a single match at once
# Drawings of our own: the browser would fetch icons by name from a third party.
_MARK: Final = "<rect width='32' height='32' rx='7' fill='#0B6E82'/><path d='M12 9l11 7-11 7z' fill='#fff'/>"
_NAME: Final = "<text x='42' y='23' font-family='sans-serif' font-size='20' font-weight='600' fill='#5B8794'>Clip Desk"
_SVG: Final = "data:image/svg+xml,"
_ICON: Final = _SVG + quote(f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'>{_MARK}</svg>")
_LOGO: Final = _SVG + quote(
    f"<svg xmlns='http://www.w3.org/2000/svg' width='150' height='32' viewBox='0 0 150 32'>{_MARK}{_NAME}</text></svg>"
)


def draw_banner(values: Mapping[str, str], actor: Actor) -> None:
    """Draws the banner, or nothing with ordinary live data."""
    emulator = values.get("FIRESTORE_EMULATOR_HOST", "").strip()
    if backends.is_demo(values):
        text = "Demo: sample data on this machine. Nothing here reaches a real bucket or project."
    elif emulator:
        project, bucket = md(values.get("FIREBASE_PROJECT_ID", "")), md(values.get("R2_BUCKET_NAME", ""))
        text = (
            f"Firestore is an emulator at **{md(emulator)}** (FIRESTORE_EMULATOR_HOST), project **{project}**; "
            f"the bucket is **{bucket}**."
        )
    else:
        return
    if actor.source == "local":
        text += f" Viewing as **{md(actor.email.partition('@')[0])}**. Change the role at the left."
    st.info(text, icon=":material/science:")


def draw_palette(actor: Actor) -> None:
    """Draws the palette, and goes to the page Find where somebody asked it to find a text since the last run."""
    role = identity.role_in_address(actor.email) if actor.source == "local" else None
    typed = question(palette.draw(actor.roles, actor.email, box=PAGE_BOX, role=role))
    if typed:
        st.session_state[SENT] = True
        st.switch_page(SCREENS["find"].file, query_params={QUERY: typed})


def question(text: str) -> str:
    """The text as an address can hold it: without signatures and other secrets, line ends and halves of characters."""
    whole = text.encode(errors="replace").decode()
    return " ".join(askable(whole.strip()).split())[:2_000]


def run() -> None:
    """Draws the shell and in it the page that the address names, or the screen that replaces it."""
    st.set_page_config(page_title="Clip Desk", page_icon=_ICON, layout="wide")
    try:
        values = reader.read()
        settings.check(values)
        identity.adopt()
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
        screens.panel(actor)
        screens.no_role(actor)
        return
    page = st.navigation(nav.pages(actor.roles))
    st.set_page_config(page_title=f"{page.title} · Clip Desk", page_icon=_ICON)
    st.logo(_LOGO, icon_image=_ICON)
    draw_banner(values, actor)
    draw_palette(actor)
    screens.panel(actor)
    if backends.is_demo(values):
        stories.wait_for_the_start()
    page.run()


def _pages_unseen() -> None:
    """Registers every page without a menu: the address stays the same, and no page's file runs."""
    st.navigation(nav.pages(()), position="hidden")
    st.set_page_config(page_title="Clip Desk", page_icon=_ICON)
