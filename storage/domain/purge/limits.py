"""The bounds that configuration sets on purges, as one frozen value with defaults."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

GIB = 1024**3


@dataclass(frozen=True, slots=True)
class PurgeLimits:
    """`most_objects` and `most_bytes`: up to these one person may purge alone. The unit of each stands in its name.

    `shortest_id`: Firebase's own ids have 28 characters, imported ones may be as short as `u1`; a single character is
    taken for a slip. `idle_hours`: a video that is `processing` blocks its purge until nothing touched it for so long.
    """

    most_objects: int = 500
    most_bytes: int = 5 * GIB
    per_actor_hour: int = 30
    quarantine_days: int = 7
    plan_minutes: int = 30
    lease_seconds: int = 60
    shortest_id: int = 2
    idle_hours: int = 24

    @property
    def plan_life(self) -> timedelta:
        """How long a plan may be applied."""
        return timedelta(minutes=self.plan_minutes)

    @property
    def quarantine_life(self) -> timedelta:
        """How long a purge can be undone."""
        return timedelta(days=self.quarantine_days)
