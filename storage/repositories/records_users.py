"""Reads of users, plans, accounting and credit transactions."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from storage.domain.documents import TRANSACTIONS, USERS, Accounting, RawDocument, Table, User
from storage.errors import BadInput, Oddity
from storage.ids import check_stored_id, firestore_order
from storage.repositories import decode_model
from storage.repositories.decode import raw_document
from storage.repositories.records_pages import checked_limit
from storage.repositories.records_paths import accounting_path, plan_path, user_path
from storage.repositories.records_query import Condition, build
from storage.repositories.records_reading import LIST_PAGE, Reading

_LAST_CHARACTER = "\U0010ffff"


class UserRecords(Reading):
    """Users are listed with their phantoms: a user whose document is gone but whose videos are not."""

    def user(self, uid: str) -> User | None:
        """The user; `exists` is false where only documents below it are left; `None`: proven absent, nothing below."""
        document = self._document_or_phantom(user_path(uid), "Reading the user")
        return None if document is None else decode_model.user(document)

    def users(self, *, page_size: int = LIST_PAGE, cursor: str | None = None) -> Table:
        """One page of all users by uid, phantoms too; `next_cursor` is the next page's."""
        fetch = self._listing("", "users", "Listing the users", page_size=checked_limit(page_size))
        return self._table(USERS, fetch, cursor=cursor, limit=page_size)

    def iter_users(self, shard: tuple[int, int] | None = None, after: str | None = None) -> Iterator[Table]:
        """All users page by page, phantoms too; only the last page is `complete`. Raises when a page fails.

        `shard` is (i, n) with i from 1 to n: each uid belongs to exactly one of the n. `after` leaves out the uids up
        to and with this one. Both leave rows out and not reads: only a listing shows phantoms, and it has no ranges.
        """
        keep = _belongs(shard, after)
        cursor: str | None = None
        while True:
            fetch = self._listing("", "users", "Listing the users", keep=keep)
            table = self._table(USERS, fetch, cursor=cursor, pages=1)
            yield table
            cursor = table.next_cursor
            if cursor is None:
                return

    def users_by_email(self, email: str) -> Table:
        """All users with exactly this address, as it is stored."""
        query = build("users", where=[("email", "==", _text(email, "email"))])
        return self._table(USERS, self._by_name(query, "Finding users by e-mail", page_size=LIST_PAGE))

    def users_by_email_prefix(self, prefix: str, limit: int) -> Table:
        """The first users by address whose address begins so; users without one are never among them."""
        start = _text(prefix, "prefix")
        where: list[Condition] = [("email", ">=", start), ("email", "<", start + _LAST_CHARACTER)]
        return self._first(USERS, build("users", where=where, order_by="email"), "Finding users by e-mail", limit)

    def plan(self, plan_id: str) -> RawDocument | None:
        """The plan's document, or `None`: proven absent."""
        document = self._document(plan_path(plan_id), "Reading the plan")
        return None if document is None else raw_document(document)

    def plans(self) -> dict[str, RawDocument]:
        """All plans by id."""
        found = self._raw_listing("", "plans", "Listing the plans")
        return {document.path.rpartition("/")[2]: document for document in found if document.fields is not None}

    def accounting(self, uid: str) -> Accounting | None:
        """The newer counters of the user, or `None`: proven absent, as in older deployments."""
        document = self._document(accounting_path(uid), "Reading the storage accounting")
        return None if document is None else decode_model.accounting(document)

    def accountings(self, uids: Sequence[str]) -> dict[str, Accounting]:
        """The newer counters of many users; those proven to have none are left out."""
        paths = {accounting_path(uid): uid for uid in uids}
        found = self._documents(list(paths), "Reading the storage accounting")
        return {paths[path]: decode_model.accounting(doc) for path, doc in found.items() if doc is not None}

    def transactions(self, uid: str, limit: int = 50) -> Table:
        """The newest credit transactions; an oddity counts those that no order shows for want of a `timestamp`."""
        parent = user_path(uid)
        query = build("credit_transactions", order_by="timestamp", descending=True)
        table = self._first(TRANSACTIONS, query, "Reading credit transactions", limit, parent=parent)
        table, hidden = self._hidden(table, parent, "timestamp")
        if not hidden:
            return table
        odd = Oddity(f"{parent}/credit_transactions", "timestamp", "missing", f"{hidden:,} not in this table")
        return replace(table, oddities=(*table.oddities, odd))


def _text(value: str, name: str) -> str:
    if not value.strip():
        raise BadInput(f"{name} is empty", field_name=name, remedy=f"Give the {name} to look for.")
    return value


def _belongs(shard: tuple[int, int] | None, after: str | None) -> Callable[[Any], bool] | None:
    if shard is None and after is None:
        return None
    index, count = shard or (1, 1)
    if not 1 <= index <= count:
        raise BadInput("shard must be I/N with I from 1 to N", field_name="shard", remedy="For example 1/4.")
    last = None if after is None else firestore_order(check_stored_id(after, "after"))

    def keep(document: Any) -> bool:
        uid = document.name.rpartition("/")[2]
        return (last is None or firestore_order(uid) > last) and zlib.crc32(uid.encode()) % count == index - 1

    return keep
