"""Scrolls to a part of the page when the page is opened for it, or when it shows another thing."""

from __future__ import annotations

import streamlit as st

from pages._ui import assets
from pages._ui.kit.session import component_key

_REACH = assets.component("clipdesk_reach")


def scroll_to(target: str, *, of: str, key: str) -> None:
    """Scrolls to the container of this key, once for each thing `of` that it shows."""
    name = component_key(key)
    st.html(f"<style>.st-key-{name} {{ position: absolute; width: 1px !important; }}</style>")
    _REACH(key=name, data={"target": target, "of": of}, height=1)
