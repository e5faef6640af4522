"""A second person's word on exactly one plan: an approval, kept in `ops_approvals` under the plan's fingerprint, or a
no, which the audit keeps with its reason. A no binds nobody: it tells the maker, and whoever is asked next, why."""

from __future__ import annotations

import hashlib
from datetime import datetime

from storage.actions.audit import by, refusals_recorded
from storage.actions.documents import Create, Replace
from storage.actions.purge.context import Purging
from storage.actions.purge.planning import about, store_plan
from storage.actions.purge.sealing import check_sealed, key_to_check, key_to_seal
from storage.domain.actor_and_reason import checked_reason, normal_email
from storage.domain.audit_chain import Event
from storage.domain.policy import Actor, authorise
from storage.domain.purge.guards import Approval, check_seal
from storage.domain.purge.plan import PurgePlan
from storage.domain.purge.seal import holds, sealed_approval
from storage.errors import Refused, Stale
from storage.repositories.decode import raw_document
from storage.repositories.records_query import build

COLLECTION = "ops_approvals"
DECLINED = "purge.decline"


def approve(purging: Purging, plan: PurgePlan, actor: Actor) -> Approval:
    """Records that the actor approves this plan as it is sealed, for applying it with quarantine or without.

    Raises `NotPermitted`, `Stale` for a plan that has expired, `Refused` for one's own plan, for a plan that is
    blocked or made elsewhere. Approving twice is the same as once.
    """
    event = by(actor, about(plan, Event("purge.approve", "-", detail={"scope": plan.scope.spelled})))
    with refusals_recorded(purging.trail, event):
        authorise(actor, "purge.approve", now=purging.clock())
        now = purging.now()
        approver = normal_email(actor.email)
        check_seal(plan, purging.target, purging.limits, now)
        check_sealed(purging, plan)
        if approver == plan.maker:
            raise Refused(
                "Whoever made a plan cannot approve it.", remedy="Have another person look at the plan and approve it."
            )
        if plan.blocked:
            raise Refused(
                "The plan is blocked; there is nothing to approve.",
                reasons=plan.blocked,
                remedy="Clear what blocks it, then make it anew.",
            )
        approval = sealed_approval(Approval(plan.fingerprint, approver, now), key_to_seal(purging))
        store_plan(purging, plan)
        purging.trail.append(event)
        _keep(purging, plan, approval)
    return approval


def decline(purging: Purging, plan: PurgePlan, reason: str, actor: Actor) -> None:
    """Records a second person's no and why, or that it was refused; raises what keeps it from being recorded."""
    why = checked_reason(reason)
    detail = {"scope": plan.scope.spelled, "plan_id": plan.plan_id}
    event = by(actor, about(plan, Event(DECLINED, "-", reason=why, detail=detail)))
    with refusals_recorded(purging.trail, event):
        authorise(actor, "purge.approve", now=purging.clock())
        check_sealed(purging, plan)
        if normal_email(actor.email) == plan.maker:
            raise Refused("Whoever made a plan does not decline it.", remedy="Let it expire: nothing happens then.")
    purging.trail.append(event)


def approvals_that_hold(purging: Purging, plan: PurgePlan) -> tuple[Approval, ...]:
    """The approvals of a plan that this desk has taken; one that was only written there is none."""
    found = approvals_of(purging, plan.fingerprint)
    if not found or not plan.seal:
        return found  # what an older version made cannot be applied any more; who approved it is shown
    key = key_to_check(purging)
    return tuple(approval for approval in found if key is not None and holds(approval, key))


def approvals_of(purging: Purging, fingerprint: str) -> tuple[Approval, ...]:
    """Everything that is written as an approval of the plan with this fingerprint."""
    query = build(COLLECTION, where=[("fingerprint", "==", fingerprint)])
    found = purging.stores.handle.run_query(
        query, lambda documents: [raw_document(document).fields or {} for document in documents], operation="Approvals"
    )
    return tuple(
        Approval(str(fields["fingerprint"]), str(fields["approver"]), fields["at"], str(fields.get("seal", "")))
        for fields in found
        if isinstance(fields.get("at"), datetime)
    )


def _keep(purging: Purging, plan: PurgePlan, approval: Approval) -> None:
    name = hashlib.sha256(f"{approval.fingerprint}\n{approval.approver}".encode()).hexdigest()
    fields = {
        "fingerprint": approval.fingerprint,
        "approver": approval.approver,
        "at": approval.at,
        "seal": approval.seal,
        "plan_id": plan.plan_id,
        "scope": plan.scope.spelled,
        "uid": plan.scope.uid,
    }
    path = f"{COLLECTION}/{name}"
    try:
        purging.writers.documents.commit([Create(path, fields)], operation="Keeping an approval")
    except Stale:
        if approval.approver in {given.approver for given in approvals_that_hold(purging, plan)}:
            return  # given before
        purging.writers.documents.commit([Replace(path, fields)], operation="Keeping an approval")
