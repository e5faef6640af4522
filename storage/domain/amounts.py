"""Whole numbers: what counts as one, and sums that are exact however large.

Firestore's numbers reach the ends of 64 bits, and a sum of two of them lies beyond. Arrays of 64 bits wrap there, and
floats round above 2^53, without a word; so sums are made of Python's own numbers, and what no column of 64 bits can
hold stands in a column of those.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

INT64 = range(-(2**63), 2**63)
MOST_BELIEVED = 2**53  # bytes, 8 PiB: beyond, a figure is a slip of whoever wrote it, and browsers round it


def whole(value: object) -> int | None:
    """A whole number of 64 bits as a document may hold it, as a double without a fraction too; `None` for all else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and (not math.isfinite(value) or not value.is_integer()):
        return None
    number = int(value)
    return number if number in INT64 else None


def exact_sum(numbers: Iterable[Any]) -> int:
    """The sum of those that are there (NA is left out), exact: a column's own sum wraps at 64 bits."""
    return sum(int(number) for number in numbers if not pd.isna(number))


def whole_column(numbers: Sequence[Any]) -> Any:
    """A column of whole numbers, `Int64` as everywhere; of Python's own where one of them does not fit into it."""
    if all(number is None or number is pd.NA or int(number) in INT64 for number in numbers):
        return pd.array(list(numbers), dtype="Int64")
    exact = [None if number is None or number is pd.NA else int(number) for number in numbers]
    return pd.array(exact, dtype="object")


def believed(size_bytes: int | None) -> bool:
    """Whether this can be the size of what a customer has: not below 0, not beyond any bucket. `None` is not known."""
    return size_bytes is None or 0 <= size_bytes <= MOST_BELIEVED
