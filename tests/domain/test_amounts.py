"""Whole numbers: what is one, and sums that neither wrap nor round."""

from __future__ import annotations

import pandas as pd
import pytest

from storage.domain.amounts import StoredSum, believed, exact_sum, whole, whole_column
from storage.domain.integrity import Finding
from storage.domain.rollup import RollupHead, head_fields, head_from
from storage.domain.usage import DEFAULT_LIMITS, Plans, truth_from_clips
from storage.text import size_words
from tests.domain.integrity_world import World

MAX, EXACT = 2**63 - 1, 2**53


@pytest.mark.parametrize(
    ("value", "number"),
    [(7, 7), (7.0, 7), (-0.0, 0), (MAX, MAX), (-MAX - 1, -MAX - 1), (EXACT + 1, EXACT + 1), (True, None), ("7", None),
     (None, None), (7.5, None), (float("nan"), None), (float("inf"), None), (1e300, None), (2.0**63, None),
     (MAX + 1, None)],
)  # fmt: skip
def test_a_whole_number_is_one_of_64_bits_however_it_is_written(value, number) -> None:
    assert whole(value) == number


@pytest.mark.parametrize(
    ("numbers", "count", "total"),
    [
        ([], 0, 0),
        ([7, 1.0], 2, 8),
        ([2.5], 1, None),
        ([2.5, 0.5], 2, 3),
        ([MAX, 1], 2, None),
        ([MAX, 1, -5], 3, MAX - 4),
        ([MAX, 1.0], 2, None),
        ([float(EXACT), -1], 2, EXACT - 1),
        ([float(EXACT), 1], 2, None),
        ([EXACT + 1, -1.0], 2, None),  # the server turned the first into a double
        ([2.0**60, -(2**60), 7], 3, None),
        ([2.0**63, float("nan"), float("inf"), MAX + 1], 0, 0),
    ],
)
def test_a_sum_is_known_where_the_sum_of_the_server_is_exact(numbers, count, total) -> None:
    found = StoredSum()
    for number in numbers:
        found.add(number)
    assert (found.count, found.total) == (count, total)


def test_sums_and_columns_are_exact_beyond_64_bits() -> None:
    column = pd.array([MAX, MAX, None, 1], dtype="Int64")
    assert exact_sum(column) == 2 * MAX + 1
    assert whole_column([1, None]).dtype == "Int64"
    assert list(whole_column([2 * MAX, 1])) == [2 * MAX, 1]
    clips = pd.DataFrame({"video_id": pd.array(["b", "a", "b"], dtype="string"), "file_size_bytes": column[:3]}).assign(
        exists=True
    )
    truth = truth_from_clips(clips)
    assert (truth.count, truth.size_bytes, truth.unsized_count) == (3, 2 * MAX, 1)
    assert truth.by_video is not None
    assert truth.by_video.to_dict() == {"count": {"a": 1, "b": 2}, "size_bytes": {"a": MAX, "b": MAX}}
    assert size_words(2 * MAX) == "16,384 PiB"


def test_a_limit_beyond_64_bits_is_not_used_and_one_at_their_end_is() -> None:
    plan = Plans({"pro": {"limits": {"storage_limit_bytes": MAX, "max_clips_per_month": 1e300}}}).of("pro")
    assert plan.limits.storage_limit_bytes == MAX
    assert plan.limits.max_clips_per_month == DEFAULT_LIMITS["pro"].max_clips_per_month
    assert plan.sources["max_clips_per_month"] == "default"


def test_what_no_customer_can_have_is_not_believed() -> None:
    assert all(believed(size) for size in (None, 0, EXACT))
    assert not any(believed(size) for size in (-1, EXACT + 1, MAX))


@pytest.mark.parametrize(("said", "there"), [(EXACT + 1, EXACT), (EXACT, EXACT + 1), (MAX, MAX - 1), (-1, 0)])
def test_sizes_are_compared_to_the_byte_above_2_to_the_53(said: int, there: int) -> None:
    def found(size: int) -> list[Finding]:
        world = World().video("v").clip("v", size=size, file_size_bytes=said)
        return [one for one in world.check().findings if one.kind in {"size_mismatch", "empty_object"}]

    assert said < 0 or not found(said)
    [one] = found(there)
    assert (one.expected, one.actual) == (said, there)


def test_growth_beyond_64_bits_is_kept_by_the_head_as_text_and_comes_back_exact() -> None:
    point = {"day": "2026-03-01", "users": 2, "clips": 3, "clip_bytes": 2 * MAX, "used_bytes": None, "videos": 1}
    fields = head_fields(RollupHead(1, [point]))
    assert fields["points"][0]["clip_bytes"] == str(2 * MAX)
    assert head_from(fields) == RollupHead(1, [point])
