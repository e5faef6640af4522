"""What all replicas know of sign-ins: who signed out, and when each sign-in was last used.

One small document holds it, so a look costs one read. It holds digests of people and sign-ins, no names.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from storage.errors import Unusable

PATH: Final = "ops_signouts/current"
KEPT: Final = timedelta(days=32)  # the longest life of Streamlit's sign-in cookie is 30 days, and a day of grace
MOST_ENDED: Final = 4_000  # people; with the next one, below the 1 MiB of a document
MOST_SEEN: Final = 10_000  # sign-ins
_BODY: Final = "body"  # JSON in one field: a map of fields would make index entries for each of them


@dataclass(frozen=True, slots=True)
class Ended:
    """All sign-ins of a person that were issued up to `before` have ended; nobody needs to know after `until`."""

    before: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Shared:
    """`ended` by the person's digest, `seen` by the sign-in's: when it was last used."""

    ended: Mapping[str, Ended] = field(default_factory=dict)
    seen: Mapping[str, datetime] = field(default_factory=dict)

    def with_(self, other: Shared, now: datetime, *, longest: timedelta) -> Shared:
        """Both together, without what is past its use; `longest` is how long a sign-in may last at all.

        Where there is too much, what would have ended soonest goes first, and what was not used for longest.
        """
        ended = {**self.ended}
        for digest, one in other.ended.items():
            known = ended.get(digest, one)
            ended[digest] = Ended(max(known.before, one.before), max(known.until, one.until))
        seen = {**self.seen}
        for digest, at in other.seen.items():
            seen[digest] = max(seen.get(digest, at), at)
        lasting = sorted((digest for digest in ended if ended[digest].until > now), key=lambda each: ended[each].until)
        recent = sorted((digest for digest in seen if now - seen[digest] < longest), key=lambda each: seen[each])
        return Shared(
            {digest: ended[digest] for digest in lasting[-MOST_ENDED:]},
            {digest: seen[digest] for digest in recent[-MOST_SEEN:]},
        )


def fields_of(shared: Shared, now: datetime) -> dict[str, Any]:
    ended = {digest: [each.before.timestamp(), each.until.timestamp()] for digest, each in shared.ended.items()}
    seen = {digest: at.timestamp() for digest, at in shared.seen.items()}
    return {_BODY: json.dumps({"ended": ended, "seen": seen}, separators=(",", ":")), "updated_at": now}


def from_fields(fields: Mapping[str, Any]) -> Shared:
    """What the document says. Raises `Unusable` where it cannot be read as that."""
    try:
        body = json.loads(fields[_BODY])
        ended = {digest: Ended(_instant(before), _instant(until)) for digest, (before, until) in body["ended"].items()}
        return Shared(ended, {digest: _instant(at) for digest, at in body["seen"].items()})
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, OSError):
        raise Unusable(
            f"{PATH}, which says who signed out, cannot be read.",
            remedy="It is made anew with the next sign-out; until then each process goes by those it knows.",
            operation="Reading the sign-outs",
            target=PATH,
        ) from None


def _instant(seconds: Any) -> datetime:
    return datetime.fromtimestamp(float(seconds), UTC)
