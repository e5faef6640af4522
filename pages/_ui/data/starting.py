"""What the start of the server does until the stores are open; pages show it instead of waiting in silence."""

from __future__ import annotations

import threading
from typing import Final

_going_on: Final = threading.Event()
_steps: Final[list[str]] = []


def begin() -> None:
    """The start begins: `end` must follow."""
    _steps.clear()
    _going_on.set()


def end() -> None:
    """The stores are open, or could not be opened, which each page then shows."""
    _going_on.clear()


def say(step: str) -> None:
    """Notes a step, in a sentence for people."""
    if _going_on.is_set():
        _steps.append(step)


def steps() -> tuple[str, ...] | None:
    """The steps up to now, the last of which is not done yet; `None` where no start goes on."""
    return tuple(_steps) if _going_on.is_set() else None
