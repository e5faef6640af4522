"""Figures about all customers: sums and first rows that do not depend on how users were divided, in small documents."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from storage.domain import rollup, usage
from storage.domain.documents import VIDEOS, Accounting, User
from storage.domain.rollup import (
    MAX_PARTS,
    PART_BYTES,
    VERSION,
    RollupHead,
    RollupTally,
    Shard,
    from_documents,
    head_fields,
    head_from,
    merge,
    merged_points,
    point,
    steps,
    to_documents,
    with_point,
)
from storage.domain.usage import Truth
from storage.errors import Unusable

NOW = datetime(2026, 3, 30, 12, tzinfo=UTC)
GIB = 1024**3


def person(uid: str, **changes: Any) -> User:
    """A user on the free plan who has used nothing and joined long ago."""
    base = User(
        uid=uid, exists=True, email=f"{uid}@example.com", plan="free", role=None, created_at=NOW - timedelta(days=400),
        updated_at=NOW, total_storage_bytes=0, total_clips_count=0, usage_reset_month=None, clips_used_this_month=None,
        credits_used_this_month=None, settings=None, update_time=NOW,
    )  # fmt: skip
    return replace(base, **changes)


def add(tally: RollupTally, user: User, truth: Truth | None = None, books: Accounting | None = None) -> None:
    """Takes a user in, evaluated as the desk evaluates users."""
    tally.add(user, usage.evaluate_usage(user, usage.Plans({}), books, truth, NOW), truth)


def truth(size: int, count: int = 1, unsized: int = 0) -> Truth:
    return Truth(count, size, unsized, None, complete=True)


def tallied(*users: tuple[User, Truth | None], top: int = rollup.TOP) -> rollup.Content:
    tally = RollupTally(NOW, top)
    for user, found in users:
        add(tally, user, found)
    return tally.content()


def shard(content: rollup.Content, **changes: Any) -> Shard:
    base = Shard(1, 1, NOW, NOW, complete=True, reads=9, content=content, points=[])
    return replace(base, **changes)


def test_an_unknown_counter_is_counted_as_unknown_and_not_as_zero() -> None:
    content = tallied((person("a", total_storage_bytes=None), truth(5)), (person("b"), None))
    totals = content["totals"]
    assert (totals["users"], totals["unknown_usage_users"], totals["unread_users"]) == (2, 1, 1)
    assert content["states"]["storage"] == {"unknown": 1, "ok": 1}
    assert (totals["clip_bytes"], totals["clips"]) == (5, 1)


def test_phantoms_unknown_plans_and_unsized_clips_are_counted_apart() -> None:
    phantom = person("p", exists=False, plan=None, email=None, total_storage_bytes=None, total_clips_count=None)
    content = tallied((phantom, truth(7, 3, 2)), (person("x", plan="gold"), truth(0, 0)))
    assert content["totals"]["phantom_users"] == 1
    assert (content["totals"]["clips"], content["totals"]["unsized_clips"]) == (3, 2)
    assert content["plans"]["free"]["users"] == 2
    assert content["plans"]["free"]["unknown_plan_users"] == 1


def test_who_is_near_or_over_comes_first_by_the_exact_share() -> None:
    used = {"half": GIB // 2, "just": GIB - 1, "full": GIB, "over": 5 * GIB, "near": GIB * 8 // 10 + 1}
    content = tallied(*((person(uid, total_storage_bytes=size), truth(size)) for uid, size in used.items()))
    assert [row["uid"] for row in content["near"]["storage"]] == ["over", "full", "just", "near"]
    assert [row["state"] for row in content["near"]["storage"]] == ["exceeded", "exceeded", "near_limit", "near_limit"]
    assert content["states"]["storage"] == {"ok": 1, "near_limit": 2, "exceeded": 2}


def test_the_product_goes_by_the_accounting_where_there_is_one() -> None:
    tally = RollupTally(NOW)
    books = Accounting("a", 3 * GIB, 1, None, None, None, None, None)
    add(tally, person("a"), truth(3 * GIB), books)
    content = tally.content()
    assert content["totals"]["used_bytes"] == 3 * GIB
    assert content["near"]["storage"][0]["percent"] == 300.0
    assert content["drift"] == {}  # the user's own totals are dead beside it
    assert content["drifting"] == []


def test_an_account_of_an_older_backend_drifts_by_the_user_s_own_totals() -> None:
    tally = RollupTally(NOW)
    add(tally, person("a"), truth(3 * GIB))
    content = tally.content()
    assert content["drift"]["user.total_storage_bytes"] == {"users": 1, "sum": -3 * GIB, "absolute": 3 * GIB}
    assert content["drifting"][0]["drifts"] == {"user.total_storage_bytes": -3 * GIB, "user.total_clips_count": -1}


def test_users_who_joined_are_counted_by_day_within_thirty_days() -> None:
    days = [0, 0, 29, 30, -1]
    users = [(person(f"u{n}", created_at=NOW - timedelta(days=ago)), None) for n, ago in enumerate(days)]
    assert tallied(*users)["joined"] == {"2026-03-30": 2, "2026-03-01": 1}


def test_shards_merge_to_what_one_run_over_all_gives() -> None:
    chance = random.Random(7)
    users = [
        (
            person(f"u{n}", total_storage_bytes=chance.choice([None, chance.randrange(2 * GIB)]),
                   plan=chance.choice(["free", "pro", "gold"]), created_at=NOW - timedelta(days=n % 40)),
            chance.choice([None, truth(chance.randrange(2 * GIB), n)]),
        )
        for n in range(300)
    ]  # fmt: skip
    whole = tallied(*users, top=20)
    parts = [tallied(*users[start::4], top=20) for start in range(4)]
    assert merge(parts, top=20) == merge([whole], top=20)
    assert merge([whole], top=20)["near"] == whole["near"]
    assert len(whole["biggest"]) == 20


@pytest.mark.parametrize(
    ("video", "step"),
    [
        ({}, "analysis"),
        ({"expected_clips": 4}, "analysis"),
        ({"expected_clips": 4, "completed_clips": 1}, "render"),
        ({"expected_clips": 4, "completed_clips": 4}, "finish"),
        ({"processing_progress": {"total_clips": 3}}, "render"),
        ({"processing_progress": {"total_clips": 3, "completed_clips": 3}}, "finish"),
        ({"processing_progress": {"current_scene_id": 2}}, "render"),
        ({"processing_progress": {"total_clips": "many", "completed_clips": True}}, "analysis"),
        ({"expected_clips": -1, "completed_clips": 0}, "analysis"),
    ],
)
def test_the_step_of_a_video_in_progress_is_read_off_its_document(video: dict[str, Any], step: str) -> None:
    frame = VIDEOS.empty().reindex(range(1))
    for name, value in video.items():
        frame[name] = [value]
    assert steps(frame) == {**dict.fromkeys(rollup.STEPS, 0), step: 1}


def test_growth_keeps_the_last_point_of_a_day_and_thirty_days() -> None:
    points: list[rollup.Content] = []
    for n in range(35):
        points = with_point(points, point(date(2026, 3, 1) + timedelta(days=n), {"users": n}, None))
    points = with_point(points, point(date(2026, 4, 4), {"users": 99}, 5))
    assert len(points) == 30
    assert [points[0]["day"], points[-1]["day"], points[-1]["users"]] == ["2026-03-06", "2026-04-04", 99]


def test_growth_of_the_whole_has_only_days_that_every_shard_has_and_keeps_those_before() -> None:
    def day(number: int, users: int, videos: int | None = None) -> rollup.Content:
        return point(date(2026, 3, number), {"users": users}, videos)

    merged = merged_points([[day(3, 1, 10), day(4, 2, 11)], [day(4, 5), day(5, 6)]], earlier=[day(1, 40, 9)])
    assert [(one["day"], one["users"], one["videos"]) for one in merged] == [
        ("2026-03-01", 40, 9),
        ("2026-03-04", 7, 11),
    ]


def test_a_shard_comes_back_from_its_documents_as_it_was() -> None:
    made = shard(
        tallied((person("a", email="=HYPERLINK(1)\u202e" + "x" * 100_000), truth(1))),
        points=[point(NOW.date(), {"users": 1}, 2)], videos={"completed": 2}, stuck={"render": 1}, notes=["n"],
    )  # fmt: skip
    documents = to_documents(made)
    assert list(documents) == ["ops_rollups/shard-001-of-001"]
    assert from_documents(list(documents.values())) == made
    assert len(made.content["biggest"][0]["email"]) == 254


def test_documents_stay_below_the_limit_however_long_the_ids_are() -> None:
    chance = random.Random(3)

    def name() -> str:
        return "".join(map(chr, chance.choices(range(0x4E00, 0x9FA5), k=500)))

    users = [(person(name(), email=name(), total_storage_bytes=9 * GIB), truth(5)) for _ in range(800)]
    documents = to_documents(shard(tallied(*users, top=400)))  # its lists must be shortened
    assert 1 <= len(documents) <= MAX_PARTS
    assert all(len(fields["body"]) <= PART_BYTES for fields in documents.values())
    assert from_documents(list(documents.values())).content["totals"]["users"] == 800


def test_parts_that_do_not_fit_together_and_other_versions_are_refused() -> None:
    (fields,) = to_documents(shard(tallied((person("a"), truth(1))))).values()
    for broken in (
        {**fields, "version": VERSION + 1},
        {**fields, "body": fields["body"] + b"x"},
        {**fields, "sha256": None},
        {name: value for name, value in fields.items() if name != "body"},
        {},
    ):
        with pytest.raises(Unusable) as caught:
            from_documents([broken])
        assert "python -m storage rollup" in caught.value.remedy


def test_the_head_comes_back_and_a_spoilt_one_is_refused() -> None:
    assert head_from(head_fields(RollupHead(4, []))) == RollupHead(4, [])
    for broken in ({}, {"version": VERSION}, {"version": VERSION, "shards": 0, "points": []}):
        with pytest.raises(Unusable):
            head_from(broken)
