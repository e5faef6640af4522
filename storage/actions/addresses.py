"""Reveals the address of one customer to somebody who sees addresses masked: on record before it is handed out."""

from __future__ import annotations

from dataclasses import replace

from storage.actions.audit import attributed, refusals_recorded
from storage.actions.repair import RepairContext
from storage.domain.audit_chain import Event
from storage.domain.policy import Actor, authorise
from storage.errors import NotFound
from storage.ids import check_stored_id

REVEAL = "address.reveal"


def reveal(context: RepairContext, actor: Actor, uid: str) -> str:
    """The address. `NotPermitted`; `NotFound` where no document names one; raises where the audit cannot be written."""
    event = attributed(actor, Event(REVEAL, "-", uid=check_stored_id(uid, "UID")))
    with refusals_recorded(context.trail, event):
        authorise(actor, "address.reveal", now=context.clock())
    user = context.stores.records.user(uid)
    if user is None or not user.email:
        raise NotFound("No address is known of this customer.", remedy="Use the id.", target=uid)
    context.trail.append(replace(event, outcome="done"))
    return user.email
