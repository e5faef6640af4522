"""A small world to purge in: users with everything that the product writes for them, on a real Firestore and bucket."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

from storage.actions.audit import AuditTrail
from storage.actions.documents import DocumentWriter
from storage.actions.objects import ObjectWriter
from storage.actions.purge.context import Purging
from storage.actions.purge.jobs import Request, apply_plan
from storage.actions.purge.plans import approve, make_plan
from storage.actions.purge.worker import run_job
from storage.actions.writers import Writers
from storage.clients import r2
from storage.connect import connect
from storage.domain.policy import Actor
from storage.domain.purge.job import Job
from storage.domain.purge.plan import PurgePlan
from storage.domain.purge.scope import PurgeLimits, Scope
from storage.repositories.audit_log import AuditLog
from storage.repositories.decode import document_from_json
from storage.repositories.jobs import Jobs
from storage.repositories.queries import Subtree
from storage.repositories.stores import Stores
from storage.settings.backends import Settings, load
from tests.rigs.firestore import EmbeddedFirestore, FirestoreRig

ADA = Actor("ada@example.com", frozenset({"admin"}), "local")
BOB = Actor("bob@example.com", frozenset({"admin"}), "local")
LONG_AGO = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
LIMITS = PurgeLimits(lease_seconds=5)
NO_PAUSES = (0.0, 0.0, 0.0, 0.0)
REASON = "customer asked, ticket 4711"
VIDEO = "video-aaa"


def no_wait(_: float) -> None:
    """Lets no time pass."""


def user_documents(uid: str, videos: Mapping[str, int], *, prefix: str = "users/") -> dict[str, dict[str, Any]]:
    """A user with everything: so many clips in each video, shares, highlights, transactions, true counters."""
    clips = {
        f"users/{uid}/videos/{v}/clips/{v}_{n}_split": _clip(uid, v, n, prefix)
        for v, k in videos.items()
        for n in range(k)
    }
    total = sum(clip["file_size_bytes"] for clip in clips.values())
    documents: dict[str, dict[str, Any]] = {
        f"users/{uid}": {
            "uid": uid, "email": f"{uid}@example.com", "plan": "pro", "settings": {"a.b": [1, 2.5, None]},
            "total_storage_bytes": total, "total_clips_count": len(clips), "created_at": LONG_AGO,
        },
        f"storage_accounting/{uid}": {"styled_clips_bytes": total, "styled_clips_count": len(clips)},
        f"users/{uid}/credit_transactions/t1": {"timestamp": LONG_AGO, "credits_amount": -3},
        **clips,
    }  # fmt: skip
    for video_id, count in videos.items():
        path = f"users/{uid}/videos/{video_id}"
        own = [clip for key, clip in clips.items() if key.startswith(f"{path}/")]
        documents[path] = {
            "video_id": video_id, "status": "completed", "updated_at": LONG_AGO, "clips_count": count,
            "total_size_bytes": sum(clip["file_size_bytes"] for clip in own),
            "clips_by_style": {"split": count} if count else {},
            "highlights_json_key": f"{prefix}{uid}/{video_id}/highlights.json",
            "source_video_r2_key": f"sources/{uid}/{video_id}/source.mp4",
        }  # fmt: skip
        documents[f"{path}/highlights/main"] = {"highlights": [{"id": 1, "title": "café"}]}
        if count:
            slug = f"slug-{uid}-{video_id}"
            clip_id = f"{video_id}_0_split"
            documents[f"{path}/clips/{clip_id}/shares/config"] = {"slug": slug, "access_level": "public"}
            documents[f"share_slugs/{slug}"] = {"user_id": uid, "video_id": video_id, "clip_id": clip_id}
    return documents


def _clip(uid: str, video_id: str, number: int, prefix: str) -> dict[str, Any]:
    stem = f"{prefix}{uid}/{video_id}/clips/clip_01_{number}_a title+%#_split"
    return {
        "clip_id": f"{video_id}_{number}_split", "scene_id": number, "style": "split", "status": "completed",
        "file_size_bytes": 10 + number, "r2_key": f"{stem}.mp4", "thumbnail_r2_key": f"{stem}.jpg",
        "raw_r2_key": f"clips/{uid}/{video_id}/raw/{number}.mp4", "created_at": LONG_AGO,
    }  # fmt: skip


def user_objects(documents: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[bytes, str]]:
    """Every object that these documents name, with bytes of the size that they say, and its content type."""
    found: dict[str, tuple[bytes, str]] = {}
    for path, fields in documents.items():
        parts = path.split("/")
        if len(parts) == 6 and parts[4] == "clips":
            found[fields["r2_key"]] = (fields["r2_key"].encode().ljust(500)[: fields["file_size_bytes"]], "video/mp4")
            found[fields["thumbnail_r2_key"]] = (b"jpeg of " + fields["r2_key"].encode(), "image/jpeg")
            found[fields["raw_r2_key"]] = (b"raw " + path.encode(), "video/mp4")
        elif len(parts) == 4 and parts[2] == "videos":
            uid, video_id = parts[1], parts[3]
            found[fields["highlights_json_key"]] = (b'{"highlights": []}', "application/json")
            found[fields["source_video_r2_key"]] = (b"source", "video/mp4")
            prefix = fields["highlights_json_key"].removesuffix(f"{uid}/{video_id}/highlights.json")
            found[f"{prefix}{uid}/{video_id}/neural/cache.json.gz"] = (b"\x1f\x8b", "application/gzip")
            found[f"{prefix}{uid}/transcripts/{video_id}.txt.gz"] = (b"\x1f\x8bt", "application/gzip")
    return found


class PurgeWorld:
    """One empty project and bucket, and the context of purges in it.

    `pass_time` moves every clock in it, Firestore's too; `offset` alone sets this machine's wrong.
    """

    def __init__(self, firestore: FirestoreRig, values: Mapping[str, str], limits: PurgeLimits = LIMITS) -> None:
        self.firestore = firestore
        self.project = firestore.fresh_project()
        self.values = {
            **values,
            "FIREBASE_PROJECT_ID": self.project,
            "FIRESTORE_EMULATOR_HOST": firestore.host,
            "HIGHLIGHTS_SOURCE": "object",
        }
        self.settings: Settings = replace(load(self.values), purge=limits)
        self.offset = timedelta()
        self.stores: Stores = connect(self.settings)
        self.purging = self.open()
        self._direct = r2.write_client(self.settings.r2).at(self.settings.r2.bucket)

    def open(self, **changes: Any) -> Purging:
        """A context of its own, as another process would have."""
        client = r2.write_client(self.settings.r2)
        objects = ObjectWriter(client, self.settings.r2.bucket, sleep=lambda _: None)
        documents = DocumentWriter(self.stores.handle)
        trail = AuditTrail(documents, self.log, objects, clock=self.now)
        made = Purging(
            self.stores, Writers(objects, documents), trail, Jobs(self.stores.handle), self.settings.purge,
            clock=self.now, pauses=NO_PAUSES, wait=no_wait,
        )  # fmt: skip
        return replace(made, **changes)

    @property
    def log(self) -> AuditLog:
        return AuditLog(self.stores.handle, self.stores.objects)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def pass_time(self, time: timedelta) -> None:
        """As if so much time had passed for everybody."""
        assert isinstance(self.firestore, EmbeddedFirestore)
        self.offset += time
        self.firestore.offset += time

    def close(self) -> None:
        self.stores.close()

    def put_documents(self, documents: Mapping[str, Mapping[str, Any]]) -> None:
        """Writes documents past everything under test."""
        if isinstance(self.firestore, EmbeddedFirestore):
            self.firestore.server.load(self.project, documents)
            return
        client = self.firestore.client(self.project)
        batch = client.batch()
        for path, fields in documents.items():
            batch.set(client.document(path), fields)
        batch.commit()

    def put_objects(self, objects: Mapping[str, tuple[bytes, str]]) -> None:
        """Writes objects past everything under test."""

        def put(item: tuple[str, tuple[bytes, str]]) -> None:
            key, (body, kind) = item
            self._direct.call("put_object", key, Key=key, Body=body, ContentType=kind, Metadata={"made": "by the rig"})

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(put, objects.items()))

    def add_user(self, uid: str, videos: Mapping[str, int], *, prefix: str = "users/") -> None:
        """A whole user in both stores."""
        documents = user_documents(uid, videos, prefix=prefix)
        self.put_documents(documents)
        self.put_objects(user_objects(documents))

    def begin_upload(self, key: str) -> str:
        """A multipart upload that is never finished."""
        return str(self._direct.call("create_multipart_upload", key, Key=key)["UploadId"])

    def objects(self) -> dict[str, tuple[bytes, str | None]]:
        """Every object but the desk's own, with bytes and type."""
        keys = chain.from_iterable(page.frame["key"].tolist() for page in self.stores.objects.list_pages(""))
        found: dict[str, tuple[bytes, str | None]] = {}
        for key in keys:
            if not key.startswith("_ops/"):
                with self.stores.objects.open(key) as stream:
                    found[key] = (b"".join(stream), stream.info.content_type)
        return found

    def own_keys(self, prefix: str = "_ops/") -> list[str]:
        """The desk's own objects."""
        pages = self.stores.objects.list_pages(prefix)
        return list(chain.from_iterable(page.frame["key"].tolist() for page in pages))

    def documents(self) -> dict[str, Any]:
        """Every document but the desk's own: its fields as messages, so that nothing is lost in comparing."""
        tree = Subtree(self.stores.handle)
        records = self.stores.records
        found: dict[str, Any] = {}
        for collection in records.children(""):
            if collection.startswith("ops_"):
                continue
            for top in self._tops(collection):
                paths = [top, *(item.path for item in tree.below(top, ()))]
                for path, exact in records.exact(paths).items():
                    if exact is not None:
                        found[path] = dict(document_from_json(exact).fields.items())
        return found

    def _tops(self, collection: str) -> list[str]:
        token, found = "", list[str]()
        while True:
            page, token = self.stores.handle.list_documents(
                "", collection, operation="Listing for a test", page_size=300, page_token=token
            )
            found += [document.name.split("/documents/")[1] for document in page]
            if not token:
                return found

    def snapshot(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Everything that is the customers'."""
        return self.objects(), self.documents()

    def plan(self, scope: Scope, maker: Actor = ADA, *, acknowledge_missing: bool = False) -> PurgePlan:
        return make_plan(self.purging, scope, maker, maker=maker.email, acknowledge_missing=acknowledge_missing)

    def apply(self, plan: PurgePlan, actor: Actor = ADA, *, erase: bool = False) -> Job:
        """Applies with the right words."""
        return apply_plan(self.purging, plan, Request(plan.scope.spelled, REASON, erase), actor)

    def purge(self, scope: Scope, *, erase: bool = False) -> Job:
        """Plans, approves where needed, applies and runs."""
        plan = self.plan(scope)
        if erase or scope.kind == "user":
            approve(self.purging, plan, BOB)
        return run_job(self.purging, self.apply(plan, erase=erase).job_id)


def when_done(step: str, act: Callable[[], Any]) -> Callable[[str], None]:
    """A listener to progress that does something as soon as the first batch of a step is done."""
    done: list[bool] = []

    def heard(text: str) -> None:
        if text.startswith(f"{step}: 1 of") and not done:
            done.append(True)
            act()

    return heard
