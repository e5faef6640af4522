"""Sets a video's status, where the evidence of both stores allows it, under a precondition on what was looked at."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, get_args

from storage.actions import fields
from storage.actions.fields import Applied
from storage.connect import Stores, Writers
from storage.diagnose import Case, diagnose
from storage.domain.changes import ChangeSet, FieldChange, value_at
from storage.domain.diagnosis import Absent, status_objections
from storage.errors import BadInput, NotFound, Refused
from storage.verify_facts import Checker

Status = Literal["analyzed", "completed", "failed"]
STATUSES: tuple[Status, ...] = get_args(Status)


def check_status(status: str) -> Status:
    """The status, or `BadInput`."""
    if status not in STATUSES:
        raise BadInput(
            f"STATUS cannot be set to {status[:40]!r}", field_name="status", remedy=f"One of: {', '.join(STATUSES)}."
        )
    return status


def plan(stores: Stores, checker: Checker, uid: str, video_id: str, status: Status, reason: str) -> ChangeSet:
    """The fields that would change, with the evidence read anew.

    `NotFound` without the document, `Refused` with every objection of the evidence, and the store's own error where
    one kept the evidence from being read: unknown allows nothing.
    """
    path = f"users/{uid}/videos/{video_id}"
    case = diagnose(checker, uid, video_id, doubted=True)
    document = stores.records.raw(path)
    if document is None or document.update_time is None or isinstance(case.facts.video, Absent):
        raise NotFound(
            f"There is no document for video {video_id} of user {uid}.", remedy="Look it up with find.", target=video_id
        )
    _allowed(case, status)
    now = checker.clock()
    wanted = _fields(status, now, reason)
    changes = tuple(FieldChange(path, name, value_at(document.fields, name), value) for name, value in wanted.items())
    if value_at(document.fields, "status") == status:
        raise Refused(f"The status is {status} already.", remedy="Run diagnose to see what keeps the video from view.")
    return ChangeSet("set-status", uid, video_id, changes, {path: document.update_time})


def apply(writers: Writers, changes: ChangeSet, *, actor: str, reason: str) -> Applied:
    """Writes the fields; `Stale` when the document changed since `plan`, which read the evidence."""
    return fields.apply(writers.documents, changes, actor=actor, reason=reason)


def _allowed(case: Case, status: Status) -> None:
    objections = status_objections(case.facts, status)
    if not objections:
        return
    if case.error is not None:
        raise case.error
    raise Refused(
        f"The evidence contradicts the status {status}: {' '.join(objections)}",
        reasons=objections,
        remedy="Run diagnose for the video; its next steps fit the evidence.",
    )


def _fields(status: Status, now: datetime, reason: str) -> dict[str, Any]:
    """What the backend writes with each status, as far as it can be told from outside."""
    common: dict[str, Any] = {"status": status, "updated_at": now}
    if status == "completed":
        return {**common, "completed_at": now, "failed_at": None, "error_message": None}
    if status == "failed":
        return {**common, "failed_at": now, "error_message": f"Set by support: {reason}"}
    return {**common, "failed_at": None, "error_message": None}
