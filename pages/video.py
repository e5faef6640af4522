"""Video: what state is this video in, and what of it is there?"""

import streamlit as st

from pages._ui.access.guard import show


def page() -> None:
    """Draws the page."""
    st.title("Video")


if __name__ == "__main__":
    show("video", page)
