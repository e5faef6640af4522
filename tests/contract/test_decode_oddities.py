"""What the decoder makes of values that are not as the backend should write them: usable or not, and always told."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pandas as pd
import pytest

from storage.domain.documents import ALL, CLIPS, VIDEOS, Schema
from storage.repositories.columns import MAX_ODDITIES, NOT_KEPT, TableBuilder
from storage.repositories.decode import GeoPoint
from tests.rigs.raw_documents import ROOT, WHERE, cell, decoded, message, stamp, value
from tests.rigs.records import NOON, clip

WRONG_FOR: dict[str, list[tuple[Any, str]]] = {
    "style": [(1, "whole number 1"), (1.5, "number 1.5"), (True, "flag true"), (b"ab", "2 bytes")],
    "file_size_bytes": [("12", "text '12'"), (1.5, "number 1.5"), (True, "flag true"), ([1, 2], "list of 2")],
    "duration_seconds": [("12", "text '12'"), (False, "flag false"), (NOON, "time 1772366400 s after 1970")],
    "has_thumbnail": [(1, "whole number 1"), ("true", "text 'true'"), ({"a": 1}, "map of 1")],
    "created_at": [(1_772_366_400, "whole number 1772366400"), ("soon", "text 'soon'"), (GeoPoint(1, 2), "place")],
}


@pytest.mark.parametrize(
    ("name", "content", "found"), [(name, *case) for name, cases in WRONG_FOR.items() for case in cases]
)
def test_a_value_of_another_kind_is_not_available_and_told(name: str, content: Any, found: str) -> None:
    got, odd = cell(CLIPS, name, content)

    assert pd.isna(got)
    assert odd == [("wrong_type", found)]


def test_a_reference_where_text_belongs_is_told_as_one() -> None:
    got, odd = cell(CLIPS, "style", value(reference_value=f"{ROOT}/users/u1"))

    assert pd.isna(got)
    assert odd[0][0] == "wrong_type"
    assert odd[0][1].startswith("reference 'projects/demo")


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("file_size_bytes", 12.0, 12),
        ("file_size_bytes", -0.0, 0),
        ("file_size_bytes", 0, 0),
        ("file_size_bytes", 2**63 - 1, 2**63 - 1),
        ("file_size_bytes", -(2.0**63), -(2**63)),
        ("duration_seconds", 12, 12.0),
        ("duration_seconds", 0, 0.0),
        ("duration_seconds", 0.0, 0.0),
        ("has_thumbnail", False, False),
        ("style", "", ""),
        ("created_at", datetime(1970, 1, 1, tzinfo=UTC), pd.Timestamp(0, tz="UTC")),
        ("created_at", datetime(1, 1, 1, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)),
        (
            "created_at",
            datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC),
            datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC),
        ),
        ("created_at", NOON, NOON),
        (
            "created_at",
            datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=2))),
            datetime(2025, 12, 31, 22, tzinfo=UTC),
        ),
    ],
)
def test_values_that_are_usable_come_through_exactly_and_untold(name: str, content: Any, expected: Any) -> None:
    got, odd = cell(CLIPS, name, content)

    assert got == expected
    assert odd == []


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("duration_seconds", math.nan, "number nan"),
        ("duration_seconds", math.inf, "number inf"),
        ("file_size_bytes", -math.inf, "number -inf"),
        ("file_size_bytes", math.nan, "number nan"),
        ("created_at", stamp(253_402_300_800), "time 253402300800 s after 1970"),
        ("created_at", stamp(-62_135_596_801), "time -62135596801 s after 1970"),
    ],
)
def test_values_of_the_kind_that_nothing_can_be_made_of_are_told_as_bad(name: str, content: Any, found: str) -> None:
    got, odd = cell(CLIPS, name, content)

    assert pd.isna(got)
    assert odd == [("bad_value", found)]


@pytest.mark.parametrize("content", [2.0**63, 1e300])
def test_a_number_too_large_for_a_whole_one_is_told(content: float) -> None:
    got, odd = cell(CLIPS, "file_size_bytes", content)

    assert pd.isna(got)
    assert [kind for kind, _ in odd] == ["wrong_type"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01T12:00:00Z", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ("2026-03-01t12:00:00.5z", datetime(2026, 3, 1, 12, 0, 0, 500_000, UTC)),
        ("2026-03-01 14:00:00.123456789+02:00", datetime(2026, 3, 1, 12, 0, 0, 123_456, UTC)),
        ("2026-03-01T12:00:00", None),
        ("2026-02-30T12:00:00Z", None),
        ("0001-01-01T00:00:00+01:00", None),
        ("٢٠٢٦-03-01T12:00:00Z", None),
        ("2026-03-01T12:00:00Z\n", None),
    ],
)
def test_a_time_written_as_text_is_used_where_it_is_rfc_3339_and_always_told(text: str, expected: Any) -> None:
    got, odd = cell(CLIPS, "created_at", text)

    assert pd.isna(got) if expected is None else got == expected
    assert [kind for kind, _ in odd] == ["wrong_type"]


def test_nanoseconds_are_cut_and_not_rounded() -> None:
    assert cell(CLIPS, "created_at", stamp(1, 999_999_999))[0] == pd.Timestamp(1_999_999, unit="us", tz="UTC")


def test_missing_is_told_for_required_fields_only_and_null_where_it_is_not_normal() -> None:
    frame, oddities = decoded(CLIPS, message(WHERE["clips"], {"status": None, "completed_at": None, "style": "split"}))

    assert sorted((odd.field_name, odd.kind) for odd in oddities) == [
        ("created_at", "missing"),
        ("file_size_bytes", "missing"),
        ("status", "null"),
    ]
    assert frame[["status", "completed_at", "updated_at", "created_at"]].isna().all(axis=None)
    assert all(odd.path == WHERE["clips"] for odd in oddities)


def test_a_phantom_is_a_row_that_lacks_everything_and_is_no_oddity() -> None:
    frame, oddities = decoded(VIDEOS, message(WHERE["videos"], {}, there=False))

    assert oddities == ()
    row = frame.iloc[0]
    assert (row["uid"], row["video_id"], row["path"], row["exists"]) == ("u1", "v1", WHERE["videos"], False)
    assert frame.drop(columns=["uid", "video_id", "path", "exists"]).isna().all(axis=None)


def test_an_empty_document_that_exists_is_not_a_phantom() -> None:
    frame, oddities = decoded(VIDEOS, message(WHERE["videos"], {}))

    assert frame["exists"].tolist() == [True]
    assert {odd.kind for odd in oddities} == {"missing"}


def test_maps_and_lists_are_plain_values_however_deep() -> None:
    nested = {"split": 3, "deep": {"when": NOON, "list": [None, {"x": b"1"}]}}

    assert cell(VIDEOS, "clips_by_style", nested) == (nested, [])
    assert cell(VIDEOS, "clips_by_style", {}) == ({}, [])
    assert cell(VIDEOS, "styles_processed", []) == ([], [])
    assert cell(VIDEOS, "styles_processed", {"a": 1}) == (None, [("wrong_type", "map of 1")])


def test_what_is_told_of_a_hostile_text_is_short_and_shows_no_control_characters() -> None:
    hostile = "\x1b[31m\u202e\n\u2028=HYPERLINK(" + "x" * 100_000

    ((_, found),) = cell(CLIPS, "file_size_bytes", hostile)[1]

    assert len(found) < 60
    assert found.isprintable()
    assert found.startswith("text '[31m=HYPERLINK(")
    assert found.endswith("…'")


def test_only_so_many_oddities_are_kept_and_the_rest_is_counted() -> None:
    builder = TableBuilder(CLIPS)
    for _ in range(2):
        builder.add(builder.page([message(WHERE["clips"], {})] * 300))

    oddities = builder.table(read_at=NOON, reads=0).oddities

    assert len(oddities) == MAX_ODDITIES + 1
    assert (oddities[-1].kind, oddities[-1].found) == (NOT_KEPT, "1,400 more oddities were met and not kept")


def test_the_oddities_of_one_page_are_bounded_too() -> None:
    _, oddities = decoded(CLIPS, *[message(WHERE["clips"], {})] * 251)

    assert len(oddities) == MAX_ODDITIES + 1
    assert oddities[-1].found.startswith("4 more")


@pytest.mark.parametrize(
    "path", ["users/u1/videos/v1", "clips/c1", "a/u1/videos/v1/clips/c1", "users/u1/x/v1/clips/c1"]
)
def test_a_document_that_lies_elsewhere_is_left_out_and_told(path: str) -> None:
    frame, oddities = decoded(CLIPS, message(path, clip("v1", 1)), message(WHERE["clips"], clip("v1", 1)))

    assert frame["path"].tolist() == [WHERE["clips"]]
    assert [(odd.path, odd.field_name, odd.kind) for odd in oddities] == [(path, "path", "bad_value")]


@pytest.mark.parametrize(
    "schema", [schema for schema in ALL if schema.name != "objects"], ids=lambda schema: schema.name
)
def test_no_documents_give_the_schemas_empty_frame(schema: Schema) -> None:
    pd.testing.assert_frame_equal(decoded(schema)[0], schema.empty())


def test_pages_are_put_together_in_order() -> None:
    builder = TableBuilder(CLIPS)
    for start in (0, 3):
        builder.add(
            builder.page(message(f"users/u1/videos/v1/clips/c{n}", clip("v1", n)) for n in range(start, start + 3))
        )

    frame = builder.table(read_at=NOON, reads=6).frame

    assert frame["clip_id"].tolist() == [f"c{n}" for n in range(6)]
    assert frame["scene_id"].tolist() == list(range(6))
    assert frame.index.tolist() == list(range(6))
    assert (builder.rows, builder.pages) == (6, 2)
