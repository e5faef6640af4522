"""The end of a plan: applied or discarded, whichever was written first.

It lies in `ops_plan_ends` under the plan's id. Applying and discarding both create this document, each in the commit
that does the thing, so that exactly one of them succeeds. A plan that expires has no end, nor has a plan that an older
version of the desk applied: its job says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from storage.errors import Refused
from storage.text import moment

COLLECTION: Final = "ops_plan_ends"
Ended = Literal["applied", "discarded"]


@dataclass(frozen=True, slots=True)
class PlanEnd:
    """`by` is a normalised address; `at` is aware UTC."""

    plan_id: str
    fingerprint: str
    ended: Ended
    by: str
    at: datetime

    @property
    def path(self) -> str:
        return plan_end_path(self.plan_id)

    @property
    def discarded(self) -> bool:
        return self.ended == "discarded"

    def to_fields(self) -> dict[str, Any]:
        return {
            "plan_id": self.plan_id,
            "fingerprint": self.fingerprint,
            "ended": self.ended,
            "by": self.by,
            "at": self.at,
        }

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> PlanEnd:
        return cls(
            plan_id=str(fields["plan_id"]),
            fingerprint=str(fields["fingerprint"]),
            ended="discarded" if fields["ended"] == "discarded" else "applied",
            by=str(fields["by"]),
            at=fields["at"],
        )


def plan_end_path(plan_id: str) -> str:
    """The document under which the end of a plan is kept."""
    return f"{COLLECTION}/{plan_id}"


def refuse_discarded(end: PlanEnd | None) -> None:
    """Raises `Refused` where the plan was discarded."""
    if end is not None and end.discarded:
        words = f"discarded by {end.by}, {moment(end.at)}"
        raise Refused(
            f"This plan was {words}.",
            reasons=(words,),
            remedy="Ask them why, and make a new plan where it is still wanted.",
        )
