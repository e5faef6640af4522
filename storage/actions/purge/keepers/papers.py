"""The papers of purges, as a keeper: plans, jobs with their journals, notes and certificates.

A purge that can be undone needs all of them, and they name keys, in which the product writes titles. So only an erasing
reduces them: its own, and those of every earlier job within its scope.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from storage.actions.documents import Change, Replace, Update
from storage.actions.purge.context import Purging
from storage.actions.purge.keepers.keeper import Keeper
from storage.actions.purge.quarantine import confirm_deleted
from storage.domain.purge.erased import certificate_without_names, entry_without_names, job_without_names, plan_stub
from storage.domain.purge.job import Job, entry_path
from storage.domain.purge.scope import certificate_key, neighbours_key, plan_key
from storage.errors import NotFound
from storage.repositories.audit_log import AuditLog

MAX_BYTES = 256 * 1_048_576
MOST_PLANS = 1_000  # plans of one user that nobody applied, by the audit
AT_ONCE = 100
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Papers(Keeper):
    def forget(self, purging: Purging, job: Job) -> int:
        """The plan of the erasing itself comes last: a worker that goes on after another needs nothing of it."""
        jobs = [one for one in purging.jobs.of_user(job.scope.uid) if job.scope.covers(one.scope)]
        for one in jobs:
            self._forget_job(purging, one, job)
        plans = {one.plan_id for one in jobs} - {job.plan_id}
        for plan_id in [*sorted(plans), *sorted(_never_applied(purging, job) - plans - {job.plan_id}), job.plan_id]:
            _forget_plan(purging, plan_id, job)
        return len(jobs)

    def _forget_job(self, purging: Purging, one: Job, by: Job) -> None:
        _forget_certificate(purging, one.job_id)
        confirm_deleted(purging.writers.objects, [neighbours_key(one.job_id)])
        changes: list[Change] = []
        for entry in purging.jobs.journal(one.job_id):
            if (short := entry_without_names(entry)) != entry:
                changes.append(Replace(entry_path(one.job_id, int(entry["sequence"])), short))
        if one.job_id != by.job_id and (fields := job_without_names(one, by.job_id)):
            changes.append(Update(one.path, dict(fields.items())))
        for start in range(0, len(changes), AT_ONCE):
            purging.writers.documents.commit(changes[start : start + AT_ONCE], operation="Reducing the papers of a job")


def _forget_certificate(purging: Purging, job_id: str) -> None:
    key = certificate_key(job_id)
    before = _read(purging, key)
    if before is not None and (after := certificate_without_names(before)) != before:
        purging.writers.objects.put(key, json.dumps(after, indent=1).encode(), JSON)


def _never_applied(purging: Purging, job: Job) -> set[str]:
    """The plans about the user that the audit knows."""
    entries = AuditLog(purging.stores.handle).search(uid=job.scope.uid, action="purge.plan", limit=MOST_PLANS)
    return {str(entry["detail"]["plan_id"]) for entry in entries if entry.get("detail", {}).get("plan_id")}


def _forget_plan(purging: Purging, plan_id: str, job: Job) -> None:
    key = plan_key(plan_id)
    before = _read(purging, key)
    if before is None or "erased_by" in before:
        return
    after = plan_stub(before, job.scope, job.job_id)
    if after is not None:
        purging.writers.objects.put(key, json.dumps(after, indent=1).encode(), JSON)


def _read(purging: Purging, key: str) -> Mapping[str, Any] | None:
    try:
        found = json.loads(purging.stores.objects.get_bytes(key, MAX_BYTES))
    except (NotFound, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
