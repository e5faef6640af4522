"""The page Audit: finds what was done, also to what is gone, says where the chain breaks, and lets nothing act."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from pages._ui.views import acts, audit
from pages._ui.views.repair.kinds import BY_ID
from storage.actions import failure_groups, repair, requests
from storage.actions.orphans import CHANGE
from storage.actions.repair import RepairContext, plan_recount
from storage.domain.audit_chain import LOOKS, Event
from storage.domain.diagnosis.timeline import DEEDS
from storage.errors import BadInput
from storage.export import safe_csv
from storage.repositories.audit_log import entry_path
from storage.services.audit_search import AuditQuery, search
from tests.architecture.test_layers import SOURCES, tree_of
from tests.rigs.lists import choose as tick
from tests.rigs.lists import lists, named
from tests.rigs.seaweed import SeaweedRig
from tests.ui.purge_desk import (  # noqa: F401 - fixtures, found by name
    MAKER,
    PurgeDesk,
    a_desk,
    at,
    has,
    live_desk,
    press,
    read,
)

ADA, BOB = "ada@example.com", "bob@example.com"
FORMULA = "=HYPERLINK(A1)"


def record(desk: PurgeDesk, *events: Event, days_ago: float = 0) -> None:
    """Appends to the audit as of some days ago."""
    desk.world.offset = -timedelta(days=days_ago)
    desk.world.purging.trail.append(*events)
    desk.world.offset = timedelta()


def filled(desk: PurgeDesk) -> PurgeDesk:
    """Nine entries: three days, two people, a refusal, a user who never was."""
    record(desk, *(Event("media.look", ADA, uid="u1", video_id=f"v{n}") for n in range(5)), days_ago=9)
    record(desk, Event("purge.apply", BOB, "refused", "no ticket", uid="gone", fingerprint="f" * 64), days_ago=5)
    record(desk, Event("link.issue", ADA, uid="u1", keys=("users/u1/v1/clips/Café +1.mp4",)), days_ago=5)
    record(desk, Event("recount", BOB, reason=FORMULA, uid="u2", detail={"scope": "u2"}))
    record(desk, Event("purge.undo", BOB, "begun", "a mistake", uid="gone", job_id="purge-20260101-000000-00000000"))
    return desk


@pytest.fixture(scope="module")
def history(r2_rig: SeaweedRig) -> Iterator[PurgeDesk]:
    """That record, for tests that only read it."""
    with pytest.MonkeyPatch.context() as patch, live_desk(r2_rig, patch) as desk:
        yield filled(desk)


@pytest.fixture
def own_history(desk: PurgeDesk) -> PurgeDesk:
    """That record, for one test that changes it."""
    return filled(desk)


def numbers(desk: PurgeDesk, question: AuditQuery, **how: Any) -> list[int]:
    return [entry["sequence"] for entry in search(desk.world.log, question, **how).entries]


def choose(app: AppTest) -> None:
    """Ticks the first row."""
    tick(app, "audit-table", [0])


def day(ago: float) -> datetime:
    return datetime.now(UTC) - timedelta(days=ago)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (AuditQuery(), [9, 8, 7, 6, 5, 4, 3, 2, 1]),
        (AuditQuery(uid="gone"), [9, 6]),
        (AuditQuery(actor=ADA, uid="u1", action="link.issue"), [7]),
        (AuditQuery(outcome="refused"), [6]),
        (AuditQuery(text="CAFÉ +1"), [7]),
        (AuditQuery(text="ffff"), [6]),
        (AuditQuery(text="nothing of the kind"), []),
        (AuditQuery(outcome="done", uid="u1", text="v3"), [4]),
        (AuditQuery(without=LOOKS), [9, 8, 6]),
        (AuditQuery(actions=("link.issue",)), [7]),
    ],
)
def test_every_part_of_a_question_narrows_the_answer(history, question, expected):
    assert numbers(history, question) == expected


def test_a_span_of_time_is_found_without_reading_what_lies_outside(history):
    between = AuditQuery(since=day(6), until=day(1))
    assert numbers(history, between) == [7, 6]
    assert numbers(history, AuditQuery(until=day(8))) == [5, 4, 3, 2, 1]
    assert numbers(history, AuditQuery(until=day(20))) == []
    assert numbers(history, AuditQuery(since=day(-1))) == []
    assert search(history.world.log, between).read == 3  # the two, and the one that shows that the span has ended


def test_pages_follow_one_another_without_a_gap_or_a_double(history):
    seen: list[int] = []
    before = None
    while True:
        page = search(history.world.log, AuditQuery(), limit=4, before=before)
        seen += [entry["sequence"] for entry in page.entries]
        before = page.next_before
        if before is None:
            break
    assert seen == [9, 8, 7, 6, 5, 4, 3, 2, 1]


def test_a_search_that_reads_too_much_stops_says_so_and_can_go_on(history):
    first = search(history.world.log, AuditQuery(text="v4"), most_read=3)
    assert (first.entries, first.cut, first.next_before) == ((), True, 7)
    rest = search(history.world.log, AuditQuery(text="v4"), before=first.next_before)
    assert [entry["sequence"] for entry in rest.entries] == [5]
    assert not rest.cut
    with pytest.raises(BadInput):
        search(history.world.log, AuditQuery(), limit=0)


def test_an_entry_whose_time_was_spoilt_is_shown_and_stops_nothing(own_history):
    path = entry_path(6)
    fields = dict(own_history.world.log.search(action="purge.apply")[0]) | {"at": "yesterday", "outcome": 7}
    own_history.world.put_documents({path: fields})
    assert 6 in numbers(own_history, AuditQuery(since=day(6)))
    frame = audit.entries_frame(search(own_history.world.log, AuditQuery()).entries, {})
    assert frame["at"].isna().sum() == 1
    assert "yesterday" not in str(frame["at"].tolist())
    assert read(own_history.audit())


def test_the_page_finds_what_no_longer_exists_by_the_address_alone(history):
    text = read(history.audit(uid="gone"))
    assert "a mistake" in text
    assert "no ticket" in text
    assert FORMULA not in text
    entries = named(history.audit(uid="u1", **{"audit-kind": "Everything"}), "Entries of the audit, the newest first")
    opened = {"./user?uid=u1", *(f"./video?uid=u1&video_id=v{number}" for number in range(5))}
    assert set(entries.hrefs) == opened  # a Ctrl-click opens whom or what an entry is about


@pytest.mark.parametrize(
    ("query", "shown", "hidden"),
    [
        (
            {"actor": " ADA@example.com", "audit-kind": "Views", "audit-range": "30 days"},
            "looked at clips",
            "a mistake",
        ),
        ({"action": "recount"}, FORMULA, "looked at clips"),
        ({}, "a mistake", "looked at clips"),
        ({}, "no ticket", "made a link"),
        ({"audit-range": "24 h"}, "a mistake", "no ticket"),
        ({"audit-kind": "Links"}, "made a link", "a mistake"),
        ({"outcome": "refused"}, "no ticket", "a mistake"),
        ({"text": "mistake"}, "a mistake", "no ticket"),
        ({"from": f"{day(6):%Y-%m-%d}", "to": f"{day(2):%Y-%m-%d}"}, "no ticket", "a mistake"),
        ({"before": "7"}, "no ticket", "a mistake"),
    ],
    ids=str,
)
def test_a_question_in_the_address_is_asked(history, query, shown, hidden):
    table = lists(history.audit(**query))[0].value.to_csv()
    assert shown in table
    assert hidden not in table


@pytest.mark.parametrize(
    "query", [{"from": "soon"}, {"uid": "a/b"}, {"actor": "no address"}, {"before": "x"}, {"before": "9" * 30}], ids=str
)
def test_what_cannot_be_asked_is_named_and_nothing_is_shown_in_its_place(history, query):
    app = history.audit(**query)
    assert "This cannot be used" in " ".join(str(block.proto.title) for block in app.warning)
    assert lists(app) == []
    assert "No entry matches" not in read(app)


def test_a_search_from_the_form_goes_into_the_address(history):
    app = history.audit()
    app.text_input(at(app, "audit-text")).set_value("  mistake ")
    next(button for button in app.button if button.label == "Search").click().run()
    assert app.query_params["text"] in ("mistake", ["mistake"])
    assert len(lists(app)[0].value) == 1


def test_what_the_folded_fields_ask_for_is_on_their_button_and_in_the_address(history):
    app = history.audit()
    next(box for box in app.selectbox if box.label == "Outcome").set_value("done")
    next(button for button in app.button if button.label == "Search").click().run()
    assert app.query_params["outcome"] in ("done", ["done"])
    assert [one.proto.popover.label for one in app.get("popover")] == ["done"]
    labelled = history.audit(**{"from": "2026-03-01", "to": "2026-03-02", "action": "set-status"}).get("popover")
    assert [one.proto.popover.label for one in labelled] == ["set the status · 2026\\-03\\-01–2026\\-03\\-02"]


def test_an_empty_record_is_proven_empty_and_whole(desk):
    app = desk.audit()
    assert "No entry matches" in read(app)
    press(app, "audit-check")
    assert "The chain is whole" in " ".join(str(block.proto.title) for block in app.success)


def test_a_whole_chain_is_said_to_be_whole_as_of_now(history):
    app = press(history.audit(), "audit-check")
    assert "9 entries follow one another" in read(app)
    assert "as of" in read(app)


@pytest.mark.parametrize("harm", ["altered", "missing", "cut_off"])
def test_an_altered_or_missing_entry_is_shown_with_its_number(own_history, harm):
    number = 9 if harm == "cut_off" else 6
    entry = own_history.world.log.search(before=number + 1, limit=1)[0]
    if harm == "altered":
        own_history.world.put_documents({entry_path(number): {**entry, "reason": "another reason"}})
    else:
        own_history.world.firestore.client(own_history.world.project).document(entry_path(number)).delete()
    app = press(own_history.audit(), "audit-check")
    assert "The chain is broken" in " ".join(str(block.proto.title) for block in app.error)
    breaks = lists(app)[-1].value
    assert number in breaks["number"].tolist()


def counted(desk: PurgeDesk) -> str:
    """A recount as an operator made it; gives the id of its change."""
    desk.world.add_user("u1", {"video-aaa": 2})
    desk.world.put_documents({"users/u1": {"uid": "u1", "total_storage_bytes": 7, "total_clips_count": 2}})
    purging = desk.world.purging
    plan = plan_recount(desk.world.stores, "u1", desk.world.now())
    context = RepairContext(desk.world.stores, purging.writers, purging.trail, desk.world.now)
    return repair.apply(context, MAKER, plan, "the counter was wrong").change_id


def stored_bytes(desk: PurgeDesk) -> int:
    return int(desk.world.documents()["users/u1"]["total_storage_bytes"].integer_value)


def test_a_change_is_taken_back_from_its_entry_after_it_was_shown_and_with_a_reason(desk):
    change_id = counted(desk)
    assert stored_bytes(desk) == 21
    app = desk.audit(uid="u1", action="recount", outcome="done")
    choose(app)
    press(app.run(), "audit-undo_look")
    shown = lists(app)[-1].value.astype(str).to_numpy().tolist()
    assert ["total_storage_bytes", "21", "7", "users/u1"] in shown
    assert stored_bytes(desk) == 21
    assert app.button(at(app, "audit-undo_go")).disabled
    app.text_input(at(app, "audit-undo_reason")).set_value("it was right").run()
    choose(app)
    press(app, "audit-undo_go")
    assert stored_bytes(desk) == 7
    told = desk.world.log.search(action="undo-change")
    assert [(entry["outcome"], entry["reason"], entry["actor"], entry["origin"]) for entry in told] == [
        (outcome, "it was right", MAKER.email, "local 127.0.0.1") for outcome in ("done", "begun")
    ]
    assert told[0]["detail"]["change_id"] == change_id


def test_a_change_whose_fields_moved_since_is_shown_and_not_taken_back(desk):
    counted(desk)
    app = desk.audit(uid="u1", action="recount", outcome="done")
    desk.world.put_documents({"users/u1": {"uid": "u1", "total_storage_bytes": 99}})
    choose(app)
    press(app.run(), "audit-undo_look")
    assert "users/u1: total_storage_bytes" in read(app)
    assert not has(app, "audit-undo_go")
    assert stored_bytes(desk) == 99


def test_an_entry_that_names_no_change_offers_no_way_to_take_it_back(history):
    app = history.audit(action="recount")
    choose(app)
    app.run()
    assert ":gray[Number] 8" in read(app)
    assert not has(app, "audit-undo_look")
    assert audit.change_ids({"detail": {"change_ids": ["a", "../b", 7], "change_id": "c"}}) == ("c", "a")
    assert audit.change_ids({"detail": "spoilt"}) == ()


def test_one_entry_is_shown_in_full_with_the_ways_to_what_it_names(history):
    app = history.audit(uid="gone")
    choose(app)
    text = read(app.run())
    assert "purge-20260101-000000-00000000" in text
    assert ":gray[Number] 9" in text


@pytest.mark.parametrize(
    ("action", "word", "place"),
    [
        ("purge.apply", "purge", ("purge", "job")),
        ("repair.apply", "repair", ("processing", "repair")),
        ("purge.cancel", "repair", ("processing", "repair")),  # one verb stops the jobs of every kind
        ("undo-change", "repair", ("processing", "repair")),
        ("orphans.apply", "orphans", ("uploads", "orphans")),
        ("orphan.adopt", "orphans", ("uploads", "orphans")),
    ],
)
def test_the_job_of_an_entry_opens_on_the_page_that_draws_it(desk, action, word, place):
    job_id = f"{word}-20260101-000000-00000000"
    record(desk, Event(action, BOB, reason="a mistake", uid="u1", job_id=job_id))
    app = desk.audit(uid="u1")
    choose(app)
    (link,) = [one.proto for one in app.run().get("page_link") if one.proto.label == "Job"]
    assert (link.page, link.query_string) == (place[0], f"{place[1]}={job_id}")


def test_the_file_for_a_spreadsheet_holds_no_formula_and_no_link(history):
    content = safe_csv(pd.DataFrame(search(history.world.log, AuditQuery()).entries)).decode()
    assert f"'{FORMULA}" in content
    assert f'"{FORMULA}' not in content
    assert "http" not in content


def test_hostile_text_in_an_entry_is_only_text(desk):
    hostile = "![p](http://evil.test/a.png) <img src=x> [l](javascript:alert(1)) :red[y] \u202e"
    record(desk, Event("recount", ADA, reason=hostile, uid="u1", detail={hostile: hostile}))
    app = desk.audit()
    choose(app)
    app.run()
    drawn = [block.value for block in app.markdown if "evil" in block.value]
    assert drawn
    assert not any("](" in text.replace(r"\]\(", "") for text in drawn)


@pytest.mark.parametrize("role", ["support", "operations"])
def test_who_changes_nothing_reads_nothing_of_it(history, role):
    app = history.audit(role=role)
    assert lists(app) == []
    assert not has(app, "audit-check")
    assert "gone" not in read(app)


def test_engineers_read_what_they_did_themselves_and_nothing_else(own_history):
    record(own_history, Event("set-status", "engineer@demo.local", reason="my own", uid="u1", video_id="v1"))
    for query in ({}, {"actor": BOB}, {"audit-kind": "Everything", "audit-range": "All time"}):
        app = own_history.audit(role="engineer", **query)
        assert list(lists(app)[0].value["reason"]) == ["my own"]
        assert not has(app, "audit-check")
        assert not [box for box in app.text_input if box.label == "Who"]


def test_names_stand_before_ids_and_what_is_gone_keeps_its_ids(desk):
    counted(desk)
    record(desk, Event("upload", ADA, reason="lost", uid="u1", video_id="video-aaa"))
    record(desk, Event("purge.end", BOB, uid="gone", video_id="v9"))
    desk.world.put_documents(
        {
            "users/u1": {"uid": "u1", "email": "u1@corp.test"},
            "users/u1/videos/video-aaa": {"video_id": "video-aaa", "video_title": "A talk"},
        }
    )
    table = lists(desk.audit())[0].value.set_index("action")
    assert table["subject"]["stored a clip"] == "A talk · u1@corp.test"
    assert table["subject"]["ended a purge"] == "gone/v9"
    assert table["video_id"]["stored a clip"] == "video-aaa"
    assert list(table["undo"]).count("Yes") == 1
    assert "Yes" in set(table["undo"]["recounted"])


def test_every_action_that_the_desk_records_has_its_words():
    called = [
        node.args[0].value
        for path in SOURCES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Event" and node.args
        if isinstance(node.args[0], ast.Constant)
    ]
    assert len(set(called)) > 10
    assert {*called, *DEEDS, *LOOKS, requests.ASK, requests.ANSWER, failure_groups.ACTION} <= set(acts.VERBS)


def test_the_timeline_has_every_change_that_can_be_taken_back():
    orphans = {f"orphan.{action}" for action in CHANGE}
    assert {kind.audited for kind in BY_ID.values()} | orphans <= set(DEEDS)


def test_taking_a_change_back_needs_the_same_here_as_where_it_is_done():
    needed = {"orphan.remove": "purge.undo", "orphan.adopt": "fix", "recount": "recount", "set-status": "fix"}
    assert {action: audit.needs(action) for action in needed} == needed
