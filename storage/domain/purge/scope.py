"""The scope of a purge: one clip, a chosen set of clips, one video or one user, with its spelling and its places.

The places are the key prefixes under the known layouts and the documents that are the roots of all others. This module
also holds the limits that settings put on purges, and the keys under `_ops/` of plans, quarantines and certificates.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, Self

from storage.domain.layout import OPS_PREFIX, Layout
from storage.errors import BadInput
from storage.ids import check_stored_id, is_stored_id, number_of, typeable

Kind = Literal["clip", "clips", "video", "user"]

# Segments with a meaning of their own in the bucket or in Firestore, and what a script prints instead of a missing id.
# With an empty key prefix a uid of `users` or `clips` would be the prefix of everybody.
RESERVED = frozenset(
    {
        "users",
        "videos",
        "clips",
        "sources",
        "raw",
        "neural",
        "transcripts",
        "highlights",
        "highlights.json",
        "shares",
        "share_slugs",
        "storage_accounting",
        "credit_transactions",
        "plans",
        "all",
        "*",
        "null",
        "none",
        "nil",
        "undefined",
        "nan",
    }
)


GIB = 1024**3
QUARANTINES = f"{OPS_PREFIX}quarantine/"
SEAL_SECRET = f"{OPS_PREFIX}secrets/plan-seal"


@dataclass(frozen=True, slots=True, order=True)
class ClipRef:
    """One clip of a user."""

    video_id: str
    clip_id: str


@dataclass(frozen=True, slots=True)
class Scope:
    """One user, one of the user's videos, or some clips, sorted, of one video or of several."""

    uid: str
    video_id: str | None = None
    clips: tuple[ClipRef, ...] = ()

    @classmethod
    def of(cls, uid: str, video_id: str | None = None, clip_ids: Iterable[str] = ()) -> Self:
        """A scope from ids as the stores hold them; `BadInput` for a bad id, or for clips without their video."""
        check_stored_id(uid, "UID")
        clips = tuple(sorted({check_stored_id(clip_id, "CLIP_ID") for clip_id in clip_ids}))
        if video_id is None:
            if clips:
                raise BadInput(
                    "A clip was named without its video",
                    field_name="VIDEO_ID",
                    remedy="Give the video of the clip too.",
                )
            return cls(uid)
        check_stored_id(video_id, "VIDEO_ID")
        return cls(uid, video_id, tuple(ClipRef(video_id, clip_id) for clip_id in clips))

    @classmethod
    def of_clips(cls, uid: str, clips: Iterable[ClipRef]) -> Self:
        """A chosen set of clips of one user, from any of the user's videos; raises `BadInput` for an empty set."""
        check_stored_id(uid, "UID")
        chosen = tuple(sorted(set(clips)))
        if not chosen:
            raise BadInput("No clip was chosen", field_name="CLIP_ID", remedy="Choose at least one clip.")
        for clip in chosen:
            check_stored_id(clip.video_id, "VIDEO_ID")
            check_stored_id(clip.clip_id, "CLIP_ID")
        videos = {clip.video_id for clip in chosen}
        return cls(uid, videos.pop() if len(videos) == 1 else None, chosen)

    @property
    def kind(self) -> Kind:
        """Which of the four kinds it is."""
        if self.clips:
            return "clip" if len(self.clips) == 1 else "clips"
        return "user" if self.video_id is None else "video"

    @property
    def spelled(self) -> str:
        """The name to type as a confirmation: `uid`, `uid/video`, `uid/video/clip`, or the parent and the number."""
        parts = [self.uid] + ([self.video_id] if self.video_id is not None else [])
        if self.kind == "clip":
            parts.append(self.clips[0].clip_id)
        elif self.kind == "clips":
            parts.append(f"{len(self.clips)} clips")
        return "/".join(parts)

    @property
    def typeable(self) -> str:
        """`spelled`, in a form that a person can see and type: an id with blanks at its ends or with control characters
        is percent-encoded, since a form strips these and nobody sees them.
        """
        return "/".join(map(typeable, self.spelled.split("/")))

    def is_named_by(self, phrase: str) -> bool:
        """Whether a confirmation names exactly this scope."""
        return phrase in {self.spelled, self.typeable}

    @property
    def clip_id(self) -> str:
        """The clip's id for a single clip, else empty."""
        return self.clips[0].clip_id if self.kind == "clip" else ""

    @property
    def video_ids(self) -> tuple[str, ...]:
        """The videos that the scope names, sorted; none for a user, whose scope has all of them."""
        if self.clips:
            return tuple(sorted({clip.video_id for clip in self.clips}))
        return () if self.video_id is None else (self.video_id,)

    def covers(self, other: Scope) -> bool:
        """Whether everything of `other` belongs to this scope too."""
        if self.uid != other.uid:
            return False
        if self.kind == "user":
            return True
        if self.kind == "video":
            return other.kind != "user" and set(other.video_ids) == {self.video_id}
        return bool(other.clips) and set(other.clips) <= set(self.clips)

    def holds(self, video_id: str, clip_id: str = "") -> bool:
        """Whether this video or clip of the scope's user belongs to the scope."""
        if self.kind in {"user", "video"}:
            return self.kind == "user" or video_id == self.video_id
        return ClipRef(video_id, clip_id) in self.clips

    def as_dict(self) -> dict[str, Any]:
        clips = [{"video_id": clip.video_id, "clip_id": clip.clip_id} for clip in self.clips]
        return {"kind": self.kind, "uid": self.uid, "video_id": self.video_id, "clips": clips}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Self:
        """The inverse of `as_dict`; raises `BadInput` for anything else."""
        try:
            uid, video_id = value["uid"], value["video_id"]
            clips = tuple(ClipRef(clip["video_id"], clip["clip_id"]) for clip in value["clips"])
        except (KeyError, TypeError):
            raise BadInput(
                "The plan's scope is incomplete", field_name="target", remedy="Make the plan again."
            ) from None
        ids = [
            uid,
            *([] if video_id is None else [video_id]),
            *(part for c in clips for part in (c.video_id, c.clip_id)),
        ]
        if not all(is_stored_id(part) for part in ids):
            raise BadInput("The plan's scope holds no usable ids", field_name="target", remedy="Make the plan again.")
        scope = cls.of_clips(uid, clips) if clips else cls.of(uid, video_id)
        if scope.video_id != video_id or scope.clips != clips:
            raise BadInput("The plan's scope contradicts itself", field_name="target", remedy="Make the plan again.")
        return scope


def dangers(scope: Scope, prefixes: Iterable[str], shortest_id: int) -> tuple[str, ...]:
    """Why a scope is too risky to look at: an id is a reserved word, or so short that it is probably a slip.

    `prefixes` are the layout's known key prefixes: their first segments are reserved too. The wording is for people.
    """
    reserved = RESERVED | {prefix.split("/")[0].casefold() for prefix in prefixes if prefix}
    parts = [("the uid", scope.uid), *(("the video id", video_id) for video_id in scope.video_ids)]
    found = []
    for what, part in parts:
        own = part.startswith("_") and number_of(part) is None
        if part.casefold() in reserved or own or part.casefold().startswith("ops_"):
            found.append(f"{what} {part!r} is a reserved word, not an id")
        elif len(part) < shortest_id:
            found.append(f"{what} {part!r} is too short: an id has at least {shortest_id} characters")
    return tuple(found)


@dataclass(frozen=True, slots=True)
class PurgeLimits:
    """The limits of purges. One person may purge up to `most_objects` and `most_bytes` alone. Names end in their unit.

    `shortest_id`: Firebase's own ids have 28 characters, imported ones may be as short as `u1`; a single character
    counts as a slip. `idle_hours`: a `processing` video blocks its purge until nothing has touched it for so long.
    """

    most_objects: int = 500
    most_bytes: int = 5 * GIB
    per_actor_hour: int = 30
    quarantine_days: int = 7
    plan_minutes: int = 30
    lease_seconds: int = 60
    shortest_id: int = 2
    idle_hours: int = 24
    most_repairs: int = 25  # rows of a joint repair that one person may make alone
    stale_minutes: int = 15  # a younger object that no document names may still get its document

    @property
    def plan_life(self) -> timedelta:
        """How long a person may apply a plan."""
        return timedelta(minutes=self.plan_minutes)

    @property
    def quarantine_life(self) -> timedelta:
        """How long a purge can be undone."""
        return timedelta(days=self.quarantine_days)


def plan_key(plan_id: str) -> str:
    """The key of a plan from the moment that somebody makes, approves or applies it."""
    return f"{OPS_PREFIX}plans/{plan_id}.json"


def certificate_key(job_id: str) -> str:
    return f"{OPS_PREFIX}certificates/{job_id}.json"


def neighbours_key(job_id: str) -> str:
    """The key of a job's note about the neighbours of its scope at the beginning."""
    return f"{OPS_PREFIX}jobs/{job_id}/neighbours.json"


def quarantine_prefix(job_id: str) -> str:
    """The prefix of everything that a purge keeps for its undo."""
    return f"{QUARANTINES}{job_id}/"


def kept_objects_prefix(job_id: str) -> str:
    """The prefix of the copies of objects in it."""
    return f"{quarantine_prefix(job_id)}objects/"


def kept_object(job_id: str, number: int, key: str) -> str:
    """The key of the copy of the plan's object `number`. A key may fill all 1,024 bytes, so the name has its digest."""
    return f"{kept_objects_prefix(job_id)}{number:06d}-{hashlib.sha256(key.encode()).hexdigest()[:24]}"


def kept_documents(job_id: str, batch: int) -> str:
    """The key of one file of documents: one document a line, as JSON without loss."""
    return f"{quarantine_prefix(job_id)}documents/{batch:06d}.jsonl"


def kept_rows(job_id: str) -> str:
    """The key of what a purge took out of the desk's own documents: one row a line."""
    return f"{quarantine_prefix(job_id)}rows.jsonl"


def home_prefixes(scope: Scope, layout: Layout) -> tuple[str, ...]:
    """The prefixes of the scope's objects under the configured layout; each ends with '/'."""
    if not scope.video_ids:
        return layout.user_prefixes(scope.uid)
    return tuple(prefix for video_id in scope.video_ids for prefix in layout.video_prefixes(scope.uid, video_id))


def all_prefixes(scope: Scope, layout: Layout) -> tuple[str, ...]:
    """As `home_prefixes`, under every known layout, the configured one first."""
    found = (prefix for known in layout.prefixes for prefix in home_prefixes(scope, Layout(known)))
    return tuple(dict.fromkeys(found))


def document_roots(scope: Scope) -> tuple[str, ...]:
    """The documents above everything else of the scope (share slugs and accounting lie beside them)."""
    user = f"users/{scope.uid}"
    if scope.clips:
        return tuple(f"{user}/videos/{clip.video_id}/clips/{clip.clip_id}" for clip in scope.clips)
    return (user,) if scope.video_id is None else (f"{user}/videos/{scope.video_id}",)


def points_into(scope: Scope, link: Mapping[str, Any]) -> bool:
    """Whether a public link leads into the scope by its own document's user, video and clip.

    A missing field counts as a match: such a link is the scope's only where the scope's share settings name it.
    """
    videos, clips = scope.video_ids, {clip.clip_id for clip in scope.clips}
    return (
        link.get("user_id", scope.uid) == scope.uid
        and (not videos or link.get("video_id", videos[0]) in videos)
        and (not clips or link.get("clip_id", min(clips)) in clips)
    )


def in_scope(key: str, scope: Scope, layout: Layout) -> bool:
    """Whether a key lies under the scope's user (and videos) in some known layout, at a segment's end."""
    return key.startswith(all_prefixes(scope, layout))
