"""Every document of the sample has the fields and the types that the product writes, but where its story is about that.

The table is the product's own writing (its Firestore repositories and its API). A name with `?` may be left out; kinds
are those of Firestore, so that an integer is no double; several are alternatives.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from storage.sandbox.firestore.names import document_named
from storage.sandbox.firestore.values import document
from storage.sandbox.world.people import PEOPLE, uid_of
from tests.sandbox.sample import WORLD

TIMES = {"created_at": "timestamp", "updated_at": "timestamp"}
WRITTEN: dict[tuple[str, ...], dict[str, str]] = {
    ("users",): {
        **TIMES,
        "uid": "string",
        "email?": "string",
        "plan": "string",
        "role?": "string",
        "credits_used_this_month": "integer",
        "usage_reset_month": "string",
        "total_storage_bytes": "integer",
        "total_clips_count": "integer",
    },
    ("users", "videos"): {
        **TIMES,
        **dict.fromkeys(("video_id", "user_id", "video_url", "video_title", "youtube_id", "status"), "string"),
        **dict.fromkeys(("crop_mode", "target_aspect", "highlights_json_key", "created_by"), "string"),
        **dict.fromkeys(("completed_at", "failed_at"), "timestamp null"),
        **dict.fromkeys(("error_message", "custom_prompt"), "string null"),
        **dict.fromkeys(("highlights_count", "clips_count", "total_size_bytes"), "integer"),
        "styles_processed": "array",
        "clips_by_style": "map",
        **dict.fromkeys(("source_video_r2_key?", "source_video_status?", "source_video_error?"), "string"),
        "source_video_expires_at?": "timestamp",
        "processing_progress?": "map null",
        "completed_clips?": "integer",
    },
    ("users", "videos", "clips"): {
        **TIMES,
        **dict.fromkeys(("clip_id", "video_id", "user_id", "scene_title", "filename", "style", "r2_key"), "string"),
        **dict.fromkeys(("start_time", "end_time", "status", "created_by"), "string"),
        **dict.fromkeys(("scene_description?", "thumbnail_r2_key?", "raw_r2_key?"), "string"),
        **dict.fromkeys(("scene_id", "priority", "file_size_bytes"), "integer"),
        **dict.fromkeys(("duration_seconds", "file_size_mb"), "double"),
        "has_thumbnail": "boolean",
        "completed_at?": "timestamp",
    },
    ("users", "videos", "highlights"): {
        **TIMES,
        "video_id": "string",
        "highlights": "array",
        **dict.fromkeys(("video_url?", "video_title?", "custom_prompt?"), "string"),
    },
    ("users", "videos", "clips", "shares"): {
        **dict.fromkeys(("share_slug", "clip_id", "user_id", "video_id", "access_level"), "string"),
        "watermark_enabled": "boolean",
        "created_at": "timestamp",
        **dict.fromkeys(("expires_at?", "updated_at?", "disabled_at?"), "timestamp"),
    },
    ("share_slugs",): {
        **dict.fromkeys(("share_slug", "clip_id", "user_id", "video_id", "access_level"), "string"),
        "created_at": "timestamp",
        **dict.fromkeys(("expires_at?", "disabled_at?"), "timestamp"),
    },
    ("users", "credit_transactions"): {
        **dict.fromkeys(("id", "user_id", "operation_type", "description"), "string"),
        **dict.fromkeys(("timestamp", "created_at"), "timestamp"),
        **dict.fromkeys(("credits_amount", "balance_after"), "integer"),
        **dict.fromkeys(("video_id?", "draft_id?"), "string"),
        "metadata?": "map",
    },
    ("storage_accounting",): {
        **dict.fromkeys(("styled_clips_bytes", "styled_clips_count", "source_videos_bytes"), "integer"),
        **dict.fromkeys(("raw_segments_bytes", "neural_cache_bytes"), "integer"),
        "updated_at": "timestamp",
    },
    ("plans",): {"id": "string", "name": "string", "price_monthly": "integer", "limits": "map"},
    ("users", "analysis_drafts"): {
        **dict.fromkeys(("id", "user_id", "source_url", "status"), "string"),
        **dict.fromkeys(("scene_count", "warning_count"), "integer"),
        **TIMES,
        "expires_at": "timestamp",
        **dict.fromkeys(("video_title?", "prompt_instructions?", "error_message?", "request_id?"), "string"),
    },
    ("users", "analysis_drafts", "scenes"): {
        **dict.fromkeys(("id", "duration_secs"), "integer"),
        **dict.fromkeys(("analysis_draft_id", "title", "start", "end"), "string"),
        **dict.fromkeys(("pad_before", "pad_after", "confidence?"), "double"),
        **dict.fromkeys(("description?", "reason?", "hook_category?"), "string"),
    },
}
ENTRY = {
    **dict.fromkeys(("title", "start", "end"), "string"),
    **dict.fromkeys(("id", "duration"), "integer"),
    **dict.fromkeys(("pad_before", "pad_after"), "double"),
    **dict.fromkeys(("hook_category?", "reason?", "description?"), "string"),
}
PROGRESS = {
    **dict.fromkeys(("total_scenes", "completed_scenes", "total_clips", "completed_clips"), "integer"),
    "failed_clips": "integer",
    "current_scene_id?": "integer null",
    **dict.fromkeys(("current_scene_title?", "error_message?"), "string null"),
    **dict.fromkeys(("started_at", "updated_at"), "timestamp"),
}
# What the older product wrote beside that, or otherwise: in the documents of its accounts alone.
OLDER: dict[tuple[str, ...], dict[str, str]] = {
    ("users",): {
        "email?": "string null",
        "role?": "string null",
        "settings?": "map",
        "clips_used_this_month?": "integer",
        "credits_used_this_month?": "integer",
        "usage_reset_month?": "string",
    },
    ("users", "videos"): {"expected_clips?": "integer"},
}
# Documents whose story is that they are not so: by the story's name, the fields (all of them: `*`).
TOLD = {
    "half_plan_document": "*",
    "credits_and_clips": "clips_used_this_month",
    "hostile_html": "settings",
    "without_status": "status",
    "without_times": "created_at updated_at",
    "without_updated_at": "updated_at",
    "wrong_types": "*",
    "legacy_clips": "updated_at has_thumbnail created_by crop_mode target_aspect",
    "without_size": "file_size_bytes file_size_mb",
    "highlights_no_list": "highlights",
    "clip_without_key": "r2_key thumbnail_r2_key",
    "rendering": "r2_key completed_at",
    "stale_clip": "r2_key completed_at",
    "made_of_a_draft": "*",
}


def older_accounts() -> set[str]:
    return {uid_of(person.handle) for person in PEOPLE if person.older}


def exempt(path: str) -> set[str]:
    """The fields of this document that a story is about."""
    found: set[str] = set()
    for name, fields in TOLD.items():
        story = WORLD.cast.get(name)
        if story is not None:
            at = f"users/{story.uid}/videos/{story.video_id}"
            if path in {f"users/{story.uid}", at} or path.startswith((f"{at}/clips/", f"{at}/highlights/")):
                found.update(fields.split())
    if path == "plans/studio":
        found.update(TOLD["half_plan_document"])
    return found


def differences(fields: dict[str, str], expected: dict[str, str], told: set[str]) -> Iterator[str]:
    """What is missing, not known, or of another kind."""
    kinds = {name.removesuffix("?"): kind.split() for name, kind in expected.items()}
    for name in sorted(kinds.keys() | fields.keys()):
        if name in told or "*" in told:
            continue
        if name not in fields:
            if f"{name}?" not in expected:
                yield f"{name} is missing"
        elif fields[name] not in kinds.get(name, ()):
            yield f"{name} is {fields[name]}, not {' or '.join(kinds.get(name, ['there']))}"


def kinds_of(fields: object) -> dict[str, str]:
    """The kind of each field, as Firestore calls it."""
    return {name: value.WhichOneof("value_type").removesuffix("_value") for name, value in fields.items()}  # type: ignore[attr-defined]


def test_documents_are_as_the_product_writes_them() -> None:
    found: list[str] = []
    seen: set[tuple[str, ...]] = set()
    old = older_accounts()
    for path, values in WORLD.documents.items():
        parts = path.split("/")
        shape = tuple(parts[::2])
        expected = dict(WRITTEN[shape])
        if parts[0] == "users" and parts[1] in old:
            changed = {name.removesuffix("?") for name in OLDER.get(shape, {})}
            expected = {name: kind for name, kind in expected.items() if name.removesuffix("?") not in changed}
            expected |= OLDER.get(shape, {})
        name = document_named(f"projects/p/databases/(default)/documents/{path}")
        fields = document(name, values).fields
        told = exempt(path)
        found += [f"{path}: {one}" for one in differences(kinds_of(fields), expected, told)]
        inner = [("highlights", [v.map_value.fields for v in fields["highlights"].array_value.values], ENTRY)]
        if fields["processing_progress"].WhichOneof("value_type") == "map_value":
            inner.append(("processing_progress", [fields["processing_progress"].map_value.fields], PROGRESS))
        for field, maps, table in inner:
            for one in maps:
                found += [f"{path}: {field}.{each}" for each in differences(kinds_of(one), table, told)]
        seen.add(shape)
    assert found == []
    assert seen >= WRITTEN.keys() - {("users", "analysis_drafts"), ("users", "analysis_drafts", "scenes")}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"clips_count": 1.0}, "clips_count is double, not integer"),
        ({"created_at": "2026-01-01"}, "created_at is string, not timestamp"),
        ({"settings": {}}, "settings is map, not there"),
        ({"status": None}, "status is null, not string"),
    ],
)
def test_the_comparison_sees_another_type_and_a_field_too_many(change: dict[str, object], said: str) -> None:
    story = WORLD.cast["healthy"]
    path = f"users/{story.uid}/videos/{story.video_id}"
    name = document_named(f"projects/p/databases/(default)/documents/{path}")
    fields = document(name, {**WORLD.documents[path], **change}).fields
    assert list(differences(kinds_of(fields), WRITTEN["users", "videos"], set())) == [said]
