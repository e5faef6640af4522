"""Reads the audit: the newest entries of a user, of an actor or of all, and the whole chain to see whether it holds.

Entries are in `ops_audit` under ids that count down, so the order by name, which needs no index, gives the newest
first; an equality on a field keeps that order. `ops_audit_head/head` says where the chain ends.

A person who can only write to Firestore cannot reach the bucket. It holds copies of the entries of changes
(`_ops/audit/*.jsonl`) and former ends of the chain (`_ops/audit/ends/`: empty objects whose names hold number, seal and
hash). The desk only ever adds objects there: so a lock on them does no harm, writers do not conflict, and nothing can
be set back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

from storage.clients.firestore import FirestoreHandle
from storage.domain.audit_chain import COPY_FAILED, LOOKS, SEALED, Break, Keys, Link, breaks
from storage.domain.documents import RawDocument
from storage.domain.json_lines import lines_of
from storage.domain.layout import OPS_PREFIX
from storage.errors import BadInput
from storage.repositories.decode import raw_document
from storage.repositories.objects import Objects
from storage.repositories.queries import Condition, build, start_after

COLLECTION = "ops_audit"
HEAD_PATH = "ops_audit_head/head"
COPIES_PREFIX = f"{OPS_PREFIX}audit/"
ENDS_PREFIX = f"{COPIES_PREFIX}ends/"
MAX_LIMIT = 1_000
MAX_TOGETHER = 100  # entries of one commit, and so of one copy
PAGE = 500
MAX_COPY_BYTES = 4 * 1_048_576
_DIGITS = 12
_LAST = 10**_DIGITS - 1
_COPY = re.compile(rf"([0-9]{{{_DIGITS}}})-([0-9]{{{_DIGITS}}})\.jsonl")
_END = re.compile(rf"([0-9]{{{_DIGITS}}})\.(sha256|hmac-sha256)\.([0-9a-f]{{64}})")


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The end of the chain, and Firestore's own time of its record, for a precondition (`None`: no record yet)."""

    link: Link
    update_time: datetime | None
    recorded: bool = True  # false: the record is missing or corrupt


@dataclass(frozen=True, slots=True)
class ChainReport:
    """The result of reading the whole chain."""

    entries: int
    copies: int
    ends: int  # former ends of the chain that the bucket knows
    breaks: tuple[Break, ...]

    @property
    def whole(self) -> bool:
        """Whether no entry is missing or altered."""
        return not self.breaks


def entry_path(sequence: int) -> str:
    """The path of entry `sequence`; later ones sort first."""
    return f"{COLLECTION}/{_LAST - sequence:0{_DIGITS}d}"


def copy_key(first: int, last: int) -> str:
    """The bucket key of the copy of the entries from `first` to `last`."""
    return f"{COPIES_PREFIX}{first:0{_DIGITS}d}-{last:0{_DIGITS}d}.jsonl"


@dataclass(frozen=True, slots=True)
class KnownEnd:
    """An end of the chain that the bucket knows, and whether a key sealed it."""

    link: Link
    sealed: bool


def end_key(entry: Mapping[str, Any]) -> str:
    """The bucket key that records this end of the chain; later ones sort first."""
    return f"{ENDS_PREFIX}{_LAST - entry['sequence']:0{_DIGITS}d}.{entry['sealed']}.{entry['hash']}"


def known_end(key: str) -> KnownEnd | None:
    """The inverse of `end_key`; `None` for any other key."""
    found = _END.fullmatch(key.removeprefix(ENDS_PREFIX))
    return KnownEnd(Link(_LAST - int(found[1]), found[3]), found[2] == SEALED) if found else None


class AuditLog:
    """Reading access to the audit. `key` seals the chain, where there is one; `former` keys sealed it before."""

    def __init__(
        self,
        handle: FirestoreHandle,
        objects: Objects | None = None,
        *,
        key: bytes = b"",
        former: tuple[bytes, ...] = (),
    ) -> None:
        self._handle = handle
        self._objects = objects
        self.keys = Keys(key, former)

    def head(self) -> ChainHead:
        """The present end of the chain. Where its record is missing or corrupt, the newest entry is the end."""
        found = self._handle.batch_get([HEAD_PATH], operation="Reading the end of the audit")[HEAD_PATH]
        document = raw_document(found) if found is not None else None
        link = _link(document.fields or {}) if document is not None else None
        recorded = True
        if link is None:
            newest = self.newest()
            link = _link(newest) if newest is not None else None
            recorded = link is None
        return ChainHead(link or Link(), document.update_time if document is not None else None, recorded)

    def newest(self) -> dict[str, Any] | None:
        """The newest existing entry, whatever the record of the chain's end says."""
        return next(iter(self.search(limit=1)), None)

    def newest_known_end(self) -> KnownEnd | None:
        """The newest end of the chain that the bucket knows; costs one listing."""
        if self._objects is None:
            return None
        for page in self._objects.list_pages(ENDS_PREFIX, limit=1):
            return next((end for key in page.frame["key"].tolist() if (end := known_end(key))), None)
        return None

    def hash_of(self, sequence: int) -> str:
        """The present hash of one entry; empty where the entry is missing."""
        path = entry_path(sequence)
        found = self._handle.batch_get([path], operation="Reading the audit")[path]
        return str(_entry(raw_document(found)).get("hash")) if found is not None else ""

    def is_copied(self, sequence: int) -> bool:
        """Whether the bucket has a copy of this entry: one listing of the few names that it may have."""
        if self._objects is None:
            return False
        before = f"{COPIES_PREFIX}{max(0, sequence - MAX_TOGETHER - 1):0{_DIGITS}d}"
        for page in self._objects.list_pages(COPIES_PREFIX, before, limit=MAX_TOGETHER + 2):
            found = (_COPY.fullmatch(key.removeprefix(COPIES_PREFIX)) for key in page.frame["key"].tolist())
            if any(one and int(one[1]) <= sequence <= int(one[2]) for one in found):
                return True
        return False

    def search(
        self,
        *,
        uid: str = "",
        actor: str = "",
        action: str = "",
        limit: int = 50,
        before: int | None = None,
        video_id: str = "",
        actions: Sequence[str] = (),
    ) -> list[dict[str, Any]]:
        """The newest entries, of one user, video, actor or action where given, or of one of up to 30 `actions`;
        `before` is a number, for the next page."""
        if not 1 <= limit <= MAX_LIMIT:
            raise BadInput(f"limit must be from 1 to {MAX_LIMIT:,}", field_name="limit", remedy="For example 50.")
        wanted = {"uid": uid, "video_id": video_id, "actor": actor, "action": action}
        where: list[Condition] = [(name, "==", value) for name, value in wanted.items() if value]
        where += [("action", "in", sorted(actions))] if actions else []
        query = build(COLLECTION, where=where)
        query.limit.value = limit
        if before is not None:
            start_after(query, self._handle.name(entry_path(before)))
        return self._handle.run_query(query, _entries, operation="Searching the audit")

    def written_at(self, sequences: Sequence[int]) -> list[datetime]:
        """When Firestore wrote these entries, by its own time; missing ones are left out."""
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
        """Reads everything, newest first, and says where the chain does not hold or differs from the bucket.

        It leaves out entries that are appended meanwhile.
        """
        # The bucket first: what it knew before this reads the chain's end must be in the chain.
        kept = _Kept(self._ends(), dict(self._copies()))
        found = list[Break]()
        newest, recorded = self.newest(), self.head()  # in this order: later entries lie beyond neither
        head, end = recorded.link, _link(newest) if newest is not None else None
        if not recorded.recorded:
            found.append(Break(head.sequence, "unlinked", "the record of the chain's end is gone or spoilt"))
        elif end is not None and end.sequence > head.sequence:
            what = f"the record of the chain's end says that it ends at number {head.sequence:,}"
            found.append(Break(end.sequence, "unlinked", what))
            head = end
        counted = 0

        def compared() -> Iterator[dict[str, Any]]:
            nonlocal counted
            for item in self.entries(head.sequence):
                counted += 1
                if self._objects is not None:
                    found.extend(kept.against(item))
                yield item

        found += list(breaks(compared(), head, self.keys))
        found += kept.left_over()
        return ChainReport(counted, kept.copies, kept.ends, tuple(sorted(found, key=lambda item: item.sequence)))

    def _copies(self) -> Iterator[tuple[int, str]]:
        if self._objects is None:
            return
        pages = self._objects.list_pages(COPIES_PREFIX)
        for key in chain.from_iterable(page.frame["key"].tolist() for page in pages):
            if not key.startswith(ENDS_PREFIX):
                yield from _copied(self._objects.get_bytes(key, MAX_COPY_BYTES))

    def _ends(self) -> dict[int, set[str]]:
        ends: dict[int, set[str]] = {}
        if self._objects is not None:
            pages = self._objects.list_pages(ENDS_PREFIX)
            for key in chain.from_iterable(page.frame["key"].tolist() for page in pages):
                if (end := known_end(key)) is not None:
                    ends.setdefault(end.link.sequence, set()).add(end.link.hash)
        return ends


def _copied(content: bytes) -> Iterator[tuple[int, str]]:
    """Number and hash of every copy in one of the files; skips corrupt lines."""
    for line in lines_of(content.decode(errors="replace")):
        try:
            copy = json.loads(line)
        except (ValueError, RecursionError):
            continue
        link = _link(copy) if isinstance(copy, dict) else None
        if link is not None:
            yield link.sequence, link.hash


class _Kept:
    """What the bucket knows of the chain, compared with the entries, which come newest first."""

    def __init__(self, ends: dict[int, set[str]], copied: dict[int, str]) -> None:
        self._ends = ends
        self._copied = copied
        self._failed = set[int]()
        self._old, self._old_copied = 0, 0
        self.copies, self.ends = len(copied), len(ends)

    def against(self, item: Mapping[str, Any]) -> Iterator[Break]:
        """How this entry differs from what the bucket knows."""
        sequence = item.get("sequence", 0)
        if not isinstance(sequence, int):
            return
        copy = self._copied.pop(sequence, None)
        if copy is not None and copy != item.get("hash"):
            yield Break(sequence, "replaced", "its copy in the bucket differs")
        if self._ends.pop(sequence, {item.get("hash")}) != {item.get("hash")}:
            yield Break(sequence, "replaced", "the bucket knows another entry as the chain's end here")
        if item.get("action") == COPY_FAILED:
            detail = item.get("detail")
            numbers = detail.get("sequences") if isinstance(detail, Mapping) else None
            self._failed.update(one for one in numbers or () if isinstance(one, int))
        if item.get("copied") and copy is None and sequence not in self._failed:
            yield Break(sequence, "uncopied", "its copy in the bucket is missing")
        if "copied" not in item and item.get("action") not in LOOKS:
            self._old, self._old_copied = self._old + 1, self._old_copied + (copy is not None)

    def left_over(self) -> Iterator[Break]:
        """What the bucket knows and the chain lacks."""
        if self._old and not self._old_copied:
            yield Break(1, "uncopied", f"none of {self._old:,} entries that were copied to the bucket has its copy")
        for number in sorted({*self._copied, *self._ends}):
            where = "its copy" if number in self._copied else "an end of the chain"
            yield Break(number, "missing", f"it is known from {where} in the bucket only")


def _link(fields: Mapping[str, Any]) -> Link | None:
    sequence = fields.get("sequence")
    if not isinstance(sequence, int) or isinstance(sequence, bool) or not 0 <= sequence < _LAST:
        return None
    return Link(sequence, str(fields.get("hash")))


def _entries(documents: Any) -> list[dict[str, Any]]:
    return [_entry(raw_document(document)) for document in documents]


def _entry(document: RawDocument) -> dict[str, Any]:
    return dict(document.fields or {})
