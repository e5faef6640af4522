"""Purge: what would go, who agrees, and what became of it?"""

import streamlit as st

from pages._ui.access.guard import show


def page() -> None:
    """Draws the page."""
    st.title("Purge")


if __name__ == "__main__":
    show("purge", page)
