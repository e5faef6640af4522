"""Reads the bucket's side of a customer's storage, beside documents that were read before, and the credit ledger."""

from __future__ import annotations

from datetime import datetime, timedelta

from storage.domain.credits import CreditLedger, credit_ledger
from storage.domain.documents import Table
from storage.domain.integrity import UserFacts
from storage.domain.ledger import Ledger, balance, unread
from storage.domain.purge.scope import kept_objects_prefix
from storage.domain.usage import Usage
from storage.errors import BackendError
from storage.repositories.jobs import Jobs
from storage.repositories.records import Records
from storage.repositories.stores import Stores
from storage.services.usage import TRANSACTIONS
from storage.services.verify import objects_of


def read_ledger(stores: Stores, uid: str, videos: Table, clips: Table, now: datetime) -> Ledger:
    """The three sides of the user's storage, from tables that were read just before: documents come first.

    One listing for each place that the user's objects may lie in (mostly 4), one for each purge that can be undone, and
    a read for each purge that there was. A bucket that did not answer leaves its side unknown, with a note.
    """
    stale_after = timedelta(minutes=stores.settings.stale_after_minutes)
    try:
        layout = stores.layout
        prefixes = tuple(dict.fromkeys((*layout.user_prefixes(uid), *layout.own_prefixes(uid))))
        listings, heads = objects_of(stores.objects, layout, uid, None, videos.frame, clips.frame, prefixes)
    except BackendError as error:
        return unread(clips, stale_after, error)
    facts = UserFacts(uid, None, videos, clips, listings, clips.read_at, heads=heads)
    return balance(facts, now, stale_after, layout, _kept_by_purges(stores, uid))


def read_credits(records: Records, usage: Usage, now: datetime, limit: int = TRANSACTIONS) -> CreditLedger:
    """The running balance of the newest transactions: a read for each, at least one."""
    return credits_of(records.transactions(usage.uid, limit), usage, now)


def credits_of(table: Table, usage: Usage, now: datetime) -> CreditLedger:
    """The running balance of transactions that were read already, beside the counter."""
    quota = usage.credits
    return credit_ledger(table, now, counter=quota.used if quota else None, limit=quota.limit if quota else None)


def _kept_by_purges(stores: Stores, uid: str) -> list[Table] | None:
    try:
        jobs = [job for job in Jobs(stores.handle).of_user(uid) if job.quarantine_until is not None]
    except BackendError:
        return None
    return [stores.objects.list_all(kept_objects_prefix(job.job_id)) for job in jobs if not job.quarantine_over]
