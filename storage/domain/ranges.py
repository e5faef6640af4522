"""Ranges of customers: the unit in which all of them are read, from Firestore and from the bucket alike.

The two stores order ids differently. Firestore compares ids as texts by their bytes, after the numbers of Datastore
(`__id7__`). A bucket compares whole keys, so `a-b/...` comes before `a/...`, because `-` is less than `/`. Within a
range both agree on every customer but those of `stands_out`: numbers, and ids that the range's end begins with.
"""

from __future__ import annotations

from dataclasses import dataclass

from storage.ids import number_of

FIRST_NUMBER = f"__id{-(2**63)}__"  # the least id of all
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"  # of Firebase's ids, in the order of bytes
_PLACES = 3
_A_RANGE = 500  # customers: some seconds of reading, and some tens of requests
_FEWEST, _MOST = 16, 512
_LEAST = "!"  # no folder is named by less, and a store may refuse control characters
LAST = "\U0010ffff"  # no name below a folder sorts behind this


@dataclass(frozen=True, slots=True)
class Range:
    """The customers from `start` (included) to `end` (excluded), compared as texts; empty: no limit on that side.

    Customers whose ids are numbers belong to the range without a start.
    """

    start: str = ""
    end: str = ""

    def holds(self, uid: str) -> bool:
        """Whether the customer belongs to the range."""
        if number_of(uid) is not None:
            return not self.start
        return self.start <= uid and (not self.end or uid < self.end)


EVERYBODY = Range()


def shard_range(index: int, count: int) -> Range:
    """The range of one of `count` shards, from 1: equal parts of the ids that Firebase gives, which are random.

    It depends on nothing but the two numbers, so machines that know nothing of each other leave nobody out.
    """
    return Range(_part(index - 1, count), _part(index, count))


def ranges_for(users: int | None) -> int:
    """The number of shards in which a cluster scans so many customers: many more than workers, so that all end
    together. It grows by doubling, so a scan that goes on the next hour counts the same shards."""
    count = _FEWEST if users is not None else 64
    while users is not None and count < _MOST and count * _A_RANGE < users:
        count *= 2
    return count


def _part(part: int, count: int) -> str:
    if not 0 < part < count:
        return ""
    place, text = part * len(_DIGITS) ** _PLACES // count, ""
    for _ in range(_PLACES):
        place, digit = divmod(place, len(_DIGITS))
        text = _DIGITS[digit] + text
    return text


def stands_out(uid: str, end: str) -> bool:
    """Whether a bucket may list this customer's objects behind the range's end, though the customer is before it."""
    return number_of(uid) is not None or (end.startswith(uid) and end[len(uid) : len(uid) + 1] <= "/" and end != uid)


def just_before(uid: str) -> str:
    """A text shortly before all keys that begin with the uid, which is not itself the name of a folder of theirs.

    A store that keeps folders takes a folder's name for everything in it, and would leave that out.
    """
    head, last = uid[:-1], ord(uid[-1]) - 1
    if last < ord(_LEAST) or 0xD800 <= last <= 0xDFFF:
        return head
    return f"{head}{chr(last)}{LAST}"
