"""Makes plans, keeps them, and reads them back; records a second person's answer to a plan.

A second person approves exactly one plan, in `ops_approvals` under the plan's fingerprint, or declines it, and the
audit keeps the reason. A refusal binds nobody: it tells the maker, and the next person asked, why.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

from storage import files
from storage.actions.audit import attributed, refusals_recorded
from storage.actions.documents import Create, Replace
from storage.actions.purge.context import Purging
from storage.actions.purge.plan_ends import ends_of, refuse_ended
from storage.actions.purge.quarantine import record_of
from storage.actions.purge.sealing import check_sealed, key_to_check, key_to_seal, seal_plan
from storage.actions.purge.survey import look, refuse_dangers
from storage.domain.actor_and_reason import checked_reason, normal_email
from storage.domain.audit_chain import Event
from storage.domain.places import PURGE_PLANS, REST, place_of
from storage.domain.policy import Actor, authorise
from storage.domain.purge.guards import Approval, check_seal
from storage.domain.purge.inventory import Inventory, judge
from storage.domain.purge.losses import Look, claims_of, wants_controls, wants_customers
from storage.domain.purge.plan import PurgePlan
from storage.domain.purge.scope import Scope, certificate_key, plan_key
from storage.domain.purge.seal import holds, sealed_approval
from storage.errors import BadInput, NotFound, Refused, Stale
from storage.files import read_file
from storage.ids import check_id
from storage.repositories.decode import raw_document
from storage.repositories.queries import build
from storage.services.controls import customers_beside, objects_of_others

MAX_PLAN_BYTES = 256 * 1_048_576
MAX_CERTIFICATE_BYTES = 4 * 1_048_576
MAX_OPEN_PLANS = 30  # of each listing; older ones are on their own pages
PLAN_ID = re.compile(PURGE_PLANS + REST)


COLLECTION = "ops_approvals"
DECLINED = "purge.decline"


def make_plan(
    purging: Purging, scope: Scope, actor: Actor, *, maker: str, acknowledge_missing: bool = False
) -> PurgePlan:
    """The plan for a scope as it is now; changes nothing of the customer's, and records that it was made.

    `maker` is the actor's normalised address, empty where it is not known. A blocked plan is made too, with the reasons
    in `blocked`. `acknowledge_missing`: the purge may go on although completed clips claim objects that nobody saw,
    unless the bucket itself is in doubt.

    Raises `Refused` for a reserved or too short scope, `NotFound` where nothing of the scope exists, and the errors of
    the backends.
    """
    event = attributed(actor, Event("purge.plan", "-", uid=scope.uid, detail={"scope": scope.spelled}))
    with refusals_recorded(purging.trail, event):
        authorise(actor, "purge.plan", now=purging.clock())
        now = purging.now()
        inventory = surveyed(purging, scope, now, acknowledged=acknowledge_missing)
        if inventory.empty:
            raise NotFound(
                f"There is nothing of {scope.spelled}: no object, no document.",
                remedy="Look the id up with find; an earlier purge of it may have ended already.",
                target=scope.spelled,
            )
        made = purging.now()
        plan = PurgePlan(
            plan_id=f"{PURGE_PLANS}{made:%Y%m%d-%H%M%S}-{secrets.token_hex(4)}",
            maker=maker,
            scope=scope,
            target=purging.target,
            created_at=made,
            expires_at=made + purging.limits.plan_life,
            objects=inventory.objects,
            documents=inventory.documents,
            uploads=inventory.uploads,
            counters=inventory.counters,
            warnings=inventory.warnings,
            blocked=inventory.blocked,
            claims=inventory.claims,
        )
        plan = seal_plan(purging, plan)
    purging.trail.append(attributed(actor, planned_event(plan, blocked=bool(plan.blocked))))
    return plan


def surveyed(
    purging: Purging, scope: Scope, now: datetime, *, acknowledged: bool = False, seen: Collection[str] = ()
) -> Inventory:
    """The scope as it is now, for making a plan or applying one; with controls where no claimed object was found.

    `seen` are the objects of the plan that is applied. Each call looks for controls again, since a setting may have
    changed meanwhile. Raises as `survey` does.
    """
    refuse_dangers(scope, purging.stores.layout, purging.limits)
    facts = look(purging.stores, scope, now, purging.progress)
    taken = _deleted_earlier(purging, scope, claims_of(facts, Look(seen=seen)).missing)
    if taken:
        facts = replace(
            facts,
            claimed=tuple(key for key in facts.claimed if key not in taken),
            claimed_thumbnails=tuple(key for key in facts.claimed_thumbnails if key not in taken),
        )
    stores = purging.stores
    places = (stores.records, stores.objects, stores.layout, scope.uid)
    controls = None
    if wants_customers(facts):
        controls = customers_beside(*places)
    elif wants_controls(facts):
        controls = objects_of_others(*places)
    return judge(facts, stores.layout, purging.limits, now, Look(acknowledged, controls, seen))


def _deleted_earlier(purging: Purging, scope: Scope, missing: Collection[str]) -> frozenset[str]:
    """The missing keys that an earlier purge took, by its journal, without an undo begun since.

    Their absence is no loss, and a new plan takes up what that purge left.
    """
    taken: set[str] = set()
    for job in reversed(purging.jobs.of_user(scope.uid) if missing else ()):
        if job.kind != "purge" or job.undo_job or not job.tally.objects or taken >= set(missing):
            continue
        try:
            plan = stored_plan(purging, job.plan_id)
        except (NotFound, BadInput, Refused):
            continue  # its plan is not here or cannot be trusted: nobody knows what it took
        taken.update(set(record_of(purging.jobs, job.job_id, plan, erase=job.erase).deleted_keys).intersection(missing))
    return frozenset(taken)


def planned_event(plan: PurgePlan, *, blocked: bool) -> Event:
    """The audit event of a plan: its scope, fingerprint and size."""
    totals = {
        "objects": len(plan.objects),
        "bytes": plan.total_bytes,
        "documents": len(plan.documents),
        "plan_id": plan.plan_id,
        "scope": plan.scope.spelled,
        "blocked": blocked,
        **claimed_detail(plan),
    }
    return about(plan, Event("purge.plan", "-", detail=totals))


def claimed_detail(plan: PurgePlan) -> dict[str, Any]:
    """The audit's detail about objects that were claimed and never seen; empty without any."""
    claims = plan.claims
    if claims is None or not (claims.missing or claims.acknowledged):
        return {}
    there = {} if claims.controls is None else {"controls": claims.controls.as_dict()}
    return {
        "claimed": claims.claimed,
        "missing": len(claims.missing),
        "acknowledged_missing": claims.acknowledged,
        **there,
    }


def about(plan: PurgePlan, event: Event) -> Event:
    """The event with the plan's subject and fingerprint."""
    scope = plan.scope
    return replace(
        event, uid=scope.uid, video_id=scope.video_id or "", clip_id=scope.clip_id, fingerprint=plan.fingerprint
    )


def store_plan(purging: Purging, plan: PurgePlan) -> str:
    """Keeps a plan in the bucket, where any process of the desk finds it; returns its key."""
    key = plan_key(plan.plan_id)
    purging.writers.objects.put(key, to_text(plan).encode(), "application/json")
    return key


def stored_plan(purging: Purging, plan_id: str) -> PurgePlan:
    """A plan from the bucket; `NotFound` where there is none, `Stale` where it differs from what was sealed."""
    return plan_from(kept_content(purging, plan_key(plan_id), plan_id, MAX_PLAN_BYTES))


def kept_content(purging: Purging, key: str, plan_id: str, most_bytes: int) -> bytes:
    """What is kept of a plan of any kind; `NotFound`, in words about plans, where there is none."""
    try:
        return purging.stores.objects.get_bytes(key, most_bytes)
    except NotFound as error:
        raise NotFound(
            f"The desk keeps no plan {plan_id}.",
            remedy="It keeps a plan of the shell once somebody approved or applied it. Give the plan's file, or make "
            "another plan.",
            target=plan_id,
        ) from error


def open_plan_ids(purging: Purging, now: datetime) -> tuple[str, ...]:
    """The ids of the newest plans that may still be valid, the newest first."""
    return open_ids(purging, plan_key, PURGE_PLANS, now - purging.limits.plan_life)


def open_ids(purging: Purging, key: Callable[[str], str], prefix: str, since: datetime) -> tuple[str, ...]:
    """The ids with this prefix of the newest plans made since then, the newest first: one listing, which reads no plan.
    `key` gives the place of a plan.

    Plans that were applied or discarded are left out, for a read each.
    """
    oldest = key(f"{prefix}{since:%Y%m%d-%H%M%S}")
    folder = oldest.rpartition("/")[0] + "/"
    pages = purging.stores.objects.list_pages(folder, oldest)
    keys = sorted(chain.from_iterable(page.frame["key"].tolist() for page in pages), reverse=True)
    names = (key.removeprefix(folder).removesuffix(".json") for key in keys[:MAX_OPEN_PLANS])
    found = [name for name in names if re.fullmatch(prefix + REST, name)]
    ended = ends_of(purging, found)
    return tuple(name for name in found if name not in ended)


def open_plans(purging: Purging) -> Iterator[PurgePlan]:
    """The plans that may still be applied; it leaves out a plan whose content cannot be trusted."""
    now = purging.now()
    for name in open_plan_ids(purging, now):
        try:
            plan = stored_plan(purging, name)
            check_sealed(purging, plan)
        except (BadInput, Stale):
            continue
        if plan.plan_id == name and plan.expires_at > now:
            yield plan


def certificate_of(purging: Purging, job_id: str) -> dict[str, Any]:
    """The certificate of a purge that has reached its proof; `NotFound` where there is none (yet)."""
    key, place = certificate_key(check_id(job_id, "JOB_ID")), place_of(job_id)
    try:
        found: dict[str, Any] = json.loads(purging.stores.objects.get_bytes(key, MAX_CERTIFICATE_BYTES))
    except NotFound as error:
        raise NotFound(
            f"No certificate was written for {job_id}.",
            remedy="Only a purge has one, once it has reached its proof. What became of the job: "
            f"{place.command if place else 'purge'} status {job_id}.",
            target=job_id,
        ) from error
    return found


def write_file(plan: PurgePlan, path: Path) -> None:
    """Writes a plan for `purge apply`; only its owner may read the file, since keys name customers."""
    files.write_file(path, to_text(plan).encode(), "--out")


def presented_plan(purging: Purging, path: Path, actor: Actor, action: str) -> PurgePlan:
    """A plan from a file, for an action on it; the audit records an altered plan as a refusal of that action."""
    with refusals_recorded(purging.trail, attributed(actor, Event(action, "-", detail={"file": path.name[:200]}))):
        return plan_in(path)


def plan_in(path: Path) -> PurgePlan:
    """A plan from a file; `BadInput` where there is none, `Stale` where it was altered."""
    return plan_from(read_file(path, "FILE", MAX_PLAN_BYTES))


def to_text(plan: PurgePlan) -> str:
    return json.dumps(plan.as_dict(), indent=1, ensure_ascii=True) + "\n"


def plan_from(content: bytes) -> PurgePlan:
    """The inverse of `to_text`; `BadInput` where it is no plan, `Stale` where it was altered."""
    try:
        value = json.loads(content.decode())
    except (ValueError, RecursionError):
        remedy = "Give the plan's file as it was written."
        raise BadInput("The plan is not JSON", field_name="FILE", remedy=remedy) from None
    return PurgePlan.from_dict(value)


def approve(purging: Purging, plan: PurgePlan, actor: Actor) -> Approval:
    """Records that the actor approves this plan as it is sealed, for applying it with or without a quarantine.

    Raises `NotPermitted`, `Stale` for a plan that has expired, and `Refused` for the actor's own plan and for a plan
    that is blocked or was made elsewhere. A second approval changes nothing.
    """
    event = attributed(actor, about(plan, Event("purge.approve", "-", detail={"scope": plan.scope.spelled})))
    with refusals_recorded(purging.trail, event):
        authorise(actor, "purge.approve", now=purging.clock())
        now = purging.now()
        approver = normal_email(actor.email)
        check_seal(plan, purging.target, purging.limits, now)
        check_sealed(purging, plan)
        if approver == plan.maker:
            raise Refused(
                "The maker of a plan cannot approve it.", remedy="Have another person look at the plan and approve it."
            )
        if plan.blocked:
            raise Refused(
                "The plan is blocked; there is nothing to approve.",
                reasons=plan.blocked,
                remedy="Clear what blocks it, then make it again.",
            )
        refuse_ended(purging, plan.plan_id)
        approval = sealed_approval(Approval(plan.fingerprint, approver, now), key_to_seal(purging))
        store_plan(purging, plan)
        purging.trail.append(event)
        keep_approval(purging, approval, plan.plan_id, plan.scope)
    return approval


def decline(purging: Purging, plan: PurgePlan, reason: str, actor: Actor) -> None:
    """Records a second person's refusal with its reason, or that the desk did not take it; raises what prevents it."""
    why = checked_reason(reason)
    detail = {"scope": plan.scope.spelled, "plan_id": plan.plan_id}
    event = attributed(actor, about(plan, Event(DECLINED, "-", reason=why, detail=detail)))
    with refusals_recorded(purging.trail, event):
        authorise(actor, "purge.approve", now=purging.clock())
        check_sealed(purging, plan)
        if normal_email(actor.email) == plan.maker:
            raise Refused("The maker of a plan does not decline it.", remedy="Discard it: `purge discard`.")
        refuse_ended(purging, plan.plan_id)
    purging.trail.append(event)


def approvals_that_hold(purging: Purging, plan: PurgePlan) -> tuple[Approval, ...]:
    """The approvals of a plan that this desk took; an approval written by other means does not count."""
    found = approvals_of(purging, plan.fingerprint)
    if not found or not plan.seal:
        return found  # a plan of an older version cannot be applied any more; a page still shows its approvers
    return approvals_by_seal(purging, plan.fingerprint)


def approvals_of(purging: Purging, fingerprint: str) -> tuple[Approval, ...]:
    """Every document that says that it approves the plan with this fingerprint."""
    query = build(COLLECTION, where=[("fingerprint", "==", fingerprint)])
    found = purging.stores.handle.run_query(
        query, lambda documents: [raw_document(document).fields or {} for document in documents], operation="Approvals"
    )
    return tuple(
        Approval(str(fields["fingerprint"]), str(fields["approver"]), fields["at"], str(fields.get("seal", "")))
        for fields in found
        if isinstance(fields.get("at"), datetime)
    )


def approvals_by_seal(purging: Purging, fingerprint: str) -> tuple[Approval, ...]:
    """The approvals of the plan with this fingerprint that this desk took."""
    key = key_to_check(purging)
    return tuple(one for one in approvals_of(purging, fingerprint) if key is not None and holds(one, key))


def keep_approval(purging: Purging, approval: Approval, plan_id: str, scope: Scope) -> None:
    """Writes an approval under its plan's fingerprint and its approver; the same one twice changes nothing."""
    name = hashlib.sha256(f"{approval.fingerprint}\n{approval.approver}".encode()).hexdigest()
    fields = {
        "fingerprint": approval.fingerprint,
        "approver": approval.approver,
        "at": approval.at,
        "seal": approval.seal,
        "plan_id": plan_id,
        "scope": scope.spelled,
        "uid": scope.uid,
    }
    path = f"{COLLECTION}/{name}"
    try:
        purging.writers.documents.commit([Create(path, fields)], operation="Keeping an approval")
    except Stale:
        if approval.approver in {given.approver for given in approvals_by_seal(purging, approval.fingerprint)}:
            return  # the approval exists already
        purging.writers.documents.commit([Replace(path, fields)], operation="Keeping an approval")
