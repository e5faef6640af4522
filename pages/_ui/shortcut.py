"""Moves the focus into a page's search box when somebody presses the slash key there."""

from __future__ import annotations

import streamlit as st

from pages._ui.assets import read
from pages._ui.kit.session import component_key

_SHORTCUT = st.components.v2.component(
    "clipdesk_shortcut", html='<span class="shortcut-root"></span>', js=read("shortcut.js")
)


def to_search(*boxes: str, key: str, focus: bool = False) -> None:
    """Lets `/` put the cursor into the first visible one of the boxes, which are named by the beginnings of their keys.

    A slash typed into a field stays text. With `focus` the cursor goes there once, when no other field has it.
    """
    name = component_key(key)
    # It shows nothing and takes no room; at the width of its column it would make the page wider than a narrow screen.
    st.html(f"<style>.st-key-{name} {{ position: absolute; width: 1px !important; }}</style>")
    _SHORTCUT(key=name, data={"boxes": list(boxes), "focus": focus}, height=1)
