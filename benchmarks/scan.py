"""All customers checked, at 25 ms a request: `verify --all` over small customers, in a process of its own.

The embedded Firestore and SeaweedFS stand for the stores, in processes of their own, each behind a relay that holds
requests back. (Google's emulator goes through a whole collection group for each range.) A customer has one video and
four clips with thumbnails, and highlights where the newer product keeps them.
"""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path
from typing import Any

from benchmarks.delay import delayed
from storage.actions.documents import DocumentWriter
from storage.actions.rollup import run_rollup
from storage.cli.checkpoint import ScanLog
from storage.clients import r2
from storage.clients.circuit import patiently
from storage.clients.firestore import open_firestore
from storage.clients.meter import metering
from storage.domain.deployment import set_to
from storage.domain.layout import thumbnail_of
from storage.domain.ranges import EVERYBODY, Range, shard_range
from storage.domain.usage import DEFAULT_LIMITS
from storage.repositories.objects import Objects
from storage.repositories.records import Records
from storage.sandbox.firestore.reads import LONGEST_PAGE
from storage.services.fleet_scan import verify_all
from storage.services.verify import VerifyContext, verify_user
from storage.settings.backends import FirestoreSettings, R2Settings
from tests.rigs.desk import clip, put_documents, user, video
from tests.rigs.firestore import EmbeddedFirestore
from tests.rigs.seaweed import ADMIN, SeaweedRig, pair

CLIPS = 4
DELAY_MS = 25
ALONE = 60  # customers of the way that asks for each
NOW = datetime(2026, 6, 1, tzinfo=UTC)
SIZE = 1_000
STALE = timedelta(minutes=15)
_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ENTRY = {"id": 1, "title": "One", "start": "00:00:01", "end": "00:00:31", "duration": 30}


@dataclass(frozen=True, slots=True)
class Run:
    """One scan: seconds on the wall and of CPU, peak KiB, requests to both stores, and what was checked."""

    customers: int
    seconds: float
    cpu: float
    memory: float
    queries: int
    listings: int
    gets: int
    reads: int
    findings: int

    @property
    def rate(self) -> float:
        """Customers a second."""
        return self.customers / self.seconds


@dataclass(frozen=True, slots=True)
class Scanned:
    """The scans of a world: all of it, a quarter of it, and the way that asks for each customer."""

    whole: Run
    quarter: Run
    alone: Run
    rollup: Run
    pages: int  # that both stores must give for the whole: 5,000 documents or 1,000 keys each
    rollup_pages: int  # the longest listings of users that the stand-in gives, or 5,000 documents each


def uids(count: int) -> list[str]:
    """Ids as Firebase makes them."""
    chance = random.Random(5)
    return ["".join(chance.choices(_LETTERS, k=28)) for _ in range(count)]


def documents(uid: str) -> dict[str, dict[str, Any]]:
    """One small customer, who is well."""
    name = f"vid-{uid[:8]}"
    path = f"users/{uid}/videos/{name}"
    found = {f"users/{uid}": user(uid), path: video(name, clips_count=CLIPS)}
    found[f"{path}/highlights/main"] = {"highlights": [_ENTRY] * 5, "video_id": name}
    for scene in range(CLIPS):
        key = f"users/{uid}/{name}/clips/clip_01_{scene}_scene_split.mp4"
        found[f"{path}/clips/{name}_{scene}_split"] = clip(name, scene, r2_key=key, file_size_bytes=SIZE)
    return found


@contextmanager
def world(customers: int) -> Iterator[list[str]]:
    """A world of so many customers behind relays; gives the arguments of a run in it."""
    with tempfile.TemporaryDirectory() as folder, _served(customers) as (project, host):
        store = SeaweedRig(Path(folder))
        try:
            bucket, keys = store.fresh_bucket(), list[str]()
            for uid in uids(customers):
                named = [fields["r2_key"] for fields in documents(uid).values() if "r2_key" in fields]
                keys += [*named, *map(thumbnail_of, named)]
            store.put(bucket, {keys[0]: (bytes(SIZE), "video/mp4")})
            store.copies(bucket, keys[0], keys[1:])
            s3 = store.endpoint.rpartition("/")[2]
            with delayed(host, DELAY_MS) as far_documents, delayed(s3, DELAY_MS) as far_objects:
                yield [project, far_documents, f"http://{far_objects}", bucket]
        finally:
            store.stop()


@contextmanager
def _served(customers: int) -> Iterator[tuple[str, str]]:
    """The embedded Firestore with these customers, in a process of its own; gives the project and the address."""
    command = [sys.executable, "-m", "benchmarks.scan", "serve", str(customers)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            project, host = process.stdout.readline().split()
            yield project, host
        finally:
            process.kill()


def serve(customers: int) -> None:
    """Fills and serves until killed."""
    with EmbeddedFirestore() as rig:
        project, everybody = rig.fresh_project(), uids(customers)
        for start in range(0, customers, 1_000):
            some: dict[str, dict[str, Any]] = {}
            for uid in everybody[start : start + 1_000]:
                some |= documents(uid)
            put_documents(rig, project, some)
        sys.stdout.write(f"{project} {rig.host}\n")
        sys.stdout.flush()
        threading.Event().wait()


def environment(project: str, host: str, endpoint: str, bucket: str) -> dict[str, str]:
    """What a live desk over such a world is told."""
    return {
        "FIREBASE_PROJECT_ID": project,
        "FIRESTORE_EMULATOR_HOST": host,
        "R2_ENDPOINT_URL": endpoint,
        "R2_BUCKET_NAME": bucket,
        "R2_ACCESS_KEY_ID": ADMIN[0],
        "R2_SECRET_ACCESS_KEY": ADMIN[1],
        "R2_KEY_PREFIX": "users/",
        "HIGHLIGHTS_SOURCE": "document",
        "READ_BUDGET": "0",
    }


def r2_settings(endpoint: str, bucket: str) -> R2Settings:
    """The same for the bucket alone, as its client takes it."""
    return R2Settings(bucket, endpoint, "auto", "users/", "", pair(ADMIN), pair(ADMIN), read_is_separate=False)


def measure(place: list[str], customers: int) -> Scanned:
    """The scans of a world of so many customers, each in a process of its own."""
    runs = [_in_process(what, place) for what in ("1/4", "alone", "1/1", "rollup")]
    each = 1 + 1 + 1 + CLIPS
    pages = ceil(customers * each / 5_000) + ceil(customers * 2 * CLIPS / 1_000)
    rollup_pages = ceil(customers / LONGEST_PAGE) + ceil(customers * (1 + CLIPS) / 5_000)
    return Scanned(runs[2], runs[0], runs[1], runs[3], pages, rollup_pages)


def _in_process(what: str, place: list[str]) -> Run:
    command = [sys.executable, "-m", "benchmarks.scan", what, *place]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return Run(**json.loads(done.stdout))


def run(what: str, project: str, host: str, endpoint: str, bucket: str) -> Run:
    """One scan in this process."""
    handle = open_firestore(FirestoreSettings(project, None, host))
    asked = _counted(handle)
    records, objects = Records(handle), Objects(r2.read_client(r2_settings(endpoint, bucket)), bucket)
    records.count("plans")  # both connections are open, and everything is imported
    objects.head("none")
    checker = VerifyContext(records, objects, set_to("document", "users/"), lambda: NOW, STALE)
    before, queries, users, findings = _resident(), asked["calls"], 0, 0
    began, cpu = time.perf_counter(), time.process_time()
    with patiently(), metering() as meter, tempfile.TemporaryDirectory() as folder:
        if what == "alone":
            for uid in [name for page in records.iter_users() for name in page.frame["uid"]][:ALONE]:
                users, findings = users + 1, findings + len(verify_user(checker, uid).findings)
        elif what == "rollup":
            made = run_rollup(records, DocumentWriter(handle), DEFAULT_LIMITS, lambda: NOW, stale_after=STALE)
            users = made.shard.content["totals"]["users"]
        else:
            log = ScanLog(Path(folder) / "scan.jsonl", {})
            for report in verify_all(checker, span=_span(what)):
                log.add(report)
                users, findings = users + 1, findings + len(report.findings)
            log.close()
        seconds, spent, cost = time.perf_counter() - began, time.process_time() - cpu, meter.cost()
    handle.close()
    return Run(
        users, seconds, spent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, asked["calls"] - queries,
        cost.r2_class_a, cost.r2_class_b, cost.firestore_reads, findings,
    )  # fmt: skip


def _span(what: str) -> Range:
    index, count = map(int, what.split("/"))
    return EVERYBODY if count == 1 else shard_range(index, count)


def _counted(handle: Any) -> dict[str, int]:
    """Counts the calls to Firestore that read."""
    asked = {"calls": 0}
    attempt = handle.connection.attempt

    def counting(*arguments: Any, **named: Any) -> Any:
        asked["calls"] += not named["operation"].startswith("Writing")
        return attempt(*arguments, **named)

    handle._attempt = counting
    return asked


def _resident() -> float:
    with open("/proc/self/status", encoding="ascii") as lines:  # noqa: PTH123
        return next(float(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def main(arguments: list[str]) -> None:
    """`WHAT PROJECT HOST ENDPOINT BUCKET`: one run. `CUSTOMERS`: all of them, for a look."""
    if arguments[0] == "serve":
        serve(int(arguments[1]))
        return
    if len(arguments) == 1:
        customers = int(arguments[0])
        with world(customers) as place:
            found = measure(place, customers)
        for name in ("whole", "quarter", "alone", "rollup"):
            one: Run = getattr(found, name)
            sys.stdout.write(f"{name}: {one.rate:,.0f}/s {one}\n")
        sys.stdout.write(f"pages {found.pages}, of the rollup {found.rollup_pages}\n")
        return
    one = run(*arguments)  # type: ignore[call-arg]
    sys.stdout.write(json.dumps({name: getattr(one, name) for name in Run.__slots__}))


if __name__ == "__main__":
    main(sys.argv[1:])
