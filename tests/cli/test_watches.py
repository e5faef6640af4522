"""After-care: a repair and a purge are looked at again; what came back, or is left, is said and told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from grpc import StatusCode

from storage.actions.documents import Update
from storage.domain.watches import LOOKS
from storage.repositories.watches import Watches
from tests.cli.conftest import MEDIA, Desk, both_firestores
from tests.rigs.records import clip, user, video
from tests.rigs.sink import Sink, sink

WHO = ("--actor", "eng@example.com", "--reason", "ticket 9: a worker died")
BASE = "users/u1/videos/vid-0001"
LONG_AGO = datetime.now(UTC) - timedelta(hours=6)
KEY = "users/u1/vid-0001/clips/clip_01_1_scene_split.mp4"


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sink]:
    with sink() as made:
        monkeypatch.setenv("ALERT_URLS", made.url)
        yield made


@pytest.fixture
def stuck(desk: Desk) -> dict[str, Any]:
    """A video that stopped hours ago, with one clip that is there; its document as written."""
    size = CLIP.stat().st_size
    held = video("vid-0001", status="processing", created_at=LONG_AGO, updated_at=LONG_AGO, completed_at=None)
    one = clip("vid-0001", 1, file_size_bytes=size, thumbnail_r2_key=None, has_thumbnail=False, created_at=LONG_AGO)
    desk.world.put({"users/u1": user("u1"), BASE: held, f"{BASE}/clips/vid-0001_1_split": one})
    desk.put(KEY, CLIP)
    return held


CLIP = MEDIA / "clip_a.mp4"


def due(desk: Desk, *, made: timedelta = timedelta(0)) -> None:
    """Makes the next look of every watch due, as if time had passed."""
    for stored in Watches(desk.world.handle).newest():
        watch = stored.watch
        fields: dict[Any, Any] = {"next_at": LONG_AGO} if watch.next_at else {}
        desk.world.writer.commit([Update(watch.path, {**fields, "made_at": watch.made_at - made})])


def looked(desk: Desk) -> list[tuple[str, str]]:
    answer = desk.run("alerts", "run", "--json")
    assert answer.status == 0, answer.err
    return [(one["of"], one["state"]) for one in answer.json["looked_again"]]


def repair(desk: Desk) -> str:
    answer = desk.run("set-status", "u1", "vid-0001", "failed", *WHO, "--json")
    assert answer.status == 0, answer.out
    return str(answer.json["change_id"])


def test_where_nobody_is_told_what_was_repaired_is_looked_at_all_the_same(desk, stuck, monkeypatch):
    monkeypatch.delenv("ALERT_URLS", raising=False)
    repair(desk)
    due(desk)
    assert desk.run("alerts", "run", "--json").status == 4
    (watch,) = [one.watch for one in Watches(desk.world.handle).newest()]
    assert watch.looks == 1


@both_firestores
def test_a_repair_that_holds_is_looked_at_three_times_and_then_left(desk, stuck, hook):
    repair(desk)
    assert looked(desk) == []  # nothing is due yet
    (watch,) = [one.watch for one in Watches(desk.world.handle).newest()]
    assert watch.next_at == watch.made_at + LOOKS[0]
    for number in range(len(LOOKS)):
        due(desk)
        assert looked(desk) == [("change", "held" if number == len(LOOKS) - 1 else "open")], number
    due(desk)
    assert looked(desk) == []
    assert "did not hold" not in hook.text


def test_what_came_back_is_told(desk, stuck, hook):
    change = repair(desk)
    desk.world.put({BASE: stuck})  # a worker that was not dead writes the old state
    due(desk)
    assert looked(desk) == [("change", "came_back")]
    assert f"Did not hold: The set-status {change}" in hook.text
    assert "u1" not in hook.text
    due(desk)
    assert looked(desk) == []  # it is told once, and not looked at again


def test_what_the_product_changed_since_is_no_fault(desk, stuck, hook):
    repair(desk)
    desk.world.put({BASE: {**stuck, "status": "completed", "updated_at": datetime.now(UTC), "failed_at": LONG_AGO}})
    due(desk)
    assert looked(desk) == [("change", "changed")]
    assert "Did not hold" not in hook.text


def test_an_undo_ends_the_watch(desk, stuck, hook):
    change = repair(desk)
    assert desk.run("undo-change", change, *WHO).status == 0
    assert Watches(desk.world.handle).newest() == ()


@pytest.fixture
def purged(desk: Desk, stuck: dict[str, Any], tmp_path: Path) -> Callable[[], str]:
    def run() -> str:
        file = str(tmp_path / "plan.json")
        desk.world.put({BASE: {**stuck, "status": "failed"}})
        assert desk.run("purge", "plan", "u1", "--video", "vid-0001", "--out", file, *WHO[:2], "--json").status == 0
        done = desk.run("purge", "apply", file, "--confirm", "u1/vid-0001", *WHO, "--json")
        assert done.json["state"] == "done", done.out
        return str(done.json["job_id"])

    return run


def test_something_of_a_purge_that_is_there_again_is_told(desk, purged, hook):
    job_id = purged()
    due(desk)
    assert looked(desk) == [("purge", "open")]
    desk.put(KEY, CLIP)  # a worker that was still rendering
    due(desk)
    assert looked(desk) == [("purge", "left")]
    assert job_id in hook.text
    assert "1 object and 0 documents" in hook.text


def test_the_undo_of_a_purge_ends_its_watch(desk, purged, hook):
    job_id = purged()
    assert [one.watch.name for one in Watches(desk.world.handle).newest()] == [job_id]
    assert desk.run("purge", "undo", job_id, *WHO, "--json").status == 0
    assert Watches(desk.world.handle).newest() == ()


def test_a_purge_takes_the_watches_of_its_scope_and_an_undo_puts_them_back(desk, stuck, purged, hook):
    change = repair(desk)
    job_id = purged()
    assert [one.watch.name for one in Watches(desk.world.handle).newest()] == [job_id]
    assert desk.run("purge", "undo", job_id, *WHO, "--json").status == 0
    assert [one.watch.name for one in Watches(desk.world.handle).newest()] == [change]


def test_a_store_that_is_away_leaves_the_look_for_the_next_run(desk, stuck, hook):
    repair(desk)
    due(desk)
    with desk.world.faults.outage():
        away = desk.run("alerts", "run", "--json")
        assert away.json["looked_again"] == []
    assert looked(desk) == [("change", "open")]


def test_a_watch_that_cannot_be_looked_at_does_not_keep_the_others_from_it(desk, stuck, hook):
    first = repair(desk)
    desk.world.put({"users/u2": user("u2"), "users/u2/videos/vid-0001": stuck})
    assert desk.run("set-status", "u2", "vid-0001", "failed", *WHO).status == 0
    due(desk)
    refused = desk.world.faults.refuse(
        "*", StatusCode.PERMISSION_DENIED, when=lambda request: first in str(request), times=None
    )
    assert looked(desk) == [("change", "open")]
    desk.world.faults.lift(refused)
    assert looked(desk) == [("change", "open")]


def test_what_ended_is_forgotten_after_a_week(desk, stuck, hook):
    repair(desk)
    desk.world.put({BASE: stuck})
    due(desk)
    assert looked(desk) == [("change", "came_back")]
    due(desk, made=timedelta(days=8))
    assert looked(desk) == []
    assert Watches(desk.world.handle).newest() == ()
