"""Files and answers where there is no room: the old file stays whole, the new one is private, it is said in words."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO, Any

import pytest

from storage.cli.checkpoint import ScanLog
from storage.domain.integrity import Checked, InFlight, Report
from storage.errors import BadInput
from storage.files import GrowingFile, replace_file, write_file
from tests.cli.conftest import Desk
from tests.rigs.forked import shell

ROOT = Path(__file__).resolve().parents[2]
ROOM = 2_048  # bytes that a file may have in a child that is given little room
ACTOR = "ada@example.com"


def little_room(most: int) -> None:
    """In a child: the kernel refuses every write beyond so many bytes, as a full disk does."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


def interpreter(
    *arguments: str, stdout: int | IO[Any], prepare: Callable[[], None] | None = None
) -> subprocess.CompletedProcess[str]:
    """`python -m storage` from its start to the interpreter's end."""
    return subprocess.run(
        [sys.executable, "-m", "storage", *arguments],
        cwd=ROOT, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE,
        preexec_fn=prepare, text=True, timeout=120, check=False,
    )  # fmt: skip


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.fixture
def customers(desk: Desk) -> Desk:
    """Twelve customers with a video each, and objects of the last."""
    documents: dict[str, Any] = {}
    for number in range(12):
        documents[f"users/customer-{number:02d}"] = {"uid": f"customer-{number:02d}", "email": "x@example.com"}
        documents[f"users/customer-{number:02d}/videos/video-1"] = {"video_id": "video-1", "status": "failed"}
    desk.world.put(documents)
    for number in range(40):
        desk.put(f"users/customer-11/video-1/clips/clip_01_{number}_split.mp4", b"x")
    return desk


def test_a_plan_that_does_not_fit_leaves_the_good_one_that_lay_there(customers: Desk, tmp_path: Path) -> None:
    out = tmp_path / "plan.json"
    plan = ("purge", "plan", "customer-11", "--out", str(out), "--actor", ACTOR)
    assert customers.run(*plan).status == 0
    assert mode_of(out) == 0o600
    good = out.read_bytes()
    assert len(good) > ROOM
    refused = shell(*plan, "--json", room=ROOM)
    assert refused.returncode == 2, refused.stderr
    error = json.loads(refused.stdout)["error"]
    assert "--out" in error["message"]
    assert "File too large" in error["message"]
    assert "Make room" in error["remedy"]
    assert "Traceback" not in refused.stderr
    assert out.read_bytes() == good
    assert [entry.name for entry in tmp_path.iterdir()] == ["plan.json"]


def test_a_scan_that_finds_no_room_says_so_and_goes_on_where_it_stopped(customers: Desk, tmp_path: Path) -> None:
    log = tmp_path / "scan.jsonl"
    scan = ("verify", "--all", "--checkpoint", str(log), "--json")
    stopped = shell(*scan, room=ROOM)
    assert stopped.returncode == 2, stopped.stderr
    assert "Traceback" not in stopped.stderr
    said = json.loads(stopped.stdout)
    assert "--checkpoint" in said["error"]["message"]
    assert 0 < said["checked"]["users"] < 12
    assert log.read_text().endswith("\n")
    assert mode_of(log) == 0o600
    assert customers.run(*scan).json["checked"]["users"] == 12
    assert len(log.read_text().split("\n")) == 1 + 12 + 1


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["text", "json"])
def test_an_answer_that_cannot_be_written_is_an_error_in_words(form: tuple[str, ...], customers: Desk) -> None:
    command = ("verify", "customer-00", *form)
    if form:
        told = shell(*command, ends={1: "/dev/full"})
    else:
        with Path("/dev/full").open("w") as full:
            told = interpreter(*command, stdout=full)
    assert told.returncode == 2
    assert "error: the standard output cannot be written" in told.stderr
    assert "No space left on device" in told.stderr
    assert "Traceback" not in told.stderr
    assert "Exception ignored" not in told.stderr


def test_a_closed_standard_output_is_an_error_and_a_reader_that_left_is_none(customers: Desk) -> None:
    closed = interpreter("verify", "customer-00", prepare=partial(os.close, 1), stdout=subprocess.DEVNULL)
    assert (closed.returncode, "error: the standard output" in closed.stderr) == (2, True)
    assert "Traceback" not in closed.stderr
    for command in (("verify", "customer-00"), ("--help",)):
        reading, writing = os.pipe()
        os.close(reading)
        left = interpreter(*command, stdout=writing)
        os.close(writing)
        assert left.returncode == 0, command
        for word in ("error", "Traceback", "Exception ignored"):
            assert word not in left.stderr, command


def test_progress_that_nobody_can_read_ends_no_work(customers: Desk) -> None:
    done = shell("verify", "--all", "--json", ends={2: "/dev/full"})
    assert json.loads(done.stdout)["checked"]["users"] == 12
    assert done.returncode in {0, 1}


def test_what_is_written_is_private_from_its_first_byte_and_follows_a_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: (seen.append(os.fstat(descriptor).st_mode), fsync(descriptor)))
    old = os.umask(0)
    try:
        place, link = tmp_path / "there" / "plan.json", tmp_path / "link.json"
        place.parent.mkdir()
        place.write_text("old")
        place.chmod(0o644)
        link.symlink_to(place)
        write_file(link, b"new", "--out")
    finally:
        os.umask(old)
    assert seen[0] & 0o777 == 0o600
    assert (place.read_bytes(), mode_of(place), link.is_symlink()) == (b"new", 0o600, True)
    assert [entry.name for entry in place.parent.iterdir()] == ["plan.json"]


def test_a_file_that_cannot_be_written_is_told_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"--out cannot be used: .* No such file or directory"):
        write_file(tmp_path / "nowhere" / "plan.json", b"x", "--out")
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(IsADirectoryError):
        replace_file(folder, b"x")
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]


def test_a_log_takes_no_file_for_its_own_that_is_none(tmp_path: Path) -> None:
    header = {"scan": "clip-desk verify", "shard": "1/1"}
    for content in (b"a letter without an end", b'{"scan": "another"}\n', b"\xff\xfe"):
        path = tmp_path / "file"
        path.write_bytes(content)
        with pytest.raises(BadInput):
            ScanLog(path, header)
        assert path.read_bytes() == content


def test_a_log_drops_what_was_cut_short_and_goes_on(tmp_path: Path) -> None:
    path, header = tmp_path / "log", {"scan": "clip-desk verify", "shard": "1/1"}
    log = ScanLog(path, header)
    log.add(report("u1"))
    log.close()
    whole = path.read_bytes()
    path.write_bytes(whole + whole[-40:-5])
    path.chmod(0o644)
    again = ScanLog(path, header)
    assert (again.users, again.last_uid) == (1, "u1")
    assert path.read_bytes() == whole
    assert mode_of(path) == 0o600
    again.add(report("u2"))
    again.close()
    assert ScanLog(path, header).users == 2


def report(uid: str) -> Report:
    now = datetime.now(UTC)
    return Report(uid, None, Checked(users=1), (), True, None, (), InFlight(), now)  # nothing was found


def test_a_line_that_does_not_fit_is_not_there_in_part(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one\n")
    done = subprocess.run(  # its words go into a pipe: a file that catches them is beyond the limit, and ends the child
        [sys.executable, "-c", _ADDS, str(path)],
        cwd=ROOT, preexec_fn=partial(little_room, 10), check=False, capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert path.read_bytes() == b"one\ntwo\n"
    growing = GrowingFile(path, 8, "--checkpoint")
    growing.add(b"three\n")
    growing.close()
    growing.close()
    assert path.read_bytes() == b"one\ntwo\nthree\n"


_ADDS = """
import sys
from pathlib import Path
from storage.errors import BadInput
from storage.files import GrowingFile
growing = GrowingFile(Path(sys.argv[1]), 4, "--checkpoint")
growing.add(b"two\\n")
try:
    growing.add(b"a line that does not fit\\n")
except BadInput as refused:
    sys.exit(0 if "File too large" in refused.message else 3)
sys.exit(4)
"""
