"""Audit: who did what, when and why?"""

from __future__ import annotations

from functools import partial
from typing import Final

import streamlit as st

from pages._ui.access.guard import show
from pages._ui.kit import feedback, session
from pages._ui.kit.session import key
from pages._ui.views import audit

NAME: Final = "audit"


def page() -> None:
    session.enter(NAME)
    st.title("Audit", anchor=False)
    st.caption(
        "Everything that was looked at, handed out, planned, approved, refused, purged, undone or changed, also of "
        "what no longer exists. Entries are only ever added; keys stand here, never links."
    )
    question = audit.ask()
    if question is not None:
        feedback.section("the audit", partial(audit.answer, question), key=key(NAME, "answer"), unknown="what was done")
    st.subheader("Is it whole?", anchor=False)
    audit.draw_chain()


if __name__ == "__main__":
    show(NAME, page)
