"""The demo's folder has one owner at a time, tells others only what is complete, and keeps its keys to itself."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storage.errors import ConfigError, Refused
from storage.sandbox.demo import is_stale, open_demo, reset
from storage.sandbox.demo_state import DemoFolder, Running, SampleData

RUNNING = Running(4_194_300, 4_194_301, "http://127.0.0.1:1", "127.0.0.1:2", "key-1", "secret-1", "key-2", "secret-2")
SAMPLE = SampleData("abc", 7, datetime(2025, 11, 18, tzinfo=UTC), (1, 2))


@pytest.fixture
def folder(tmp_path: Path) -> DemoFolder:
    folder = DemoFolder(tmp_path / "demo")
    assert folder.acquire()
    return folder


def test_only_one_at_a_time_holds_the_folder(folder: DemoFolder) -> None:
    other = DemoFolder(folder.path)
    assert not other.acquire()
    folder.release()
    folder.release()
    assert other.acquire()


def test_what_was_written_is_read_back(folder: DemoFolder) -> None:
    assert (folder.running(), folder.sample()) == (None, None)
    folder.write_running(RUNNING)
    folder.write_sample(SAMPLE)
    assert (folder.running(), folder.sample()) == (RUNNING, SAMPLE)
    folder.remove_running()
    folder.forget_sample()
    assert (folder.running(), folder.sample()) == (None, None)


def test_the_keys_are_for_this_user_alone_and_do_not_show(folder: DemoFolder) -> None:
    folder.write_running(RUNNING)
    assert stat.S_IMODE((folder.path / "running.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert not [word for word in ("key-1", "secret-1", "key-2", "secret-2") if word in repr(RUNNING)]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}', '{"dated": "yesterday", "code": "", "seed": 1}'])
def test_a_file_that_is_not_whole_counts_as_none(folder: DemoFolder, content: str) -> None:
    for name in ("running.json", "sample.json"):
        (folder.path / name).write_text(content)
    assert (folder.running(), folder.sample()) == (None, None)


def test_a_reset_takes_everything_away_unless_somebody_holds_the_folder(folder: DemoFolder) -> None:
    folder.objects.mkdir()
    (folder.objects / "data").write_text("x")
    folder.write_sample(SAMPLE)
    with pytest.raises(Refused, match="nothing was deleted"):
        reset(folder.path)
    assert (folder.objects / "data").exists()
    folder.release()
    reset(folder.path)
    assert not folder.path.exists()
    reset(folder.path)


def test_a_lock_whose_folder_was_deleted_meanwhile_is_not_the_lock(folder: DemoFolder, tmp_path: Path) -> None:
    held = DemoFolder(folder.path)
    folder.remove()
    assert held.acquire()
    assert not DemoFolder(folder.path).acquire()


def test_a_place_that_cannot_be_written_is_a_configuration_problem(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(ConfigError, match="cannot be written"):
        open_demo(tmp_path / "file" / "demo")


@pytest.mark.parametrize(
    ("dated", "now", "expected"),
    [
        ("2025-11-18T09:00", "2025-11-18T20:59", False),
        ("2025-11-18T09:00", "2025-11-18T21:00", True),
        ("2025-11-30T23:50", "2025-12-01T00:10", True),
        ("2024-11-18T09:00", "2025-11-18T09:30", True),
        ("2025-11-18T09:00", "2025-11-18T08:00", True),
    ],
)
def test_data_grow_old_after_half_a_day_at_the_turn_of_a_month_and_when_the_clock_was_ahead(
    dated: str, now: str, expected: bool
) -> None:
    assert is_stale(*(datetime.fromisoformat(f"{text}+00:00") for text in (dated, now))) is expected
