"""The composition root: settings in, stores out. `storage.actions.writers` opens the writers separately."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING

from storage import logs
from storage.clients import firestore
from storage.repositories.records import Records
from storage.repositories.stores import Deployments, Stores
from storage.settings import backends, reader
from storage.settings.backends import Settings

if TYPE_CHECKING:
    from storage.repositories.objects import Objects
    from storage.services.deployment import Finder


def connect(settings: Settings) -> Stores:
    """Opens the readers. The first request follows only with the first question."""
    pairs = (settings.r2.read, settings.r2.write)
    logs.register_secrets(secret for pair in pairs for secret in (pair.access_key_id, pair.secret_access_key))
    logs.register_secrets([settings.audit_key, *settings.audit_former_keys, *settings.alerts.urls])
    handle = firestore.open_firestore(settings.firestore)
    records = Records(handle)
    return Stores(
        settings=settings,
        deployment=deployments(settings, handle, records),
        bucket=cache(lambda: _bucket(settings)),
        records=records,
        handle=handle,
    )


def _bucket(settings: Settings) -> Objects:
    from storage.clients import r2  # only here: half of all commands do not use the bucket, and its SDK is heavy
    from storage.repositories.objects import Objects

    return Objects(r2.read_client(settings.r2), settings.r2.bucket, public_url=settings.r2.public_url)


def deployments(settings: Settings, handle: firestore.FirestoreHandle, records: Records) -> Deployments:
    """Finds out which backend is there, as far as no setting says so; only when a caller first asks."""

    @cache
    def finder() -> Finder:
        from storage.actions.deployment import keep  # only here: half of all commands do not ask
        from storage.repositories.clock import utc_now
        from storage.repositories.deployment import DeploymentRecords
        from storage.services.deployment import Finder

        reader = DeploymentRecords(handle, utc_now)
        wanted, prefix = settings.highlights_source, settings.r2.key_prefix
        return Finder(records, reader, utc_now, wanted=wanted, prefix=prefix, keep=partial(keep, handle))

    return lambda *, fresh=False: finder()(fresh=fresh)


@contextmanager
def opened(say: Callable[[str], None] = lambda _: None) -> Iterator[Stores]:
    """The stores that this machine's settings name, for one command; the demo's where nothing is configured.

    `say` gets a sentence for each step of the demo's start. Raises `ConfigError` with every problem when some settings
    are there and not all of them are right.
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

    demo = open_demo(say=say)
    try:
        stores = replace(connect(backends.load({**values, **demo.values()}, mode="demo")), alive=demo.alive)
        try:
            yield stores
        finally:
            stores.close()
    finally:
        demo.stop()
