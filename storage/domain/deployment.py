"""The deployment: the place from which the backend serves highlights, and the prefix of its keys.

Settings or a sample of documents tell both. Two generations are in use: the older one serves `highlights.json`, the
newer one the document `highlights/main`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

from storage.domain.layout import KNOWN_PREFIXES, Layout
from storage.errors import StorageError
from storage.text import number

Served = Literal["object", "document", "mixed"]
Wanted = Literal["auto", "object", "document"]
SERVED: tuple[Served, ...] = get_args(Served)
DEFAULT_PREFIX = "users/"
NEWEST = 20  # the number of videos that decide
LIFE = timedelta(hours=1)  # the time for which an answer is used before a new one is made
_PLACES: Mapping[Served, str] = {
    "object": "highlights.json",
    "document": "the document highlights/main",
    "mixed": "either of both places",
}
_SOURCE_NAMES = ("highlights_source", "highlights_why")
_PREFIX_NAMES = ("key_prefix", "key_prefix_why")


@dataclass(frozen=True, slots=True)
class Deployment:
    """The answer, with the reason for each half. `found_at` is `None` where settings gave both and nothing was read.

    `complete` is false where a store did not give the sample (`fault` is its error): then either place counts for
    reading, the prefix is the default one, and the desk writes nothing that depends on them.
    `prefix_sampled`: keys of a sample told the prefix.
    """

    highlights_source: Served
    highlights_why: str
    key_prefix: str
    key_prefix_why: str
    found_at: datetime | None = None
    complete: bool = True
    fault: StorageError | None = None
    prefix_sampled: bool = False

    @property
    def layout(self) -> Layout:
        """The grammar of keys under the prefix."""
        return Layout(self.key_prefix, sampled=self.prefix_sampled)

    @property
    def highlights_place(self) -> str:
        """The place from which the product serves highlights, in words."""
        return _PLACES[self.highlights_source]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for `--json`."""
        return {
            "highlights_source": self.highlights_source,
            "highlights_why": self.highlights_why,
            "key_prefix": self.key_prefix,
            "key_prefix_why": self.key_prefix_why,
            "found_at": self.found_at,
            "complete": self.complete,
        }

    def as_fields(self) -> dict[str, Any]:
        """The fields of the document in Firestore; `from_fields` reads them."""
        found = self.as_dict()
        del found["complete"]
        return found | {"prefix_sampled": self.prefix_sampled}


NOT_LOOKED_AT = "It was not looked at."
ASSUMED = Deployment("mixed", NOT_LOOKED_AT, DEFAULT_PREFIX, NOT_LOOKED_AT, complete=False)


def set_to(served: Served, prefix: str = DEFAULT_PREFIX) -> Deployment:
    """The deployment that settings name."""
    return Deployment(served, "It was set.", prefix, "It was set.")


def from_fields(fields: Mapping[str, Any] | None, now: datetime, *, prefix: bool = True) -> Deployment | None:
    """The kept deployment, or `None` where it is older than an hour, from the future, or not in this desk's form.

    `prefix`: accept only a deployment whose prefix was sampled; a process with the prefix set does not sample it.
    """
    held = fields or {}
    source, at = held.get("highlights_source"), held.get("found_at")
    texts = [held.get(name) for name in (*_SOURCE_NAMES, *_PREFIX_NAMES)]
    if not all(isinstance(text, str) for text in texts) or not isinstance(at, datetime):
        return None
    if source not in SERVED or held["key_prefix"] not in KNOWN_PREFIXES or not timedelta(0) <= now - at < LIFE:
        return None
    if prefix and held["key_prefix_why"] == NOT_LOOKED_AT:
        return None
    sampled = held.get("prefix_sampled") is True
    return Deployment(
        source, held["highlights_why"], held["key_prefix"], held["key_prefix_why"], at, prefix_sampled=sampled
    )


def told_source(have: Sequence[bool], how: str = "newest") -> tuple[Served, str]:
    """The place that serves highlights, told by the newest videos that should have some: does each have the document?

    `how` names the sample. Without any video, either place counts.
    """
    asked, there = len(have), sum(have)
    if not asked:
        return "mixed", "No video that should have highlights was found to judge by, so either place counts."
    served: Served = "document" if there * 2 >= asked else "mixed" if there else "object"
    which = f"the {how} {number(asked, 'video')} that should have highlights"
    if served == "object":
        return served, f"None of {which} has the document highlights/main."
    return served, f"Of {which}, {there:,} {'has' if there == 1 else 'have'} the document highlights/main."


def told_prefix(named: Iterable[tuple[str, str]]) -> tuple[str, str]:
    """The prefix of most of the keys in (uid of the owner, key) pairs of documents, among the known prefixes."""
    found = Counter(prefix for uid, key in named if (prefix := _prefix_of(uid, key)) is not None)
    keys = found.total()
    if not keys:
        return (
            DEFAULT_PREFIX,
            f"No document of a sample names a key of its own, so it is the default {DEFAULT_PREFIX!r}.",
        )
    prefix = max(KNOWN_PREFIXES, key=lambda known: (found[known], known == DEFAULT_PREFIX))
    said = f"{found[prefix]:,} of {number(keys, 'key')} in a sample of documents"
    return prefix, f"{said} {'begin' if keys != 1 else 'begins'} with {_named(prefix)}."


def _prefix_of(uid: str, key: str) -> str | None:
    return next((prefix for prefix in KNOWN_PREFIXES if uid and key.startswith(f"{prefix}{uid}/")), None)


def _named(prefix: str) -> str:
    return f"{prefix!r} and the customer's id" if prefix else "the customer's id, without a prefix"
