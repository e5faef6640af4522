"""The declared documents: dtypes, names, values from rows, and that the documentation says what is declared."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from storage.domain.documents import (
    ALL,
    CLIPS,
    DECLARED,
    DTYPES,
    OBJECTS,
    USERS,
    Schema,
    Table,
    User,
    columns_of,
    markdown,
    schema_of,
    users_of,
)
from storage.errors import FieldProblem, Unreachable


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


@pytest.mark.parametrize("declaration", DECLARED, ids=lambda declaration: declaration.__name__)
def test_every_field_of_a_declaration_is_a_column_and_the_other_way_round(declaration: type) -> None:
    names = {field.name for field in fields(declaration)} - {"oddities"}

    assert names == {column.name for column in columns_of(declaration)}
    if hasattr(declaration, "PATH"):
        assert names == set(schema_of(declaration).names) - {"path"}
        in_path = {part[1:-1] for part in declaration.PATH.split("/") if part.startswith("{")}
        assert in_path == {c.name for c in columns_of(declaration) if c.from_path} - {"exists", "update_time"}


def test_a_row_of_a_frame_becomes_the_value_that_it_stands_for() -> None:
    stamp = datetime(2026, 11, 25, 8, 30, tzinfo=UTC)
    odd = FieldProblem("users/u1", "plan", "wrong_type", "whole number 5")
    row = {"uid": "u1", "exists": True, "path": "users/u1", "created_at": stamp, "total_clips_count": 3}
    frame = pd.DataFrame([row]).astype({"total_clips_count": "Int64"})
    frame = pd.concat([USERS.empty(), frame.astype({"created_at": DTYPES["time"]})], ignore_index=True)

    (found,) = users_of(Table(USERS, frame, (odd,), True, stamp))

    nothing = dict.fromkeys({field.name for field in fields(User)} - row.keys())
    assert found == User(**nothing | {k: v for k, v in row.items() if k != "path"} | {"oddities": (odd,)})


def test_the_documentation_says_what_is_declared() -> None:
    page = (Path(__file__).parents[2] / "docs" / "documents.md").read_text("utf-8")

    assert page[page.index("\n## ") + 1 :] == markdown(), "replace the tables by what `markdown()` gives"


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
