"""Audit: who did what, when and why?"""

from __future__ import annotations

from functools import partial
from typing import Final

import streamlit as st

from pages._ui.access.guard import allowed, show
from pages._ui.kit import feedback, session
from pages._ui.kit.session import key
from pages._ui.views import audit

NAME: Final = "audit"


def page() -> None:
    session.enter(NAME)
    st.title("Audit", anchor=False)
    whose = "What everybody did" if allowed("audit.read") else "What you did yourself"
    st.caption(f"{whose}, and what was refused, also for customers who no longer exist. Entries are only ever added.")
    question = audit.ask()
    if question is not None:
        feedback.section("the audit", partial(audit.answer, question), key=key(NAME, "answer"), unknown="what was done")
    if allowed("audit.read"):
        audit.draw_chain()


if __name__ == "__main__":
    show(NAME, page)
