"""The readers of both stores, as one value that callers receive. Nothing in it can change anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from storage.clients import firestore
from storage.domain.deployment import Deployment
from storage.domain.layout import Layout
from storage.repositories.records import Records
from storage.settings.backends import Settings

if TYPE_CHECKING:  # a command that does not use the bucket does not import its SDK
    from storage.repositories.objects import Objects


class Deployments(Protocol):
    """Answers which backend is there."""

    def __call__(self, *, fresh: bool = False) -> Deployment:
        """An answer at most an hour old; `fresh` looks again."""


@dataclass(frozen=True)
class Stores:
    """All readers and no writers. Safe to share between threads; `close` when done.

    `bucket` opens the bucket's reader at the first call and always returns the same one.
    `alive` is False once the demo behind these stores has ended; other people run live stores, so those always count
    as alive.
    """

    settings: Settings
    deployment: Deployments
    bucket: Callable[[], Objects]
    records: Records
    handle: firestore.FirestoreHandle
    alive: Callable[[], bool] = lambda: True

    @cached_property
    def objects(self) -> Objects:
        """The bucket's reader."""
        return self.bucket()

    @property
    def layout(self) -> Layout:
        """The grammar of keys; where no prefix is set, the one that documents show."""
        prefix = self.settings.r2.key_prefix
        return self.deployment().layout if prefix is None else Layout(prefix)

    def close(self) -> None:
        """Closes the Firestore channel; the stores are not usable afterwards."""
        self.handle.close()
