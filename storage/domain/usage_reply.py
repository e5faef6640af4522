"""A user's usage in plain words, to be sent to the customer: no ids, counters or names of systems, and no promise.

What could not be read is said to be unknown, never 0. A percentage is rounded down, so that what is just below a limit
never reads as having reached it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from storage.domain.amounts import size_words
from storage.domain.usage import Quota, Usage


def usage_reply(usage: Usage, now: datetime) -> str:
    """The reply: a line for the plan, one for each quota, and what being near or over a limit means; lines by `\\n`."""
    name = usage.plan.name if usage.plan.known else "Free"
    lines = [f"Your account has the limits of the {name} plan. As of {now.astimezone(UTC):%d %B %Y, %H:%M} UTC:"]
    lines.append(f"- Storage: {_line(usage.storage, size_words)}")
    monthly = [(word, quota) for word, quota in (("Clips", usage.clips), ("Credits", usage.credits)) if quota]
    lines.extend(f"- {word} this month: {_line(quota, '{:,}'.format)}" for word, quota in monthly)
    if monthly:
        lines.append(f"Monthly figures start again on {_next_month(now):%d %B %Y} (UTC).")
    lines.extend(_advice(usage))
    return "\n".join(lines)


def _line(quota: Quota, shown: Callable[[int], str]) -> str:
    if quota.used is None:
        return f"we cannot read this figure at the moment (the limit is {shown(quota.limit)})."
    used = f"{shown(quota.used)} of {shown(quota.limit)} used"
    if quota.limit == 0:
        return f"{used}."
    percent = f"{quota.used * 100 // quota.limit:,} %"
    over = quota.used - quota.limit
    if over > 0:
        return f"{used} ({percent}), {shown(over)} over the limit."
    return f"{used} ({percent}), {shown(-over)} left."


def _advice(usage: Usage) -> list[str]:
    said: list[str] = []
    if usage.storage.state == "exceeded":
        said.append("Your storage is used up. Deleting clips that you no longer need makes room for new ones.")
    elif usage.storage.state == "near_limit":
        said.append("Your storage is nearly used up. Deleting clips that you no longer need makes room for new ones.")
    over = [
        word
        for word, quota in (("clips", usage.clips), ("credits", usage.credits))
        if quota and quota.state == "exceeded"
    ]
    if over:
        said.append(f"This month's {' and '.join(over)} are used up; deleting clips does not give them back.")
    return said


def _next_month(now: datetime) -> datetime:
    at = now.astimezone(UTC)
    year, month = (at.year + 1, 1) if at.month == 12 else (at.year, at.month + 1)
    return datetime(year, month, 1, tzinfo=UTC)
