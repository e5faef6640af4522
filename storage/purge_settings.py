"""The settings of purges and of the audit, read by name."""

from __future__ import annotations

import re

from storage.domain.purge.scope import GIB, PurgeLimits
from storage.settings_reader import Reader

DEFAULTS = PurgeLimits()
LEAST_KEY_CHARS = 16


def read_limits(reader: Reader) -> PurgeLimits:
    """The bounds of purges; each has a default."""
    return PurgeLimits(
        most_objects=reader.whole("PURGE_SECOND_PERSON_OBJECTS", DEFAULTS.most_objects, 0, 999_999_999),
        most_bytes=reader.whole("PURGE_SECOND_PERSON_GIB", DEFAULTS.most_bytes // GIB, 0, 999_999) * GIB,
        per_actor_hour=reader.whole("PURGES_PER_ACTOR_HOUR", DEFAULTS.per_actor_hour, 1, 10_000),
        quarantine_days=reader.whole("PURGE_QUARANTINE_DAYS", DEFAULTS.quarantine_days, 1, 365),
        plan_minutes=reader.whole("PURGE_PLAN_MINUTES", DEFAULTS.plan_minutes, 1, 1_440),
        lease_seconds=reader.whole("PURGE_LEASE_SECONDS", DEFAULTS.lease_seconds, 5, 3_600),
        shortest_id=reader.whole("PURGE_SHORTEST_ID", DEFAULTS.shortest_id, 1, 64),
        idle_hours=reader.whole("PURGE_IDLE_HOURS", DEFAULTS.idle_hours, 1, 8_760),
    )


def read_audit_key(reader: Reader) -> str:
    """`AUDIT_HMAC_KEY`, or nothing where the chain is sealed without a key. A short key is a problem."""
    key = reader.text("AUDIT_HMAC_KEY")
    if key and len(key) < LEAST_KEY_CHARS:
        reader.problem(
            "AUDIT_HMAC_KEY", f"has fewer than {LEAST_KEY_CHARS} characters", "Use a long random text, or leave it out."
        )
    return key


def read_former_keys(reader: Reader) -> tuple[str, ...]:
    """`AUDIT_HMAC_FORMER_KEYS`: what sealed the chain before the key was changed, parted by blanks or commas."""
    keys = tuple(key for key in re.split(r"[\s,]+", reader.text("AUDIT_HMAC_FORMER_KEYS")) if key)
    if keys and not reader.has("AUDIT_HMAC_KEY"):
        reader.problem("AUDIT_HMAC_FORMER_KEYS", "is set without AUDIT_HMAC_KEY", "Set the key that seals from now on.")
    return keys
