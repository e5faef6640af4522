"""Both stores with a user in them, for upload checks and diagnoses: real clients and stores, and a clock of its own."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from storage.actions.objects import ObjectWriter
from storage.domain.deployment import Served, set_to
from storage.domain.layout import thumbnail_of
from storage.repositories.objects import Objects
from storage.services.verify import VerifyContext
from tests.rigs import records
from tests.rigs.clips import PICTURE, film
from tests.rigs.records import World
from tests.rigs.seaweed import rig_of

STALE = timedelta(minutes=15)
CLIP = film()
HIGHLIGHTS = b'{"highlights": [{"id": 1, "title": "One", "start": "00:00:01", "end": "00:00:31"}]}'


class Desk:
    """A user `u1` in both stores. `later` moves the clock, so that what was just written is no longer young."""

    def __init__(
        self, world: World, writer: ObjectWriter, objects: Objects, prefix: str = "users/", served: Served = "object"
    ) -> None:
        self.world = world
        self.writer = writer
        self.deployment = set_to(served, prefix)
        self.layout = self.deployment.layout
        self.now = datetime.now(UTC) + timedelta(days=2)
        self.checker = VerifyContext(world.records, objects, self.deployment, lambda: self.now, STALE)

    def over(self, objects: Objects) -> VerifyContext:
        """The same checker with other access to the bucket."""
        return replace(self.checker, objects=objects)

    def ago(self, **span: float) -> datetime:
        """That long before the checker's now."""
        return self.now - timedelta(**span)

    def user(self, uid: str = "u1", **fields: Any) -> None:
        """A user's document."""
        self.put(f"users/{uid}", records.user(uid, **fields))

    def video(self, video_id: str, uid: str = "u1", *, highlights: bytes | None = HIGHLIGHTS, **fields: Any) -> None:
        """A video's document with its highlights.json."""
        old = {"updated_at": self.ago(days=1), "created_at": self.ago(days=1), "clips_count": None}
        self.put(f"users/{uid}/videos/{video_id}", records.video(video_id, **{**old, **fields}))
        if highlights is not None:
            self.object(self.layout.highlights_key(uid, video_id), highlights)

    def clip(
        self,
        video_id: str,
        scene: int,
        uid: str = "u1",
        *,
        content: bytes | None = CLIP,
        thumbnail: bytes | None = PICTURE,
        **fields: Any,
    ) -> str:
        """A clip's document with its object and thumbnail; gives its key."""
        key = f"{self.layout.user_prefixes(uid)[0]}{video_id}/clips/clip_01_{scene}_scene_split.mp4"
        named = {"r2_key": key, "file_size_bytes": len(CLIP), "updated_at": self.ago(days=1), **fields}
        self.put(
            f"users/{uid}/videos/{video_id}/clips/{video_id}_{scene}_split", records.clip(video_id, scene, **named)
        )
        if content is not None:
            self.object(named["r2_key"], content)
        if thumbnail is not None:
            self.object(thumbnail_of(named["r2_key"]), thumbnail)
        return str(named["r2_key"])

    def put(self, path: str, fields: Mapping[str, Any]) -> None:
        """One document."""
        self.world.put({path: fields})

    def object(self, key: str, content: bytes = CLIP) -> None:
        """One object, of the type that its name says."""
        self.objects([key], content)

    def objects(self, keys: list[str], content: bytes = CLIP) -> None:
        """Many objects at once."""
        bucket = self.writer._client.bucket
        kinds = {key: mimetypes.guess_type(key)[0] or "binary/octet-stream" for key in keys}
        rig_of(bucket).fill(bucket, {key: (content, kind) for key, kind in kinds.items()})
