"""Processing: which videos do not move, and what is the next safe step?"""

import streamlit as st

from pages._ui.access.guard import show


def page() -> None:
    """Draws the page."""
    st.title("Processing")


if __name__ == "__main__":
    show("processing", page)
