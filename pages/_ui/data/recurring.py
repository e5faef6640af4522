"""Repeats work while the server runs, and logs a fault once instead of every time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from storage.errors import StorageError


async def repeat(work: Callable[[], object], seconds: float, log: logging.Logger, failing: str) -> None:
    """Does the work in a thread, again and again with so many seconds between, until it is cancelled.

    A fault of a store or of the settings is logged after the words `failing` where it is another one than before.
    """
    told = ""
    while True:
        try:
            await asyncio.to_thread(work)
            told = ""
        except StorageError as error:
            if error.message != told:
                log.warning("%s: %s", failing, error.message)
            told = error.message
        except Exception:
            log.exception(failing)
        await asyncio.sleep(seconds)
