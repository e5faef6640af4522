"""Writes, and takes away again, a small object of the desk's own, to learn what each R2 token may do."""

from __future__ import annotations

import secrets

from storage.actions.objects import ObjectWriter
from storage.domain.layout import OPS_PREFIX
from storage.errors import StorageError

HEALTH_PREFIX = f"{OPS_PREFIX}health/"


class Canary:
    """One object below `_ops/health/` with a name nobody else uses and a few random bytes."""

    def __init__(self, writer: ObjectWriter) -> None:
        self._writer = writer
        self.key = f"{HEALTH_PREFIX}canary-{secrets.token_hex(8)}.txt"
        self.content = secrets.token_hex(16).encode()

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
