"""Measures a large purge: rate, memory, and erasing beside bare `delete_objects` batches over as many objects.

    python -m benchmarks.purge [--objects 20000] [--documents 10000] [--rounds 3]

Everything runs against the embedded stand-ins on this machine, so only the ratios mean something. Worker processes are
measured from outside (`ru_maxrss` of each), so what a job holds is told apart from what the bench itself holds.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from storage.actions.purge.plans import approve
from storage.domain.purge.scope import PurgeLimits, Scope
from tests.purge.world import BOB, PurgeWorld
from tests.rigs.desk import LONG_AGO
from tests.rigs.firestore import EmbeddedFirestore
from tests.rigs.seaweed import SeaweedRig

VIDEOS = 500
SMALL = 500  # objects of the job that the large one's memory is compared with


@dataclass(frozen=True, slots=True)
class Erasing:
    """Seconds of each round: bare deletions, the job's objects alone, all of its steps, its whole process; peak memory
    in KiB of that process and of one that erases `SMALL` objects."""

    bare: list[float]
    objects: list[float]
    steps: list[float]
    process: list[float]
    memory: list[float]
    small_memory: float


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=20_000)
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kept", action="store_true", help="also the purge with quarantine, and its undo")
    arguments = parser.parse_args()
    say(f"{arguments.objects:,} objects, {arguments.documents:,} documents, {arguments.rounds} rounds\n")
    report(arguments, erasing(arguments.objects, arguments.documents, arguments.rounds))
    if arguments.kept:
        with tempfile.TemporaryDirectory() as folder, stores(Path(folder)) as make:
            world = make()
            report_kept(arguments, world)
            world.close()


def erasing(objects: int, documents: int, rounds: int) -> Erasing:
    """Bare deletion and the erasing job in turn, each over as many objects in the same bucket."""
    bare, runs = [], []
    with tempfile.TemporaryDirectory() as folder, stores(Path(folder)) as make:
        for number in range(rounds):
            world = make()
            keys = filled(world, "bare", objects, 0)
            filled(world, "u-large", objects, documents)
            if number % 2:  # neither is always the first
                runs.append(purge(world, "u-large", erase=True))
            bare.append(delete_bare(world, keys))
            if not number % 2:
                runs.append(purge(world, "u-large", erase=True))
            world.close()
        world = make()
        filled(world, "u-small", SMALL, SMALL // 2)
        small = purge(world, "u-small", erase=True)
        world.close()
    columns = ([run[name] for run in runs] for name in ("objects step", "steps", "run", "memory"))
    return Erasing(bare, *columns, small_memory=small["memory"])


def report(arguments: argparse.Namespace, found: Erasing) -> None:
    """The table of erasing."""
    rows = (
        ("bare delete_objects, batches of 1,000", found.bare),
        ("erase job, its objects alone", found.objects),
        ("erase job, all its steps", found.steps),
        ("the same with the start of its process", found.process),
    )
    say("| what | seconds, median (spread) | objects | x bare |\n| --- | --- | --- | --- |")
    for name, seconds in rows:
        say(f"| {name} | {spread(seconds)} | {rate(arguments.objects, seconds)}/s | {ratio(seconds, found.bare)} |")
    memory = statistics.median(found.memory)
    growth = (memory - found.small_memory) * 1024 / max(1, arguments.objects + arguments.documents)
    say(
        f"\nworker's peak memory: {memory / 1024:.0f} MiB; for {SMALL:,} objects {found.small_memory / 1024:.0f} MiB: "
        f"{growth:,.0f} bytes for each further object or document"
    )


def report_kept(arguments: argparse.Namespace, world: PurgeWorld) -> None:
    """The purge with quarantine and its undo, once: they copy each object."""
    filled(world, "u-kept", arguments.objects, arguments.documents)
    run = purge(world, "u-kept", erase=False)
    job = world.purging.jobs.recent(1)[0]
    began = time.monotonic()
    memory = worker(world, "undo", job.job_id, "--actor", "ada@example.com", "--reason", "bench")
    back = time.monotonic() - began
    count = arguments.objects
    say(f"\nwith quarantine: {run['run']:.1f} s, {count / run['run']:,.0f} objects/s, {run['memory'] / 1024:.0f} MiB")
    say(f"undo: {back:.1f} s, {count / back:,.0f} objects/s, {memory / 1024:.0f} MiB")


@contextmanager
def stores(folder: Path) -> Iterator[Callable[[], PurgeWorld]]:
    """Makes empty worlds on one pair of stand-ins."""
    rig = SeaweedRig(folder / "seaweed")
    limits = PurgeLimits(lease_seconds=60, per_actor_hour=10_000)
    try:
        with EmbeddedFirestore(folder / "firestore.sqlite") as firestore:
            yield lambda: PurgeWorld(firestore, rig.values(rig.fresh_bucket()), limits)
    finally:
        rig.stop()


def filled(world: PurgeWorld, uid: str, objects: int, documents: int) -> list[str]:
    """A user with so many objects (clips with thumbnails, over 500 videos) and so many documents."""
    ending = (".jpg", ".mp4")
    keys = [
        f"users/{uid}/video-{number % VIDEOS:04d}/clips/clip_01_{number // 2}_title_split{ending[number % 2]}"
        for number in range(objects)
    ]
    world.put_objects(dict.fromkeys(keys, (b"x" * 64, "video/mp4")))
    made: dict[str, dict[str, Any]] = {f"users/{uid}": {"uid": uid, "plan": "pro"}} if documents else {}
    for number in range(max(0, documents - VIDEOS - 1)):
        video = f"users/{uid}/videos/video-{number % VIDEOS:04d}"
        made[video] = {"status": "completed", "updated_at": LONG_AGO}
        made[f"{video}/clips/c{number:06d}"] = {
            "file_size_bytes": 64,
            "style": "split",
            "status": "completed",
            "scene_title": "a scene" * 20,
        }
    if made:
        world.put_documents(made)
    return keys


def delete_bare(world: PurgeWorld, keys: list[str]) -> float:
    """Seconds for the same number of objects with nothing but the SDK's call."""
    client = world.purging.writers.objects._client  # the very client that a job uses
    began = time.monotonic()
    for start in range(0, len(keys), 1_000):
        wanted = {"Objects": [{"Key": key} for key in keys[start : start + 1_000]]}
        reply = client.call("delete_objects", "bare", Delete=wanted)
        if reply.get("Errors"):
            raise RuntimeError("the bare deletion met errors")
    return time.monotonic() - began


def purge(world: PurgeWorld, uid: str, *, erase: bool) -> dict[str, float]:
    """Seconds of planning, applying and the job (in a process of its own), and that process's peak memory in KiB."""
    began = time.monotonic()
    plan = world.plan(Scope.of(uid))
    planned = time.monotonic()
    approve(world.purging, plan, BOB)
    job = world.apply(plan, erase=erase)
    applied = time.monotonic()
    memory = worker(world, "worker", "--job", job.job_id)
    ended = time.monotonic()
    if world.purging.jobs.get(job.job_id).state != "done":
        raise RuntimeError(f"the job is {world.purging.jobs.get(job.job_id)}")
    steps = step_seconds(world, job.job_id)
    told = ", ".join(f"{name} {seconds:.1f}" for name, seconds in steps.items())
    say(f"  {uid}: plan {planned - began:.1f} s, apply {applied - planned:.1f} s, job {ended - applied:.1f} s ({told})")
    return {"run": ended - applied, "memory": memory, "objects step": steps["objects"], "steps": sum(steps.values())}


def step_seconds(world: PurgeWorld, job_id: str) -> dict[str, float]:
    """How long each step took, by its journal: from its first beginning to its last end."""
    spans: dict[str, list[datetime]] = {}
    for entry in world.purging.jobs.journal(job_id):
        spans.setdefault(str(entry.get("step", "")), []).append(entry["at"])
    return {name: (max(times) - min(times)).total_seconds() for name, times in spans.items() if name}


def worker(world: PurgeWorld, *arguments: str) -> float:
    """Runs a verb of `purge` in a process; its own peak memory in KiB."""
    command = [sys.executable, "-m", "storage", "purge", *arguments, "--json"]
    environment = world.values | base_environment()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{arguments[0]} ended with {process.returncode}")
    return float(usage.ru_maxrss)


def base_environment() -> dict[str, str]:
    """This process's, without what names a store."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith(("R2_", "FIREBASE_", "FIRESTORE_"))
    }


def spread(values: list[float]) -> str:
    """Median with smallest and largest."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def say(text: str) -> None:
    """A line on stdout."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def rate(count: int, seconds: list[float]) -> str:
    """Objects for each second of the median."""
    return f"{count / statistics.median(seconds):,.0f}"


def ratio(seconds: list[float], base: list[float]) -> str:
    """Medians against each other."""
    return f"{statistics.median(seconds) / statistics.median(base):.2f}"


if __name__ == "__main__":
    main()
