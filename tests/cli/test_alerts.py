"""alerts run, with targets that take, refuse, fail and hang: nothing is lost, nothing is doubled, nothing is told that
must not be."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from storage.actions import alerts
from storage.actions.documents import Update
from storage.cli.context import Context
from storage.clients import messengers
from storage.domain.alerts import TEXTS, KeptAlert
from storage.domain.joint_repair import MANY
from storage.domain.purge.job import Job, Kind
from storage.domain.purge.scope import Scope
from storage.domain.scans.kept import scan_path
from storage.repositories.alerts import read_alerts
from storage.repositories.scans import scan_records
from tests.cli.conftest import Answer, Desk, both_firestores
from tests.rigs.http_faults import FaultProxy
from tests.rigs.records import user, video
from tests.rigs.seaweed import SeaweedRig
from tests.rigs.sink import Sink, sink

LONG_AGO = datetime.now(UTC) - timedelta(hours=6)


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sink]:
    """One target."""
    with sink() as made:
        monkeypatch.setenv("ALERT_URLS", made.url)
        yield made


@pytest.fixture
def proxy(r2_rig: SeaweedRig) -> Iterator[FaultProxy]:
    """A place for faults in front of the bucket store."""
    with FaultProxy(r2_rig.endpoint) as made:
        yield made


@pytest.fixture
def tell(desk: Desk) -> Callable[..., Answer]:
    def run(*options: str) -> Answer:
        return desk.run("alerts", "run", "--json", *options)

    return run


def kept(desk: Desk) -> list[KeptAlert]:
    """What the desk keeps of alerts."""
    return [one.kept for one in read_alerts(desk.world.handle)]


def rules(answer: Answer) -> list[tuple[str, str, bool]]:
    return sorted((one["rule"], one["state"], one["ok"]) for one in answer.json["sent"])


def outage(desk: Desk, uid: str = "u1", number: int = 5) -> None:
    """Videos that stopped within two minutes of each other."""
    documents: dict[str, dict[str, object]] = {f"users/{uid}": user(uid, email="marta@example.com")}
    for index in range(number):
        at = LONG_AGO + timedelta(seconds=8 * index)
        name = f"vid-{index:04d}"
        changes = {"status": "processing", "video_title": "A very private title", "completed_at": None}
        documents[f"users/{uid}/videos/{name}"] = video(name, created_at=at, updated_at=at, **changes)
    desk.world.put(documents)


def mend(desk: Desk, uid: str = "u1", number: int = 5) -> None:
    for index in range(number):
        name = f"vid-{index:04d}"
        done = {"status": "failed", "error_message": "Video unavailable: private", "completed_at": None}
        desk.world.put({f"users/{uid}/videos/{name}": video(name, **done)})


@both_firestores
def test_an_outage_is_told_once_when_it_begins_and_once_when_it_ends(desk, tell, hook):
    outage(desk)
    first = tell()
    assert first.status == 0, first.err
    assert rules(first) == [("outage", "began", True), ("rollup_late", "never", True)]
    assert first.json["suppressed"] == 0
    assert len(hook.taken) == 1  # several alerts are one message
    assert "5 videos" in hook.text
    again = tell()
    assert again.json["sent"] == []
    assert again.json["suppressed"] == 2
    mend(desk)
    assert rules(tell()) == [("outage", "ended", True)]
    assert tell().json["sent"] == []
    assert len(hook.taken) == 2
    assert "Outage over" in hook.text


def test_no_alert_holds_an_address_a_title_an_id_or_the_targets_secret(desk, tell, hook):
    outage(desk)
    answer = tell()
    for word in ("marta", "private title", "vid-0001", "u1/"):
        assert word not in hook.text, word
    everything = answer.out + answer.err + repr(kept(desk))
    for word in ("marta", "private title", "s3cr3t", "hook"):
        assert word not in everything, word


@pytest.mark.parametrize("fault", ["500", "refuses", "hangs", "trickles"])
def test_what_a_target_does_not_take_is_sent_again_and_once(desk, tell, hook, monkeypatch, fault):
    monkeypatch.setattr(messengers, "READ_SECONDS", 0.3)
    outage(desk)
    if fault == "500":
        hook.status = 500
    elif fault == "trickles":
        monkeypatch.setattr(messengers, "SEND_SECONDS", 0.5)
        hook.trickling.set()
    elif fault == "refuses":
        monkeypatch.setenv("ALERT_URLS", "json://127.0.0.1:9/nobody-listens-here")
    else:
        hook.hanging.set()
    failed = tell()
    assert failed.status == 3
    assert rules(failed) == [("outage", "began", False), ("rollup_late", "never", False)]
    assert rules(tell()) == rules(failed)  # it is still to be told
    assert hook.taken == []
    if fault == "refuses":
        monkeypatch.setenv("ALERT_URLS", hook.url)
    hook.status = 200
    hook.hanging.clear()
    hook.trickling.clear()
    monkeypatch.setattr(messengers, "SEND_SECONDS", 60.0)
    assert rules(tell()) == [("outage", "began", True), ("rollup_late", "never", True)]
    assert tell().json["sent"] == []
    assert len(hook.taken) == 1


def test_an_outage_that_ended_before_anybody_took_it_is_told_all_the_same(desk, tell, hook):
    outage(desk)
    hook.status = 500
    assert tell().status == 3
    mend(desk)
    hook.status = 200
    assert ("outage", "ended", True) in rules(tell())
    assert "Outage over: 5 videos" in hook.text


def test_a_target_that_fails_does_not_keep_another_from_being_told(desk, tell, hook, monkeypatch):
    outage(desk)
    with sink() as broken:
        broken.status = 503
        monkeypatch.setenv("ALERT_URLS", f"{broken.url} {hook.url}")
        answer = tell()
        assert answer.status == 3
        assert {(one["target"], one["ok"]) for one in answer.json["sent"]} == {
            (messengers._name(messengers.Secret(broken.url)), False),
            (messengers._name(messengers.Secret(hook.url)), True),
        }
        broken.status = 200
        assert {one["ok"] for one in tell().json["sent"]} == {True}
        assert len(hook.taken) == len(broken.taken) == 1


def test_quiet_hours_hold_what_is_not_urgent_and_lose_nothing(desk, tell, hook, monkeypatch):
    outage(desk)
    hour = datetime.now(UTC).hour
    monkeypatch.setenv("ALERT_QUIET_HOURS", f"{hour}-{(hour + 2) % 24}")
    held = tell()
    assert rules(held) == [("outage", "began", True)]
    assert held.json["suppressed"] == 1
    assert TEXTS["outage"].urgent
    monkeypatch.delenv("ALERT_QUIET_HOURS")
    assert rules(tell()) == [("rollup_late", "never", True)]


def test_a_dry_run_sends_and_keeps_nothing(desk, tell, hook):
    outage(desk)
    answer = tell("--dry-run")
    assert rules(answer) == [("outage", "began", True), ("rollup_late", "never", True)]
    assert (hook.asked, kept(desk)) == (0, [])
    assert rules(tell()) == rules(answer)


def test_while_firestore_is_away_the_bucket_keeps_that_alert(desk, tell, hook):
    outage(desk)
    tell()
    with desk.world.faults.outage():
        away = tell()
        assert rules(away) == [("store_away", "unreachable", True)]
        assert {one["rule"] for one in away.json["unread"]} >= {"outage", "purge_incomplete", "rollup_late"}
        assert tell().json["sent"] == []  # told once, although Firestore can keep nothing
    back = tell()
    assert rules(back) == [("store_away", "ended", True)]  # and the outage that nobody could look at has not ended
    assert tell().json["sent"] == []


def test_while_the_bucket_is_away_firestore_keeps_that_alert(desk, tell, hook, proxy: FaultProxy, monkeypatch):
    monkeypatch.setenv("R2_ENDPOINT_URL", proxy.endpoint)
    tell()
    proxy.down()
    away = tell()
    assert rules(away) == [("store_away", "unreachable", True)]
    assert tell().json["sent"] == []
    proxy.up()
    assert rules(tell()) == [("store_away", "ended", True)]


def test_while_both_are_away_nothing_is_sent_and_the_run_fails(desk, tell, hook, proxy: FaultProxy, monkeypatch):
    monkeypatch.setenv("R2_ENDPOINT_URL", proxy.endpoint)
    proxy.down()
    with desk.world.faults.outage():
        answer = tell()
    assert answer.status == 3
    assert answer.json["error"]["code"] == "unreachable"
    assert hook.asked == 0


def test_two_runs_at_once_tell_once(desk, tell, hook):
    outage(desk)
    other: list[Answer] = []
    desk.world.faults.meanwhile(
        "Commit", lambda: other.append(tell()), when=lambda request: "ops_alerts/run" in str(request), times=1
    )
    mine = tell()
    sent = mine.json["sent"] + other[0].json["sent"]
    assert len([one for one in sent if one["rule"] == "outage"]) == 1
    assert len(hook.taken) == 1


def test_a_run_that_slow_targets_hold_up_keeps_its_lease(desk, tell, hook, monkeypatch):
    """Two targets take four minutes each; while the second one does, another run begins."""
    late, other = [timedelta()], list[Answer]()
    monkeypatch.setattr(Context, "now", lambda self: datetime.now(UTC) + late[0])
    monkeypatch.setattr(messengers, "READ_SECONDS", 60.0)

    def slowly() -> None:
        late[0] += timedelta(minutes=4)

    def meanwhile() -> None:
        slowly()
        if not other:
            other.append(tell())

    outage(desk)
    with sink() as first:
        first.meanwhile, hook.meanwhile = slowly, meanwhile
        monkeypatch.setenv("ALERT_URLS", f"{first.url} {hook.url}")
        assert {one["ok"] for one in tell().json["sent"]} == {True}
        assert other[0].json["sent"] == []
        assert (len(first.taken), len(hook.taken)) == (1, 1)
    assert tell().json["sent"] == []  # and the next run may send at once


def test_a_scan_that_found_something_is_not_hidden_by_one_that_followed(desk, tell, hook, monkeypatch):
    monkeypatch.setattr(alerts, "OVERLAP", timedelta(0))

    def scan() -> None:
        desk.run("verify", "--all", "--keep", "--json")

    desk.world.put({"users/u1": user("u1")})
    scan()
    tell()
    desk.world.put({"users/u1/videos/vid-0001": video("vid-0001", status="completed", clips_count=0)})
    scan()
    scan()  # the same errors are not new in this one
    hook.status = 500
    assert rules(tell()) == [("integrity", "new", False)]
    hook.status = 200
    scan()
    assert rules(tell()) == [("integrity", "new", True)]  # two runs and two scans later
    assert tell().json["sent"] == []
    scan()
    assert tell().json["sent"] == []


def a_job(job_id: str, kind: Kind, **more: Any) -> Job:
    """A job that ended, of three objects and one document."""
    fields: dict[str, Any] = {
        "of": "",
        "plan_id": "plan-20260101-000000-00000001",
        "fingerprint": "f" * 64,
        "scope": Scope("u1"),
        "maker": "a@example.com",
        "actor": "b@example.com",
        "approved_by": (),
        "reason": "a wish of marta@example.com",
        "erase": False,
        "created_at": datetime.now(UTC),
        "objects_total": 3,
        "bytes_total": 1,
        "documents_total": 1,
        "state": "done",
    }
    return Job(job_id=job_id, kind=kind, **{**fields, **more})


def test_a_job_that_left_something_and_an_undo_that_ends_soon_are_told(desk, tell, hook, monkeypatch):
    until = datetime.now(UTC) + timedelta(hours=5)
    kept = {"quarantine": "kept", "quarantine_until": until}
    job = a_job("purge-20260101-000000-00000001", "purge", state="incomplete", **kept)
    desk.world.put({job.path: job.to_fields()})
    assert [rule for rule, *_ in rules(tell())] == ["purge_incomplete", "rollup_late", "undo_ends"]
    assert job.job_id in hook.text
    assert "marta" not in hook.text
    repaired = replace(
        job,
        job_id="repair-20260101-000000-00000002",
        kind="repair",
        scope=MANY,
        quarantine="none",
        objects_total=0,
    )
    desk.world.put({repaired.path: repaired.to_fields()})
    monkeypatch.setenv("DESK_URL", "https://desk.example.com")
    tell()
    assert f"{repaired.job_id} is incomplete: 0 of 1 row." in hook.text
    assert f"https://desk.example.com/processing?repair={repaired.job_id}" in hook.text


def test_the_end_of_the_copies_of_repairs_and_removals_is_told_as_that_of_a_purge(desk, tell, hook, monkeypatch):
    now = datetime.now(UTC)
    soon, later = now + timedelta(hours=5), now + timedelta(hours=30)
    removal = a_job("orphans-20260101-000000-00000001", "remove", copies_until=soon)
    others = {
        "joint repair": a_job("repair-20260101-000000-00000002", "repair", scope=MANY, copies_until=soon),
        "later": a_job("repair-20260101-000000-00000003", "repair", scope=MANY, copies_until=later),
        "over": a_job("orphans-20260101-000000-00000004", "remove", copies_until=now - timedelta(hours=1)),
        "undone": a_job("orphans-20260101-000000-00000005", "remove", copies_until=soon, state="undone"),
        "without copies": a_job("repair-20260101-000000-00000006", "repair", scope=MANY),
    }
    desk.world.put({job.path: job.to_fields() for job in (removal, *others.values())})
    monkeypatch.setenv("DESK_URL", "https://desk.example.com")
    sent = tell().json["sent"]
    assert {one["key"] for one in sent if one["rule"] == "undo_ends"} == {
        removal.job_id,
        others["joint repair"].job_id,
    }
    assert f"The removal of objects {removal.job_id} can be undone until {soon:%Y-%m-%d %H:%M}" in hook.text
    assert f"https://desk.example.com/uploads?orphans={removal.job_id}" in hook.text
    assert "marta" not in hook.text
    assert tell().json["sent"] == []


def test_the_newest_kept_scan_tells_its_new_errors_and_when_it_is_late(desk, tell, hook):
    desk.world.put({"users/u1": user("u1")})
    desk.run("verify", "--all", "--keep", "--json")
    desk.world.put({"users/u1/videos/vid-0001": video("vid-0001", status="completed", clips_count=0)})
    assert rules(tell()) == [("rollup_late", "never", True)]
    assert desk.run("verify", "--all", "--keep", "--json").status == 1
    assert rules(tell()) == [("integrity", "new", True)]
    desk.run("verify", "--all", "--keep", "--json")
    assert tell().json["sent"] == []  # the same errors are news no longer, and their end is none
    assert "/uploads" not in hook.text  # no address of the desk is known here
    (head,) = scan_records(desk.world.records).heads(1, parts=False)
    old = datetime.now(UTC) - timedelta(hours=40)
    desk.world.writer.commit([Update(scan_path(head.scan_id), {"finished_at": old})])
    assert rules(tell()) == [("scan_late", "late", True)]


def test_a_group_of_equal_errors_is_told_when_it_is_new_and_when_it_is_back(desk, tell, hook):
    now = datetime.now(UTC)

    def fail(number: int, at: datetime) -> None:
        name = f"vid-{number:04d}"
        error = f"Job failed after 3 retries: ffmpeg exited with code 187 for marta@example.com job {number}"
        failed = video(name, status="failed", error_message=error, failed_at=at, updated_at=at, completed_at=None)
        desk.world.put({"users/u1": user("u1"), f"users/u1/videos/{name}": {**failed, "created_at": at}})

    for number in range(3):
        fail(number, now - timedelta(hours=number + 1))
    assert ("failure_group", "new", True) in rules(tell())
    assert "3 videos failed" in hook.text
    assert "marta" not in hook.text
    assert tell().json["sent"] == []
    (group,) = desk.run("diagnose", "--stuck", "--json").json["groups"]
    marked = desk.run(
        "failure-group", group["id"], "resolved", "--reason", "fixed in the worker", "--actor", "e@x.test"
    )
    assert marked.status == 0, marked.err
    assert tell().json["sent"] == []  # its end is no news
    fail(9, datetime.now(UTC))
    assert rules(tell()) == [("failure_group", "back", True)]


def test_a_setting_without_targets_and_one_with_a_wrong_target_are_refused(desk, tell, monkeypatch):
    monkeypatch.delenv("ALERT_URLS", raising=False)
    none = tell()
    assert (none.status, none.json["error"]["remedy"].startswith("Set it")) == (4, True)
    monkeypatch.setenv("ALERT_URLS", "nosuch://a-very-secret-token/b")
    wrong = tell()
    assert wrong.status == 2
    assert "ALERT_URLS" in wrong.out
    assert "a-very-secret-token" not in wrong.out + wrong.err
    assert "ALERT_URLS" in os.environ
