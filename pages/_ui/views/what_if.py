"""Draws what a purge, an undo, another plan or one more video would do to a user's figures, before it is done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import streamlit as st

from pages._ui.data import loads
from pages._ui.kit import feedback
from pages._ui.kit.feedback import freshness
from pages._ui.kit.session import key
from pages._ui.kit.text import md, plain
from storage.actions.supposing import Asked
from storage.domain.usage import DEFAULT_LIMITS, Usage
from storage.domain.what_if import Basis, Supposed, WhatIf, basis_of, rows, what_if
from storage.errors import StorageError
from storage.services.usage import Account


def draw(found: WhatIf) -> None:
    """The figures now and then, side by side, and what to know about them."""
    shown = rows(found)
    st.table(
        {
            "": [f"**{name}**" for name, _, _ in shown],
            "Now": [md(now, 200) for _, now, _ in shown],
            "Then": [md(then, 200) if then == now else f"**{md(then, 200)}**" for _, now, then in shown],
        },
        border="horizontal",
        hide_index=True,
    )
    for note in found.all_notes:
        st.caption(md(note, 400))


def beside(uid: str, supposed: Callable[[Usage], Supposed], *, page: str) -> None:
    """What one thing that somebody is about to do would change; it reads the account, and without it says nothing."""
    try:
        account, usage = loads.user(uid).value
        what = supposed(usage)
    except StorageError:
        st.caption("What it would do to the figures is not known: the account could not be read.")
        return
    found = what_if(_basis(account, usage), [what], datetime.now(UTC))
    with st.expander(f"What it would do: {found.summary}", icon=":material/query_stats:", key=key(page, "supposed")):
        draw(found)


def _basis(account: Account, usage: Usage) -> Basis:
    return basis_of(account.user, account.accounting, account.plans, usage)


def section(uid: str, video_titles: dict[str, str], *, page: str, whole: bool) -> None:
    """Asks what to suppose. A purge and one more video need every clip document (`whole`: the page has read them)."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        plan = st.selectbox(
            "Another plan",
            sorted(DEFAULT_LIMITS),
            index=None,
            key=key(page, "if", "plan"),
            placeholder="As it is",
            accept_new_options=True,
            width=180,
        )
        gone = st.multiselect(
            "Without these videos",
            list(video_titles),
            format_func=lambda one: plain(video_titles[one], 60),
            key=key(page, "if", "without"),
            placeholder="Keep all",
            width=320,
        )
        video = st.text_input(
            "One more video",
            key=key(page, "if", "video"),
            placeholder="10m or 500MiB",
            width=180,
            help="How long its clips play in all, or their size; the rest is estimated from this customer's clips.",
        )
        undo = st.text_input(
            "After an undo of", key=key(page, "if", "undo"), placeholder="Id of a purge or a change", width=220
        )
    everything = st.checkbox("Without the whole account", key=key(page, "if", "purged"))
    asked = Asked(plan, tuple(gone), everything, undo.strip() or None, video.strip() or None)
    if not asked:
        st.caption("Choose something; it changes nothing.")
        return
    if not whole and not st.button("Read every clip and work it out", key=key(page, "if", "go")):
        return
    feedback.section("the answer", lambda: _answer(uid, asked, page), key=key(page, "if", "answer"))


def _answer(uid: str, asked: Asked, page: str) -> None:
    with st.spinner("Working it out…"):
        loaded = loads.what_if(uid, asked)
    st.markdown(f"**{md('; '.join(loaded.value.supposed), 400)}**")
    draw(loaded.value)
    freshness(loaded.read_at, key=key(page, "if", "fresh"), cost=loaded.cost)
