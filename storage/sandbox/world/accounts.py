"""Puts the customers' documents and the plans in place: users, accounting, credit transactions, plan limits.

The sample clips are a few seconds long and weigh some 30 kB, so the demo's plans allow little storage: a usage bar then
looks as it does for a real customer.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from storage.sandbox.world.draft import Draft, Fields, user_id
from storage.sandbox.world.people import PEOPLE, Person

MIB = 1024**2
STORAGE_LIMITS = {"free": 1 * MIB, "pro": 8 * MIB, "studio": 32 * MIB, "paused": 0}  # bytes

PLANS: dict[str, Fields] = {
    "free": {
        "id": "free",
        "name": "Free",
        "price_monthly": 0,
        "limits": {
            "storage_limit_bytes": STORAGE_LIMITS["free"],
            "max_clips_per_month": 20,
            "max_highlights_per_video": 3,
            "max_styles_per_video": 2,
        },
    },
    "pro": {
        "id": "pro",
        "name": "Pro",
        "price_monthly": 2_900,
        "limits": {
            "storage_limit_bytes": STORAGE_LIMITS["pro"],
            "monthly_credits_included": 4_000,
            "max_highlights_per_video": 10,
            "max_styles_per_video": 5,
        },
    },
    # Half a document: no price, and most limits left to the defaults.
    "studio": {"id": "studio", "limits": {"storage_limit_bytes": STORAGE_LIMITS["studio"]}},
    # A plan that allows nothing: what a subscription falls to when its payment fails.
    "paused": {
        "id": "paused",
        "name": "Paused",
        "price_monthly": 0,
        "limits": {"storage_limit_bytes": 0, "max_clips_per_month": 0, "monthly_credits_included": 0},
    },
}


def uid_of(handle: str) -> str:
    """The uid of a customer by handle."""
    return next(person.uid or user_id(handle) for person in PEOPLE if person.handle == handle)


def person_of(handle: str) -> Person:
    """The customer by handle."""
    return next(person for person in PEOPLE if person.handle == handle)


def month(now: datetime, back: int = 0) -> str:
    """The UTC month that many months ago, as `YYYY-MM`."""
    number = now.year * 12 + now.month - 1 - back
    return f"{number // 12:04d}-{number % 12 + 1:02d}"


def add_plans(draft: Draft) -> None:
    """`plans/{plan_id}`."""
    for plan_id, fields in PLANS.items():
        draft.put(f"plans/{plan_id}", {**fields, **({"limits": dict(fields["limits"])})})


def add_people(draft: Draft) -> None:
    """`users/{uid}`, `storage_accounting/{uid}` and credit transactions of every customer."""
    for person in PEOPLE:
        uid = uid_of(person.handle)
        draft.put(f"users/{uid}", _user(draft, person, uid))
        if person.accounting:
            at = draft.now - timedelta(hours=draft.chance("accounting", uid).randint(2, 90))
            draft.put(f"storage_accounting/{uid}", {"updated_at": at})
        if person.generation in {"credits", "both"}:
            _add_transactions(draft, uid)


def _user(draft: Draft, person: Person, uid: str) -> Fields:
    chance = draft.chance("user", uid)
    joined = draft.now - timedelta(days=person.joined_days, minutes=chance.randint(0, 1_439))
    fields: Fields = {
        "uid": uid,
        "email": person.email,
        "plan": person.plan,
        "role": person.role,
        "created_at": joined,
        "updated_at": min(draft.now, joined + timedelta(days=person.joined_days * chance.uniform(0.6, 0.99))),
        "settings": {
            "display_name": person.name,
            "language": person.language,
            "notify_by_email": chance.random() < 0.7,
        },
    }
    used = {"clips_used_this_month": chance.randint(1, 14), "credits_used_this_month": chance.randint(20, 150)}
    if person.generation != "none":
        fields["usage_reset_month"] = month(draft.now, person.months_back)
    if person.generation in {"clips", "both"}:
        fields["clips_used_this_month"] = used["clips_used_this_month"]
    if person.generation in {"credits", "both"}:
        fields["credits_used_this_month"] = used["credits_used_this_month"]
    return fields


def _add_transactions(draft: Draft, uid: str) -> None:
    """A monthly grant, then what clips cost; the balance runs along."""
    chance = draft.chance("credits", uid)
    at = draft.now - timedelta(days=chance.randint(20, 27))
    balance = 4_000
    _transaction(draft, uid, 0, at, "monthly_grant", balance, "Monthly credits", balance)
    for number in range(1, chance.randint(3, 9)):
        at += timedelta(hours=chance.randint(5, 60))
        amount = -10 * chance.randint(1, 8)
        balance += amount
        _transaction(draft, uid, number, at, "clip_render", amount, f"Rendered {-amount // 10} clips", balance)


def _transaction(
    draft: Draft, uid: str, number: int, at: datetime, kind: str, amount: int, description: str, balance: int
) -> None:
    draft.put(
        f"users/{uid}/credit_transactions/tx_{number:04d}",
        {
            "timestamp": at,
            "operation_type": kind,
            "credits_amount": amount,
            "description": description,
            "balance_after": balance,
            "video_id": None,
        },
    )
