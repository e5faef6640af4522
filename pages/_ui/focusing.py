"""Puts the cursor into the first box when a page or a dialog opens. The slash key is the palette's, on every page."""

from __future__ import annotations

import streamlit as st

from pages._ui import assets
from pages._ui.kit.session import component_key

_FOCUS = assets.component("clipdesk_focus")


def begin_in(box: str, *, key: str) -> None:
    """Puts the cursor once into the visible box whose key begins so, when no other field has it."""
    name = component_key(key)
    # It shows nothing and takes no room; at the width of its column it would make the page wider than a narrow screen.
    st.html(f"<style>.st-key-{name} {{ position: absolute; width: 1px !important; }}</style>")
    _FOCUS(key=name, data={"box": box}, height=1)
