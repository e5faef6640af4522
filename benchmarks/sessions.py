"""The app itself: page switches of one and of twenty sessions at once, and what sessions cost in memory.

Clients speak the app's own WebSocket protocol, so that what is timed is the server and not a browser. Each session acts
about every eight seconds, as somebody who looks at what is shown.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from urllib.parse import quote

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

from storage.sandbox.world import build
from tests.rigs.browser import ROOT, streamlit_app

PAUSE_SECONDS = 8.0
GIVEN_UP_SECONDS = 15.0  # after which a session that left is gone for certain
DEADLINE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Responses:
    """Seconds from asking for a page to its end, one for each time."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.seconds)

    @property
    def p95(self) -> float:
        """What 95 of 100 stay below."""
        return statistics.quantiles(self.seconds, n=20)[-1]


class Session:
    """One browser tab as the server sees it."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._hashes: dict[str, str] = {}
        self._page = ""

    async def close(self) -> None:
        """Closes the tab."""
        await self._socket.close()

    async def show(self, page: str, query: str = "") -> float:
        """Goes to a page, or runs the present one again; gives the seconds until it was drawn to its end."""
        message = BackMsg()
        message.rerun_script.query_string = query
        if page == self._page:
            message.rerun_script.page_script_hash = self._hashes[""]
        else:
            message.rerun_script.page_name = page
        start = time.perf_counter()
        await self._socket.send(message.SerializeToString())
        async with asyncio.timeout(DEADLINE_SECONDS):
            while True:
                forward = ForwardMsg.FromString(await self._socket.recv())
                if forward.HasField("new_session"):
                    self._hashes[""] = forward.new_session.page_script_hash
                if forward.WhichOneof("type") == "script_finished" and forward.script_finished in (
                    ForwardMsg.FINISHED_SUCCESSFULLY,
                    ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY,
                ):
                    self._page = page
                    return time.perf_counter() - start


async def opened(url: str) -> Session:
    """A session that has shown nothing yet."""
    address = url.replace("http://", "ws://") + "/_stcore/stream"
    socket = await connect(address, subprotocols=["streamlit"], origin=url, max_size=None)  # type: ignore[arg-type,list-item]
    return Session(socket)


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of the server's process: before, with idle sessions, and after many came and went."""

    before: int
    idle: int
    idle_sessions: int
    after: int

    @property
    def each(self) -> float:
        """Of one idle session."""
        return (self.idle - self.before) / self.idle_sessions


@contextmanager
def running() -> Iterator[tuple[str, int]]:
    """The app over its demo data: its address, and its process. Sessions that left are given up after five seconds."""
    quick = ("--server.disconnectedSessionTTL=5",)
    with (
        tempfile.TemporaryDirectory() as folder,
        streamlit_app(ROOT / "app.py", Path(folder), by_command=True, args=quick) as app,
    ):
        port = f"--server.port={app.url.rpartition(':')[2]}".encode()
        found = [path for path in Path("/proc").glob("[0-9]*/cmdline") if port in _bytes(path).split(b"\0")]
        yield app.url, int(found[0].parent.name)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _resident(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


@cache  # building the sample world holds up every session of this process
def _routes() -> list[tuple[str, str]]:
    story = next(iter(build(datetime.now(UTC)).cast.values()))
    user = f"uid={quote(story.uid)}"
    return [("overview", ""), ("user", user), ("find", "q=nobody"), ("overview", ""), ("user", user), ("user", user)]


async def _act(session: Session, times: int, pause_seconds: float, chance: random.Random) -> list[float]:
    routes = _routes()
    await asyncio.sleep(chance.uniform(0, 2 * pause_seconds))
    taken = []
    for number in range(times):
        taken.append(await session.show(*routes[number % len(routes)]))
        await asyncio.sleep(chance.uniform(0.5, 1.5) * pause_seconds)
    return taken


async def _switches(url: str, many: int) -> dict[str, Responses]:
    chance = random.Random(5)
    first = await opened(url)
    await _act(first, 12, 0.0, chance)  # caches are warm, as on any working day
    alone = await _act(first, 120, 0.2, chance)
    sessions = [await opened(url) for _ in range(many)]
    for session in sessions:
        await session.show("overview")
    together = await asyncio.gather(*(_act(session, 12, PAUSE_SECONDS, chance) for session in sessions))
    for session in (first, *sessions):
        await session.close()
    return {"one": Responses(tuple(alone)), "many": Responses(tuple(one for part in together for one in part))}


async def _memory(url: str, pid: int, idle: int, visits: int) -> Memory:
    async def visit(count: int) -> list[Session]:
        found = [await opened(url) for _ in range(count)]
        for session in found:
            await session.show("overview")
        return found

    async def leave(found: list[Session]) -> None:
        for session in found:
            await session.close()

    await leave(await visit(3))
    await asyncio.sleep(GIVEN_UP_SECONDS)
    before = _resident(pid)
    there = await visit(idle)
    await asyncio.sleep(2)
    resting = _resident(pid)
    await leave(there)
    for _ in range(visits // 20):
        await leave(await visit(20))
    await asyncio.sleep(GIVEN_UP_SECONDS)
    return Memory(before, resting, idle, _resident(pid))


def measure(many: int = 20, idle: int = 40, visits: int = 200) -> tuple[dict[str, Responses], Memory]:
    """Both measurements on one server."""
    with running() as (url, pid):
        responses = asyncio.run(_switches(url, many))
        return responses, asyncio.run(_memory(url, pid, idle, visits))
