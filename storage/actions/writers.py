"""What changes things, opened apart from what looks: handed to actions alone, with the credentials for changing."""

from __future__ import annotations

from dataclasses import dataclass, replace

from storage.actions.documents import DocumentWriter
from storage.actions.objects import ObjectWriter
from storage.clients import r2
from storage.repositories.stores import Stores


@dataclass(frozen=True, slots=True)
class Writers:
    """What changes things: handed to `storage.actions` only, with the credentials for changing."""

    objects: ObjectWriter
    documents: DocumentWriter


def open_writers(stores: Stores) -> Writers:
    """Opens the writers over the same targets."""
    r2_settings = stores.settings.r2
    return Writers(
        objects=ObjectWriter(r2.write_client(r2_settings), r2_settings.bucket),
        documents=DocumentWriter(stores.handle),
    )


def open_read_token_writer(stores: Stores) -> ObjectWriter:
    """A writer with the token that should only read: for the check that it is refused."""
    settings = stores.settings.r2
    return ObjectWriter(r2.write_client(replace(settings, write=settings.read)), settings.bucket)
