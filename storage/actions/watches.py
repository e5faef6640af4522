"""Leaves a watch behind each repair and each purge, looks again when it is due, and ends it with an undo."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from storage.actions import replacing, undoable
from storage.actions.documents import Delete, DocumentWriter, FieldName, Replace, Update
from storage.actions.purge.context import Purging
from storage.domain.changes import same, value_at
from storage.domain.purge.job import Job
from storage.domain.purge.scope import all_prefixes, document_roots
from storage.domain.watches import COLLECTION, KEPT, KeptWatch, State, opened
from storage.errors import NotFound, Stale, StorageError
from storage.repositories.queries import Subtree
from storage.repositories.stores import Stores
from storage.repositories.watches import StoredWatch, Watches
from storage.text import number

_log = logging.getLogger(__name__)
_OPERATION = "Keeping a watch"
MOST_UNANSWERED = 5  # in turn: then the store is taken to be away


def watch_change(
    documents: DocumentWriter, change_id: str, kind: str, uid: str, video_id: str, actor: str, now: datetime
) -> None:
    """Leaves a watch behind a repair that was made. The repair has ended: a failure here is only logged."""
    _leave(documents, KeptWatch("change", change_id, kind, uid, video_id, actor, now))


def watch_purge(purging: Purging, job: Job) -> None:
    """Leaves a watch behind a purge that ended. A failure is only logged."""
    made = job.finished_at or purging.clock()
    scope = job.scope
    watch = KeptWatch("purge", job.job_id, job.kind, scope.uid, scope.video_id or "", job.actor, made, scope=scope)
    _leave(purging.writers.documents, watch)


def _leave(documents: DocumentWriter, watch: KeptWatch) -> None:
    try:
        documents.commit([Replace(watch.path, opened(watch).to_fields())], operation=_OPERATION)
    except StorageError as error:
        _log.warning("%s %s is not watched: %s", watch.of, watch.name, error.message)


def end_watch(documents: DocumentWriter, name: str) -> None:
    """Ends the watch of what was taken back; a failure is only logged, and the next look then says so."""
    try:
        documents.commit([Delete(f"{COLLECTION}/{name}")], operation=_OPERATION)
    except StorageError as error:
        _log.warning("the watch of %s stays: %s", name, error.message)


def look_again(purging: Purging, now: datetime) -> tuple[KeptWatch, ...]:
    """Looks at everything that is due and keeps what it found; drops what ended a while ago. Returns the looks.

    Any number of machines may do so: each look is kept under a precondition, and the second of two is dropped. What a
    store does not answer is looked at next time; it does not keep the others from being looked at, unless several in
    turn get no answer.
    """
    watches, done = Watches(purging.stores.handle), list[KeptWatch]()
    unanswered = 0
    for stored in watches.due(now):
        try:
            found, detail = _look(purging, stored.watch)
        except StorageError as error:
            _log.warning("%s %s could not be looked at: %s", stored.watch.of, stored.watch.name, error.message)
            unanswered += 1
            if unanswered >= MOST_UNANSWERED:
                break
            continue
        unanswered = 0
        after = stored.watch.after(found, detail, now)
        if _keep(purging.writers.documents, stored, after):
            done.append(after)
    for old in watches.ended_before(now - KEPT):
        purging.writers.documents.commit([Delete(old.watch.path)], operation=_OPERATION)
    return tuple(done)


def _keep(documents: DocumentWriter, stored: StoredWatch, after: KeptWatch) -> bool:
    fields: dict[FieldName, Any] = {(name,): value for name, value in after.to_fields().items()}
    try:
        documents.commit([Update(after.path, fields, stored.update_time)], operation=_OPERATION)
    except Stale:
        return False  # another machine looked, or it was taken back meanwhile
    return True


def _look(purging: Purging, watch: KeptWatch) -> tuple[State, str]:
    if watch.of == "purge" and watch.scope is not None:
        return _look_at_purge(purging, watch)
    return _look_at_change(purging.stores, watch)


def _look_at_change(stores: Stores, watch: KeptWatch) -> tuple[State, str]:
    """By the record of the change: each field and object that it wrote, as it is now."""
    try:
        found = undoable.read(stores.records, watch.name)
    except NotFound:
        return "changed", "Its record is gone."
    if found.settled:
        return "changed", "It was undone."
    documents = stores.records.many(sorted({change.path for change in found.changes}))
    now = {
        (change.path, change.field): value_at(held.fields if (held := documents[change.path]) else None, change.field)
        for change in found.changes
    }
    moved = [one for one in found.changes if not same(now[one.path, one.field], one.after)]
    objects = [replacing.standing(stores.objects, row) for row in found.rows]
    # Times move with every touch, and a status decides about the fields beside it.
    telling = [one for one in found.changes if not isinstance(one.after, datetime)]
    telling = [one for one in telling if one.field == "status"] or telling
    back = bool(telling) and all(same(now[one.path, one.field], one.before) for one in telling)
    if back or "before" in objects:
        words = [one.field for one in telling if back] + ["an object"] * ("before" in objects)
        return "came_back", f"As before the repair: {', '.join(sorted(set(words)))}."
    if moved or any(standing != "written" for standing in objects):
        words = [one.field for one in moved] + ["an object"] * any(standing != "written" for standing in objects)
        return "changed", f"Changed since: {', '.join(sorted(set(words)))}."
    return "held", "Everything is as it was left."


def _look_at_purge(purging: Purging, watch: KeptWatch) -> tuple[State, str]:
    """Whether any object or document of the scope is there (again): a page of each place."""
    assert watch.scope is not None
    stores, scope = purging.stores, watch.scope
    job = purging.jobs.find(watch.name)
    if job is not None and job.state in {"undoing", "undone"}:
        return "changed", "It was undone."
    objects = documents = 0
    # Objects of a clip may stay because another clip names them too: there the documents decide.
    for prefix in () if scope.clips else all_prefixes(scope, stores.layout):
        page = next(iter(stores.objects.list_pages(prefix)), None)
        objects += 0 if page is None else len(page.frame)
    for root in document_roots(scope):
        held = stores.records.raw(root)
        documents += held is not None and held.fields is not None
        documents += sum(1 for _ in Subtree(stores.handle).below(root, ()))
    if objects or documents:
        return "left", f"{number(objects, 'object')} and {number(documents, 'document')} of what was purged are there."
    return "held", "Nothing of it is there."
