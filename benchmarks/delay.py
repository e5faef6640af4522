"""A relay that holds back what a client sends, for so many milliseconds: `python -m benchmarks.delay UPSTREAM MS`.

It prints the address it listens on, and runs until it is killed. It looks at no byte, so it serves HTTP and gRPC alike.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress


async def _relay(upstream: str, delay_seconds: float) -> None:
    host, _, port = upstream.rpartition(":")
    loop = asyncio.get_running_loop()

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, to_there = await asyncio.open_connection(host, int(port))

        async def back() -> None:
            while piece := await there.read(262_144):
                writer.write(piece)
                await writer.drain()
            writer.close()

        answers = loop.create_task(back())
        with suppress(ConnectionError):
            while piece := await reader.read(262_144):
                loop.call_later(delay_seconds, to_there.write, piece)
        loop.call_later(delay_seconds, to_there.close)
        await answers

    server = await asyncio.start_server(client, "127.0.0.1", 0)
    sys.stdout.write(f"127.0.0.1:{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


@contextmanager
def delayed(upstream: str, milliseconds: int) -> Iterator[str]:
    """The address of a relay in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.delay", upstream, str(milliseconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.kill()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(_relay(sys.argv[1], int(sys.argv[2]) / 1000))
