"""Audit: who did what, when and why?"""

import streamlit as st

from pages._ui.access.guard import show


def page() -> None:
    """Draws the page."""
    st.title("Audit")


if __name__ == "__main__":
    show("audit", page)
