"""The changes that end a disclosure: corrected documents, and disabled public links.

This module says which keys would be right; `storage.services.disclosure` looks whether an object is there. A clip whose
own object is there gets its key back. A clip without one is set to failed: the product delivers only completed clips,
to their owner and by public links alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage.domain.changes import FieldChange, value_at
from storage.domain.layout import ClipName, Layout, slug, thumbnail_of

Documents = Mapping[str, Mapping[str, Any]]
"""Fields by path."""


@dataclass(frozen=True, slots=True)
class Astray:
    """A document that names another customer's object in `field`. `rightful`: own keys, the likeliest first."""

    path: str
    field: str
    key: str
    rightful: tuple[str, ...]


def astray(layout: Layout, uid: str, video_id: str, documents: Documents) -> Iterator[Astray]:
    """The documents among these (fields by path) that name another customer's key, one result for each field."""
    for path, fields in documents.items():
        is_clip = "/clips/" in path
        names = ("r2_key", "thumbnail_r2_key") if is_clip else ("highlights_json_key",)
        for name in names:
            key = fields.get(name)
            if isinstance(key, str) and layout.standing(key, uid) == "others":
                yield Astray(path, name, key, tuple(_rightful(layout, uid, video_id, name, fields)))


def _rightful(layout: Layout, uid: str, video_id: str, name: str, fields: Mapping[str, Any]) -> Iterator[str]:
    """The keys at which the document's object should be: by its file name, else by the worker's naming."""
    for prefix in layout.prefixes:
        place = Layout(prefix)
        if name == "highlights_json_key":
            yield place.highlights_key(uid, video_id)
            continue
        folder = f"{prefix}{uid}/{video_id}/clips/"
        file = fields.get("filename")
        keys = [f"{folder}{file}"] if isinstance(file, str) and file and "/" not in file else []
        if (name_of := _name(fields)) is not None:
            keys.append(place.clip_key(uid, video_id, name_of))
        own = fields.get("r2_key")
        if name == "thumbnail_r2_key" and isinstance(own, str) and own.startswith(folder):
            keys.insert(0, own)
        yield from (key if name == "r2_key" else thumbnail_of(key) for key in dict.fromkeys(keys))


def _name(fields: Mapping[str, Any]) -> ClipName | None:
    """The file name that the worker gives such a clip, where the document has the fields for it."""
    priority, scene = fields.get("priority"), fields.get("scene_id")
    title, style = fields.get("scene_title"), fields.get("style")
    if not (isinstance(priority, int) and isinstance(scene, int) and isinstance(title, str) and isinstance(style, str)):
        return None
    return ClipName(priority, scene, slug(title), style) if priority >= 0 and scene >= 0 else None


def corrected(
    found: Sequence[Astray], there: Mapping[str, bool], documents: Documents, now: datetime
) -> Iterator[FieldChange]:
    """The changes that correct the documents; `there` says which of the rightful keys hold an object."""
    wanted: dict[str, dict[str, Any]] = {}
    for one in found:
        values = wanted.setdefault(one.path, {})
        key = next((key for key in one.rightful if there.get(key)), None)
        if one.field == "r2_key" and key is None:
            values["status"] = "failed"
        else:
            values[one.field] = key
        if one.field == "thumbnail_r2_key" and key is None:
            values["has_thumbnail"] = False
        if one.field != "highlights_json_key":
            values["updated_at"] = now
    for path, values in wanted.items():
        before = documents[path]
        yield from (FieldChange(path, name, value_at(before, name), value) for name, value in values.items())


def disabled(settings: Documents, links: Documents, now: datetime) -> Iterator[FieldChange]:
    """The changes that revoke shares: the settings, as the product writes them, and the document of each link."""
    for path, fields in settings.items():
        if _live(fields) or value_at(fields, "access_level") != "none":
            wanted = {"disabled_at": now, "access_level": "none", "updated_at": now}
            yield from (FieldChange(path, name, value_at(fields, name), value) for name, value in wanted.items())
    for path, fields in links.items():
        if _live(fields):
            yield FieldChange(path, "disabled_at", value_at(fields, "disabled_at"), now)


def _live(share: Mapping[str, Any]) -> bool:
    return share.get("disabled_at") is None
