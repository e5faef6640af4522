"""A purge as a value: every object and document with the version that was seen, sealed by a fingerprint.

The fingerprint is the SHA-256 of the plan's canonical JSON without the fingerprint itself (and the seal, which is made
of it: `storage.domain.purge.seal`), so it covers the maker, the scope, the target and the expiry as well. Applying
consumes this very value; no new listing decides what goes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from storage.domain.purge.claims import Claims
from storage.domain.purge.scope import Scope
from storage.errors import BadInput, Stale

FORMAT = 1
_OUTSIDE = frozenset({"fingerprint", "seal"})  # what the fingerprint does not cover
CounterValue = int | str | dict[str, int] | None


@dataclass(frozen=True, slots=True, order=True)
class PlannedObject:
    """One object as it was listed: size in bytes, ETag without quotes."""

    key: str
    size_bytes: int
    etag: str


@dataclass(frozen=True, slots=True, order=True)
class PlannedDocument:
    """One document with the update time that was seen, for preconditions."""

    path: str
    update_time: datetime


@dataclass(frozen=True, slots=True, order=True)
class PlannedUpload:
    """One multipart upload that was begun and never finished."""

    key: str
    upload_id: str


@dataclass(frozen=True, slots=True)
class CounterChange:
    """A counter of a document that stays: what it says, and what it will say. `None`: the field is not there."""

    path: str
    field: str
    before: CounterValue
    after: CounterValue


@dataclass(frozen=True, slots=True)
class Target:
    """Where a plan was made, so that it is never applied elsewhere."""

    bucket: str
    project: str
    key_prefix: str


@dataclass(frozen=True, slots=True)
class PurgePlan:
    """What will go, exactly. Objects and documents are sorted; `maker` is empty where it is not known, `seal` in a plan
    of a version that had no key. `claims` are `None` in a plan of an earlier version.
    """

    plan_id: str
    maker: str
    scope: Scope
    target: Target
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
        """Size of all objects."""
        return sum(item.size_bytes for item in self.objects)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over everything, as 64 hexadecimal digits."""
        return fingerprint_of(self._body())

    def as_dict(self) -> dict[str, Any]:
        """The plan as JSON knows it, fingerprint included."""
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
        """A plan out of parsed JSON.

        Raises `BadInput` for what is no plan of this format, and `Stale` for a plan that is not as it was sealed.
        """
        if not isinstance(value, Mapping) or value.get("format") != FORMAT or "fingerprint" not in value:
            raise _no_plan("it is not a purge plan of this version")
        try:
            sealed = fingerprint_of({name: part for name, part in value.items() if name not in _OUTSIDE})
        except (ValueError, RecursionError):  # not-a-number, or nested deeper than can be written
            raise _no_plan("it holds what no plan of this version holds") from None
        if sealed != value["fingerprint"]:
            raise Stale(
                "The plan was altered since it was made: its fingerprint does not fit its content.",
                reasons=("the fingerprint does not fit the content",),
                remedy="Make the plan anew, and apply the file as it was written.",
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
            target=Target(_text(value["bucket"]), _text(value["project"]), _text(value["key_prefix"])),
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
            raise _no_plan("it holds what no plan of this version holds")
        return plan


def fingerprint_of(body: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical JSON: keys sorted, no blanks, everything beyond ASCII escaped."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def moment_text(moment: datetime) -> str:
    """A time to the microsecond, RFC 3339 in UTC; the same text for the same moment always."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def moment(text: str) -> datetime:
    """The inverse of `moment_text`; raises `ValueError` for a time without its zone."""
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
        f"This is no purge plan: {why}.", field_name="FILE", remedy="Give the file that `purge plan --out` wrote."
    )
