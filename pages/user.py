"""User: who is this customer, and how much of the plan is used?"""

import streamlit as st

from pages._ui.access.guard import show


def page() -> None:
    """Draws the page."""
    st.title("User")


if __name__ == "__main__":
    show("user", page)
