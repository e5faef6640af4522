"""The chain of the audit: whole when whole, and every missing, altered, foreign or cut-off entry shows."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.domain.audit_chain import (
    GENESIS,
    MAX_KEYS,
    VOUCH,
    Event,
    Keys,
    Link,
    breaks,
    checked,
    digest,
    end_of,
    entry,
    without_names,
)
from storage.errors import BadInput
from storage.text import REMOVED
from tests.rigs.secret_corpus import ORDINARY, SECRETS

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
KEY = b"a key of some length"
Entries = list[dict[str, Any]]


def chain(count: int, key: bytes = b"") -> Entries:
    """So many entries, the newest first."""
    link, made = Link(), list[dict[str, Any]]()
    for number in range(count):
        made.append(entry(Event("media.look", "ada@example.com", uid=f"u{number}", keys=("k",)), link, NOW, key))
        link = end_of(made[-1])
    return made[::-1]


def kinds(entries: Entries, head: Link, key: bytes = b"", former: tuple[bytes, ...] = ()) -> list[tuple[int, str]]:
    return [(item.sequence, item.kind) for item in breaks(entries, head, Keys(key, former))]


@pytest.mark.parametrize("key", [b"", KEY])
@pytest.mark.parametrize("count", [0, 1, 5])
def test_a_whole_chain_has_no_break(count: int, key: bytes) -> None:
    made = chain(count, key)
    assert kinds(made, end_of(made[0]) if made else Link(), key) == []


def test_the_first_entry_follows_nothing() -> None:
    first = chain(1)[0]
    assert (first["sequence"], first["previous"], len(first["hash"])) == (1, GENESIS, 64)


@given(st.integers(2, 8), st.data())
def test_any_entry_that_is_missing_shows(count: int, data: st.DataObject) -> None:
    made = chain(count)
    head = end_of(made[0])
    gone = data.draw(st.integers(0, count - 1))
    number = made[gone]["sequence"]
    del made[gone]
    found = kinds(made, head)
    assert (number, "cut_off" if gone == 0 else "missing") in found


@given(st.integers(1, 6), st.data())
def test_any_field_that_is_altered_shows(count: int, data: st.DataObject) -> None:
    made = chain(count)
    head = end_of(made[0])
    item = made[data.draw(st.integers(0, count - 1))]
    name = data.draw(st.sampled_from(sorted(set(item) - {"sequence", "hash"})))
    item[name] = "other" if item[name] != "other" else "another"
    assert kinds(made, head)


def test_an_entry_rewritten_with_its_hash_no_longer_fits_the_next() -> None:
    made = chain(3)
    made[1]["actor"] = "eve@example.com"
    made[1]["hash"] = digest(made[1])
    assert kinds(made, end_of(made[0])) == [(2, "unlinked")]


def test_a_chain_rewritten_whole_from_somewhere_does_not_fit_its_head() -> None:
    made, head = chain(3), end_of(chain(3)[0])
    forged = deepcopy(made)
    forged[0]["actor"] = "eve@example.com"
    forged[0]["hash"] = digest(forged[0])
    assert kinds(forged, head) == [(3, "unlinked")]
    assert kinds(made[1:], head) == [(3, "cut_off")]


def test_with_a_key_nobody_without_it_can_rewrite_the_chain() -> None:
    made = chain(3, KEY)
    made[1]["actor"] = "eve@example.com"
    made[1]["hash"] = digest(made[1])
    assert (2, "altered") in kinds(made, end_of(made[0]), KEY)
    unsealed = deepcopy(chain(3, KEY))
    unsealed[0] |= {"sealed": "sha256"}
    unsealed[0]["hash"] = digest(unsealed[0])
    assert (3, "altered") in kinds(unsealed, end_of(unsealed[0]), KEY)


def test_a_chain_that_was_sealed_without_a_key_before_there_was_one_is_whole() -> None:
    old = chain(2)
    new = entry(Event(VOUCH, "desk"), end_of(old[0]), NOW, KEY, vouches=True)
    assert kinds([new, *old], end_of(new), KEY) == []
    silent = entry(Event("purge.plan", "ada@example.com"), end_of(old[0]), NOW, KEY)
    assert kinds([silent, *old], end_of(silent), KEY) == [(2, "unsealed")]


def test_a_chain_without_the_seal_of_a_key_is_a_break_where_a_key_is_set() -> None:
    forged = chain(3)
    assert kinds(forged, end_of(forged[0]), KEY) == [(3, "unsealed")]
    assert kinds(forged, end_of(forged[0])) == []


def test_what_an_earlier_version_sealed_from_some_entry_on_is_whole() -> None:
    """Its entries do not say whether they vouch; the first with a seal covers the hash before it."""
    made: Entries = []
    link = Link()
    for number in range(4):
        key = KEY if number > 1 else b""
        body = entry(Event("purge.plan", "ada@example.com"), link, NOW, key)
        old = {name: value for name, value in body.items() if name not in ("copied", "vouches", "hash")}
        made.insert(0, {**old, "hash": digest(old, key)})
        link = end_of(made[0])
    assert kinds(made, link, KEY) == []
    made[2] = {**made[2], "actor": "eve@example.com"}
    made[2]["hash"] = digest(made[2])
    assert kinds(made, link, KEY) == [(2, "unlinked")]


def test_a_key_that_was_changed_is_vouched_for_by_the_new_one() -> None:
    new = b"another key of some length"
    old = chain(2, KEY)
    vouching = entry(Event(VOUCH, "desk"), end_of(old[0]), NOW, new, vouches=True)
    assert kinds([vouching, *old], end_of(vouching), new, (KEY,)) == []
    assert [kind for _, kind in kinds([vouching, *old], end_of(vouching), new)] == ["altered", "altered"]
    leaked = entry(Event("purge.plan", "eve@example.com"), end_of(vouching), NOW, KEY)
    assert (4, "unsealed") in kinds([leaked, vouching, *old], end_of(leaked), new, (KEY,))


def test_without_the_key_links_are_checked_still() -> None:
    made = chain(3, KEY)
    assert kinds(made, end_of(made[0])) == []
    del made[1]
    assert kinds(made, end_of(chain(3, KEY)[0])) == [(2, "missing")]


def test_what_has_no_place_in_the_chain_is_foreign() -> None:
    made = chain(2)
    assert kinds([{"sequence": "x"}, *made], end_of(made[0])) == [(0, "foreign")]
    assert kinds([made[0], made[0], made[1]], end_of(made[0])) == [(2, "foreign")]


@pytest.mark.parametrize(("text", "gone"), SECRETS)
def test_no_secret_is_recorded_wherever_it_stands(text: str, gone: str) -> None:
    for event in (Event("a", "b", reason=text), Event("a", text), Event(text, "b")):
        with pytest.raises(BadInput):
            checked(event)
    event = Event("a", "b", keys=("fine", text), origin=text, job_id=text, detail={"x": ["y", {text: text}]})
    assert gone not in json.dumps(asdict(checked(event)), ensure_ascii=False)
    assert checked(event).keys[0] == "fine"


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_words_are_recorded(text: str) -> None:
    kept = without_names(text)  # only names go
    event = Event("a", "b", reason=text, keys=(text,), detail={"x": [text]})
    assert checked(event) == Event("a", "b", reason=kept, keys=(kept,), detail={"x": [kept]})


def test_an_id_that_looks_like_a_secret_is_recorded_as_it_is() -> None:
    event = Event(
        "recount", "b", uid="cust?token=abc", video_id="sig=1", clip_id="c",
        keys=("users/cust?token=abc/v/clips/x.mp4", "users/cust?token=abcd/x.mp4"),
        detail={"scope": "cust?token=abc/sig=1", "fields": ["users/cust?token=abc: total", "token=other"]},
    )  # fmt: skip
    made = checked(event)
    assert (made.uid, made.video_id, made.detail["scope"]) == ("cust?token=abc", "sig=1", "cust?token=abc/sig=1")
    assert made.keys[0] == event.keys[0]
    assert "abcd" not in made.keys[1]
    assert made.detail["fields"] == ["users/cust?token=abc: total", f"token={REMOVED}"]


@pytest.mark.parametrize(
    "event",
    [
        Event("", "b"),
        Event("a", ""),
        Event("a", "b", keys=("k",) * (MAX_KEYS + 1)),
        Event("a", "b", reason="x" * 7_000),
    ],
)
def test_an_event_needs_who_and_what_and_has_a_size(event: Event) -> None:
    with pytest.raises(BadInput):
        checked(event)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("users/u1/v/clips/clip_01_1_a_waltz_begins_split.mp4", "users/u1/v/clips/clip_01_1_-_split.mp4"),
        ("u1/v/clips/clip_01_12_a waltz_left_focus.jpg: gone", "u1/v/clips/clip_01_12_-_left_focus.jpg: gone"),
        ("asked by ada.l@example.org, ticket 4", "asked by [address], ticket 4"),
        ("sources/u1/v/source.mp4", "sources/u1/v/source.mp4"),
    ],
)
def test_the_record_holds_no_address_and_no_title_of_a_clip(text: str, kept: str) -> None:
    found = checked(Event("a", "bob@example.org", reason=text, keys=(text,), detail={"grounds": [text]}))
    assert (found.reason, found.keys, found.detail["grounds"]) == (kept, (kept,), [kept])
    assert found.actor == "bob@example.org"


def test_an_id_that_is_an_address_stays() -> None:
    found = checked(Event("a", "b", uid="x@example.org", keys=("users/x@example.org/v/raw/1.mp4",)))
    assert (found.uid, found.keys) == ("x@example.org", ("users/x@example.org/v/raw/1.mp4",))
