"""Uploads: is everything that the documents name in the bucket, whole?"""

import streamlit as st

from pages._ui.access.guard import show


def page() -> None:
    """Draws the page."""
    st.title("Uploads")


if __name__ == "__main__":
    show("uploads", page)
