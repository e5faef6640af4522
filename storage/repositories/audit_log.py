"""Reads the audit: the newest entries of a user, an actor or all, and the whole chain to see whether it holds.

Entries lie in `ops_audit` under ids that count down, so that the order by name, which needs no index, is the newest
first; an equality on a field keeps that order. Where the chain ends stands in `ops_audit_head/head`, and what weighs
is copied to `_ops/audit/` in the bucket, so that a chain cut off at its end shows even if its head was cut with it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

from storage.clients.firestore import FirestoreHandle
from storage.domain.audit_chain import Break, Link, breaks
from storage.domain.json_lines import lines_of
from storage.domain.layout import OPS_PREFIX
from storage.domain.model import RawDocument
from storage.errors import BadInput
from storage.repositories.decode import raw_document
from storage.repositories.objects import Objects
from storage.repositories.records_query import Condition, build, start_after

COLLECTION = "ops_audit"
HEAD_PATH = "ops_audit_head/head"
COPIES_PREFIX = f"{OPS_PREFIX}audit/"
MAX_LIMIT = 1_000
PAGE = 500
MAX_COPY_BYTES = 4 * 1_048_576
_DIGITS = 12
_LAST = 10**_DIGITS - 1


@dataclass(frozen=True, slots=True)
class Head:
    """Where the chain ends, with Firestore's own time of that record, for a precondition (`None`: none yet)."""

    link: Link
    update_time: datetime | None


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What a reading of the whole chain showed."""

    entries: int
    copies: int
    breaks: tuple[Break, ...]

    @property
    def whole(self) -> bool:
        """Whether nothing is missing and nothing altered."""
        return not self.breaks


def entry_path(sequence: int) -> str:
    """Where entry `sequence` lies; later ones sort first."""
    return f"{COLLECTION}/{_LAST - sequence:0{_DIGITS}d}"


def copy_key(first: int, last: int) -> str:
    """Where the copy of the entries from `first` to `last` lies in the bucket."""
    return f"{COPIES_PREFIX}{first:0{_DIGITS}d}-{last:0{_DIGITS}d}.jsonl"


class AuditLog:
    """Reading access to the audit. `key` is what the chain is sealed with, if it is."""

    def __init__(self, handle: FirestoreHandle, objects: Objects | None = None, *, key: bytes = b"") -> None:
        self._handle = handle
        self._objects = objects
        self._key = key

    def head(self) -> Head:
        """Where the chain ends now."""
        found = self._handle.batch_get([HEAD_PATH], operation="Reading the end of the audit")[HEAD_PATH]
        if found is None:
            return Head(Link(), None)
        document = raw_document(found)
        fields = document.fields or {}
        return Head(Link(int(fields["sequence"]), str(fields["hash"])), document.update_time)

    def search(
        self, *, uid: str = "", actor: str = "", action: str = "", limit: int = 50, before: int | None = None
    ) -> list[dict[str, Any]]:
        """The newest entries, those of one user, actor or action where given; `before` a number, for the next page."""
        if not 1 <= limit <= MAX_LIMIT:
            raise BadInput(f"limit must be from 1 to {MAX_LIMIT:,}", field_name="limit", remedy="For example 50.")
        wanted = {"uid": uid, "actor": actor, "action": action}
        where: list[Condition] = [(name, "==", value) for name, value in wanted.items() if value]
        query = build(COLLECTION, where=where)
        query.limit.value = limit
        if before is not None:
            start_after(query, self._handle.name(entry_path(before)))
        return self._handle.run_query(query, _entries, operation="Searching the audit")

    def written_at(self, sequences: Sequence[int]) -> list[datetime]:
        """When Firestore wrote these entries, by its own time; those that are there."""
        if not sequences:
            return []
        paths = [entry_path(sequence) for sequence in sequences]
        found = self._handle.batch_get(paths, operation="Reading the audit")
        documents = [raw_document(document) for document in found.values() if document is not None]
        return [document.create_time for document in documents if document.create_time is not None]

    def entries(self, newest: int) -> Iterator[dict[str, Any]]:
        """Every entry from number `newest` back to the first, page by page."""
        query = build(COLLECTION)
        query.limit.value = PAGE
        start_after(query, self._handle.name(entry_path(newest + 1)))
        while True:
            page = self._handle.run_query(
                query,
                lambda documents: [(document.name, raw_document(document)) for document in documents],
                operation="Reading the audit",
            )
            yield from (_entry(document) for _, document in page)
            if len(page) < PAGE:
                return
            start_after(query, page[-1][0])

    def verify_chain(self) -> ChainReport:
        """Reads everything, newest first, and says where the chain does not hold, or differs from its copies."""
        head = self.head().link
        copied = {int(copy.get("sequence") or 0): str(copy.get("hash")) for copy in self._copies()}
        copies, counted, found = len(copied), 0, list[Break]()

        def compared() -> Iterator[dict[str, Any]]:
            nonlocal counted
            for item in self.entries(head.sequence):
                counted += 1
                known = copied.pop(item.get("sequence", 0), None)
                if known is not None and known != item.get("hash"):
                    found.append(Break(item["sequence"], "altered", "its copy in the bucket is another"))
                yield item

        found += list(breaks(compared(), head, self._key))
        found += [Break(number, "missing", "it is known from its copy in the bucket only") for number in sorted(copied)]
        return ChainReport(counted, copies, tuple(sorted(found, key=lambda item: item.sequence)))

    def _copies(self) -> Iterator[Mapping[str, Any]]:
        if self._objects is None:
            return
        pages = self._objects.list_pages(COPIES_PREFIX)
        for key in chain.from_iterable(page.frame["key"].tolist() for page in pages):
            for line in lines_of(self._objects.get_bytes(key, MAX_COPY_BYTES).decode()):
                yield json.loads(line)


def _entries(documents: Any) -> list[dict[str, Any]]:
    return [_entry(raw_document(document)) for document in documents]


def _entry(document: RawDocument) -> dict[str, Any]:
    return dict(document.fields or {})
