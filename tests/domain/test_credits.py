"""The credit ledger: a running balance by month, and what does not add up."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from storage.domain.credits import CreditLedger, credit_ledger, price_of
from storage.domain.documents import TRANSACTIONS
from tests.domain.integrity_world import denied, table

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def entry(at: datetime | None, amount: int | None, balance: int | None, **fields: Any) -> dict[str, Any]:
    name = f"t{at:%m%d%H}" if at else "t"
    return {
        "uid": "u1", "transaction_id": name, "timestamp": at, "credits_amount": amount, "balance_after": balance,
        "operation_type": "analysis", "exists": True, **fields,
    }  # fmt: skip


def of(*rows: dict[str, Any], complete: bool = True, counter: int | None = None) -> CreditLedger:
    return credit_ledger(replace(table(TRANSACTIONS, list(rows)), complete=complete), NOW, counter=counter, limit=200)


def on(month: int, day: int, hour: int = 0) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


def test_the_balance_runs_through_a_month_and_begins_again_with_the_next() -> None:
    found = of(
        entry(on(11, 2), 10, 13),
        entry(on(10, 31, 23), 40, 60),
        entry(on(10, 5), 20, 20),
        entry(on(11, 1), 3, 3),
        counter=13,
    )
    assert [(one.used_before, one.used_after, one.reset, one.unexplained) for one in found.entries] == [
        (0, 20, True, 0), (20, 60, False, 0), (0, 3, True, 0), (3, 13, False, 0),
    ]  # fmt: skip
    assert [(one.month, one.charged, one.used, one.whole) for one in found.months] == [
        ("2026-10", 60, 60, True), ("2026-11", 13, 13, True),
    ]  # fmt: skip
    assert (found.beyond, list(found.notes)) == (0, [])


def test_what_does_not_add_up_is_named_where_it_is() -> None:
    found = of(entry(on(11, 1), 3, 3), entry(on(11, 2), 10, 43), entry(on(11, 3), 5, 48), counter=20)
    assert [one.unexplained for one in found.entries] == [0, 30, 0]
    assert found.beyond == -28
    first, second = found.notes
    assert "the balance was 43, 30 more than the entries add up to" in first
    assert "The counter says 20 used this month, 28 less than" in second


def test_only_the_newest_entries_take_the_opening_from_their_first_balance() -> None:
    found = of(entry(on(11, 2), 10, 90), entry(on(11, 3), 5, 95), complete=False, counter=95)
    assert [(one.used_before, one.reset, one.unexplained) for one in found.entries] == [
        (80, False, None),
        (90, False, 0),
    ]
    assert (found.months[0].whole, found.beyond) == (False, None)  # what came before is not known
    assert "Only the newest entries" in next(iter(found.notes))


def test_an_entry_without_time_amount_or_balance_is_no_fault_of_the_others() -> None:
    found = of(entry(None, 4, 4), entry(on(11, 1), None, 4), entry(on(11, 2), 6, None), counter=None)
    assert [(one.used_after, one.unexplained) for one in found.entries] == [(6, None)]
    assert (found.undated, found.beyond) == (2, None)
    assert of().as_dict()["entries"] == ()


def test_entries_that_could_not_be_read_are_no_missing_charges() -> None:
    rows = [entry(on(11, 2), 10, 90)]
    found = credit_ledger(table(TRANSACTIONS, rows, error=denied()), NOW, counter=95, limit=200)
    assert found.beyond is None
    assert list(found.notes) == ["The credit entries could not be read to their end. Not allowed to read the bucket."]


def test_a_counter_without_any_entry_is_told() -> None:
    assert of(counter=7).beyond == 7
    assert [price_of(name) for name in ("original", "split", "intelligent_speaker", "intelligent_cinematic", None)] == [
        5, 10, 20, 30, 10,
    ]  # fmt: skip


@given(st.lists(st.tuples(st.integers(0, 80), st.integers(1, 40)), max_size=30))
def test_a_true_ledger_adds_up_whatever_the_order_and_the_months(charges: list[tuple[int, int]]) -> None:
    used: dict[str, int] = {}
    rows = []
    for position, (day, amount) in enumerate(sorted(charges)):
        at = pd.Timestamp(2026, 9, 1, tz="UTC") + pd.Timedelta(days=day, minutes=position)
        month = f"{at:%Y-%m}"
        used[month] = used.get(month, 0) + amount
        rows.append(entry(at.to_pydatetime(), amount, used[month]) | {"transaction_id": str(position)})
    found = of(*reversed(rows), counter=used.get("2026-11", 0))
    assert {one.month: one.used for one in found.months} == used
    assert (found.beyond, list(found.notes)) == (0, [])
