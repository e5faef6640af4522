"""Opens what changes things, separately from what looks: for actions only, with the credentials for changes."""

from __future__ import annotations

from dataclasses import dataclass, replace

from storage.actions.documents import DocumentWriter
from storage.actions.objects import ObjectWriter
from storage.clients import r2
from storage.repositories.stores import Stores


@dataclass(frozen=True, slots=True)
class Writers:
    """Everything that can change a store: for `storage.actions` only, with the credentials for changes."""

    objects: ObjectWriter
    documents: DocumentWriter


def open_writers(stores: Stores) -> Writers:
    """Opens the writers for the same targets."""
    r2_settings = stores.settings.r2
    return Writers(
        objects=ObjectWriter(r2.write_client(r2_settings), r2_settings.bucket),
        documents=DocumentWriter(stores.handle),
    )


def open_read_token_writer(stores: Stores) -> ObjectWriter:
    """A writer with the read-only token: a check verifies that the store refuses it."""
    settings = stores.settings.r2
    return ObjectWriter(r2.write_client(replace(settings, write=settings.read)), settings.bucket)
