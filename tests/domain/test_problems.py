"""What is wrong with a customer's videos by a list and a kept scan: no claim without a look, and of when it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from storage.domain.diagnosis.broken import REASONS
from storage.domain.diagnosis.verdict import BREAKING
from storage.domain.documents import Clip, Video, schema_of
from storage.domain.problems import Scanned, VideoStanding, matching_clips, matching_videos, standings
from storage.domain.scans.kept import frame_of

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
SCAN = NOW - timedelta(hours=14)
OLD = NOW - timedelta(days=3)
LATE = timedelta(minutes=15)
JUST_NOW = NOW - timedelta(minutes=44)  # an analysis may be silent for three times as long


def videos(*rows: dict[str, Any]) -> pd.DataFrame:
    whole = [
        dict.fromkeys(schema_of(Video).names)
        | {"path": f"users/u1/videos/{row.get('video_id', 'v1')}", "uid": "u1", "video_id": "v1", "exists": True}
        | {"video_title": "A talk", "status": "completed", "created_at": OLD, "updated_at": OLD, "oddities": ()}
        | row
        for row in rows
    ]
    return pd.DataFrame(whole)


def finding(kind: str = "missing_object", **more: Any) -> dict[str, Any]:
    row = {"kind": kind, "severity": "error", "uid": "u1", "video_id": "v1", "clip_id": "c1", "key": "k"}
    return row | {"title": "A talk · The hook", "style": "split", "first_seen": SCAN, "last_seen": SCAN} | more


def scan(*findings: dict[str, Any], looked: bool = True, doubt: bool = False) -> Scanned:
    return Scanned(SCAN, SCAN, looked, doubt, frame_of(findings))


def told(row: dict[str, Any], known: Scanned | None, **more: Any) -> VideoStanding:
    (one,) = standings(videos(row), known, everything=True, now=NOW, stale_after=LATE, **({"together": ()} | more))
    return one


@pytest.mark.parametrize(
    ("row", "known", "state", "trouble", "sees"),
    [
        ({}, None, "not_looked_at", None, "Clips"),
        ({}, scan(), "well", None, "Clips"),
        ({}, scan(looked=False), "not_looked_at", None, "Clips"),
        ({"updated_at": NOW}, scan(), "not_looked_at", None, "Clips"),  # touched after the scan
        ({}, scan(finding("unreadable")), "not_looked_at", None, "Clips"),
        ({}, scan(finding()), "trouble", "not_playable", "1 clip that does not play"),
        ({}, scan(finding(), doubt=True, looked=False), "not_looked_at", None, "Clips"),
        ({}, scan(finding("missing_highlights", clip_id=None)), "trouble", "unopened", "Still processing"),
        ({}, scan(finding("foreign_key", disclosure=True)), "trouble", "disclosure", "Perhaps another customer's file"),
        ({}, scan(finding("orphan_object", severity="warning")), "well", None, "Clips"),
        ({"status": "analyzed"}, scan(), "well", None, "Highlights"),
        ({"status": "failed", "error_message": "no sound"}, scan(), "trouble", "failed", "Failed"),
        (
            {"status": "processing", "updated_at": NOW - timedelta(minutes=44)},
            scan(),
            "working",
            None,
            "Being processed",
        ),
        ({"status": "processing", "updated_at": NOW - LATE * 3}, scan(), "trouble", "stalled", "Still processing"),
        ({"status": None, "updated_at": OLD}, scan(), "trouble", "stalled", "Still processing"),
        ({"created_at": None}, scan(), "trouble", "unlisted", "Nothing: no list shows it"),
        ({"exists": False}, scan(), "remains", None, "Nothing: no list shows it"),
    ],
)
def test_what_the_customer_sees_of_a_video(row, known, state, trouble, sees):
    found = told(row, known)
    assert (found.state, found.trouble, found.sees) == (state, trouble, sees)


def test_a_trouble_names_the_clip_the_reason_and_of_when_it_is():
    found = told({"updated_at": NOW}, scan(finding("empty_object"), finding("empty_object", clip_id="c2", style="")))
    assert found.why == "“The hook” (split): the file is empty; “The hook”: the file is empty"
    assert (found.seen_at, found.changed_since) == (SCAN, True)


def test_a_stalled_video_of_a_known_outage_says_so():
    row = {"status": "processing", "updated_at": OLD}
    assert told(row, None, together={"v1"}).outage
    assert not told(row, None, together={"v2"}).outage


def test_videos_beyond_the_list_are_named_by_the_scan_alone_unless_the_list_is_whole():
    known = scan(finding(video_id="v9", title="Far back · The hook"), finding("orphan_object", video_id="v8"))
    ways = {"together": (), "now": NOW, "stale_after": LATE}
    part = standings(videos({}), known, everything=False, **ways)
    assert [(one.video_id, one.title, one.listed) for one in part] == [
        ("v1", "A talk", True),
        ("v9", "Far back", False),
    ]
    assert [one.video_id for one in standings(videos({}), known, everything=True, **ways)] == ["v1"]


def test_a_search_within_a_customer_finds_titles_file_names_and_ids_without_accents_and_case():
    rows = [
        {"clip_id": "c1", "scene_title": "Trzy błędy", "r2_key": "users/u1/v1/clips/clip_01_1_trzy_bdy_split.mp4"},
        {"clip_id": "c2", "scene_title": None, "filename": "Urlaub.MP4"},
        {"clip_id": "c3", "exists": False, "scene_title": "trzy"},
    ]
    clips = pd.DataFrame(
        [
            dict.fromkeys(schema_of(Clip).names)
            | {"path": "p", "uid": "u1", "video_id": "v1", "exists": True, "oddities": ()}
            | row
            for row in rows
        ]
    ).astype({"exists": "boolean"})
    cases = {"TRZY": [("c1", "title")], "trzy_bdy": [("c1", "file name")], "urlaub": [("c2", "file name")]}
    for text, wanted in {**cases, "c2": [("c2", "id")], "nowhere": []}.items():
        assert [(one.clip.clip_id, one.by) for one in matching_clips(clips, text)] == wanted, text
    frame = videos({"video_id": "v1", "video_title": "Über Nacht"}, {"video_id": "v2", "video_title": None})
    assert matching_videos(frame, "uber") == {"v1"}
    assert matching_videos(frame, "V2") == {"v2"}


def test_every_kind_that_keeps_a_clip_from_the_customer_has_its_words():
    assert set(REASONS) == set(BREAKING)
