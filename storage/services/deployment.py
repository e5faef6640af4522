"""Finds the deployment once an hour for each process and keeps it: only this module answers which backend is there.

A setting is taken as it is. A sample of documents tells the rest, or the answer that another process kept within the
hour. The reads are billed apart: no page's count includes them (the last line of a command does), and no budget stops
them. `Finder.cost` is their cost.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pandas as pd

from storage.clients.meter import Cost, metering_apart
from storage.domain.deployment import (
    ASSUMED,
    LIFE,
    NEWEST,
    Deployment,
    Wanted,
    from_fields,
    told_prefix,
    told_source,
)
from storage.domain.documents import RawDocument
from storage.errors import MissingIndex, StorageError
from storage.repositories.deployment import DELIVERED, DeploymentRecords
from storage.repositories.records import Records

RETRY = timedelta(minutes=1)  # the pause after an attempt that a store stopped
Keep = Callable[[Deployment, RawDocument | None], None]
_log = logging.getLogger(__name__)


class Finder:
    """Answers which backend is there. Threads may share it; each process has one, over its one handle.

    `prefix` is `None` where the finder must find it. `keep` writes the answer for other processes, with the earlier
    document as it was read as precondition; where writing fails, the log says why and the desk goes on.
    """

    def __init__(
        self,
        records: Records,
        reader: DeploymentRecords,
        clock: Callable[[], datetime],
        *,
        wanted: Wanted,
        prefix: str | None,
        keep: Keep | None = None,
    ) -> None:
        self._records, self._reader, self._clock, self._keep = records, reader, clock, keep
        self._wanted, self._prefix = wanted, prefix
        self._lock = threading.Lock()
        self._found: Deployment | None = None
        self._until: datetime | None = None
        self.cost = Cost()

    def __call__(self, *, fresh: bool = False) -> Deployment:
        """The deployment. A store's error makes it incomplete and raises nothing. `fresh` ignores the kept answer."""
        if self._prefix is not None and self._wanted != "auto":
            return self._with_settings(replace(ASSUMED, complete=True))
        with self._lock:
            now = self._clock()
            if self._found is None or self._until is None or fresh or now >= self._until:
                with metering_apart() as meter:
                    self._found, told = self._look(now, fresh=fresh)
                self.cost = meter.cost()
                self._until = now + (LIFE if told else RETRY)
            return self._found

    def _look(self, now: datetime, *, fresh: bool) -> tuple[Deployment, bool]:
        """The deployment, and whether any evidence told it. Without evidence, nothing is kept for the hour."""
        try:
            earlier = self._reader.kept()
            found = (
                None if fresh else from_fields(earlier.fields if earlier else None, now, prefix=self._prefix is None)
            )
            told = found is not None
            if found is None:
                found, told = self._sampled(now)
                if told:
                    self._kept(found, earlier)
        except StorageError as fault:
            return self._unknown(fault), False
        return self._with_settings(found), told

    def _kept(self, found: Deployment, earlier: RawDocument | None) -> None:
        if self._keep is None:
            return
        try:
            self._keep(found, earlier)
        except StorageError as error:
            _log.info("could not keep the deployment for other processes: %s", error.message)

    def _sampled(self, now: datetime) -> tuple[Deployment, bool]:
        videos, how = self._delivered()
        owners = list(zip(videos["uid"].tolist(), videos["video_id"].tolist(), strict=True))
        source, why = told_source(self._reader.have_document(owners) if owners else [], how)
        if self._prefix is not None:  # it is set, so no sample need tell it
            return replace(ASSUMED, highlights_source=source, highlights_why=why, found_at=now, complete=True), bool(
                owners
            )
        named = [pair for table in self._records.sample_clips() for pair in _keys(table.unbroken(), "r2_key")]
        named = named or _keys(videos, "highlights_json_key")
        prefix, prefix_why = told_prefix(named)
        return Deployment(source, why, prefix, prefix_why, now, prefix_sampled=bool(named)), bool(owners)

    def _delivered(self) -> tuple[pd.DataFrame, str]:
        """The newest videos that should have highlights, and the words for them; of a sample where the index lacks."""
        try:
            return self._reader.newest_delivered(NEWEST).frame, "newest"
        except MissingIndex:
            frame = pd.concat([table.unbroken() for table in self._reader.some_videos()], ignore_index=True)
        frame = frame.drop_duplicates(["uid", "video_id"])
        delivered = frame["status"].fillna("").str.strip().str.lower().isin(DELIVERED)
        frame = frame[delivered & frame["created_at"].notna()]
        return frame.sort_values("created_at", ascending=False, kind="stable").head(NEWEST), "newest of a sample of"

    def _unknown(self, fault: StorageError) -> Deployment:
        why = f"It could not be found out: {fault.message}"
        return self._with_settings(replace(ASSUMED, highlights_why=why, key_prefix_why=why, fault=fault))

    def _with_settings(self, found: Deployment) -> Deployment:
        """The deployment with the settings in place of its findings."""
        if self._wanted != "auto":
            found = replace(found, highlights_source=self._wanted, highlights_why="HIGHLIGHTS_SOURCE sets it.")
        if self._prefix is not None:
            found = replace(
                found, key_prefix=self._prefix, key_prefix_why="R2_KEY_PREFIX sets it.", prefix_sampled=False
            )
        return found


def _keys(frame: pd.DataFrame, column: str) -> list[tuple[str, str]]:
    named = frame.dropna(subset=[column])
    return list(zip(named["uid"].tolist(), named[column].tolist(), strict=True))
