"""Our Firestore and Google's emulator side by side: time to start, memory, and the CPU of the same small work.

    python -m tests.tools.compare_firestores

Each runs in a process of its own, started twice, of which the second start counts (files are then in the machine's
cache). The work: 2,000 documents written in batches of 100 by Google's client, and read back by one query.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from google.cloud import firestore

from tests.rigs.firestore import EmulatorFirestore, FirestoreRig

DOCUMENTS, BATCH = 2_000, 100
TICKS = os.sysconf("SC_CLK_TCK")


class OwnProcess(FirestoreRig):
    """Our server as `python -m storage.sandbox.firestore`."""

    kind = "ours"
    pid: int

    @contextmanager
    def _running(self) -> Iterator[str]:
        command = [sys.executable, "-m", "storage.sandbox.firestore"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            self.pid = process.pid
            try:
                yield process.stdout.readline().strip()
            finally:
                process.terminate()


def memory(pid: int) -> float:
    """Resident memory in MiB (Linux)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS"))) / 1024


def cpu(pid: int) -> float:
    """Seconds of CPU so far, user and system (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def work(client: firestore.Client) -> None:
    for first in range(0, DOCUMENTS, BATCH):
        batch = client.batch()
        for number in range(first, first + BATCH):
            batch.set(client.document(f"c/{number}"), {"n": number, "title": "A title of some length", "size": 1.5})
        batch.commit()
    assert len(client.collection("c").order_by("n").get()) == DOCUMENTS


def main() -> int:
    """One line for each server."""
    print("server     start s   CPU to start s   MiB idle   CPU of the work s   MiB after")
    for kind in (OwnProcess, EmulatorFirestore):
        for last in (False, True):
            began = time.monotonic()
            with kind() as rig:
                started, idle, ready = time.monotonic() - began, memory(rig.pid), cpu(rig.pid)
                if last:
                    work(rig.client("p"))
                    done, after = cpu(rig.pid) - ready, memory(rig.pid)
                    print(f"{rig.kind:<10} {started:7.2f}   {ready:14.2f}   {idle:8.0f}   {done:17.2f}   {after:9.0f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
