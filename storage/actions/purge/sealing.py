"""The key that seals plans and approvals: `AUDIT_HMAC_KEY`, else a secret of the deployment in the bucket.

The first process that seals makes the secret, once, at `_ops/secrets/plan-seal`. It is never shown, and the redaction
of every log knows it. A person who can read that object can seal: the bucket does not hold `AUDIT_HMAC_KEY`.
"""

from __future__ import annotations

import re
import secrets
from contextlib import suppress

from storage import logs
from storage.actions.purge.context import Purging
from storage.domain.purge.guards import strays
from storage.domain.purge.job import Job
from storage.domain.purge.plan import PurgePlan
from storage.domain.purge.scope import SEAL_SECRET
from storage.domain.purge.seal import PURGE_PLAN, SealedPlan, SealKey, check_key, sealed
from storage.errors import NotFound, Refused, Stale, Unusable

_FORM = re.compile(r"[0-9a-f]{64}")
_MOST_BYTES = 1_024
_NONE = SealKey("deployment", secrets.token_bytes(32))  # where there is no secret, no seal fits


def key_to_seal(purging: Purging) -> SealKey:
    """The key; makes the deployment's secret where there is none yet."""
    found = key_to_check(purging)
    if found is not None:
        return found
    try:
        fresh = secrets.token_hex(32)
        logs.register_secrets([fresh])
        purging.writers.objects.put(SEAL_SECRET, fresh.encode(), "text/plain", if_none_match=True)
    except Stale:
        pass  # another process was quicker: its secret is everybody's
    made = _read(purging)
    if made is None:
        raise Unusable("The secret that seals plans was written, but is missing.", target=SEAL_SECRET)
    return made


def key_to_check(purging: Purging) -> SealKey | None:
    """The key, or `None` where nothing was ever sealed here; makes no secret."""
    return _known(purging) or _read(purging)


def seal_plan(purging: Purging, plan: PurgePlan) -> PurgePlan:
    return sealed(plan, key_to_seal(purging))


def check_sealed(purging: Purging, plan: SealedPlan, kind: str = PURGE_PLAN) -> None:
    """Raises `Stale` unless this desk sealed the plan, with the key as it is now; writes nothing."""
    known = _known(purging)
    if known is not None and known.source == "AUDIT_HMAC_KEY":
        check_key(plan, known, kind)
        return
    try:
        check_key(plan, known or _read(purging) or _NONE, kind)
    except Stale:
        if known is None:
            raise
        check_key(plan, _read(purging) or _NONE, kind)  # another process may have made a new one meanwhile


def check_applied(purging: Purging, job: Job, plan: PurgePlan) -> None:
    """Raises `Stale` or `Refused` unless the job was made from this plan, and the plan holds nothing beyond the job.

    A job of an older version has a plan without a seal: the job's own fingerprint binds it, and the scope bounds it. An
    undo needs no seal: a key that was changed since must not prevent a restoration.
    """
    if plan.fingerprint != job.fingerprint or plan.scope != job.scope:
        raise Stale(
            "The stored plan is not the one that was applied.",
            reasons=("the stored plan differs",),
            remedy="Nothing was done with it. Find out who writes below _ops/plans/ in the bucket.",
        )
    outside = strays(plan)
    if outside:
        raise Refused("The plan names what does not belong to its scope.", reasons=outside, remedy="Undo the job.")
    if job.kind != "purge":
        return
    here = purging.target
    if (plan.target.bucket, plan.target.project) != (here.bucket, here.project):
        raise Refused(
            f"The job is of bucket {plan.target.bucket!r} and project {plan.target.project!r}, not of this machine's.",
            remedy="Resume it where it was begun: compare R2_BUCKET_NAME and FIREBASE_PROJECT_ID.",
        )
    if plan.seal:
        check_sealed_for_job(purging, plan)


def check_sealed_for_job(purging: Purging, plan: SealedPlan, kind: str = PURGE_PLAN) -> None:
    """As `check_sealed`, for the plan of a job: a former key fits too, for a job outlives a change of the key."""
    if _sealed_before(purging, plan, kind):
        return
    try:
        check_sealed(purging, plan, kind)
    except Stale as stale:
        stale.remedy = "Put the key that sealed the plan into AUDIT_HMAC_FORMER_KEYS, or undo the job and plan again."
        raise


def _sealed_before(purging: Purging, plan: SealedPlan, kind: str) -> bool:
    """Whether a former key of the settings fits."""
    for former in purging.stores.settings.audit_former_keys:
        with suppress(Stale):
            check_key(plan, SealKey("AUDIT_HMAC_KEY", former.reveal().encode()), kind)
            return True
    return False


def _known(purging: Purging) -> SealKey | None:
    configured = purging.stores.settings.audit_key.reveal()
    if configured:
        return SealKey("AUDIT_HMAC_KEY", configured.encode())
    value = purging.secret.value
    return None if value is None else SealKey("deployment", value)


def _read(purging: Purging) -> SealKey | None:
    try:
        text = purging.stores.objects.get_bytes(SEAL_SECRET, _MOST_BYTES).decode("ascii", "replace")
    except NotFound:
        return None
    if not _FORM.fullmatch(text):
        raise Unusable(
            "The secret that seals plans differs from what was written.",
            remedy=f"Delete {SEAL_SECRET} in the bucket: the next plan makes a new one. Make open plans again then.",
            operation="get_object",
            target=SEAL_SECRET,
        )
    logs.register_secrets([text])
    purging.secret.value = text.encode()
    return SealKey("deployment", purging.secret.value)
