"""Builds the facts of an upload check from a few plain values, as tables of the declared schemas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from storage.domain import highlights
from storage.domain.deployment import Served, set_to
from storage.domain.documents import CLIPS, DTYPES, OBJECTS, VIDEOS, Schema, Table
from storage.domain.integrity import Finding, HeadAnswer, Listing, Report, UserFacts, verify_user
from storage.domain.layout import Layout, thumbnail_of
from storage.errors import AccessDenied, StorageError

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
STALE = timedelta(minutes=15)
OLD = NOW - timedelta(days=3)
JUST_NOW = NOW - timedelta(minutes=2)
LAYOUT = Layout()
GOOD_HIGHLIGHTS = b'{"highlights": [{"id": 1, "title": "One", "start": "00:00:01", "end": "00:00:31"}]}'


def table(schema: Schema, rows: list[Mapping[str, Any]], *, error: StorageError | None = None) -> Table:
    """Rows as a frame of exactly the schema's columns; with an error, one that was cut short."""
    data = {
        column.name: pd.Series([row.get(column.name) for row in rows], dtype=DTYPES[column.kind])
        for column in schema.columns
    }
    return Table(schema, pd.DataFrame(data), (), error is None, NOW, len(rows), error)


@dataclass
class World:
    """One user with what both stores hold. Methods add; `check` judges."""

    uid: str = "u1"
    layout: Layout = LAYOUT
    video_rows: list[dict[str, Any]] = field(default_factory=list)
    clip_rows: list[dict[str, Any]] = field(default_factory=list)
    objects: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    highlights: dict[str, highlights.HighlightsState] = field(default_factory=dict)
    documents: dict[str, highlights.HighlightsState] = field(default_factory=dict)
    listing_error: StorageError | None = None
    clips_error: StorageError | None = None
    extra_prefixes: tuple[str, ...] = ()
    more: dict[str, Any] = field(default_factory=dict)
    served: Served = "object"

    def video(
        self, video_id: str, status: str = "completed", content: bytes | None = GOOD_HIGHLIGHTS, **fields: Any
    ) -> World:
        """A video document and, unless `content` is `None`, its highlights.json."""
        times = {"created_at": OLD, "updated_at": OLD}
        row = {"uid": self.uid, "video_id": video_id, "status": status, "exists": True, **times, **fields}
        self.video_rows.append(row)
        key = self.layout.highlights_key(self.uid, video_id)
        if content is None:
            self.highlights[video_id] = highlights.absent("object", key)
        else:
            self.objects[key] = (len(content), OLD)
            self.highlights[video_id] = highlights.judge_object(content, key)
        return self

    def clip(
        self,
        video_id: str,
        name: str = "clip_01_1_hello_split",
        *,
        size: int | None = 100,
        thumbnail: bool = True,
        **fields: Any,
    ) -> World:
        """A completed clip with its object of `size` bytes (none: no object) and its thumbnail."""
        prefix = self.layout.user_prefixes(self.uid)[0]
        key = fields.pop("r2_key", f"{prefix}{video_id}/clips/{name}.mp4")
        row = {
            "uid": self.uid,
            "video_id": video_id,
            "clip_id": f"{video_id}_{name}",
            "status": "completed",
            "exists": True,
            "created_at": OLD,
            "updated_at": OLD,
            "file_size_bytes": 100,
            "r2_key": key,
            "has_thumbnail": thumbnail,
            **fields,
        }
        self.clip_rows.append(row)
        if size is not None and key:
            self.object(key, size)
        if thumbnail and key:
            self.object(thumbnail_of(key), 10)
        return self

    def object(self, key: str, size: int = 100, modified: datetime = OLD) -> World:
        """An object in the bucket."""
        self.objects[key] = (size, modified)
        return self

    def facts(self) -> UserFacts:
        """The facts as the orchestration would gather them, everything read unless an error says otherwise."""
        prefixes = (*self.layout.user_prefixes(self.uid), *self.extra_prefixes)
        listings = []
        for prefix in prefixes:
            rows = [
                {"key": key, "size_bytes": size, "etag": "e", "last_modified": modified}
                for key, (size, modified) in self.objects.items()
                if key.startswith(prefix)
            ]
            listings.append(Listing(prefix, table(OBJECTS, rows, error=self.listing_error)))
        return replace(
            UserFacts(
                uid=self.uid,
                user_exists=True,
                videos=table(VIDEOS, self.video_rows),
                clips=table(CLIPS, self.clip_rows, error=self.clips_error),
                listings=tuple(listings),
                read_at=NOW,
                highlights=self.highlights,
                highlights_documents=self.documents,
                deployment=set_to(self.served),
            ),
            **self.more,
        )

    def check(self) -> Report:
        """The report on this world."""
        return verify_user(self.facts(), NOW, STALE, self.layout)

    def findings(self) -> dict[str, Finding]:
        """The findings by kind; a kind may occur once at most."""
        found = self.check().findings
        assert len({finding.kind for finding in found}) == len(found), found
        return {finding.kind: finding for finding in found}


def denied(what: str = "the bucket") -> AccessDenied:
    """A refusal as the clients raise it."""
    return AccessDenied(f"Not allowed to read {what}.", remedy="Check the token's scope.")


def head_absent() -> HeadAnswer:
    """A 404."""
    return HeadAnswer()
