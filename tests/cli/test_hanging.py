"""Commands over a store that takes connections and never answers: an honest answer in time, and nothing "missing"."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from storage.clients import r2
from tests.cli.conftest import Answer, Desk
from tests.rigs.http_faults import FaultProxy, Hang
from tests.rigs.records import clip, user, video
from tests.rigs.seaweed import SeaweedRig
from tests.rigs.tcp_faults import HangingRelay

STUCK = 12
BOUND_SECONDS = 25
AT_ONCE = 8
COMMANDS = {
    "check": ("check",),
    "diagnose": ("diagnose", "u1", "stuck-00"),
    "diagnose --stuck": ("diagnose", "--stuck"),
    "verify": ("verify", "u1"),
    "usage": ("usage", "u1"),
    "find": ("find", "u1"),
    "url": ("url", "u1", "stuck-00", "c"),
    "highlights": ("highlights", "u1", "stuck-00"),
}
WITHOUT_THE_BUCKET = {"find", "usage"}


def stuck_world(desk: Desk) -> None:
    old = datetime.now(UTC) - timedelta(hours=5)
    documents = {"users/u1": user("u1")}
    for number in range(STUCK):
        path = f"users/u1/videos/stuck-{number:02}"
        documents[path] = video(f"stuck-{number:02}", status="processing", updated_at=old, created_at=old)
        documents[f"{path}/clips/c"] = clip(f"stuck-{number:02}", 1)
    desk.world.put(documents)


@pytest.fixture
def proxy(desk: Desk, r2_rig: SeaweedRig, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    """The desk with a bucket that hangs."""
    monkeypatch.setattr(r2, "LOOKING", {"connect_timeout": 1, "read_timeout": 1})
    stuck_world(desk)
    with FaultProxy(r2_rig.endpoint) as between:
        between.on(Hang())
        monkeypatch.setenv("R2_ENDPOINT_URL", between.endpoint)
        yield between


def honest(answer: Answer, name: str) -> None:
    assert "Traceback" not in answer.out + answer.err
    for wrong in ("missing_object", "highlights_missing", "clips_missing", '"not_found"', "is not in the bucket"):
        assert wrong not in answer.out, name


def test_every_command_has_its_answer_while_the_bucket_hangs(desk: Desk, proxy: FaultProxy) -> None:
    for name, command in COMMANDS.items():
        before, began = proxy.count(), time.monotonic()
        answer = desk.run(*command, "--json")
        assert time.monotonic() - began < BOUND_SECONDS, name
        assert proxy.count() - before <= AT_ONCE, name
        assert answer.status in ({0, 1} if name in WITHOUT_THE_BUCKET else {3}), (name, answer.out)
        honest(answer, name)
        if name == "check":
            untried = {check["name"]: check["detail"] for check in answer.json["checks"] if not check["ok"]}
            assert untried["r2_conditions"] == untried["r2_delete"] == "not tried: the bucket does not answer"


def test_every_command_has_its_answer_while_firestore_hangs(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    stuck_world(desk)
    with HangingRelay(desk.world.rig.host) as relay:
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", relay.address)
        relay.hang()
        for name in ("check", "diagnose --stuck", "usage"):  # each begins anew, and waits once
            began = time.monotonic()
            answer = desk.run(*COMMANDS[name], "--json")
            assert time.monotonic() - began < BOUND_SECONDS, name
            assert answer.status == 3, (name, answer.out)
            honest(answer, name)
