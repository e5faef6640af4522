"""The values of an upload check: what was found, how much was looked at, and whether the result can be believed.

Do the keys that documents name begin with the configured prefix? A typo in the setting hides nothing at first sight:
existing objects are found by the keys in their documents, and only what is looked for or written by the layout goes
astray. Older objects may rightly lie under another prefix, so this is a doubt and no finding.

Tells a result that cannot be true of the customer's data from one that can: a wrong bucket, prefix or credential.

Where none of a scope's claimed objects is found, however few they are, objects of other customers are the control: are
they missing too, or is there none to look for, then the bucket is doubted and not the customer's data. Beside that
stand thresholds, which are this project's own: ten completed clips and not one object under the prefix, or four in five
of at least twenty clips missing at once, do not come about by lost uploads. Seen from the other side: where more than
half of everything in the bucket, and a hundred objects at least, is named by no document, another project was read.

Adds up the reports of many users without keeping them: what was checked, what was found, one doubt over all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, get_args

from storage.domain.deployment import ASSUMED, Deployment
from storage.domain.integrity.controls import NO_CLAIMS, ClaimCounts, Controls
from storage.domain.layout import CACHE_KINDS, Layout
from storage.domain.shares import ShareLink

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
    "incomplete_video",
    "unreadable",
]
KINDS: tuple[Kind, ...] = get_args(Kind)

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)  # gravest first


_SHOWN = 3
EMPTY_PREFIX_CLIPS = 10
MOST_MISSING_CLIPS = 20
MOST_MISSING_PERCENT = 80
MOST_ORPHANS = 100
MOST_ORPHANS_PERCENT = 50
_LIKELIER = "A wrong bucket, key prefix or credential is likelier than a loss of this size."
_RARE = "Nobody loses so much by a lost upload: look before anything is changed."


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be. `seen_at` is when the stores were read; ids are `None` where none apply.

    `expected` and `actual` are sizes in bytes for sizes, short words for all else. `disclosure`: it names another
    customer's object, and that object is there: the product may show it to the wrong person. Then `owner` is whose it
    is, `since` when it came to be so at the latest, and `links` are the public links that lead to it now.
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

    @property
    def identity(self) -> tuple[str | None, ...]:
        """What makes it the same finding in a later check: the kind and what it is about, not what was measured."""
        return (self.kind, self.uid, self.video_id, self.clip_id, self.key)

    @property
    def order(self) -> tuple[bool, int, int, str, str, str, str]:
        """Disclosures before all else, then severity, then the kind in the contract's order, then ids and key."""
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
            **({"disclosure": self.disclosed} if self.disclosure else {}),
        }

    @property
    def disclosed(self) -> dict[str, Any]:
        """Both customers of a disclosure, since when at the latest, its public links: for those who may see them."""
        return {"shown_to": self.uid, "owner": self.owner, "since": self.since, "links": list(self.links)}


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
class LookedInto:
    """How many clips and thumbnails were looked into, and the bytes that this took.

    `not_looked_at` gave no answer: refused, away, changed meanwhile, or with too large an index.
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
    `without_thumbnail` clips are there, and neither is a thumbnail nor does their document promise one.
    `prefix_doubt` says so where no key lies under the configured prefix: no finding, for older ones may lie elsewhere.
    `looked_into` is `None` where nobody asked what is in the objects.
    `claims` are what the completed clips say is there; `controls` were looked for where `wants_controls`. `stranger`:
    there are objects, and Firestore has no document at all. `links` are the public links, `None` where not read.
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
            "deployment": self.deployment.as_dict(),
            "controls": self.controls.as_dict() if self.controls else None,
            "complete": self.complete,
            "checked": self.checked.as_dict(),
            "summary": self.summary,
            "findings": [finding.as_dict() for finding in self.findings],
            "in_flight": self.in_flight.as_dict(),
            "looked_into": self.looked_into.as_dict() if self.looked_into else None,
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
    """Number of findings of each kind, in the contract's order."""
    counts = Counter(finding.kind for finding in findings)
    return {kind: counts[kind] for kind in KINDS if counts[kind]}


@dataclass(frozen=True, slots=True)
class KeyPrefixes:
    """What stands before the owner's id in so many keys: `others` has the prefixes that are not the configured one."""

    configured: str
    keys: int
    expected: int
    others: tuple[str, ...]

    @property
    def doubtful(self) -> bool:
        """There are keys, and not one of them lies where the layout says."""
        return self.keys > 0 and not self.expected

    @property
    def reason(self) -> str:
        """The doubt in a sentence; empty where there is none."""
        if not self.doubtful:
            return ""
        which = "the key that the documents name does not begin" if self.keys == 1 else (
            f"none of the {self.keys:,} keys that the documents name begins"
        )  # fmt: skip
        found = " or ".join(repr(prefix) for prefix in self.others[:_SHOWN])
        return f"{which} with R2_KEY_PREFIX ({self.configured!r}) and its user's id; what stands there is {found}"


def key_prefixes(layout: Layout, named: Iterable[tuple[str, str]]) -> KeyPrefixes:
    """Looks at (uid of the owner, key) pairs. Keys without that uid, caches and the desk's own say nothing here."""
    found: Counter[str] = Counter()
    for uid, key in named:
        kind = layout.parse(key).kind
        home = key.startswith(layout.user_prefixes(uid)[0])
        at = len(layout.prefix) if home else f"/{key}".find(f"/{uid}/") if uid else -1
        if at >= 0 and kind != "ops" and kind not in CACHE_KINDS:
            found[key[:at]] += 1
    others = tuple(prefix for prefix, _ in found.most_common() if prefix != layout.prefix)
    return KeyPrefixes(layout.prefix, found.total(), found[layout.prefix], others)


def controls_wanted(claims: ClaimCounts, objects: int) -> bool:
    """Whether the result can only be judged with controls beside it."""
    return claims.none_found or bool(_brake(claims, objects, ()))


def suspect(
    claims: ClaimCounts, objects: int, prefixes: tuple[str, ...], controls: Controls | None
) -> Suspicion | None:
    """A suspicion, or `None` where the result is plausible. `controls` are `None` where they were not looked for.

    `objects` counts everything that was found at all.
    """
    there = controls is not None and controls.there > 0
    beside = f" {_sentence(controls.words)}" if controls is not None else ""
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
        return f"The documents name {expected:,} clips, and the bucket has nothing at all under {_named(prefixes)}."
    if expected >= MOST_MISSING_CLIPS and missing * 100 >= expected * MOST_MISSING_PERCENT:
        return f"{missing:,} of {expected:,} clips are missing at once."
    return ""


def _counts_against(claims: ClaimCounts, controls: Controls) -> bool:
    """Without any claim only controls that are proven missing raise a doubt: there may be no other customer yet."""
    return bool(claims.missing) or (controls.missing > 0 and not controls.unknown)


def _none_found(claims: ClaimCounts) -> str:
    if not claims.missing:
        return "Nothing of it is in the bucket."
    if claims.expected == 1:
        return "The one object that is claimed is not there."
    return f"None of the objects of {claims.expected:,} completed clips is there."


def _which(controls: Controls) -> str:
    if controls.missing and not controls.unknown:
        return "A wrong bucket or credential is likelier than a loss of all of them."
    return "So it is not known whether this is a loss or a wrong bucket, which looks the same."


def _sentence(clause: str) -> str:
    return f"{clause[0].upper()}{clause[1:]}."


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
    """A suspicion over a scan of many users, who may each look harmless; `orphans` counts objects of no document.

    `found` counts the claimed objects that are there (`None`: not counted), `doubted` is why one of the users is
    suspected: where nothing that is claimed was found in all of the scan, that holds for the whole.
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
        "likelier than so much left over.",
        expected=expected,
        missing=orphans,
        how_to_check=wrong_project(example_orphan),
    )


def suspect_project(objects: int, controls: Controls | None, example_key: str) -> Suspicion | None:
    """A suspicion where objects lie under an id of which Firestore has no document: a left-over, or another project.

    `controls` are other customers of the bucket, looked for in Firestore; `None`, or none to look for: nothing follows.
    """
    if not objects or controls is None or controls.there or not controls.missing:
        return None
    return Suspicion(
        reason=f"Firestore has no document of what the bucket holds here ({objects:,} objects), nor of any of "
        f"{controls.missing:,} other customers of this bucket that were looked for as a control. A wrong Firestore "
        "project is likelier than so much left over.",
        expected=0,
        missing=objects,
        how_to_check=wrong_project(example_key),
    )


def wrong_project(example_key: str) -> tuple[str, ...]:
    """What to look at where the project is doubted, and not the bucket."""
    return (
        "Compare FIREBASE_PROJECT_ID (and FIRESTORE_EMULATOR_HOST, if it is set) with the project of the worker.",
        f"Look in that project for a document that names one of them, for example {example_key!r}.",
        "Purge nothing as left over before that is settled; check again once the settings are right.",
    )


def how_to_check(example_key: str) -> tuple[str, ...]:
    """What to look at, in order, before any finding of such a scan is believed."""
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
    """The sum so far; memory does not grow with the number of users."""

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
        """Takes one user's report in."""
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
        """Billed operations of all reports."""
        return dict(self._cost)

    @property
    def suspicion(self) -> Suspicion | None:
        """A doubt over the whole scan: many small users whose clips are all missing look harmless one by one."""
        missing, orphans = self._kinds["missing_object"], self._kinds["orphan_object"]
        return suspect_whole(
            self._claimed, missing, self.checked.objects, orphans, self._example, self._orphan,
            found=self._found, doubted=self._doubted,
        )  # fmt: skip

    @property
    def actionable(self) -> bool:
        """Whether an action may be derived from any of the findings."""
        return self.suspicion is None and self.suspected_users == 0

    def as_dict(self, scope: str) -> dict[str, Any]:
        """The document of `verify --all --json` but for the findings, which the caller has streamed."""
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
