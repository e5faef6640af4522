"""Which backend is there is told by a sample of documents, over both kinds of Firestore; refused is not none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from grpc import StatusCode

from storage.actions.deployment import keep
from storage.clients.meter import metering
from storage.domain.deployment import Deployment, Wanted
from storage.repositories.deployment import PATH, DeploymentRecords
from storage.services.deployment import Finder
from tests.rigs.firestore import EmbeddedFirestore, FirestoreRig
from tests.rigs.records import NOON, World, clip, user, video


@pytest.fixture
def world(firestore_rig: FirestoreRig) -> Iterator[World]:
    with World(firestore_rig) as made:
        yield made


@pytest.fixture
def own(embedded: EmbeddedFirestore) -> Iterator[World]:
    with World(embedded) as made:
        yield made


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


def finder(world: World, clock: Clock | None = None, wanted: Wanted = "auto", prefix: str | None = None) -> Finder:
    """As a process has it."""
    at = clock or Clock()
    reader = DeploymentRecords(world.handle, at)
    return Finder(world.records, reader, at, wanted=wanted, prefix=prefix, keep=partial(keep, world.handle))


def videos(
    new: int = 0, old: int = 0, neither: int = 0, *, first: int = 0, uid: str = "u1", **more: Any
) -> dict[str, Mapping[str, Any]]:
    """Delivered videos of one user, each made a minute after the one before: with the document, with the file alone."""
    made: dict[str, Mapping[str, Any]] = {f"users/{uid}": user(uid)}
    for at in range(first, first + new + old + neither):
        path = f"users/{uid}/videos/v{at:03}"
        made[path] = video(f"v{at:03}", created_at=NOON + timedelta(minutes=at), **more)
        if at < first + new:
            made[f"{path}/highlights/main"] = {"highlights": [], "video_id": f"v{at:03}"}
    return made


def keys(prefix: str, count: int, uid: str) -> dict[str, Mapping[str, Any]]:
    """Clips of one user whose keys lie under a prefix."""
    base = f"users/{uid}/videos/v1/clips"
    return {
        f"{base}/c{number}": clip("v1", number, r2_key=f"{prefix}{uid}/v1/clips/clip_01_{number}_a_split.mp4")
        for number in range(count)
    }


@pytest.mark.parametrize(
    ("documents", "source", "why"),
    [
        ({}, "mixed", "No video that should have highlights"),
        (videos(new=3), "document", "Of the newest 3 videos that should have highlights, 3 have"),
        (videos(old=3), "object", "None of the newest 3 videos"),
        (videos(new=1, old=1), "document", "1 has the document"),
        (videos(new=2, old=3), "mixed", "2 have the document"),
        (videos(new=30) | videos(old=20, first=30), "object", "None of the newest 20 videos"),
        (videos(old=30) | videos(new=10, neither=10, first=30, uid="u2"), "document", "newest 20 videos"),
        (videos(new=2, status="processing") | videos(new=2, first=9, status="failed"), "mixed", "No video"),
        (videos(new=2, status="analyzed"), "document", "Of the newest 2"),
    ],
)
def test_the_newest_videos_that_should_have_highlights_decide(
    world: World, documents: dict[str, Mapping[str, Any]], source: str, why: str
) -> None:
    world.put(documents)
    found = finder(world)()
    assert (found.highlights_source, found.complete) == (source, True)
    assert why in found.highlights_why


@pytest.mark.parametrize(
    ("documents", "prefix", "why"),
    [
        ({}, "users/", "default"),
        (keys("users/", 3, "u1"), "users/", "3 of 3 keys"),
        (keys("", 3, "u1"), "", "without a prefix"),
        (keys("", 2, "u1") | keys("users/", 5, "u2"), "users/", "3 of 5 keys"),
        (keys("", 2, "u1") | keys("", 2, "u3") | keys("users/", 3, "u2"), "", "4 of 7 keys"),
        (keys("prod/users/", 3, "u1"), "users/", "default"),
        (keys("", 2, "users"), "", "2 of 2 keys"),
        (videos(new=1, highlights_json_key="u1/v000/highlights.json"), "", "1 of 1 key"),
    ],
)
def test_the_prefix_is_the_one_of_documents_own_keys_and_of_a_mixed_sample_the_majoritys(
    world: World, documents: dict[str, Mapping[str, Any]], prefix: str, why: str
) -> None:
    world.put(documents)
    found = finder(world)()
    assert found.key_prefix == prefix
    assert why in found.key_prefix_why
    assert found.layout.highlights_key("u1", "v") == f"{prefix}u1/v/highlights.json"


def test_what_is_set_is_not_asked_for_and_one_setting_leaves_the_other_to_be_found(own: World) -> None:
    own.put(videos(new=2) | keys("", 2, "u1"))
    with metering() as meter:
        found = finder(own, wanted="object", prefix="users/")()
    assert (found.highlights_source, found.key_prefix, found.complete) == ("object", "users/", True)
    assert "HIGHLIGHTS_SOURCE sets it" in found.highlights_why
    assert meter.cost().firestore_reads == 0
    assert own.records.raw(PATH) is None
    assert finder(own, wanted="object")().key_prefix == ""
    assert finder(own, prefix="users/")().highlights_source == "document"


def test_it_is_found_once_an_hour_kept_for_other_processes_and_billed_apart(own: World) -> None:
    own.put(videos(old=25) | keys("users/", 12, "u1"))
    clock = Clock()
    first = finder(own, clock)
    with metering() as meter:
        assert first().highlights_source == "object"
    assert meter.cost().firestore_reads == 0
    assert 0 < first.cost.firestore_reads <= 70
    assert first.cost.firestore_writes == 1
    own.put(videos(new=20, first=30))
    assert first().highlights_source == "object", "within the hour"
    second = finder(own, clock)
    assert second().highlights_source == "object", "what the first one kept"
    assert (second.cost.firestore_reads, second.cost.firestore_writes) == (1, 0)
    clock.now += timedelta(hours=1)
    assert first().highlights_source == "document"
    assert second().highlights_source == "document"
    assert own.fields(PATH)["highlights_source"] == "document"
    own.put(videos(old=20, first=60))
    assert second(fresh=True).highlights_source == "object"


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"highlights_why": None},
        {"found_at": "yesterday"},
        {"key_prefix": "../"},
        {"key_prefix": 5},
        {"highlights_source": "moon"},
        {"found_at": datetime(2999, 1, 1, tzinfo=UTC)},
    ],
    ids=str,
)
def test_what_was_kept_is_believed_only_where_it_is_what_a_desk_writes(own: World, odd: dict[str, Any]) -> None:
    own.put(videos(new=2))
    kept = Deployment("object", "w", "", "w", datetime.now(UTC)).as_fields()
    own.put({PATH: kept | odd if odd else {}})
    found = finder(own)()
    assert (found.highlights_source, found.complete) == ("document", True)


@pytest.mark.parametrize("call", ["BatchGetDocuments", "RunQuery"])
def test_a_sample_that_is_refused_is_not_none_and_is_asked_for_again_a_minute_later(own: World, call: str) -> None:
    own.put(videos(new=2))
    clock = Clock()
    ask = finder(own, clock)
    own.faults.refuse(call, StatusCode.PERMISSION_DENIED, times=None)
    found = ask()
    assert (found.highlights_source, found.key_prefix, found.complete) == ("mixed", "users/", False)
    assert "could not be found out" in found.highlights_why
    assert found.fault is not None
    own.faults.clear()
    assert not ask().complete
    clock.now += timedelta(minutes=1)
    assert ask().highlights_source == "document"


def test_what_nothing_told_is_not_kept_and_asked_for_again_a_minute_later(own: World) -> None:
    clock = Clock()
    ask = finder(own, clock)
    assert ask().highlights_source == "mixed"
    assert own.records.raw(PATH) is None
    own.put(videos(new=1))
    clock.now += timedelta(minutes=1)
    assert ask().highlights_source == "document"


def test_a_desk_with_its_prefix_set_samples_no_keys_and_misleads_none_that_looks_for_them(own: World) -> None:
    own.put(videos(new=2) | keys("", 9, "u1"))
    with_prefix = finder(own, prefix="users/")
    assert with_prefix().highlights_source == "document"
    assert with_prefix.cost.firestore_reads <= 6
    without = finder(own)
    assert (without().highlights_source, without().key_prefix) == ("document", "")
    again = finder(own, prefix="users/")
    assert (again().key_prefix, again.cost.firestore_reads) == ("users/", 1)


def test_a_desk_that_may_not_write_goes_on_without_keeping_it(own: World) -> None:
    own.put(videos(new=2))
    own.faults.refuse("Commit", StatusCode.PERMISSION_DENIED, times=None)
    assert finder(own)().highlights_source == "document"
    own.faults.clear()
    assert own.records.raw(PATH) is None


def test_without_the_index_a_sample_of_users_far_apart_decides(own: World) -> None:
    for uid in ("1", "H", "V", "m"):
        own.put(videos(new=1, old=3, uid=uid))
    message = "The query requires an index. You can create it here: https://console.firebase.google.com/"
    own.faults.refuse(
        "RunQuery",
        StatusCode.FAILED_PRECONDITION,
        message,
        times=None,
        when=lambda request: "created_at" in str(request.structured_query.order_by),
    )
    found = finder(own)()
    assert (found.highlights_source, found.complete) == ("mixed", True)
    assert "of a sample" in found.highlights_why
