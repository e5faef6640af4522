"""A purge plan as a value: every object and document with the version that was seen, sealed by a fingerprint.

The fingerprint is the SHA-256 of the plan's canonical JSON without the fingerprint and the seal (see `seal`), so it
covers the maker, the scope, the target and the expiry. Applying uses this very value; no new listing decides what is
deleted. The plan also estimates its cost in billed operations.

The order is fixed, and so are the batches, because the journal counts by them. Slugs go first: no public link may
outlive its target. The deepest documents go next, and no batch mixes two depths, so that each remaining document keeps
its parent. Copies are made in the opposite order, parents first.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Self, TypeVar

from storage.domain.layout import Layout
from storage.domain.purge.claims import Claims
from storage.domain.purge.scope import Scope, all_prefixes, home_prefixes
from storage.errors import BadInput, Stale

FORMAT = 1
_OUTSIDE = frozenset({"fingerprint", "seal"})  # what the fingerprint does not cover
CounterValue = int | str | dict[str, int] | None


SLUGS = "share_slugs/"
KEPT_BATCH = 100  # objects copied and then deleted, documents written to one file of the quarantine
ERASED_BATCH = 1_000  # objects deleted at once: the store takes no more in one call
DOCUMENT_BATCH = 200  # documents deleted in one commit
UPLOAD_BATCH = 50
T = TypeVar("T")
PAGE = 1_000
AROUND = 12  # reads of a look besides the documents themselves: counters, links, states, totals
BEGINNING, ENDING = 14, 12  # writes and reads of the job's own document, its approvals, the audit


@dataclass(frozen=True, slots=True, order=True)
class PlannedObject:
    """One object as it was listed: size in bytes, ETag without quotes."""

    key: str
    size_bytes: int
    etag: str


@dataclass(frozen=True, slots=True, order=True)
class PlannedDocument:
    """One document with the update time that was seen, which is its precondition."""

    path: str
    update_time: datetime


@dataclass(frozen=True, slots=True, order=True)
class PlannedUpload:
    """One multipart upload that never finished."""

    key: str
    upload_id: str


@dataclass(frozen=True, slots=True)
class CounterChange:
    """A counter of a document that stays: its present and its future value. `None`: the field does not exist."""

    path: str
    field: str
    before: CounterValue
    after: CounterValue


@dataclass(frozen=True, slots=True)
class PlanTarget:
    """The bucket, project and layout of a plan, so that it is never applied elsewhere."""

    bucket: str
    project: str
    key_prefix: str


@dataclass(frozen=True, slots=True)
class PurgePlan:
    """Exactly what will be deleted. Objects and documents are sorted; `maker` is empty where it is not known, `seal` in
    a plan of a version without a key. `claims` are `None` in a plan of an earlier version.
    """

    plan_id: str
    maker: str
    scope: Scope
    target: PlanTarget
    created_at: datetime
    expires_at: datetime
    objects: tuple[PlannedObject, ...] = ()
    documents: tuple[PlannedDocument, ...] = ()
    uploads: tuple[PlannedUpload, ...] = ()
    counters: tuple[CounterChange, ...] = ()
    warnings: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    seal: str = ""
    claims: Claims | None = None

    @property
    def total_bytes(self) -> int:
        return sum(item.size_bytes for item in self.objects)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over everything, as 64 hexadecimal digits."""
        return fingerprint_of(self._body())

    def as_dict(self) -> dict[str, Any]:
        """The plan in its JSON form, fingerprint included."""
        body = self._body()
        seal = {"seal": self.seal} if self.seal else {}
        return {"plan_id": self.plan_id, "fingerprint": fingerprint_of(body), **seal, **body}

    def _body(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "plan_id": self.plan_id,
            "maker": self.maker,
            "scope": self.scope.spelled,
            "target": self.scope.as_dict(),
            "bucket": self.target.bucket,
            "project": self.target.project,
            "key_prefix": self.target.key_prefix,
            "created_at": moment_text(self.created_at),
            "expires_at": moment_text(self.expires_at),
            "objects": [{"key": item.key, "size": item.size_bytes, "etag": item.etag} for item in self.objects],
            "documents": [item.path for item in self.documents],
            "update_times": [moment_text(item.update_time) for item in self.documents],
            "uploads": [{"key": item.key, "upload_id": item.upload_id} for item in self.uploads],
            "counters": [
                {"path": item.path, "field": item.field, "before": item.before, "after": item.after}
                for item in self.counters
            ],
            "totals": {
                "objects": len(self.objects),
                "bytes": self.total_bytes,
                "documents": len(self.documents),
                "uploads": len(self.uploads),
            },
            "warnings": list(self.warnings),
            "blocked": list(self.blocked),
            **({"claims": self.claims.as_dict()} if self.claims is not None else {}),
        }

    @classmethod
    def from_dict(cls, value: object) -> Self:
        """A plan from parsed JSON.

        Raises `BadInput` where it is no plan of this format, and `Stale` where it differs from what was sealed.
        """
        if not isinstance(value, Mapping) or value.get("format") != FORMAT or "fingerprint" not in value:
            raise _no_plan("it is not a purge plan of this version")
        try:
            sealed = fingerprint_of({name: part for name, part in value.items() if name not in _OUTSIDE})
        except (ValueError, RecursionError):  # not-a-number, or nested more deeply than JSON can be written
            raise _no_plan("it holds something that no plan of this version holds") from None
        if sealed != value["fingerprint"]:
            raise Stale(
                "The plan was altered since it was made: its fingerprint does not fit its content.",
                reasons=("the fingerprint does not fit the content",),
                remedy="Make the plan again, and apply the file as it was written.",
            )
        try:
            return cls._parsed(value)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            if isinstance(error, BadInput):
                raise
            raise _no_plan("a part of it is missing or of the wrong type") from None

    @classmethod
    def _parsed(cls, value: Mapping[str, Any]) -> Self:
        documents = zip(value["documents"], value["update_times"], strict=True)
        plan = cls(
            plan_id=_text(value["plan_id"]),
            maker=_text(value["maker"]),
            scope=Scope.from_dict(value["target"]),
            target=PlanTarget(_text(value["bucket"]), _text(value["project"]), _text(value["key_prefix"])),
            created_at=moment(value["created_at"]),
            expires_at=moment(value["expires_at"]),
            objects=tuple(
                PlannedObject(_text(item["key"]), _whole(item["size"]), _text(item["etag"]))
                for item in value["objects"]
            ),
            documents=tuple(PlannedDocument(_text(path), moment(seen)) for path, seen in documents),
            uploads=tuple(PlannedUpload(_text(item["key"]), _text(item["upload_id"])) for item in value["uploads"]),
            counters=tuple(
                CounterChange(_text(item["path"]), _text(item["field"]), item["before"], item["after"])
                for item in value["counters"]
            ),
            warnings=tuple(_text(line) for line in value["warnings"]),
            blocked=tuple(_text(line) for line in value["blocked"]),
            seal=_text(value.get("seal", "")),
            claims=Claims.from_dict(value["claims"]) if "claims" in value else None,
        )
        if plan.fingerprint != value["fingerprint"]:
            raise _no_plan("it holds something that no plan of this version holds")
        return plan


def fingerprint_of(body: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical JSON: keys sorted, no blanks, everything outside ASCII escaped."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def moment_text(moment: datetime) -> str:
    """A time to the microsecond, RFC 3339 in UTC; one moment always gives the same text."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def moment(text: str) -> datetime:
    """The inverse of `moment_text`; raises `ValueError` for a time without a zone."""
    parsed = datetime.fromisoformat(text)
    if parsed.tzinfo is None:
        raise ValueError("a time without a zone")
    return parsed.astimezone(UTC)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError("not a size")
    return value


def _no_plan(why: str) -> BadInput:
    return BadInput(
        f"This is not a purge plan: {why}.", field_name="FILE", remedy="Give the file that `purge plan --out` wrote."
    )


def object_batches(plan: PurgePlan, *, erase: bool) -> list[Sequence[PlannedObject]]:
    """The objects by key; erasing uses larger batches than copying and deleting."""
    return batches(plan.objects, ERASED_BATCH if erase else KEPT_BATCH)


def upload_batches(plan: PurgePlan) -> list[Sequence[PlannedUpload]]:
    return batches(plan.uploads, UPLOAD_BATCH)


def slug_batches(plan: PurgePlan) -> list[Sequence[PlannedDocument]]:
    """The public links in batches."""
    return batches(slugs(plan.documents), DOCUMENT_BATCH)


def document_batches(plan: PurgePlan) -> list[Sequence[PlannedDocument]]:
    """All other documents, the deepest first, each batch of one depth."""
    by_depth = groupby(leaves_first(plan.documents), key=lambda item: item.path.count("/"))
    return [batch for _, level in by_depth for batch in batches(tuple(level), DOCUMENT_BATCH)]


def saving_batches(plan: PurgePlan) -> list[Sequence[PlannedDocument]]:
    """All documents in the order of their restoration: parents first, public links last."""
    return batches((*reversed(leaves_first(plan.documents)), *slugs(plan.documents)), KEPT_BATCH)


def slugs(documents: Iterable[PlannedDocument]) -> tuple[PlannedDocument, ...]:
    """The public links among these documents."""
    return tuple(sorted(item for item in documents if item.path.startswith(SLUGS)))


def leaves_first(documents: Iterable[PlannedDocument]) -> tuple[PlannedDocument, ...]:
    """All documents but the slugs, the deepest first."""
    kept = (item for item in documents if not item.path.startswith(SLUGS))
    return tuple(sorted(kept, key=lambda item: (-item.path.count("/"), item.path)))


def batches(items: Sequence[T], size: int) -> list[Sequence[T]]:
    """Batches of at most `size`, in order."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def above(path: str) -> tuple[str, ...]:
    """The ancestors of a document: `users/U/videos/V` and `users/U` for a clip of that video."""
    parts = path.split("/")
    return tuple("/".join(parts[:length]) for length in range(len(parts) - 2, 0, -2))


def estimate(plan: PurgePlan, *, erase: bool) -> dict[str, int]:
    """Operations by the meter's names, for applying the plan: the look before, the job, and its proof.

    Accurate to about a third where nothing changes: retries and changed items add to it.
    """
    layout = Layout(plan.target.key_prefix)
    prefixes, home = len(all_prefixes(plan.scope, layout)), len(home_prefixes(plan.scope, layout))
    objects, documents = len(plan.objects), len(plan.documents)
    object_steps, saved = len(object_batches(plan, erase=erase)), 0 if erase else len(saving_batches(plan))
    batches = (
        object_steps + saved + len(slug_batches(plan)) + len(document_batches(plan)) + len(upload_batches(plan)) + 3
    )
    listings = 3 * prefixes + objects // PAGE + prefixes  # two looks at objects and uploads, mostly of one page each
    kept = 0 if erase else objects
    return {
        "firestore_reads": documents * (1 if erase else 2) + 2 * AROUND + ENDING + batches,
        "firestore_writes": 2 * (2 * batches) + BEGINNING,
        "firestore_deletes": documents,
        "r2_class_a": listings + 2 * home + object_steps + kept + saved + 6,
        "r2_class_b": 2 * kept + 2 * saved + 8,
        "r2_free": object_steps + len(plan.uploads),
    }
