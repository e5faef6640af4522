"""Reads what the steps of other videos took lately, so that the durations of one stand beside the usual ones.

It reads the `ANALYSES` newest documents `highlights/main` with their videos, and the first and last clip of `PACES` of
these that are completed: some 60 reads. Pages keep the answer for an hour.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from storage.domain.diagnosis.timeline import Usual, source_seconds
from storage.repositories.records import Records
from storage.repositories.successes import success_records

ANALYSES = 20
PACES = 8
MOST_SECONDS = 6 * 3600.0  # a longer time holds an outage or somebody's repair


def read_usual(records: Records) -> Usual:
    """The durations of the newest analyses and renderings of all customers. May raise `MissingIndex`."""
    reader = success_records(records)
    newest = reader.newest_highlights(ANALYSES)
    videos = records.videos_by_ids([(one.uid, one.video_id) for one in newest]).unbroken() if newest else None
    if videos is None:
        return Usual()
    rows = {(row["uid"], row["video_id"]): row for row in videos.to_dict("records")}
    analyses = []
    for one in newest:
        created = rows.get((one.uid, one.video_id), {}).get("created_at")
        length = source_seconds(one.entries)
        if length and created is not None and 0 < (took := (one.at - created).total_seconds()) < MOST_SECONDS:
            analyses.append((length, took))
    completed = [row for row in rows.values() if row["status"] == "completed" and _several(row)]
    paces: Iterator[float | None] = (reader.pace(row["uid"], row["video_id"]) for row in completed[:PACES])
    return Usual(tuple(analyses), tuple(pace for pace in paces if pace is not None and pace < MOST_SECONDS))


def _several(row: dict[Any, Any]) -> bool:
    count = row["clips_count"]
    return isinstance(count, int) and count > 1
