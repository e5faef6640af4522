"""Reads what is needed to speak of one user's account, and evaluates it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from storage.domain import usage
from storage.domain.documents import Accounting, Table, User
from storage.domain.usage import EffectivePlan, PlanLimits, Usage
from storage.errors import NotFound
from storage.ids import is_stored_id
from storage.repositories.records import Records


@dataclass(frozen=True, slots=True)
class Account:
    """The documents behind a user's usage. `accounting` is `None` where the deployment has none for this user."""

    uid: str
    user: User
    accounting: Accounting | None
    plan: EffectivePlan


@dataclass(frozen=True, slots=True)
class FullUsage:
    """Usage with every counter checked against every clip, and the tables that it was computed from."""

    account: Account
    usage: Usage
    videos: Table
    clips: Table


def read_account(records: Records, uid: str, limits: Mapping[str, PlanLimits]) -> Account:
    """User, accounting and plan: at most 3 reads. `NotFound` when there is neither a document nor anything below it."""
    user = records.user(uid)
    if user is None:
        raise NotFound(
            f"There is no user {uid}.",
            remedy="Look it up by e-mail address, video or clip with find; ids are case-sensitive.",
            target=uid,
        )
    plan_id = usage.normalise(user.plan)
    document = records.plan(plan_id) if is_stored_id(plan_id) else None
    plan = usage.effective(user.plan, document.fields if document else None, limits)
    return Account(uid, user, records.accounting(uid), plan)


def read_quick_usage(records: Records, account: Account, now: datetime) -> Usage:
    """Usage with the truth by aggregation on the server: a read for every 1,000 clips, no split by video."""
    truth = usage.truth_from_totals(records.clip_totals(account.uid))
    return usage.evaluate(account.uid, account.user, account.accounting, account.plan, truth, None, now)


class Tables(Protocol):
    """Gives the whole tables of a user: `Records` itself, or `UserTables`, which remembers them."""

    def videos(self, uid: str) -> Table:
        """All videos, phantoms too."""

    def clips(self, uid: str) -> Table:
        """All clips."""


def read_full_usage(tables: Tables, account: Account, now: datetime) -> FullUsage:
    """Usage with each video's counters too: reads every video and clip document of the user once.

    Tables that could not be read to their end leave the truth unknown rather than too small; their errors stay in them.
    """
    videos, clips = tables.videos(account.uid), tables.clips(account.uid)
    complete = videos.complete and clips.complete
    truth = usage.truth_from_clips(clips.frame, complete=complete)
    result = usage.evaluate(account.uid, account.user, account.accounting, account.plan, truth, videos.frame, now)
    return FullUsage(account, result, videos, clips)
