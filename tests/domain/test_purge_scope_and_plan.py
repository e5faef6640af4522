"""Scopes are spelled, compared and distrusted; plans are sealed over everything that they say."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.domain.purge.plan import (
    CounterChange,
    PlannedDocument,
    PlannedObject,
    PlannedUpload,
    PlanTarget,
    PurgePlan,
    moment,
    moment_text,
)
from storage.domain.purge.scope import ClipRef, Scope, dangers
from storage.errors import BadInput, Stale

NOW = datetime(2026, 11, 22, 10, 0, 0, 123456, tzinfo=UTC)
KNOWN = ("users/", "")
ids = st.text(st.characters(codec="utf-8", exclude_characters="/"), min_size=1, max_size=12).filter(
    lambda text: text == text.strip() and text.isprintable() and text not in {".", ".."} and not text.startswith("__")
)


def plan(**changes: Any) -> PurgePlan:
    made = PurgePlan(
        plan_id="plan-1",
        maker="ada@example.com",
        scope=Scope.of("u1", "video-1"),
        target=PlanTarget("bucket", "project", "users/"),
        created_at=NOW,
        expires_at=NOW + timedelta(minutes=30),
        objects=(PlannedObject("users/u1/video-1/clips/é +%#.mp4", 5, "abc"), PlannedObject("z", 0, "d-2")),
        documents=(PlannedDocument("users/u1/videos/video-1", NOW),),
        uploads=(PlannedUpload("users/u1/video-1/clips/x.mp4", "id"),),
        counters=(CounterChange("users/u1", "total_clips_count", None, 3),),
        warnings=("be careful",),
    )
    return replace(made, **changes)


@pytest.mark.parametrize(
    ("scope", "kind", "spelled"),
    [
        (Scope.of("u1"), "user", "u1"),
        (Scope.of("u1", "v1"), "video", "u1/v1"),
        (Scope.of("u1", "v1", ["c1"]), "clip", "u1/v1/c1"),
        (Scope.of("u1", "v1", ["c2", "c1", "c1"]), "clips", "u1/v1/2 clips"),
        (Scope.of_clips("u1", [ClipRef("v1", "c1"), ClipRef("v2", "c1")]), "clips", "u1/2 clips"),
    ],
)
def test_a_scope_has_a_kind_and_a_name_to_type(scope: Scope, kind: str, spelled: str) -> None:
    assert (scope.kind, scope.spelled) == (kind, spelled)


@pytest.mark.parametrize("bad", ["", ".", "..", "a/b", "\ud800", "__x__", "a" * 1_501])
def test_no_scope_is_made_of_an_id_that_is_none(bad: str) -> None:
    for attempt in (lambda: Scope.of(bad), lambda: Scope.of("u1", bad), lambda: Scope.of("u1", "v1", [bad])):
        with pytest.raises(BadInput):
            attempt()


def test_a_clip_needs_its_video_and_a_choice_needs_a_clip() -> None:
    with pytest.raises(BadInput, match="without its video"):
        Scope.of("u1", None, ["c1"])
    with pytest.raises(BadInput, match="No clip"):
        Scope.of_clips("u1", [])


def test_what_covers_what() -> None:
    user, video, clip = Scope.of("u1"), Scope.of("u1", "v1"), Scope.of("u1", "v1", ["c1"])
    both = Scope.of_clips("u1", [ClipRef("v1", "c1"), ClipRef("v2", "c1")])
    assert user.covers(video)
    assert user.covers(both)
    assert video.covers(clip)
    assert video.covers(video)
    assert both.covers(clip)
    assert not video.covers(both)
    assert not clip.covers(video)
    assert not video.covers(Scope.of("u1", "v2"))
    assert not user.covers(Scope.of("u10"))


@pytest.mark.parametrize(
    "word", ["users", "Users", "clips", "sources", "_ops", "transcripts", "null", "*", "ops_jobs", "x"]
)
def test_reserved_and_too_short_words_are_dangers(word: str) -> None:
    assert dangers(Scope.of(word), KNOWN, 2)
    assert dangers(Scope.of("u1", word), KNOWN, 2)


def test_the_first_segment_of_the_configured_prefix_is_reserved_too() -> None:
    assert dangers(Scope.of("media"), ("media/v2/", *KNOWN), 2)
    assert not dangers(Scope.of("media"), KNOWN, 2)
    assert not dangers(Scope.of("u1", "v1"), KNOWN, 2)


@given(ids, ids, st.lists(ids, max_size=3))
def test_a_scope_survives_its_dictionary(uid: str, video_id: str, clip_ids: list[str]) -> None:
    scope = Scope.of(uid, video_id, clip_ids)
    assert Scope.from_dict(json.loads(json.dumps(scope.as_dict()))) == scope


def test_a_plan_survives_its_json() -> None:
    assert PurgePlan.from_dict(json.loads(json.dumps(plan().as_dict()))) == plan()


def test_the_same_plan_has_the_same_fingerprint_however_its_times_are_written() -> None:
    from zoneinfo import ZoneInfo

    elsewhere = plan(created_at=NOW.astimezone(ZoneInfo("Asia/Tokyo")))
    assert elsewhere.fingerprint == plan().fingerprint
    assert len(plan().fingerprint) == 64


@pytest.mark.parametrize(
    "changes",
    [
        {"maker": "eve@example.com"},
        {"plan_id": "plan-2"},
        {"scope": Scope.of("u1", "video-2")},
        {"target": PlanTarget("other", "project", "users/")},
        {"expires_at": NOW + timedelta(days=1)},
        {"objects": ()},
        {"documents": (PlannedDocument("users/u1/videos/video-1", NOW + timedelta(microseconds=1)),)},
        {"uploads": ()},
        {"counters": ()},
        {"warnings": ()},
        {"blocked": ("no",)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_the_fingerprint_covers(changes: dict[str, Any]) -> None:
    assert plan(**changes).fingerprint != plan().fingerprint


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [inner for key, part in value.items() for inner in _paths(part, (*path, key))]
    if isinstance(value, list) and value:
        return [inner for number, part in enumerate(value) for inner in _paths(part, (*path, number))]
    return [path]


@pytest.mark.parametrize("path", _paths(plan().as_dict()), ids=lambda path: "/".join(map(str, path)))
def test_a_plan_altered_anywhere_is_refused(path: tuple[Any, ...]) -> None:
    altered = copy.deepcopy(plan().as_dict())
    holder = altered
    for part in path[:-1]:
        holder = holder[part]
    old = holder[path[-1]]
    holder[path[-1]] = f"{old}x" if isinstance(old, str) else 7 if old != 7 else 8
    with pytest.raises((Stale, BadInput)):
        PurgePlan.from_dict(altered)


def test_something_added_to_a_plan_is_refused() -> None:
    with pytest.raises(Stale):
        PurgePlan.from_dict({**plan().as_dict(), "objects_too": []})


@pytest.mark.parametrize("value", [None, [], "x", {}, {"format": 2}, {"format": 1, "fingerprint": "x"}])
def test_what_is_no_plan_is_told_so(value: Any) -> None:
    with pytest.raises((BadInput, Stale)):
        PurgePlan.from_dict(value)


@given(st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_a_moment_survives_its_text(at: datetime) -> None:
    assert moment(moment_text(at)) == at
