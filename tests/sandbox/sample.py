"""The sample data as the tests look at them: built once, with the questions that several tests ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from storage.domain.layout import Layout
from storage.sandbox.world import SampleWorld, build
from storage.sandbox.world.builder import SampleObject, Story

NOW = datetime(2025, 11, 18, 9, 30, 15, 250_000, tzinfo=UTC)
WORLD: SampleWorld = build(NOW)
OBJECTS: dict[str, SampleObject] = {each.key: each for each in WORLD.objects}
LAYOUTS = (Layout("users/"), Layout(""))


def video_of(story: Story) -> Mapping[str, Any]:
    """The fields of the story's video document."""
    return WORLD.documents[f"users/{story.uid}/videos/{story.video_id}"]


def clips_of(story: Story) -> list[Mapping[str, Any]]:
    """The clip documents of the story's video, in order of id."""
    prefix = f"users/{story.uid}/videos/{story.video_id}/clips/"
    found = [p for p in WORLD.documents if p.startswith(prefix) and p.count("/") == 5]
    return [WORLD.documents[path] for path in sorted(found)]


def clip_of(story: Story) -> Mapping[str, Any]:
    """The fields of the story's clip document."""
    return WORLD.documents[f"users/{story.uid}/videos/{story.video_id}/clips/{story.clip_id}"]


def highlights_object(story: Story) -> SampleObject | None:
    """`highlights.json` of the story's video, under either prefix."""
    keys = (layout.highlights_key(story.uid, str(story.video_id)) for layout in LAYOUTS)
    return next((OBJECTS[key] for key in keys if key in OBJECTS), None)


def has_highlights_document(story: Story) -> bool:
    """Whether `highlights/main` exists below the story's video."""
    return f"users/{story.uid}/videos/{story.video_id}/highlights/main" in WORLD.documents


def listed_highlights(story: Story) -> bool:
    """Whether `highlights/main` has a list with entries: what the product shows."""
    document = WORLD.documents.get(f"users/{story.uid}/videos/{story.video_id}/highlights/main", {})
    return isinstance(document.get("highlights"), list) and bool(document["highlights"])


def intact(clip: Mapping[str, Any]) -> bool:
    """Whether the object that the document names is there, with its size."""
    found = OBJECTS.get(clip["r2_key"] or "")
    return found is not None and found.size == clip.get("file_size_bytes", found.size) and found.size > 0


def documents(*shape: str) -> Iterator[tuple[list[str], Mapping[str, Any]]]:
    """Documents whose path has these collections, as the path's ids and the fields."""
    for path, fields in WORLD.documents.items():
        parts = path.split("/")
        if tuple(parts[::2]) == shape:
            yield parts[1::2], fields
