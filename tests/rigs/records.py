"""A `Records` over a running Firestore, and documents to read with it, written by Google's own client."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from types import TracebackType
from typing import Any, Self

from storage.actions.documents import DocumentWriter
from storage.clients.firestore import FirestoreHandle, open_firestore
from storage.clients.meter import Meter, metering
from storage.repositories.records import Records
from storage.settings.backends import FirestoreSettings
from tests.rigs.firestore import EmbeddedFirestore, FirestoreRig
from tests.rigs.firestore_faults import Faults

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
_BATCH = 400


def user(uid: str, **changes: Any) -> dict[str, Any]:
    """A user's document as the backend writes it."""
    return {
        "uid": uid,
        "email": f"{uid}@example.com",
        "plan": "pro",
        "role": None,
        "created_at": NOON,
        "updated_at": NOON,
        "settings": {"theme": "dark"},
        "total_storage_bytes": 3_000,
        "total_clips_count": 3,
        "usage_reset_month": "2026-03",
        "credits_used_this_month": 40,
        **changes,
    }


def video(video_id: str, **changes: Any) -> dict[str, Any]:
    """A video's document as the backend writes it."""
    return {
        "video_id": video_id,
        "video_title": f"About {video_id}",
        "video_url": f"https://www.youtube.com/watch?v={video_id}",
        "youtube_id": video_id,
        "status": "completed",
        "created_at": NOON,
        "updated_at": NOON,
        "completed_at": NOON,
        "failed_at": None,
        "error_message": None,
        "highlights_count": 3,
        "styles_processed": ["split"],
        "clips_count": 3,
        "total_size_bytes": 3_000,
        "clips_by_style": {"split": 3},
        **changes,
    }


def clip(video_id: str, scene: int, **changes: Any) -> dict[str, Any]:
    """A clip's document as the backend writes it."""
    return {
        "clip_id": f"{video_id}_{scene}_split",
        "video_id": video_id,
        "scene_id": scene,
        "scene_title": f"Scene {scene}",
        "filename": f"clip_01_{scene}_scene_split.mp4",
        "style": "split",
        "priority": 1,
        "duration_seconds": 12.5,
        "file_size_bytes": 1_000,
        "has_thumbnail": True,
        "r2_key": f"users/u1/{video_id}/clips/clip_01_{scene}_scene_split.mp4",
        "status": "completed",
        "created_at": NOON + timedelta(seconds=scene),
        "updated_at": None,
        **changes,
    }


class World:
    """An empty project on a rig: put documents into it, read them through `records`, change them through `writer`."""

    def __init__(self, rig: FirestoreRig, *, single_threaded: bool = True) -> None:
        self.rig = rig
        self.project = rig.fresh_project()
        settings = FirestoreSettings(self.project, None, rig.host)
        self.handle: FirestoreHandle = open_firestore(settings, single_threaded=single_threaded)
        self.records = Records(self.handle)
        self.writer = DocumentWriter(self.handle)
        self._client: Any = None

    def values(self) -> dict[str, str]:
        """Where it is, as environment variables."""
        return {"FIREBASE_PROJECT_ID": self.project, "FIRESTORE_EMULATOR_HOST": self.rig.host}

    @property
    def client(self) -> Any:
        """Google's own client for the same project."""
        if self._client is None:
            self._client = self.rig.client(self.project)
        return self._client

    @property
    def faults(self) -> Faults:
        """The faults and counts of an embedded Firestore."""
        assert isinstance(self.rig, EmbeddedFirestore)
        return self.rig.faults

    def put(self, documents: Mapping[str, Mapping[str, Any]]) -> None:
        """Writes whole documents by path, past everything that is under test."""
        if isinstance(self.rig, EmbeddedFirestore):
            self.rig.server.load(self.project, documents)
            return
        left = iter(documents.items())
        while part := list(islice(left, _BATCH)):
            batch = self.client.batch()
            for path, fields in part:
                batch.set(self.client.document(path), fields)
            batch.commit()

    def fields(self, path: str) -> dict[str, Any]:
        """The fields of a document, which must exist."""
        document = self.records.raw(path)
        assert document is not None
        return dict(document.fields or {})

    def update_time(self, path: str) -> datetime:
        """When a document, which must exist, was last written."""
        document = self.records.raw(path)
        assert document is not None
        assert document.update_time is not None
        return document.update_time

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.handle.close()


def reads_of(call: Any) -> tuple[Any, int]:
    """What a call gives, and the document reads that the meter counted for it."""
    meter: Meter
    with metering() as meter:
        result = call()
    return result, meter.cost().firestore_reads
