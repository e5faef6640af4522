"""Sets the stored counters of a user to the sums over the remaining clips, in one transaction."""

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
TRIES = 5  # of adding up and writing while another writer counts


def counted_totals(stores: Stores, uid: str) -> Totals:
    """The sums over all of the user's clips: Firestore counts them; where its sum is not exact, each clip is read."""
    counted = stores.records.clip_totals(uid)
    if counted.size_bytes is not None:
        return Totals(counted.count, counted.size_bytes)
    frame = stores.records.clips(uid).whole()
    return totals(sizes_of(frame[frame["exists"]]))


def set_counters(
    stores: Stores, documents: DocumentWriter, uid: str, video_ids: Iterable[str]
) -> tuple[CounterChange, ...]:
    """Corrects the counters of the user, the accounting and these videos where those documents exist.

    It reads the documents first and adds up the clips after. The transaction writes the sums only while the documents
    are unchanged. So an older sum never overwrites what the product counts meanwhile; the sum is made again instead.
    Returns the changes, before and after; raises `Throttled` where others change the counters all the time.
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
    """Sets the counters of these documents to the wanted values; says whether one document changed since it was seen.

    One transaction takes as many documents as a commit takes: all of them, but for the largest recounts. A missing
    document stays missing. Where one document has changed, its transaction writes nothing.
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
