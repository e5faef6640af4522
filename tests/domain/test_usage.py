"""Usage against the plan: the numbers of the domain description, state by state."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

from storage.domain import usage
from storage.domain.documents import Accounting, ClipTotals, User
from storage.domain.usage import DEFAULT_LIMITS, GIB, Plans
from storage.errors import BadInput, FieldProblem

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def user(**fields) -> User:
    base = dict.fromkeys(
        (
            "email", "role", "created_at", "updated_at", "total_storage_bytes", "total_clips_count",
            "clips_used_this_month", "credits_used_this_month", "settings", "update_time",
        )
    )  # fmt: skip
    return User(**{**base, "uid": "u1", "exists": True, "plan": "free", "usage_reset_month": "2026-11", **fields})


def accounting(size: int | None, count: int | None) -> Accounting:
    return Accounting("u1", size, count, None, None, None, None, None)


def clips(*rows: tuple[str, int | None]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["video_id", "file_size_bytes"])
    return frame.astype({"video_id": "string", "file_size_bytes": "Int64"})


def videos(*rows: tuple[str, int | None, int | None]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["video_id", "total_size_bytes", "clips_count"])
    return frame.astype({"video_id": "string", "total_size_bytes": "Int64", "clips_count": "Int64"})


def plan_of(written: str | None, document: Mapping[str, Any] | None = None) -> usage.EffectivePlan:
    """The plan of a user whose document says `written`, where that plan has this document or none."""
    return plans(written, document).of(written)


def plans(written: str | None, document: Mapping[str, Any] | None) -> Plans:
    return Plans({} if document is None else {usage.normalise(written): document})


def evaluated(person: User, plan_document=None, *, books=None, frame=None, stored=None):
    truth = usage.truth_from_clips(clips() if frame is None else frame)
    return usage.evaluate_usage(person, plans(person.plan, plan_document), books, truth, NOW, stored)


@pytest.mark.parametrize(
    ("used", "limit", "percent", "state"),
    [
        (0, 100, 0, "ok"),
        (79, 100, 79, "ok"),
        (80, 100, 80, "near_limit"),
        (99, 100, 99, "near_limit"),
        (100, 100, 100, "exceeded"),
        (312, 100, 312, "exceeded"),
        (799_999, 1_000_000, 79.9999, "ok"),
        (33_699, 32_212_254_720, 33_699 * 100 / 32_212_254_720, "ok"),
        (0, 0, None, "ok"),
        (1, 0, None, "exceeded"),
        (None, 100, None, "unknown"),
        (-5, 100, -5, "ok"),
    ],
)
def test_a_quota_shows_the_true_percentage_and_its_state(used, limit, percent, state):
    quota = usage.quota(used, limit)
    assert (quota.used, quota.limit, quota.percent, quota.state) == (used, limit, percent, state)


def test_the_plan_is_known_in_any_case():
    plan = plan_of(" PRO ")
    assert (plan.plan_id, plan.known, plan.limits) == ("pro", True, DEFAULT_LIMITS["pro"])


def test_an_unknown_plan_counts_as_free_and_says_so():
    plan = plan_of("platinum")
    assert (plan.plan_id, plan.known, plan.written) == ("free", False, "platinum")
    assert plan.limits == DEFAULT_LIMITS["free"]


def test_half_a_plan_document_falls_back_field_by_field_and_says_where_each_limit_is_from():
    plan = plan_of("pro", {"limits": {"storage_limit_bytes": 5, "max_clips_per_month": None, "x": 1}})
    assert plan.limits.storage_limit_bytes == 5
    assert plan.limits.max_clips_per_month == 500
    assert plan.sources["storage_limit_bytes"] == "plan document"
    assert plan.sources["max_clips_per_month"] == "default"


@pytest.mark.parametrize(
    "limits",
    [None, "many", [1], {"storage_limit_bytes": "1 GB"}, {"storage_limit_bytes": True}, {"storage_limit_bytes": -1}],
)
def test_a_limit_of_a_wrong_kind_is_not_used(limits):
    plan = plan_of("free", {"limits": limits})
    assert plan.limits.storage_limit_bytes == GIB


def test_a_whole_number_is_a_limit_whatever_type_the_writer_gave_it():
    plan = plan_of("free", {"limits": {"storage_limit_bytes": 1000.0, "max_clips_per_month": 7.5}})
    assert (plan.limits.storage_limit_bytes, plan.limits.max_clips_per_month) == (1000, 20)
    assert type(plan.limits.storage_limit_bytes) is int


def test_a_counter_of_last_month_counts_as_nothing():
    result = evaluated(user(usage_reset_month="2026-10", clips_used_this_month=19))
    assert result.clips is not None
    assert (result.clips.used, result.clips.percent, result.clips.state) == (0, 0, "ok")
    assert not result.month_is_current


def test_the_month_is_the_one_in_utc():
    late = datetime.fromisoformat("2026-11-30T23:30:00-05:00")
    assert usage.month_is_current("2026-12", late)
    assert not usage.month_is_current("2026-11", late)


def test_the_quota_that_applies_is_read_off_the_data():
    assert evaluated(user()).clips is None
    assert evaluated(user()).credits is None
    assert evaluated(user(clips_used_this_month=3)).credits is None
    both = evaluated(user(clips_used_this_month=3, credits_used_this_month=30))
    assert (both.clips.used, both.credits.used) == (3, 30)
    by_plan = evaluated(user(), {"limits": {"monthly_credits_included": 200}})
    assert (by_plan.credits.used, by_plan.credits.limit, by_plan.clips) == (0, 200, None)


def test_a_monthly_counter_of_a_wrong_type_is_unknown_not_zero():
    odd = (FieldProblem("users/u1", "clips_used_this_month", "wrong_type", "text 'five'"),)
    result = evaluated(user(oddities=odd), {"limits": {"max_clips_per_month": 20}})
    assert (result.clips.used, result.clips.state) == (None, "unknown")


def test_the_product_enforces_the_accounting_document_where_there_is_one():
    person = user(total_storage_bytes=1 * GIB)
    assert evaluated(person).storage.state == "exceeded"
    assert evaluated(person).enforced_by == "user.total_storage_bytes"
    newer = evaluated(person, books=accounting(10, 1))
    assert (newer.storage.used, newer.enforced_by) == (10, "storage_accounting.styled_clips_bytes")


def test_both_counters_drift_apart_and_each_is_shown_beside_the_truth():
    result = evaluated(
        user(total_storage_bytes=150, total_clips_count=2), books=accounting(90, 3), frame=clips(("v1", 60), ("v1", 60))
    )
    assert {c.name: (c.counter, c.truth, c.drift) for c in result.counters} == {
        "user.total_storage_bytes": (150, 120, 30),
        "user.total_clips_count": (2, 2, 0),
        "storage_accounting.styled_clips_bytes": (90, 120, -30),
        "storage_accounting.styled_clips_count": (3, 2, 1),
    }
    assert len(result.drifting) == 3


def test_videos_are_compared_one_by_one_clips_below_a_phantom_included():
    result = evaluated(
        user(total_storage_bytes=70, total_clips_count=3),
        frame=clips(("v1", 10), ("ghost", 60), ("v1", None)),
        stored=videos(("v1", 10, 2), ("v2", 5, None)),
    )
    by_name = {c.name: (c.counter, c.truth, c.drift) for c in result.counters}
    assert by_name["video.v1.total_size_bytes"] == (10, 10, 0)
    assert by_name["video.v1.clips_count"] == (2, 2, 0)
    assert by_name["video.v2.total_size_bytes"] == (5, 0, 5)
    assert by_name["video.v2.clips_count"] == (None, 0, None)
    assert by_name["video.ghost.total_size_bytes"] == (None, 60, None)
    assert (result.actual_bytes, result.unsized_clips) == (70, 1)


def test_a_truth_that_was_not_read_to_its_end_is_unknown():
    partial = usage.truth_from_clips(clips(("v1", 10)), complete=False)
    for truth in (None, partial):
        result = usage.evaluate_usage(user(total_storage_bytes=99), Plans({}), None, truth, NOW)
        assert result.actual_bytes is None
        assert all(c.truth is None and c.drift is None for c in result.counters)
    assert not result.drifting


def test_totals_from_the_server_say_how_many_clips_had_no_size():
    truth = usage.truth_from_totals(ClipTotals(count=5, sized_count=3, size_bytes=30, read_at=NOW))
    assert (truth.count, truth.size_bytes, truth.unsized_count) == (5, 30, 2)


def test_a_phantom_user_has_no_counters_and_an_unknown_storage_use():
    result = evaluated(user(exists=False, plan=None, usage_reset_month=None), frame=clips(("v", 1)))
    assert (result.storage.used, result.storage.state, result.counters) == (None, "unknown", ())
    assert not result.plan.known


def test_a_phantom_user_s_monthly_use_is_unknown_and_not_zero():
    result = evaluated(user(exists=False, plan=None, usage_reset_month=None), {"limits": {"max_clips_per_month": 20}})
    assert (result.clips.used, result.clips.state) == (None, "unknown")


def test_configured_defaults_replace_the_built_in_ones():
    configured = usage.parse_overrides('{"Free": {"storage_limit_bytes": 104857600}}')
    assert Plans({}, {**DEFAULT_LIMITS, **configured}).of("free").limits.storage_limit_bytes == 104_857_600


@pytest.mark.parametrize(
    "text", ["[]", "{", '{"free": 1}', '{"free": {"bytes": 1}}', '{"free": {"storage_limit_bytes": "1"}}']
)
def test_configured_defaults_that_make_no_sense_are_refused_by_name(text):
    with pytest.raises(BadInput) as caught:
        usage.parse_overrides(text)
    assert caught.value.field_name == "PLAN_LIMITS_JSON"
