"""Run the embedded Firestore alone: `python -m storage.sandbox.firestore --port 8080 --data demo.sqlite3`."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from storage.sandbox.firestore.server import FirestoreServer


def main() -> int:
    """Serve until SIGINT or SIGTERM; the first line on standard output is `127.0.0.1:PORT`."""
    parser = argparse.ArgumentParser(prog="python -m storage.sandbox.firestore", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one (default)")
    parser.add_argument("--data", type=Path, help="sqlite file to keep documents in; without it, memory")
    options = parser.parse_args()
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with FirestoreServer(options.data, port=options.port) as server:
        sys.stdout.write(f"{server.host}\n")
        sys.stdout.flush()
        ended.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
