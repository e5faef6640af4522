"""Draws a small button that puts one text on the clipboard and says so; the text goes nowhere else."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages._ui.assets import read
from pages._ui.kit.session import component_key

_COPY = st.components.v2.component(
    "clipdesk_copy_button",
    html='<span class="copy-root"></span>',
    css=read("copying.css"),
    js=read("clipboard.js", "copying.js"),
)

_PIXELS = 27  # kept free from the first moment on, so that nothing moves when the button comes


def copy_button(value: str, *, key: str, what: str = "", label: str = "Copy", **layout: Any) -> None:
    """Draws the button that copies `value` exactly; it works over http, on any machine, and with the keyboard.

    `what` names the value for screen readers and on hover (`user id`). With an empty `label` it is an icon alone.
    """
    layout = {"width": "content", "height": _PIXELS, **layout}
    _COPY(key=component_key(key), data={"value": value, "label": label, "what": what}, **layout)
