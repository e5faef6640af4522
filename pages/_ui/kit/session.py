"""Names what is kept between runs, and keeps it: session keys with the page's name in front, query parameters, links.

A value is seeded without overwriting what stands there, and dropped when its page is left. `url_for` is the one place
that writes a query string.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any, TypeVar, cast
from urllib.parse import quote

import streamlit as st

UID = "uid"
VIDEO_ID = "video_id"
CLIP_ID = "clip_id"
DRAFT_ID = "draft_id"
QUERY = "q"
IDS = (UID, VIDEO_ID, CLIP_ID, DRAFT_ID)


T = TypeVar("T")
_CURRENT = "desk__current_page"
_PAGE = re.compile(r"[a-z0-9_-]*")


def key(page: str, *names: object) -> str:
    """The session key of something on a page: `key("user", "table")` is `user-table`. Also a CSS class name.

    No two underscores together: Streamlit refuses them in the keys of components.
    """
    return "-".join([page, *(str(name) for name in names)])


def component_key(name: str) -> str:
    """The key as a browser component may have it: hashed where it has two underscores together, as an id may."""
    return name if "__" not in name else f"hashed-{hashlib.sha256(name.encode(errors='replace')).hexdigest()[:20]}"


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


def url_for(page: str, **params: str | int | None) -> str:
    """The address of a page (its `url_path`, empty for the first page), relative, so that it holds behind any prefix.

    Every value is percent-encoded whole, so no id can add a parameter, a path or a host. `None` leaves a parameter out.
    `ValueError` for a page name that is no `url_path`: names are ours, and a wrong one is a slip of the code.
    """
    if not _PAGE.fullmatch(page):
        raise ValueError(f"not a page's url_path: {page!r}")
    pairs = [
        f"{quote(name, safe='')}={quote(str(value), safe='', errors='replace')}"
        for name, value in params.items()
        if value is not None
    ]
    return f"./{page}" + (f"?{'&'.join(pairs)}" if pairs else "")
