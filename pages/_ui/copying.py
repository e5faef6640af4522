"""Draws a small button that puts one text on the clipboard and says so; the text goes nowhere else.

Lines for a shell are drawn here, too, as they are there to be copied.
"""

from __future__ import annotations

from html import escape
from typing import Any

import streamlit as st

from pages._ui import assets
from pages._ui.kit.session import component_key

_COPY = assets.component("clipdesk_copy_button", html='<span class="copy-root"></span>', css="copying/copying.css")

# Kept free from the first moment on, so that nothing moves or wraps when the button comes.
_HEIGHT = 27
_ICON = 29
_LETTER = 6.6  # of the words beside the icon, which are never fewer than those that tell of a copy
_TOLD = len("Blocked")


def copy_button(value: str, *, key: str, what: str = "", label: str = "Copy", **layout: Any) -> None:
    """Draws the button that copies `value` exactly; it works over http, on any machine, and with the keyboard.

    `what` names the value for screen readers and on hover (`user id`). With an empty `label` it is an icon alone.
    """
    width = round(_ICON + 5 + _LETTER * max(len(label), _TOLD)) if label else _ICON
    layout = {"width": width, "height": _HEIGHT, **layout}
    _COPY(key=component_key(key), data={"value": value, "label": label, "what": what}, **layout)


def shell(text: str, *, key: str) -> None:
    """Draws lines for a shell as they are written, with a button that copies them.

    Streamlit's own block of code would fetch 1.6 MB that colour it.
    """
    with st.container(gap="small"):
        st.html(f'<pre class="shell">{escape(text)}</pre>')
        copy_button(text, key=key, what="commands")
