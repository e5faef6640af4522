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
        "Everything that people viewed, linked, planned, approved, changed, purged or undid, and every refusal, "
        "also for customers who no longer exist. Entries are only ever added. It shows keys, never links."
    )
    question = audit.ask()
    if question is not None:
        feedback.section("the audit", partial(audit.answer, question), key=key(NAME, "answer"), unknown="what was done")
    st.subheader("Integrity check", anchor=False)
    audit.draw_chain()


if __name__ == "__main__":
    show(NAME, page)
