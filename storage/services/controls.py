"""Tells a loss from a wrong bucket or project by looking at other customers.

The module checks whether the bucket holds a few objects that documents of other customers name, and whether Firestore
knows a few other customers of the bucket. A store's "not found" alone proves nothing: a wrong store says the same.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

import pandas as pd

from storage.clients.threads import ContextThreads
from storage.domain.integrity.controls import Controls
from storage.domain.integrity.join import statuses, texts
from storage.domain.layout import OPS_PREFIX, Layout
from storage.errors import BackendError, BadInput, StorageError
from storage.ids import is_stored_id
from storage.repositories.objects import Objects
from storage.repositories.records import BESIDE, SAMPLE, Records

OBJECTS = 6  # the most objects to look for, a HEAD each
OF_ONE_CUSTOMER = 2  # the most objects of one customer, so that one customer's loss is no proof
CUSTOMERS = 4  # the most customers to look for in Firestore, a listing and a read each
LIFE = timedelta(minutes=1)  # the time for which a scan of many users reuses one result
_LAST = "\U0010ffff"  # no name below a folder sorts behind this
_SHARED = ("users/", "sources/", "clips/", OPS_PREFIX)  # folders that belong to no user where the layout has no prefix

Standing = Literal["there", "missing", "unknown"]


@dataclass(frozen=True, slots=True)
class _Seen:
    """One control with its result; `why` is the reason where it could not be looked at."""

    uid: str
    key: str
    standing: Standing
    why: str = ""


@dataclass(slots=True)
class Kept:
    """The last controls beside one user, kept for a scan that asks for many users one after the other."""

    seen: tuple[_Seen, ...] = ()
    why: str = ""
    beside: str = ""
    at: datetime | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


def objects_of_others(records: Records, objects: Objects, layout: Layout, uid: str) -> Controls:
    """Looks now for a few objects of other customers than this one; a failed request is unknown, never missing."""
    seen, why = _look(records, objects, layout, uid)
    return _counted(seen, why)


def kept_objects_of_others(
    records: Records, objects: Objects, layout: Layout, uid: str, kept: Kept, clock: Callable[[], datetime]
) -> Controls:
    """As `objects_of_others`, from kept controls that are at most a minute old and include another user than this."""
    with kept.lock:
        fresh = kept.at is not None and clock() - kept.at < LIFE
        others = tuple(one for one in kept.seen if one.uid != uid) if fresh else ()
        if others or (fresh and kept.beside == uid):
            return _counted(others, kept.why)
        kept.seen, kept.why = _look(records, objects, layout, uid)
        kept.beside, kept.at = uid, clock()
        return _counted(kept.seen, kept.why)


def customers_beside(records: Records, objects: Objects, layout: Layout, uid: str) -> Controls:
    """Looks in Firestore for a few other customers whose folders the bucket holds: a document, or documents below."""
    there, missing, example = 0, 0, ""
    try:
        for other in folder_uids(objects, layout, but=uid):
            if records.user(other) is not None:
                there += 1
            else:
                missing, example = missing + 1, example or other
            if there or missing >= CUSTOMERS:
                break
    except BackendError as error:
        return Controls(there, 0, missing + 1, why=error.message)
    return Controls(there, missing, 0, example)


def folder_uids(objects: Objects, layout: Layout, after: str | None = None, but: str | None = None) -> Iterator[str]:
    """Every uid that has a folder under the configured prefix, in the bucket's order, one listing each.

    `after` goes on behind that uid; `but` is left out. Raises the error that stops the listing.
    """
    prefix = layout.prefix
    start = None if after is None else layout.user_prefixes(after)[0] + _LAST
    while True:
        page = next(objects.list_pages(prefix, start, limit=1), None)
        if page is None or not len(page.frame):
            return
        key = str(page.frame["key"].iloc[0])
        uid, slash, _ = key[len(prefix) :].partition("/")
        folder = f"{uid}{slash}"
        start = key[: len(prefix) + len(folder)] + _LAST if slash else key
        if slash and is_stored_id(uid) and not (not prefix and folder in _SHARED) and uid != but:
            yield uid


def own_objects(frame: pd.DataFrame, layout: Layout, but: str | None = None) -> list[tuple[str, str]]:
    """(uid, key) of a few completed clips of each customer in a frame of clips; only own keys of the customer count."""
    found: list[tuple[str, str]] = []
    columns = (frame["uid"].tolist(), texts(frame["r2_key"]), statuses(frame["status"]), frame["exists"].tolist())
    for uid, key, status, exists in zip(*columns, strict=True):
        usable = exists is True and status == "completed" and uid != but and layout.standing(key, uid) == "own"
        if usable and (uid, key) not in found and sum(who == uid for who, _ in found) < OF_ONE_CUSTOMER:
            found.append((uid, key))
    return found


def _look(records: Records, objects: Objects, layout: Layout, uid: str) -> tuple[tuple[_Seen, ...], str]:
    """The controls, and the reason why their documents could not be read to the end.

    It reads larger pages only where small ones named no usable control.
    """
    named: list[tuple[str, str]] = []
    why = ""
    try:
        for size, turns in ((SAMPLE, 2), (BESIDE, 1)):
            for table in records.clips_of_others(uid, size=size, turns=turns) if not named else ():
                named += own_objects(table.unbroken(), layout, but=uid)
                if len(named) >= OBJECTS:
                    break
    except BackendError as error:
        why = error.message
    if not named:
        return (), why
    with ContextThreads(max_workers=OBJECTS, thread_name_prefix="control") as threads:
        return tuple(threads.map(lambda pair: _head(objects, *pair), named[:OBJECTS])), why


def _head(objects: Objects, uid: str, key: str) -> _Seen:
    try:
        return _Seen(uid, key, "missing" if objects.head(key) is None else "there")
    except BadInput:
        return _Seen(uid, key, "missing")  # no store can hold an object at such a key
    except StorageError as error:
        return _Seen(uid, key, "unknown", error.message)


def _counted(seen: tuple[_Seen, ...], why: str = "") -> Controls:
    found = [one.standing for one in seen]
    return Controls(
        there=found.count("there"),
        missing=found.count("missing"),
        unknown=found.count("unknown"),
        example=next((one.key for one in seen if one.standing == "missing"), ""),
        why=next((one.why for one in seen if one.why), why),
    )
