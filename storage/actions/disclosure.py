"""Ends a disclosure, as one repair: keys set right or clips set to failed, and the shares that lead there disabled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from storage.actions.repair import RepairContext, Write, believable, event_of
from storage.domain.audit_chain import Event
from storage.domain.changes import ChangeSet
from storage.domain.policy import Action
from storage.repositories.store_time import store_time
from storage.services.disclosure import what_ends_it


@dataclass(frozen=True, slots=True)
class DisclosurePlan:
    """Documents and shares of a video to write, so that no customer sees another one's file through it."""

    changes: ChangeSet
    action: Action = "fix"

    def event(self, reason: str) -> Event:
        return event_of("end-disclosure", self.changes, reason)

    def writes(self, context: RepairContext, actor: str, now: datetime) -> Sequence[Write]:
        return [Write(self.changes)]


def plan_disclosure(context: RepairContext, uid: str, video_id: str) -> DisclosurePlan:
    """What ends the disclosure of a video, read anew; `Refused` also where the evidence is not to be believed."""
    believable(context, uid, video_id)
    return DisclosurePlan(what_ends_it(context.stores, uid, video_id, store_time(context.stores.handle)))
