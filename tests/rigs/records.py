"""A `Records` over a running Firestore, and what one test puts into it and reads from it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from storage.actions.documents import DocumentWriter
from storage.clients.firestore import FirestoreHandle, open_firestore
from storage.clients.meter import Meter, metering
from storage.repositories.records import Records
from storage.settings.backends import FirestoreSettings
from tests.rigs.desk import NOON, clip, put_documents, user, video
from tests.rigs.firestore import EmbeddedFirestore, FirestoreRig
from tests.rigs.firestore_faults import Faults

__all__ = ["NOON", "World", "clip", "reads_of", "user", "video"]


class World:
    """An empty project on a rig: put documents into it, read them through `records`, change them through `writer`.

    Faults that were added while it was there end with it: the rig goes on to other tests.
    """

    def __init__(self, rig: FirestoreRig, *, single_threaded: bool = True) -> None:
        self.rig = rig
        self._faults_before = rig.faults.in_force() if isinstance(rig, EmbeddedFirestore) else []
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
        put_documents(self.rig, self.project, documents)

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
        if isinstance(self.rig, EmbeddedFirestore):
            self.rig.faults.lift_all_but(self._faults_before)


def reads_of(call: Any) -> tuple[Any, int]:
    """What a call gives, and the document reads that the meter counted for it."""
    meter: Meter
    with metering() as meter:
        result = call()
    return result, meter.cost().firestore_reads
