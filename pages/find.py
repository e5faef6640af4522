"""Find: whose is what the customer pasted?"""

import streamlit as st

from pages._ui.access.guard import show


def page() -> None:
    """Draws the page."""
    st.title("Find")


if __name__ == "__main__":
    show("find", page)
