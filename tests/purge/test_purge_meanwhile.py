"""The product goes on while a purge runs: what it writes is never taken, and what it counts is never counted away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from storage.actions.purge.jobs import undo
from storage.actions.purge.worker import run_job
from storage.domain.purge.scope import Scope
from tests.purge.world import ADA, REASON, VIDEO, PurgeWorld, when_done
from tests.rigs.firestore_faults import FaultRule

OTHER = "video-bbb"
SCOPE = Scope.of("u1", VIDEO)
NEW_BYTES = 1_000


def rendering(world: PurgeWorld, video_id: str) -> Callable[[], tuple[str, str]]:
    """A worker of the product that is about to render one more clip: object, document, counters as it knows them.

    What it gives does that, without asking Firestore anything, and gives the key and the path.
    """
    key = f"users/u1/{video_id}/clips/clip_09_9_new_split.mp4"
    path = f"users/u1/videos/{video_id}/clips/{video_id}_9_split"
    clip = {"clip_id": f"{video_id}_9_split", "r2_key": key, "file_size_bytes": NEW_BYTES, "status": "completed"}
    counted = user_fields(world)
    counted["total_storage_bytes"] += NEW_BYTES
    counted["total_clips_count"] += 1

    def render() -> tuple[str, str]:
        world.put_objects({key: (b"n" * NEW_BYTES, "video/mp4")})
        world.put_documents({path: clip, "users/u1": counted})
        return key, path

    return render


def user_fields(world: PurgeWorld) -> dict[str, Any]:
    user = world.stores.records.raw("users/u1")
    assert user is not None
    return dict(user.fields or {})


def counters(world: PurgeWorld) -> tuple[int, int]:
    fields = world.documents()["users/u1"]
    return fields["total_storage_bytes"].integer_value, fields["total_clips_count"].integer_value


@pytest.mark.parametrize("after", ["slugs", "objects"])
def test_a_clip_rendered_into_the_scope_meanwhile_stays_with_its_video_and_is_told_and_the_rest_can_be_undone(
    filled: PurgeWorld, after: str
) -> None:
    before = filled.snapshot()
    plan = filled.plan(SCOPE)
    new: list[str] = []
    render = rendering(filled, VIDEO)
    listener = when_done(after, lambda: new.extend(render()))
    job = run_job(filled.open(progress=listener), filled.apply(plan).job_id)
    key, path = new
    video = f"users/u1/videos/{VIDEO}"
    assert job.state == "incomplete"
    assert set(job.residue) == {f"object: {key}", f"document: {path}", f"document: {video}"}
    assert (job.tally.objects, job.tally.left_alone) == (len(plan.objects), 1)
    objects, documents = filled.snapshot()
    assert objects == {k: v for k, v in before[0].items() if f"u1/{VIDEO}/" not in k} | {
        key: (b"n" * NEW_BYTES, "video/mp4")
    }
    assert {video, path} == {one for one in documents if f"users/u1/videos/{VIDEO}" in one}
    assert counters(filled) == (10 + NEW_BYTES, 2)
    back = run_job(filled.purging, undo(filled.purging, job.job_id, REASON, ADA).job_id)
    assert (back.state, back.residue) == ("done", ())
    objects, documents = filled.snapshot()
    assert {k: v for k, v in objects.items() if k != key} == before[0]
    assert set(documents) - set(before[1]) == {path}
    assert counters(filled) == (31 + NEW_BYTES, 4)


def test_a_clip_counted_between_adding_up_and_writing_is_not_counted_away(filled: PurgeWorld) -> None:
    job_id = filled.apply(filled.plan(SCOPE)).job_id
    done: list[Any] = []
    render = rendering(filled, OTHER)

    def as_the_counters_are_written(_: object) -> bool:
        if not done:
            done.append(render())
        return False

    faults = filled.firestore.faults  # type: ignore[attr-defined]
    faults.add(FaultRule("BeginTransaction", "before", when=as_the_counters_are_written))
    assert run_job(filled.purging, job_id).state == "done"
    assert done
    assert counters(filled) == (10 + NEW_BYTES, 2)


def test_counters_that_never_come_to_rest_interrupt_the_job_and_are_true_in_the_end(filled: PurgeWorld) -> None:
    job_id = filled.apply(filled.plan(SCOPE)).job_id
    fields = user_fields(filled)

    def touched(_: object) -> bool:
        filled.put_documents({"users/u1": fields})
        return False

    faults = filled.firestore.faults  # type: ignore[attr-defined]
    faults.add(FaultRule("BeginTransaction", "before", when=touched, times=None))
    job = run_job(filled.open(pauses=()), job_id)
    assert (job.state, (job.failure or {})["code"]) == ("interrupted", "throttled")
    faults.clear()
    assert run_job(filled.purging, job_id).state == "done"
    assert counters(filled) == (10, 1)
