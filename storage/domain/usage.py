"""A user's usage against the plan, and each counter beside the truth.

Rules (from the product's domain description): a monthly counter counts only while `usage_reset_month` is the current
UTC month, else usage is 0; near the limit from 80 %, exceeded from 100 %, the true percentage never capped; a limit of
0 has no percentage, and anything used is exceeded; the product enforces the accounting document's counter where that
document exists, else the user's own.
"""

from __future__ import annotations

from collections import Counter as Multiset
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import pandas as pd

from storage.domain.amounts import whole_column
from storage.domain.model import Accounting, ClipTotals, User
from storage.domain.plans import EffectivePlan

NEAR_LIMIT_PERCENT = 80

State = Literal["ok", "near_limit", "exceeded", "unknown"]


@dataclass(frozen=True, slots=True)
class Quota:
    """Something used against a limit, in the unit of the quota. `used` is `None` where it cannot be known."""

    used: int | None
    limit: int
    percent: float | None
    state: State


@dataclass(frozen=True, slots=True)
class Counter:
    """One stored counter beside the truth; `drift` is counter minus truth, `None` where either is unknown."""

    name: str
    counter: int | None
    truth: int | None
    drift: int | None


@dataclass(frozen=True, slots=True)
class Truth:
    """What the clip documents add up to. `unsized_count` of them have no usable size, so the sum is a lower bound.

    `size_bytes` is `None` where the sum is not known exactly: Firestore rounds what lies beyond 64 bits.

    `by_video` has the index `video_id` and the columns `count` and `size_bytes`; `None` where only totals were read.
    """

    count: int
    size_bytes: int | None
    unsized_count: int
    by_video: pd.DataFrame | None
    complete: bool


@dataclass(frozen=True, slots=True)
class Usage:
    """Everything that the desk says about a user's usage. `enforced_by` names the counter that the product goes by."""

    uid: str
    email: str | None
    plan: EffectivePlan
    storage: Quota
    actual_bytes: int | None
    enforced_by: str
    clips: Quota | None
    credits: Quota | None
    month_is_current: bool
    counters: tuple[Counter, ...]
    unsized_clips: int | None

    @property
    def worst_state(self) -> State:
        """The gravest state of the quotas that apply."""
        order: tuple[State, ...] = ("ok", "unknown", "near_limit", "exceeded")
        quotas = [quota for quota in (self.storage, self.clips, self.credits) if quota]
        return max((quota.state for quota in quotas), key=order.index)

    @property
    def drifting(self) -> tuple[Counter, ...]:
        """The counters that are known to be wrong."""
        return tuple(counter for counter in self.counters if counter.drift)


def quota(used: int | None, limit: int) -> Quota:
    """Used against limit, the percentage not rounded. The state is decided on whole numbers alone."""
    if used is None:
        return Quota(None, limit, None, "unknown")
    if limit == 0:
        return Quota(used, limit, None, "exceeded" if used > 0 else "ok")
    state: State = "ok"
    if used >= limit:
        state = "exceeded"
    elif used * 100 >= limit * NEAR_LIMIT_PERCENT:
        state = "near_limit"
    return Quota(used, limit, used * 100 / limit, state)


def truth_from_clips(clips: pd.DataFrame, *, complete: bool = True) -> Truth:
    """The truth from a frame with `video_id` and `file_size_bytes`, one row a clip document."""
    sizes, counts = clips["file_size_bytes"], Multiset(clips["video_id"])
    sums = dict.fromkeys(sorted(counts), 0)
    for video_id, size in zip(clips["video_id"], sizes, strict=True):
        sums[video_id] += 0 if pd.isna(size) else int(size)
    columns = {"count": [counts[video_id] for video_id in sums], "size_bytes": whole_column(list(sums.values()))}
    by_video = pd.DataFrame(columns, index=pd.Index(list(sums), dtype="string", name="video_id"))
    return Truth(len(clips), sum(sums.values()), int(sizes.isna().sum()), by_video, complete)


def truth_from_totals(totals: ClipTotals) -> Truth:
    """The truth from an aggregation on the server, without a split by video."""
    return Truth(totals.count, totals.size_bytes, totals.count - totals.sized_count, None, complete=True)


def evaluate(
    uid: str,
    user: User | None,
    accounting: Accounting | None,
    plan: EffectivePlan,
    truth: Truth | None,
    videos: pd.DataFrame | None,
    now: datetime,
) -> Usage:
    """Usage, states and drift at `now` (aware). `truth=None` says that the clips could not be read: unknown, not zero.

    `videos` has `video_id`, `exists`, `total_size_bytes` and `clips_count`; with it and a truth by video, the videos'
    counters are compared too, those of clips without a video document included.
    """
    storage_used = accounting.styled_clips_bytes if accounting else (user.total_storage_bytes if user else None)
    current = month_is_current(user.usage_reset_month if user else None, now)
    limits = plan.limits
    whole_truth = truth if truth is not None and truth.complete else None
    return Usage(
        uid=uid,
        email=user.email if user else None,
        plan=plan,
        storage=quota(storage_used, limits.storage_limit_bytes),
        actual_bytes=whole_truth.size_bytes if whole_truth else None,
        enforced_by="storage_accounting.styled_clips_bytes" if accounting else "user.total_storage_bytes",
        clips=_monthly(user, "clips_used_this_month", plan, "max_clips_per_month", current),
        credits=_monthly(user, "credits_used_this_month", plan, "monthly_credits_included", current),
        month_is_current=current,
        counters=_counters(user, accounting, whole_truth, videos),
        unsized_clips=truth.unsized_count if truth else None,
    )


def month_is_current(reset_month: str | None, now: datetime) -> bool:
    """Whether a monthly counter counts: `usage_reset_month` is the current month in UTC."""
    return reset_month == now.astimezone(UTC).strftime("%Y-%m")


def _monthly(user: User | None, field: str, plan: EffectivePlan, limit_name: str, current: bool) -> Quota | None:
    """The quota, or `None` where neither the user's document nor the plan's carries it.

    A counter that is absent counts as nothing used yet, as the backend reads it; one of a wrong type is unknown.
    """
    value: int | None = getattr(user, field) if user else None
    wrong = bool(user and any(o.field_name == field and o.kind in {"wrong_type", "bad_value"} for o in user.oddities))
    if value is None and not wrong and limit_name not in plan.carries:
        return None
    limit: int = getattr(plan.limits, limit_name)
    if user is None or not user.exists:
        return quota(None, limit)  # a phantom's counters went with its document: unknown, not 0
    if not current:
        return quota(0, limit)
    return quota(None if wrong and value is None else value or 0, limit)


def _counters(
    user: User | None, accounting: Accounting | None, truth: Truth | None, videos: pd.DataFrame | None
) -> tuple[Counter, ...]:
    size, count = (truth.size_bytes, truth.count) if truth else (None, None)
    rows: list[Counter] = []
    if user and user.exists:
        rows.append(_counter("user.total_storage_bytes", user.total_storage_bytes, size))
        rows.append(_counter("user.total_clips_count", user.total_clips_count, count))
    if accounting:
        rows.append(_counter("storage_accounting.styled_clips_bytes", accounting.styled_clips_bytes, size))
        rows.append(_counter("storage_accounting.styled_clips_count", accounting.styled_clips_count, count))
    if videos is not None and truth is not None and truth.by_video is not None:
        rows.extend(_video_counters(videos, truth.by_video))
    return tuple(rows)


def _video_counters(videos: pd.DataFrame, by_video: pd.DataFrame) -> list[Counter]:
    stored = videos.set_index("video_id")[["total_size_bytes", "clips_count"]]
    rows: list[Counter] = []
    for video_id in stored.index.union(by_video.index, sort=True):
        size, count = (
            (int(by_video.at[video_id, "size_bytes"]), int(by_video.at[video_id, "count"]))
            if video_id in by_video.index
            else (0, 0)
        )
        for field, truth in (("total_size_bytes", size), ("clips_count", count)):
            value = stored.at[video_id, field] if video_id in stored.index else pd.NA
            rows.append(_counter(f"video.{video_id}.{field}", None if pd.isna(value) else int(value), truth))
    return rows


def _counter(name: str, counter: int | None, truth: int | None) -> Counter:
    drift = counter - truth if counter is not None and truth is not None else None
    return Counter(name, counter, truth, drift)
