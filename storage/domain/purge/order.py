"""The order of a purge and how it is cut into batches: the same cuts every time, since the journal counts by them.

Slugs go first: no public link may outlive what it points at. Documents go the deepest first, and no batch mixes two
depths, so that what is left always hangs below a parent. Copies are kept the other way round, parents first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TypeVar

from storage.domain.purge.plan import PlannedDocument, PlannedObject, PlannedUpload, PurgePlan

SLUGS = "share_slugs/"
KEPT_BATCH = 100  # objects copied and then deleted, documents written to one file of the quarantine
ERASED_BATCH = 1_000  # objects deleted at once: the most that the store takes in one call
DOCUMENT_BATCH = 200  # documents deleted in one commit
UPLOAD_BATCH = 50

T = TypeVar("T")


def object_batches(plan: PurgePlan, *, erase: bool) -> list[Sequence[PlannedObject]]:
    """The objects by key; erasing takes larger steps than copying first."""
    return batches(plan.objects, ERASED_BATCH if erase else KEPT_BATCH)


def upload_batches(plan: PurgePlan) -> list[Sequence[PlannedUpload]]:
    """The unfinished uploads."""
    return batches(plan.uploads, UPLOAD_BATCH)


def slug_batches(plan: PurgePlan) -> list[Sequence[PlannedDocument]]:
    """The public links."""
    return batches(slugs(plan.documents), DOCUMENT_BATCH)


def document_batches(plan: PurgePlan) -> list[Sequence[PlannedDocument]]:
    """All other documents, the deepest first, each batch of one depth."""
    by_depth = groupby(leaves_first(plan.documents), key=lambda item: item.path.count("/"))
    return [batch for _, level in by_depth for batch in batches(tuple(level), DOCUMENT_BATCH)]


def saving_batches(plan: PurgePlan) -> list[Sequence[PlannedDocument]]:
    """All documents in the order in which they are to come back: parents first, public links last."""
    return batches((*reversed(leaves_first(plan.documents)), *slugs(plan.documents)), KEPT_BATCH)


def slugs(documents: Iterable[PlannedDocument]) -> tuple[PlannedDocument, ...]:
    """The public links among some documents."""
    return tuple(sorted(item for item in documents if item.path.startswith(SLUGS)))


def leaves_first(documents: Iterable[PlannedDocument]) -> tuple[PlannedDocument, ...]:
    """All documents but the slugs, the deepest first."""
    kept = (item for item in documents if not item.path.startswith(SLUGS))
    return tuple(sorted(kept, key=lambda item: (-item.path.count("/"), item.path)))


def batches(items: Sequence[T], size: int) -> list[Sequence[T]]:
    """Cuts of at most `size`, in order."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def above(path: str) -> tuple[str, ...]:
    """The documents that a document hangs below: `users/U/videos/V` and `users/U` for a clip of them."""
    parts = path.split("/")
    return tuple("/".join(parts[:length]) for length in range(len(parts) - 2, 0, -2))
