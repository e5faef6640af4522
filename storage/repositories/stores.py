"""The readers of both stores, as one value that callers are handed. Nothing in it can change anything."""

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

if TYPE_CHECKING:  # who asks the bucket nothing does not import its SDK
    from storage.repositories.objects import Objects


class Deployments(Protocol):
    """Answers which backend is there."""

    def __call__(self, *, fresh: bool = False) -> Deployment:
        """The answer of at most an hour ago; `fresh` looks anew."""


@dataclass(frozen=True)
class Stores:
    """Everything that looks, and nothing that changes. Safe to share between threads; `close` when done.

    `bucket` opens the bucket's reader, when it is first asked for, and gives the same one ever after.
    `alive` is False once a demo that these reach has ended; live stores, which others run, are never told from dead.
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
        """The grammar of keys; where no prefix is set, what documents tell."""
        prefix = self.settings.r2.key_prefix
        return self.deployment().layout if prefix is None else Layout(prefix)

    def close(self) -> None:
        """Closes the Firestore channel; the stores are not usable afterwards."""
        self.handle.close()
