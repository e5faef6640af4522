"""The credit ledger as a running balance: what was charged, how much of the month was used after it, and the resets.

The product keeps one number, used in the month of `usage_reset_month`, and compares that month with the present one
(UTC) whenever it reads or writes: a reset writes nothing, so here a month begins at 0. `balance_after` of an entry is
what was used after it, not what is left. Deleting clips gives nothing back.

Prices (source: the product's `plan.rs` and `style.rs`): an analysis takes 3, charged after it and without a look at the
limit; a rendering is charged for every clip before it begins, and refused where it costs more than is left.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import pandas as pd

from storage.domain.documents import Table

ANALYSIS = 3
USUAL = 10  # of most styles, and of one that is not known
CHEAPEST = 5
PRICES = {
    "original": CHEAPEST,
    "intelligent": 20,
    "intelligent_split": 20,
    "intelligent_speaker": 20,
    "intelligent_split_speaker": 20,
    "intelligent_split_activity": 20,
    "intelligent_cinematic": 30,
}


def price_of(style: str | None) -> int:
    """What one clip of this style costs, without additions such as the removal of silence."""
    return PRICES.get(style or "", USUAL)


@dataclass(frozen=True, slots=True)
class CreditEntry:
    """One charge. `used_before` and `used_after` are of its month, as far as the entries tell.

    `recorded` is the entry's own `balance_after`, `unexplained` what that has beyond the entries (`None`: nothing to
    compare). `reset`: it is the first of its month, which began at 0.
    """

    transaction_id: str
    at: datetime
    month: str
    operation: str
    amount: int
    used_before: int
    used_after: int
    recorded: int | None
    reset: bool
    unexplained: int | None
    video_id: str
    draft_id: str


@dataclass(frozen=True, slots=True)
class CreditMonth:
    """One month (UTC, `YYYY-MM`): its charges, and what was used at its end. `whole`: all of its entries were read."""

    month: str
    entries: int
    charged: int
    used: int
    whole: bool


@dataclass(frozen=True, slots=True)
class CreditLedger:
    """The entries that were read, the oldest first, and the months that they lie in.

    `counter` is what the user's document says was used this month (0 where it is of an earlier month; `None` where it
    has no such counter), `beyond` what it has beyond the entries of this month. `undated` entries are in no sum.
    """

    entries: tuple[CreditEntry, ...]
    months: tuple[CreditMonth, ...]
    complete: bool
    undated: int
    counter: int | None
    beyond: int | None
    limit: int | None
    unread: str = ""  # what kept the entries from being read to their end

    def as_dict(self) -> dict[str, Any]:
        """The answer of `usage --json`."""
        return asdict(self)

    @property
    def notes(self) -> Iterator[str]:
        """What could not be read, and what does not add up, for a reader."""
        if self.unread:
            yield f"The credit entries could not be read to their end. {self.unread}"
        for entry in self.entries:
            if entry.unexplained:
                yield (
                    f"On {entry.at:%Y-%m-%d %H:%M} UTC the balance was {entry.recorded:,}, {_off(entry.unexplained)} "
                    "the entries add up to: a charge without an entry, one that was lost, or a change by hand."
                )
        if self.beyond:
            yield (
                f"The counter says {self.counter:,} used this month, {_off(self.beyond)} the entries of this month add "
                "up to."
            )
        if self.undated:
            yield f"Entries without a time or an amount, which are in no sum: {self.undated:,}."
        if not self.complete and not self.unread:
            yield "Only the newest entries were read, so the oldest month shown may have begun before them."


def _off(amount: int) -> str:
    return f"{abs(amount):,} {'more' if amount > 0 else 'less'} than"


def credit_ledger(table: Table, now: datetime, *, counter: int | None, limit: int | None) -> CreditLedger:
    """The running balance of these transactions at `now`. `counter`: used this month by the user's document."""
    frame = table.frame
    usable = frame["timestamp"].notna() & frame["credits_amount"].notna()
    ordered = frame[usable].sort_values(["timestamp", "balance_after", "transaction_id"], kind="stable")
    rows = [_row(row) for row in ordered.itertuples(index=False)]
    entries, months = list[CreditEntry](), list[CreditMonth]()
    for number_of_month, (month, group) in enumerate(groupby(rows, key=lambda row: row["month"])):
        whole = table.complete or number_of_month > 0
        found = list(_balanced(list(group), whole=whole))
        entries += found
        months.append(CreditMonth(month, len(found), sum(entry.amount for entry in found), found[-1].used_after, whole))
    present = now.astimezone(UTC).strftime("%Y-%m")
    of_now = next((month for month in months if month.month == present), None)
    known = of_now.used if of_now else 0
    certain = table.error is None and (table.complete or (of_now is not None and of_now.whole))
    return CreditLedger(
        entries=tuple(entries),
        months=tuple(months),
        complete=table.complete,
        undated=int((~usable).sum()),
        counter=counter,
        beyond=counter - known if counter is not None and certain else None,
        limit=limit,
        unread=table.error.message if table.error is not None else "",
    )


def _row(row: Any) -> dict[str, Any]:
    at = row.timestamp.to_pydatetime()
    return {
        "transaction_id": str(row.transaction_id),
        "at": at,
        "month": at.astimezone(UTC).strftime("%Y-%m"),
        "operation": _text(row.operation_type),
        "amount": int(row.credits_amount),
        "recorded": None if pd.isna(row.balance_after) else int(row.balance_after),
        "video_id": _text(row.video_id),
        "draft_id": _text(row.draft_id),
    }


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _balanced(rows: Sequence[dict[str, Any]], *, whole: bool) -> Iterator[CreditEntry]:
    """The entries of one month. Each recorded balance is believed from there on, so that a fault shows where it is.

    Where the month may have begun before its first entry, that entry's own balance says with how much.
    """
    used = 0
    for position, row in enumerate(rows):
        opening = position == 0 and not whole
        if opening and row["recorded"] is not None:
            used = row["recorded"] - row["amount"]
        after = used + row["amount"]
        recorded = row["recorded"]
        unexplained = None if recorded is None or opening else recorded - after
        after = after if recorded is None else recorded
        yield CreditEntry(
            **row,
            used_before=used,
            used_after=after,
            reset=position == 0 and whole,
            unexplained=unexplained,
        )
        used = after
