"""Searches the audit, also by outcome, time and text, which no index of Firestore covers.

User, actor and action narrow the query itself. A bisection over the entries' numbers, which rise with time, finds a
time. The search compares outcome and text entry by entry up to a bound on reads, and the answer says where it stopped.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage.domain.audit_chain import without_names
from storage.domain.purge.plan import moment
from storage.errors import BadInput
from storage.repositories.audit_log import MAX_LIMIT, AuditLog
from storage.repositories.stores import Stores

MOST_READ = 5_000  # entries that one search reads; the next search goes on behind them
PAGE = 500
_TEXTS = (
    "action",
    "actor",
    "reason",
    "origin",
    "uid",
    "video_id",
    "clip_id",
    "fingerprint",
    "job_id",
    "keys",
    "detail",
)


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """The conditions of a search; empty parts set none. `since` and `until` are aware and inclusive.

    `text` may stand in any field; case does not matter. `actions` are the only ones wanted, `without` those left out.
    """

    uid: str = ""
    actor: str = ""
    action: str = ""
    outcome: str = ""
    text: str = ""
    since: datetime | None = None
    until: datetime | None = None
    actions: tuple[str, ...] = ()
    without: frozenset[str] = frozenset()

    @property
    def compared(self) -> bool:
        """Whether entries must be compared one by one."""
        return bool(self.outcome or self.text)


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Entries, the newest first. `next_before` is the number from which an older page goes on, `None` at the end.

    `cut`: reading stopped at its bound before the page was full, so the entries behind it are not known yet.
    """

    entries: tuple[Mapping[str, Any], ...]
    next_before: int | None
    read: int
    cut: bool = False


def audit_log(stores: Stores) -> AuditLog:
    """The audit of these stores, with its sealing key and its copies in the bucket."""
    settings = stores.settings
    former = tuple(key.reveal().encode() for key in settings.audit_former_keys)
    return AuditLog(stores.handle, stores.objects, key=settings.audit_key.reveal().encode(), former=former)


def search(
    log: AuditLog, question: AuditQuery, *, limit: int = 50, before: int | None = None, most_read: int = MOST_READ
) -> AuditPage:
    """One page of at most `limit` entries older than number `before`. Raises what Firestore raises."""
    if not 1 <= limit < MAX_LIMIT:
        raise BadInput(f"limit must be from 1 to {MAX_LIMIT - 1:,}", field_name="limit", remedy="For example 50.")
    if question.until is not None:
        last = _last_until(log, question.until)
        before = last + 1 if before is None else min(before, last + 1)
    found: list[Mapping[str, Any]] = []
    read = 0
    size = PAGE if question.compared else 2 * limit + 1 if question.without else limit + 1
    for entry in _pages(log, question, size, before):
        if read >= most_read:
            return AuditPage(tuple(found), int(entry["sequence"]) + 1, read, cut=True)
        read += 1
        if question.since is not None and _before(entry, question.since):
            return AuditPage(tuple(found), None, read)
        if _matches(entry, question):
            if len(found) == limit:
                return AuditPage(tuple(found), int(found[-1]["sequence"]), read)
            found.append(entry)
    return AuditPage(tuple(found), None, read)


def _pages(log: AuditLog, question: AuditQuery, size: int, before: int | None) -> Iterator[Mapping[str, Any]]:
    while True:
        page = log.search(
            uid=question.uid,
            actor=question.actor,
            action=question.action,
            actions=question.actions,
            limit=size,
            before=before,
        )
        yield from page
        if len(page) < size:
            return
        before = int(page[-1]["sequence"])


def _last_until(log: AuditLog, until: datetime) -> int:
    """The number of the last entry not later than `until`; 0 where all are later. Some twenty reads for a million."""
    low, high = 0, log.head().link.sequence
    while low < high:
        middle = (low + high + 1) // 2
        there = log.search(limit=1, before=middle + 1)
        if there and _after(there[0], until):
            high = min(middle, int(there[0]["sequence"])) - 1
        else:
            low = middle
    return low


def _at(entry: Mapping[str, Any]) -> datetime | None:
    """The time of the entry; `None` for a damaged entry, which then belongs to every time."""
    try:
        return moment(str(entry["at"]))
    except (KeyError, ValueError):
        return None


def _before(entry: Mapping[str, Any], limit: datetime) -> bool:
    at = _at(entry)
    return at is not None and at < limit


def _after(entry: Mapping[str, Any], limit: datetime) -> bool:
    at = _at(entry)
    return at is not None and at > limit


def _matches(entry: Mapping[str, Any], question: AuditQuery) -> bool:
    if entry.get("action") in question.without:
        return False
    if question.outcome and entry.get("outcome") != question.outcome:
        return False
    if not question.text:
        return True
    wanted = {question.text.casefold(), without_names(question.text).casefold()}  # entries name no title of a clip
    texts = [_text(entry.get(name)).casefold() for name in _TEXTS]
    return any(one in text for one in wanted for text in texts)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
