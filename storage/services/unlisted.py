"""The videos that no query by a known status finds, although the product takes them for being processed.

Those that a rendering of a draft began are found by a field that only it writes. The others are found by counting
ranges of videos, as long as there are few enough to count. Beyond that, queries for the texts between the known ones
find a status that is another text, and the last kept scan, which saw every video, names those without one. They are
read again as they are now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pandas as pd

from storage.domain.documents import VIDEOS
from storage.domain.integrity.join import statuses
from storage.errors import MissingIndex, StorageError, Unusable
from storage.repositories.records import STATUSES
from storage.repositories.scans import findings_of_kind, scan_records
from storage.services.verify import VerifyContext
from storage.text import moment, number

COUNTED = 10_000  # videos of one status to count, to find videos without a status: at most some 90 reads
SEARCHED = 600  # reads of the search for these where there are some, beside one for each that is found
OF_SCAN = timedelta(hours=36)  # an older scan says too little of today
_KEEP_ONE = "`python -m storage verify --all --keep` finds them"


@dataclass(slots=True)
class Unlisted:
    """The videos as rows of `VIDEOS`, in several frames, and notes about those that were not looked for.

    `complete`: as far as the stores can say, these are all.
    """

    frames: list[pd.DataFrame] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    complete: bool = True


def unlisted(checker: VerifyContext, listed: Sequence[pd.DataFrame], most: int) -> Unlisted:
    """The videos that none of the tables `listed` can hold, at most about so many of each kind. May raise
    `MissingIndex`."""
    counts = checker.records.status_counts(up_to=COUNTED)
    found = Unlisted()
    if COUNTED in counts.values():
        _of_other_statuses(checker, found, most)
        _by_scan(checker, found, most)
        return found
    strange = counts["other"]
    if strange:
        made = _made_of_drafts(checker, found, most)
        strange -= int((~made["status"].isin(STATUSES)).sum())
    if strange > 0:
        near = pd.concat([frame["uid"] for frame in (*listed, *found.frames)]).drop_duplicates().tolist()
        strange = counts["other"] - _by_counting(checker, found, sum(counts.values()), counts["other"], near, most)
    if strange > 0:
        words = "without a known status, which no query finds: only `python -m storage verify --all` looks."
        found.notes.append(f"{number(strange, 'video')} {words}")
        found.complete = False
    return found


def _made_of_drafts(checker: VerifyContext, found: Unlisted, most: int) -> pd.DataFrame:
    """Videos that nobody created, found by the count field that only renderings of a draft write."""
    try:
        table = checker.records.videos_of_drafts(most)
    except MissingIndex as missing:
        found.notes.append(f"Videos made of drafts were not looked for: {missing.message}")
        return VIDEOS.empty()
    frame = table.unbroken()
    if not table.complete:
        found.notes.append(f"Only {len(frame):,} videos made of drafts were considered.")
    made = frame[frame["created_at"].isna()]
    found.frames.append(made)
    return made


def _by_counting(
    checker: VerifyContext, found: Unlisted, videos: int, strange: int, near: Sequence[str], most: int
) -> int:
    """Looks into ranges that hold more videos than videos with a known status; how many it found."""
    reads = SEARCHED + min(strange, most)
    try:
        others = checker.records.videos_without_status(STATUSES, videos, strange, most_reads=reads, near=near)
    except (MissingIndex, Unusable):  # ranges of all users are refused: the caller says how many were not found
        return 0
    found.frames.append(others)
    return len(others)


def _of_other_statuses(checker: VerifyContext, found: Unlisted, most: int) -> None:
    table = checker.records.videos_of_other_statuses(STATUSES, most)
    found.frames.append(table.unbroken())
    if not table.complete:
        found.notes.append(f"Only the first {len(table.frame):,} videos of an unknown status were considered.")
        found.complete = False


def _by_scan(checker: VerifyContext, found: Unlisted, most: int) -> None:
    """Those of which the last kept scan says that they have no status, where that is so still."""
    try:
        head = next(iter(scan_records(checker.records).heads(1, parts=False)), None)
        rows = findings_of_kind(checker.objects, head, "incomplete_video") if head is not None else None
    except StorageError as error:
        found.notes.append(f"Videos without a status: too many videos to count, and the last scan: {error.message}")
        found.complete = False
        return
    if head is None or rows is None:
        found.notes.append(f"Videos without a status: there are too many to count, and no kept scan; {_KEEP_ONE}.")
        found.complete = False
        return
    lacking = [
        (uid, video_id) for uid, video_id, lacks in rows if video_id is not None and "status" in (lacks or "status")
    ]
    frame = checker.records.videos_by_ids(lacking[:most]).unbroken()
    without = [not status for status in statuses(frame["status"])]
    found.frames.append(frame[without])
    old = checker.clock() - head.finished_at > OF_SCAN
    found.notes.append(
        f"Videos that lost or never got their status since the scan of {moment(head.finished_at)}"
        f"{', which did not look at everything' if not head.complete else ''}: there are too many to count; "
        f"{number(sum(without), 'video')} of that scan {'is' if sum(without) == 1 else 'are'} still without one."
    )
    found.complete = found.complete and head.complete and not old and len(lacking) <= most
