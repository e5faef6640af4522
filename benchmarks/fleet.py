"""A fleet in one world: `python -m benchmarks --only fleet`, or for a look `python -m benchmarks.fleet 20000`.

First the scans and the rollup of `benchmarks.scan`, each in a process of its own. Then the commands that people use: a
scan of everybody is kept, 30 known changes are made in the bucket, and a second scan is compared with it: exactly these
must be new. The same scan on two Dask workers, of which one is killed, must find the same. Both stores are 25 ms away.
`tests/cli/test_known_changes.py` is the small one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

import psutil

from benchmarks import scan
from storage.actions.objects import ObjectWriter
from storage.clients import r2

CHANGES = 30
Found = set[tuple[str, str, str]]  # kind, customer, key


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command printed, its exit status, its seconds, and the peak KiB of its process."""

    said: dict[str, Any]
    status: int
    seconds: float
    memory: int


def changes(uids: list[str], objects: ObjectWriter) -> Found:
    """Makes 30 changes of customers that are far apart: loses clips, cuts clips short, and empties some.

    Gives what a scan must find.
    """
    wanted: Found = set()
    far_apart = uids[:: max(1, len(uids) // CHANGES)][:CHANGES]
    for number, uid in enumerate(far_apart):
        clip = next(fields["r2_key"] for fields in scan.documents(uid).values() if "r2_key" in fields)
        if number % 3 == 0:
            objects.delete([clip])
            wanted.add(("missing_object", uid, clip))
        elif number % 3 == 1:
            objects.put(clip, bytes(scan.SIZE - 1), "video/mp4")
            wanted.add(("size_mismatch", uid, clip))
        else:
            objects.put(clip, b"", "video/mp4")
            wanted.add(("empty_object", uid, clip))
    return wanted


@dataclass(frozen=True, slots=True)
class Fleet:
    """What was measured and found.

    `start` is the time that a command takes which lists the kept scans: nearly all of it is the process's start.
    `differing` counts the findings that only one of the two ways to scan has; `spread_whole`: the one on the cluster
    looked at everybody.
    """

    customers: int
    scanned: scan.Scanned
    start: float
    kept: Answer
    wanted: int
    new: int
    right: int
    gone: int
    spread: Answer
    spread_whole: bool
    findings: int
    differing: int

    @property
    def rate(self) -> float:
        """Customers a second of the command that scans and keeps, without the process's start."""
        return self.customers / (self.kept.seconds - self.start)


def measure(customers: int) -> Fleet:
    """One world of so many customers."""
    with scan.world(customers) as place:
        _, _, endpoint, bucket = place
        scanned = scan.measure(place, customers)
        values = os.environ | scan.environment(*place)
        start = command(values, "scans").seconds
        first = command(values, "verify", "--all", "--keep")
        _say("scan, kept", first)
        writer = ObjectWriter(r2.write_client(scan.r2_settings(endpoint, bucket)), bucket)
        wanted = changes(scan.uids(customers), writer)
        second = command(values, "verify", "--all", "--keep")
        _say("scan after the changes", second)
        compared = command(values, "scans", "diff", first.said["scan_id"], second.said["scan_id"])
        new = found_in(compared.said["new_findings"])
        spread = command(values, "verify", "--all", "--keep", "--on", "local", kill=True)
        _say("on two Dask workers, one killed", spread)
    theirs, ours = _texts(second.said["findings"]), _texts(spread.said["findings"])
    return Fleet(
        customers=customers,
        scanned=scanned,
        start=start,
        kept=first,
        wanted=len(wanted),
        new=len(new),
        right=len(new & wanted),
        gone=len(compared.said["gone_findings"]),
        spread=spread,
        spread_whole=spread.said["complete"] and spread.said["checked"]["users"] == customers,
        findings=len(theirs),
        differing=len(theirs ^ ours),
    )


def _say(what: str, answer: Answer) -> None:
    cost = answer.said.get("cost", {})
    reads, listings = cost.get("firestore_reads", 0), cost.get("r2_class_a", 0)
    missed = [*answer.said.get("not_looked_at", ()), *filter(None, (answer.said.get("error"),))]
    sys.stderr.write("".join(f"  {one}\n" for one in missed[:3]))
    sys.stderr.write(
        f"  {what}: {answer.seconds:,.1f} s with the process's start, peak {answer.memory / 1024:,.0f} MiB, "
        f"{reads:,} reads, {listings:,} listings and puts, {len(answer.said['findings']):,} findings\n"
    )


def command(values: dict[str, str], *arguments: str, kill: bool = False) -> Answer:
    """A command in a process of its own; with `kill`, one of its workers is killed once some ranges have ended."""
    line = [sys.executable, "-m", "storage", *arguments, "--json"]
    began, killed = time.perf_counter(), False
    with subprocess.Popen(line, env=values, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for told in process.stderr:
            if kill and not killed and " ranges, " in told:
                _kill_a_worker(process.pid)
                killed = True
        said = json.loads(process.stdout.read())
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
    assert killed == kill
    return Answer(said, os.waitstatus_to_exitcode(status), seconds, used.ru_maxrss)


def _kill_a_worker(pid: int) -> None:
    """Kills a worker of the command: a process that was spawned, or forked by the command's fork server."""
    for one in psutil.Process(pid).children(recursive=True):
        words = " ".join(one.cmdline())
        if "spawn_main" in words or ("forkserver" in words and one.ppid() != pid):
            one.kill()
            return
    raise AssertionError("no worker was found")


def found_in(findings: list[dict[str, Any]]) -> Found:
    """Kind, customer and key of each."""
    return {(one["kind"], one["uid"], one["key"]) for one in findings}


def _texts(findings: list[dict[str, Any]]) -> set[str]:
    """The findings as texts, without the time of the look."""
    return {json.dumps({**one, "last_seen_at": None}, sort_keys=True) for one in findings}


if __name__ == "__main__":
    sys.stdout.write(f"{measure(int(sys.argv[1]))}\n")
