"""Where the desk keeps what belongs to purges in the bucket: plans, quarantines, certificates. All below `_ops/`."""

from __future__ import annotations

import hashlib

from storage.domain.layout import OPS_PREFIX

QUARANTINES = f"{OPS_PREFIX}quarantine/"
SEAL_SECRET = f"{OPS_PREFIX}secrets/plan-seal"


def plan_key(plan_id: str) -> str:
    """Where a plan lies from the moment that somebody makes, approves or applies it."""
    return f"{OPS_PREFIX}plans/{plan_id}.json"


def certificate_key(job_id: str) -> str:
    """Where a job's certificate lies."""
    return f"{OPS_PREFIX}certificates/{job_id}.json"


def neighbours_key(job_id: str) -> str:
    """Where a job notes what lay beside its scope when it began."""
    return f"{OPS_PREFIX}jobs/{job_id}/neighbours.json"


def quarantine_prefix(job_id: str) -> str:
    """Everything that a purge keeps for its undo."""
    return f"{QUARANTINES}{job_id}/"


def kept_objects_prefix(job_id: str) -> str:
    """The copies of objects among that."""
    return f"{quarantine_prefix(job_id)}objects/"


def kept_object(job_id: str, number: int, key: str) -> str:
    """The copy of object `number` of the plan. A key may fill all 1,024 bytes, so the name has a digest of it."""
    return f"{kept_objects_prefix(job_id)}{number:06d}-{hashlib.sha256(key.encode()).hexdigest()[:24]}"


def kept_documents(job_id: str, batch: int) -> str:
    """One file of documents, one in each line, as JSON without loss."""
    return f"{quarantine_prefix(job_id)}documents/{batch:06d}.jsonl"
