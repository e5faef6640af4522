"""A small world to purge in: users with everything that the product writes for them, on a real Firestore and bucket."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
from tests.rigs.desk import put_documents, user_documents, user_objects
from tests.rigs.firestore import EmbeddedFirestore, FirestoreRig
from tests.rigs.seaweed import rig_of, writer_of

ADA = Actor("ada@example.com", frozenset({"admin"}), "local")
BOB = Actor("bob@example.com", frozenset({"admin"}), "local")
LIMITS = PurgeLimits(lease_seconds=5)
NO_PAUSES = (0.0, 0.0, 0.0, 0.0)
REASON = "customer asked, ticket 4711"
VIDEO = "video-aaa"


def no_wait(_: float) -> None:
    """Lets no time pass."""


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
        self.client = writer_of(self.settings.r2)
        self.purging = self.open()

    def open(self, **changes: Any) -> Purging:
        """A context of its own, as another process would have."""
        objects = ObjectWriter(self.client, self.settings.r2.bucket, sleep=lambda _: None)
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
        put_documents(self.firestore, self.project, documents)

    def put_objects(self, objects: Mapping[str, tuple[bytes, str]]) -> None:
        """Writes objects past everything under test."""
        rig_of(self.settings.r2.bucket).put(self.settings.r2.bucket, objects)

    def fill(self, objects: Mapping[str, tuple[bytes, str]]) -> None:
        """As `put_objects`, for the world that a test begins with: past the S3 interface, at a seventh of the cost."""
        rig_of(self.settings.r2.bucket).fill(self.settings.r2.bucket, objects)

    def add_user(self, uid: str, videos: Mapping[str, int], *, prefix: str = "users/", caches: bool = True) -> None:
        """A whole user in both stores, with or without caches."""
        documents = user_documents(uid, videos, prefix=prefix, caches=caches)
        self.put_documents(documents)
        self.fill(user_objects(documents))

    def begin_upload(self, key: str) -> str:
        """A multipart upload that is never finished."""
        return str(self.client.at(self.settings.r2.bucket).call("create_multipart_upload", key, Key=key)["UploadId"])

    def objects(self) -> dict[str, tuple[bytes, str | None]]:
        """Every object but the desk's own, with bytes and type, past everything under test."""
        return rig_of(self.settings.r2.bucket).contents(self.settings.r2.bucket, leave_out="_ops/")

    def own_keys(self, prefix: str = "_ops/") -> list[str]:
        """The desk's own objects."""
        pages = self.stores.objects.list_pages(prefix)
        return list(chain.from_iterable(page.frame["key"].tolist() for page in pages))

    def documents(self) -> dict[str, Any]:
        """Every document but the desk's own: its fields as messages, so that nothing is lost in comparing."""
        if isinstance(self.firestore, EmbeddedFirestore):
            stored = self.firestore.documents(self.project)
            return {path: dict(one.fields.items()) for path, one in stored.items() if not path.startswith("ops_")}
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
