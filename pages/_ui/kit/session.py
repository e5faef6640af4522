"""Names and keeps the values that outlive a run: session keys with the page's name in front, query parameters, links.

`seed` does not overwrite a kept value, and `enter` drops the values of the page that was left. `url_for` is the one
place that writes a query string.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar, cast
from urllib.parse import quote

import streamlit as st

UID = "uid"
VIDEO_ID = "video_id"
CLIP_ID = "clip_id"
DRAFT_ID = "draft_id"
QUERY = "q"
IDS = (UID, VIDEO_ID, CLIP_ID, DRAFT_ID)


SAME_CLICK_SECONDS: Final = 10.0

T = TypeVar("T")
_CURRENT = "desk__current_page"
_PAGE = re.compile(r"[a-z0-9_-]*")


def key(page: str, *names: object) -> str:
    """The session key of a value or element on a page: `key("user", "table")` is `user-table`. Also a CSS class name.

    No two underscores together: Streamlit refuses them in the keys of components.
    """
    return "-".join([page, *(str(name) for name in names)])


def component_key(name: str) -> str:
    """The key in a form that a browser component takes: hashed where it has two underscores together, as an id may."""
    return name if "__" not in name else f"hashed-{hashlib.sha256(name.encode(errors='replace')).hexdigest()[:20]}"


def seed(name: str, make: Callable[[], T]) -> T:
    """The value kept under the name; `make` makes it where there is none."""
    if name not in st.session_state:
        st.session_state[name] = make()
    return cast(T, st.session_state[name])


def take(name: str) -> Any:
    """Removes and returns the value kept under the name; `None` where there was none."""
    return st.session_state.pop(name, None)


def once(name: str, asked: object, make: Callable[[], T], *, seconds: float | None = None) -> T:
    """What `make` returns, or what it returned for the same question within the last ten (or `seconds`) seconds.

    A second click arrives while the first one's work is done, and is obeyed after it: it must not do the work again.
    One answer is kept under the name, of the last question; where `make` raises, none. `take` forgets it.
    """
    kept = seed(name, _Made)  # before the work: any use of Streamlit after it may end this run
    limit = SAME_CLICK_SECONDS if seconds is None else seconds
    with kept.lock:  # Streamlit runs the second click at once, beside the first one's work
        if kept.last and kept.last[0] == asked and time.monotonic() - kept.last[2] < limit:
            return cast(T, kept.last[1])
        made = make()
        kept.last = (asked, made, time.monotonic())
        return made


class _Made:
    """What was made last under a name: the question, the answer and when."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.last: tuple[object, Any, float] | None = None


def enter(page: str) -> bool:
    """Each page calls this first. On arrival from another page it drops the kept values of both pages.

    A plan that awaits confirmation must not outlive a visit to its page: the data it was made from changes. Returns
    whether the person has just arrived at the page.
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
    """The number in the keys of a confirmation's fields; `renew_nonce` changes it, which empties the fields."""
    return int(seed(name, lambda: 0))


def renew_nonce(name: str) -> None:
    """Empties a confirmation's fields; to be called when it opens, because ESC does not clear them."""
    st.session_state[name] = nonce(name) + 1


def url_for(page: str, **params: str | int | None) -> str:
    """The address of a page (its `url_path`, empty for the first page), relative, so that it holds behind any prefix.

    Every value is percent-encoded whole, so no id can add a parameter, a path or a host. `None` leaves a parameter out.
    `ValueError` for a page name that is no `url_path`: a wrong name is a mistake in the code.
    """
    if not _PAGE.fullmatch(page):
        raise ValueError(f"not a page's url_path: {page!r}")
    pairs = [
        f"{quote(name, safe='')}={quote(str(value), safe='', errors='replace')}"
        for name, value in params.items()
        if value is not None
    ]
    return f"./{page}" + (f"?{'&'.join(pairs)}" if pairs else "")
