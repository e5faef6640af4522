"""A store that asks to slow down is obeyed, and the job goes on."""

from __future__ import annotations

import pytest

from storage.actions.objects import ObjectWriter
from storage.actions.purge.engine import Engine
from storage.actions.purge.worker import run_job
from storage.actions.writers import Writers
from storage.clients import r2
from storage.domain.purge.scope import Scope
from tests.purge.test_purge_kill import assert_purged
from tests.purge.world import VIDEO, PurgeWorld
from tests.rigs.http_faults import Answer, FaultProxy


@pytest.fixture
def busy_world(far: PurgeWorld) -> PurgeWorld:
    """A world behind the proxy."""
    far.add_user("u1", {VIDEO: 2, "video-bbb": 1}, caches=False)
    return far


def test_throttling_slows_down_and_goes_on(busy_world: PurgeWorld, proxy: FaultProxy) -> None:
    before = busy_world.snapshot()
    plan = busy_world.plan(Scope.of("u1", VIDEO))
    job_id = busy_world.apply(plan).job_id
    proxy.on(Answer(429, "TooManyRequests"), method="POST", query="delete", only={1, 2, 3, 4})
    assert_purged(busy_world, plan, run_job(busy_world.purging, job_id), before)


def test_a_store_that_says_how_long_to_wait_is_waited_for_so_long(
    busy_world: PurgeWorld, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = busy_world.snapshot()
    plan = busy_world.plan(Scope.of("u1", VIDEO))
    job_id = busy_world.apply(plan).job_id
    waited: list[float] = []
    monkeypatch.setattr(Engine, "_wait", lambda _, seconds: waited.append(seconds))
    busy = Answer(503, "SlowDown", {"Retry-After": "7"})
    proxy.on(busy, method="PUT", path="quarantine/.*/objects/", only=set(range(1, 30)))
    proxy.on(busy, method="POST", query="delete", only={1, 2, 3, 4})
    slept: list[float] = []
    client = r2.write_client(busy_world.settings.r2)
    objects = ObjectWriter(client, busy_world.settings.r2.bucket, sleep=slept.append)
    job = run_job(busy_world.open(writers=Writers(objects, busy_world.purging.writers.documents)), job_id)
    assert_purged(busy_world, plan, job, before)
    assert waited[0] == 7.0
    assert slept[0] == 7.0
