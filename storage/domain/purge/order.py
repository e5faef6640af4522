"""The order of a purge: which documents are share slugs, leaves before parents, and how things are cut into batches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from storage.domain.purge.plan import PlannedDocument

SLUGS = "share_slugs/"

T = TypeVar("T")


def slugs(documents: Iterable[PlannedDocument]) -> tuple[PlannedDocument, ...]:
    """The public links, which go first: none may outlive what it points at."""
    return tuple(sorted(item for item in documents if item.path.startswith(SLUGS)))


def leaves_first(documents: Iterable[PlannedDocument]) -> tuple[PlannedDocument, ...]:
    """All documents but the slugs, the deepest first, so that what is left always hangs below a parent."""
    kept = (item for item in documents if not item.path.startswith(SLUGS))
    return tuple(sorted(kept, key=lambda item: (-item.path.count("/"), item.path)))


def batches(items: Sequence[T], size: int) -> list[Sequence[T]]:
    """Cuts of at most `size`, in order."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def above(path: str) -> tuple[str, ...]:
    """The documents that a document hangs below: `users/U/videos/V` and `users/U` for a clip of them."""
    parts = path.split("/")
    return tuple("/".join(parts[:length]) for length in range(len(parts) - 2, 0, -2))
