"""The values of an upload check: what was found, how much was looked at, and whether the result can be believed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, get_args

from storage.domain.integrity.controls import NO_CLAIMS, Claims, Controls

Kind = Literal[
    "missing_object",
    "size_mismatch",
    "empty_object",
    "missing_thumbnail",
    "orphan_object",
    "missing_highlights",
    "invalid_highlights",
    "clip_without_key",
    "foreign_key",
    "duplicate_key",
    "phantom_parent",
    "unfinished_upload",
    "stale_clip",
    "unreadable",
]
KINDS: tuple[Kind, ...] = get_args(Kind)

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)  # gravest first


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be. `seen_at` is when the stores were read; ids are `None` where none apply.

    `expected` and `actual` are sizes in bytes for sizes, short words for all else. `disclosure`: it names another
    customer's object, and that object is there: the product may show it to the wrong person.
    """

    kind: Kind
    severity: Severity
    uid: str
    video_id: str | None = None
    clip_id: str | None = None
    key: str | None = None
    expected: str | int | None = None
    actual: str | int | None = None
    detail: str = ""
    seen_at: datetime | None = None
    disclosure: bool = False

    @property
    def identity(self) -> tuple[str | None, ...]:
        """What makes it the same finding in a later check: the kind and what it is about, not what was measured."""
        return (self.kind, self.uid, self.video_id, self.clip_id, self.key)

    @property
    def order(self) -> tuple[int, int, str, str, str, str]:
        """Severity first, then the kind in the contract's order, then ids and key."""
        ids = (self.uid, self.video_id or "", self.clip_id or "", self.key or "")
        return (SEVERITIES.index(self.severity), KINDS.index(self.kind), *ids)

    def as_dict(self) -> dict[str, Any]:
        """The finding as `verify --json` prints it."""
        return {
            "kind": self.kind,
            "severity": self.severity,
            "uid": self.uid,
            "video_id": self.video_id,
            "clip_id": self.clip_id,
            "key": self.key,
            "expected": self.expected,
            "actual": self.actual,
            "detail": self.detail,
            "last_seen_at": self.seen_at,
        }


@dataclass(frozen=True, slots=True)
class Checked:
    """How much was looked at. `objects` are those that were listed or asked for, the desk's own left out."""

    users: int = 0
    videos: int = 0
    clips: int = 0
    objects: int = 0

    def __add__(self, other: Checked) -> Checked:
        return Checked(
            self.users + other.users,
            self.videos + other.videos,
            self.clips + other.clips,
            self.objects + other.objects,
        )

    def as_dict(self) -> dict[str, int]:
        """Plain numbers, for `--json`."""
        return {"users": self.users, "videos": self.videos, "clips": self.clips, "objects": self.objects}


@dataclass(frozen=True, slots=True)
class InFlight:
    """What was left out of the findings because it is young enough to be still written."""

    clips: int = 0
    objects: int = 0
    uploads: int = 0

    def __add__(self, other: InFlight) -> InFlight:
        return InFlight(self.clips + other.clips, self.objects + other.objects, self.uploads + other.uploads)

    def as_dict(self) -> dict[str, int]:
        """Plain numbers, for `--json`."""
        return {"clips": self.clips, "objects": self.objects, "uploads": self.uploads}


@dataclass(frozen=True, slots=True)
class CacheCount:
    """One kind of cache under the user: objects and bytes, and how many have outlived their own expiry.

    `complete` is false where its listing did not end; `overdue` ones exist although the bucket's lifecycle rule should
    have removed them (a day of grace, because such rules run late).
    """

    kind: str
    objects: int = 0
    size_bytes: int = 0
    expired: int = 0
    overdue: int = 0
    complete: bool = True

    def __add__(self, other: CacheCount) -> CacheCount:
        return CacheCount(
            self.kind,
            self.objects + other.objects,
            self.size_bytes + other.size_bytes,
            self.expired + other.expired,
            self.overdue + other.overdue,
            self.complete and other.complete,
        )


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Why the whole result is not to be believed, and how to find out. Findings beside it feed no action.

    `repairs` is true where only a control is lacking, because there is no other customer: then what is missing may be
    put back all the same, which takes nothing away; it may not be purged.
    """

    reason: str
    expected: int
    missing: int
    how_to_check: tuple[str, ...]
    repairs: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for `--json`."""
        return {
            "reason": self.reason,
            "expected": self.expected,
            "missing": self.missing,
            "how_to_check": list(self.how_to_check),
        }


@dataclass(frozen=True, slots=True)
class Failure:
    """A read that was refused or not answered, without anything secret: what it was about, and the error's code."""

    target: str
    code: str
    message: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """The result of checking one user, or one video of a user.

    `claimed` counts the completed clips whose object must be there. `complete` is false when anything could not be
    read: what was not read is counted in `unchecked`, never as missing.
    `unsized` clips have no usable size in their document, so their object's size could not be compared.
    `prefix_doubt` says so where no key lies under the configured prefix: no finding, for older ones may lie elsewhere.
    `claims` are what the completed clips say is there; `controls` were looked for where `wants_controls`. `stranger`:
    there are objects, and Firestore has no document at all.
    """

    uid: str
    video_id: str | None
    checked: Checked
    findings: tuple[Finding, ...]
    complete: bool
    suspicion: Suspicion | None
    caches: tuple[CacheCount, ...]
    in_flight: InFlight
    read_at: datetime
    claimed: int = 0
    unchecked: int = 0
    unsized: int = 0
    unrecognised: int = 0
    failures: tuple[Failure, ...] = ()
    prefix_doubt: str = ""
    claims: Claims = NO_CLAIMS
    wants_controls: bool = False
    controls: Controls | None = None
    stranger: bool = False
    cost: Mapping[str, int] = field(default_factory=dict)

    @property
    def scope(self) -> str:
        """The scope spelled out: the uid, or `uid/video_id`."""
        return self.uid if self.video_id is None else f"{self.uid}/{self.video_id}"

    @property
    def summary(self) -> dict[str, int]:
        """Findings by kind, in the contract's order; kinds without any are left out."""
        return count_by_kind(self.findings)

    @property
    def actionable(self) -> bool:
        """Whether an action may be derived from the findings. Never from a scan that is suspected or incomplete."""
        return self.suspicion is None and self.complete

    @property
    def wrong(self) -> bool:
        """Whether the result says that something is wrong; notes (`info`) do not."""
        return self.suspicion is not None or any(finding.severity != "info" for finding in self.findings)

    def with_cost(self, cost: Mapping[str, int]) -> Report:
        """The same, with the billed operations that it took."""
        return replace(self, cost=dict(cost))

    def as_dict(self) -> dict[str, Any]:
        """The document of `verify --json`: the suspicion first, then what the contract fixes, then what is added."""
        return {
            "scope": self.scope,
            "implausible": self.suspicion.as_dict() if self.suspicion else None,
            "prefix_doubt": self.prefix_doubt or None,
            "controls": self.controls.as_dict() if self.controls else None,
            "complete": self.complete,
            "checked": self.checked.as_dict(),
            "summary": self.summary,
            "findings": [finding.as_dict() for finding in self.findings],
            "in_flight": self.in_flight.as_dict(),
            "caches": [asdict(cache) for cache in self.caches],
            "unchecked": self.unchecked,
            "unsized": self.unsized,
            "unrecognised": self.unrecognised,
            "failures": [asdict(failure) for failure in self.failures],
            "read_at": self.read_at,
            "cost": dict(self.cost),
        }


def count_by_kind(findings: Iterable[Finding]) -> dict[str, int]:
    """Number of findings of each kind, in the contract's order."""
    counts = Counter(finding.kind for finding in findings)
    return {kind: counts[kind] for kind in KINDS if counts[kind]}
