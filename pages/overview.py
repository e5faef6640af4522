"""Overview: which desk is this, how are both backends, and what needs a person now?"""

import streamlit as st

from pages._ui.access.guard import show


def page() -> None:
    """Draws the page."""
    st.title("Overview")


if __name__ == "__main__":
    show("overview", page)
