"""Bad ids, half a configuration, refused and absent backends: a clear message, the right exit status, nothing else."""

from __future__ import annotations

import json
import socket

import click
import pytest
from grpc import StatusCode

from storage.cli.command import CUSTOMER_IDS, leaves
from storage.cli.commands import ROOT
from tests.cli.recorded import ACTING
from tests.rigs import hostile
from tests.rigs.http_faults import Answer, FaultProxy
from tests.rigs.records import World, clip, user, video
from tests.rigs.seaweed import NOBODY, READER, SECRETS, UNLISTING

BAD_IDS = ["", "   ", ".", "..", "a/b", "a\x00b", "a\nb", "x" * 2_000, "é" * 800, "__x__", " a"]


@pytest.mark.parametrize("value", BAD_IDS)
@pytest.mark.parametrize(
    "command", [("usage",), ("highlights", "V:vid-0001"), ("url", "V:vid-0001", "V:c1")], ids=lambda c: c[0]
)
def test_a_bad_id_is_refused_before_any_backend_is_asked(run, no_settings, monkeypatch, command, value):
    monkeypatch.setattr("storage.connect.opened", lambda: pytest.fail("a backend was opened"))
    name, *rest = command
    answer = run(name, value, *(word.removeprefix("V:") for word in rest), "--json")
    assert answer.status == 2
    error = answer.json["error"]
    assert error["code"] == "bad_input"
    assert error["remedy"]


def every_id() -> list[tuple[list[str], int]]:
    """Each command with all that it needs, and the place of one of its ids in it."""
    found = []
    for words, command in leaves(ROOT).items():
        ids = [one for one in command.params if str(one.metavar).endswith(("UID", "_ID"))]
        for one in ids:
            line, place = list(words), 0
            for given in command.params:
                if given.required or given is one or (given in ids and isinstance(given, click.Argument)):
                    value = given.type.choices[0] if isinstance(given.type, click.Choice) else "1"
                    line += [*(given.opts if isinstance(given, click.Option) else ()), value]
                    place = len(line) - 1 if given is one else place
            found.append((line, place))
    return found


@pytest.mark.parametrize(
    ("line", "place"), every_id(), ids=lambda given: "-".join(given) if isinstance(given, list) else str(given)
)
def test_every_id_of_every_command_passes_the_one_check(run, no_settings, monkeypatch, line, place):
    monkeypatch.setattr("storage.connect.opened", lambda: pytest.fail("a backend was opened"))
    for value in ("", "..", "a/b", "a\nb"):
        answer = run(*line[:place], value, *line[place + 1 :], "--json")
        assert (answer.status, answer.json["error"]["code"]) == (2, "bad_input"), line
        assert "_ID" in answer.json["error"]["message"] or "UID" in answer.json["error"]["message"], line
    offered = any(word in answer.json["error"]["message"] for word in CUSTOMER_IDS)
    assert ("--exact-ids" in answer.json["error"]["remedy"]) == offered, "a way in is told where there is one"
    for value in ("", "..", "a/b"):  # --exact-ids is for what a store can hold
        assert run(*line[:place], value, *line[place + 1 :], "--json", "--exact-ids").status == 2, line


def every_option() -> list[tuple[list[str], str]]:
    """Each command with all that it needs, and each of its options that takes a text."""
    found = []
    for words, command in leaves(ROOT).items():
        needed = [
            word
            for one in command.params
            if one.required
            for word in (
                *(one.opts if isinstance(one, click.Option) else ()),
                one.type.choices[0] if isinstance(one.type, click.Choice) else "1",
            )
        ]
        found += [
            ([*words, *needed], one.opts[0])
            for one in command.params
            if isinstance(one, click.Option) and isinstance(one.type, click.types.StringParamType)
        ]
    return found


@pytest.mark.parametrize(
    ("line", "option"), [one for one in every_option() if one[1] not in {"--confirm", "--actor", "--reason"}]
)
def test_an_empty_option_is_refused_and_not_taken_for_one_that_was_not_given(
    run, no_settings, monkeypatch, line, option
):
    monkeypatch.setattr("storage.connect.opened", lambda: pytest.fail("a backend was opened"))
    answer = run(*line, f"{option}=", "--json")
    assert (answer.status, answer.json["error"]["code"]) == (2, "bad_input")
    assert "is empty" in answer.json["error"]["message"]


_REST = "20260101-120000-0123abcd"


@pytest.mark.parametrize("group", ["repair", "orphans"])
@pytest.mark.parametrize("verb", ["status", "resume", "undo", "discard"])
def test_an_id_of_another_kind_is_refused_with_the_commands_that_know_it(run, no_settings, monkeypatch, group, verb):
    monkeypatch.setattr("storage.connect.opened", lambda: pytest.fail("a backend was opened"))
    who = () if verb == "status" else ("--actor", "ada@example.com")
    why = ("--reason", "ticket 7") if verb == "undo" else ()
    for kind, owner in {"plan": "purge", "purge": "purge", "rplan": "repair", "orphans": "orphans"}.items():
        if owner != group:
            error = run(group, verb, f"{kind}-{_REST}", *who, *why, "--json").json["error"]
            assert error["code"] == "bad_input"
            assert f"storage {owner} --help" in error["remedy"]
            assert error["message"].startswith("PLAN:" if verb == "discard" else "JOB_ID:")


@pytest.mark.parametrize(("group", "job"), [("purge", "purge"), ("repair", "repair"), ("orphans", "orphans")])
def test_a_job_is_not_discarded_and_no_file_of_its_name_is_looked_for(run, no_settings, monkeypatch, group, job):
    monkeypatch.setattr("storage.connect.opened", lambda: pytest.fail("a backend was opened"))
    answer = run(group, "discard", f"{job}-{_REST}", "--actor", "ada@example.com", "--json")
    assert answer.status == 2
    assert f"{group} undo" in answer.json["error"]["remedy"]


@pytest.mark.parametrize(("group", "plan"), [("purge", "plan"), ("repair", "rplan"), ("orphans", "oplan")])
def test_the_id_of_a_plan_in_place_of_its_jobs_says_what_begins_the_job(desk, group, plan):
    answer = desk.run(group, "status", f"{plan}-{_REST}", "--json")
    assert answer.status == 1
    assert f"{group} apply begins its job" in answer.json["error"]["remedy"]


@pytest.mark.parametrize("value", ["🎬", "Пользователь", "名前", "a b", "100%"])
def test_an_unusual_id_is_no_bad_id(desk, value):
    answer = desk.run("usage", value, "--json")
    assert answer.status == 1
    assert answer.json["error"]["code"] == "not_found"


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["usage"], ["find"], ["upload", "u1", "v1", "f"], ["--json"]])
def test_bad_usage_exits_2(run, arguments):
    assert run(*arguments).status == 2


def test_without_arguments_a_newcomer_gets_the_commands(run):
    answer = run()
    assert (answer.status, answer.out) == (2, "")
    assert "diagnose" in answer.err


def test_bad_usage_with_json_is_json(run):
    answer = run("usage", "--json")
    assert answer.status == 2
    assert set(answer.json["error"]) >= {"code", "message", "remedy"}


def test_a_half_configured_machine_gets_the_whole_list_and_never_the_demo(run, no_settings, monkeypatch):
    monkeypatch.setenv("R2_BUCKET_NAME", "media")
    answer = run("usage", "u1", "--json")
    assert answer.status == 2
    names = {problem["name"] for problem in answer.json["error"]["problems"]}
    assert {"R2_ACCOUNT_ID", "R2_ACCESS_KEY_ID", "R2_SECRET_ACCESS_KEY", "FIREBASE_PROJECT_ID"} <= names
    checked = run("check", "--json")
    assert checked.status == 2
    assert checked.json["ok"] is False
    assert checked.json["mode"] == "live"


def documented(desk) -> tuple[str, ...]:
    desk.world.put({"users/u1": user("u1"), "users/u1/videos/vid-0001/clips/vid-0001_1_split": clip("vid-0001", 1)})
    desk.put("users/u1/vid-0001/clips/clip_01_1_scene_split.mp4", b"bytes")
    return ("url", "u1", "vid-0001", "vid-0001_1_split", "--json")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"R2_SECRET_ACCESS_KEY": "wrong-secret-value"}, "bad_credentials"),
        ({"R2_ACCESS_KEY_ID": "AKIDUNKNOWN"}, "bad_credentials"),
        ({"R2_ACCESS_KEY_ID": NOBODY[0], "R2_SECRET_ACCESS_KEY": NOBODY[1]}, "access_denied"),
        ({"R2_BUCKET_NAME": "no-such-bucket-here"}, None),
    ],
)
def test_a_store_that_refuses_is_an_error_of_the_store_and_never_a_missing_clip(desk, monkeypatch, changes, code):
    command = documented(desk)
    for name, value in changes.items():
        monkeypatch.setenv(name, value)
    answer = desk.run(*command)
    assert answer.status == 3, answer.out
    assert code is None or answer.json["error"]["code"] == code
    assert "R2_" in answer.json["error"]["remedy"]
    assert not any(secret in answer.out + answer.err for secret in (*SECRETS, "wrong-secret-value"))


def test_an_endpoint_that_does_not_answer_is_unreachable(desk, monkeypatch):
    command = documented(desk)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("R2_ENDPOINT_URL", f"http://127.0.0.1:{free.getsockname()[1]}")
        answer = desk.run(*command)
    assert answer.status == 3
    assert answer.json["error"]["code"] == "unreachable"


def test_a_firestore_that_is_away_is_unreachable_and_nobody_is_not_found(desk, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{free.getsockname()[1]}")
        for command in (("usage", "u1"), ("find", "u1"), ("url", "u1", "v-000001", "c1"), ("highlights", "u1", "v1")):
            answer = desk.run(*command, "--json")
            assert (answer.status, answer.json["error"]["code"]) == (3, "unreachable"), command


def away(monkeypatch, name: str, value: str = "127.0.0.1:{port}") -> None:
    """Points a setting at a port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv(name, value.format(port=free.getsockname()[1]))


def test_a_scan_of_everything_without_firestore_is_an_error_and_proves_nothing(desk, monkeypatch):
    away(monkeypatch, "FIRESTORE_EMULATOR_HOST")
    answer = desk.run("verify", "--all", "--json")
    assert answer.status == 3
    assert answer.json["findings"] == []
    assert answer.json["complete"] is False
    assert answer.json["error"]["code"] == "unreachable"
    assert "FIRESTORE_EMULATOR_HOST" in answer.json["error"]["remedy"]
    assert "whole" not in desk.run("verify", "--all").out


def test_a_scan_of_everything_without_the_bucket_carries_the_error_beside_its_findings(desk, monkeypatch):
    documented(desk)
    away(monkeypatch, "R2_ENDPOINT_URL", "http://127.0.0.1:{port}")
    answer = desk.run("verify", "--all", "--json")
    assert answer.status == 3
    assert set(answer.json["summary"]) == {"unreadable", "phantom_parent"}
    assert answer.json["error"]["code"] == "unreachable"
    assert "R2_ENDPOINT_URL" in answer.json["error"]["remedy"]


def test_a_list_of_what_is_stuck_without_the_bucket_is_an_error_beside_the_videos_that_it_concerns(desk, monkeypatch):
    desk.world.put({"users/u1": user("u1"), "users/u1/videos/vid-0001": video("vid-0001", status="processing")})
    away(monkeypatch, "R2_ENDPOINT_URL", "http://127.0.0.1:{port}")
    answer = desk.run("diagnose", "--stuck", "--json")
    assert answer.status == 3
    assert [found["verdict"] for found in answer.json["videos"]] == ["access_denied"]
    assert answer.json["error"]["code"] == "unreachable"
    assert "error: " in desk.run("diagnose", "--stuck").err


def test_highlights_that_the_bucket_refuses_are_an_error_with_code_and_remedy(desk, monkeypatch, r2_rig):
    desk.world.put({"users/u1": user("u1"), "users/u1/videos/vid-0001": video("vid-0001")})
    absent = desk.run("highlights", "u1", "vid-0001", "--json")
    assert (absent.status, absent.json["source"], absent.json["error"]["code"]) == (1, None, "not_found")
    desk.put("users/u1/vid-0001/highlights.json", b'{"highlights": [{"id": 1}]}', "application/json")
    with FaultProxy(r2_rig.endpoint) as proxy:
        proxy.on(Answer(403, "AccessDenied"), path=r"highlights\.json")
        monkeypatch.setenv("R2_ENDPOINT_URL", proxy.endpoint)
        for command in ("diagnose", "highlights", "verify"):
            answer = desk.run(command, "u1", "vid-0001", "--json")
            assert (answer.status, answer.json["error"]["code"]) == (3, "access_denied"), command
            assert answer.json["error"]["remedy"], command


def test_a_check_of_a_bucket_that_is_not_there_writes_nothing_and_so_never_makes_one(desk, monkeypatch):
    monkeypatch.setenv("R2_BUCKET_NAME", "a-bucket-of-nobody")
    for _ in range(2):
        answer = desk.run("check", "--json")
        assert answer.status == 3, answer.out
        assert "R2_BUCKET_NAME" in answer.json["error"]["remedy"]
        states = {check["name"]: check["ok"] for check in answer.json["checks"]}
        assert not any(states[name] for name in ("r2_list", "r2_write", "r2_read", "r2_delete"))


def test_check_names_what_works_and_what_does_not(desk, monkeypatch):
    good = desk.run("check", "--json")
    assert good.status == 0, good.out
    names = {check["name"] for check in good.json["checks"]}
    assert {
        "configuration",
        "firestore_read",
        "firestore_write",
        "sign_outs",
        "r2_list",
        "r2_read",
        "r2_write",
        "r2_delete",
        "clock_skew",
    } <= names
    assert desk.objects.list_all("").frame.empty, "the canary was taken away"
    monkeypatch.setenv("R2_READ_ACCESS_KEY_ID", UNLISTING[0])
    monkeypatch.setenv("R2_READ_SECRET_ACCESS_KEY", UNLISTING[1])
    bad = desk.run("check", "--json")
    assert bad.status == 3
    states = {check["name"]: check["ok"] for check in bad.json["checks"]}
    assert states["r2_list"] is False
    assert states["r2_write"] is True
    assert bad.json["ok"] is False
    assert bad.json["error"]["code"] == "access_denied"


def test_check_says_that_a_reading_token_has_too_many_rights(desk, monkeypatch, r2_rig):
    values = r2_rig.values(desk.bucket)
    monkeypatch.setenv("R2_READ_ACCESS_KEY_ID", values["R2_ACCESS_KEY_ID"])
    monkeypatch.setenv("R2_READ_SECRET_ACCESS_KEY", values["R2_SECRET_ACCESS_KEY"])
    answer = desk.run("check", "--json")
    assert answer.status == 1
    scope = next(check for check in answer.json["checks"] if check["name"] == "r2_read_token_scope")
    assert scope["ok"] is False
    assert "Object Read only" in scope["remedy"]


def test_hostile_text_reaches_the_terminal_as_harmless_text(desk):
    title = "\x1b[31mred\x07 \u202egnp.exe [x](https://e.invalid) =HYPERLINK(1)"
    desk.world.put({"users/u1": user("u1", email=title)})
    answer = desk.run("find", "u1")
    assert answer.status == 0
    assert "\x1b" not in answer.out
    assert "\x07" not in answer.out
    assert "\u202e" not in answer.out
    as_json = desk.run("find", "u1", "--json")
    assert "\x1b" not in as_json.out
    assert json.loads(as_json.out)["matches"][0]["label"] == title


def test_check_says_which_credential_lacks_what(desk, monkeypatch):
    monkeypatch.setenv("R2_READ_ACCESS_KEY_ID", READER[0])
    monkeypatch.setenv("R2_READ_SECRET_ACCESS_KEY", READER[1])
    good = {check["name"]: check for check in desk.run("check", "--json").json["checks"]}
    assert good["r2_read_token_scope"]["ok"] is True
    assert "R2_READ_ACCESS_KEY_ID" in good["r2_read"]["detail"]
    monkeypatch.setenv("R2_ACCESS_KEY_ID", READER[0])
    monkeypatch.setenv("R2_SECRET_ACCESS_KEY", READER[1])
    answer = desk.run("check", "--json")
    bad = {check["name"]: check for check in answer.json["checks"]}
    assert answer.status == 3
    assert (bad["r2_list"]["ok"], bad["r2_write"]["ok"], bad["r2_delete"]["ok"]) == (True, False, False)
    assert "R2_ACCESS_KEY_ID" in bad["r2_write"]["remedy"]


def test_check_says_that_a_service_account_may_only_look(embedded, r2_rig, run, no_settings, monkeypatch):
    with World(embedded) as world:
        for name, value in (r2_rig.values(r2_rig.fresh_bucket()) | world.values()).items():
            monkeypatch.setenv(name, value)
        embedded.faults.refuse("Commit", StatusCode.PERMISSION_DENIED, times=None)
        answer = run("check", "--json")
    checks = {check["name"]: check for check in answer.json["checks"]}
    assert answer.status == 3
    assert (checks["firestore_read"]["ok"], checks["firestore_write"]["ok"]) == (True, False)
    assert "roles/datastore.user" in checks["firestore_write"]["remedy"]


def test_a_hostile_world_reaches_the_terminal_as_text_that_is_shortened(desk):
    desk.world.put(hostile.documents())
    ids = (hostile.UID, hostile.VIDEO)
    for command in (
        *(("find", hostile.UID), ("usage", hostile.UID), ("verify", hostile.UID), ("diagnose", *ids)),
        *(("highlights", *ids), ("recount", hostile.UID), ("purge", "plan", *ids[:1], "--video", ids[1])),
        *(("verify", "--all"), ("diagnose", "--stuck"), ("audit",), ("rollup",)),
    ):
        answer = desk.run(*command)
        assert answer.status in {0, 1} or "beyond the store" in answer.err or "the key" in answer.err, command
        assert not ACTING.search(answer.out + answer.err), command
        assert max(map(len, (answer.out + answer.err).splitlines())) < 3_000, command
