"""Like elements are read by a pattern only where that gives what an XML parser gives; else the parser reads them."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.clients.r2_listing import COLUMNS, DELETED_KEYS, PageColumns, take_blocks, take_columns, take_deleted

TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"), max_size=12)
ENDING = "</ListBucketResult>"


def listing(*rows: str, head: str = "") -> bytes:
    return f'{head}<ListBucketResult xmlns="urn:x"><Name>b</Name>{"".join(rows)}{ENDING}'.encode()


def row(key: str, size: object = 5, more: str = "") -> str:
    return f"<Contents><Key>{key}</Key><Size>{size}</Size>{more}</Contents>"


def columns_of(body: bytes) -> tuple[PageColumns, bytes]:
    answer: dict[str, Any] = {"status_code": 200, "body": body}
    reply: dict[str, Any] = {}
    take_columns(answer, reply)
    return reply[COLUMNS], answer["body"]


@given(st.lists(st.tuples(TEXT, st.integers(0, 10**15)), min_size=1, max_size=8))
def test_the_pattern_gives_what_a_parser_gives(rows: list[tuple[str, int]]) -> None:
    owner = "<Owner><ID>o</ID><DisplayName>&lt;b&gt;</DisplayName></Owner>"
    body = listing(*(row(escape(key, {'"': "&quot;"}), size, owner) for key, size in rows))

    taken = take_blocks(body, "Contents", ("Key", "Size", "ETag"))

    assert taken is not None
    rest, columns = taken
    parsed = ElementTree.fromstring(body)
    assert columns == {
        "Key": [item.text or "" for item in parsed.iter("{urn:x}Key")],
        "Size": [item.text for item in parsed.iter("{urn:x}Size")],
    }
    assert [child.tag for child in ElementTree.fromstring(rest)] == ["{urn:x}Name"]


@pytest.mark.parametrize(
    "body",
    [
        listing(),
        listing(row("a"), row("b", more="<ETag>e</ETag>")),
        listing(row("a"), "<CommonPrefixes><Prefix>p/</Prefix></CommonPrefixes>", row("b")),
        listing(row("<![CDATA[a<b]]>")),
        listing(row("a"), "<!-- <Contents> -->", row("b")),
        listing(row("a").replace("<Key>", '<Key type="x">')),
        listing(row("a", more="<ETag/>")),
        listing(row("a", more="<Key>twice</Key>")),
        listing(row("a&bogus;")),
        listing(row("a&b")),
        listing(row("a&#0;")),
        listing(row("a\r\nb")),
        listing(row("a"), head='<?xml version="1.0" encoding="ISO-8859-1"?>'),
        listing(row("a"))[:-40],
        b"\xff\xfe<Contents>",
        b"",
    ],
)
def test_what_a_pattern_might_misread_is_left_to_the_parser(body: bytes) -> None:
    assert take_blocks(body, "Contents", ("Key", "Size")) is None


def test_objects_that_lack_an_element_are_read_by_the_parser_each_for_itself() -> None:
    found, rest = columns_of(listing(row("a"), row("b", more="<ETag>e</ETag>"), row("c")))
    assert (found.keys, found.etags) == (["a", "b", "c"], [None, "e", None])
    assert b"Contents" not in rest


def test_an_element_that_no_object_has_is_absent_for_all() -> None:
    found, _ = columns_of(listing(row("a&amp;&#x41;"), row("b")))
    assert found.keys == ["a&A", "b"]
    assert (found.etags, found.modified, found.storage_classes) == ([None, None],) * 3


@pytest.mark.parametrize("status", [403, 500])
def test_an_answer_with_an_error_is_left_as_it_is(status: int) -> None:
    for hook in (take_columns, take_deleted):
        answer: dict[str, Any] = {"status_code": status, "body": listing(row("a"))}
        reply: dict[str, Any] = {}
        hook(answer, reply)
        assert (answer["body"], reply) == (listing(row("a")), {})


def test_deleted_keys_are_taken_and_errors_stay_for_the_sdk() -> None:
    error = "<Error><Key>c</Key><Code>AccessDenied</Code></Error>"
    body = f"<DeleteResult><Deleted><Key>a&amp;b</Key></Deleted><Deleted><Key>d</Key></Deleted>{error}</DeleteResult>"
    answer: dict[str, Any] = {"status_code": 200, "body": body.encode()}
    reply: dict[str, Any] = {}
    take_deleted(answer, reply)
    assert reply == {DELETED_KEYS: ["a&b", "d"]}
    assert answer["body"].decode() == f"<DeleteResult>{error}</DeleteResult>"


def test_a_delete_answer_that_broke_off_is_left_to_the_sdk() -> None:
    body = b"<DeleteResult><Deleted><Key>a</Key></Deleted><Deleted><Key>"
    answer: dict[str, Any] = {"status_code": 200, "body": body}
    reply: dict[str, Any] = {}
    take_deleted(answer, reply)
    assert (answer["body"], reply) == (body, {})
