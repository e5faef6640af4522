"""The facts about sign-ins that all replicas share: who signed out, and when each sign-in was last used.

One small document holds them, so reading them costs one read. It holds digests of people and sign-ins, no names.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from storage.errors import Unusable

PATH: Final = "ops_signouts/current"
KEPT: Final = timedelta(days=32)  # Streamlit's sign-in cookie lives at most 30 days; the rest is grace
MOST_ENDED: Final = 4_000  # people; together with `MOST_SEEN` below the 1 MiB of a document
MOST_SEEN: Final = 10_000  # sign-ins
_BODY: Final = "body"  # JSON in one field: Firestore would index each field of a map


@dataclass(frozen=True, slots=True)
class Ended:
    """All sign-ins of a person that were issued up to `before` have ended; nobody needs this after `until`."""

    before: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Shared:
    """`ended` by the person's digest; `seen` is the time of the last use by the sign-in's digest."""

    ended: Mapping[str, Ended] = field(default_factory=dict)
    seen: Mapping[str, datetime] = field(default_factory=dict)

    def with_(self, other: Shared, now: datetime, *, longest: timedelta) -> Shared:
        """Both together, without outdated entries; `longest` is the longest life of a sign-in.

        Where there are too many, the entries that would end soonest and the least recently used ones go first.
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
    """The facts in the document; raises `Unusable` where it has another form."""
    try:
        body = json.loads(fields[_BODY])
        ended = {digest: Ended(_instant(before), _instant(until)) for digest, (before, until) in body["ended"].items()}
        return Shared(ended, {digest: _instant(at) for digest, at in body["seen"].items()})
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, OSError):
        raise Unusable(
            f"{PATH}, which says who signed out, cannot be read.",
            remedy="The next sign-out writes it again; until then each process uses the sign-outs that it knows.",
            operation="Reading the sign-outs",
            target=PATH,
        ) from None


def _instant(seconds: Any) -> datetime:
    return datetime.fromtimestamp(float(seconds), UTC)
