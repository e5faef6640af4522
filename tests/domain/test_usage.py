"""Usage against the plan: the numbers of the domain description, state by state."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
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


def clips(*rows: tuple[str, int | None], gone: Sequence[str] = ()) -> pd.DataFrame:
    """Clip documents, and what is left of deleted ones in the videos `gone`."""
    whole = [(*row, True) for row in rows] + [(video_id, None, False) for video_id in gone]
    frame = pd.DataFrame(whole, columns=["video_id", "file_size_bytes", "exists"])
    return frame.astype({"video_id": "string", "file_size_bytes": "Int64", "exists": "boolean"})


def videos(*rows: tuple[str, int | None, int | None], gone: Sequence[str] = ()) -> pd.DataFrame:
    whole = [(*row, True) for row in rows] + [(video_id, None, None, False) for video_id in gone]
    frame = pd.DataFrame(whole, columns=["video_id", "total_size_bytes", "clips_count", "exists"])
    kinds = {"video_id": "string", "total_size_bytes": "Int64", "clips_count": "Int64", "exists": "boolean"}
    return frame.astype(kinds)


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


def test_plans_can_be_kept_by_pages():
    plans = Plans({"free": FREE}, DEFAULT_LIMITS)
    assert pickle.loads(pickle.dumps(plans)) == plans


FREE = {"id": "free", "name": "Free", "limits": {"monthly_credits_included": 150, "storage_limit_bytes": 7}}


def test_an_unknown_plan_counts_as_the_document_of_the_free_one_says():
    plan = Plans({"free": FREE}).of("platinum")
    assert (plan.plan_id, plan.known, plan.tier) == ("free", False, "free")
    assert (plan.limits.monthly_credits_included, plan.limits.storage_limit_bytes) == (150, 7)
    assert plan.sources["monthly_credits_included"] == "plan document"
    assert "monthly_credits_included" in plan.carries
    assert Plans({"free": FREE}).of("pro").limits == DEFAULT_LIMITS["pro"]  # known by its name, document or not


def test_a_plan_is_looked_for_as_it_is_written_and_then_without_case():
    own, common = {"limits": {"storage_limit_bytes": 1}}, {"limits": {"storage_limit_bytes": 2}}
    both = Plans({"Pro": own, "pro": common})
    assert [both.of(name).limits.storage_limit_bytes for name in ("Pro", "pro", "PRO")] == [1, 2, 2]
    assert [both.of(name).literal for name in ("Pro", "pro", "PRO")] == [True, True, False]
    said = [usage.usage_notes(usage.evaluate_usage(user(plan=name), both, None, None, NOW)) for name in ("pro", "PRO")]
    assert [any("There is no document plans/PRO" in note for note in notes) for notes in said] == [False, True]


def test_the_tier_is_the_id_in_the_document_and_gives_what_the_document_leaves_out():
    plan = Plans({"team": {"id": "Studio", "limits": {"storage_limit_bytes": 5}}}).of("team")
    assert (plan.plan_id, plan.tier, plan.known) == ("team", "studio", True)
    assert (plan.limits.storage_limit_bytes, plan.limits.max_clips_per_month) == (5, 2_000)


def test_what_the_product_reads_from_no_document_is_the_constant_of_the_tier():
    plan = plan_of("pro", {"id": "pro", "limits": {"max_highlights_per_video": 99, "max_styles_per_video": 99}})
    assert (plan.limits.max_highlights_per_video, plan.limits.max_styles_per_video) == (10, 5)
    assert {plan.sources[name] for name in usage.NEVER_READ} == {"default"}


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
    assert {c.name: c.dead for c in result.counters} == {
        "user.total_storage_bytes": True,
        "user.total_clips_count": True,
        "storage_accounting.styled_clips_bytes": False,
        "storage_accounting.styled_clips_count": False,
    }
    assert [c.name for c in result.drifting] == [
        "storage_accounting.styled_clips_bytes", "storage_accounting.styled_clips_count",
    ]  # fmt: skip


def test_the_user_s_own_totals_are_dead_only_beside_an_accounting_document():
    person = user(total_storage_bytes=0, total_clips_count=0)
    today = evaluated(person, books=accounting(60, 1), frame=clips(("v1", 60)))
    assert not today.drifting
    assert not any(counter.is_wrong for counter in today.counters)
    assert any("dead counters" in note for note in usage.usage_notes(today))
    older = evaluated(person, frame=clips(("v1", 60)))
    assert [counter.drift for counter in older.drifting] == [-60, -1]
    assert any("creates one with 0" in note for note in usage.usage_notes(older))


def test_what_is_left_of_deleted_clips_and_videos_is_counted_nowhere():
    result = evaluated(
        user(total_storage_bytes=60, total_clips_count=1),
        frame=clips(("v1", 60), gone=("v1", "v2", "left")),
        stored=videos(("v1", 60, 1), ("v2", 0, 0), gone=("left",)),
    )
    assert not result.drifting
    assert (result.actual_bytes, result.unsized_clips) == (60, 0)
    assert {c.name.split(".")[1] for c in result.counters if c.name.startswith("video.")} == {"v1", "v2"}
    more = evaluated(user(total_storage_bytes=60, total_clips_count=2), frame=clips(("v1", 60), gone=("v1",)))
    assert [(c.name, c.drift) for c in more.drifting] == [("user.total_clips_count", 1)]  # it is not made up for


MIB = 1024**2


@pytest.mark.parametrize(
    ("fields", "used", "expected"),
    [
        ({"plan": "free"}, 0, ("free", GIB, GIB, False)),
        ({"plan": "free"}, 974 * MIB, ("free", GIB, 50 * MIB, False)),
        ({"plan": "free"}, 974 * MIB + 1, ("free", GIB, 50 * MIB - 1, True)),
        ({"plan": "free"}, 3 * GIB, ("free", GIB, 0, True)),
        ({"plan": "PRO"}, 3 * GIB, ("pro", 30 * GIB, 27 * GIB, False)),
        ({"plan": "free", "plan_tier": "Studio"}, 3 * GIB, ("studio", 150 * GIB, 147 * GIB, False)),
        ({"plan": "pro", "plan_tier": ""}, 3 * GIB, ("free", GIB, 0, True)),
        ({"plan": "enterprise"}, 0, ("free", GIB, GIB, False)),
        ({"plan": None}, 0, ("free", GIB, GIB, False)),
        ({"plan": "free"}, None, ("free", GIB, GIB, False)),  # an unusable counter is 0 for the worker
        ({"plan": "free"}, -5, ("free", GIB, GIB, False)),
    ],
)
def test_the_worker_wants_room_for_50_mib_within_the_constant_of_the_tier(fields, used, expected):
    document = {"id": "pro", "limits": {"storage_limit_bytes": 5 * GIB}}  # does not reach the worker
    worker = evaluated(user(**fields), document, books=accounting(used, 0)).worker
    assert (worker.tier, worker.limit_bytes, worker.room_bytes, worker.refuses) == expected


def test_without_an_accounting_document_nothing_is_used_for_the_worker():
    result = evaluated(user(total_storage_bytes=2 * GIB))
    assert result.storage.state == "exceeded"
    assert (result.worker.room_bytes, result.worker.refuses) == (GIB, False)


def test_what_the_worker_does_is_said_in_words():
    well = usage.usage_notes(evaluated(user(), books=accounting(0, 0)))
    assert any(
        "needs 50.0 MiB of free room for each clip: it makes none when less of its 1.00 GiB is left" in note
        for note in well
    )
    assert usage.worker_refusal(evaluated(user(), books=accounting(0, 0))) == ""
    tight = evaluated(user(), books=accounting(980 * MIB, 9))
    assert tight.storage.state == "near_limit"
    assert "it needs 50.0 MiB of free room for each, and 44.0 MiB of 1.00 GiB" in usage.worker_refusal(tight)
    none = evaluated(user(), {"limits": {"storage_limit_bytes": 0}}, books=accounting(0, 0))
    assert (none.storage.percent, none.storage.state, none.worker.refuses) == (None, "ok", False)
    said = " ".join(usage.usage_notes(none))
    assert "With a limit of 0 the API blocks nothing" in said
    assert "its own fixed limit for the tier free, 1.00 GiB" in said
    shut = usage.evaluate_usage(
        user(), Plans({}, {**DEFAULT_LIMITS, **usage.parse_overrides('{"free": {"storage_limit_bytes": 0}}')}),
        accounting(0, 0), None, NOW,
    )  # fmt: skip
    assert shut.worker.refuses


def test_near_the_credits_limit_can_already_be_a_refusal():
    near = evaluated(user(credits_used_this_month=196), {"limits": {"monthly_credits_included": 200}})
    assert near.credits.state == "near_limit"
    assert any("be refused before the limit is reached" in note for note in usage.usage_notes(near))


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
