"""Writes, and takes away again, something small of the desk's own, to learn what each credential may do."""

from __future__ import annotations

import secrets

from storage.actions.document_changes import Create, Delete
from storage.actions.documents import DocumentWriter
from storage.actions.object_conditions import Conditions
from storage.actions.objects import ObjectWriter
from storage.domain.layout import OPS_PREFIX
from storage.errors import StorageError

HEALTH_PREFIX = f"{OPS_PREFIX}health/"
HEALTH_COLLECTION = "ops_health"


def try_document(writer: DocumentWriter) -> str:
    """Writes a document with a name nobody else uses and deletes it; its path. Raises what Firestore says."""
    path = f"{HEALTH_COLLECTION}/canary-{secrets.token_hex(8)}"
    writer.commit([Create(path, {"canary": True})], operation="Writing a canary")
    writer.commit([Delete(path)], operation="Deleting the canary")
    return path


class Canary:
    """One object below `_ops/health/` with a name nobody else uses and a few random bytes."""

    def __init__(self, writer: ObjectWriter) -> None:
        self._writer = writer
        self.key = f"{HEALTH_PREFIX}canary-{secrets.token_hex(8)}.txt"
        self.content = secrets.token_hex(16).encode()

    @property
    def conditions(self) -> Conditions:
        """What the store keeps of conditions."""
        return self._writer.conditions

    def write(self) -> None:
        """Puts the object; raises what the store says."""
        self._writer.put(self.key, self.content, "text/plain")

    def delete(self) -> None:
        """Deletes the object; raises where the store refused it, or did not say that it did it."""
        result = self._writer.delete([self.key])
        failure = result.first_error()
        if failure is not None:
            raise failure

    def clean_up(self) -> StorageError | None:
        """Deletes without raising: the error that leaves the object behind, if any."""
        try:
            self.delete()
        except StorageError as error:
            return error
        return None
