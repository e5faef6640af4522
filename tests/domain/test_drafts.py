"""Drafts as their documents hold them, what is said of each, and the documents that are rebuilt from one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from storage.domain.diagnosis import DraftFacts, diagnose_draft
from storage.domain.documents import RawDocument
from storage.domain.drafts import (
    ClipFigure,
    DraftOrigin,
    charge_of,
    draft_of,
    highlights_document,
    scenes_of,
    video_document,
)
from tests.domain.diagnosis_world import NOW, STALE, ago

SCENE = {"id": 2, "title": "Two", "start": "00:00:10", "end": "00:00:40.500", "duration_secs": 30, "pad_before": 1}


def raw(path: str, fields: dict[str, Any] | None) -> RawDocument:
    return RawDocument(path, fields, None, None)


def draft(status: str | None, **fields: Any) -> DraftFacts:
    times = {"created_at": ago(days=2), "updated_at": ago(days=2), "expires_at": NOW + timedelta(days=5)}
    document = raw("users/u1/analysis_drafts/d1", {"status": status, "scene_count": 2, **times, **fields})
    return DraftFacts(draft_of(document), NOW, STALE)


@pytest.mark.parametrize(
    ("facts", "verdict", "severity", "part"),
    [
        (draft("pending", updated_at=ago(minutes=44)), "waiting", "info", "waits or runs"),
        (draft("analyzing", updated_at=ago(minutes=45)), "analysis_stalled", "error", "no touch for 45 minutes"),
        (draft("downloading"), "analysis_stalled", "error", "2 days"),
        (draft(None), "analysis_stalled", "error", "no status"),
        (draft("odd", updated_at=None, created_at=None), "analysis_stalled", "error", "no usable time"),
        (draft("failed", error_message="Job failed after 3 retries: timeout"), "failed_transient", "error", "retry"),
        (draft("failed"), "failed_transient", "error", "not recognised"),
        (
            draft("failed", error_message="Video cannot be processed: Private video"),
            "failed_permanent",
            "warning",
            "(private)",
        ),
        (draft("failed", error_message="Quota exceeded: x"), "quota_blocked", "warning", "quota"),
        (draft("completed"), "healthy", "info", "scenes to choose from"),
        (draft("completed", scene_count=0), "highlights_invalid", "warning", "no scene"),
        (draft("completed", expires_at=ago(days=1)), "healthy", "info", "expired"),
        (draft("expired"), "healthy", "info", "expired"),
    ],
)
def test_each_draft_has_its_verdict(facts: DraftFacts, verdict: str, severity: str, part: str) -> None:
    found = diagnose_draft(facts)
    assert (found.verdict, found.severity) == (verdict, severity)
    assert part in found.summary
    assert found.reply
    assert found.customer_sees
    document = found.as_dict()
    assert document["confidence"] in {"high", "medium"}
    assert document["carried_by"]
    assert document["would_change"]
    assert (document["draft_id"], document["video_id"]) == ("d1", None)
    assert len({item["check"] for item in document["evidence"]}) == len(document["evidence"])


def test_scenes_that_the_draft_counts_and_that_are_not_there_are_missed() -> None:
    facts = draft("completed")
    found = diagnose_draft(DraftFacts(facts.draft, NOW, STALE, scenes=()))
    assert (found.verdict, found.severity) == ("highlights_missing", "error")


def test_a_draft_leads_to_the_videos_that_were_made_of_it() -> None:
    charge = charge_of(raw("t", {"draft_id": "d1", "video_id": "v 1", "credits_amount": 5, "timestamp": NOW}))
    facts = draft("completed")
    found = diagnose_draft(DraftFacts(facts.draft, NOW, STALE, scenes_of([raw("s", SCENE)]), (charge, charge)))
    assert found.video_ids == ("v 1",)
    assert [step.command for step in found.actions] == ["python -m storage diagnose u1 'v 1'"]
    assert "10 credits charged" in next(e.observed for e in found.evidence if e.check == "charged")


def test_scenes_come_in_their_order_and_without_the_unusable_ones() -> None:
    documents = [raw("s/2", SCENE), raw("s/1", {**SCENE, "id": 1.0}), raw("s/3", {"id": 3}), raw("s/4", None)]
    assert [scene.number for scene in scenes_of(documents)] == [1, 2]


@pytest.mark.parametrize(
    ("metadata", "clips"),
    [
        ({"scene_count": "3", "style_breakdown": "split:10,original:5"}, 6),
        ({"scene_count": "3"}, None),
        ({"style_breakdown": "split:10"}, None),
        ({"scene_count": "x", "style_breakdown": "split:10"}, None),
        (None, None),
        (7, None),
    ],
)
def test_a_charge_says_how_many_clips_were_asked_for(metadata: object, clips: int | None) -> None:
    assert charge_of(raw("t", {"metadata": metadata})).clips == clips


def origin(**fields: Any) -> DraftOrigin:
    found = {"source_url": "https://youtu.be/abcdefghijk?t=3", "video_title": "A talk", "prompt_instructions": "short"}
    document = raw("users/u1/analysis_drafts/d1", {"status": "completed", **found, **fields})
    charge = charge_of(raw("t", {"draft_id": "d1", "video_id": "v1", "credits_amount": 20, "timestamp": ago(days=2)}))
    scenes = scenes_of([raw("s/2", {**SCENE, "reason": "Why not", "hook_category": None, "confidence": 0.9})])
    return DraftOrigin("d1", (charge,), draft_of(document), scenes)


def test_highlights_are_rebuilt_in_the_products_own_form() -> None:
    assert highlights_document(origin(), "v1", "A talk", NOW) == {
        "video_id": "v1",
        "highlights": [
            {
                "id": 2,
                "title": "Two",
                "start": "00:00:10",
                "end": "00:00:40.500",
                "duration": 30,
                "pad_before": 1.0,
                "pad_after": 1.0,
                "reason": "Why not",
            }
        ],
        "video_url": "https://youtu.be/abcdefghijk?t=3",
        "video_title": "A talk",
        "custom_prompt": "short",
        "created_at": ago(days=2),
        "updated_at": NOW,
    }
    bare = highlights_document(origin(source_url=None, prompt_instructions=None), "v1", "x", NOW)
    assert not {"video_url", "custom_prompt"} & bare.keys()


def test_a_videos_document_gets_what_it_lacks_and_keeps_what_it_has() -> None:
    clips = [
        ClipFigure("split", 100, ago(hours=5)),
        ClipFigure("original", 20, ago(hours=4)),
        ClipFigure("split", 3, None),
    ]
    held = {"completed_clips": 3, "clips_count": 2, "updated_at": ago(hours=4), "status": "failed", "failed_at": None}
    wanted = video_document(held, origin(), "u1", "v1", clips, highlights=1, file_key="k", now=NOW)
    assert wanted == {
        "video_id": "v1",
        "user_id": "u1",
        "video_url": "https://youtu.be/abcdefghijk?t=3",
        "video_title": "A talk",
        "youtube_id": "abcdefghijk",
        "created_at": ago(days=2),
        "completed_at": ago(hours=4),
        "highlights_count": 1,
        "custom_prompt": "short",
        "styles_processed": [],
        "crop_mode": "none",
        "target_aspect": "9:16",
        "highlights_json_key": "k",
        "created_by": "u1",
        "clips_count": 3,
        "total_size_bytes": 123,
        "clips_by_style": {"original": 1, "split": 2},
        "updated_at": NOW,
    }
    alone = video_document({}, DraftOrigin(""), "u1", "v1", clips[:1], highlights=0, file_key="k", now=NOW)
    assert (alone["status"], alone["video_title"], alone["created_at"]) == ("completed", "Untitled", ago(hours=5))
