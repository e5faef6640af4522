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
from pages._ui.data import starting
from pages._ui.server import sockets
from storage import logs
from storage.errors import StorageError

_log = logging.getLogger("clipdesk.server")
# How long a computing thread keeps the interpreter's lock from a thread that waits for it. The thread that serves all
# browsers waits at each message that it sends, so with Python's 5 ms, pages drawn at the same time delayed each other.
_SWITCH_SECONDS: Final = 0.0005
_HEARING_SECONDS: Final = 5.0  # how long the first visitor waits at most for the sign-outs that the replicas know of


@asynccontextmanager
async def lifespan(_app: Any) -> AsyncIterator[dict[str, Any]]:
    """Prepares the process before its first visitor, and closes everything at its end (also on SIGTERM)."""
    logs.start()  # again: the server has set up its own logging meanwhile
    sys.setswitchinterval(_SWITCH_SECONDS)
    sockets.send_at_once()
    # These calls outside of any session are intended: no warning about them.
    logging.getLogger("streamlit.runtime.scriptrunner_utils.script_run_context").setLevel(logging.ERROR)
    # Until st.navigation was called once in the process, Streamlit serves a folder pages/ file by file, past app.py.
    # This call has no other effect than to end that.
    st.navigation(nav.pages(()))
    sharing = of_this_process()
    sharing.start()
    starting.begin()
    warming = asyncio.create_task(asyncio.to_thread(_warm))
    watching = asyncio.create_task(_watch(warming))
    # A new process knows of no sign-out: it learns of them before its first visitor, where Firestore answers.
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
    """Resumes the purges that a dead worker, or an earlier process of this server, left behind; sends alerts."""
    await asyncio.shield(warming)
    from pages._ui.data import alerting, recovery

    await asyncio.gather(recovery.keep_going(), alerting.keep_telling())


def _warm() -> None:
    """Imports the pages, and opens the stores; in demo mode this starts the stand-ins.

    A garbage collection holds the interpreter's lock while it visits every object, which took longer than drawing a
    page. Objects from before the first visitor stay, so they are frozen, and collections skip them; the configuration
    switches off Streamlit's full collection after each run of a page. Python's own runs when there is something to
    collect.
    """
    try:
        starting.say("Loading the pages.")
        for name in nav.SCREENS:
            importlib.import_module(f"pages.{name}")  # defines functions and imports their modules; draws nothing
        from pages._ui.data import resources

        resources.stores()
    except StorageError as error:  # each page that is opened shows it again
        _log.warning("The stores could not be opened at the start: %s", error)
    except Exception:
        _log.exception("The stores could not be opened at the start")
    finally:
        starting.end()
    gc.collect()
    gc.freeze()
