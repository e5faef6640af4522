"""The readers of both stores, as one value that callers are handed. Nothing in it can change anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from storage.clients import firestore
from storage.domain.layout import Layout
from storage.repositories.objects import Objects
from storage.repositories.records import Records
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
