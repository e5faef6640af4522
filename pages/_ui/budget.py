"""The budget of document reads that a page stops at and asks, and the quiet line with what a view was billed."""

from __future__ import annotations

from functools import partial

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pages._ui import state
from pages._ui.keys import key
from storage import config, environment
from storage.clients import meter
from storage.clients.meter import Cost

MORE = 10  # times as many reads, each time that somebody says so


def allowed(page: str = "") -> int | None:
    """How many documents one run of the page (else of the one that is open) may read; `None`: as many as it likes.

    What reads in the background has no page, and nobody who allowed it more.
    """
    budget = config.read_budget(environment.read())
    if budget is None or get_script_run_ctx(suppress_warning=True) is None:
        return budget
    return budget * _times(page or state.current())


def ask(name: str) -> None:
    """The button that lets the open page read more, until it is left; the run that follows begins anew."""
    page = state.current()
    budget = allowed(page)
    if budget is None:
        return
    st.button(
        f"Read on, up to {budget * MORE:,} documents", key=f"{name}_more", icon=":material/payments:",
        on_click=partial(_allow_more, page), help="Every document read is billed. Holds until this page is left.",
    )  # fmt: skip


def say(cost: Cost, words: list[str]) -> None:
    """What drawing the page was billed just now, below the menu, with the process's total on hover."""
    since = meter.total.cost()
    with st.sidebar:
        st.caption(
            f":material/receipt_long: This view: {', '.join(words) if cost != Cost() else 'nothing billed'}",
            help=f"Billed for drawing it just now. This desk since it started: {since.firestore_reads:,} reads, "
            f"{since.firestore_writes:,} writes, {since.firestore_deletes:,} deletes, {since.r2_class_a:,} class A and "
            f"{since.r2_class_b:,} class B operations.",
        )


def _times(page: str) -> int:
    return int(st.session_state.get(key(page, "reads-times"), 1))


def _allow_more(page: str) -> None:
    st.session_state[key(page, "reads-times")] = _times(page) * MORE
