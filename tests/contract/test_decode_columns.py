"""The fast decoder against the plain way: cell by cell the same, and everything odd is told."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pandas as pd
import pytest
from google.cloud.firestore_v1 import DocumentSnapshot
from google.cloud.firestore_v1 import _helpers as library
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.clients import firestore_messages as pb
from storage.domain.schema import ALL, CLIPS, DTYPES, USERS, VIDEOS, Column, Schema
from storage.errors import Oddity
from storage.repositories.decode import GeoPoint, encode_value
from storage.repositories.decode_frames import TableBuilder
from storage.repositories.decode_repair import MAX_ODDITIES, NOT_KEPT
from tests.rigs.records import NOON, clip, user, video

ROOT = "projects/demo/databases/(default)/documents"
WHERE = {"users": "users/u1", "videos": "users/u1/videos/v1", "clips": "users/u1/videos/v1/clips/c1"}
CREATED, UPDATED = NOON, NOON + timedelta(days=1, microseconds=1)


def message(path: str, fields: dict[str, Any], *, there: bool = True) -> Any:
    """A raw document, built past the code under test where values allow it."""
    document = pb.Document(name=f"{ROOT}/{path}")
    for name, value in fields.items():
        document.fields[name].CopyFrom(value if isinstance(value, pb.Value) else encode_value(value))
    if there:
        document.create_time.FromDatetime(CREATED)
        document.update_time.FromDatetime(UPDATED)
    return document


def decoded(schema: Schema, *documents: Any) -> tuple[pd.DataFrame, tuple[Oddity, ...]]:
    """The frame and the oddities of these documents, as one page."""
    builder = TableBuilder(schema)
    builder.add(builder.page(documents))
    table = builder.table(read_at=NOON, reads=0)
    return table.frame, table.oddities


def cell(schema: Schema, name: str, value: Any) -> tuple[Any, list[tuple[str, str]]]:
    """One field's cell in the frame, and the kind and description of its oddities."""
    frame, oddities = decoded(schema, message(WHERE[schema.name], {name: value}))
    return frame[name].iloc[0], [(odd.kind, odd.found) for odd in oddities if odd.field_name == name]


def value(**content: Any) -> Any:
    """A raw value of any kind."""
    made = pb.Value()
    for kind, part in content.items():
        if part is None:
            getattr(made, kind).SetInParent()
        else:
            setattr(made, kind, part)
    return made


def stamp(seconds: int, nanos: int = 0) -> Any:
    """A raw time, also one that Firestore would refuse."""
    made = pb.Value()
    made.timestamp_value.seconds, made.timestamp_value.nanos = seconds, nanos
    made.timestamp_value.SetInParent()
    return made


def plain(schema: Schema, documents: list[Any]) -> pd.DataFrame:
    """The plain way: the client library's snapshots and dicts, and one rule for each kind of cell."""
    rows = []
    for document in documents:
        there = document.HasField("update_time")
        fields = library.decode_dict(document.fields, None) if there else {}
        snapshot = DocumentSnapshot(None, fields, there, None, None, None)
        path = document.name.removeprefix(f"{ROOT}/")
        segments = dict(zip(("uid", "video_id", "clip_id"), path.split("/")[1::2], strict=False))
        content = {**(snapshot.to_dict() or {}), **segments, "path": path, "exists": there}
        content["update_time"] = UPDATED if there else None
        rows.append([plain_cell(column, content.get(column.name)) for column in schema.columns])
    frame = pd.DataFrame(rows, columns=list(schema.names), dtype="object")
    return frame.astype({column.name: DTYPES[column.kind] for column in schema.columns})


def plain_cell(column: Column, content: Any) -> Any:
    """What a cell of this kind is worth: itself where it is of the kind, and where it can be made so without loss."""
    kind, number = column.kind, isinstance(content, int | float) and not isinstance(content, bool)
    if kind == "text":
        return content if isinstance(content, str) else None
    if kind == "flag":
        return content if isinstance(content, bool) else None
    if kind == "whole" and number and math.isfinite(content):
        fits = content == int(content) and -(2**63) <= int(content) < 2**63
        return int(content) if fits else None
    if kind == "number":
        return float(content) if number and math.isfinite(content) else None
    if kind == "time" and isinstance(content, str):
        return pd.Timestamp(content) if content.endswith("Z") else None
    if kind == "time":
        return content if isinstance(content, datetime) else None
    if kind in {"map", "list"}:
        return content if isinstance(content, dict if kind == "map" else list) else None
    return None


def assert_same(fast: pd.DataFrame, slow: pd.DataFrame) -> None:
    """Same columns, dtypes and cells; objects are compared one by one."""
    assert list(fast.columns) == list(slow.columns)
    assert dict(fast.dtypes) == dict(slow.dtypes)
    for name in fast.columns:
        if fast[name].dtype == "object":
            assert fast[name].tolist() == slow[name].where(slow[name].notna(), None).tolist()
        else:
            pd.testing.assert_series_equal(fast[name], slow[name])


MOMENTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(max_size=20),
    st.binary(max_size=5),
    MOMENTS,
    st.sampled_from(["2026-03-01T12:00:00Z", "2026-03-01T12:00:00.123456Z", "", "\x00", "\u202e", 0, 0.0, -0.0, 1e300]),
)
VALUES = st.one_of(
    SCALARS,
    st.lists(SCALARS, max_size=3),
    st.dictionaries(st.text(min_size=1, max_size=4), SCALARS, max_size=3),
)


def documents_of(schema: Schema) -> st.SearchStrategy[list[Any]]:
    """Documents of this schema with any value in any field, some of them phantoms."""
    names = st.sampled_from([column.name for column in schema.fields])
    fields = st.dictionaries(names, VALUES, max_size=8)
    one = st.builds(lambda content: message(WHERE[schema.name], content), fields)
    phantom = st.builds(lambda: message(WHERE[schema.name], {}, there=False))
    return st.lists(st.one_of(one, one, one, phantom), max_size=5)


@pytest.mark.parametrize("schema", [USERS, VIDEOS, CLIPS], ids=lambda schema: schema.name)
def test_the_fast_way_gives_the_same_cells_as_the_plain_way(schema: Schema) -> None:
    @settings(max_examples=150, deadline=None)
    @given(documents_of(schema))
    def holds(documents: list[Any]) -> None:
        before = [document.SerializeToString(deterministic=True) for document in documents]
        assert_same(decoded(schema, *documents)[0], plain(schema, documents))
        assert [document.SerializeToString(deterministic=True) for document in documents] == before

    holds()


@pytest.mark.parametrize(
    ("schema", "fields"),
    [(USERS, user("u1")), (VIDEOS, video("v1")), (CLIPS, clip("v1", 1))],
    ids=["users", "videos", "clips"],
)
def test_ordinary_documents_are_decoded_without_any_oddity(schema: Schema, fields: dict[str, Any]) -> None:
    document = message(WHERE[schema.name], fields)

    frame, oddities = decoded(schema, document)

    assert oddities == ()
    assert_same(frame, plain(schema, [document]))
    assert frame["update_time"].iloc[0] == UPDATED


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
