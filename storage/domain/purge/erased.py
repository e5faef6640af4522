"""What an erasing leaves of the papers of purges: ids, jobs, numbers and times; no key, because keys hold titles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from storage.domain.purge.job import Job
from storage.domain.purge.scope import Scope
from storage.errors import BadInput
from storage.text import without_addresses

_OF_ENTRIES: Final = frozenset(
    {"phase", "step", "batch", "sequence", "epoch", "worker", "at", "state", "count", "sha256"}
)
_OF_PLANS: Final = ("plan_id", "fingerprint", "scope", "target", "maker", "created_at", "expires_at", "totals")
_LISTS: Final = ("residue", "disturbed", "never_seen")


def counted(lines: Sequence[str]) -> tuple[str, ...]:
    """One line with the number of these lines; nothing for none."""
    names = f"{len(lines):,} lines" if len(lines) > 1 else "1 line"
    return (f"{names}, erased",) if lines and not _is_counted(lines) else tuple(lines)


def _is_counted(lines: Sequence[str]) -> bool:
    return len(lines) == 1 and lines[0].endswith(", erased")


def entry_without_names(entry: Mapping[str, Any]) -> dict[str, Any]:
    """An entry of a journal without texts: numbers stay, also those that count the plan's names."""
    return {name: value for name, value in entry.items() if name in _OF_ENTRIES or _numbers(value)}


def _numbers(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(map(_numbers, value.values()))
    return all(map(_numbers, value)) if isinstance(value, list | tuple) else isinstance(value, int)


def job_without_names(job: Job, erased_by: str) -> dict[str, Any]:
    """The fields of a job that change; nothing where no field does."""
    before = job.to_fields()
    after = {
        "residue": list(counted(job.residue)),
        "disturbed": list(counted(job.disturbed)),
        "reason": without_addresses(job.reason),
        "copies_until": None,  # an erasing ends the copies of repairs too
        **{name: _failure(getattr(job, name), erased_by) for name in ("failure", "undo_refused")},
    }
    return {name: value for name, value in after.items() if before[name] != value}


def _failure(failure: Mapping[str, str] | None, erased_by: str) -> dict[str, str] | None:
    if not failure:
        return None
    return {"code": failure.get("code", ""), "message": f"Its words went with {erased_by}.", "remedy": ""}


def certificate_without_names(certificate: Mapping[str, Any]) -> dict[str, Any]:
    """A certificate whose lists of keys are counted; numbers, times and persons stay."""
    verified, claims = certificate.get("verified"), certificate.get("claims")
    changed: dict[str, Any] = {}
    if isinstance(verified, Mapping):
        lists = {name: list(counted(verified[name])) for name in _LISTS if verified.get(name)}
        changed["verified"] = {**verified, **lists}
    if isinstance(claims, Mapping) and claims.get("missing"):
        changed["claims"] = {**claims, "missing": list(counted(claims["missing"]))}
    if isinstance(certificate.get("reason"), str):
        changed["reason"] = without_addresses(certificate["reason"])
    return {**certificate, **changed}


def plan_stub(plan: Mapping[str, Any], scope: Scope, erased_by: str) -> dict[str, Any] | None:
    """What stays of a stored plan, or `None` where the plan is not about this scope."""
    try:
        if not scope.covers(Scope.from_dict(plan["target"])):
            return None
    except (BadInput, KeyError, TypeError):
        return None
    return {**{name: plan[name] for name in _OF_PLANS if name in plan}, "erased_by": erased_by}
