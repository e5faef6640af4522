"""Says once, at the top of a page, which stores do not answer; each part of the page that needs one says one line.

`guard.show` opens the notice for the run of a page. Where a part fails, `told` puts the store into the notice, so that
`line` is enough in the part's place. A part may also have come with gaps, because its load went on without the store:
each load under `noticed` puts the store into the notice by itself, and `named` says of which stores. A run of a
fragment cannot write at the top of the page: there, only stores count that the page named when it was drawn as a whole.

A load is cached with its gaps. “Try again” forgets these (`ask_again`), and nothing that is whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, Generic, ParamSpec, Protocol, TypeVar

import streamlit as st

from pages._ui.kit import format
from pages._ui.kit.text import md
from storage.clients import circuit
from storage.errors import StorageError, Unreachable
from storage.settings import backends, reader

DEMO: Final = "This is the demo: one of its sample stores has stopped. “Try again” starts it again."
_NAMED: Final = "desk__away"  # session key: the stores that the top of the open page names


class Read(Protocol):
    """The answer of a load. `unanswered` holds an error for each store that did not answer a call of the load."""

    @property
    def unanswered(self) -> tuple[StorageError, ...]: ...


P = ParamSpec("P")
R = TypeVar("R", bound=Read)
R_co = TypeVar("R_co", bound=Read, covariant=True)


@contextmanager
def noticing() -> Iterator[None]:
    """Within the block, which draws a page, stores that do not answer are named above everything that it draws."""
    st.session_state[_NAMED] = frozenset[str]()
    token = _notice.set(_Notice())
    try:
        yield
    finally:
        _notice.reset(token)


def told(error: StorageError) -> bool:
    """Whether the top of the page says that this error's store does not answer; it does from now on where it can."""
    if not isinstance(error, Unreachable) or not error.store:
        return False
    notice = _notice.get()
    if notice is None:
        return error.store in st.session_state.get(_NAMED, ())
    notice.tell(error)
    return True


def named() -> str:
    """The sentence that stands for the errors of the stores that the top of the page names; empty without any."""
    stores = sorted(st.session_state.get(_NAMED, ()))
    return f"{_and(stores)} not answer." if stores else ""


def for_code(code: str) -> str:
    """As `named`, where this code of a failure says that a store did not answer; empty for any other failure."""
    return named() if code == Unreachable.code else ""


def words(error: StorageError) -> str:
    return f"{md(error.store)} does not answer."


def line(unknown: str, error: StorageError) -> None:
    """Draws that something is not known because the store, which the top of the page names, does not answer."""
    st.markdown(f":gray[:material/cloud_off: Not known: {md(unknown, 200)}. {words(error)}]")


def gap(unknown: str) -> None:
    """As `line`, for a part that came without what a store should have answered; nothing where the top names none."""
    if why := named():
        st.markdown(f":gray[:material/cloud_off: Not known: {md(unknown, 200)}. {why}]")


class _Kept(Protocol[P, R_co]):
    """A cached load, as Streamlit makes it."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...

    def clear(self, *args: Any, **kwargs: Any) -> None: ...


class Noticed(Generic[P, R]):
    """A cached load whose gaps the page tells at its top, and which “Try again” reads again where it has gaps."""

    def __init__(self, load: _Kept[P, R]) -> None:
        self._load = load
        self.clear = load.clear

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        token = _loading.set(True)
        try:
            found = self._load(*args, **kwargs)
        finally:
            _loading.reset(token)
        name = f"{id(self)} {args!r} {kwargs!r}"
        if not found.unanswered:
            _gaps.pop(name, None)
            return found
        _gaps[name] = partial(self.clear, *args, **kwargs)
        while len(_gaps) > _MOST_GAPS:
            _gaps.pop(next(iter(_gaps), ""), None)  # the oldest ends with its cache
        if not _loading.get():  # a load within another one draws nothing: it runs in its cache
            for error in found.unanswered:
                told(error)
        return found


def noticed(load: _Kept[P, R]) -> Noticed[P, R]:
    """Decorates a cached load, above its cache."""
    return Noticed(load)


def ask_again() -> None:
    """For every “Try again”: a store that hangs gets one more call, and what was cached with gaps is read again."""
    circuit.ask_again()
    for name in list(_gaps):
        if forget := _gaps.pop(name, None):
            forget()


_MOST_GAPS: Final = 1_000  # caches of answers hold some hundred each
_gaps: dict[str, Callable[[], None]] = {}  # what forgets each cached answer that has gaps
_loading: ContextVar[bool] = ContextVar("loading", default=False)


class _Notice:
    def __init__(self) -> None:
        self._place = st.empty()
        self._errors: dict[str, StorageError] = {}
        self._said = ""

    def tell(self, error: StorageError) -> None:
        """Names the error's store; the newest error of a store says when it is asked again."""
        if not self._errors:
            with self._place.container(border=True, key="desk-away"):
                self._text = st.empty()
                # Any button runs the script again, and so the parts that failed: errors are never cached.
                st.button("Try again", key="desk-away-retry", icon=":material/refresh:", on_click=ask_again)
        self._errors[error.store] = error
        st.session_state[_NAMED] = frozenset(self._errors)
        said = "\n\n".join([*map(_about, self._errors.values()), *([DEMO] if backends.is_demo(reader.read()) else [])])
        if said != self._said:
            self._said = said
            self._text.error(said, title=f"{_and(sorted(self._errors))} not answer", icon=":material/cloud_off:")


_notice: ContextVar[_Notice | None] = ContextVar("notice", default=None)


def _and(names: list[str]) -> str:
    return f"{md(' and '.join(names))} {'does' if len(names) == 1 else 'do'}"


def _about(error: StorageError) -> str:
    """Since when, how it was seen, when the store is asked again, and what to do."""
    now = datetime.now(UTC)
    silence = circuit.silence(error.store)
    since = f"No answer since {format.as_of(silence.since, now).removeprefix('as of ')}. " if silence else ""
    again = " It is asked again each time a page needs it." if silence else " It has answered other calls since."
    if error.detail == "not asked":  # the error says so itself, also where the store answers, but too slowly
        again = ""
    elif silence and silence.asked_again:
        again = f" It is not asked again until {silence.asked_again:%H:%M:%S}."
    remedy = f"  \n**What to do:** {md(error.remedy, 600)}" if error.remedy else ""
    return f"{md(since + error.message + again, 700)}{remedy}"
