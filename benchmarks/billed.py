"""Document reads that are billed: a user's page and the fleet's, counted by the server that answers them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from storage.actions.rollup import run_rollup
from storage.clients.meter import metering
from storage.domain.usage import DEFAULT_LIMITS
from storage.repositories.records import Records
from storage.repositories.rollups import read_fleet
from storage.services.usage import UserCache
from tests.rigs.firestore import EmbeddedFirestore
from tests.rigs.records import World, clip, user, video

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
VIDEOS, CLIPS, CHANGED, TRANSACTIONS = 200, 5_000, 20, 60


def _reads(call: Any) -> int:
    with metering() as meter:
        call()
    return meter.cost().firestore_reads


def user_page() -> dict[str, int]:
    """One user with 200 videos, 5,000 clips and 60 transactions: reading all, the page cold, the page refreshed."""
    now = [NOON + timedelta(days=1)]
    with EmbeddedFirestore() as rig, World(rig) as world:
        documents: dict[str, dict[str, Any]] = {"users/u1": user("u1"), "plans/pro": {"id": "pro"}}
        for number in range(VIDEOS):
            made = NOON + timedelta(minutes=number)
            documents[f"users/u1/videos/v{number:03d}"] = video(f"v{number:03d}", created_at=made, updated_at=made)
            for scene in range(CLIPS // VIDEOS):
                documents[f"users/u1/videos/v{number:03d}/clips/c{scene:03d}"] = clip(f"v{number:03d}", scene)
        for number in range(TRANSACTIONS):
            stamp = {"timestamp": NOON + timedelta(minutes=number), "operation_type": "x", "credits_amount": -1}
            documents[f"users/u1/credit_transactions/t{number:02d}"] = stamp
        world.put(documents)
        records = Records(world.handle, lambda: now[0])
        reads = UserCache(records, DEFAULT_LIMITS, lambda: now[0])

        def everything() -> None:
            records.user("u1"), records.plan("pro"), records.accounting("u1")
            records.videos("u1"), records.clips("u1"), records.transactions("u1", 1_000)

        def page() -> None:
            reads.account("u1"), reads.newest_videos("u1"), reads.transactions("u1")

        found = {"all": _reads(everything), "cold": _reads(page)}
        now[0] += timedelta(minutes=10)
        for number in range(0, VIDEOS, VIDEOS // CHANGED):
            path = f"users/u1/videos/v{number:03d}"
            world.put({path: {**documents[path], "updated_at": now[0]}})
        return {**found, "warm": _reads(page)}


def fleet(users: int = 10) -> dict[str, tuple[int, int]]:
    """A view of all customers at 1, 10 and 100 times the data: users there are, reads of the view."""
    found = {}
    with EmbeddedFirestore() as rig, World(rig) as world:
        for factor in (1, 10, 100):
            documents: dict[str, dict[str, Any]] = {}
            for number in range(users * factor):
                documents[f"users/u{number}"] = user(f"u{number}")
                documents[f"users/u{number}/videos/v"] = video("v")
                documents |= {f"users/u{number}/videos/v/clips/c{scene}": clip("v", scene) for scene in range(3)}
            world.put(documents)
            for shard in (1, 2, 3, 4):
                run_rollup(
                    world.records,
                    world.writer,
                    DEFAULT_LIMITS,
                    lambda: NOON,
                    stale_after=timedelta(minutes=15),
                    shard=(shard, 4),
                )
            found[f"{factor} ×"] = (users * factor, _reads(lambda: read_fleet(world.records)))
    return found
