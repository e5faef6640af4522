"""The declared columns: dtypes, names, and that the frozen values and the frames speak of the same fields."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime

import pandas as pd
import pytest

from storage.domain import documents
from storage.domain.documents import ALL, CLIPS, DTYPES, OBJECTS, USERS, VIDEOS, Schema, Table
from storage.errors import Unreachable


@pytest.mark.parametrize("schema", ALL, ids=lambda schema: schema.name)
def test_an_empty_frame_has_every_column_in_order_with_its_dtype(schema: Schema) -> None:
    frame = schema.empty()

    assert tuple(frame.columns) == schema.names
    assert len(frame) == 0
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == {
        column.name: DTYPES[column.kind] for column in schema.columns
    }


@pytest.mark.parametrize("schema", ALL, ids=lambda schema: schema.name)
def test_no_column_is_named_twice_and_required_ones_are_not_nullable(schema: Schema) -> None:
    assert len(set(schema.names)) == len(schema.names)
    assert all(not column.nullable for column in schema.columns if column.required)
    assert all(column.name.isidentifier() for column in schema.columns)


@pytest.mark.parametrize("schema", [schema for schema in ALL if schema is not OBJECTS], ids=lambda schema: schema.name)
def test_every_frame_of_documents_says_where_each_lies_and_whether_it_exists(schema: Schema) -> None:
    kinds = {column.name: column.kind for column in schema.columns if column.from_path}

    assert (kinds["path"], kinds["exists"], kinds["update_time"]) == ("text", "flag", "time")
    assert not {column.name for column in schema.fields} & set(kinds)


@pytest.mark.parametrize(
    ("schema", "value"),
    [(USERS, documents.User), (VIDEOS, documents.Video), (CLIPS, documents.Clip)],
    ids=["users", "videos", "clips"],
)
def test_a_frame_and_a_value_of_the_same_kind_have_the_same_fields(schema: Schema, value: type) -> None:
    names = {field.name for field in fields(value)} - {"oddities"}

    assert names == set(schema.names) - {"path"}


def test_missing_cells_are_not_available_and_never_zero() -> None:
    frame = pd.concat([CLIPS.empty(), pd.DataFrame({"clip_id": pd.Series(["c"], dtype="string")})], ignore_index=True)

    assert frame.drop(columns="clip_id").isna().all(axis=None)


def test_a_table_that_broke_off_gives_no_rows_and_one_that_was_limited_is_never_taken_for_all_of_them() -> None:
    limited = Table(CLIPS, CLIPS.empty(), (), False, datetime(2026, 11, 25, tzinfo=UTC))
    broken = replace(limited, error=Unreachable("The store is away.", remedy="Try again.", operation="Listing clips"))

    assert limited.unbroken() is limited.frame
    with pytest.raises(ValueError, match="limited"):
        limited.whole()
    for rows in (broken.unbroken, broken.whole):
        with pytest.raises(Unreachable):
            rows()
    whole = replace(limited, complete=True)
    assert whole.whole() is whole.frame
