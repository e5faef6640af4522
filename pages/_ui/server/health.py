"""`/healthz`: 200 where both stores answer, else 503, for monitors outside of the desk.

Anybody may ask, so it says only which store answers, and costs the same however often it is asked: it shares the
overview's look at both stores, which lives 15 seconds. It is no liveness probe: a store that is away is no reason to
restart the desk, whose own life `/_stcore/health` shows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse

from storage.errors import StorageError

# One thread for all who ask: while a store does not answer, they must not take those that pages and sign-ins need.
_LOOKING: Final = ThreadPoolExecutor(1, thread_name_prefix="healthz")
STORES: Final = {"firestore": "firestore_read", "r2": "r2_list"}  # the check that says whether the store answers


@dataclass(frozen=True, slots=True)
class StoreStates:
    """Whether each store answered; `None` where nobody could ask it, with the code of what kept it."""

    stores: Mapping[str, bool | None]
    read_at: datetime | None = None
    code: str = ""


async def healthz(_request: Request) -> JSONResponse:
    """`{"ok", "stores": {"firestore", "r2"}, "read_at"}`: true where the store answers, null where nobody could ask."""
    found = await asyncio.get_running_loop().run_in_executor(_LOOKING, look)
    ok = all(found.stores.values())
    read_at = f"{found.read_at:%Y-%m-%dT%H:%M:%SZ}" if found.read_at is not None else None
    answer = {
        "ok": ok,
        "stores": dict(found.stores),
        "read_at": read_at,
        **({"code": found.code} if found.code else {}),
    }
    return JSONResponse(answer, 200 if ok else 503, headers={"Cache-Control": "no-store"})


def look() -> StoreStates:
    """The states. Never raises: without valid settings, or stores that open, nobody could ask."""
    from pages._ui.data import loads  # imports Streamlit's session and the SDKs, which the server's start does not need

    try:
        loaded = loads.backends()
    except StorageError as error:
        return StoreStates(dict.fromkeys(STORES), code=error.code)
    checks = {check.name: check.ok for check in loaded.value}
    return StoreStates({store: checks.get(name) for store, name in STORES.items()}, loaded.read_at)
