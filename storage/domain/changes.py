"""Field changes as values: a person sees them first, a precondition guards the write, and an undo can reverse them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from storage.domain.layout import OPS_PREFIX, Layout

LINKS = "share_slugs/"
KEPT_PREFIX = f"{OPS_PREFIX}replaced/"  # the folder of the copies of replaced objects


def kept_prefix(change_id: str) -> str:
    """The folder of the copies of the objects that one change replaced."""
    return f"{KEPT_PREFIX}{change_id}/"


class Absence(Enum):
    """Stands for an absent field, which differs from null."""

    ABSENT = "absent"


ABSENT = Absence.ABSENT


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field of one document. `field` is its path with dots; a name that holds a dot cannot be changed here."""

    path: str
    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """Fields to change, with the update time of each document when `before` was read: the precondition of the write.

    `kind` names the action (`set-status`, `highlights`, `recount`); `warnings` are shown with the fields.
    """

    kind: str
    uid: str
    video_id: str
    changes: tuple[FieldChange, ...]
    seen: Mapping[str, datetime]
    warnings: tuple[str, ...] = ()

    @property
    def effective(self) -> tuple[FieldChange, ...]:
        return tuple(change for change in self.changes if not same(change.before, change.after))


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal in value and kind at every depth: `1` is not `True`, absent not null, NaN is NaN."""
    if type(one) is not type(other):
        return False
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other) or (one != one and other != other)


def link_paths(record: Mapping[str, Any]) -> tuple[str, ...]:
    """The documents of public links that the record of a change names; only these documents name their owners."""
    paths = (str(row.get("path")) for row in record.get("changes") or ())
    return tuple(dict.fromkeys(path for path in paths if path.startswith(LINKS)))


def strays(
    record: Mapping[str, Any], layout: Layout, change_id: str, owners: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """The documents and objects that the record of a change names outside its user: an undo would write to them.

    `owners`: the owner of each public link that the record names, by path.

    Without this check, a person who can write the record could make the desk delete or overwrite any object of the
    bucket, or restore another change's copy, of another customer, to this customer's key.
    """
    uid = str(record.get("uid") or "")
    links = [path for path, owner in (owners or {}).items() if owner == uid]
    mine = (f"users/{uid}", f"storage_accounting/{uid}", *links)
    rows = [*(record.get("changes") or ()), *(record.get("counted") or ())]
    paths = [str(row.get("path")) for row in rows] + [*map(str, record.get("created") or ())]
    outside = [path for path in paths if path not in mine and not path.startswith(f"users/{uid}/")]
    found = [f"document outside the change: {path}" for path in dict.fromkeys(outside)]
    for row in record.get("replaced") or ():
        key, kept = str(row.get("key")), row.get("kept")
        if not layout.belongs_to(key, uid):
            found.append(f"object outside the change: {key}")
        if kept is not None and not str(kept).startswith(kept_prefix(change_id)):
            found.append(f"copy outside the change's own: {kept}")
    return tuple(found)


def value_at(fields: Mapping[str, Any] | None, field: str) -> Any:
    """The value at a path with dots, or `ABSENT`."""
    current: Any = fields if fields is not None else ABSENT
    for name in field.split("."):
        if not isinstance(current, Mapping) or name not in current:
            return ABSENT
        current = current[name]
    return current


def rows(changes: ChangeSet) -> list[dict[str, Any]]:
    """The changes as plain rows, for `--json` and the page; `existed` tells an absent field from a null one."""
    return [
        {
            "path": change.path,
            "field": change.field,
            "before": None if change.before is ABSENT else change.before,
            "after": None if change.after is ABSENT else change.after,
            "existed": change.before is not ABSENT,
        }
        for change in changes.changes
    ]
