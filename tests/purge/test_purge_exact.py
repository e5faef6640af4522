"""Undo is exact for every value that Firestore can hold; a quarantine that could not be undone does not age away."""

from __future__ import annotations

import hashlib
import json
import math
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from storage.actions.documents import Delete, Restore, Update
from storage.actions.purge.jobs import cancel, empty_quarantine, resume, undo
from storage.actions.purge.worker import run_job, sweep
from storage.clients import firestore
from storage.domain.purge.job import Job, entry_path
from storage.domain.purge.scope import Scope, kept_documents
from storage.errors import Refused
from storage.repositories.decode import document_to_json
from tests.purge.world import ADA, REASON, VIDEO, PurgeWorld, when_done

SCOPE = Scope.of("u1", VIDEO)
SEPARATORS = "\n \r \x0b \x0c \x1c \x1d \x1e \x85 \u2028 \u2029 \r\n"
OVER = timedelta(days=8)  # the quarantine's time is over


def document(world: PurgeWorld, path: str) -> Any:
    return firestore.Document(name=f"projects/{world.project}/databases/(default)/documents/{path}")


def edges(world: PurgeWorld, path: str) -> Any:
    """Every kind of value that Firestore has, at its edges; the names of fields are as odd as the texts."""
    made = document(world, path)
    fields, root = made.fields, made.name.rpartition(path)[0]
    for number, value in enumerate(
        (math.nan, math.inf, -math.inf, -0.0, 0.0, 5e-324, 1.7976931348623157e308, 1.0, 0.1)
    ):
        fields[f"double {number}"].double_value = value
    for number, value in enumerate((2**63 - 1, -(2**63), 0, 2**53 + 1)):
        fields[f"whole {number}"].integer_value = value
    texts = (SEPARATORS, "", "\x00\x01\x7f\ufeff\u202e\ufffe\U0010ffff", '"\\/', "é" * 40_000, "\U0001f600" * 20_000)
    for number, value in enumerate(texts):
        fields[f"text {number}"].string_value = value
    fields[f"name {SEPARATORS}`.\\"].null_value = 0
    fields["yes"].boolean_value = True
    fields["no"].boolean_value = False
    fields["bytes"].bytes_value = bytes(range(256)) * 200
    fields["no bytes"].bytes_value = b""
    fields["reference"].reference_value = f"{root}users/u 1/videos/\u2028"
    fields["place"].geo_point_value.latitude = -90.0
    fields["nowhere"].geo_point_value.SetInParent()
    for number, (seconds, nanos) in enumerate(((-62_135_596_800, 0), (253_402_300_799, 999_999_000), (-1, 1_000))):
        fields[f"time {number}"].timestamp_value.seconds = seconds
        fields[f"time {number}"].timestamp_value.nanos = nanos
    fields["empty map"].map_value.SetInParent()
    fields["empty list"].array_value.SetInParent()
    fields["lists"].array_value.values.add().map_value.fields["\u2029"].array_value.values.add().null_value = 0
    inner = fields["deep"]
    for _ in range(19):
        inner = inner.map_value.fields["\x85"]
    inner.double_value = math.nan
    return made


def test_an_undo_brings_back_every_kind_of_value_at_its_edges(each_world: PurgeWorld) -> None:
    each_world.add_user("u1", {VIDEO: 1}, caches=False)
    made = edges(each_world, f"users/u1/videos/{VIDEO}/odd/n1")
    each_world.purging.writers.documents.commit([Restore(document_to_json(made))])
    before = each_world.snapshot()
    job = each_world.purge(SCOPE)
    assert job.state == "done"
    back = run_job(each_world.purging, undo(each_world.purging, job.job_id, REASON, ADA).job_id)
    assert (back.state, back.residue, back.failure) == ("done", (), None)
    assert exactly(each_world.snapshot()) == exactly(before)


def exactly(snapshot: tuple[dict[str, Any], dict[str, Any]]) -> Any:
    """The snapshot with every value as its bytes: -0.0 is not 0.0 there, and NaN is itself."""
    objects, documents = snapshot
    return objects, {
        path: {name: cell.SerializeToString(deterministic=True) for name, cell in fields.items()}
        for path, fields in documents.items()
    }


texts = st.text(st.one_of(st.sampled_from(SEPARATORS), st.characters(exclude_categories=["Cs"])), max_size=12)
names = texts.map(lambda text: f"n{text}")
cells = st.recursive(
    st.one_of(
        st.builds(lambda value: firestore.Value(string_value=value), texts),
        st.builds(lambda value: firestore.Value(double_value=value), st.floats()),
        st.builds(lambda value: firestore.Value(integer_value=value), st.integers(-(2**63), 2**63 - 1)),
        st.builds(lambda value: firestore.Value(bytes_value=value), st.binary(max_size=12)),
        st.builds(lambda value: firestore.Value(boolean_value=value), st.booleans()),
        st.just(firestore.Value(null_value=0)),
    ),
    lambda inner: (
        st.builds(lambda parts: firestore.Value(map_value={"fields": parts}), st.dictionaries(names, inner, max_size=3))
        | st.builds(
            lambda parts: firestore.Value(
                array_value={"values": [firestore.Value(map_value={"fields": part}) for part in parts]}
            ),
            st.lists(st.dictionaries(names, inner, max_size=2), max_size=2),
        )
    ),
    max_leaves=4,
)


@settings(
    max_examples=4,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(values=st.lists(cells, min_size=5, max_size=15))
def test_an_undo_brings_back_any_values(world: PurgeWorld, values: list[Any]) -> None:
    path = f"users/u1/videos/{VIDEO}"
    made = document(world, path)
    for number, value in enumerate(values):
        made.fields[f"f{number}"].CopyFrom(value)
    made.fields["status"].string_value = "completed"  # without one it would count as being processed
    commit = world.purging.writers.documents.commit
    commit([Delete(path)])
    commit([Restore(document_to_json(made))])
    before = world.snapshot()
    job = world.purge(SCOPE)
    back = run_job(world.purging, undo(world.purging, job.job_id, REASON, ADA).job_id)
    assert (back.state, back.residue) == ("done", ())
    assert exactly(world.snapshot()) == exactly(before)


def as_older_versions_wrote(world: PurgeWorld, job: Job) -> None:
    """Writes the quarantine's documents anew as they were up to now: separators as they are, not escaped."""
    name = kept_documents(job.job_id, 0)
    values = [json.loads(line) for line in world.stores.objects.get_bytes(name, 10**7).decode().split("\n")[:-1]]
    content = "".join(json.dumps(value, ensure_ascii=False, sort_keys=True) + "\n" for value in values).encode()
    assert "\u2028".encode() in content
    world.purging.writers.objects.put(name, content, "application/x-ndjson")
    for entry in world.purging.jobs.journal(job.job_id):
        if "sha256" in entry:
            path = entry_path(job.job_id, entry["sequence"])
            change = Update(path, {"sha256": hashlib.sha256(content).hexdigest()})
            world.purging.writers.documents.commit([change])


def purged_with_separators(world: PurgeWorld) -> Job:
    path = f"users/u1/videos/{VIDEO}/notes/n1"
    world.put_documents({path: {"text": SEPARATORS, "a\u2028b": {"c\x85": ["\u2029"]}}})
    return world.purge(SCOPE)


def test_a_quarantine_of_an_older_version_with_line_separators_in_it_is_undone(filled: PurgeWorld) -> None:
    job = purged_with_separators(filled)
    as_older_versions_wrote(filled, job)
    back = run_job(filled.purging, undo(filled.purging, job.job_id, REASON, ADA).job_id)
    assert (back.state, back.residue, back.failure) == ("done", (), None)
    found = filled.documents()[f"users/u1/videos/{VIDEO}/notes/n1"]
    assert found["text"].string_value == SEPARATORS


def test_what_is_kept_is_ascii_so_that_nothing_can_cut_it(filled: PurgeWorld) -> None:
    job = purged_with_separators(filled)
    content = filled.stores.objects.get_bytes(kept_documents(job.job_id, 0), 10**7)
    assert content.isascii()
    assert len(content.splitlines()) == job.documents_total


def test_a_quarantine_whose_undo_failed_is_never_emptied_by_its_age(filled: PurgeWorld) -> None:
    before = filled.snapshot()
    job = filled.purge(SCOPE)
    name = kept_documents(job.job_id, 0)
    whole = filled.stores.objects.get_bytes(name, 10**7)
    filled.purging.writers.objects.put(name, whole[:-1] + b" ", "application/x-ndjson")
    failed = run_job(filled.purging, undo(filled.purging, job.job_id, REASON, ADA).job_id)
    assert (failed.state, (failed.failure or {})["code"]) == ("failed", "unusable_answer")
    kept = filled.own_keys(f"_ops/quarantine/{job.job_id}/")
    filled.pass_time(OVER)
    assert sweep(filled.purging) == ()
    assert filled.own_keys(f"_ops/quarantine/{job.job_id}/") == kept
    assert filled.purging.jobs.get(job.job_id).undo_failed
    filled.purging.writers.objects.put(name, whole, "application/x-ndjson")  # mended: it goes on, whatever its age
    back = run_job(filled.purging, resume(filled.purging, failed.job_id, ADA).job_id)
    assert (back.state, back.residue) == ("done", ())
    assert filled.snapshot() == before
    assert not filled.own_keys("_ops/quarantine/")


@pytest.mark.parametrize("place", ["object", "document"])
def test_a_quarantine_whose_undo_was_refused_stays_and_can_be_undone_later(filled: PurgeWorld, place: str) -> None:
    before = filled.snapshot()
    job = filled.purge(SCOPE)
    path, key = f"users/u1/videos/{VIDEO}", f"users/u1/{VIDEO}/highlights.json"
    if place == "object":
        filled.put_objects({key: (b"new", "application/json")})
    else:
        filled.put_documents({path: {"status": "processing"}})
    with pytest.raises(Refused, match="Something new is at"):
        undo(filled.purging, job.job_id, REASON, ADA)
    why = filled.purging.jobs.get(job.job_id).undo_refused
    assert why is not None
    assert why["code"] == "refused"
    filled.pass_time(OVER)
    assert sweep(filled.purging) == ()
    if place == "object":
        filled.purging.writers.objects.delete([key])
    else:
        filled.purging.writers.documents.delete(path)
    back = run_job(filled.purging, undo(filled.purging, job.job_id, REASON, ADA).job_id)
    assert back.state == "done"
    assert filled.snapshot() == before


def test_an_undo_that_was_cancelled_or_left_something_keeps_the_quarantine(filled: PurgeWorld) -> None:
    before = filled.snapshot()
    job = filled.purge(SCOPE)
    undoing = undo(filled.purging, job.job_id, REASON, ADA)
    listener = when_done("objects back", lambda: cancel(filled.open(), undoing.job_id, ADA))
    assert run_job(filled.open(progress=listener), undoing.job_id).state == "cancelled"
    filled.pass_time(OVER)
    assert sweep(filled.purging) == ()
    path = f"users/u1/videos/{VIDEO}"
    filled.put_documents({path: {"status": "new"}})
    left = run_job(filled.purging, resume(filled.purging, job.job_id, ADA).job_id)
    assert (left.state, left.residue) == ("incomplete", (f"document is another: {path}",))
    filled.pass_time(OVER)
    assert sweep(filled.purging) == ()
    filled.purging.writers.documents.delete(path)
    assert run_job(filled.purging, undo(filled.purging, job.job_id, REASON, ADA).job_id).state == "done"
    assert filled.snapshot() == before


def test_a_person_ends_a_quarantine_that_its_age_does_not_end(filled: PurgeWorld) -> None:
    job = filled.purge(SCOPE)
    filled.put_documents({f"users/u1/videos/{VIDEO}": {"status": "processing"}})
    with pytest.raises(Refused):
        undo(filled.purging, job.job_id, REASON, ADA)
    now = filled.snapshot()
    with pytest.raises(Refused, match="promised until") as promised:
        empty_quarantine(filled.purging, job.job_id, SCOPE.spelled, REASON, ADA)
    assert "erase" in promised.value.remedy
    filled.pass_time(OVER)
    with pytest.raises(Refused, match="not the scope's name"):
        empty_quarantine(filled.purging, job.job_id, "u1", REASON, ADA)
    assert filled.own_keys("_ops/quarantine/")
    ended = run_job(filled.purging, empty_quarantine(filled.purging, job.job_id, SCOPE.spelled, REASON, ADA).job_id)
    assert (ended.kind, ended.state, ended.actor, ended.reason) == ("empty", "done", ADA.email, REASON)
    assert not filled.own_keys("_ops/quarantine/")
    assert filled.snapshot() == now
    with pytest.raises(Refused, match="quarantine is emptied"):
        undo(filled.purging, job.job_id, REASON, ADA)
    with pytest.raises(Refused, match="keeps nothing") as nothing_kept:
        empty_quarantine(filled.purging, job.job_id, SCOPE.spelled, REASON, ADA)
    assert "erase" not in nothing_kept.value.remedy, "what was given back meanwhile would be erased"
    actions = [(entry["action"], entry["outcome"]) for entry in filled.log.search(uid="u1", limit=20)]
    assert ("purge.empty", "begun") in actions
    assert ("purge.empty", "refused") in actions


def test_an_undo_at_work_is_not_emptied_by_a_person_either(filled: PurgeWorld) -> None:
    job = filled.purge(SCOPE)
    undoing = undo(filled.purging, job.job_id, REASON, ADA)
    filled.pass_time(OVER)
    with pytest.raises(Refused, match=f"{undoing.job_id} is ready; cancel it first"):
        empty_quarantine(filled.purging, job.job_id, SCOPE.spelled, REASON, ADA)
    assert run_job(filled.purging, undoing.job_id).state == "done"
