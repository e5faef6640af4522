"""Every verdict is reached, each beside its counter-case: what looks like it and is not."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.domain import highlights
from storage.domain.diagnosis import VERDICTS, QuotaState, VideoFacts, diagnose, status_objections
from storage.domain.documents import RawDocument
from storage.domain.drafts import Charge, DraftOrigin, draft_of, scenes_of
from storage.domain.highlights import HighlightsState
from storage.domain.purge.removed import Removed
from storage.errors import FieldProblem
from tests.domain.diagnosis_world import (
    AWAY,
    BROKEN_OBJECT,
    DOCUMENT,
    EMPTY_OBJECT,
    NO_DOCUMENT,
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
    foreign,
    nothing_rendered,
    objects,
    progress,
    upload_check,
    verdict,
    video,
)

FULL = Known(QuotaState("free", ("storage",)))
MOVING = {"updated_at": ago(minutes=1)}
STANDING = {"updated_at": ago(hours=3)}

UNCREATED = video(None, created_at=None, updated_at=ago(minutes=15), completed_clips=3, clips_count=3)
ORIGIN = DraftOrigin(
    "draft-1",
    (Charge("t1", "scene_processing", 40, "Process 3 scenes", ago(days=3), "draft-1", "vid-0001", {}),),
    draft_of(RawDocument("users/u1/analysis_drafts/draft-1", {"status": "completed"}, None, None)),
    scenes_of(
        RawDocument(f"s/{n}", {"id": n, "title": "T", "start": "00:00:01", "end": "00:00:09"}, None, None)
        for n in (1, 2, 3)
    ),
)
DONE = video(completed_at=ago(days=2))
IN_VAIN = DraftOrigin(
    "",
    (
        Charge(
            "t2",
            "reprocessing",
            30,
            None,
            ago(days=2, hours=1),
            "",
            "vid-0001",
            {"scene_count": "3", "style_breakdown": "split:10"},
        ),
    ),
)
REMNANT = video(None, created_at=None, processing_progress=progress(1, 4))
DISCLOSED = upload_check(foreign(there=True))

REMOVED = Removed(
    job_id="purge-20260301-120000-0a1b2c3d",
    uid="u1",
    video_id="vid-0001",
    video_ids=("vid-0001",),
    clip_ids=(),
    kind="video",
    spelled="u1/vid-0001",
    phase="removed",
    erased=False,
    by="ada@example.com",
    reason="ticket 4711",
    at=NOW - timedelta(hours=1),
    can_be_undone=True,
    undo_until=NOW + timedelta(days=6),
)


def purged(**changes: Any) -> VideoFacts:
    """A video that a purge took."""
    return replace(facts(Absent()), removed=Known(replace(REMOVED, **changes)))


SITUATIONS: dict[str, list[tuple[str, VideoFacts]]] = {
    "healthy": [
        ("all there", facts()),
        ("highlights ready, nothing rendered yet", nothing_rendered(video("analyzed"), STORED)),
        ("highlights in the document only", facts(stored=NO_OBJECT, inside=DOCUMENT)),
        ("an older deployment without the document", facts(inside=NO_DOCUMENT)),
        ("no updated_at", facts(video(updated_at=None))),
        (
            "a created_at of another type, which a list shows all the same",
            facts(video(created_at=None, oddities=(FieldProblem("p", "created_at", "wrong_type"),))),
        ),
        (
            "a source left downloading, with nothing else to do",
            facts(video(source_video_status="downloading")),
        ),
        (
            "the quota that once refused it, on a finished video",
            facts(video(error_message="Quota exceeded: x", failed_at=ago(days=3), completed_at=ago(days=2))),
        ),
        ("old error text on a finished video", facts(video(error_message="timeout, retried"))),
        ("fewer clips than once expected: the customer deleted some", facts(video(expected_clips=9, clips_count=3))),
        ("its source expired, which is normal by now", facts(video(source_video_status="expired"))),
        ("the owner's quota is full, and all is there", facts(quota=FULL)),
        (
            "charged without a new clip, and there is room by now",
            facts(DONE, origin=Known(IN_VAIN)),
        ),
        (
            "charged, and clips came of it",
            facts(
                video(completed_at=ago(days=2)),
                documents=clips(3, last_at=ago(days=1)),
                origin=Known(IN_VAIN),
                quota=FULL,
            ),
        ),
    ],
    "waiting": [
        ("young, no highlights", nothing_rendered(video("processing", updated_at=ago(minutes=14)))),
        ("an analysis touches nothing for long", nothing_rendered(video("processing", updated_at=ago(minutes=44)))),
        (
            "highlights and no progress: a Top Scenes job touches nothing until it is done",
            nothing_rendered(video("processing", updated_at=ago(minutes=59)), STORED),
        ),
        ("young, an empty list: not finished", nothing_rendered(video("processing", **MOVING), EMPTY_OBJECT)),
        ("young, highlights just written", nothing_rendered(video("processing", **MOVING), STORED)),
        (
            "without updated_at, created just now",
            nothing_rendered(video("processing", updated_at=None, created_at=NOW)),
        ),
        ("a full quota while it is still young", nothing_rendered(video("processing", **MOVING), quota=FULL)),
        (
            "a clock a little ahead",
            nothing_rendered(video("processing", updated_at=NOW + timedelta(minutes=4), created_at=ago(days=1))),
        ),
    ],
    "analysis_stalled": [
        ("no highlights, no touch", nothing_rendered(video("processing", **STANDING))),
        ("exactly at the limit", nothing_rendered(video("processing", updated_at=ago(minutes=45)))),
        ("an empty list, no touch", nothing_rendered(video("processing", **STANDING), EMPTY_OBJECT)),
        ("no time at all", nothing_rendered(video("processing", updated_at=None, created_at=None))),
        ("no status at all", nothing_rendered(video(None, **STANDING))),
        ("an unknown status", nothing_rendered(video("queued", **STANDING))),
        (
            "a full quota, but it is the analysis that stopped",
            nothing_rendered(video("processing", **STANDING), quota=FULL),
        ),
        (
            "a clock that jumped to next year",
            nothing_rendered(video("processing", updated_at=NOW + timedelta(days=400), created_at=ago(hours=2))),
        ),
        (
            "an empty progress map",
            nothing_rendered(video("processing", **STANDING, processing_progress=progress(None, None))),
        ),
    ],
    "status_stuck": [
        (
            "exactly at the limit of a Top Scenes job",
            facts(video("processing", updated_at=ago(minutes=60))),
        ),
        ("highlights exist, nothing else was asked", nothing_rendered(video("processing", **STANDING), STORED)),
        ("highlights in the document only", nothing_rendered(video("processing", **STANDING), inside=DOCUMENT)),
        ("every clip is there", facts(video("processing", **STANDING, expected_clips=3))),
        (
            "every clip is there, only the progress was not written to the end",
            facts(video("processing", **STANDING, processing_progress=progress(2, 3))),
        ),
        ("every clip, no highlights", facts(video("processing", **STANDING, expected_clips=3), stored=NO_OBJECT)),
        ("clips, and nothing says how many there should be", facts(video("processing", **STANDING))),
    ],
    "rendering": [
        ("progress moves", facts(video("processing", **MOVING, processing_progress=progress(3, 9)))),
        (
            "only the progress was touched",
            facts(video("processing", **STANDING, processing_progress=progress(3, 9, updated_at=ago(minutes=1)))),
        ),
        (
            "a Top Scenes job beside the clips of an earlier one",
            facts(video("processing", updated_at=ago(minutes=59), completed_at=ago(days=1))),
        ),
        ("slow, but within the limit", facts(video("processing", updated_at=ago(minutes=14), expected_clips=9))),
        ("all clips there, the status about to be set", facts(video("processing", **MOVING, expected_clips=3))),
        ("the clips of a draft, one after another", facts(replace(UNCREATED, updated_at=ago(minutes=14)), NO_OBJECT)),
        ("highlights lost while it renders", facts(video("processing", **MOVING, expected_clips=9), stored=NO_OBJECT)),
    ],
    "render_stalled": [
        ("part way, and the quota is full", facts(video("processing", **STANDING, expected_clips=9), quota=FULL)),
        ("part way", facts(video("processing", **STANDING, expected_clips=9))),
        (
            "a rendering touches after each clip: exactly at its limit",
            facts(video("processing", updated_at=ago(minutes=15), processing_progress=progress(3, 9))),
        ),
        (
            "an old word about the quota, which a later job got past",
            facts(
                video(
                    "processing",
                    **STANDING,
                    error_message="Quota exceeded",
                    failed_at=ago(days=2),
                    processing_progress=progress(1, 9, started_at=ago(hours=4)),
                )
            ),
        ),
        ("asked for, never began", nothing_rendered(video("processing", **STANDING, expected_clips=9), STORED)),
        (
            "a clip document still in progress",
            facts(video("processing", **STANDING), documents=clips(2, processing=1), things=objects(2)),
        ),
        (
            "all documented, one object missing",
            facts(video("processing", **STANDING, expected_clips=3), things=objects(2, missing_object=1)),
        ),
        (
            "a second job, with the clips of the first",
            facts(video("processing", **STANDING, processing_progress=progress(1, 2))),
        ),
        (
            "fields missing in the progress",
            facts(video("processing", **STANDING, processing_progress=progress(None, 9))),
        ),
        (
            "some clips failed",
            facts(video("processing", **STANDING, processing_progress=progress(3, 4, failed_clips=1))),
        ),
    ],
    "highlights_missing": [
        ("completed, none in either place", facts(stored=NO_OBJECT)),
        ("analyzed, none in either place", nothing_rendered(video("analyzed"))),
        ("clips are missing too", facts(stored=NO_OBJECT, things=objects(0, missing_object=3))),
    ],
    "highlights_invalid": [
        ("cut off", facts(stored=BROKEN_OBJECT)),
        ("cut off, though the document has them", facts(stored=BROKEN_OBJECT, inside=DOCUMENT)),
        ("an empty list, and clips", facts(stored=EMPTY_OBJECT)),
        ("an empty list, and nothing else", nothing_rendered(video("analyzed"), EMPTY_OBJECT)),
        ("cut off, still processing", nothing_rendered(video("processing", **STANDING), BROKEN_OBJECT)),
        ("cut off a moment ago", nothing_rendered(video("processing", **MOVING), BROKEN_OBJECT)),
    ],
    "clips_missing": [
        ("an object is missing", facts(things=objects(2, missing_object=1))),
        ("another size", facts(things=objects(2, size_mismatch=1))),
        ("0 bytes", facts(things=objects(2, empty_object=1))),
        ("a clip without key", facts(things=objects(2, clip_without_key=1))),
        ("a key that is not the user's", facts(things=objects(2, foreign_key=1))),
        ("counted, but no documents", nothing_rendered(video(clips_count=3), STORED)),
        ("analyzed, with finished clips that are gone", facts(video("analyzed"), things=objects(0, missing_object=3))),
    ],
    "disclosure": [
        ("another customer's object is there", facts(things=objects(2, foreign_key=1), report=DISCLOSED)),
        ("whatever the status says", facts(video("failed", error_message="Private video"), report=DISCLOSED)),
        ("while it moves", facts(video("processing", **MOVING), report=DISCLOSED)),
        ("though the rest could not be read", facts(things=AWAY, report=DISCLOSED)),
    ],
    "failed_transient": [
        ("time-out", facts(video("failed", error_message="Connection timed out"))),
        ("a provider's limit, which says quota", facts(video("failed", error_message="429 Quota exceeded per minute"))),
        ("no message", facts(video("failed"))),
        (
            "for want of highlights that are there by now",
            facts(video("failed", error_message="Job failed after 3 retries: Highlights not found in Firestore")),
        ),
        ("an unknown message", facts(video("failed", error_message="E_42"))),
        ("an unknown message, and the quota is full", facts(video("failed", error_message="E_42"), quota=FULL)),
        (
            "the message is in the progress",
            facts(video("failed", processing_progress=progress(1, 2, error_message="worker died"))),
        ),
    ],
    "failed_permanent": [
        ("age-restricted", facts(video("failed", error_message="Sign in to confirm your age"))),
        ("private", facts(video("failed", error_message="Private video"))),
        ("in the worker's words", facts(video("failed", error_message="Video cannot be processed: E_42"))),
        (
            "for want of highlights, which no retry brings back",
            nothing_rendered(
                video("failed", error_message="Job failed after 3 retries: Highlights not found in Firestore")
            ),
        ),
        ("a full quota is not the cause", facts(video("failed", error_message="Private video"), quota=FULL)),
        ("told by the source", facts(video("failed", source_video_error="This video has been removed"))),
    ],
    "record_incomplete": [
        ("the clips of a draft, and nobody created the video", facts(UNCREATED, NO_OBJECT)),
        ("with its draft", facts(UNCREATED, NO_OBJECT, origin=Known(ORIGIN))),
        ("with highlights that somebody put back", facts(UNCREATED, STORED)),
        ("failed on the way", facts(video("failed", created_at=None, error_message="timed out"), NO_OBJECT)),
        ("completed after its deletion", facts(video("completed", created_at=None), NO_OBJECT)),
    ],
    "quota_blocked": [
        (
            "charged, completed, no new clip, and no room for one",
            facts(
                video(completed_at=ago(days=2)),
                origin=Known(IN_VAIN),
                quota=Known(QuotaState("free", (), "No room for a clip.")),
            ),
        ),
        (
            "the same, with the storage used up",
            facts(DONE, origin=Known(IN_VAIN), quota=FULL),
        ),
        ("the worker says so", facts(video("failed", error_message="Monthly clip limit reached"))),
        ("failed without a word, and the quota is full", facts(video("failed"), quota=FULL)),
        (
            "highlights, nothing begun, and the quota is full",
            nothing_rendered(video("processing", **STANDING), STORED, quota=FULL),
        ),
        (
            "asked for, never began, and the quota is full",
            nothing_rendered(video("processing", **STANDING, expected_clips=3), STORED, quota=FULL),
        ),
        (
            "still processing, and the worker says so",
            nothing_rendered(video("processing", **STANDING, error_message="storage quota exceeded")),
        ),
    ],
    "access_denied": [
        ("Firestore refused the video", facts(REFUSED)),
        ("Firestore was away", facts(AWAY)),
        ("the clip documents are unknown", facts(documents=AWAY)),
        ("the bucket refused the listing", facts(things=REFUSED)),
        ("the bucket refused highlights.json", facts(stored=UNREAD_OBJECT)),
        ("highlights.json missing, the document unknown", facts(stored=NO_OBJECT, inside=UNREAD_DOCUMENT)),
        ("even for a failed video", facts(video("failed", error_message="Private video"), things=REFUSED)),
    ],
    "not_found": [
        ("no document", facts(Absent(), documents=clips(), things=objects())),
        ("a phantom", facts(video(exists=False))),
        ("a progress that was written after the deletion", nothing_rendered(REMNANT)),
        ("with clips below it", facts(REMNANT)),
        ("no document, and the bucket is away", facts(Absent(), things=AWAY)),
    ],
    "purged": [
        ("by a purge that can be undone", purged()),
        ("with its account", purged(kind="user", video_id="")),
        ("and its copies are gone", purged(can_be_undone=False, undo_until=None)),
        ("and a late job wrote its progress", replace(facts(REMNANT), removed=Known(REMOVED))),
    ],
}


@pytest.mark.parametrize(
    ("expected", "situation", "found"),
    [pytest.param(v, s, f, id=f"{v}: {s}") for v, cases in SITUATIONS.items() for s, f in cases],
)
def test_each_situation_has_its_verdict(expected: str, situation: str, found: VideoFacts) -> None:
    diagnosis = diagnose(found)
    assert (diagnosis.verdict, situation) == (expected, situation)
    assert diagnosis.summary
    assert diagnosis.reply
    assert diagnosis.customer_sees
    assert diagnosis.age is None or diagnosis.age >= timedelta(0)


def test_a_disclosure_is_the_worst_and_names_nobody_and_what_is_not_there_is_said_to_be_so() -> None:
    found = diagnose(facts(things=objects(2, foreign_key=1), report=DISCLOSED))
    assert (found.severity, found.actions[0].id) == ("error", "report_disclosure")
    assert found.since is not None
    assert found.since == diagnose(facts(things=objects(2, missing_object=1))).since
    assert "play" not in found.reply + found.customer_sees
    gone = diagnose(facts(things=objects(2, foreign_key=1), report=upload_check(foreign(there=False))))
    assert (gone.verdict, "No object is there" in gone.summary) == ("clips_missing", True)


def test_the_situations_cover_every_verdict_of_the_contract() -> None:
    assert set(SITUATIONS) == set(VERDICTS)


def test_a_document_that_is_unknown_does_not_matter_where_the_object_has_the_highlights() -> None:
    assert verdict(facts(inside=UNREAD_DOCUMENT)) == "healthy"


def test_a_refusal_and_an_outage_are_told_apart() -> None:
    assert diagnose(facts(REFUSED)).cause == "refused"
    assert diagnose(facts(AWAY)).cause == "no answer"


def test_healthy_with_something_to_put_right_is_a_warning_and_without_it_is_not() -> None:
    assert diagnose(facts()).severity == "info"
    assert diagnose(facts(stored=NO_OBJECT, inside=DOCUMENT)).severity == "info", "either place counts"
    assert diagnose(facts(video("completed", clips_count=0), documents=clips(), things=objects())).severity == "warning"


def test_a_rendering_that_is_slow_within_its_limit_is_no_warning() -> None:
    def quiet(minutes: int) -> VideoFacts:
        return facts(video("processing", updated_at=ago(minutes=minutes), expected_clips=9))

    assert [(diagnose(quiet(m)).verdict, diagnose(quiet(m)).severity) for m in (2, 14, 15)] == [
        ("rendering", "info"),
        ("rendering", "info"),
        ("render_stalled", "error"),
    ]


def test_completed_is_not_offered_while_a_top_scenes_job_may_run() -> None:
    young, old = (facts(video("processing", updated_at=ago(minutes=m))) for m in (59, 60))
    assert "set_completed" not in [step.id for step in diagnose(young).actions]
    assert status_objections(young, "completed")
    assert "set_completed" in [step.id for step in diagnose(old).actions]
    assert not status_objections(old, "completed")


def test_what_is_left_of_a_deleted_video_is_named_and_needs_nobody_at_night() -> None:
    found = diagnose(nothing_rendered(REMNANT))
    assert (found.severity, found.cause, found.needs_person) == ("warning", "deleted", False)
    assert found.customer_sees.startswith("No such video")
    assert [step.id for step in found.actions] == ["check_again", "purge"]


def test_a_record_is_rebuilt_where_the_drafts_scenes_or_the_highlights_are_there() -> None:
    told = diagnose(facts(UNCREATED, NO_OBJECT, origin=Known(ORIGIN)))
    assert "3 clips made and 40 credits charged" in told.summary
    assert "created_at, status, video_title, video_url" in told.summary
    assert told.customer_sees.startswith("No list shows the video")
    assert "for ever" in told.customer_sees
    assert [(e.check, e.ok) for e in told.evidence if e.check in {"draft", "record"}] == [
        ("record", False),
        ("draft", True),
    ]
    assert "rebuild_record" in [step.id for step in told.actions]
    assert told.needs_person
    without = diagnose(facts(UNCREATED, NO_OBJECT, origin=Known(DraftOrigin(""))))
    assert "rebuild_record" not in [step.id for step in without.actions]
    assert "rebuild_record" in [step.id for step in diagnose(facts(UNCREATED, STORED)).actions]


def test_a_failure_for_want_of_highlights_is_ours_to_mend_and_the_reply_blames_no_video() -> None:
    found = diagnose(
        nothing_rendered(video("failed", error_message="Job failed after 3 retries: Highlights not found in Firestore"))
    )
    assert found.needs_person
    assert "on our side" in found.reply
    assert "put_highlights" in [step.id for step in found.actions]


def test_since_is_the_last_touch_for_what_stands_and_the_failure_for_what_failed() -> None:
    assert diagnose(nothing_rendered(video("processing", **STANDING))).since == STANDING["updated_at"]
    failed = video("failed", failed_at=ago(hours=5), **MOVING)
    assert diagnose(facts(failed)).since == ago(hours=5)
    jumped = video("failed", failed_at=NOW + timedelta(days=9), **STANDING)
    assert diagnose(facts(jumped)).since == STANDING["updated_at"]


MOMENTS = st.sampled_from([None, NOW, ago(minutes=1), ago(minutes=15), ago(days=900), NOW + timedelta(days=900)])
COUNTS = st.sampled_from([None, -1, 0, 1, 3, 10**12])
TEXTS = st.sampled_from([None, "", "timeout", "Private video", "quota", "<b>x</b> https://x.y/?X-Amz-Signature=1"])


@st.composite
def any_facts(draw: st.DrawFn) -> VideoFacts:
    """Any mixture of known, absent and unknown facts, sane or not."""
    times = {name: draw(MOMENTS) for name in ("updated_at", "created_at", "completed_at", "failed_at", "update_time")}
    job = progress(draw(COUNTS), draw(COUNTS), failed_clips=draw(COUNTS), updated_at=draw(MOMENTS))
    document = video(
        draw(st.sampled_from(["processing", "analyzed", "completed", "failed", "Failed ", "queued", "", None])),
        **times,
        exists=draw(st.booleans()) or draw(st.booleans()),
        expected_clips=draw(COUNTS),
        clips_count=draw(COUNTS),
        total_size_bytes=draw(COUNTS),
        error_message=draw(TEXTS),
        source_video_status=draw(st.sampled_from([None, "ready", "expired", "x"])),
        source_video_expires_at=draw(MOMENTS),
        processing_progress=draw(st.sampled_from([None, job])),
    )
    unknown: list[Any] = [REFUSED, AWAY]
    kinds = ["missing_object", "size_mismatch", "foreign_key"]
    broken = draw(st.dictionaries(st.sampled_from(kinds), st.integers(1, 3)))
    return facts(
        draw(st.sampled_from([document, document, document, Absent(), *unknown])),
        draw(st.sampled_from([STORED, NO_OBJECT, BROKEN_OBJECT, EMPTY_OBJECT, UNREAD_OBJECT])),
        draw(st.sampled_from([DOCUMENT, NO_DOCUMENT, UNREAD_DOCUMENT, highlights.judge_document({"highlights": 1})])),
        draw(st.sampled_from([clips(), clips(3), clips(2, processing=1), clips(1, failed=2), Absent(), *unknown])),
        draw(st.sampled_from([objects(), objects(3), objects(1, **broken), Absent(), *unknown])),
        quota=draw(st.sampled_from([FULL, Known(QuotaState("pro")), AWAY])),
        source_present=draw(st.sampled_from([None, True, False])),
    )


def is_unknown(found: VideoFacts) -> bool:
    blind = any(fact in (REFUSED, AWAY) for fact in (found.video, found.clips, found.objects))
    return blind or found.highlights_object is UNREAD_OBJECT


@settings(max_examples=200, deadline=None)
@given(any_facts())
def test_any_facts_give_exactly_one_verdict_and_nothing_raises(found: VideoFacts) -> None:
    diagnosis = diagnose(found)
    assert diagnosis.verdict in VERDICTS
    assert diagnosis.severity in {"error", "warning", "info"}
    assert diagnosis.as_dict()["evidence"]


@settings(max_examples=200, deadline=None)
@given(any_facts())
def test_what_is_unknown_never_makes_a_verdict_about_the_video(found: VideoFacts) -> None:
    name = verdict(found)
    if is_unknown(found):
        proven_gone = found.video == Absent() or (isinstance(found.video, Known) and not found.video.value.exists)
        assert name == ("not_found" if proven_gone else "access_denied")
    if found.highlights_document is UNREAD_DOCUMENT and not found.highlights_object.usable:
        assert name not in {"highlights_missing", "analysis_stalled", "waiting", "status_stuck"}


@pytest.mark.parametrize("name", ["analysis_stalled", "render_stalled", "status_stuck"])
@pytest.mark.parametrize("hours", [1, 30, 2000])
def test_what_stands_does_not_recover_by_waiting(name: str, hours: int) -> None:
    for situation, found in SITUATIONS[name]:
        later = replace(found, now=NOW + timedelta(hours=hours))
        assert (verdict(later), situation) == (name, situation)


def states() -> list[HighlightsState]:
    return [STORED, NO_OBJECT, BROKEN_OBJECT, EMPTY_OBJECT, UNREAD_OBJECT]


@given(st.randoms(use_true_random=False))
def test_the_same_facts_give_the_same_answer(rng: random.Random) -> None:
    found = facts(video(), rng.choice(states()), rng.choice([DOCUMENT, NO_DOCUMENT]))
    assert diagnose(found) == diagnose(found)


def test_a_time_in_the_future_never_makes_a_negative_age() -> None:
    future: datetime = NOW + timedelta(days=400)
    for status in ("processing", "completed", "failed"):
        found = facts(video(status, updated_at=future, created_at=future, completed_at=future, failed_at=future))
        age = diagnose(found).age
        assert age is None or age >= timedelta(0)
