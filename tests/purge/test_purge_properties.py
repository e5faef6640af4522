"""Over random worlds: what goes is exactly the plan, whatever the scope; and undo is the identity."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from storage.actions.purge.jobs import undo
from storage.actions.purge.plans import approve
from storage.actions.purge.worker import run_job
from storage.domain.purge.scope import ClipRef, Scope
from tests.purge.world import ADA, BOB, REASON, PurgeWorld
from tests.rigs.desk import user_documents, user_objects
from tests.rigs.firestore import EmbeddedFirestore
from tests.rigs.seaweed import SeaweedRig

UIDS = ("u1", "u10", "ü ser")  # one begins like another; one needs encoding
VIDEO_IDS = ("video-a", "video-a-b", "video-ab")

users = st.dictionaries(
    st.sampled_from(UIDS),
    st.tuples(
        st.dictionaries(st.sampled_from(VIDEO_IDS), st.integers(0, 2), min_size=1), st.sampled_from(["users/", ""])
    ),
    min_size=1,
)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any], Scope]:
    """Documents, objects and a scope among them. Some parents and some objects are missing, some are too many."""
    documents: dict[str, Any] = {}
    objects: dict[str, Any] = {}
    chosen = draw(users)
    for uid, (videos, prefix) in chosen.items():
        own = user_documents(uid, videos, prefix=prefix, caches=draw(st.booleans()))
        objects |= user_objects(own)
        documents |= own
        objects[f"users/{uid}/{draw(st.sampled_from(VIDEO_IDS))}/clips/clip_09_9_orphan_split.mp4"] = (
            b"o",
            "video/mp4",
        )
        documents[f"users/{uid}/videos/{draw(st.sampled_from(VIDEO_IDS))}/more/m1"] = {
            "n": draw(st.integers(-(2**63), 2**63 - 1))
        }
    uid = draw(st.sampled_from(sorted(chosen)))
    video_id = draw(st.sampled_from(sorted(chosen[uid][0])))
    scopes = [Scope.of(uid), Scope.of(uid, video_id)]
    if chosen[uid][0][video_id]:
        scopes.append(Scope.of(uid, video_id, [f"{video_id}_0_split"]))
    several = [ClipRef(v, f"{v}_{n}_split") for v, count in chosen[uid][0].items() for n in range(count)]
    if len(several) > 1:
        scopes.append(Scope.of_clips(uid, several[1:]))
    for gone in draw(st.sets(st.sampled_from(sorted(objects)), max_size=3)):
        del objects[gone]
    if draw(st.booleans()):
        del documents[f"users/{uid}/videos/{video_id}"]
    return documents, objects, draw(st.sampled_from(scopes))


@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],  # shrinking would take minutes on real stores
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(worlds())
def test_what_goes_is_exactly_the_plan_and_undo_is_the_identity(
    embedded: EmbeddedFirestore, seaweed: SeaweedRig, made: tuple[dict[str, Any], dict[str, Any], Scope]
) -> None:
    documents, objects, scope = made
    neighbour = user_documents(
        "zz", {"video-zz": 1}, caches=False
    )  # whose object tells a loss of the customer's from a wrong bucket
    documents, objects = documents | neighbour, objects | user_objects(neighbour)
    world = PurgeWorld(embedded, seaweed.values(seaweed.fresh_bucket()))
    try:
        world.put_documents(documents)
        world.fill(objects)
        before = world.snapshot()
        plan = world.plan(scope, acknowledge_missing=True)
        approve(world.purging, plan, BOB)
        job = run_job(world.purging, world.apply(plan).job_id)
        assert (job.state, job.residue, job.disturbed) == ("done", (), ())
        now = world.snapshot()
        going = {item.key for item in plan.objects}
        assert now[0] == {key: value for key, value in before[0].items() if key not in going}
        assert set(now[1]) == set(before[1]) - {item.path for item in plan.documents}
        staying = {(c.path, c.field): c.after for c in plan.counters}
        for (path, field), after in staying.items():
            if isinstance(after, int):
                assert now[1][path][field].integer_value == after
        unchanged = set(now[1]) - {path for path, _ in staying}
        assert {path: now[1][path] for path in unchanged} == {path: before[1][path] for path in unchanged}
        back = run_job(world.purging, undo(world.purging, job.job_id, REASON, ADA).job_id)
        assert (back.state, back.residue) == ("done", ())
        assert world.snapshot() == before
    finally:
        world.close()
