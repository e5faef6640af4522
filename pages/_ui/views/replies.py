"""Draws a reply to a customer in a language that is chosen by hand, beside what it says in the staff's own."""

from __future__ import annotations

from typing import Final

import streamlit as st

from pages._ui.copying import copy_button
from pages._ui.kit.session import key, seed
from pages._ui.kit.text import md
from storage.domain.replies import LANGUAGES, OWN, SPEECHES, Language, Reply

TITLE: Final = ":material/forum: **Reply to send**"
_CHOSEN: Final = "replies__languages"  # by customer, for as long as the session lasts


def draw(
    reply: Reply,
    *,
    whose: str,
    page: str,
    name: str,
    title: str = TITLE,
    copy: str = "Copy the reply",
    what: str = "reply",
    about: str = "",
) -> None:
    """Draws the title, the choice of a language, a button that copies, and the words.

    `whose`: the customer (or outage) for whom the choice is kept on every page. `what` names the value for screen
    readers, `copy` is the button's label. `about` tells one of several replies of a page from the others.
    """
    chosen = seed(_CHOSEN, dict[str, Language])
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(title, width="stretch")
        language = st.selectbox(
            f"Language of the reply{about}",
            LANGUAGES,
            index=LANGUAGES.index(chosen.get(whose, OWN)),
            format_func=lambda one: SPEECHES[one].name,
            key=key(page, name, "language", whose),
            label_visibility="collapsed",
            width=140,
        )
        chosen[whose] = language
        copied = key(page, name, "copy", whose, language)
        copy_button(reply.words(language), key=copied, what=f"{what}{about}", label=copy)
    if language == OWN:
        _quote(reply.words())
        return
    theirs, own = st.columns(2)
    with theirs:
        st.caption("To send")
        with st.container(key=key(page, name, "words", whose, "in-language", language)):  # `names.js` says it to voices
            _quote(reply.words(language))
    with own:
        st.caption(f"What it says, in {SPEECHES[OWN].name}")
        _quote(reply.words())


def _quote(words: str) -> None:
    st.markdown("\n".join(f"> {md(line, 1_500)}  " for line in words.splitlines() if line.strip()))
