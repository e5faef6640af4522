"""Draws the palette, which finds anything, goes to any page and does what the open page offers, by keyboard alone.

Its button stands at the top of the side bar. What somebody types is sent to the server before any of it reaches an
address: a pasted link may hold a signature. Recent and pinned customers stay in the browser.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Final

import streamlit as st

from pages._ui import assets
from pages._ui.access import addresses
from pages._ui.access.guard import actor
from pages._ui.kit.session import key, url_for
from pages._ui.kit.text import plain
from pages._ui.nav import HOME, SCREENS
from storage.domain.policy import permitted

# `frontend/page.css` places both by these keys.
_KEY: Final = key("quick", "palette")
_OPENED: Final = key("quick", "opened")
_TYPED: Final = 8_000

_PALETTE = assets.component("clipdesk_palette", html='<div class="palette-root"></div>', css="palette/palette.css")
_OPEN = assets.component("clipdesk_opened")


def draw(roles: Collection[str], person: str, *, box: str, role: str | None) -> str:
    """Draws it, and returns what somebody asked it to find since the last run, or an empty text.

    `person`: whose recent customers it shows. `box`: the beginning of the key of a page's own search box.
    `role`: what each address says about the role of a person without sign-in; `None` with sign-in.
    """
    sent = st.session_state.get(_KEY)
    pages = [
        {"label": screen.title, "detail": screen.help, "href": url_for("" if screen.name == HOME else screen.name)}
        for screen in SCREENS.values()
        if screen.listed and permitted(roles, screen.action)
    ]
    with st.sidebar:
        _PALETTE(
            key=_KEY,
            data={
                "pages": pages,
                "find": permitted(roles, "find"),
                "person": _mark(person),
                "box": box,
                "role": role,
            },
            on_find_change=_nothing,
        )
    typed = sent.get("find") if sent else None
    return typed[:_TYPED] if isinstance(typed, str) and permitted(roles, "find") else ""


def opened(uid: str, email: str | None, *, gone: bool = False) -> None:
    """Tells the palette which customer the page shows; one who is `gone` is forgotten.

    The browser keeps an address masked for those who see it masked, also where they have revealed it.
    """
    name = plain(addresses.Seen(addresses.seen().whole).who(email, uid), 120) if email else ""
    data = {
        "person": _mark(actor(active=False).email),
        "uid": uid,
        "label": name,
        "href": url_for("user", uid=uid),
        "gone": gone,
    }
    _OPEN(key=_OPENED, data=data, height=1)


def _mark(person: str) -> str:
    return hashlib.sha256(person.encode(errors="replace")).hexdigest()[:16]


def _nothing() -> None:
    """Declares a trigger; `draw` reads its value before the palette is drawn."""
