"""Builds the world: `WorldBuilder` gathers documents, objects, uploads and stories, and settles the counters last.

Ids and keys depend on names alone, sizes and choices also on the seed, and only times on `now`. So a world with new
dates has the same paths and keys as before. `SampleWorld` holds the finished values and the catalogue of stories.
"""

from __future__ import annotations

import hashlib
import random
import string
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from storage.domain.layout import Layout

MEDIA = Path(__file__).resolve().parent.parent / "media"


LAYOUT = Layout("")
OLDER_LAYOUT = Layout("users/")
LETTERS = string.ascii_letters + string.digits
Fields = dict[str, Any]


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
    """A multipart upload that began `age` ago and never completed; it has one part."""

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
class SampleWorld:
    """All data of a new demo, dated relative to `now`; the same `now` and `seed` give the same world.

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


class WorldBuilder:
    """Gathers documents, objects, uploads and stories; `finish` settles the counters and gives the world."""

    def __init__(self, now: datetime, seed: int) -> None:
        self.now = now
        self.seed = seed
        self.documents: dict[str, Fields] = {}
        self.objects: dict[str, SampleObject] = {}
        self.uploads: list[SampleUpload] = []
        self.cast: dict[str, Story] = {}
        self.live: dict[str, Mapping[str, timedelta]] = {}
        self._shifts: list[tuple[str, Fields]] = []
        self._sizes = {path.name: path.stat().st_size for path in MEDIA.iterdir()}

    def chance(self, *names: object) -> random.Random:
        """A separate source of random choices for each thing, so that a new story does not change the others."""
        return random.Random("/".join([str(self.seed), *map(str, names)]))

    def put(self, path: str, fields: Fields) -> Fields:
        """Adds a document; each path once."""
        if path in self.documents:
            raise ValueError(f"two documents at {path}")
        self.documents[path] = fields
        return fields

    def store(self, key: str, source: str | bytes, content_type: str, modified: datetime) -> SampleObject:
        """Adds an object; each key once. `source` is a file of the sample media or the bytes."""
        if key in self.objects:
            raise ValueError(f"two objects at {key}")
        size = len(source) if isinstance(source, bytes) else self._sizes[source]
        self.objects[key] = SampleObject(key, source, content_type, size, modified)
        return self.objects[key]

    def size_of(self, media: str) -> int:
        """The size in bytes of a file of the sample media."""
        return self._sizes[media]

    def tell(self, story: Story) -> None:
        """Adds a story to the catalogue; each name once."""
        if story.name in self.cast:
            raise ValueError(f"two stories called {story.name}")
        self.cast[story.name] = story

    def shift(self, path: str, **amounts: Any) -> None:
        """Lets counters of a document drift: adds each amount after the counters are settled."""
        self._shifts.append((path, amounts))

    def finish(self) -> SampleWorld:
        """The world: every counter that no story set equals its truth, and then gets its shift."""
        self._settle()
        for path, amounts in self._shifts:
            for name, amount in amounts.items():
                self.documents[path][name] += amount
        return SampleWorld(
            now=self.now,
            seed=self.seed,
            documents=self.documents,
            objects=tuple(self.objects[key] for key in sorted(self.objects)),
            uploads=tuple(self.uploads),
            cast=self.cast,
            live=self.live,
        )

    def _settle(self) -> None:
        sizes: Counter[str] = Counter()
        counts: Counter[str] = Counter()
        styles: dict[str, Counter[str]] = {}
        for path, fields in self.documents.items():
            parts = path.split("/")
            if len(parts) != 6 or parts[4] != "clips":
                continue
            for owner in ("/".join(parts[:2]), "/".join(parts[:4])):
                counts[owner] += 1
                sizes[owner] += fields.get("file_size_bytes") or 0
            styles.setdefault("/".join(parts[:4]), Counter())[fields["style"]] += 1
        for path, fields in self.documents.items():
            match path.split("/"):
                case ["users", uid]:
                    dead = f"storage_accounting/{uid}" in self.documents  # then nothing raises the user's own counters
                    fields.setdefault("total_storage_bytes", 0 if dead else sizes[path])
                    fields.setdefault("total_clips_count", 0 if dead else counts[path])
                case ["users", _, "videos", _]:
                    fields.setdefault("clips_count", counts[path])
                    fields.setdefault("total_size_bytes", sizes[path])
                    if "video_id" in fields:  # the document of a video that nobody created has only the clip count
                        fields.setdefault("clips_by_style", dict(sorted(styles.get(path, {}).items())))
                case ["storage_accounting", uid]:
                    fields.setdefault("styled_clips_bytes", sizes[f"users/{uid}"])
                    fields.setdefault("styled_clips_count", counts[f"users/{uid}"])
                    self._count_caches(uid, fields)

    def _count_caches(self, uid: str, fields: Fields) -> None:
        """The fields of `storage_accounting` beside the billable clips: bytes by kind of cache."""
        names = {
            "source": "source_videos_bytes",
            "raw_segment": "raw_segments_bytes",
            "neural_cache": "neural_cache_bytes",
        }
        sums = dict.fromkeys(names.values(), 0)
        for key in self._keys_of(uid):
            name = names.get(LAYOUT.parse(key).kind)
            if name:
                sums[name] += self.objects[key].size
        for name, value in sums.items():
            fields.setdefault(name, value)

    def _keys_of(self, uid: str) -> list[str]:
        prefixes = (*LAYOUT.user_prefixes(uid), *OLDER_LAYOUT.user_prefixes(uid))
        return [key for key in self.objects if key.startswith(prefixes)]


def letters(name: str, length: int, alphabet: str = LETTERS) -> str:
    """An id of `length` characters; the same name always gives the same id."""
    number, found = int.from_bytes(hashlib.sha256(name.encode()).digest()), ""
    for _ in range(length):
        number, index = divmod(number, len(alphabet))
        found += alphabet[index]
    return found


def user_id(handle: str) -> str:
    """A uid in Firebase's form: 28 letters and digits."""
    return letters(f"uid:{handle}", 28)


def video_id(uid: str, name: str, *, short: bool = False) -> str:
    """A UUID, or a short id as in older deployments."""
    if short:
        return letters(f"video:{uid}/{name}", 10, string.ascii_lowercase + string.digits + "-").strip("-").ljust(8, "0")
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"video:{uid}/{name}"))


def youtube_id(name: str) -> str:
    """An id in YouTube's form: eleven characters."""
    return letters(f"youtube:{name}", 11, LETTERS + "-_")
