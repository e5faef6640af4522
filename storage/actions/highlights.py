"""Writes a video's highlights to both places that hold them, keeping what was there so that it can be taken back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from storage.actions import fields
from storage.actions.fields import Applied
from storage.actions.replacing import Replacement
from storage.connect import Stores, Writers
from storage.domain import highlights_file
from storage.domain.changes import ChangeSet, FieldChange, value_at
from storage.domain.highlights import Source
from storage.errors import BadInput, Refused
from storage.highlights_store import Highlights, object_key


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
    change_id: str,
    kept_until: datetime,
) -> Applied:
    """Writes the object, then the documents; what the object held is kept. See `fields.apply_with_objects`.

    `Stale` when the object or a document is no longer what was found: it is left as it is.
    """
    problems = highlights_file.check_entries(entries)
    if not entries or problems:
        raise BadInput(
            "The highlights are not valid: " + ("; ".join(problems) or "none given"), field_name="highlights"
        )
    video = found.video
    content = highlights_file.compose(
        entries, video_url=video.video_url, video_title=video.video_title, custom_prompt=video.custom_prompt
    )
    file = Replacement(
        object_key(stores.layout, video), content, "application/json", found.object.etag, "highlights.json"
    )
    return fields.apply_with_objects(
        stores, writers, changes, [file], actor=actor, reason=reason, change_id=change_id, kept_until=kept_until
    )
