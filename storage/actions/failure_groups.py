"""Puts a group of failures aside, calls it resolved, or opens it again: recorded in the audit, under a precondition.

A mark lies in `ops_failure_groups` under the group's id: `state` (`archived`, `resolved`), `until_more`, `by`, `reason`
and `at`, which is Firestore's time. It holds nothing of a customer.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Literal

from storage.actions.audit import attributed, refusals_recorded
from storage.actions.documents import Change, Create, Delete, FieldName, Special, Update
from storage.actions.repair import RepairContext
from storage.domain.actor_and_reason import checked_reason, normal_email
from storage.domain.audit_chain import Event
from storage.domain.diagnosis.groups import Mark
from storage.domain.policy import Actor, authorise
from storage.errors import BadInput, Refused, Stale
from storage.repositories.failure_groups import group_path, mark_from

Wanted = Literal["archived", "resolved", "open"]
ACTION = "failure-group"
MOST_MORE = 100_000
_ID = re.compile(r"(?:error|stop)-[0-9a-f]{12}")


def mark(
    context: RepairContext,
    actor: Actor,
    identity: str,
    wanted: Wanted,
    reason: str,
    *,
    seen: Mark | None,
    until_more: int = 0,
) -> None:
    """Writes what a person says of a group; `seen` is the mark that they were shown (`None`: none).

    `NotPermitted`; `Stale` where somebody said something else meanwhile; `Refused` where there is nothing to open;
    `BadInput` for an id, a number or a reason.
    """
    _check(identity, wanted, until_more)
    detail = {"group": identity, "state": wanted, "until_more": until_more}
    event = attributed(actor, Event(ACTION, "-", reason=checked_reason(reason), detail=detail))
    with refusals_recorded(context.trail, event):
        email = normal_email(actor.email)
        authorise(actor, "fix", now=context.clock())
        path = group_path(identity)
        there = context.stores.records.raw(path)
        if mark_from(there) != seen:
            raise Stale("Another person changed this group meanwhile.", remedy="Look at it again.")
        if wanted == "open" and there is None:
            raise Refused("The group is open already.")
    fields: dict[FieldName, object] = {
        "state": wanted,
        "until_more": until_more,
        "by": email,
        "reason": event.reason,
        "at": Special.SERVER_TIME,
    }
    change: Change
    if there is None:
        change = Create(path, {str(name): value for name, value in fields.items()})
    elif wanted == "open":
        change = Delete(path, there.update_time)
    else:
        change = Update(path, fields, there.update_time)
    context.trail.append(replace(event, outcome="begun"))
    with refusals_recorded(context.trail, event):
        context.writers.documents.commit([change], operation="Writing what was said of a group of failures")
    context.trail.append(replace(event, outcome="done"))


def _check(identity: str, wanted: str, until_more: int) -> None:
    if not _ID.fullmatch(identity):
        raise BadInput(
            f"{identity[:60]!r} is not the id of a group of failures",
            field_name="group",
            remedy="Take an id of the list.",
        )
    if wanted == "archived" and not 1 <= until_more <= MOST_MORE:
        raise BadInput(
            f"until_more must be from 1 to {MOST_MORE:,}",
            field_name="until_more",
            remedy="Say after how many to return.",
        )
