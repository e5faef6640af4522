"""Which of some planned objects are there now, and still the ones that were seen: by listings, HEAD where few."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from storage.bulk.listing import list_known
from storage.clients.r2_transfer import ContextThreads
from storage.domain.purge.plan import PlannedObject
from storage.repositories.objects import Objects

HEADS = 12  # one listing is billed as 12.5 HEADs; up to so many objects under a prefix are asked for one by one
THREADS = 8
SPARE_PAGES = 2
PAGE_KEYS = 1_000


@dataclass(frozen=True, slots=True)
class Presence:
    """Positions among the objects that were asked for: gone, or there in another version. The rest is as seen."""

    absent: tuple[int, ...]
    moved: tuple[int, ...]

    def as_seen(self, count: int) -> list[int]:
        """The positions of the objects that are there just as they were seen."""
        other = {*self.absent, *self.moved}
        return [position for position in range(count) if position not in other]


def look_at(objects: Objects, items: Sequence[PlannedObject], prefixes: Sequence[str]) -> Presence:
    """Looks at every item (sorted by key), each of which lies under one of the prefixes.

    Raises where the store does not answer: then nothing is known.
    """
    groups: defaultdict[str, list[PlannedObject]] = defaultdict(list)
    for item in items:
        groups[next((prefix for prefix in prefixes if item.key.startswith(prefix)), "")].append(item)
    there: dict[str, tuple[int, str]] = {}
    for prefix, inside in groups.items():
        if prefix and len(inside) > HEADS:
            there.update(_listed(objects, prefix, inside))
    there.update(_heads(objects, [item.key for item in items if item.key not in there]))
    return _compared(items, there)


def maybe_there(objects: Objects, keys: frozenset[str], prefixes: Sequence[str]) -> frozenset[str]:
    """The keys at which there may be something: all but those that whole listings of the prefixes prove to be free.

    For a few keys all of them, since listings would cost more than asking for each. Every key lies under a prefix.
    """
    if len(keys) <= HEADS * len(prefixes):
        return keys
    listings = [list_known(objects, prefix, keys) for prefix in prefixes]
    there = {key for listing in listings for key in listing.unbroken()["key"]}
    return keys & there if all(listing.complete for listing in listings) else keys


def _listed(objects: Objects, prefix: str, inside: Sequence[PlannedObject]) -> dict[str, tuple[int, str]]:
    """The part of a prefix's listing that should hold these keys.

    Stores differ in their order, so a key that was not met is not taken for absent here, but asked for on its own.
    """
    first, last = inside[0].key, inside[-1].key
    start_after = first[:-1] if len(first) > len(prefix) + 1 else None  # just before the first
    found: dict[str, tuple[int, str]] = {}
    most = len(inside) // PAGE_KEYS + SPARE_PAGES
    for number, page in enumerate(objects.list_pages(prefix, start_after), start=1):
        keys = page.frame["key"].tolist()
        versions = zip(page.frame["size_bytes"].tolist(), page.frame["etag"].tolist(), strict=True)
        found.update(zip(keys, versions, strict=True))
        if not keys or keys[-1] >= last or number >= most:
            break
    return found


def _heads(objects: Objects, keys: Sequence[str]) -> dict[str, tuple[int, str]]:
    if not keys:
        return {}
    with ContextThreads(max_workers=THREADS) as threads:
        heads = list(threads.map(objects.head, keys))
    return {info.key: (info.size_bytes, info.etag) for info in heads if info is not None}


def _compared(items: Sequence[PlannedObject], there: dict[str, tuple[int, str]]) -> Presence:
    absent, moved = [], []
    for position, item in enumerate(items):
        seen = there.get(item.key)
        if seen is None:
            absent.append(position)
        elif seen != (item.size_bytes, item.etag):
            moved.append(position)
    return Presence(tuple(absent), tuple(moved))
