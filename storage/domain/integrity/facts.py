"""What an upload check is judged from: documents and listings as they were read, with how far each reading went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from storage.domain.documents import MultipartUpload, ObjectInfo, Table
from storage.domain.highlights import HighlightsState
from storage.domain.integrity.controls import Controls
from storage.domain.integrity.findings import Failure
from storage.domain.layout import OPS_PREFIX, Layout


@dataclass(frozen=True, slots=True, eq=False)
class Listing:
    """One prefix (ending with '/') and what the bucket lists under it. Proves absence only if `table.complete`."""

    prefix: str
    table: Table


@dataclass(frozen=True, slots=True)
class Head:
    """The answer about one key outside the listed prefixes: the object, proven absent (both `None`), or a failure."""

    info: ObjectInfo | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True, eq=False)
class UserFacts:
    """Everything read about one user (or one video, when `video_id` is set). Documents are read before the bucket.

    That order matters: the worker uploads an object and then writes its document, so whatever a document names was
    there before the listing began, and an object that is newer than `read_at` needs no document yet.
    `user_exists` is `None` where the user's document was not or could not be read (`user_failure`). `highlights` and
    `highlights_documents` are by video id; a document is only read where the object does not settle the question.
    `controls` are looked for only where the report asks for them, `known_customers` (other customers of the bucket,
    looked for in Firestore) where there are objects and no document.
    """

    uid: str
    user_exists: bool | None
    videos: Table
    clips: Table
    listings: tuple[Listing, ...]
    read_at: datetime
    video_id: str | None = None
    heads: Mapping[str, Head] = field(default_factory=dict)
    highlights: Mapping[str, HighlightsState] = field(default_factory=dict)
    highlights_documents: Mapping[str, HighlightsState] = field(default_factory=dict)
    uploads: tuple[MultipartUpload, ...] = ()
    user_failure: Failure | None = None
    uploads_failure: Failure | None = None
    controls: Controls | None = None
    known_customers: Controls | None = None


def own_prefixes(layout: Layout, uid: str) -> tuple[str, ...]:
    """Where a user's clips may lie: under the configured prefix, and under the other known ones.

    A user whose id spells a top-level folder (`users`, `clips`) gets no prefix that would cover other people's keys.
    """
    shared = {*layout.prefixes, "sources/", "clips/", OPS_PREFIX}
    prefixes = (Layout(prefix).user_prefixes(uid)[0] for prefix in layout.prefixes)
    return tuple(prefix for prefix in prefixes if prefix not in shared)
