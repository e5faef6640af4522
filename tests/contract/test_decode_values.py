"""Values and whole documents, to plain Python and back, and as JSON without any loss."""

from __future__ import annotations

import json
import math
import pickle
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.cloud.firestore_v1 import _helpers as library
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.clients import firestore
from storage.domain.changes import same
from storage.errors import BadInput
from storage.repositories.decode import (
    GeoPoint,
    decode_value,
    document_from_json,
    document_to_json,
    encode_value,
    raw_document,
    to_fields,
)
from tests.rigs.records import NOON

ROOT = "projects/demo/databases/(default)/documents"
MOMENTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))
PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(),
    st.binary(),
    MOMENTS,
    st.builds(GeoPoint, st.floats(-90, 90), st.floats(-180, 180)),
)
NESTED = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        st.dictionaries(st.text(min_size=1), inner, max_size=3),
        st.lists(inner.filter(lambda part: not isinstance(part, list)), max_size=3),
    ),
    max_leaves=12,
)
FIELDS = st.dictionaries(st.text(min_size=1), NESTED, max_size=4)


def document(fields: dict[str, Any]) -> Any:
    """A raw document that exists, with these fields."""
    made = firestore.Document(name=f"{ROOT}/users/ü 1")
    for name, content in fields.items():
        made.fields[name].CopyFrom(encode_value(content))
    made.create_time.FromDatetime(NOON)
    made.update_time.FromDatetime(NOON + timedelta(microseconds=1))
    return made


@settings(max_examples=80, deadline=None)
@given(NESTED)
def test_a_plain_value_comes_back_as_itself(value: Any) -> None:
    assert decode_value(encode_value(value)) == value


@settings(max_examples=80, deadline=None)
@given(FIELDS)
def test_a_document_comes_back_from_json_as_the_same_message(fields: dict[str, Any]) -> None:
    before = document(fields)

    after = document_from_json(document_to_json(before))

    assert after == before
    assert after.SerializeToString(deterministic=True) == before.SerializeToString(deterministic=True)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text(min_size=1), PLAIN.filter(lambda part: not isinstance(part, GeoPoint)), max_size=4))
def test_values_are_written_as_the_client_library_writes_them(fields: dict[str, Any]) -> None:
    theirs = {name: type(value).pb(value) for name, value in library.encode_dict(fields).items()}

    assert {name: encode_value(content) for name, content in fields.items()} == theirs


def test_json_keeps_what_plain_values_cannot_tell_apart() -> None:
    odd = document(
        {"nan": math.nan, "minus": -0.0, "big": 2**63 - 1, "whole": 1.0, "none": None, "map": {}, "list": []}
    )
    odd.fields["reference"].reference_value = f"{ROOT}/users/u1"
    odd.fields["nanos"].timestamp_value.nanos = 1
    odd.fields["text"].string_value = "\x00\u202e=1+1"
    odd.fields["nothing"].SetInParent()

    after = document_from_json(document_to_json(odd))

    assert after.SerializeToString(deterministic=True) == odd.SerializeToString(deterministic=True)
    assert json.loads(document_to_json(odd))["fields"]["big"] == {"integerValue": "9223372036854775807"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        "{}",
        '{"name": "n", "fields": 1}',
        '{"name": "n", "unknown": 1}',
        '{"name": "n", "fields": {"a": {"integerValue": "x"}}}',
    ],
)
def test_json_that_is_no_document_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a Firestore document"):
        document_from_json(text)


def test_a_reference_reads_as_its_path_and_is_written_back_as_the_reference_that_it_is() -> None:
    cell = firestore.Value(map_value={"fields": {"to": firestore.Value(reference_value=f"{ROOT}/users/u1")}})

    plain = decode_value(cell)

    assert plain == {"to": "users/u1"}
    assert encode_value(plain) == cell
    assert encode_value(pickle.loads(pickle.dumps(plain))) == cell


def test_what_a_change_wrote_is_known_again_whatever_it_holds() -> None:
    assert same({"a": [math.nan, {"b": 1}]}, {"a": [math.nan, {"b": 1}]})
    assert not same({"a": [1]}, {"a": [True]})
    assert not same({"a": None}, {})


def test_references_places_bytes_and_times_become_plain_values() -> None:
    reference = firestore.Value(reference_value=f"{ROOT}/users/u1")

    assert decode_value(reference) == "users/u1"
    assert decode_value(encode_value(GeoPoint(1.5, -2.5))) == GeoPoint(1.5, -2.5)
    assert decode_value(encode_value(b"\x00\xff")) == b"\x00\xff"
    assert decode_value(encode_value(NOON)) == NOON
    assert decode_value(encode_value(NOON)).tzinfo is UTC
    assert decode_value(firestore.Value()) is None


def test_a_time_that_python_cannot_hold_is_none_and_not_an_error() -> None:
    beyond = firestore.Value()
    beyond.timestamp_value.seconds = 253_402_300_800

    assert decode_value(beyond) is None


def test_a_raw_document_tells_a_phantom_from_an_empty_one() -> None:
    phantom = raw_document(firestore.Document(name=f"{ROOT}/users/u1"))
    empty = raw_document(document({}))

    assert (phantom.path, phantom.fields, phantom.create_time, phantom.update_time) == ("users/u1", None, None, None)
    assert (empty.path, empty.fields, empty.create_time) == ("users/ü 1", {}, NOON)
    assert empty.update_time == NOON + timedelta(microseconds=1)


def test_fields_are_given_in_full() -> None:
    fields = {"a": {"b": [1, {"c": None}]}, "t": NOON, "x": "é"}

    assert to_fields(document(fields)) == fields


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (2**63, "64 bits"),
        (-(2**63) - 1, "64 bits"),
        (datetime(2026, 1, 1), "time zone"),
        ([[1]], "list within a list"),
        ({"a": {"b": {1, 2}}}, r"x\.a\.b is a set"),
        ("\ud800", "Unicode"),
        (object(), "object"),
    ],
)
def test_what_firestore_cannot_store_is_refused_by_name(value: Any, words: str) -> None:
    with pytest.raises(BadInput, match=words) as caught:
        encode_value(value, "x")

    assert caught.value.field_name.startswith("x")
