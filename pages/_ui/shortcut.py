"""Moves the focus into a search box when somebody presses the slash key anywhere on the desk."""

from __future__ import annotations

import streamlit as st

from pages._ui.assets import read
from pages._ui.kit.session import component_key

_SHORTCUT = st.components.v2.component(
    "clipdesk_shortcut", html='<span class="shortcut-root"></span>', js=read("shortcut.js")
)


def to_search(*boxes: str, key: str, focus: bool = False) -> None:
    """Lets `/` put the cursor into the first of the boxes that is in sight, named by the beginnings of their keys.

    Typing a slash into any field stays typing. With `focus` the cursor goes there once, when nothing else has it.
    """
    name = component_key(key)
    # It shows nothing and takes no room; with the width of its column it would widen the page past a narrow screen.
    st.html(f"<style>.st-key-{name} {{ position: absolute; width: 1px !important; }}</style>")
    _SHORTCUT(key=name, data={"boxes": list(boxes), "focus": focus}, height=1)
