"""The fast decoder against the plain way: cell by cell the same, whatever the documents hold."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest
from google.cloud.firestore_v1 import DocumentSnapshot
from google.cloud.firestore_v1 import _helpers as library
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.clients import firestore
from storage.domain.documents import CLIPS, DTYPES, USERS, VIDEOS, Column, Schema
from storage.repositories import columns
from storage.repositories.columns import TableBuilder
from tests.rigs.raw_documents import ROOT, UPDATED, WHERE, decoded, message
from tests.rigs.records import clip, user, video


def plain(schema: Schema, documents: list[Any]) -> pd.DataFrame:
    """The plain way: the client library's snapshots and dicts, and one rule for each kind of cell."""
    rows = []
    for document in documents:
        there = document.HasField("create_time")
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
    @settings(max_examples=40, deadline=None)
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


def test_a_page_that_is_decoded_in_parts_is_the_same_page(monkeypatch: pytest.MonkeyPatch) -> None:
    documents = [
        message(WHERE["videos"], video("v1", clips_by_style={"split": n}, status=n % 3 or None)) for n in range(7)
    ]
    whole, odd = decoded(VIDEOS, *documents)

    monkeypatch.setattr(columns, "AT_ONCE", 2)
    parts, odd_in_parts = decoded(VIDEOS, *documents)

    assert_same(parts, whole)
    assert odd_in_parts == odd
    assert len(odd) == 7


def test_answers_are_decoded_as_documents_are_in_whatever_order_a_server_writes_them() -> None:
    one = message(WHERE["clips"], clip("v1", 1))
    answer = firestore.RunQueryResponse(document=one, read_time=one.create_time)
    tag_and_time = firestore.RunQueryResponse(read_time=one.create_time).SerializeToString()
    for raw in (
        answer.SerializeToString(),
        tag_and_time + firestore.RunQueryResponse(document=one).SerializeToString(),
    ):
        builder = TableBuilder(CLIPS)
        builder.add(builder.page([raw]))
        assert_same(builder.table(read_at=UPDATED, reads=1).frame, plain(CLIPS, [one]))
