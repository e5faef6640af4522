"""How sure a verdict is: what carries it, what lowers it, and what would change it; no verdict is without."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from storage.domain.deployment import set_to
from storage.domain.diagnosis import VERDICTS, Diagnosis, VideoFacts, diagnose
from storage.domain.diagnosis.confidence import CARRIED_BY, LEVELS, WOULD_CHANGE, confidence
from storage.domain.diagnosis.evidence import Evidence
from storage.domain.diagnosis.playing import Playing
from storage.domain.integrity import Finding, Suspicion
from tests.domain.diagnosis_world import (
    DOCUMENT,
    NO_DOCUMENT,
    NOW,
    REFUSED,
    UNREAD_DOCUMENT,
    ago,
    facts,
    nothing_rendered,
    objects,
    seen,
    upload_check,
    video,
)
from tests.domain.test_diagnosis_verdict import SITUATIONS

FOUND = set_to("document", "")
PLAYS = seen(Playing(plays=3))


def well(**more: object) -> VideoFacts:
    """A healthy video of which every clip was seen to play, on a backend that is known."""
    return replace(facts(video(), inside=DOCUMENT, things=PLAYS, deployment=FOUND), **more)  # type: ignore[arg-type]


def stalled(**fields: object) -> VideoFacts:
    """A stalled analysis on a backend that is known; `fields` of the video's document."""
    document = video("processing", **{"updated_at": ago(hours=3), **fields})
    return nothing_rendered(document, inside=NO_DOCUMENT, deployment=FOUND)


def sure(found: VideoFacts) -> tuple[str, str, str]:
    """The verdict, its confidence, and the reasons."""
    diagnosed: Diagnosis = diagnose(found)
    return diagnosed.verdict, diagnosed.confidence.level, " ".join(diagnosed.confidence.lowered_by)


def test_no_verdict_lacks_its_facts_and_what_would_change_it() -> None:
    assert set(CARRIED_BY) == set(WOULD_CHANGE) == set(VERDICTS) == set(SITUATIONS)
    for name, cases in SITUATIONS.items():
        for _, found in cases:
            shown = diagnose(found).as_dict()
            assert shown["verdict"] == name
            assert shown["confidence"] in LEVELS
            assert shown["would_change"].endswith(".")
            assert shown["carried_by"], name
            assert set(shown["carried_by"]) <= {item["check"] for item in shown["evidence"]}


def test_what_was_all_seen_is_sure() -> None:
    assert sure(well()) == ("healthy", "high", "")
    assert sure(stalled()) == ("analysis_stalled", "high", "")
    assert diagnose(stalled()).confidence.carried_by == (
        "status",
        "last_touch",
        "highlights_source",
        "highlights_document",
    )


REPORT = upload_check(Finding("missing_thumbnail", "warning", "u1", "vid-0001", "c1"))
DOUBTED = replace(REPORT, suspicion=Suspicion("The prefix is empty.", 10, 10, ()))
OLD = {"updated_at": None, "created_at": ago(days=1)}
AHEAD = {"failed_at": NOW + timedelta(days=1)}
UNKNOWN_BACKEND = replace(FOUND, complete=False)
E_42 = "Video cannot be processed: E_42"


def failed(message: str) -> VideoFacts:
    """A failed video with this message."""
    return facts(video("failed", error_message=message), deployment=FOUND)


LOWERED: dict[str, tuple[VideoFacts, str, str, str]] = {
    "nobody looked into the clips": (well(objects=objects(3)), "healthy", "medium", "not looked into"),
    "which backend is there is unknown": (well(deployment=UNKNOWN_BACKEND), "healthy", "medium", "highlights source"),
    "no time of its own": (stalled(**OLD), "analysis_stalled", "medium", "no updated_at"),
    "a clock is wrong": (stalled(**AHEAD), "analysis_stalled", "medium", "age may be wrong"),
    "both": (stalled(**OLD, **AHEAD), "analysis_stalled", "low", "no updated_at"),
    "an unknown message": (failed("Zonk 17"), "failed_transient", "medium", "a guess"),
    "only the worker's word is known": (failed(E_42), "failed_permanent", "medium", "no cause"),
    "a store refused": (facts(things=REFUSED), "access_denied", "low", "bucket"),
    "the stores cannot be believed": (well(report=DOUBTED), "healthy", "low", "not plausible"),
}


@pytest.mark.parametrize("case", LOWERED)
def test_a_fact_that_is_unknown_or_weak_lowers_it_and_is_named(case: str) -> None:
    found, verdict, level, reason = LOWERED[case]
    assert sure(found)[:2] == (verdict, level)
    assert reason in sure(found)[2]


@pytest.mark.parametrize("name", sorted(set(VERDICTS) - {"access_denied"}))
def test_each_carrying_fact_that_turns_unknown_lowers_it_and_no_other_does(name: str) -> None:
    found = diagnose(SITUATIONS[name][0][1])
    rest = {"cause": found.cause or "private", "served": found.deployment.highlights_source}
    known = [replace(item, ok=True) for item in found.evidence if item.check not in {"clocks", "key_prefix"}]
    known = [replace(item, ok=False) if item.check == "quota" else item for item in known]
    before = confidence(found.verdict, known, **rest)  # type: ignore[arg-type]
    unrecognised = found.cause == "unrecognised"
    assert before.level == ("medium" if unrecognised else "high")
    for item in known:
        after = confidence(found.verdict, _refused(known, item), **rest)  # type: ignore[arg-type]
        fell = LEVELS.index(after.level) - LEVELS.index(before.level)
        assert fell == (item.check in before.carried_by), item.check


def _refused(evidence: list[Evidence], one: Evidence) -> list[Evidence]:
    return [replace(item, ok=None) if item is one else item for item in evidence]


def test_a_refused_highlights_document_beside_a_served_file_lowers_nothing() -> None:
    served = set_to("object", "users/")
    assert sure(well(highlights_document=UNREAD_DOCUMENT, deployment=served))[1] == "high"
