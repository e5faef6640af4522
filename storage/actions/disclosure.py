"""Ends a disclosure in one repair: corrects keys or sets clips to failed, and disables the shares that lead there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from storage.actions.repair import RepairContext, Write, believable, event_of, existing_video
from storage.domain.audit_chain import Event
from storage.domain.changes import ChangeSet
from storage.domain.policy import Action
from storage.repositories.store_time import store_time
from storage.services.disclosure import what_ends_it


@dataclass(frozen=True, slots=True)
class DisclosurePlan:
    """Documents and shares of a video to write, so that no customer sees another customer's file through it."""

    changes: ChangeSet
    action: Action = "fix"

    def event(self, reason: str) -> Event:
        return event_of("end-disclosure", self.changes, reason)

    def writes(self, context: RepairContext, actor: str, now: datetime) -> Sequence[Write]:
        return [Write(self.changes)]


def plan_disclosure(context: RepairContext, uid: str, video_id: str) -> DisclosurePlan:
    """The repair that ends a video's disclosure, from a new look; `Refused` also where the evidence is implausible."""
    existing_video(context, uid, video_id)
    believable(context, uid, video_id)
    return DisclosurePlan(what_ends_it(context.stores, uid, video_id, store_time(context.stores.handle)))
