"""Highlights as they lie in a store are judged leniently; a file about to be put there is checked entry by entry."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.domain import highlights
from storage.domain.deployment import Served
from storage.domain.highlights import (
    MAX_ENTRIES,
    MAX_FILE_BYTES,
    check_file,
    compose,
    disagreement,
    for_document,
    for_file,
    judge_document,
    judge_object,
    page_opens,
    seconds,
)
from storage.errors import BadInput

ENTRY: dict[str, Any] = {
    "id": 1,
    "title": "One",
    "description": "...",
    "start": "00:00:12",
    "end": "00:01:02",
    "duration": 50,
    "pad_before_seconds": 1.0,
    "pad_after_seconds": 1.0,
    "hook_category": "question",
    "reason": None,
}


def as_file(*entries: Any, **more: Any) -> bytes:
    return json.dumps({"highlights": list(entries), **more}).encode()


def test_the_workers_file_is_valid_with_its_entries_in_order() -> None:
    state = judge_object(as_file(ENTRY, {**ENTRY, "id": 2}, video_url="x", custom_prompt=None), "users/u1/v/h.json")
    assert state.usable
    assert (state.count, state.place, [entry["id"] for entry in state.entries]) == (2, "users/u1/v/h.json", [1, 2])
    assert state.without_entries().entries == ()
    assert state.without_entries().count == 2


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "0 bytes"),
        (b'{"highlights": [{"id": 1}', "cut off"),
        (b'{"highlights": [{"title": "Un', "cut off"),
        (b"<html>", "not JSON"),
        (b"\xef\xbb\xbf{}", "BOM"),
        (b'{"highlights": ["\xff"]}', "not UTF-8 (byte 17"),
        (b"[]", "it is a list"),
        (b"null", "it is null"),
        (b'"text"', "it is a text"),
        (b"true", "it is a boolean"),
        (b"7", "it is a number"),
        (b"{}", "'highlights' is missing"),
        (b'{"highlights": null}', "'highlights' is null, not a list"),
        (b'{"highlights": {"0": {}}}', "'highlights' is an object, not a list"),
        (b'{"highlights": [{}, "two"]}', "entry 2 of 2 is a text"),
        (b'{"highlights": [{"start": NaN}]}', "NaN"),
        (b'{"highlights": ' + b"[" * 100_000, "too deep"),
        (b'{"highlights": [' + b"9" * 5_000 + b"]}", "not usable JSON"),
        (b" " * (MAX_FILE_BYTES + 1), "larger than"),
    ],
)
def test_what_cannot_be_used_is_invalid_and_says_why(content: bytes, reason: str) -> None:
    state = judge_object(content)
    assert (state.presence, state.content) == ("present", "invalid")
    assert reason in state.reason
    assert not state.usable


@pytest.mark.parametrize(
    ("entry", "whole", "pads"),
    [
        (ENTRY, 50, (1.0, 1.0)),
        ({**ENTRY, "duration": None}, 50, (1.0, 1.0)),
        ({"start": "0:05", "end": "0:15.5"}, 11, (1.0, 1.0)),
        ({"duration": 49.4, "pad_before": 3, "pad_after_seconds": 0}, 49, (3.0, 0.0)),
        ({"duration": 0.2, "pad_before": 2.5, "pad_before_seconds": 1}, 1, None),
        ({"duration": 10**400, "pad_before": "x"}, 1, (1.0, 1.0)),
    ],
)
def test_each_place_gets_the_names_and_numbers_that_the_product_reads_there(
    entry: dict[str, Any], whole: int, pads: tuple[float, float] | None
) -> None:
    for form, ending in ((for_file, "_seconds"), (for_document, "")):
        (made,) = form([{"id": 3, "extra": [1], **entry}])
        assert (made["id"], made["extra"]) == (entry.get("id", 3), [1])
        assert (made["duration"], type(made["duration"])) == (whole, int)
        assert not {
            f"{pad}{other}" for pad in ("pad_before", "pad_after") for other in {"_seconds", ""} - {ending}
        } & set(made)
        if pads:
            assert (made[f"pad_before{ending}"], made[f"pad_after{ending}"]) == pads


PLACES = {
    "none": (highlights.absent("object"), highlights.absent("document")),
    "file": (judge_object(as_file(ENTRY)), highlights.absent("document")),
    "document": (highlights.absent("object"), judge_document({"highlights": [ENTRY]})),
    "empty document": (highlights.absent("object"), judge_document({"highlights": []})),
    "empty file": (judge_object(as_file()), highlights.absent("document")),
    "refused file": (highlights.unknown("object", "no"), highlights.absent("document")),
    "refused document": (highlights.absent("object"), highlights.unknown("document", "no")),
}


@pytest.mark.parametrize(
    ("served", "opens", "unknown"),
    [
        ("object", {"file"}, {"refused file"}),
        ("document", {"document", "empty document"}, {"refused document"}),
        ("mixed", {"file", "document", "empty document"}, {"refused file", "refused document"}),
    ],
)
def test_the_page_opens_by_the_place_that_is_served(served: Served, opens: set[str], unknown: set[str]) -> None:
    found = {name: page_opens(*places, served) for name, places in PLACES.items()}
    assert {name for name, answer in found.items() if answer} == opens
    assert {name for name, answer in found.items() if answer is None} == unknown


def test_an_empty_list_is_neither_valid_nor_invalid() -> None:
    assert judge_object(b'{"highlights": []}').content == "empty"
    assert judge_document({"highlights": []}).content == "empty"


def test_absent_unknown_and_empty_stay_three_different_things() -> None:
    assert judge_document(None).presence == "absent"
    unknown = highlights.unknown("object", "Not allowed.", "k", code="access_denied")
    assert (unknown.presence, unknown.content, unknown.code) == ("unknown", None, "access_denied")
    assert highlights.too_large("k", MAX_FILE_BYTES + 1).content == "invalid"


def test_the_document_is_judged_by_the_same_rules() -> None:
    assert judge_document({"highlights": [ENTRY], "video_id": "v"}).usable
    assert judge_document({"video_id": "v"}).content == "invalid"
    assert judge_document({"highlights": "[]"}).content == "invalid"


def test_two_usable_sources_that_differ_say_how() -> None:
    stored = judge_object(as_file(ENTRY))
    assert disagreement(stored, judge_document({"highlights": [ENTRY]})) == ""
    assert "in the document alone" in disagreement(stored, judge_document({"highlights": [ENTRY, ENTRY]}))
    assert "title is" in disagreement(stored, judge_document({"highlights": [{**ENTRY, "title": "Two"}]}))
    in_its_form = {**ENTRY, "start": "0:12", "pad_before": 1, "pad_after": 1.0}
    del in_its_form["pad_before_seconds"], in_its_form["pad_after_seconds"]
    assert disagreement(stored, judge_document({"highlights": [in_its_form]})) == "", "the same in the other form"
    late = disagreement(stored, judge_document({"highlights": [{**ENTRY, "start": "0:13"}]}))
    assert late == "entry 1: start is 12.0 in the object, 13.0 in the document"
    assert disagreement(stored, judge_document(None)) == ""


@given(st.binary(max_size=300))
def test_any_bytes_are_judged_without_raising(content: bytes) -> None:
    assert judge_object(content).content in {"valid", "empty", "invalid"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.just("highlights"), inner, max_size=4),
)


def outcome(content: bytes) -> object:
    try:
        return check_file(content)
    except BadInput as refusal:
        return refusal


@given(JSON)
def test_any_json_is_judged_without_raising_and_is_a_file_only_if_it_is_usable(value: Any) -> None:
    content = json.dumps(value).encode()
    state, checked = judge_object(content), outcome(content)
    assert isinstance(checked, BadInput if not state.usable else BadInput | tuple)


def test_a_good_file_passes_with_its_unknown_fields_kept() -> None:
    assert check_file(as_file({**ENTRY, "extra": [1]}))[0]["extra"] == [1]
    assert check_file(as_file({"id": 0, "title": "T", "start": "0:05", "end": "75:00"[1:]}))[0]["id"] == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": None}, "entry 2, id: is not a whole number"),
        ({"id": "2"}, "entry 2, id: is not a whole number"),
        ({"id": True}, "entry 2, id: is not a whole number"),
        ({"id": -1}, "entry 2, id: is not a whole number"),
        ({"id": 1}, "entry 2, id: 1 is also the id of entry 1"),
        ({"title": "  "}, "entry 2, title: is missing or blank"),
        ({"title": 5}, "entry 2, title: is not a text"),
        ({"title": "x" * 10_001}, "entry 2, title: is longer"),
        ({"start": None}, "entry 2, start: is missing"),
        ({"start": 12}, "entry 2, start: is not a time"),
        ({"end": "1:2:3:4"}, "entry 2, end: is not a time"),
        ({"end": "00:00:12"}, "entry 2, end: is not after start"),
        ({"end": "00:99:12"}, "entry 2, end: is not a time"),
        ({"duration": "50"}, "entry 2, duration: is not a number"),
        ({"duration": 0}, "entry 2, duration: is not a number of seconds above 0"),
        ({"duration": 20}, "entry 2, duration: is 20 s, but start to end is 50 s"),
        ({"pad_before_seconds": -1}, "entry 2, pad_before_seconds: is not a number of seconds from 0"),
        ({"pad_after_seconds": True}, "entry 2, pad_after_seconds"),
        ({"reason": 7}, "entry 2, reason: is not a text"),
    ],
)
def test_each_problem_names_its_entry_and_field(change: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput) as caught:
        check_file(as_file(ENTRY, {**ENTRY, "id": 2, **change}))
    assert message in caught.value.message
    assert caught.value.remedy


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(BadInput) as caught:
        check_file(as_file({}, {**ENTRY, "start": "x"}))
    for part in ("entry 1, id: is missing", "entry 1, title", "entry 1, start", "entry 1, end", "entry 2, start"):
        assert part in caught.value.message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "0 bytes"),
        (b'{"highlights": []}', "empty"),
        (b"[]", "a list"),
        (b"nope", "not JSON"),
        (as_file(*[{**ENTRY, "id": i} for i in range(MAX_ENTRIES + 1)]), "at most 500"),
    ],
)
def test_a_file_that_is_no_highlights_file_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        check_file(content)


def test_what_is_composed_is_read_back_and_passes_the_check() -> None:
    title = "café <b> \u202e =1+1"
    content = compose([{**ENTRY, "title": title}], video_url=None, video_title=title, custom_prompt=None)
    assert check_file(content)[0]["title"] == title
    assert json.loads(content)["video_title"] == title


@pytest.mark.parametrize(
    ("text", "expected"),
    [("00:00:12", 12), ("1:02", 62), ("01:01:01.5", 3661.5), ("", None), (None, None), ("12", None), ("٠٠:١٢", None)],
)
def test_times_are_read_as_the_worker_writes_them(text: object, expected: float | None) -> None:
    assert seconds(text) == expected
