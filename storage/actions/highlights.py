"""Writes a video's highlights to both places that hold them, keeping what was there so that it can be taken back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from storage.actions import fields
from storage.actions.fields import Applied
from storage.connect import Stores, Writers
from storage.domain import highlights_file
from storage.domain.actor_and_reason import checked_reason, normal_email
from storage.domain.changes import ChangeSet, FieldChange, value_at
from storage.domain.highlights import Source
from storage.errors import BadInput, NotFound, Refused, Stale
from storage.highlights_store import Highlights, object_key

KEPT_PREFIX = "_ops/replaced/"


def plan(stores: Stores, found: Highlights, entries: Sequence[Mapping[str, Any]]) -> ChangeSet:
    """The fields that will change when these entries are written to both places."""
    video = found.video
    base = f"users/{video.uid}/videos/{video.video_id}"
    wanted: dict[str, dict[str, Any]] = {
        f"{base}/highlights/main": {"highlights": [dict(entry) for entry in entries], "video_id": video.video_id}
    }
    if video.exists:
        key = object_key(stores.layout, video)
        wanted[base] = {"highlights_count": len(entries), "highlights_json_key": key}
    changes: list[FieldChange] = []
    seen = {}
    for path, values in wanted.items():
        document = stores.records.raw(path)
        if document is not None and document.update_time is not None:
            seen[path] = document.update_time
        now = document.fields if document else None
        changes += [FieldChange(path, name, value_at(now, name), value) for name, value in values.items()]
    warnings = () if video.exists else ("The video's document does not exist; only its highlights will be written.",)
    return ChangeSet("highlights", video.uid, video.video_id, tuple(changes), seen, warnings)


def other_place(found: Highlights, source: Source) -> tuple[Mapping[str, Any], ...]:
    """The entries of one place, to rebuild the other from; `Refused` where that place has no usable list."""
    state = found.object if source == "object" else found.document
    if not state.usable:
        raise Refused(
            f"The {source} has no usable list of highlights to rebuild from.",
            reasons=[state.reason or state.presence],
            remedy="Give a file with --put.",
        )
    return state.entries


def apply(
    stores: Stores,
    writers: Writers,
    found: Highlights,
    changes: ChangeSet,
    entries: Sequence[Mapping[str, Any]],
    *,
    actor: str,
    reason: str,
) -> Applied:
    """Writes the object, then the documents. What the object held is copied below `_ops/replaced/` first.

    `Stale` when a document changed since the plan: the object is then put back as it was.
    """
    actor, reason = normal_email(actor), checked_reason(reason)
    problems = highlights_file.check_entries(entries)
    if not entries or problems:
        raise BadInput(
            "The highlights are not valid: " + ("; ".join(problems) or "none given"), field_name="highlights"
        )
    video = found.video
    key = object_key(stores.layout, video)
    content = highlights_file.compose(
        entries, video_url=video.video_url, video_title=video.video_title, custom_prompt=video.custom_prompt
    )
    change_id = fields.new_id()
    kept = _keep(stores, writers, key, change_id)
    written = writers.objects.put(key, content, "application/json")
    try:
        replaced = [fields.Overwritten(key, kept, written.etag)]
        return fields.apply(
            writers.documents, changes, actor=actor, reason=reason, change_id=change_id, replaced=replaced
        )
    except Stale:
        if kept is not None:
            writers.objects.copy(kept, key)
        else:
            writers.objects.delete([key])
        raise


def _keep(stores: Stores, writers: Writers, key: str, change_id: str) -> str | None:
    """Copies what lies at the key to the desk's own place; `None` where nothing lies there."""
    kept = f"{KEPT_PREFIX}{change_id}/highlights.json"
    if stores.objects.head(key) is None:
        return None
    try:
        writers.objects.copy(key, kept)
    except NotFound:
        return None
    return kept
