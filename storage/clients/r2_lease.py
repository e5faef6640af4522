"""Asks before each try of a request that changes a bucket whether it may still be sent.

The SDK repeats a request by itself, and tries a deletion for many seconds where the store is busy. A worker that holds
a lease registers its question here once, for all calls within a block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_ask: ContextVar[Callable[[], None] | None] = ContextVar("asked before a change is sent", default=None)


@contextmanager
def asked_before_changes(ask: Callable[[], None]) -> Iterator[None]:
    """Within the block the SDK calls `ask` before each request; an error in it ends the call, and nothing is sent."""
    token = _ask.set(ask)
    try:
        yield
    finally:
        _ask.reset(token)


def before_send(request: Any, **_: Any) -> None:
    """Hook for the SDK's event before each try."""
    ask = _ask.get()
    if ask is not None and request.method not in {"GET", "HEAD"}:
        ask()
