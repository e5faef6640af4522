"""Alerts: what were people told, what could not be sent, and where do alerts go?"""

from __future__ import annotations

from typing import Final

import streamlit as st

from pages._ui.access.guard import show
from pages._ui.kit import feedback, session
from pages._ui.kit.session import key
from pages._ui.views import alerts

NAME: Final = "alerts"


def page() -> None:
    session.enter(NAME)
    st.title("Alerts", anchor=False)
    st.caption(
        "Each alert goes to each target once, until its state changes. Alerts hold no address, title or link to media."
    )
    feedback.section("the targets", alerts.targets, key=key(NAME, "targets"), unknown="where alerts go")
    st.subheader("What was sent", anchor=False)
    feedback.section("the alerts", alerts.kept, key=key(NAME, "kept"), unknown="what people were told")
    st.subheader("What is watched", anchor=False)
    alerts.rules()


if __name__ == "__main__":
    show(NAME, page)
