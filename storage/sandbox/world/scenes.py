"""Scenes of a video and the highlights that the analysis writes about them, as object and as document."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage.sandbox.world.draft import Draft
from storage.sandbox.world.wording import WORDINGS

# The sample clips by letter, with their length in seconds: a scene is as long as the clip that stands for it.
CLIP_SECONDS = {"a": 6, "b": 7, "c": 5, "d": 6, "e": 6, "f": 5, "g": 4, "h": 5, "i": 7, "j": 6, "k": 8, "l": 4}
HOOKS = ("question", "surprise", "confession", "how_to", "conflict")


@dataclass(frozen=True, slots=True)
class Scene:
    """One highlight: its number, what it is called, where it lies in the long video (seconds), which clip it shows."""

    number: int
    title: str
    start: int
    letter: str

    @property
    def seconds(self) -> int:
        """Length in seconds."""
        return CLIP_SECONDS[self.letter]

    @property
    def end(self) -> int:
        """Where it ends in the long video, in seconds."""
        return self.start + self.seconds


def make_scenes(draft: Draft, language: str, owner: str, count: int) -> tuple[Scene, ...]:
    """So many scenes in order of time, none overlapping."""
    chance = draft.chance("scenes", owner)
    titles = WORDINGS[language].scenes
    at, first, scenes = 0, chance.randrange(len(titles)), []
    for number in range(1, count + 1):
        at += chance.randint(25, 400)
        title = titles[(first + number) % len(titles)]
        scenes.append(Scene(number, title, at, chance.choice(sorted(CLIP_SECONDS))))
        at = scenes[-1].end
    return tuple(scenes)


def clock(seconds: int) -> str:
    """Seconds as `HH:MM:SS`."""
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def highlight_entries(scenes: Sequence[Scene]) -> list[dict[str, Any]]:
    """The scenes as `highlights.json` lists them."""
    return [
        {
            "id": scene.number,
            "title": scene.title,
            "description": f"{scene.title} ({clock(scene.start)})",
            "start": clock(scene.start),
            "end": clock(scene.end),
            "duration": scene.seconds,
            "pad_before_seconds": 1.0,
            "pad_after_seconds": 1.0,
            "hook_category": HOOKS[scene.number % len(HOOKS)],
            "reason": "Strong opening line and a clear turn within the first seconds.",
        }
        for scene in scenes
    ]


def highlights_file(scenes: Sequence[Scene], video_url: str | None, video_title: str | None) -> bytes:
    """`highlights.json` as the worker writes it."""
    content = {
        "highlights": highlight_entries(scenes),
        "video_url": video_url,
        "video_title": video_title,
        "custom_prompt": None,
    }
    return json.dumps(content, ensure_ascii=False).encode()


def add_highlights_document(draft: Draft, video_path: str, scenes: Sequence[Scene], at: datetime) -> None:
    """`highlights/main` below the video."""
    fields = {
        "video_id": video_path.rpartition("/")[2],
        "highlights": highlight_entries(scenes),
        "created_at": at,
        "updated_at": at,
    }
    draft.put(f"{video_path}/highlights/main", fields)
