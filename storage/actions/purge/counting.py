"""Sets the stored counters of a user to what the remaining clips add up to, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import pandas as pd

from storage.actions.document_changes import Update
from storage.actions.documents import DocumentWriter, Transaction
from storage.actions.purge.survey_documents import sizes_of, whole
from storage.connect import Stores
from storage.domain.purge.counters import (
    ClipSize,
    Totals,
    accounting_counters,
    changes,
    user_counters,
    video_counters,
)
from storage.domain.purge.order import batches
from storage.domain.purge.plan import CounterChange, CounterValue

MOST_TOGETHER = 150  # documents of one transaction


def wanted_counters(uid: str, totals: Totals, videos: dict[str, list[ClipSize]]) -> dict[str, dict[str, CounterValue]]:
    """What each document with counters should say, by path: user, accounting, and the given videos."""
    user = f"users/{uid}"
    wanted = {user: user_counters(totals), f"storage_accounting/{uid}": accounting_counters(totals)}
    return wanted | {f"{user}/videos/{video_id}": video_counters(clips) for video_id, clips in videos.items()}


def set_counters(
    stores: Stores, documents: DocumentWriter, uid: str, video_ids: Iterable[str]
) -> tuple[CounterChange, ...]:
    """Makes the counters of the user, the accounting and these videos true where those documents exist.

    The clips are added up first; the documents are read and written in the transaction, so that a counter which the
    product raises meanwhile is not overwritten unseen. Gives what was changed, before and after.
    """
    counted = stores.records.clip_totals(uid)
    videos = {video_id: sizes_of(_existing(stores, uid, video_id)) for video_id in video_ids}
    return write_counters(documents, wanted_counters(uid, Totals(counted.count, counted.size_bytes), videos))


def write_counters(
    documents: DocumentWriter, wanted: Mapping[str, Mapping[str, CounterValue]]
) -> tuple[CounterChange, ...]:
    """Brings the counters of these documents to what is wanted; documents that do not exist are left so.

    One transaction for as many documents as a commit takes: in all but the largest recounts, one.
    """
    made: list[CounterChange] = []
    for paths in batches(list(wanted), MOST_TOGETHER):
        made += documents.transaction(_work(paths, wanted), operation="Setting counters")
    return tuple(made)


def _work(
    paths: Sequence[str], wanted: Mapping[str, Mapping[str, CounterValue]]
) -> Callable[[Transaction], list[CounterChange]]:
    def work(transaction: Transaction) -> list[CounterChange]:
        made: list[CounterChange] = []
        for path, document in transaction.get_all(paths).items():
            moved = () if document is None else changes(path, document.fields or {}, wanted[path])
            if moved:
                transaction.add(Update(path, {change.field: change.after for change in moved}))
                made += moved
        return made

    return work


def _existing(stores: Stores, uid: str, video_id: str) -> pd.DataFrame:
    frame = whole(stores.records.clips(uid, video_id), "clips")
    return frame[frame["exists"]]
