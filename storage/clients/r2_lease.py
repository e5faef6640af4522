"""Asks before each try of a request that changes a bucket whether it may still be sent.

The SDK repeats a request by itself, and tries a deletion for many seconds where the store is busy. A worker that holds
a lease says so here once, for all calls within.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_ask: ContextVar[Callable[[], None] | None] = ContextVar("asked before a change is sent", default=None)


@contextmanager
def asked_before_changes(ask: Callable[[], None]) -> Iterator[None]:
    """Within the block `ask` is called before each request; what it raises ends the call, and nothing is sent."""
    token = _ask.set(ask)
    try:
        yield
    finally:
        _ask.reset(token)


def before_send(request: Any, **_: Any) -> None:
    """The SDK's event of each try."""
    ask = _ask.get()
    if ask is not None and request.method not in {"GET", "HEAD"}:
        ask()
