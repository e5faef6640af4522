"""Looks at everything that belongs to a scope, in both stores. Changes nothing; a look that fails is an error.

What a plan is made from, what applying compares it with, and what the proof at the end reads are this same look; the
first two also ask whether what is not there may be believed (`planning.surveyed`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import pandas as pd

from storage.actions.purge.survey_documents import DocumentsFound, documents_of
from storage.bulk.listing import list_known
from storage.connect import Stores
from storage.domain.layout import Layout
from storage.domain.purge.facts import Facts, ObjectFact
from storage.domain.purge.judgement import judge
from storage.domain.purge.limits import PurgeLimits
from storage.domain.purge.places import all_prefixes, home_prefixes
from storage.domain.purge.plan import PlannedUpload
from storage.domain.purge.scope import Scope, dangers
from storage.domain.purge.world import World
from storage.errors import Refused, Unusable

Progress = Callable[[str], None]


def silent(_: str) -> None:
    """Progress that nobody wants to hear of."""


def survey(stores: Stores, scope: Scope, limits: PurgeLimits, now: datetime, progress: Progress = silent) -> World:
    """The scope as it is now, for the proof at the end: what is claimed and not there is not judged.

    Raises `Refused` for a scope too risky to look at, and what the backends raise.
    """
    refuse_dangers(scope, stores.layout, limits)
    return judge(look(stores, scope, now, progress), stores.layout, limits, now)


def refuse_dangers(scope: Scope, layout: Layout, limits: PurgeLimits) -> None:
    """Raises `Refused` when an id of the scope is a reserved word or too short, with every ground."""
    grounds = dangers(scope, layout.prefixes, limits.shortest_id)
    if grounds:
        raise Refused(
            "This scope is not purged: " + "; ".join(grounds) + ".",
            reasons=grounds,
            remedy="Give the ids exactly as Firestore shows them.",
        )


def look(stores: Stores, scope: Scope, now: datetime, progress: Progress = silent) -> Facts:
    """The facts of a scope: documents first, since they name keys, then the objects."""
    found = documents_of(stores, scope, now, progress)
    prefixes = all_prefixes(scope, stores.layout)
    home = frozenset(home_prefixes(scope, stores.layout))
    listed: list[ObjectFact] = []
    uploads: list[PlannedUpload] = []
    keys = [one.key for one in found.named]
    for prefix in prefixes:
        listed += _objects(stores, prefix, keys, home=prefix in home, progress=progress)
        uploads += _uploads(stores, prefix)
    return _facts(scope, found, listed, uploads, prefixes)


def _facts(
    scope: Scope,
    found: DocumentsFound,
    listed: list[ObjectFact],
    uploads: list[PlannedUpload],
    prefixes: tuple[str, ...],
) -> Facts:
    return Facts(
        scope=scope,
        documents=tuple(found.documents),
        youngest=found.youngest,
        named=tuple(found.named),
        named_elsewhere=None if found.named_elsewhere is None else tuple(found.named_elsewhere),
        claimed=tuple(found.claimed),
        claimed_thumbnails=tuple(found.claimed_thumbnails),
        videos=tuple(found.videos),
        busy_elsewhere=tuple(found.busy_elsewhere),
        links=tuple(found.links),
        clips=tuple(found.clips),
        user_totals=found.user_totals,
        user_videos=found.user_videos,
        counters=tuple(found.counters),
        listed=tuple(listed),
        uploads=tuple(uploads),
        prefixes=prefixes,
    )


def _objects(stores: Stores, prefix: str, keys: Sequence[str], *, home: bool, progress: Progress) -> list[ObjectFact]:
    """Every object under one prefix; a listing that does not end raises."""
    table = list_known(stores.objects, prefix, keys)
    frame = table.unbroken()
    if not table.complete:
        raise Unusable(
            f"The listing of {prefix!r} did not end.", remedy="Look again.", operation="list_objects_v2", target=prefix
        )
    if len(frame) >= 1_000:
        progress(f"{len(frame):,} objects listed under {prefix}")
    return _rows(frame, home=home)


def _rows(frame: pd.DataFrame, *, home: bool) -> list[ObjectFact]:
    columns = (frame[name].tolist() for name in ("key", "size_bytes", "etag", "last_modified"))
    return [
        ObjectFact(key, int(size), etag, modified.to_pydatetime(), home)
        for key, size, etag, modified in zip(*columns, strict=True)
    ]


def _uploads(stores: Stores, prefix: str) -> list[PlannedUpload]:
    found = stores.objects.multipart_uploads(prefix)
    if found.error is not None:
        raise found.error
    if not found.complete:
        raise Unusable(
            f"The listing of unfinished uploads under {prefix!r} did not end.",
            remedy="Look again.",
            operation="list_multipart_uploads",
            target=prefix,
        )
    return [PlannedUpload(upload.key, upload.upload_id) for upload in found.uploads]
