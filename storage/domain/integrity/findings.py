"""The values of an upload check: findings, numbers, the report, and the doubts about the whole result.

A wrong bucket, prefix or credential gives a result that cannot be true of the customer's data. These rules tell it from
a credible one:

- Controls: where none of a scope's claimed objects is found, however few there are, the check looks for objects of
  other customers. If they are missing too, or if there are none to look for, the doubt falls on the bucket and not on
  the customer's data.
- Thresholds, which are this project's own: ten completed clips without one object under the prefix, or four in five of
  at least twenty clips missing at once, do not come from lost uploads.
- Left-over objects: where no document names more than half of all objects, and at least a hundred, the documents come
  from another project.
- The key prefix: a typo in the setting hides nothing at first sight, because existing objects are found by the keys in
  their documents; only objects that are looked for or written by the layout go to the wrong place. Older objects may
  rightly lie under another prefix, so keys outside the configured prefix are a doubt and no finding.

`ScanTotals` adds up the reports of many users without keeping them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, get_args

from storage.domain.deployment import ASSUMED, Deployment
from storage.domain.integrity.controls import NO_CLAIMS, ClaimCounts, Controls
from storage.domain.integrity.grid import VideoGrid
from storage.domain.layout import CACHE_KINDS, KNOWN_PREFIXES, Layout
from storage.domain.shares import ShareLink
from storage.text import capitalised, number

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
    "dangling_share",
    "not_media",
    "truncated_media",
    "duration_mismatch",
    "no_audio_track",
    "wrong_content_type",
    "invalid_times",
    "incomplete_video",
    "unreadable",
]
KINDS: tuple[Kind, ...] = get_args(Kind)

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)  # the gravest first


_SHOWN = 3
EMPTY_PREFIX_CLIPS = 10
MOST_MISSING_CLIPS = 20
MOST_MISSING_PERCENT = 80
MOST_ORPHANS = 100
MOST_ORPHANS_PERCENT = 50
_LIKELIER = "A wrong bucket, key prefix or credential is more likely than a loss of this size."
_RARE = "A lost upload does not explain so much: look before anything is changed."


RightSize = Literal["object", "document", "neither"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault. `seen_at` is the time when the stores were read; ids are `None` where none apply.

    `expected` and `actual` are bytes for sizes, and short words for all else. `disclosure`: the document names another
    customer's object, and that object is there, so the product may show it to the wrong person. `owner` is then the
    customer to whom the object belongs, `since` the latest possible time of the beginning, and `links` are the public
    links that lead to the object now. `right` says which of two sizes is right, where the file itself tells.
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
    owner: str = ""
    since: datetime | None = None
    links: tuple[str, ...] = ()
    right: RightSize | None = None

    @property
    def identity(self) -> tuple[str | None, ...]:
        """The identity of the finding across checks: its kind and the things that it is about, not the measurements."""
        return (self.kind, self.uid, self.video_id, self.clip_id, self.key)

    @property
    def of_thumbnail(self) -> bool:
        """Whether a new thumbnail mends it: an empty object is a warning only where it is a thumbnail."""
        return self.kind == "missing_thumbnail" or (self.kind == "empty_object" and self.severity == "warning")

    @property
    def order(self) -> tuple[bool, int, int, str, str, str, str]:
        """The sort key: disclosures first, then severity, then the kind in the contract's order, then ids and key."""
        ids = (self.uid, self.video_id or "", self.clip_id or "", self.key or "")
        return (not self.disclosure, SEVERITIES.index(self.severity), KINDS.index(self.kind), *ids)

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
            **({"right": self.right} if self.right else {}),
            **({"disclosure": self.disclosed} if self.disclosure else {}),
        }

    @property
    def disclosed(self) -> dict[str, Any]:
        """Both customers of a disclosure, its latest beginning and its public links, for people who may see them."""
        return {"shown_to": self.uid, "owner": self.owner, "since": self.since, "links": list(self.links)}


@dataclass(frozen=True, slots=True)
class Checked:
    """The numbers of things checked. `objects` are the listed or requested objects without the desk's own."""

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
    """The numbers of things that give no finding because they are so young that a worker may still write them.

    `minutes` is the age up to which a clip or an object counts as that young; 0 where it is not on record. An upload
    counts for a day.
    """

    clips: int = 0
    objects: int = 0
    uploads: int = 0
    minutes: int = 0

    def __add__(self, other: InFlight) -> InFlight:
        return InFlight(
            self.clips + other.clips,
            self.objects + other.objects,
            self.uploads + other.uploads,
            max(self.minutes, other.minutes),
        )

    def as_dict(self) -> dict[str, int]:
        """Plain numbers, for `--json`."""
        return {"clips": self.clips, "objects": self.objects, "uploads": self.uploads, "minutes": self.minutes}

    @property
    def limit_words(self) -> str:
        """The limit by which something counts as in flight, for a reader."""
        return f"younger than {number(self.minutes, 'minute')}; an upload for a day" if self.minutes else ""


@dataclass(frozen=True, slots=True)
class LookedInto:
    """The numbers of clips and thumbnails that were looked into, and the bytes read for that.

    `not_looked_at` counts looks without an answer: the store refused or was away, the object changed meanwhile, or its
    index is too large.
    """

    clips: int = 0
    thumbnails: int = 0
    bytes: int = 0
    not_looked_at: int = 0

    def as_dict(self) -> dict[str, int]:
        """Plain numbers, for `--json`."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class CacheCount:
    """One kind of the user's caches: objects and bytes, and the number of objects past their own expiry.

    `complete` is false where the listing did not end. `overdue` objects exist although the bucket's lifecycle rule
    should have removed them (with a day of grace, because such rules run late).
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
    """The reason to doubt the whole result, and the ways to find out. No action may use the findings beside it.

    `repairs` is true where only a control is lacking, because there is no other customer. A repair may then put missing
    objects back, which takes nothing away; a purge is still refused.
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
    """A read that was refused or got no answer: its target and the error's code, without any secret."""

    target: str
    code: str
    message: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """The result of checking one user, or one video of a user.

    `claimed` counts the completed clips whose object must be there. `complete` is false when anything could not be
    read: unread things count as `unchecked`, never as missing.
    `unsized` clips have no usable size in their document, so their object's size could not be compared.
    `without_thumbnail` clips exist without a thumbnail, and their document promises none.
    `prefix_doubt` is set where no key lies under the configured prefix; it is no finding, as older keys may lie
    elsewhere. `looked_into` is `None` where the check looked into no object.
    `claims` are the claims of the completed clips; the check looks for `controls` where `wants_controls`. `stranger`:
    there are objects, and Firestore has no document at all. `links` are the public links, `None` where not read.
    `grid` is that of the video where the check is about one.
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
    without_thumbnail: int = 0
    unrecognised: int = 0
    failures: tuple[Failure, ...] = ()
    prefix_doubt: str = ""
    claims: ClaimCounts = NO_CLAIMS
    wants_controls: bool = False
    controls: Controls | None = None
    stranger: bool = False
    links: tuple[ShareLink, ...] | None = None
    deployment: Deployment = ASSUMED
    looked_into: LookedInto | None = None
    grid: VideoGrid | None = None
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
        """Whether an action may use the findings: never those of a scan that is doubted or incomplete."""
        return self.suspicion is None and self.complete

    @property
    def wrong(self) -> bool:
        """Whether any finding is more than a note (`info`)."""
        return self.suspicion is not None or any(finding.severity != "info" for finding in self.findings)

    def with_cost(self, cost: Mapping[str, int]) -> Report:
        """The same report, with its billed operations."""
        return replace(self, cost=dict(cost))

    def as_dict(self) -> dict[str, Any]:
        """The document of `verify --json`: the suspicion, then the fields of the contract, then additional ones."""
        return {
            "scope": self.scope,
            "implausible": self.suspicion.as_dict() if self.suspicion else None,
            "prefix_doubt": self.prefix_doubt or None,
            "deployment": self.deployment.as_dict(),
            "controls": self.controls.as_dict() if self.controls else None,
            "complete": self.complete,
            "checked": self.checked.as_dict(),
            "summary": self.summary,
            "findings": [finding.as_dict() for finding in self.findings],
            "in_flight": self.in_flight.as_dict(),
            "looked_into": self.looked_into.as_dict() if self.looked_into else None,
            **({"grid": self.grid.as_dict()} if self.grid else {}),
            "caches": [asdict(cache) for cache in self.caches],
            "unchecked": self.unchecked,
            "unsized": self.unsized,
            "without_thumbnail": self.without_thumbnail,
            "unrecognised": self.unrecognised,
            "failures": [asdict(failure) for failure in self.failures],
            "read_at": self.read_at,
            "cost": dict(self.cost),
        }


def count_by_kind(findings: Iterable[Finding]) -> dict[str, int]:
    """The number of findings of each kind, in the contract's order."""
    counts = Counter(finding.kind for finding in findings)
    return {kind: counts[kind] for kind in KINDS if counts[kind]}


@dataclass(frozen=True, slots=True)
class KeyPrefixes:
    """The prefixes before the owner's id in `keys` keys: `others` are those that are not the configured one.

    `sampled`: nobody configured the prefix, keys of a sample told it.
    """

    configured: str
    keys: int
    expected: int
    others: tuple[str, ...]
    sampled: bool = False

    @property
    def doubtful(self) -> bool:
        """Whether there are keys and none of them lies under the layout's prefix."""
        return self.keys > 0 and not self.expected

    @property
    def reason(self) -> str:
        """The doubt in a sentence; empty where there is none."""
        if not self.doubtful:
            return ""
        which = (
            "the key that the documents name does not begin"
            if self.keys == 1
            else (f"none of the {self.keys:,} keys that the documents name begins")
        )
        found = " or ".join(repr(prefix) for prefix in self.others[:_SHOWN])
        return f"{which} with R2_KEY_PREFIX ({self.configured!r}) and its customer's id; what stands there is {found}"

    @property
    def doubt(self) -> str:
        """As `reason`, of one customer's keys: where a sample told the prefix, some lie under the other known one."""
        return "" if self.sampled and set(self.others) <= set(KNOWN_PREFIXES) else self.reason


def key_prefixes(layout: Layout, named: Iterable[tuple[str, str]]) -> KeyPrefixes:
    """The prefixes in (uid of the owner, key) pairs. Keys without that uid, caches and the desk's keys do not count."""
    found: Counter[str] = Counter()
    for uid, key in named:
        kind = layout.parse(key).kind
        home = key.startswith(layout.user_prefixes(uid)[0])
        at = len(layout.prefix) if home else f"/{key}".find(f"/{uid}/") if uid else -1
        if at >= 0 and kind != "ops" and kind not in CACHE_KINDS:
            found[key[:at]] += 1
    others = tuple(prefix for prefix, _ in found.most_common() if prefix != layout.prefix)
    return KeyPrefixes(layout.prefix, found.total(), found[layout.prefix], others, layout.sampled)


def controls_wanted(claims: ClaimCounts, objects: int) -> bool:
    """Whether the result needs controls before anybody can judge it."""
    return claims.none_found or bool(_brake(claims, objects, ()))


def suspect(
    claims: ClaimCounts, objects: int, prefixes: tuple[str, ...], controls: Controls | None
) -> Suspicion | None:
    """A suspicion, or `None` where the result is plausible. `controls` are `None` where nobody looked for them.

    `objects` counts all objects that were found.
    """
    there = controls is not None and controls.there > 0
    beside = f" {capitalised(controls.words)}." if controls is not None else ""
    brake, alone = _brake(claims, objects, prefixes), False
    if brake:
        reason = f"{brake}{beside} {_RARE if there else _LIKELIER}"
    elif controls is not None and not there and not claims.found and _counts_against(claims, controls):
        reason = f"{_none_found(claims)}{beside} {_which(controls)}"
        alone = not controls.looked_for and not controls.why
    else:
        return None
    missing_example = claims.example or (controls.example if controls is not None else "")
    return Suspicion(reason, claims.expected, claims.missing, how_to_check(missing_example), repairs=alone)


def _brake(claims: ClaimCounts, objects: int, prefixes: tuple[str, ...]) -> str:
    expected, missing = claims.expected, claims.missing
    if missing >= EMPTY_PREFIX_CLIPS and objects == 0:
        return f"The documents name {number(expected, 'clip')}; the bucket has nothing at all under {_named(prefixes)}."
    if expected >= MOST_MISSING_CLIPS and missing * 100 >= expected * MOST_MISSING_PERCENT:
        return f"{missing:,} of {expected:,} clips are missing at once."
    return ""


def _counts_against(claims: ClaimCounts, controls: Controls) -> bool:
    """Whether the controls raise a doubt. Without claims, only missing controls do: there may be no other customer."""
    return bool(claims.missing) or (controls.missing > 0 and not controls.unknown)


def _none_found(claims: ClaimCounts) -> str:
    if not claims.missing:
        return "Nothing of it is in the bucket."
    if claims.expected == 1:
        return "The one object that is claimed is not there."
    return f"None of the objects of {number(claims.expected, 'completed clip')} is there."


def _which(controls: Controls) -> str:
    if controls.missing and not controls.unknown:
        return "A wrong bucket or credential is more likely than a loss of all of them."
    return "So it is not known whether this is a loss or a wrong bucket, which looks the same."


def suspect_whole(
    expected: int,
    missing: int,
    objects: int,
    orphans: int,
    example_key: str,
    example_orphan: str,
    *,
    found: int | None = None,
    doubted: str = "",
) -> Suspicion | None:
    """A suspicion about a scan of many users, who may each look harmless; `orphans` counts objects without a document.

    `found` counts the claimed objects that are there (`None`: not counted). `doubted` is the suspicion of one of the
    users: where the whole scan found no claimed object, it holds for the scan.
    """
    brake = suspect(ClaimCounts(expected, missing, 1 if found is None else found, example_key), objects, (), None)
    if brake is not None:
        return brake
    if expected and found == 0 and doubted:
        return Suspicion(
            f"None of the objects that {expected:,} completed clips claim was found in all of this scan. {_LIKELIER}",
            expected,
            missing,
            how_to_check(example_key),
        )
    if orphans < MOST_ORPHANS or orphans * 100 <= objects * MOST_ORPHANS_PERCENT:
        return None
    return Suspicion(
        reason=f"{orphans:,} of {objects:,} objects are named by no document. A wrong Firestore project is "
        "more likely than so much left over.",
        expected=expected,
        missing=orphans,
        how_to_check=wrong_project(example_orphan),
    )


def suspect_project(objects: int, controls: Controls | None, example_key: str) -> Suspicion | None:
    """A suspicion where objects lie under an id without any document in Firestore: left over, or another project.

    `controls` are other customers of the bucket, looked for in Firestore; without any, there is no suspicion.
    """
    if not objects or controls is None or controls.there or not controls.missing:
        return None
    return Suspicion(
        reason=f"Firestore has no document of what the bucket holds here ({objects:,} objects), nor of any of "
        f"{controls.missing:,} other customers of this bucket that were looked for as a control. A wrong Firestore "
        "project is more likely than so much left over.",
        expected=0,
        missing=objects,
        how_to_check=wrong_project(example_key),
    )


def wrong_project(example_key: str) -> tuple[str, ...]:
    """The steps to take where the doubt falls on the project and not on the bucket."""
    return (
        "Compare FIREBASE_PROJECT_ID (and FIRESTORE_EMULATOR_HOST, if it is set) with the project of the worker.",
        f"Look in that project for a document that names one of them, for example {example_key!r}.",
        "Purge nothing as left over before that is settled; check again once the settings are right.",
    )


def how_to_check(example_key: str) -> tuple[str, ...]:
    """The steps to take, in order, before anybody believes a finding of such a scan."""
    return (
        "Run `python -m storage check`: it lists the bucket, looks for objects of several customers, and tries each "
        "permission.",
        "Compare R2_BUCKET_NAME and R2_ENDPOINT_URL (or R2_ACCOUNT_ID) with those of the worker.",
        f"Compare R2_KEY_PREFIX with the keys that the documents name, for example {example_key!r}.",
        "Look the example up in the bucket with another credential; check again once the settings are right.",
    )


def _named(prefixes: tuple[str, ...]) -> str:
    return " or ".join(repr(prefix) for prefix in prefixes) or "the listed prefixes"


class ScanTotals:
    """The sums of the reports so far; memory does not grow with the number of users."""

    def __init__(self) -> None:
        self.checked = Checked()
        self.in_flight = InFlight()
        self.complete = True
        self.wrong = False
        self.suspected_users = 0
        self.incomplete_users = 0
        self._kinds: Counter[str] = Counter()
        self._caches: dict[str, CacheCount] = {}
        self._cost: Counter[str] = Counter()
        self._claimed = 0
        self._found = 0
        self._doubted = ""
        self._example = ""
        self._orphan = ""

    def add(self, report: Report) -> None:
        """Adds one user's report."""
        self.checked += report.checked
        self.in_flight += report.in_flight
        self.complete = self.complete and report.complete
        self.wrong = self.wrong or report.wrong
        self.suspected_users += report.suspicion is not None
        self.incomplete_users += not report.complete
        self._claimed += report.claimed
        self._found += report.claims.found
        if report.suspicion is not None:
            self._doubted = self._doubted or report.suspicion.reason
        self._kinds.update(report.summary)
        self._cost.update(report.cost)
        for cache in report.caches:
            self._caches[cache.kind] = self._caches.get(cache.kind, CacheCount(cache.kind)) + cache
        self._example = self._example or _first_key(report, "missing_object")
        self._orphan = self._orphan or _first_key(report, "orphan_object")

    @property
    def summary(self) -> dict[str, int]:
        """Findings by kind, in the contract's order."""
        return {kind: self._kinds[kind] for kind in KINDS if self._kinds[kind]}

    @property
    def cost(self) -> Mapping[str, int]:
        """The billed operations of all reports."""
        return dict(self._cost)

    @property
    def suspicion(self) -> Suspicion | None:
        """The doubt about the whole scan: many small users, each without any clip, look harmless one by one."""
        missing, orphans = self._kinds["missing_object"], self._kinds["orphan_object"]
        return suspect_whole(
            self._claimed,
            missing,
            self.checked.objects,
            orphans,
            self._example,
            self._orphan,
            found=self._found,
            doubted=self._doubted,
        )

    @property
    def actionable(self) -> bool:
        """Whether an action may use the findings."""
        return self.suspicion is None and self.suspected_users == 0

    def as_dict(self, scope: str) -> dict[str, Any]:
        """The document of `verify --all --json` without the findings, which the caller has streamed."""
        suspicion = self.suspicion
        return {
            "scope": scope,
            "implausible": suspicion.as_dict() if suspicion else None,
            "suspected_users": self.suspected_users,
            "complete": self.complete,
            "incomplete_users": self.incomplete_users,
            "checked": self.checked.as_dict(),
            "summary": self.summary,
            "in_flight": self.in_flight.as_dict(),
            "caches": [asdict(self._caches[kind]) for kind in sorted(self._caches)],
            "cost": self.cost,
        }


def _first_key(report: Report, kind: str) -> str:
    return next((found.key for found in report.findings if found.kind == kind and found.key), "")
