"""The few things kept in the session: seeded without overwriting, dropped when their page is left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import streamlit as st

from pages._ui.keys import key

T = TypeVar("T")
_CURRENT = "desk__current_page"


def seed(name: str, make: Callable[[], T]) -> T:
    """What is kept under the name; made first where nothing is."""
    if name not in st.session_state:
        st.session_state[name] = make()
    return cast(T, st.session_state[name])


def take(name: str) -> Any:
    """What is kept under the name, which is empty from now on; `None` where nothing was."""
    return st.session_state.pop(name, None)


def enter(page: str) -> bool:
    """Called by each page first. On arrival from another page, drops what this one and the other keep for themselves.

    A plan that awaits confirmation must not survive leaving its page: what it was made from moves on. Returns whether
    the page was just arrived at.
    """
    before = st.session_state.get(_CURRENT)
    if before == page:
        return False
    for name in [str(name) for name in st.session_state]:
        if before is not None and name.startswith((key(before, ""), key(page, ""))):
            del st.session_state[name]
    st.session_state[_CURRENT] = page
    return True


def current() -> str:
    """The page that was entered last, or an empty text."""
    return str(st.session_state.get(_CURRENT, ""))


def nonce(name: str) -> int:
    """The number in the keys of a confirmation's fields; `renew_nonce` makes them new, and so empty."""
    return int(seed(name, lambda: 0))


def renew_nonce(name: str) -> None:
    """Call when a confirmation is opened: what was typed into it before is gone, for ESC does not clear it."""
    st.session_state[name] = nonce(name) + 1
