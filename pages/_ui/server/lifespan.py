"""Starts and ends the web server: it opens the stores early, watches jobs, and stops the stand-ins at the end."""

from __future__ import annotations

import asyncio
import gc
import importlib
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import streamlit as st

from pages._ui import nav
from pages._ui.access.sharing import of_this_process
from storage import logs
from storage.errors import StorageError

_log = logging.getLogger("clipdesk.server")
# How long a thread that computes keeps the process's lock from one that waits for it. The thread that serves all
# browsers waits at each message that it sends, so with Python's 5 ms pages drawn at the same time held up each other.
_SWITCH_SECONDS: Final = 0.0005
_HEARING_SECONDS: Final = 5.0  # so long the first visitor waits at most for what the replicas know of sign-outs


@asynccontextmanager
async def lifespan(_app: Any) -> AsyncIterator[dict[str, Any]]:
    """Prepares the process before its first visitor, and closes what it opened after its last (also on SIGTERM)."""
    logs.start()  # again: the server has set up its own logging meanwhile
    sys.setswitchinterval(_SWITCH_SECONDS)
    # What is called here, outside of any session, is meant to be: no warning about it.
    logging.getLogger("streamlit.runtime.scriptrunner_utils.script_run_context").setLevel(logging.ERROR)
    # Streamlit serves a folder pages/ file by file, past app.py, until st.navigation was called once in the process.
    # Called here it does nothing but end that.
    st.navigation(nav.pages(()))
    sharing = of_this_process()
    sharing.start()
    warming = asyncio.create_task(asyncio.to_thread(_warm))
    watching = asyncio.create_task(_watch(warming))
    # A process that just began knows of no sign-out: it hears of them before its first visitor, where that can be had.
    await asyncio.to_thread(sharing.looked.wait, _HEARING_SECONDS)
    try:
        yield {}
    finally:
        from pages._ui.data import resources

        watching.cancel()
        await warming
        await asyncio.to_thread(sharing.stop)
        await asyncio.to_thread(resources.close)


async def _watch(warming: asyncio.Task[None]) -> None:
    """Takes up the purges that a dead worker, or an earlier life of this server, left behind."""
    await asyncio.shield(warming)
    from pages._ui.data import recovery

    await recovery.keep_going()


def _warm() -> None:
    """Loads what pages need, and opens the stores; in demo mode this starts the stand-ins.

    A collection of garbage holds the process's lock while it goes over everything, which took longer than drawing a
    page. What is there before the first visitor stays, so it is left out; and the configuration switches off
    Streamlit's own full collection after each run of a page: Python's comes when there is something to collect.
    """
    try:
        for name in nav.SCREENS:
            importlib.import_module(f"pages.{name}")  # defines functions and loads what they use; draws nothing
        from pages._ui.data import resources

        resources.stores()
    except StorageError as error:  # the page says it again, to whoever opens one
        _log.warning("The stores could not be opened at the start: %s", error)
    except Exception:
        _log.exception("The stores could not be opened at the start")
    gc.collect()
    gc.freeze()
