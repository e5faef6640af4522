"""Plan limits: the defaults in one place, what a plan document overrides, and where each limit came from.

Source of the figures: the table "Plan defaults" of the product's domain description. An older generation of the
product had other storage limits, so configuration may replace them (`PLAN_LIMITS_JSON`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any, Literal

from storage.domain.amounts import whole
from storage.errors import BadInput

GIB = 1024**3
FALLBACK_PLAN = "free"  # what an unknown plan counts as

Source = Literal["plan document", "default"]


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


@dataclass(frozen=True, slots=True)
class EffectivePlan:
    """The plan that counts for a user: its id, whether it is known, its limits, and the source of each limit.

    `written` is what the user document says; `carries` names the limits that the plan document itself states, which
    tells a deployment that counts credits from one that counts clips.
    """

    plan_id: str
    written: str | None
    known: bool
    name: str
    limits: PlanLimits
    sources: Mapping[str, Source]
    carries: frozenset[str]
    price_monthly_cents: int | None = None


def normalise(written: str | None) -> str:
    """The plan's id as plans are keyed: without blanks around it, lower case; an absent plan is free."""
    return (written or "").strip().lower() or FALLBACK_PLAN


def effective(
    written: str | None,
    document: Mapping[str, Any] | None,
    defaults: Mapping[str, PlanLimits] = DEFAULT_LIMITS,
) -> EffectivePlan:
    """The limits for a user whose document says `written`, given the plan's document if there is one.

    A missing document or field falls back to the default of that plan; an unknown plan counts as free, and says so.
    A limit that is not a whole number of at least 0 is not used. Source: "Plan defaults" of the domain description.
    """
    plan_id = normalise(written)
    known = bool((written or "").strip()) and (plan_id in defaults or document is not None)
    base = defaults.get(plan_id, defaults[FALLBACK_PLAN])
    stated = _stated_limits(document)
    sources: dict[str, Source] = {name: "plan document" if name in stated else "default" for name in LIMIT_NAMES}
    price = (document or {}).get("price_monthly")
    return EffectivePlan(
        plan_id=plan_id if plan_id in defaults or document is not None else FALLBACK_PLAN,
        written=written,
        known=known,
        name=str((document or {}).get("name") or plan_id.capitalize()),
        limits=replace(base, **stated),
        sources=sources,
        carries=frozenset(stated),
        price_monthly_cents=price if isinstance(price, int) and not isinstance(price, bool) else None,
    )


def _stated_limits(document: Mapping[str, Any] | None) -> dict[str, int]:
    limits = (document or {}).get("limits")
    if not isinstance(limits, Mapping):
        return {}
    return {name: int(limits[name]) for name in LIMIT_NAMES if _is_limit(limits.get(name))}


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
