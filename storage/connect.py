"""The composition root: settings in, stores out. Readers and writers are opened apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from storage import logs
from storage.actions.documents import DocumentWriter
from storage.actions.objects import ObjectWriter
from storage.clients import firestore, r2
from storage.domain.layout import Layout
from storage.repositories.objects import Objects
from storage.repositories.records import Records
from storage.settings import backends, reader
from storage.settings.backends import Settings


@dataclass(frozen=True, slots=True)
class Stores:
    """Everything that looks, and nothing that changes. Safe to share between threads; `close` when done.

    `alive` is False once a demo that these reach has ended; live stores, which others run, are never told from dead.
    """

    settings: Settings
    layout: Layout
    objects: Objects
    records: Records
    handle: firestore.FirestoreHandle
    alive: Callable[[], bool] = lambda: True

    def close(self) -> None:
        """Closes the Firestore channel; the stores are not usable afterwards."""
        self.handle.close()


@dataclass(frozen=True, slots=True)
class Writers:
    """What changes things: handed to `storage.actions` only, with the credentials for changing."""

    objects: ObjectWriter
    documents: DocumentWriter


def connect(settings: Settings) -> Stores:
    """Opens the readers. No request is made before the first question."""
    pairs = (settings.r2.read, settings.r2.write)
    logs.know(secret for pair in pairs for secret in (pair.access_key_id, pair.secret_access_key))
    logs.know([settings.audit_key, *settings.audit_former_keys])
    handle = firestore.open_firestore(settings.firestore)
    layout = Layout(settings.r2.key_prefix)
    return Stores(
        settings=settings,
        layout=layout,
        objects=Objects(r2.read_client(settings.r2), settings.r2.bucket, public_url=settings.r2.public_url),
        records=Records(handle),
        handle=handle,
    )


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


@contextmanager
def opened() -> Iterator[Stores]:
    """The stores that this machine's configuration names, for one command; the demo's where nothing is configured.

    Raises `ConfigError` with every problem when something is configured and not all of it is right.
    """
    values = reader.read()
    if not backends.is_demo(values):
        stores = connect(backends.load(values))
        try:
            yield stores
        finally:
            stores.close()
        return
    from storage.sandbox.demo import open_demo  # only here: live mode never imports the stand-ins

    demo = open_demo()
    try:
        stores = replace(connect(backends.load({**values, **demo.values()}, mode="demo")), alive=demo.alive)
        try:
            yield stores
        finally:
            stores.close()
    finally:
        demo.stop()
