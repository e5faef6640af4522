"""A user's usage against the plan, as the product's API counts it and as its worker enforces it, and every counter
beside the truth.

Rules (from the product's domain description): a monthly counter counts only while `usage_reset_month` is the current
UTC month, else usage is 0; near the limit from 80 %, exceeded from 100 %, the true percentage never capped; a limit of
0 has no percentage, and anything used is exceeded; the product enforces the accounting document's counter where that
document exists, else the user's own.

Plan limits: the defaults in one place, what a plan document overrides, and where each limit came from. Source of the
figures: the table "Plan defaults" of the product's domain description. An older generation of the product had other
storage limits, so configuration may replace them (`PLAN_LIMITS_JSON`).

The worker's own rule (its source, `clip_pipeline/clip.rs` and `user_plan.rs`): before each clip there must be room for
50 MiB within the limit of the tier, a constant that no plan document changes.

A user's usage in plain words, to be sent to the customer: no ids, counters or names of systems, and no promise. What
could not be read is said to be unknown, never 0. A percentage is rounded down, so that what is just below a limit never
reads as having reached it.
"""

from __future__ import annotations

import json
from collections import Counter as Multiset
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Literal

import pandas as pd

from storage.domain.amounts import whole, whole_column
from storage.domain.documents import Accounting, ClipTotals, User
from storage.errors import BadInput
from storage.text import size_words

GIB = 1024**3
CLIP_ROOM_BYTES = 50 * 1024**2  # what the worker wants to be free before each clip
FALLBACK_PLAN = "free"  # what an unknown plan counts as
WORKER_TIERS = ("free", "pro", "studio")  # the worker takes any other name for free

Source = Literal["plan document", "default"]


NEAR_LIMIT_PERCENT = 80
State = Literal["ok", "near_limit", "exceeded", "unknown"]
USER_COUNTER, ACCOUNTING_COUNTER = "user.total_storage_bytes", "storage_accounting.styled_clips_bytes"


@dataclass(frozen=True, slots=True)
class PlanLimits:
    """What a plan allows. Bytes, clips a calendar month (UTC), credits a month, and counts for each video.

    `None` for credits or clips means that the plan does not carry that quota.
    """

    storage_limit_bytes: int
    max_clips_per_month: int
    monthly_credits_included: int
    max_highlights_per_video: int
    max_styles_per_video: int


DEFAULT_LIMITS: Mapping[str, PlanLimits] = MappingProxyType(
    {
        "free": PlanLimits(1 * GIB, 20, 200, 3, 2),
        "pro": PlanLimits(30 * GIB, 500, 4_000, 10, 5),
        "studio": PlanLimits(150 * GIB, 2_000, 12_000, 25, 10),
    }
)
LIMIT_NAMES = tuple(field.name for field in fields(PlanLimits))
# Constants of the tier: the product reads them from no plan document, whatever that says.
NEVER_READ = frozenset({"max_highlights_per_video", "max_styles_per_video"})


@dataclass(frozen=True, slots=True)
class EffectivePlan:
    """The plan that counts for a user: its id, whether it is known, its limits, and the source of each limit.

    `written` is what the user document says; `carries` names the limits that the plan document itself states, which
    tells a deployment that counts credits from one that counts clips. `tier` is what the API takes the plan for: the
    field `id` of its document. `literal` says whether there is a document under the name just as it is written, which
    is how the API looks it up; without one the API counts the user as free.
    """

    plan_id: str
    written: str | None
    known: bool
    name: str
    limits: PlanLimits
    sources: Mapping[str, Source]
    carries: frozenset[str]
    tier: str
    literal: bool
    price_monthly_cents: int | None = None


def normalise(written: str | None) -> str:
    """The plan's id as plans are keyed: without blanks around it, lower case; an absent plan is free."""
    return (written or "").strip().lower() or FALLBACK_PLAN


@dataclass(frozen=True, slots=True)
class Plans:
    """The plan documents that were read, by their ids, and the limits that count where they say nothing."""

    documents: Mapping[str, Mapping[str, Any]]
    defaults: Mapping[str, PlanLimits] = field(default_factory=lambda: DEFAULT_LIMITS)

    def __post_init__(self) -> None:
        object.__setattr__(self, "defaults", dict(self.defaults))  # pages keep it, and a read-only view is not pickled

    def of(self, written: str | None) -> EffectivePlan:
        """The limits for a user whose document says `written`.

        A missing field falls back to the default of the tier, a missing document to that of the plan. An unknown plan
        counts as free, as the document of that says where there is one, and says so. A limit that is not a whole number
        of at least 0 is not used. Source: "Plan defaults" of the domain description.
        """
        plan_id = normalise(written)
        own = next((self.documents[name] for name in plan_names(written) if name in self.documents), None)
        found = plan_id in self.defaults or own is not None
        document = (own if found else self.documents.get(FALLBACK_PLAN)) or {}
        tier = normalise(document.get("id")) if isinstance(document.get("id"), str) else plan_id
        base = self.defaults.get(tier) or self.defaults.get(plan_id) or self.defaults[FALLBACK_PLAN]
        stated = _stated_limits(document)
        sources: dict[str, Source] = {name: "plan document" if name in stated else "default" for name in LIMIT_NAMES}
        price = document.get("price_monthly")
        return EffectivePlan(
            plan_id=plan_id if found else FALLBACK_PLAN,
            written=written,
            known=bool((written or "").strip()) and found,
            name=str((own or {}).get("name") or plan_id.capitalize()),
            limits=replace(base, **stated),
            sources=sources,
            carries=frozenset(stated),
            tier=tier if found else FALLBACK_PLAN,
            literal=written in self.documents,
            price_monthly_cents=price if isinstance(price, int) and not isinstance(price, bool) else None,
        )


def plan_names(written: str | None) -> tuple[str, ...]:
    """The ids under which the plan's document may lie: just as it is written, as the API asks, then without case."""
    return tuple(dict.fromkeys([written or FALLBACK_PLAN, normalise(written)]))


def _stated_limits(document: Mapping[str, Any] | None) -> dict[str, int]:
    limits = (document or {}).get("limits")
    if not isinstance(limits, Mapping):
        return {}
    return {name: int(limits[name]) for name in LIMIT_NAMES if name not in NEVER_READ and _is_limit(limits.get(name))}


def _is_limit(value: object) -> bool:
    number = whole(value)  # some writers know only floats
    return number is not None and number >= 0


def parse_overrides(text: str) -> dict[str, PlanLimits]:
    """Configured defaults, as `{"free": {"storage_limit_bytes": 104857600}}`; `BadInput` says what is off."""
    remedy = 'For example {"free": {"storage_limit_bytes": 104857600}}.'
    try:
        content = json.loads(text)
    except ValueError:
        raise BadInput("is not JSON", field_name="PLAN_LIMITS_JSON", remedy=remedy) from None
    if not isinstance(content, dict) or not all(isinstance(value, dict) for value in content.values()):
        raise BadInput("is not a map of plans to limits", field_name="PLAN_LIMITS_JSON", remedy=remedy)
    result: dict[str, PlanLimits] = {}
    for plan_id, limits in content.items():
        unknown = sorted(set(limits) - set(LIMIT_NAMES))
        bad = sorted(name for name, value in limits.items() if not _is_limit(value))
        if unknown or bad:
            what = f"names {unknown[0]!r}, which is no limit" if unknown else f"{bad[0]} is not a whole number from 0"
            raise BadInput(f"plan {plan_id!r}: {what}", field_name="PLAN_LIMITS_JSON", remedy=remedy)
        base = DEFAULT_LIMITS.get(normalise(plan_id), DEFAULT_LIMITS[FALLBACK_PLAN])
        result[normalise(plan_id)] = replace(base, **{name: int(value) for name, value in limits.items()})
    return result


@dataclass(frozen=True, slots=True)
class Quota:
    """Something used against a limit, in the unit of the quota. `used` is `None` where it cannot be known."""

    used: int | None
    limit: int
    percent: float | None
    state: State


@dataclass(frozen=True, slots=True)
class WorkerQuota:
    """What the worker goes by before each clip: the limit of a tier, what is left of it, and whether it refuses."""

    tier: str
    limit_bytes: int
    room_bytes: int
    refuses: bool


@dataclass(frozen=True, slots=True)
class Counter:
    """One stored counter beside the truth; `drift` is counter minus truth, `None` where either is unknown.

    `dead`: the backend no longer keeps it, so that its drift says nothing of the account.
    """

    name: str
    counter: int | None
    truth: int | None
    drift: int | None
    dead: bool = False

    @property
    def is_wrong(self) -> bool:
        """Whether it is known not to be the truth; one that is absent is wrong where there is something."""
        return not self.dead and (bool(self.drift) or (self.counter is None and bool(self.truth)))


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
    worker: WorkerQuota | None = None

    @property
    def accounted(self) -> bool:
        """Whether the accounting document, whose counter is enforced, is there."""
        return self.enforced_by != USER_COUNTER

    @property
    def worst_state(self) -> State:
        """The gravest state of the quotas that apply."""
        order: tuple[State, ...] = ("ok", "unknown", "near_limit", "exceeded")
        quotas = [quota for quota in (self.storage, self.clips, self.credits) if quota]
        return max((quota.state for quota in quotas), key=order.index)

    @property
    def drifting(self) -> tuple[Counter, ...]:
        """The counters that are known to be wrong; of dead ones nobody expects that they are right."""
        return tuple(counter for counter in self.counters if counter.drift and not counter.dead)


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
    """The truth from a frame with `video_id`, `file_size_bytes` and `exists`: what is left of deleted clips is none."""
    clips = clips[clips["exists"].to_numpy(dtype=bool, na_value=False)]
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


def evaluate_usage(
    user: User,
    plans: Plans,
    accounting: Accounting | None,
    truth: Truth | None,
    now: datetime,
    videos: pd.DataFrame | None = None,
) -> Usage:
    """Usage, states and drift at `now` (aware). `truth=None` says that the clips could not be read: unknown, not zero.

    `videos` has `video_id`, `exists`, `total_size_bytes` and `clips_count`; with it and a truth by video, the videos'
    counters are compared too, those of clips without a video document included.
    """
    plan = plans.of(user.plan)
    current = month_is_current(user.usage_reset_month, now)
    whole_truth = truth if truth is not None and truth.complete else None
    return Usage(
        uid=user.uid,
        email=user.email,
        plan=plan,
        storage=quota(
            accounting.styled_clips_bytes if accounting else user.total_storage_bytes, plan.limits.storage_limit_bytes
        ),
        actual_bytes=whole_truth.size_bytes if whole_truth else None,
        enforced_by=ACCOUNTING_COUNTER if accounting else USER_COUNTER,
        clips=_monthly(user, "clips_used_this_month", plan, "max_clips_per_month", current),
        credits=_monthly(user, "credits_used_this_month", plan, "monthly_credits_included", current),
        month_is_current=current,
        counters=_counters(user, accounting, whole_truth, videos),
        unsized_clips=truth.unsized_count if truth else None,
        worker=worker_quota(user, accounting, plans.defaults),
    )


def worker_quota(user: User, accounting: Accounting | None, defaults: Mapping[str, PlanLimits]) -> WorkerQuota:
    """What the worker goes by: the limit of the tier, and what the accounting document counts.

    It prefers `plan_tier` to `plan`, ignores case, and takes any other name for free. It creates an accounting document
    that is missing with 0, and reads 0 where the counter is no number of at least 0.
    """
    named = user.plan if user.plan_tier is None else user.plan_tier
    tier = named.lower() if named is not None and named.lower() in WORKER_TIERS else FALLBACK_PLAN
    limit = defaults.get(tier, DEFAULT_LIMITS[tier]).storage_limit_bytes
    used = max(0, (accounting.styled_clips_bytes if accounting else 0) or 0)
    return WorkerQuota(tier, limit, max(0, limit - used), used + CLIP_ROOM_BYTES > limit)


def month_is_current(reset_month: str | None, now: datetime) -> bool:
    """Whether a monthly counter counts: `usage_reset_month` is the current month in UTC."""
    return reset_month == now.astimezone(UTC).strftime("%Y-%m")


def _monthly(user: User, field: str, plan: EffectivePlan, limit_name: str, current: bool) -> Quota | None:
    """The quota, or `None` where neither the user's document nor the plan's carries it.

    A counter that is absent counts as nothing used yet, as the backend reads it; one of a wrong type is unknown.
    """
    value: int | None = getattr(user, field)
    wrong = any(o.field_name == field and o.kind in {"wrong_type", "bad_value"} for o in user.oddities)
    if value is None and not wrong and limit_name not in plan.carries:
        return None
    limit: int = getattr(plan.limits, limit_name)
    if not user.exists:
        return quota(None, limit)  # a phantom's counters went with its document: unknown, not 0
    if not current:
        return quota(0, limit)
    return quota(None if wrong and value is None else value or 0, limit)


def _counters(
    user: User, accounting: Accounting | None, truth: Truth | None, videos: pd.DataFrame | None
) -> tuple[Counter, ...]:
    size, count = (truth.size_bytes, truth.count) if truth else (None, None)
    rows: list[Counter] = []
    if user.exists:
        dead = accounting is not None  # today's backend only ever lowers them
        rows.append(_counter(USER_COUNTER, user.total_storage_bytes, size, dead=dead))
        rows.append(_counter("user.total_clips_count", user.total_clips_count, count, dead=dead))
    if accounting:
        rows.append(_counter(ACCOUNTING_COUNTER, accounting.styled_clips_bytes, size))
        rows.append(_counter("storage_accounting.styled_clips_count", accounting.styled_clips_count, count))
    if videos is not None and truth is not None and truth.by_video is not None:
        rows.extend(_video_counters(videos, truth.by_video))
    return tuple(rows)


def _video_counters(videos: pd.DataFrame, by_video: pd.DataFrame) -> list[Counter]:
    there = videos[videos["exists"].to_numpy(dtype=bool, na_value=False)]
    stored = there.set_index("video_id")[["total_size_bytes", "clips_count"]]
    rows: list[Counter] = []
    for video_id in stored.index.union(by_video.index, sort=True):
        size, count = (
            (int(by_video.at[video_id, "size_bytes"]), int(by_video.at[video_id, "count"]))
            if video_id in by_video.index
            else (0, 0)
        )
        for name, truth in (("total_size_bytes", size), ("clips_count", count)):
            value = stored.at[video_id, name] if video_id in stored.index else pd.NA
            rows.append(_counter(f"video.{video_id}.{name}", None if pd.isna(value) else int(value), truth))
    return rows


def _counter(name: str, counter: int | None, truth: int | None, *, dead: bool = False) -> Counter:
    drift = counter - truth if counter is not None and truth is not None else None
    return Counter(name, counter, truth, drift, dead)


def usage_notes(usage: Usage) -> tuple[str, ...]:
    """What must be known to read the figures: by what the API and the worker go, each a sentence or two for support."""
    return (*_plan_notes(usage.plan), *_counter_notes(usage), *worker_notes(usage), *_credit_notes(usage))


def _plan_notes(plan: EffectivePlan) -> Iterator[str]:
    if plan.written and plan.known and not plan.literal:
        yield (
            f"There is no document plans/{plan.written}, and today's API looks for just that: it counts the user as "
            "free, while the worker reads the name without case."
        )
    if plan.tier != plan.plan_id and plan.known:
        yield f"The plan's document has the id {plan.tier}, and the API takes the plan for that tier."


def _counter_notes(usage: Usage) -> Iterator[str]:
    if not usage.accounted:
        yield (
            "There is no accounting document. Today's backend creates one with 0 before the next clip, and goes by "
            "that; older ones go by the user's own total."
        )
    elif any(counter.dead for counter in usage.counters):
        yield (
            "The user's own totals are dead: beside an accounting document the backend no longer raises them, nobody "
            "reads them, and that they differ is no fault."
        )


def worker_refusal(usage: Usage) -> str:
    """Why the worker makes no clip for this customer, and what that looks like; empty where there is room for one."""
    worker = usage.worker
    if worker is None or not worker.refuses:
        return ""
    limit, room, wanted = (size_words(n) for n in (worker.limit_bytes, worker.room_bytes, CLIP_ROOM_BYTES))
    return (
        f"The worker makes no clip: it wants {wanted} of room before each, and {room} of {limit}, the limit of its "
        f"tier {worker.tier}, are left. A rendering may then end as completed, without new clips and without an error, "
        "and its credits are charged."
    )


def worker_notes(usage: Usage) -> Iterator[str]:
    """What the worker does beside what the API shows, and from when on it makes no clip."""
    worker = usage.worker
    if worker is None:
        return
    limit, wanted = size_words(worker.limit_bytes), size_words(CLIP_ROOM_BYTES)
    if worker.refuses:
        yield worker_refusal(usage)
    else:
        full = size_words(worker.limit_bytes - CLIP_ROOM_BYTES)
        yield f"The worker makes no clip once more than {full} are used: before each it wants {wanted} of room."
    if usage.storage.limit == 0:
        yield "A limit of 0 blocks nothing in the API, which shows 0 %; in the worker a limit of 0 blocks every clip."
    if worker.limit_bytes != usage.storage.limit:
        yield (
            f"The worker goes by {limit}, the constant of its tier {worker.tier}; a plan's document does not reach it. "
            f"By the plan the limit is {size_words(usage.storage.limit)}."
        )


def _credit_notes(usage: Usage) -> Iterator[str]:
    if usage.credits is not None and usage.credits.state == "near_limit":
        yield (
            "An operation is refused where it costs more credits than are left (mostly 3 to 30 each), so near the "
            "limit can already be a refusal; an analysis is charged afterwards and may pass the limit."
        )


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
    if usage.worker is not None and usage.worker.refuses and usage.storage.state != "exceeded":
        said.append("A new clip needs more room than is left, so that none can be made until some is freed.")
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
