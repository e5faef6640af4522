"""The timeline: what persons did stands in it and is no sign of the worker; durations stand beside the usual ones."""

from __future__ import annotations

from datetime import timedelta

import pytest

from storage.domain import highlights
from storage.domain.diagnosis.timeline import DEEDS, Duration, Usual, deed, durations, said, timeline
from tests.domain.diagnosis_world import NO_DOCUMENT, NOW, STORED, ago, clips, facts, nothing_rendered, video

STALLED = nothing_rendered(video("processing", created_at=ago(hours=9), updated_at=ago(hours=8)))
HELPED = deed(ago(hours=4), "set-status", "eng@corp.test", "ticket 7", "done")


def test_what_a_person_did_says_who_and_why_and_ends_no_silence() -> None:
    entries = timeline(STALLED, [HELPED])
    assert [entry.store for entry in entries] == ["firestore", "firestore", "person", "desk"]
    assert said(entries[2]) == "The team set the status (eng@corp.test): “ticket 7”"
    assert [entry.gap_before for entry in entries] == [False, True, False, True]
    assert "8 hours of silence" in entries[-1].event
    assert entries[2].as_dict() == {
        "at": ago(hours=4),
        "store": "person",
        "event": "The team set the status",
        "ahead": False,
        "gap": False,
        "who": "eng@corp.test",
        "why": "ticket 7",
    }


def test_the_reduced_deed_names_nobody_and_no_reason() -> None:
    assert said(HELPED.reduced) == "The team set the status"
    assert "failed" in deed(NOW, "upload", "a@b.test", "", "failed").event
    assert all(deed(NOW, action, "", "", "done").event != f"The team {action}" for action in DEEDS)


def test_every_silence_of_the_work_is_marked_and_none_after_its_end() -> None:
    document = video(created_at=ago(days=9), completed_at=ago(days=6), updated_at=ago(hours=1))
    rendered = clips(3, first_at=ago(days=7), last_at=ago(days=7) + timedelta(minutes=9))
    marked = [entry.event for entry in timeline(facts(document, documents=rendered)) if entry.gap_before]
    assert marked == ["first clip document (after 2 days of silence)", "video completed (after 23 hours of silence)"]


def test_an_analysis_may_be_silent_for_longer_than_a_rendering() -> None:
    def marks(analysis: float, clip: float) -> list[str]:
        start = ago(hours=5)
        document = video("completed", created_at=start, updated_at=None, completed_at=start + timedelta(minutes=clip))
        first = start + timedelta(minutes=analysis)
        found = facts(document, documents=clips(1, first_at=first, last_at=first))
        return [entry.event.partition(" (")[0] for entry in timeline(found) if entry.gap_before]

    assert marks(44, 50) == []
    assert marks(46, 50) == ["first clip document"]
    assert marks(10, 26) == ["video completed"]


def listed(end: str) -> highlights.HighlightsState:
    return highlights.judge_document(
        {"highlights": [{"id": 1, "start": "00:00:01", "end": end}]}, written_at=ago(hours=1)
    )


USUAL = Usual(analyses=tuple((600.0 + n, 120.0 + n) for n in range(9)), paces=(10.0, 11.0, 12.0, 13.0, 14.0))


def took(created: float, *, end: str = "00:10:00", usual: Usual = USUAL) -> Duration:
    """The analysis that began `created` minutes before its highlights were written an hour ago."""
    document = video("analyzed", created_at=ago(hours=1, minutes=created))
    found = facts(document, NO_DOCUMENT_FILE, listed(end), documents=clips())
    (analysis,) = durations(found, usual)
    return analysis


NO_DOCUMENT_FILE = highlights.absent("object")


def test_an_analysis_stands_beside_those_of_sources_of_about_its_length() -> None:
    ordinary, slow = took(2), took(30)
    assert (ordinary.step, ordinary.seconds, ordinary.others, ordinary.slow) == ("analysis", 120, 9, False)
    assert ordinary.words.startswith("Analysis: at most 2 minutes; usual with a source of about this length: 2 minutes")
    assert slow.slow
    assert "far longer than usual" in slow.words
    for end in ("00:04:00", "00:30:00"):
        assert took(30, end=end).high is None, "no source of about that length"
    assert "too few others" in took(30, usual=Usual()).words
    assert took(30, usual=Usual()).as_dict()["usual_seconds"] is None


@pytest.mark.parametrize(("minutes", "slow"), [(1, False), (5, True)])
def test_a_rendering_stands_beside_the_pace_of_others(minutes: float, slow: bool) -> None:
    rendered = clips(6, first_at=ago(hours=1), last_at=ago(hours=1) + timedelta(minutes=minutes))
    found = facts(video(created_at=None), STORED, NO_DOCUMENT, documents=rendered)
    (rendering,) = durations(found, USUAL)
    assert (rendering.step, rendering.slow, rendering.others) == ("render", slow, 5)
    assert rendering.as_dict()["usual_seconds"] == [52, 68]


def test_unknown_times_have_no_duration() -> None:
    assert durations(nothing_rendered(video("processing", created_at=None)), USUAL) == ()
