"""All that is stuck: worst first, and many that stopped at one step within minutes are one outage."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

from storage.domain.diagnosis import StuckVideo, VideoFacts, diagnose, outages, worst_first
from tests.domain.diagnosis_world import (
    NO_OBJECT,
    REFUSED,
    STORED,
    ago,
    facts,
    foreign,
    nothing_rendered,
    objects,
    upload_check,
    video,
)
from tests.domain.test_diagnosis_verdict import SITUATIONS


def stuck(found: VideoFacts, video_id: str = "vid-0001", uid: str = "u1") -> StuckVideo:
    return StuckVideo(diagnose(replace(found, uid=uid, video_id=video_id)), "ann@example.com", "free")


def analysis(minutes: float, video_id: str = "vid-0001", uid: str = "u1") -> StuckVideo:
    return stuck(nothing_rendered(video("processing", updated_at=ago(minutes=minutes))), video_id, uid)


def rendering(minutes: float, video_id: str) -> StuckVideo:
    document = video("processing", updated_at=ago(minutes=minutes), expected_clips=9)
    return stuck(nothing_rendered(document, STORED), video_id)


def test_the_worst_comes_first_then_the_oldest_whatever_the_order_given() -> None:
    videos = [
        analysis(60, "young"),
        analysis(6000, "old"),
        stuck(facts(video("failed", error_message="Private video"))),
        stuck(facts(things=objects(0, missing_object=3))),
        stuck(facts(stored=NO_OBJECT)),
        stuck(facts(REFUSED)),
        stuck(facts(report=upload_check(foreign(there=True)))),
    ]
    expected = [
        "disclosure",
        "access_denied",
        "clips_missing",
        "highlights_missing",
        "analysis_stalled",
        "analysis_stalled",
        "failed_permanent",
    ]
    for seed in range(10):
        shuffled = random.Random(seed).sample(videos, len(videos))
        ordered = worst_first(shuffled)
        assert [video.diagnosis.verdict for video in ordered] == expected
        assert [video.diagnosis.video_id for video in ordered[4:6]] == ["old", "young"]


def test_every_verdict_has_its_place_among_the_stuck() -> None:
    everything = [stuck(cases[0][1]) for cases in SITUATIONS.values()]
    assert len(worst_first(everything)) == len(SITUATIONS)


def test_fourteen_that_stopped_at_one_step_within_minutes_are_one_outage() -> None:
    videos = [analysis(60 + i / 2, f"vid-{i:02}", f"u{i % 5}") for i in range(14)]
    videos += [analysis(600, "vid-alone"), rendering(61, "vid-other")]
    random.Random(1).shuffle(videos)
    found = outages(videos)
    assert [(len(outage.videos), outage.stage, outage.users) for outage in found] == [(14, "analysis", 5)]
    assert found[0].last_at - found[0].first_at == timedelta(minutes=6.5)
    assert found[0].as_dict()["videos"][0] == {"uid": "u3", "video_id": "vid-13"}


def test_the_same_minutes_at_two_steps_are_two_outages_and_two_videos_are_none() -> None:
    together = [analysis(60, f"a{i}") for i in range(4)] + [rendering(60, f"r{i}") for i in range(3)]
    assert [(outage.stage, len(outage.videos)) for outage in outages(together)] == [("analysis", 4), ("render", 3)]
    assert outages([analysis(60, "a"), analysis(61, "b")]) == ()


def test_hours_apart_or_of_unknown_age_they_are_no_outage() -> None:
    assert outages([analysis(60 * i, f"a{i}") for i in range(1, 9)]) == ()
    ageless = nothing_rendered(video("processing", updated_at=None, created_at=None))
    assert outages([stuck(ageless, f"a{i}") for i in range(5)]) == ()


def test_what_customers_cause_themselves_is_no_outage() -> None:
    private = facts(video("failed", error_message="Private video", failed_at=ago(hours=1)))
    assert outages([stuck(private, f"a{i}") for i in range(5)]) == ()


def test_each_video_says_its_age_plan_and_step() -> None:
    row = analysis(90).as_dict()
    assert (row["age_seconds"], row["plan"], row["stage"]) == (5400, "free", "analysis")
    assert "ann@example.com" not in str(row)
