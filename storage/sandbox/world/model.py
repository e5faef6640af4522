"""The values of the sample data: documents, objects, unfinished uploads, and the catalogue of what they show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

MEDIA = Path(__file__).resolve().parent.parent / "media"


@dataclass(frozen=True, slots=True)
class SampleObject:
    """One object of the bucket. `source` is the name of a file of the sample media, or the bytes themselves."""

    key: str
    source: str | bytes
    content_type: str
    size: int
    modified: datetime

    def content(self) -> bytes:
        """The bytes to upload; as many as `size` says."""
        return self.source if isinstance(self.source, bytes) else (MEDIA / self.source).read_bytes()


@dataclass(frozen=True, slots=True)
class SampleUpload:
    """A multipart upload that was begun `age` ago and never completed; one part of it was sent."""

    key: str
    age: timedelta
    content_type: str = "video/mp4"


@dataclass(frozen=True, slots=True)
class Story:
    """One situation that the sample data contains on purpose.

    `verdict` is what `diagnose` should say of the video. `findings` are the kinds that `verify` should report for the
    video (for the user, where `video_id` is `None`), each as often as it should come. `key` is the object it is about.
    """

    name: str
    uid: str
    shows: str
    video_id: str | None = None
    clip_id: str | None = None
    verdict: str | None = None
    findings: tuple[str, ...] = ()
    key: str | None = None


@dataclass(frozen=True, slots=True)
class World:
    """Everything that a fresh demo holds, dated relative to `now`; the same `now` and `seed` give the same world.

    `documents` is by path. `live` names fields that must stay young for their story to hold (a video being rendered):
    by document path, by dotted field name, the age that the time in it should have. `outages` lists the videos (uid,
    video id) that stopped together.
    """

    now: datetime
    seed: int
    documents: Mapping[str, Mapping[str, Any]]
    objects: tuple[SampleObject, ...]
    uploads: tuple[SampleUpload, ...]
    cast: Mapping[str, Story]
    live: Mapping[str, Mapping[str, timedelta]] = field(default_factory=dict)
    outages: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
