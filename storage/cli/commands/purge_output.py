"""Plans and jobs as `purge` prints them: for scripts and for people."""

from __future__ import annotations

from typing import Any

from storage.cli.output import safe, say, say_table, size
from storage.domain.purge.guards import second_person_needed
from storage.domain.purge.job import Job
from storage.domain.purge.limits import PurgeLimits
from storage.domain.purge.plan import PurgePlan

SHOWN = 10


def job_document(job: Job, undo: Job | None = None) -> dict[str, Any]:
    """A job as `--json` shows it. For an undo the numbers are of what came back."""
    verb = "restored" if job.kind == "undo" else "deleted"
    tally = job.tally
    document: dict[str, Any] = {
        "job_id": job.job_id,
        "kind": job.kind,
        "state": job.state,
        "scope": job.scope.spelled,
        "plan_id": job.plan_id,
        "fingerprint": job.fingerprint,
        "actor": job.actor,
        "approved_by": list(job.approved_by),
        "reason": job.reason,
        "erase": job.erase,
        "created_at": job.created_at,
        "finished_at": job.finished_at,
        "step": job.step,
        "batch": job.batch,
        "totals": {"objects": job.objects_total, "bytes": job.bytes_total, "documents": job.documents_total},
        f"objects_{verb}": tally.objects,
        f"documents_{verb}": tally.documents,
        f"bytes_{verb}": tally.bytes,
        "uploads_aborted": tally.uploads,
        "already_gone": tally.already_gone,
        "left_alone": tally.left_alone,
        "missing_acknowledged": job.missing_acknowledged,
        "residue": list(job.residue),
        "disturbed": list(job.disturbed),
        "objects_per_second": round(job.objects_per_second(job.finished_at or job.update_time or job.created_at), 1),
        "quarantine": job.quarantine,
        "quarantine_until": job.quarantine_until,
        "undo_failed": job.undo_failed,
        "undo_refused": dict(job.undo_refused) if job.undo_refused else None,
        "failure": dict(job.failure) if job.failure else None,
    }
    if job.kind == "purge":
        document["undo"] = None if undo is None else job_document(undo)
    if undo is not None and undo.residue:
        document["residue"] = list(undo.residue)
    return document


def say_certificate(certificate: dict[str, Any]) -> None:
    """A certificate for a person: every field in a line of its own."""
    for name, value in certificate.items():
        if isinstance(value, dict):
            say(f"{name}:")
            for part, inner in value.items():
                say(f"  {part}: {safe(inner, 1_000)}")
        elif isinstance(value, list):
            say(f"{name}:")
            for line in value:
                say(f"  - {safe(line, 1_000)}")
        else:
            say(f"{name}: {safe(value, 2_000)}")


def say_plan(plan: PurgePlan, limits: PurgeLimits) -> None:
    """A plan for a person: what goes, what to know, and what it takes to apply it."""
    say(f"Purge of {safe(plan.scope.spelled, 400)} ({plan.scope.kind}), plan {plan.plan_id}")
    say(f"  {len(plan.objects):,} objects, {size(plan.total_bytes)}; {len(plan.documents):,} documents; "
        f"{len(plan.uploads):,} unfinished uploads")  # fmt: skip
    rows: list[tuple[object, ...]] = [(item.key, size(item.size_bytes)) for item in plan.objects[:SHOWN]]
    rows += [(item.path, "document") for item in plan.documents[:SHOWN]]
    say_table(("WHAT GOES", "SIZE"), rows)
    more = max(0, len(plan.objects) - SHOWN) + max(0, len(plan.documents) - SHOWN)
    if more:
        say(f"and {more:,} more; all of them are in the plan's JSON")
    if plan.counters:
        say_table(("COUNTER", "BEFORE", "AFTER"), [(f"{c.path} {c.field}", c.before, c.after) for c in plan.counters])
    for title, lines in (("WARNING", plan.warnings), ("BLOCKED", plan.blocked)):
        for line in lines:
            say(f"{title}: {safe(line, 600)}")
    claims = plan.claims
    if claims is not None and claims.claimed:
        controls = f"; {claims.controls.words}" if claims.controls is not None else ""
        say(f"Completed clips claim {claims.claimed:,} objects, {claims.found:,} of which are there{controls}.")
    needed = second_person_needed(plan, limits, erase=False)
    if needed:
        say(f"A second person must approve it: {', '.join(needed)}.")
    say(f"Fingerprint {plan.fingerprint}; valid until {plan.expires_at:%Y-%m-%d %H:%M:%S} UTC")


def say_job(job: Job, undo: Job | None = None) -> None:
    """A job for a person."""
    verb = "restored" if job.kind == "undo" else "deleted"
    say(f"Job {job.job_id}: {job.kind} of {safe(job.scope.spelled, 400)}, {job.state}")
    say(f"  {verb}: {job.tally.objects:,} of {job.objects_total:,} objects ({size(job.tally.bytes)}), "
        f"{job.tally.documents:,} of {job.documents_total:,} documents")  # fmt: skip
    if job.tally.already_gone or job.tally.left_alone:
        say(f"  already gone: {job.tally.already_gone:,}; left alone because changed: {job.tally.left_alone:,}")
    if job.missing_acknowledged:
        say(f"  claimed and never seen, as acknowledged: {job.missing_acknowledged:,} objects; not proven to be gone")
    if job.undo_failed:
        say("  its undo was asked for and is not through: the quarantine stays, whatever its age, until it is undone "
            f"(purge undo {job.job_id}, or resume) or a person ends it (purge empty {job.job_id})")  # fmt: skip
        if job.undo_refused:
            say(f"  the undo was refused: {safe(job.undo_refused.get('message', ''), 1_000)}")
    elif job.quarantine == "kept" and job.quarantine_until:
        say(f"  can be undone until {job.quarantine_until:%Y-%m-%d %H:%M} UTC: purge undo {job.job_id}")
    for title, lines in (("LEFT", job.residue), ("DISTURBED", job.disturbed)):
        for line in lines:
            say(f"{title}: {safe(line, 1_200)}")
    if job.failure:
        say(f"Stopped: {safe(job.failure.get('message', ''), 1_000)}")
    if undo is not None:
        say_job(undo)
