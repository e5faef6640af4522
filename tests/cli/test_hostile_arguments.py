"""Every command with hostile ids, options and files: an exit status of the contract, words, and nothing asked too far.

The commands and their arguments are read from their declarations, so that one added later is tried as well.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import click
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.cli.command import leaves
from storage.cli.commands import ROOT
from storage.ids import is_id, is_stored_id
from tests.cli.recorded import OTHER, VIDEO, RecordedDesk, recorded_desk
from tests.rigs.seaweed import SeaweedRig

IDS = ("UID", "VIDEO_ID", "CLIP_ID", "JOB_ID", "CHANGE_ID")
HOSTILE = [
    *("", " ", ".", "..", "a/b", f"../{OTHER}", f"u1/../{OTHER}", "a\x00b", "a\nb", "x" * 2_000, "__x__", " a"),
    *("*", "%", "u", "u1 ", "\ud800", "\u202eu1", "\x1b[31mu1", "=HYPERLINK(1)", "![x](http://e.invalid)", "--json"),
    *("-", "--", "-1", "null", "%2e%2e%2f", "${7*7}{{7*7}}", "'; DROP TABLE users; --", "\U0001f3ac", "a\u2028b"),
]
FILES = ["missing", "folder", "empty", "a\x00b", "x" * 300, "pipe", "text", "deep.json", "digits.json", "list.json"]


@pytest.fixture(scope="module")
def desk(r2_rig: SeaweedRig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecordedDesk]:
    """The desk, with the hostile files in the folder where commands run."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "folder").mkdir()
    os.mkfifo(folder / "pipe")
    contents = {"empty": b"", "text": b"\xff\xfe\x00", "deep.json": b"[" * 100_000, "list.json": b"[1, null]"}
    contents["digits.json"] = b'{"format": ' + b"9" * 5_000 + b"}"
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    with recorded_desk(r2_rig, folder) as found:
        yield found


@dataclass(frozen=True)
class Call:
    """A command line, and the ids in it by the name of their argument."""

    arguments: tuple[str, ...]
    ids: tuple[tuple[str, str], ...]

    @property
    def has_bad_ids(self) -> bool:
        """Whether one of them is no id."""
        fits = is_stored_id if "--exact-ids" in self.arguments else is_id
        return not all((fits if kind in IDS[:3] else is_id)(value) for kind, value in self.ids)


COMMANDS = leaves(ROOT)
texts = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=40))
numbers = st.sampled_from(["0", "1", "2", "-1", "1e9", "٣", "9" * 30, "9" * 5_000, "0x10", "NaN", "1_0"])
VALUES = {
    **dict.fromkeys(IDS, texts | st.sampled_from(["u1", VIDEO, f"{VIDEO}_0_split"])),
    "FILE": st.sampled_from(FILES),
    "N": numbers | texts,
    "EMAIL": st.just("ada@example.com") | texts,
    "TEXT": st.sampled_from(["ticket 4711", "x" * 100_000]) | texts,
    "I/N": st.sampled_from(["1/1", "0/0", "2/1", "1/9999", "１/１"]) | texts,
    "STATUS": st.sampled_from(["completed", "analyzed"]) | texts,
    "STYLE": st.just("split") | texts,
}


@st.composite
def calls(draw: st.DrawFn, name: tuple[str, ...]) -> Call:
    """The command with some of its options, and values that nobody should give it."""
    words, ids = list(name), list[tuple[str, str]]()
    for one in COMMANDS[name].params:
        if one.name == "as_json":
            continue
        option = one.opts[0] if isinstance(one, click.Option) else ""
        if option and not one.required and draw(st.integers(0, 2)):
            continue
        if isinstance(one, click.Option) and one.is_flag:
            words.append(option)
            continue
        kind = str(one.metavar)
        value = draw(VALUES.get(kind, texts))
        if kind in IDS:
            ids.append((kind, value))
        words += [f"{option}={value}"] if option else [value]
    if draw(st.booleans()):
        words.append("--json")
    return Call(tuple(words), tuple(ids))


@pytest.mark.parametrize("name", sorted(COMMANDS), ids=" ".join)
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_command_line_does_more_than_answer(desk: RecordedDesk, name: tuple[str, ...], data: st.DataObject) -> None:
    call = data.draw(calls(name))
    answer = desk.run(*call.arguments)
    if "--" in call.arguments:  # what follows is no option, and what was meant for an id may be another argument
        return
    if call.has_bad_ids:
        assert desk.asked_nothing
        assert answer.status == 2
        return
    for kind, uid in call.ids:
        if kind == "UID":
            assert desk.strays(uid) == []


@pytest.mark.parametrize(
    "slip", [("purge", "apply", "f", "--er"), ("usage", "u1", "--js"), ("purge", "worker", "--sw")]
)
def test_a_shortened_option_is_no_option(desk: RecordedDesk, slip: tuple[str, ...]) -> None:
    answer = desk.run(*slip)
    assert answer.status == 2
    assert desk.asked_nothing


def test_an_empty_job_is_no_sweep_of_all_of_them(desk: RecordedDesk) -> None:
    assert desk.run("purge", "worker", "--job=", "--json").json["error"]["code"] == "bad_input"
    assert desk.asked_nothing


def test_of_a_video_that_is_there_only_the_usual_times_are_asked_of_others(desk: RecordedDesk) -> None:
    assert desk.run("diagnose", "u1", VIDEO).status in {0, 1}
    assert desk.strays("u1") == []


def test_of_a_video_that_is_not_there_nobody_elses_is_looked_at(desk: RecordedDesk) -> None:
    answer = desk.run("set-status", "nobody", "v", "completed", "--actor=ada@example.com", "--reason=ticket 4711")
    assert (answer.status, desk.strays("nobody"), desk.keys) == (1, [], [])
