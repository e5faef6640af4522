"""The guards of a purge as pure functions: each says in words what speaks against it, and trusts no page."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from storage.domain.layout import Layout
from storage.domain.purge.plan import SLUGS, PlanTarget, PurgePlan
from storage.domain.purge.scope import PurgeLimits, dangers, document_roots, in_scope
from storage.errors import Refused, Stale
from storage.text import size_words

CLOCK_TOLERANCE = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Approval:
    """A second person's approval of exactly one plan; `approver` is normalised, `seal` covers all other fields."""

    fingerprint: str
    approver: str
    at: datetime
    seal: str = ""


def second_person_needed(plan: PurgePlan, limits: PurgeLimits, *, erase: bool) -> tuple[str, ...]:
    """Why one person is not enough; empty where one person is."""
    reasons = []
    if plan.scope.kind == "user":
        reasons.append("it deletes a whole account")
    if len(plan.objects) > limits.most_objects:
        reasons.append(f"{len(plan.objects):,} objects are more than {limits.most_objects:,}")
    if plan.total_bytes > limits.most_bytes:
        reasons.append(f"{size_words(plan.total_bytes)} are more than {size_words(limits.most_bytes)}")
    if erase:
        reasons.append("erasing keeps no quarantine")
    return tuple(reasons)


def check_seal(plan: PurgePlan, target: PlanTarget, limits: PurgeLimits, now: datetime) -> None:
    """Raises unless the plan is for this bucket and project, has not expired, and holds nothing beyond its scope.

    `Stale` for a plan that has expired; `Refused` for a plan that no survey of this scope can have made.
    """
    if plan.target != target:
        raise Refused(
            f"The plan was made for bucket {plan.target.bucket!r} of project {plan.target.project!r} with prefix "
            f"{plan.target.key_prefix!r}, not for this machine's.",
            remedy="Apply it where it was made, or make it again here.",
        )
    too_long = plan.expires_at - plan.created_at > limits.plan_life
    if now >= plan.expires_at or too_long or plan.created_at > now + CLOCK_TOLERANCE:
        why = "has expired" if now >= plan.expires_at else "claims a longer life than any plan has"
        raise Stale(f"The plan {why}.", reasons=(f"the plan {why}",), remedy="Make the plan again and look at it.")
    outside = strays(plan)
    if outside:
        raise Refused(
            "The plan names what does not belong to its scope.", reasons=outside, remedy="Make the plan again."
        )


def strays(plan: PurgePlan) -> tuple[str, ...]:
    """The parts of a plan that lie outside its own scope, by the layout and by the documents' paths.

    The path of a public link does not say whose it is; its document does (`points_into`).
    """
    scope = plan.scope
    layout = Layout(plan.target.key_prefix)
    found = [f"key outside the scope: {item.key}" for item in plan.objects if not in_scope(item.key, scope, layout)]
    found += [f"upload outside the scope: {item.key}" for item in plan.uploads if not in_scope(item.key, scope, layout)]
    roots = document_roots(scope)
    accounting = f"storage_accounting/{scope.uid}" if scope.kind == "user" else None
    for document in plan.documents:
        path = document.path
        below = any(path == root or path.startswith(f"{root}/") for root in roots)
        slug = path.startswith(SLUGS) and path.count("/") == 1
        if not below and not slug and path != accounting:
            found.append(f"document outside the scope: {path}")
    user = f"users/{scope.uid}"
    counted = {user, f"storage_accounting/{scope.uid}", *(f"{user}/videos/{video_id}" for video_id in scope.video_ids)}
    found += [f"counter outside the scope: {change.path}" for change in plan.counters if change.path not in counted]
    return tuple(found)


def check_confirmation(
    plan: PurgePlan,
    *,
    phrase: str,
    actor: str,
    erase: bool,
    approvals: Collection[Approval],
    limits: PurgeLimits,
) -> tuple[Approval, ...]:
    """Raises `Refused` with every ground at once; returns the approvals that count.

    `phrase` must be the scope's full name, exactly or as `Scope.typeable` writes it. `actor` is normalised. An approval
    counts when it is for exactly this fingerprint and its approver is neither the plan's maker nor the person who
    applies it.
    """
    grounds = []
    if not plan.scope.is_named_by(phrase):
        grounds.append(f"the confirmation is not the scope's name, which is {plan.scope.typeable!r}")
    grounds += plan.blocked
    grounds += dangers(plan.scope, Layout(plan.target.key_prefix).prefixes, limits.shortest_id)
    count = tuple(
        approval
        for approval in approvals
        if approval.fingerprint == plan.fingerprint and approval.approver not in {actor, plan.maker}
    )
    needed = second_person_needed(plan, limits, erase=erase)
    if needed and not count:
        grounds.append("a second person must approve this plan: " + ", ".join(needed))
    if grounds:
        raise Refused(
            "The purge is refused: " + "; ".join(grounds) + ".", reasons=grounds, remedy=_remedy(plan, grounds)
        )
    return count


def _remedy(plan: PurgePlan, grounds: Collection[str]) -> str:
    if plan.blocked:
        return "Clear what blocks the plan, then make it again."
    if any(ground.startswith("a second person") for ground in grounds):
        return "Have another person look at the same plan and approve it: `purge approve FILE --actor EMAIL`."
    return "Type the scope's full name, exactly as the plan spells it."
