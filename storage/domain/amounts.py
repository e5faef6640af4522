"""Whole numbers: which values count as one, and sums that are exact at any size.

Firestore's numbers use all of 64 bits, so a sum of two of them may need more. Arrays of 64 bits wrap silently there,
and floats round above 2^53. Sums therefore use Python's own numbers, and so does a column that needs more than 64 bits.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

import pandas as pd

INT64 = range(-(2**63), 2**63)
EXACT = 2**53  # a double is exact up to here
MOST_BELIEVED = 2**53  # bytes, 8 PiB: a larger figure is an error of its writer, and browsers round it


def whole(value: object) -> int | None:
    """The value as a whole number of 64 bits, also from a double without a fraction; `None` for any other value."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and (not math.isfinite(value) or not value.is_integer()):
        return None
    number = int(value)
    return number if number in INT64 else None


class StoredSum:
    """Adds up numbers of documents as Firestore's own sum does, without its rounding. `count` is the number of them.

    Firestore leaves out numbers beyond 64 bits where the query bounds them, and NaN. Whole numbers it adds exactly
    within 64 bits; beyond, and with a double among them, its sum is a double, which is exact only while neither it nor
    any part of it is beyond 2^53. `total` is `None` where that sum is not exact, so that both ways to add up say the
    same.
    """

    __slots__ = ("_doubles", "_far", "_fraction", "_whole", "count")

    def __init__(self) -> None:
        self.count = 0
        self._whole, self._fraction = 0, Fraction()
        self._doubles = self._far = False

    def add(self, number: int | float) -> None:
        """Adds a number that a document holds."""
        if not INT64[0] <= number <= INT64[-1]:
            return
        self.count += 1
        self._far = self._far or abs(number) > EXACT
        if isinstance(number, float):
            self._doubles = True
            self._fraction += Fraction(number)
        else:
            self._whole += number

    @property
    def total(self) -> int | None:
        """The sum, `None` where Firestore's own would not be exact."""
        if not self._doubles:
            return self._whole if self._whole in INT64 else None
        total = self._whole + self._fraction
        return None if self._far or abs(total) > EXACT or total.denominator != 1 else int(total)


def exact_sum(numbers: Iterable[Any]) -> int:
    """The exact sum, without NA: a column's own sum wraps at 64 bits."""
    return sum(int(number) for number in numbers if not pd.isna(number))


def whole_column(numbers: Sequence[Any]) -> Any:
    """A column of whole numbers: `Int64`, or Python's own numbers where one of them does not fit into 64 bits."""
    if all(number is None or number is pd.NA or int(number) in INT64 for number in numbers):
        return pd.array(list(numbers), dtype="Int64")
    exact = [None if number is None or number is pd.NA else int(number) for number in numbers]
    return pd.array(exact, dtype="object")


def believed(size_bytes: int | None) -> bool:
    """Whether this can be a customer's number of bytes: from 0, and within any bucket. `None` means unknown."""
    return size_bytes is None or 0 <= size_bytes <= MOST_BELIEVED
