"""Keeps for other processes which backend was found, so that they need not look again."""

from __future__ import annotations

from typing import Any

from storage.actions.documents import Create, DocumentWriter, FieldName, Update
from storage.clients.firestore import FirestoreHandle
from storage.domain.deployment import Deployment
from storage.domain.documents import RawDocument
from storage.errors import Stale
from storage.repositories.deployment import PATH


def keep(handle: FirestoreHandle, found: Deployment, earlier: RawDocument | None) -> None:
    """Replaces what was read before; what another process wrote meanwhile is equally good and stays."""
    held = found.as_fields()
    fields: dict[FieldName, Any] = dict(held.items())
    change = Create(PATH, held) if earlier is None else Update(PATH, fields, earlier.update_time)
    try:
        DocumentWriter(handle).commit([change], operation="Keeping which backend was found")
    except Stale:
        return
