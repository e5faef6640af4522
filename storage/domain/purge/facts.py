"""The facts that a survey found about a scope, before any rule draws conclusions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from storage.domain.purge.counters import ClipSize, Totals
from storage.domain.purge.plan import CounterChange, PlannedDocument, PlannedUpload
from storage.domain.purge.scope import Scope


@dataclass(frozen=True, slots=True)
class NamedKey:
    """A key and the document and field that name it. `served`: false for a clip that failed, which nobody is shown."""

    key: str
    path: str
    field: str
    served: bool = True


@dataclass(frozen=True, slots=True)
class VideoFact:
    """A video of the scope; `touched_at` is its last sign of life, where it has one."""

    video_id: str
    exists: bool
    status: str | None
    touched_at: datetime | None


@dataclass(frozen=True, slots=True)
class DraftFact:
    """A draft of the scope whose analysis waits or runs, its last sign of life, and how long it may be silent."""

    draft_id: str
    touched_at: datetime
    patience: timedelta


@dataclass(frozen=True, slots=True)
class LinkFact:
    """A public share link; `live`: it works now, and the clip to which it leads exists."""

    path: str
    live: bool


@dataclass(frozen=True, slots=True)
class ObjectFact:
    """One object as a listing shows it; `home`: it lies under the configured layout's own prefixes."""

    key: str
    size_bytes: int
    etag: str
    last_modified: datetime
    home: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """A complete look at a scope.

    `named` are the keys that its own documents name, `named_elsewhere` the keys of clips beside it (`None`: there are
    too many clips to read). `claimed` are the keys of completed clips, `claimed_thumbnails` the thumbnails that these
    clips name; both only where they lie in the scope, whose prefixes were listed. `clips` are the clips that go,
    `user_totals` the present sums over all of the user's clips.
    """

    scope: Scope
    documents: tuple[PlannedDocument, ...]
    youngest: datetime | None
    named: tuple[NamedKey, ...]
    named_elsewhere: tuple[NamedKey, ...] | None
    claimed: tuple[str, ...]
    videos: tuple[VideoFact, ...]
    busy_elsewhere: tuple[str, ...]
    links: tuple[LinkFact, ...]
    clips: tuple[ClipSize, ...]
    user_totals: Totals
    user_videos: int
    counters: tuple[CounterChange, ...]
    listed: tuple[ObjectFact, ...]
    uploads: tuple[PlannedUpload, ...]
    prefixes: tuple[str, ...]
    claimed_thumbnails: tuple[str, ...] = ()
    drafts: tuple[DraftFact, ...] = ()
