"""Sets the stored counters of a user to what the remaining clips add up to, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

import pandas as pd

from storage.actions.documents import DocumentTransaction, DocumentWriter, Update
from storage.domain.purge.counters import Totals, changes, sizes_of, totals, wanted_counters
from storage.domain.purge.plan import CounterChange, CounterValue, batches
from storage.errors import Throttled
from storage.repositories.queries import Subtree
from storage.repositories.stores import Stores

MOST_TOGETHER = 150  # documents of one transaction
TRIES = 5  # of adding up and writing, when somebody else counts meanwhile


def counted_totals(stores: Stores, uid: str) -> Totals:
    """What all of the user's clips add up to, counted by Firestore; where its sum is not exact, by reading each."""
    counted = stores.records.clip_totals(uid)
    if counted.size_bytes is not None:
        return Totals(counted.count, counted.size_bytes)
    frame = stores.records.clips(uid).whole()
    return totals(sizes_of(frame[frame["exists"]]))


def set_counters(
    stores: Stores, documents: DocumentWriter, uid: str, video_ids: Iterable[str]
) -> tuple[CounterChange, ...]:
    """Makes the counters of the user, the accounting and these videos true where those documents exist.

    The clips are added up after the documents were seen, and the sums are written in a transaction in which the
    documents are still as they were: so what the product counts meanwhile is never overwritten by an older sum, but
    added up anew. Gives what was changed, before and after; raises `Throttled` where others count all the time.
    """
    video_ids = tuple(video_ids)
    done: list[CounterChange] = []
    for _ in range(TRIES):
        paths = list(wanted_counters(uid, Totals(0, 0), {video_id: [] for video_id in video_ids}))
        found = Subtree(stores.handle).at(paths)
        seen = {path: document.update_time if document else None for path, document in found.items()}
        counted = counted_totals(stores, uid)
        videos = {video_id: sizes_of(_existing(stores, uid, video_id)) for video_id in video_ids}
        wanted = wanted_counters(uid, counted, videos)
        made, moved = _write(documents, wanted, seen)
        done += made
        if not moved:
            return tuple(done)
    raise Throttled(
        f"Others change the counters of {uid} all the time.", remedy="Try again when the product is done.", target=uid
    )


def _write(
    documents: DocumentWriter, wanted: Mapping[str, Mapping[str, CounterValue]], seen: Mapping[str, datetime | None]
) -> tuple[list[CounterChange], bool]:
    """Brings the counters of these documents to what is wanted, and says whether one of them moved since it was seen.

    One transaction for as many documents as a commit takes: in all but the largest recounts, one. What is missing is
    left so; where one has moved, nothing of its transaction is written.
    """
    made: list[CounterChange] = []
    for paths in batches(list(wanted), MOST_TOGETHER):
        changed = documents.transaction(_work(paths, wanted, seen), operation="Setting counters")
        if changed is None:
            return made, True
        made += changed
    return made, False


def _work(
    paths: Sequence[str], wanted: Mapping[str, Mapping[str, CounterValue]], seen: Mapping[str, datetime | None]
) -> Callable[[DocumentTransaction], list[CounterChange] | None]:
    def work(transaction: DocumentTransaction) -> list[CounterChange] | None:
        made: list[CounterChange] = []
        found = transaction.get_all(paths)
        if any((document.update_time if document else None) != seen[path] for path, document in found.items()):
            return None
        for path, document in found.items():
            moved = () if document is None else changes(path, document.fields or {}, wanted[path])
            if moved:
                transaction.add(Update(path, {change.field: change.after for change in moved}))
                made += moved
        return made

    return work


def _existing(stores: Stores, uid: str, video_id: str) -> pd.DataFrame:
    frame = stores.records.clips(uid, video_id).whole()
    return frame[frame["exists"]]
