"""Evaluates a user's usage against the plan, as the product's API counts it and as its worker enforces it.

It also compares every counter with the truth, and composes the reply to the customer.

- Usage (source: the product's domain description): a monthly counter counts only while `usage_reset_month` is the
  current UTC month, else usage is 0. A quota is near its limit from 80 %, exceeded from 100 %, and the true percentage
  is never capped. A limit of 0 has no percentage, and any use exceeds it. The product enforces the accounting
  document's counter where that document exists, else the user's own.
- Plan limits (source: the table "Plan defaults" of the domain description): the defaults stand in one place, a plan
  document may override each of them, and each limit keeps its source. An older generation of the product had other
  storage limits, so configuration may replace them (`PLAN_LIMITS_JSON`).
- The worker's own rule (source: its `clip_pipeline/clip.rs` and `user_plan.rs`): before each clip it wants room for
  50 MiB within the limit of the tier, a constant that no plan document changes.
- The reply names no id, counter or system, and promises nothing. It calls a figure that could not be read unknown,
  never 0. It rounds percentages down, so that a use just below a limit never reads as having reached it.
"""

from __future__ import annotations

import json
from collections import Counter as Multiset
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Any, Literal

import pandas as pd

from storage.domain.amounts import whole, whole_column
from storage.domain.documents import Accounting, ClipTotals, User
from storage.domain.replies import Reply, Size, Text, Value
from storage.errors import BadInput
from storage.text import size_words

GIB = 1024**3
CLIP_ROOM_BYTES = 50 * 1024**2  # the room that the worker wants before each clip
FALLBACK_PLAN = "free"  # an unknown plan counts as this one
WORKER_TIERS = ("free", "pro", "studio")  # the worker treats any other name as free

Source = Literal["plan document", "default"]


NEAR_LIMIT_PERCENT = 80
State = Literal["ok", "near_limit", "exceeded", "unknown"]
USER_COUNTER, ACCOUNTING_COUNTER = "user.total_storage_bytes", "storage_accounting.styled_clips_bytes"


@dataclass(frozen=True, slots=True)
class PlanLimits:
    """The limits of a plan: bytes, clips in a calendar month (UTC), credits in a month, and counts for each video.

    `None` for credits or clips means that the plan has no such quota.
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
# Constants of the tier: the product never reads them from a plan document.
NEVER_READ = frozenset({"max_highlights_per_video", "max_styles_per_video"})


@dataclass(frozen=True, slots=True)
class EffectivePlan:
    """The plan that counts for a user: its id, whether it is known, its limits, and the source of each limit.

    `written` is the plan's name in the user document. `carries` names the limits that the plan document itself states;
    they tell a deployment that counts credits from one that counts clips. `tier` is the plan's tier for the API: the
    field `id` of its document. `literal` says whether there is a document under exactly the name as written, which is
    how the API looks it up; without one the API counts the user as free.
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
    """The plan's id in the form of the keys: without blanks around it, lower case; an absent plan is free."""
    return (written or "").strip().lower() or FALLBACK_PLAN


@dataclass(frozen=True, slots=True)
class Plans:
    """The plan documents that were read, by their ids, and the default limits for fields that they lack."""

    documents: Mapping[str, Mapping[str, Any]]
    defaults: Mapping[str, PlanLimits] = field(default_factory=lambda: DEFAULT_LIMITS)

    def __post_init__(self) -> None:
        object.__setattr__(self, "defaults", dict(self.defaults))  # pages cache it, and a read-only view cannot pickle

    def of(self, written: str | None) -> EffectivePlan:
        """The limits for a user whose document says `written`.

        A missing field falls back to the default of the tier, a missing document to the default of the plan. An unknown
        plan counts as free, with the limits of the free plan's document where there is one, and is marked as unknown. A
        limit that is not a whole number of at least 0 is not used. Source: "Plan defaults" of the domain description.
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
    """The possible ids of the plan's document: exactly as written, which the API uses, then in lower case."""
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
    """Configured defaults, as `{"free": {"storage_limit_bytes": 104857600}}`; raises `BadInput` with the fault."""
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
            what = (
                f"names {unknown[0]!r}, which is not a limit" if unknown else f"{bad[0]} is not a whole number from 0"
            )
            raise BadInput(f"plan {plan_id!r}: {what}", field_name="PLAN_LIMITS_JSON", remedy=remedy)
        base = DEFAULT_LIMITS.get(normalise(plan_id), DEFAULT_LIMITS[FALLBACK_PLAN])
        result[normalise(plan_id)] = replace(base, **{name: int(value) for name, value in limits.items()})
    return result


@dataclass(frozen=True, slots=True)
class Quota:
    """A use against a limit, in the unit of the quota. `used` is `None` where it is unknown."""

    used: int | None
    limit: int
    percent: float | None
    state: State


@dataclass(frozen=True, slots=True)
class WorkerQuota:
    """The worker's rule before each clip: the limit of the tier, the room that is left, and whether it refuses."""

    tier: str
    limit_bytes: int
    room_bytes: int
    refuses: bool


@dataclass(frozen=True, slots=True)
class Counter:
    """One stored counter beside the truth; `drift` is counter minus truth, `None` where either is unknown.

    `dead`: the backend no longer keeps the counter, so its drift says nothing about the account.
    """

    name: str
    counter: int | None
    truth: int | None
    drift: int | None
    dead: bool = False

    @property
    def is_wrong(self) -> bool:
        """Whether the counter surely differs from the truth; an absent counter is wrong where the truth is not 0."""
        return not self.dead and (bool(self.drift) or (self.counter is None and bool(self.truth)))


@dataclass(frozen=True, slots=True)
class Truth:
    """The sums over the clip documents. `unsized_count` of them have no usable size, so the sum is a lower bound.

    `size_bytes` is `None` where the exact sum is unknown: Firestore rounds sums beyond 64 bits.

    `by_video` has the index `video_id` and the columns `count` and `size_bytes`; `None` where only totals were read.
    """

    count: int
    size_bytes: int | None
    unsized_count: int
    by_video: pd.DataFrame | None
    complete: bool


@dataclass(frozen=True, slots=True)
class Usage:
    """The desk's facts about a user's usage. `enforced_by` names the counter that the product enforces."""

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
        """Whether the accounting document exists, whose counter the product enforces."""
        return self.enforced_by != USER_COUNTER

    @property
    def worst_state(self) -> State:
        """The gravest state of the quotas that apply."""
        order: tuple[State, ...] = ("ok", "unknown", "near_limit", "exceeded")
        quotas = [quota for quota in (self.storage, self.clips, self.credits) if quota]
        return max((quota.state for quota in quotas), key=order.index)

    @property
    def drifting(self) -> tuple[Counter, ...]:
        """The counters that are surely wrong, without the dead ones, which need not be right."""
        return tuple(counter for counter in self.counters if counter.drift and not counter.dead)


def quota(used: int | None, limit: int) -> Quota:
    """The quota of a use against a limit; the percentage is not rounded. Only whole numbers decide the state."""
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
    """The truth from a frame with `video_id`, `file_size_bytes` and `exists`; the remains of deleted clips count for
    nothing."""
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
    """Usage, states and drift at `now` (aware). `truth=None`: the clips could not be read, so they are unknown, not 0.

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
    """The worker's rule: the limit of the tier, and the accounting document's counter.

    The worker prefers `plan_tier` to `plan`, ignores case, and treats any other name as free. It creates a missing
    accounting document with 0, and reads 0 where the counter is not a number of at least 0.
    """
    named = user.plan if user.plan_tier is None else user.plan_tier
    tier = named.lower() if named is not None and named.lower() in WORKER_TIERS else FALLBACK_PLAN
    limit = defaults.get(tier, DEFAULT_LIMITS[tier]).storage_limit_bytes
    used = max(0, (accounting.styled_clips_bytes if accounting else 0) or 0)
    return WorkerQuota(tier, limit, max(0, limit - used), used + CLIP_ROOM_BYTES > limit)


def month_is_current(reset_month: str | None, now: datetime) -> bool:
    """Whether a monthly counter counts, because `usage_reset_month` is the current month in UTC."""
    return reset_month == now.astimezone(UTC).strftime("%Y-%m")


def _monthly(user: User, field: str, plan: EffectivePlan, limit_name: str, current: bool) -> Quota | None:
    """The quota, or `None` where neither the user's document nor the plan's has it.

    An absent counter counts as no use yet, as the backend reads it; a counter of a wrong type is unknown.
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
    """The notes for support on the figures: the rules of the API and of the worker, in a sentence or two each."""
    return (*_plan_notes(usage.plan), *_counter_notes(usage), *worker_notes(usage), *_credit_notes(usage))


def _plan_notes(plan: EffectivePlan) -> Iterator[str]:
    if plan.written and plan.known and not plan.literal:
        yield (
            f"There is no document plans/{plan.written}, and today's API looks for exactly that id, so it counts the "
            "customer as free; the worker takes the name in any case."
        )
    if plan.tier != plan.plan_id and plan.known:
        yield f"The plan's document has the id {plan.tier}, so the API treats the plan as that tier."


def _counter_notes(usage: Usage) -> Iterator[str]:
    if not usage.accounted:
        yield (
            "There is no accounting document. Today's backend creates one with 0 before the next clip, and uses that; "
            "older backends use the total in the customer's own document."
        )
    elif any(counter.dead for counter in usage.counters):
        yield (
            "The totals in the customer's own document are no longer kept (dead counters): the backend uses the "
            "accounting document, so a difference there is no fault."
        )


def worker_refusal(usage: Usage) -> str:
    """The reason why the worker makes no clip for this customer, with the symptoms; empty where there is room."""
    worker = usage.worker
    if worker is None or not worker.refuses:
        return ""
    limit, room, wanted = (size_words(n) for n in (worker.limit_bytes, worker.room_bytes, CLIP_ROOM_BYTES))
    return (
        f"The worker makes no clips: it needs {wanted} of free room for each, and {room} of {limit}, its limit for "
        f"the tier {worker.tier}, are left. A rendering may then end as completed, without new clips and without an "
        "error, and its credits are charged."
    )


def worker_notes(usage: Usage) -> Iterator[str]:
    """The notes on the worker: how it differs from the API, and from which use on it makes no clip."""
    worker = usage.worker
    if worker is None:
        return
    limit, wanted = size_words(worker.limit_bytes), size_words(CLIP_ROOM_BYTES)
    if worker.refuses:
        yield worker_refusal(usage)
    else:
        yield f"The worker needs {wanted} of free room for each clip: it makes none when less of its {limit} is left."
    if usage.storage.limit == 0:
        yield "With a limit of 0 the API blocks nothing, and shows 0 %; the worker then blocks every clip."
    if worker.limit_bytes != usage.storage.limit:
        yield (
            f"The worker uses its own fixed limit for the tier {worker.tier}, {limit}, and not the plan's limit of "
            f"{size_words(usage.storage.limit)}."
        )


def _credit_notes(usage: Usage) -> Iterator[str]:
    if usage.credits is not None and usage.credits.state == "near_limit":
        yield (
            "An operation is refused if it costs more credits than are left (mostly 3 to 30 each), so the customer may "
            "be refused before the limit is reached. An analysis is charged afterwards and may pass the limit."
        )


def usage_reply(usage: Usage, now: datetime, stored_bytes: int | None = None) -> Reply:
    """The reply: a line for the plan, a line for each quota, and advice near or over a limit.

    A customer who is over the limit by a wrong number is told so, and asked to delete nothing; `stored_bytes` is the
    bucket's side, where it was looked at.
    """
    name = usage.plan.name if usage.plan.known else "Free"
    monthly = [(word, quota) for word, quota in (("clips", usage.clips), ("credits", usage.credits)) if quota]
    return Reply(
        (
            Text("usage.plan", {"plan": name, "at": now}),
            Text("usage.storage", {"figure": _figure(usage.storage, Size)}),
            *(Text(f"usage.{word}", {"figure": _figure(quota, int)}) for word, quota in monthly),
            *((Text("usage.month", {"day": _next_month(now)}),) if monthly else ()),
            *_advice(usage, least_true(usage, stored_bytes)),
        ),
        between="\n",
    )


def _figure(quota: Quota, unit: Callable[[int], Value]) -> Text:
    limit = unit(quota.limit)
    if quota.used is None:
        return Text("figure.unknown", {"limit": limit})
    used = unit(quota.used)
    if quota.limit == 0:
        return Text("figure.bare", {"used": used, "limit": limit})
    over = quota.used - quota.limit
    percent = quota.used * 100 // quota.limit
    values = {"used": used, "limit": limit, "percent": percent, "rest": unit(abs(over))}
    return Text("figure.over" if over > 0 else "figure.left", values)


def least_true(usage: Usage, stored_bytes: int | None = None) -> int | None:
    """Where the counter has reached the limit while the documents or the objects lie below it: the least of these."""
    storage = usage.storage
    if storage.used is None or storage.limit <= 0 or storage.used < storage.limit:
        return None
    below = [size for size in (usage.actual_bytes, stored_bytes) if size is not None and size < storage.limit]
    return min(below, default=None)


def _advice(usage: Usage, true_bytes: int | None) -> Iterator[Text]:
    if true_bytes is not None:
        yield Text("usage.wrong", {"size": Size(true_bytes)})
    elif usage.storage.state == "exceeded":
        yield Text("usage.full")
    elif usage.storage.state == "near_limit":
        yield Text("usage.near")
    worker = usage.worker
    if true_bytes is None and worker is not None and worker.refuses and usage.storage.state != "exceeded":
        yield Text("usage.no_room")
    over = [
        word
        for word, quota in (("clips", usage.clips), ("credits", usage.credits))
        if quota and quota.state == "exceeded"
    ]
    if over:
        yield Text(f"usage.over.{over[0] if len(over) == 1 else 'both'}")


def _next_month(now: datetime) -> date:
    at = now.astimezone(UTC)
    year, month = (at.year + 1, 1) if at.month == 12 else (at.year, at.month + 1)
    return date(year, month, 1)
