"""What the overview shows of all customers: videos by status, and who is near or over a limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import pandas as pd

from storage.domain import usage
from storage.domain.documents import Accounting, RawDocument, Table, User, user_of
from storage.domain.usage import PlanLimits, Quota, Usage
from storage.errors import Oddity
from storage.repositories.records import Records

QUOTAS = ("storage", "clips", "credits")
# Users whose usage is read live, two documents each: at a glance (a view of all customers costs 100 reads at most),
# and when somebody asks for more.
GLANCE_USERS = 30
SCAN_USERS = 500


@dataclass(frozen=True, slots=True)
class LimitList:
    """Users by how much of their worst quota they use.

    `frame` has `uid`, `email`, `plan`, a percentage and a state for each of `QUOTAS` (`storage_percent`,
    `storage_state`, ...), `worst_percent` and `state`, one row a user that is near or over, gravest first. `scanned`
    users were looked at; `complete` is false when there are more. `source` says whether they were looked at now or by
    a rollup, which keeps the gravest: `more` are near or over a limit than it lists.
    """

    frame: pd.DataFrame
    scanned: int
    complete: bool
    read_at: datetime
    source: Literal["rollup", "live"] = "live"
    more: bool = False


def read_limits(records: Records, limits: Mapping[str, PlanLimits], now: datetime, *, scan: int) -> LimitList:
    """Evaluates up to `scan` users against their plans by the counters that the product enforces."""
    documents = records.plans()
    people: list[User] = []
    cursor, read_at = None, None
    while len(people) < scan:
        page = records.users(page_size=min(300, scan - len(people)), cursor=cursor)
        page.unbroken()  # raises what cut it short
        read_at = read_at or page.read_at
        people.extend(_people(page))
        cursor = page.next_cursor
        if cursor is None:
            break
    books = records.accountings([person.uid for person in people])
    rows = [_row(person, books.get(person.uid), documents, limits, now) for person in people]
    return LimitList(gravest_first(rows), len(people), cursor is None, read_at or now)


def _people(page: Table) -> list[User]:
    """The rows of a page of users as values, each with its own oddities."""
    odd: dict[str, list[Oddity]] = {}
    for oddity in page.oddities:
        odd.setdefault(oddity.path, []).append(oddity)
    return [user_of(row, tuple(odd.get(row["path"], ()))) for row in page.frame.to_dict("records")]


def _row(
    person: User,
    books: Accounting | None,
    documents: Mapping[str, RawDocument],
    limits: Mapping[str, PlanLimits],
    now: datetime,
) -> dict[str, object]:
    document = documents.get(usage.normalise(person.plan))
    plan = usage.effective(person.plan, document.fields if document else None, limits)
    found = usage.evaluate(person.uid, person, books, plan, None, None, now)
    quotas = _quotas(found)
    percents = {f"{name}_percent": _percent(quota) for name, quota in quotas.items()}
    known = [value for value in percents.values() if value is not None]
    return {
        "uid": person.uid,
        "email": person.email,
        "plan": plan.plan_id,
        **percents,
        **{f"{name}_state": quota.state if quota else None for name, quota in quotas.items()},
        "worst_percent": max(known, default=None),
        "state": found.worst_state,
    }


def _quotas(found: Usage) -> dict[str, Quota | None]:
    return {"storage": found.storage, "clips": found.clips, "credits": found.credits}


def _percent(quota: Quota | None) -> float | None:
    return quota.percent if quota else None


def gravest_first(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The rows that are near or over a limit as `LimitList.frame`."""
    percents = [*(f"{name}_percent" for name in QUOTAS), "worst_percent"]
    texts = ["uid", "email", "plan", *(f"{name}_state" for name in QUOTAS), "state"]
    frame = pd.DataFrame(list(rows), columns=[*texts, *percents])
    frame = frame.astype(dict.fromkeys(percents, "Float64") | dict.fromkeys(texts, "string"))
    frame = frame[frame["state"].isin(["exceeded", "near_limit"])]
    order = frame["state"].map({"exceeded": 0, "near_limit": 1})
    return (
        frame.assign(_order=order)
        .sort_values(["_order", "worst_percent"], ascending=[True, False], na_position="first")
        .drop(columns="_order")
        .reset_index(drop=True)
    )
