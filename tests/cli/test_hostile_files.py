"""Files that commands and pages take in: whatever is in them, an answer in words, and nothing beyond their scope."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from storage.actions.purge.plans import plan_from
from storage.actions.upload import check_media
from storage.domain.highlights import check_file, compose
from storage.domain.purge.guards import strays
from storage.domain.purge.plan import fingerprint_of
from storage.errors import BadInput, StorageError
from tests.cli.conftest import MEDIA
from tests.cli.recorded import OTHER, VIDEO, RecordedDesk, recorded_desk
from tests.rigs.seaweed import SeaweedRig

WHO = ("--actor", "ada@example.com", "--reason", "ticket 4711")
many = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
few = settings(many, max_examples=6)

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        [
            *(
                "u1",
                OTHER,
                f"users/{OTHER}/{VIDEO}/highlights.json",
                f"users/{OTHER}",
                "users/u1/../",
                "_ops/",
                "",
                "x" * 5_000,
            ),
            *("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-01-01", "00:00:12", 10**400, -1, 1e308),
        ]
    ),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def desk(r2_rig: SeaweedRig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecordedDesk]:
    """A desk of this module's own."""
    with recorded_desk(r2_rig, tmp_path_factory.mktemp("files")) as found:
        yield found


def refusal_of(read: Callable[[], Any]) -> tuple[Any, StorageError | None]:
    """What reading gave, or the refusal, which must be one of bad input or of a guard and say what to do."""
    try:
        return read(), None
    except StorageError as error:
        return None, error


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something can be put in a document of JSON."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for name, part in inner for place in places(part, (*at, name)))]


def changed(value: Any, at: tuple[Any, ...], new: Any) -> Any:
    """The document with another value at that place."""
    if not at:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[at[0]] = changed(copy[at[0]], at[1:], new)
    return copy


def sealed(plan: Any) -> Any:
    """The plan with the fingerprint that its content has, as somebody would write it who forges one."""
    try:
        body = {name: part for name, part in plan.items() if name != "fingerprint"}
        return {**body, "fingerprint": fingerprint_of(body)}
    except (AttributeError, ValueError):
        return plan


@pytest.fixture(scope="module")
def plan(desk: RecordedDesk) -> Any:
    """A plan as the desk writes it, for one clip."""
    answer = desk.run("purge", "plan", "u1", "--video", VIDEO, "--clip", f"{VIDEO}_0_split", "--json")
    assert answer.status == 0, answer.out
    return answer.json


@st.composite
def forged(draw: st.DrawFn, plan: Any) -> bytes:
    """The plan with something else in one place; the seal mended in every second case."""
    other = changed(plan, draw(st.sampled_from(places(plan))), draw(values))
    return json.dumps(sealed(other) if draw(st.booleans()) else other).encode()


@many
@given(data=st.data())
@example(data=b'{"format": 1, "fingerprint": "x", "a": NaN}')
@example(data=b'{"format": 1, "fingerprint": ' + b"[" * 900 + b"]" * 900 + b"}")
@example(data=b'{"format": ' + b"9" * 5_000 + b"}")
def test_a_forged_plan_is_refused_in_words_or_stays_within_its_scope(plan: Any, data: Any) -> None:
    content = data if isinstance(data, bytes) else data.draw(st.binary(max_size=99) | forged(plan))
    read, refusal = refusal_of(lambda: plan_from(content))
    if refusal is not None:
        assert refusal.exit_status in {2, 4}
        assert refusal.remedy
        return
    named = [item.key for item in read.objects] + [item.path for item in read.documents]
    assert strays(read) or read.scope.uid == OTHER or not any(OTHER in name.split("/") for name in named)


@few
@given(data=st.data())
def test_the_commands_that_take_a_plan_reach_nobody_else(desk: RecordedDesk, plan: Any, data: st.DataObject) -> None:
    (desk.folder / "plan.json").write_bytes(data.draw(forged(plan)))
    approve = ("purge", "approve", "plan.json", "--actor", "bob@example.com")
    apply = ("purge", "apply", "plan.json", "--confirm", data.draw(st.sampled_from(["u1", OTHER])), *WHO)
    answer = desk.run(*data.draw(st.sampled_from([approve, apply])), "--json")
    assert answer.status in {0, 2, 4}
    assert not any(f"/{OTHER}/" in f"/{key}/" for key in desk.keys)
    assert not any(f"documents/users/{OTHER}".encode() in asked for asked in desk.documents)


ENTRY = {"id": 1, "title": "A title", "start": "00:00:12", "end": "00:01:02", "duration": 50}
entries = st.fixed_dictionaries({name: st.just(value) | values for name, value in ENTRY.items()}) | values
highlights = st.one_of(
    st.binary(max_size=99),
    st.fixed_dictionaries({"highlights": st.lists(entries, max_size=3) | values}).map(json.dumps).map(str.encode),
    values.map(json.dumps).map(str.encode),
)


@many
@given(content=highlights)
@example(content=b"[" * 100_000)
@example(content=b'{"highlights": [{"id": ' + b"9" * 5_000 + b"}]}")
@example(content=b'{"highlights": [{"id": 1, "title": "\\ud800", "start": "00:00", "end": "00:10"}]}')
def test_a_highlights_file_is_good_or_every_fault_of_it_is_named(content: bytes) -> None:
    good, refusal = refusal_of(lambda: check_file(content))
    if refusal is not None:
        assert isinstance(refusal, BadInput)
        assert (refusal.field_name, bool(refusal.remedy)) == ("highlights", True)
        return
    assert all(entry["title"].strip() for entry in good)
    json.loads(compose(good, video_url=None, video_title=None, custom_prompt=None))


@few
@given(content=highlights)
def test_a_highlights_file_that_is_not_good_is_refused_before_a_store_hears_of_it(
    desk: RecordedDesk, content: bytes
) -> None:
    (desk.folder / "put.json").write_bytes(content)
    answer = desk.run("highlights", "u1", VIDEO, "--put", "put.json", *WHO, "--json")
    assert desk.asked_nothing if answer.status == 2 else answer.status == 0
    assert desk.strays("u1") == []


CLIP = sorted(MEDIA.rglob("*.mp4"))[0].read_bytes()
clips = st.one_of(
    st.binary(max_size=200),
    st.tuples(st.integers(0, 200), st.binary(max_size=16)).map(
        lambda cut: CLIP[: cut[0]] + cut[1] + CLIP[cut[0] + len(cut[1]) :]
    ),
    st.integers(0, len(CLIP)).map(lambda end: CLIP[:end]),
)


@many
@given(clip=clips, thumbnail=st.none() | st.binary(max_size=20) | st.just(b"\xff\xd8\xff\xff\xd9"))
def test_a_clip_is_a_film_with_its_length_or_refused_in_words(clip: bytes, thumbnail: bytes | None) -> None:
    media, refusal = refusal_of(lambda: check_media(io.BytesIO(clip), thumbnail))
    if refusal is not None:
        assert isinstance(refusal, BadInput)
        assert refusal.field_name in {"FILE", "thumbnail"}
        return
    film = media.info.film
    assert media.info.size_bytes == len(clip)
    assert film is not None
    assert film.seconds is None or film.seconds >= 0


@pytest.fixture(scope="module")
def scan(desk: RecordedDesk) -> list[Any]:
    """The lines of a scan's log as the desk writes it."""
    desk.run("verify", "--all", "--checkpoint", "scan.jsonl", "--json")
    return [json.loads(line) for line in (desk.folder / "scan.jsonl").read_text().splitlines()]


@few
@given(data=st.data())
@example(data=b"\xff\n")
@example(data=b"[" * 100_000 + b"\n")
@example(data=b"9" * 5_000 + b"\n")
def test_a_scan_goes_on_from_its_log_or_says_that_it_cannot(desk: RecordedDesk, scan: list[Any], data: Any) -> None:
    if isinstance(data, bytes):
        content = data
    else:
        lines = changed(scan, data.draw(st.sampled_from(places(scan))), data.draw(values))
        content = "".join(json.dumps(line) + "\n" for line in lines).encode() if isinstance(lines, list) else b"x\n"
    (desk.folder / "hostile.jsonl").write_bytes(content)
    arguments = ("verify", "--all", "--checkpoint", "hostile.jsonl")
    answer = desk.run(
        *arguments, *data.draw(st.sampled_from([(), ("--json",), ("--csv",)])) if content is not data else ()
    )
    assert answer.status in {0, 1, 2}
    if answer.status == 2:
        assert (desk.folder / "hostile.jsonl").read_bytes() == content
