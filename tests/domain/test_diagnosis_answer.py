"""What comes with a verdict: evidence, next steps, the customer's view, the reply, the timeline, and the hand-over."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from storage.domain.deployment import set_to
from storage.domain.diagnosis import (
    VERDICTS,
    QuotaState,
    Unknown,
    VideoFacts,
    as_json,
    bundle,
    diagnose,
    status_objections,
)
from storage.domain.diagnosis.handover import as_words
from storage.domain.diagnosis.playing import Playing
from storage.domain.highlights import judge_document
from storage.domain.integrity import Finding
from storage.domain.shares import ShareLink
from storage.text import age, number, quoted, redacted
from tests.domain.diagnosis_world import (
    AWAY,
    BROKEN_OBJECT,
    DOCUMENT,
    EMPTY_OBJECT,
    NO_OBJECT,
    NOW,
    REFUSED,
    STORED,
    UNREAD_DOCUMENT,
    UNREAD_OBJECT,
    Absent,
    Known,
    ago,
    clips,
    facts,
    nothing_rendered,
    objects,
    observed,
    progress,
    seen,
    upload_check,
    video,
)
from tests.domain.integrity_world import World
from tests.domain.test_diagnosis_verdict import SITUATIONS, STANDING

EVERY = [pytest.param(found, id=f"{name}: {what}") for name, cases in SITUATIONS.items() for what, found in cases]
CONTRACT_FIELDS = {"uid", "video_id", "verdict", "severity", "customer_sees", "evidence", "actions", "reply"}
INTERNALS = re.compile(
    r"users/|vid-0001|\bu1\b|highlights\.json|firestore|bucket|\br2\b|object|document|\bkey\b|403|worker|status|prefix|"
    r"access_denied|unreachable|[_{}<>]",
    re.IGNORECASE,
)


def ids(found: VideoFacts) -> list[str]:
    return [step.id for step in diagnose(found).actions]


@pytest.mark.parametrize("found", EVERY)
def test_every_diagnosis_is_the_contracts_json_with_evidence_that_adds_up(found: VideoFacts) -> None:
    document = diagnose(found).as_dict()
    assert set(document) >= CONTRACT_FIELDS
    assert all(set(item) == {"check", "observed", "ok"} for item in document["evidence"])
    assert all(item["ok"] in {True, False, None} and item["observed"] for item in document["evidence"])
    names = [item["check"] for item in document["evidence"]]
    assert len(names) == len(set(names))
    assert names[0] == "firestore"
    json.dumps(document, default=str)


@pytest.mark.parametrize("found", EVERY)
def test_every_reply_is_in_plain_words_without_internals_or_promises(found: VideoFacts) -> None:
    reply = diagnose(found).reply
    assert not INTERNALS.search(reply), reply
    assert not re.search(r"\b(will be (ready|fixed|done|restored)|guarantee|within \d|tomorrow|soon)\b", reply)


@pytest.mark.parametrize("found", EVERY)
def test_nothing_that_changes_anything_is_advised_while_it_moves_or_is_unknown(found: VideoFacts) -> None:
    diagnosis = diagnose(found)
    if diagnosis.verdict in {"waiting", "rendering", "access_denied"}:
        assert not any(step.changes for step in diagnosis.actions)
        assert "purge" not in ids(found)
    if diagnosis.verdict != "healthy":
        assert diagnosis.actions
    assert ids(found).count("purge") <= 1
    assert "purge" not in ids(found)[:-1], "purging comes last"


@pytest.mark.parametrize("found", EVERY)
def test_an_unknown_store_is_shown_as_unknown_in_the_evidence(found: VideoFacts) -> None:
    diagnosis = diagnose(found)
    if diagnosis.verdict == "access_denied":
        assert any(item.ok is None for item in diagnosis.evidence)
        assert diagnosis.customer_sees.startswith("Not known")


@pytest.mark.parametrize(
    ("tally", "said"),
    [(clips(2, failed=1), "1 of its clips could not be provided; the others are in place"),
     (clips(failed=2), "2 of its clips could not be provided. Please")],
)  # fmt: skip
def test_of_a_video_with_failed_clips_nobody_says_that_everything_is_in_place(tally: Any, said: str) -> None:
    thumbnail = Finding("missing_thumbnail", "warning", "u1", "vid-0001", "c1")
    found = diagnose(facts(documents=tally, things=objects(tally.value.completed), report=upload_check(thumbnail)))
    assert found.verdict == "healthy"
    assert said in found.reply
    assert "everything" not in found.reply
    assert f"everything but {number(tally.value.failed, 'clip')} that failed" in found.summary


def test_a_lost_or_empty_thumbnail_is_written_anew_and_an_empty_clip_is_not() -> None:
    lost = Finding("missing_thumbnail", "warning", "u1", "vid-0001", "c 2")
    empty = Finding("empty_object", "warning", "u1", "vid-0001", "c1")
    clip = Finding("empty_object", "error", "u1", "vid-0001", "c0")
    found = diagnose(facts(report=upload_check(lost, empty)))
    assert found.verdict == "healthy"
    (step,) = [step for step in found.actions if step.id == "write_thumbnail"]
    assert step.text.startswith("Write the thumbnail of 2 clips again")
    assert step.command.startswith("python -m storage thumbnail u1 vid-0001 'c 2' --actor")
    assert "write_thumbnail" not in ids(facts(report=upload_check(clip)))


def test_a_status_that_support_set_is_not_put_down_to_the_worker() -> None:
    found = diagnose(facts(video("failed", error_message="Set by support: ticket 7", failed_at=ago(hours=1))))
    assert observed(found, "error_message")[0].startswith("This desk left “Set by support: ticket 7”")


def test_a_public_link_to_no_clip_is_not_counted_as_live() -> None:
    dangling = Finding("dangling_share", "info", "u1", "vid-0001", "c9", key="share_slugs/b")
    links = tuple(ShareLink(slug, "u1", "vid-0001", clip_id) for slug, clip_id in (("a", "c1"), ("b", "c9")))
    found = diagnose(facts(report=replace(upload_check(dangling), links=links)))
    assert observed(found, "share_links") == ("Live: 1 public link of 1 clip (“c1”).", True)


def test_every_verdict_has_a_reply_of_its_own() -> None:
    replies = {name: diagnose(cases[0][1]).reply for name, cases in SITUATIONS.items()}
    assert len(set(replies.values())) == len(VERDICTS)


def test_ids_that_mean_something_to_a_shell_are_quoted_in_commands() -> None:
    found = replace(facts(REFUSED), uid="u 1; rm -rf ~", video_id="$(x)")
    assert diagnose(found).actions[-1].command == "python -m storage diagnose 'u 1; rm -rf ~' '$(x)'"


def test_the_ladder_sets_only_the_status_that_the_evidence_allows() -> None:
    complete = facts(video("processing", **STANDING, expected_clips=3))
    assert "set_completed" in ids(complete)
    step = next(step for step in diagnose(complete).actions if step.id == "set_completed")
    assert "Every expected clip (3)" in step.because
    assert "set_analyzed" in ids(nothing_rendered(video("processing", **STANDING), STORED))
    part_way = facts(video("processing", **STANDING, expected_clips=9))
    assert not {"set_completed", "set_analyzed"} & set(ids(part_way))
    assert "set_failed" in ids(part_way)


def test_neither_source_is_rebuilt_from_the_other_where_the_product_serves_the_document() -> None:
    """The file would switch off the guard against a second rendering; the document may hold a customer's edits."""
    for found in (
        facts(stored=BROKEN_OBJECT, inside=DOCUMENT),
        facts(stored=NO_OBJECT, inside=DOCUMENT),
        facts(inside=judge_document({"highlights": 5})),
        facts(video("processing", **STANDING), stored=NO_OBJECT, inside=DOCUMENT),
    ):
        assert not any(step.startswith("rebuild") for step in ids(found))


def test_highlights_are_put_back_from_a_file_where_neither_has_them_and_not_beside_a_worker() -> None:
    assert "put_highlights" in ids(facts(stored=NO_OBJECT))
    for status in ("processing", "queued", "", None):
        assert "put_highlights" not in ids(nothing_rendered(video(status, **STANDING), BROKEN_OBJECT))


def test_a_recount_is_advised_where_counters_disagree_and_only_there() -> None:
    assert "recount" in ids(facts(video(clips_count=7), things=objects(2, missing_object=1)))
    assert "recount" not in ids(facts(video(clips_count=3), things=objects(2, missing_object=1)))


def test_a_suspected_setting_comes_first_and_stops_every_other_advice() -> None:
    world = World().video("vid-0001")
    for i in range(25):
        world.clip("vid-0001", f"clip_01_{i}_x_split", size=None, thumbnail=False)
    report = world.check()
    found = facts(documents=clips(25), things=objects(0, missing_object=25), report=report)
    diagnosis = diagnose(found)
    assert diagnosis.evidence[0].check == "settings"
    assert [step.id for step in diagnosis.actions] == ["check_settings", "check_again"]
    assert diagnosis.as_dict()["implausible"]["missing"] == 25


def test_findings_of_the_upload_check_show_up_as_evidence() -> None:
    world = World().video("vid-0001").clip("vid-0001").object("users/u1/vid-0001/clips/clip_9_9_x_y.mp4")
    found = facts(report=world.check())
    assert observed(diagnose(found), "orphan_object")[1] is False
    assert diagnose(found).severity == "warning"
    assert ids(found)[0] == "upload_check"


@pytest.mark.parametrize(
    ("found", "check", "ok", "part"),
    [
        (facts(), "last_touch", True, "2 days ago"),
        (facts(video("processing", **STANDING)), "last_touch", False, "3 hours ago"),
        (facts(video(updated_at=None)), "last_touch", True, "no updated_at"),
        (facts(video(updated_at=NOW + timedelta(days=2))), "clocks", False, "updated_at"),
        (facts(video(None)), "status", False, "no status"),
        (facts(video("queued", **STANDING)), "status", False, "not a known one"),
        (facts(stored=NO_OBJECT), "highlights_object", False, "not there"),
        (facts(stored=EMPTY_OBJECT), "highlights_object", False, "no entries"),
        (facts(stored=BROKEN_OBJECT), "highlights_object", False, "cut off"),
        (facts(), "highlights_document", True, "not there"),
        (facts(inside=judge_document({"highlights": [{}]})), "highlights_agree", False, "alone"),
        (facts(documents=clips(2, failed=1)), "clip_documents", False, "1 failed"),
        (facts(video(expected_clips=9)), "clip_documents", False, "9 expected"),
        (facts(video(clips_count=5)), "counters", False, "clips_count says 5, there are 3"),
        (facts(video(total_size_bytes=1)), "counters", False, "they add up to 300"),
        (facts(things=objects(2, size_mismatch=1)), "clip_objects", False, "3 clips intact; 1 object of another size"),
        (facts(quota=Known(QuotaState("free", ("storage",)))), "quota", False, "used up: storage"),
        (
            facts(quota=Known(QuotaState("free", (), "The worker makes no clip."))),
            "quota",
            False,
            "the room that the worker needs. The worker makes no clip.",
        ),
        (facts(quota=Unknown("No answer.", "unreachable")), "quota", None, "could not be read"),
        (facts(video("processing", **STANDING, source_video_status="expired")), "source_video", True, "expired"),
        (nothing_rendered(video("analyzed"), source_present=False), "source_video", True, "not fetched yet"),
        (facts(source_present=False), "source_video", True, "not in the bucket: a job that needs it fetches it again"),
        (facts(video(source_video_expires_at=ago(days=1)), source_present=False), "source_video", True, "was fetched"),
        (
            facts(video("processing", **STANDING, source_video_status="downloading"), source_present=False),
            "source_video",
            False,
            "every later job waits",
        ),
        (
            facts(video("processing", updated_at=ago(minutes=1), source_video_status="downloading")),
            "source_video",
            True,
            "downloading",
        ),
        (facts(video(error_message="timed out")), "error_message", True, "old and harmless"),
        (
            facts(
                video("processing", **STANDING, processing_progress=progress(0, 4, started_at=NOW.replace(year=1970)))
            ),
            "progress",
            False,
            "its start says 1970",
        ),
        (
            nothing_rendered(video(None, created_at=None, processing_progress=progress(1, 4))),
            "video_document",
            False,
            "after the video had been deleted",
        ),
        (facts(video(source_video_status="expired")), "source_video", True, "expired"),
        (
            facts(video("processing", **STANDING, expected_clips=9), source_present=False),
            "source_video",
            True,
            "not in",
        ),
        (facts(video("processing", **STANDING, processing_progress=progress(None, 9))), "progress", False, "? of 9"),
        (facts(video("failed", error_message="Private video")), "error_message", False, "permanent (private)"),
        (facts(Absent(), documents=clips(4)), "video_document", False, "Below it: 4 clip documents"),
        (facts(user=Absent()), "user_document", False, "does not exist"),
        (facts(things=REFUSED), "bucket", None, "Not allowed"),
        (facts(AWAY), "firestore", None, "No answer"),
    ],
)
def test_each_check_tells_what_it_found_and_whether_that_is_well(
    found: VideoFacts, check: str, ok: bool | None, part: str
) -> None:
    text, well = observed(diagnose(found), check)
    assert part in text
    assert well is ok


@pytest.mark.parametrize(
    ("found", "part"),
    [
        (facts(), "3 clips; whether they play was not checked"),
        (facts(things=seen(Playing(plays=3))), "3 clips that play."),
        (
            facts(things=seen(Playing(plays=1, unanswered=1, unasked=1))),
            "1 clip that plays; 2 that were not checked",
        ),
        (
            facts(things=seen(Playing(plays=1, does_not_play=1), gone=1)),
            "1 clip that plays; 1 that does not; 1 without a usable file",
        ),
        (facts(stored=NO_OBJECT), "Video is still being processed"),
        (facts(stored=NO_OBJECT, inside=DOCUMENT), "The highlights; 3 clips"),
        (facts(stored=NO_OBJECT, inside=DOCUMENT, deployment=set_to("object")), "Video is still being processed"),
        (facts(deployment=set_to("document")), "Video is still being processed"),
        (facts(stored=BROKEN_OBJECT, inside=DOCUMENT, deployment=set_to("document")), "The highlights; 3 clips"),
        (facts(inside=judge_document({"highlights": []}), deployment=set_to("document")), "No highlights; 3 clips"),
        (facts(inside=judge_document({}), deployment=set_to("document")), "their document cannot be read"),
        (facts(inside=UNREAD_DOCUMENT, deployment=set_to("document")), "Not known"),
        (facts(stored=UNREAD_OBJECT, inside=DOCUMENT, deployment=set_to("document")), "The highlights; 3 clips"),
        (facts(stored=BROKEN_OBJECT), "An error"),
        (
            facts(things=objects(1, missing_object=2)),
            "it plays was not checked; 2 without a usable file",
        ),
        (facts(video("failed")), "marked as failed"),
        (nothing_rendered(video("failed")), "its page says"),
        (facts(video("processing", **STANDING, expected_clips=3)), "still marked as being processed"),
        (facts(Absent()), "No such video"),
    ],
)
def test_what_the_customer_sees_follows_from_the_highlights_and_not_from_the_status(
    found: VideoFacts, part: str
) -> None:
    assert part in diagnose(found).customer_sees


HOSTILE = (
    "# Title\n[click](https://evil.example/?X-Amz-Signature=abc&token=t) <script>x()</script> \u202etxt.exe\x1b[31m "
    "mail ann@example.com secret=hunter2 Authorization: Bearer abc.def s3://bucket/key " + "a" * 100_000
)


def test_a_hostile_message_reaches_evidence_only_short_on_one_line_and_without_links() -> None:
    found = facts(video("failed", error_message=HOSTILE, video_title=HOSTILE, source_video_error=HOSTILE))
    text = observed(diagnose(found), "error_message")[0]
    assert len(text) < 320
    for leaked in ("https", "evil.example", "X-Amz", "ann@", "hunter2", "abc.def", "\x1b", "\u202e", "\n"):
        assert leaked not in text


def test_the_hand_over_holds_the_case_and_no_link_secret_or_address() -> None:
    document = video(
        "failed",
        error_message=HOSTILE,
        video_url="https://www.youtube.com/watch?v=x",
        video_title=HOSTILE,
        processing_progress=progress(1, 2, error_message=HOSTILE),
    )
    report = World().video("vid-0001").clip("vid-0001", size=3).check()
    found = facts(document, report=report)
    text = as_json(diagnose(found), found)
    for leaked in ("http", "youtube", "evil", "ann@", "hunter2", "abc.def", "\\u001b[31m mail ann", "s3://"):
        assert leaked not in text
    content = json.loads(text)
    assert content["upload_check"]["findings"][0]["key"].startswith("users/u1/vid-0001/clips/")
    assert content["diagnosis"]["verdict"] == "failed_transient"
    assert content["video"]["presence"] == "present"
    assert text.isascii()
    words = as_words(diagnose(found), "https://desk.example")
    assert words.endswith("\nhttps://desk.example/video?uid=u1&video_id=vid-0001")
    told = words.removesuffix("https://desk.example/video?uid=u1&video_id=vid-0001")
    for leaked in ("http", "youtube", "evil", "ann@", "hunter2", "abc.def", "\x1b", "s3://"):
        assert leaked not in told, leaked
    for said in (
        "Video u1/vid-0001",
        "Verdict: failed_transient (error, confidence medium), at the step render, since 2026-",
        "The customer sees: ",
        "\nEvidence:\n- ",
        "- passed: ",
        "\nNext, in this order:\n1. ",
        "\nTimeline",
        "Looked at ",
    ):
        assert said in told, said


def test_the_hand_over_tells_unknown_from_absent() -> None:
    found = facts(Absent(), things=AWAY)
    content = bundle(diagnose(found), found)
    assert content["video"] == {"presence": "absent"}
    assert content["objects"]["presence"] == "unknown"


def test_the_timeline_joins_both_stores_in_order_and_marks_each_silence() -> None:
    document = video("processing", created_at=ago(days=2), updated_at=ago(hours=3))
    stored = replace(STORED, written_at=ago(days=1))
    entries = diagnose(nothing_rendered(document, stored)).timeline
    assert [entry.event.split(" (")[0] for entry in entries] == [
        "video created",
        "highlights.json written",
        "video last touched",
        "looked at",
    ]
    assert [entry.store for entry in entries] == ["firestore", "bucket", "firestore", "desk"]
    assert [entry.gap_before for entry in entries] == [False, True, True, True]
    assert "3 hours of silence" in entries[-1].event


def test_the_timeline_of_a_finished_video_marks_the_longest_silence_and_not_the_time_since() -> None:
    document = video(created_at=ago(days=30), updated_at=ago(days=20), completed_at=ago(days=20))
    entries = diagnose(facts(document)).timeline
    assert [entry.event for entry in entries if entry.gap_before] == ["video completed (after 10 days of silence)"]


def test_times_in_the_future_and_expiries_stand_in_the_timeline_and_make_no_gap() -> None:
    document = video(updated_at=NOW + timedelta(days=5), source_video_expires_at=ago(days=9), created_at=ago(minutes=3))
    entries = diagnose(facts(document)).timeline
    assert [entry.ahead for entry in entries if "touched" in entry.event] == [True]
    assert not any(entry.gap_before for entry in entries)


def test_setting_a_status_is_objected_to_exactly_where_the_evidence_contradicts_it() -> None:
    complete = facts(video("processing", **STANDING, expected_clips=3))
    assert status_objections(complete, "completed") == ()
    assert status_objections(facts(things=objects(2, missing_object=1)), "completed") == ("1 missing object",)
    assert (
        "3 of 9 expected" in status_objections(facts(video("processing", **STANDING, expected_clips=9)), "completed")[0]
    )
    assert status_objections(nothing_rendered(video("processing", **STANDING), STORED), "analyzed") == ()
    assert "no intact clip" in status_objections(nothing_rendered(video("analyzed"), STORED), "completed")[0]
    assert "no usable highlights" in status_objections(facts(stored=NO_OBJECT), "completed")[0]
    moving = facts(video("processing", updated_at=ago(minutes=1), expected_clips=3))
    assert "a moment ago" in status_objections(moving, "completed")[0]
    assert "a moment ago" in status_objections(moving, "failed")[0]
    assert status_objections(nothing_rendered(video("processing", **STANDING)), "failed") == ()
    assert "nothing failed" in status_objections(facts(), "failed")[0]
    assert "nothing is known" in status_objections(facts(things=REFUSED), "completed")[0]
    assert "no document" in status_objections(facts(Absent()), "failed")[0]


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(seconds=-5), "0 seconds"),
        (timedelta(seconds=1), "1 second"),
        (timedelta(seconds=90), "1 minute"),
        (timedelta(minutes=119), "119 minutes"),
        (timedelta(hours=47), "47 hours"),
        (timedelta(days=3, hours=5), "3 days"),
    ],
)
def test_ages_are_in_the_largest_unit_that_fits(span: timedelta, text: str) -> None:
    assert age(span) == text


def test_quoting_keeps_what_is_harmless() -> None:
    assert quoted("Zeit abgelaufen: 10 s (café)") == "“Zeit abgelaufen: 10 s (café)”"
    assert quoted(None) == "nothing"
    assert redacted("id 0123456789abcdef0123456789abcdef end") == "id [secret] end"


def test_a_source_that_was_never_fetched_has_not_expired_and_one_that_says_downloading_is_named_to_the_worker() -> None:
    def run_again(**values: object) -> str:
        stalled = video("processing", **STANDING, expected_clips=9, **values)
        steps = diagnose(facts(stalled, source_present=False)).actions
        return next(step.text for step in steps if step.id == "run_again")

    assert "source" not in run_again()
    assert "fetches it again by itself" in run_again(source_video_status="expired")
    assert "fetches it again by itself" in run_again(source_video_expires_at=ago(days=1))
    assert "still says downloading" in run_again(source_video_status="downloading")


def test_a_start_of_1970_is_no_moment_of_the_timeline() -> None:
    document = video("failed", failed_at=ago(days=1), processing_progress=progress(0, 1, started_at=None))
    odd = replace(document, processing_progress=progress(0, 1, started_at=NOW.replace(year=1970)))
    assert [e.event for e in diagnose(facts(odd)).timeline] == [e.event for e in diagnose(facts(document)).timeline]
