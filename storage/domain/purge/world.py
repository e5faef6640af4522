"""What a scope holds at one moment, and how that differs from what a plan shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from storage.domain.purge.claims import Claims
from storage.domain.purge.plan import CounterChange, PlannedDocument, PlannedObject, PlannedUpload, PurgePlan

MAX_REASONS = 50


@dataclass(frozen=True, slots=True)
class World:
    """A complete look at a scope; a look that could not be completed is an error instead."""

    objects: tuple[PlannedObject, ...]
    documents: tuple[PlannedDocument, ...]
    uploads: tuple[PlannedUpload, ...]
    counters: tuple[CounterChange, ...] = ()
    warnings: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    claims: Claims | None = None

    @property
    def empty(self) -> bool:
        """Whether there is nothing at all."""
        return not (self.objects or self.documents or self.uploads)


def moved(plan: PurgePlan, now: World) -> tuple[str, ...]:
    """What is there now that the plan does not show just so: new, of another version, or blocked since.

    What the plan shows and is gone is no reason: applying may find less, never more.
    """
    return tuple(_shortened(_moved(plan, now)))


def _moved(plan: PurgePlan, now: World) -> Iterator[str]:
    etags = {item.key: item.etag for item in plan.objects}
    sizes = {item.key: item.size_bytes for item in plan.objects}
    for item in now.objects:
        if item.key not in etags:
            yield f"new object: {item.key}"
        elif item.etag != etags[item.key] or item.size_bytes != sizes[item.key]:
            yield f"object changed (another ETag or size): {item.key}"
    seen = {item.path: item.update_time for item in plan.documents}
    for document in now.documents:
        if document.path not in seen:
            yield f"new document: {document.path}"
        elif document.update_time != seen[document.path]:
            yield f"document changed: {document.path}"
    uploads = set(plan.uploads)
    yield from (f"new unfinished upload: {upload.key}" for upload in now.uploads if upload not in uploads)
    yield from (reason for reason in now.blocked if reason not in plan.blocked)
    if plan.claims is not None and now.claims is not None:
        known = {*plan.claims.missing, *etags}
        yield from (f"claimed and not there: {key}" for key in now.claims.missing if key not in known)


def _shortened(lines: Iterable[str]) -> list[str]:
    found = list(lines)
    if len(found) <= MAX_REASONS:
        return found
    return [*found[:MAX_REASONS], f"and {len(found) - MAX_REASONS:,} more"]
