"""Requests to the team in the shell: asked once, told, answered by who may, and emptied by an erasing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from grpc import StatusCode

from storage.domain.requests import KEPT_FOR, TeamRequest
from storage.repositories.requests import Requests
from tests.cli.conftest import Desk
from tests.rigs.records import clip, user, video
from tests.rigs.sink import sink

BASE = "users/u1/videos/vid-0001"
ABOUT = ("u1", "vid-0001")
ASK = ("--actor", "Sue@Example.com", "--reason", "T-9: Opening night is silent, says ada@example.org")
ANSWER = ("--actor", "eng@example.com", "--reason", "replaced the clip")


@pytest.fixture
def desk_with_customer(desk: Desk) -> Desk:
    made = {"users/u1": user("u1"), BASE: video("vid-0001", video_title="Opening night")}
    desk.world.put({**made, f"{BASE}/clips/c1": clip("vid-0001", 1)})
    return desk


def test_a_request_is_kept_without_names_told_once_answered_and_on_record(desk_with_customer, monkeypatch):
    desk = desk_with_customer
    assert desk.run("requests", "list", "--json").json["requests"] == []
    made = desk.run("requests", "ask", "tell", *ABOUT, *ASK, "--json")
    assert made.status == 0, made.err
    one = made.json
    assert (one["kind"], one["uid"], one["video_id"], one["state"]) == ("tell", "u1", "vid-0001", "open")
    assert one["asked_by"] == "sue@example.com"
    assert "T-9" in one["reason"]
    held = (
        str(desk.world.fields(f"ops_requests/{one['request_id']}")) + made.out + str(desk.run("audit", "--json").json)
    )
    assert "Opening night" not in held
    assert "ada@example.org" not in held
    assert one["request_id"] in one["ticket"]

    again = desk.run("requests", "ask", "tell", *ABOUT, *ASK, "--json")
    assert (again.status, again.json["error"]["code"]) == (4, "refused")
    assert desk.run("requests", "ask", "delete", *ABOUT, *ASK).status == 0  # another thing
    listed = desk.run("requests", "list", "--json")
    assert (listed.status, [row["kind"] for row in listed.json["requests"]]) == (1, ["tell", "delete"])

    with sink() as hook:
        monkeypatch.setenv("ALERT_URLS", hook.url)
        told = [row["rule"] for row in desk.run("alerts", "run", "--json").json["sent"]]
        assert told.count("request_waits") == 2
        assert "request_waits" not in [row["rule"] for row in desk.run("alerts", "run", "--json").json["sent"]]

    done = desk.run("requests", "answer", one["request_id"], "done", *ANSWER, "--json")
    assert (done.json["state"], done.json["answer"]) == ("done", "replaced the clip")
    twice = desk.run("requests", "answer", one["request_id"], "declined", *ANSWER)
    assert twice.status == 4
    events = desk.run("audit", "--json").json["events"]
    actions = [event["action"] for event in events if event["outcome"] != "begun"]
    assert (actions.count("request.ask"), actions.count("request.answer")) == (3, 2)  # refusals are on record too
    everything = desk.run("requests", "list", "--all", "--json").json["requests"]
    assert sorted(row["state"] for row in everything) == ["done", "open"]


def test_nothing_is_asked_or_answered_that_is_not_on_record(desk_with_customer):
    desk = desk_with_customer

    def audit(request) -> bool:
        return "ops_audit" in str(request)

    rule = desk.world.faults.refuse("Commit", StatusCode.PERMISSION_DENIED, when=audit, times=None)
    assert desk.run("requests", "ask", "tell", *ABOUT, *ASK).status == 3
    assert desk.run("requests", "list", "--all", "--json").json["requests"] == []
    desk.world.faults.lift(rule)
    one = desk.run("requests", "ask", "tell", *ABOUT, *ASK, "--json").json
    rule = desk.world.faults.refuse("Commit", StatusCode.PERMISSION_DENIED, when=audit, times=None)
    assert desk.run("requests", "answer", one["request_id"], "done", *ANSWER).status == 3
    desk.world.faults.lift(rule)
    assert desk.run("requests", "list", "--json").json["requests"][0]["state"] == "open"
    # The end alone is lost: what was begun is on record, and the person learns that it is kept.
    ended = desk.world.faults.refuse(
        "Commit", StatusCode.PERMISSION_DENIED, when=lambda one: audit(one) and '"done"' in str(one), times=None
    )
    said = ("--actor", "eng@example.com", "--reason", "opening night has sound again")
    answered = desk.run("requests", "answer", one["request_id"], "declined", *said, "--json")
    desk.world.faults.lift(ended)
    assert (answered.status, answered.json["answer"]) == (0, "[title] has sound again")
    told = desk.run("audit", "--json").json["events"]
    assert [(each["action"], each["outcome"], each["reason"]) for each in told][:1] == [
        ("request.answer", "begun", "[title] has sound again")
    ]


def test_the_newest_of_many_requests_is_read_too(desk_with_customer):
    world, begin = desk_with_customer.world, datetime(2026, 3, 1, tzinfo=UTC)
    for number in range(101):
        at = begin + timedelta(minutes=number)
        one = TeamRequest(f"req-{at:%Y%m%d-%H%M%S}-0123abcd", "tell", "u1", "", "", "why", "sue@example.com", at)
        world.put({one.path: one.as_dict()})
    store = Requests(world.handle)
    for found in (store.of_person("sue@example.com"), store.of_user("u1"), store.open()[::-1], store.newest(200)):
        assert (len(found), found[0].request.asked_at) == (101, begin + timedelta(minutes=100))


def test_the_sweep_deletes_what_was_answered_a_quarter_of_a_year_ago_and_the_audit_keeps_it(
    desk_with_customer, monkeypatch
):
    desk, now = desk_with_customer, datetime.now(UTC)
    for module in ("actions", "repositories"):
        monkeypatch.setattr(f"storage.{module}.requests.PAGE", 1)
    made = desk.run("requests", "ask", "tell", *ABOUT, *ASK, "--json").json["request_id"]
    assert desk.run("requests", "answer", made, "done", *ANSWER).status == 0
    held = desk.world.fields(f"ops_requests/{made}")
    old = {**held, "answered_at": now - KEPT_FOR - timedelta(hours=1)}
    waits = {**held, "state": "open", "asked_at": now - 4 * KEPT_FOR, "answered_at": None}
    young = {**held, "answered_at": now - KEPT_FOR + timedelta(hours=1)}
    names = [f"req-20260301-120000-0123abc{number}" for number in range(4)]
    for name, fields in zip(names, (old, old, waits, young), strict=True):
        desk.world.put({f"ops_requests/{name}": {**fields, "request_id": name}})
    assert desk.run("purge", "worker", "--sweep").status == 0
    left = {one.request.request_id for one in Requests(desk.world.handle).newest(9)}
    assert left == {made, *names[2:]}
    told = {event["action"]: event["reason"] for event in desk.run("audit", "--uid", "u1", "--json").json["events"]}
    assert "T-9" in told["request.ask"]
    assert told["request.answer"] == "replaced the clip"


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("ask", "tell", "nobody", *ASK), 1),
        (("ask", "tell", "u1", "nothing", *ASK), 1),
        (("ask", "tell", "u1", "vid-0001", "no-clip", *ASK), 1),
        (("ask", "buy", "u1", *ASK), 2),
        (("ask", "tell", "u1/videos", *ASK), 2),
        (("ask", "tell", "u1", "--actor", "nobody", "--reason", "because"), 2),
        (("ask", "tell", "u1", "--actor", "a@b.test", "--reason", " "), 2),
        (("answer", "../users/u1", "done", *ANSWER), 2),
        (("answer", "req-20260301-120000-0123abcd", "done", *ANSWER), 1),
        (("list", "--all", "--limit", "0"), 2),
    ],
)
def test_nonsense_is_refused_and_nothing_is_kept(desk_with_customer, words, status):
    answer = desk_with_customer.run("requests", *words, "--json")
    assert answer.status == status, answer.err
    assert answer.json["error"]["remedy"]
    assert "ops_requests" not in desk_with_customer.world.records.children("")
