"""The seal of a plan and of an approval: without the key nobody can edit one and seal it again.

A fingerprint shows that a plan is as it was written, but anybody can compute another. The seal is an HMAC of the
fingerprint with `AUDIT_HMAC_KEY`, or with a secret of the deployment where that is not set.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field, replace
from typing import Final, Literal, Protocol

from storage.domain.purge.guards import Approval
from storage.domain.purge.plan import PurgePlan, moment_text
from storage.errors import Stale

Source = Literal["AUDIT_HMAC_KEY", "deployment"]
_WORDS: dict[str, str] = {"AUDIT_HMAC_KEY": "an AUDIT_HMAC_KEY", "deployment": "the deployment's own secret"}
_ANEW = "Make the plan again, and apply the file as it was written."
PURGE_PLAN: Final = "purge plan"  # the kind that the seal of a purge's plan covers


class SealedPlan(Protocol):
    """A plan of any kind with its seal, which is empty where nobody sealed it."""

    @property
    def fingerprint(self) -> str: ...
    @property
    def seal(self) -> str: ...


@dataclass(frozen=True, slots=True)
class SealKey:
    """A key, and where it comes from."""

    source: Source
    value: bytes = field(repr=False)

    def over(self, kind: str, *parts: str) -> str:
        """The seal over these parts: the key's source and an HMAC-SHA256."""
        text = "\n".join((f"clip desk {kind}", *parts))
        return f"{self.source}:{hmac.new(self.value, text.encode(), hashlib.sha256).hexdigest()}"


def sealed(plan: PurgePlan, key: SealKey) -> PurgePlan:
    return replace(plan, seal=key.over(PURGE_PLAN, plan.fingerprint))


def sealed_approval(approval: Approval, key: SealKey) -> Approval:
    return replace(approval, seal=_seal_of(approval, key))


def holds(approval: Approval, key: SealKey) -> bool:
    """Whether this desk took the approval."""
    return hmac.compare_digest(approval.seal.encode(), _seal_of(approval, key).encode())


def check_key(plan: SealedPlan, key: SealKey, kind: str = PURGE_PLAN) -> None:
    """Raises `Stale` unless this key sealed the plan as one of this kind; says how it was sealed where that can be
    known."""
    if not plan.seal:
        raise Stale(
            "An older version of the desk made the plan, and sealed plans without a key.",
            reasons=("the plan has no seal",),
            remedy="Make the plan again: it then shows the present state.",
        )
    source = plan.seal.partition(":")[0]
    if source in _WORDS and source != key.source:
        raise Stale(
            f"The plan was sealed with {_WORDS[source]}, and this machine seals with {_WORDS[key.source]}.",
            reasons=("the plan was sealed with another kind of key",),
            remedy="Set the same AUDIT_HMAC_KEY on both machines, or make the plan again here.",
        )
    if not hmac.compare_digest(plan.seal.encode(errors="replace"), key.over(kind, plan.fingerprint).encode()):
        raise Stale(
            "The plan was not sealed by this desk: it was altered, or the key was changed since it was made.",
            reasons=("the seal does not fit the plan",),
            remedy=_ANEW,
        )


def _seal_of(approval: Approval, key: SealKey) -> str:
    return key.over("approval", approval.fingerprint, approval.approver, moment_text(approval.at))
