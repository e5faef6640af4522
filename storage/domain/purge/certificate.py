"""What remains to be said after a purge: what went, when, by whom and why, what was verified, and what outlives it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from storage.domain.purge.claims import Claims
from storage.domain.purge.job import Job
from storage.domain.purge.plan import moment_text

MAX_RESIDUE = 100
MAX_LINE_CHARS = 1_100


@dataclass(frozen=True, slots=True)
class Proof:
    """What was read again at the end. `residue` lists what of the scope is still there, one line each.

    `neighbours` counts what lies beside the scope and was compared; `disturbed` lists what of that went missing.
    `never_seen` lists the objects that completed clips claimed and no look ever showed: of those nothing is proven.
    """

    read_at: datetime
    prefixes: tuple[str, ...]
    objects_left: int
    documents_left: int
    uploads_left: int
    residue: tuple[str, ...]
    neighbours: int
    disturbed: tuple[str, ...]
    never_seen: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether nothing is left, nothing else was lost, and all that was claimed was seen."""
        return not self.residue and not self.disturbed and not self.never_seen

    def as_dict(self) -> dict[str, Any]:
        """Plain values; long lists are cut, and say so."""
        return {
            **asdict(self),
            "read_at": moment_text(self.read_at),
            "prefixes": list(self.prefixes),
            "residue": shortened(self.residue),
            "disturbed": shortened(self.disturbed),
            "never_seen": shortened(self.never_seen),
            "never_seen_count": len(self.never_seen),
            "clean": self.clean,
        }


def shortened(lines: Sequence[str], most: int = MAX_RESIDUE) -> list[str]:
    """At most so many lines, none longer than any key, and one that says how many more there are.

    So they fit into a document of Firestore's, which holds 1 MiB, whatever the ids are like.
    """
    kept = [line if len(line) <= MAX_LINE_CHARS else f"{line[:MAX_LINE_CHARS]}…" for line in lines[:most]]
    return kept if len(lines) <= most else [*kept, f"and {len(lines) - most:,} more"]


def what_outlives(job: Job, *, wider: Sequence[str], public_url: str, never_seen: int = 0) -> tuple[str, ...]:
    """What a purge cannot reach, in words for the person who has to answer for it.

    `wider` are the earlier purges of something larger whose quarantines still hold copies.
    """
    lines = [
        "Firestore's point-in-time recovery keeps older versions for up to 7 days (1 hour where it is off).",
        "Scheduled backups and exports of Firestore keep what they hold until they expire.",
        "Links that were issued before stop working at once where they point at a deleted object; what was downloaded "
        "through them is out of reach.",
        "The plan, the journal, this certificate and the audit name keys and ids, and stay.",
    ]
    if never_seen:
        lines.append(
            f"{never_seen:,} objects that completed clips claimed were never seen, and are not proven to be gone: "
            "should they lie in another bucket, they lie there still."
        )
    if public_url:
        lines.append(
            f"The CDN in front of the bucket ({public_url}) may serve its copies until they expire or are purged."
        )
    if job.quarantine_until is not None:
        lines.append(
            f"The quarantine keeps a copy until {moment_text(job.quarantine_until)}; then it is emptied, "
            "unless an undo was asked for and failed: then a person ends it."
        )
    lines += [f"The quarantine of the earlier purge {job_id} holds copies until it expires." for job_id in wider]
    return tuple(lines)


def certificate(
    job: Job, proof: Proof, outlives: Sequence[str], issued_at: datetime, claims: Claims | None = None
) -> dict[str, Any]:
    """The certificate as plain values: the job's own account, the proof beside it, and what neither covers.

    "Verified" is what the proof read again; "claims" what documents claimed and what of it was not seen when the plan
    was made (`None`: a plan of an earlier version did not count it); the numbers of deletions are the job's record of
    each key's own result.
    """
    tally = job.tally
    return {
        "certificate_of": job.job_id,
        "issued_at": moment_text(issued_at),
        "scope": job.scope.spelled,
        "plan_id": job.plan_id,
        "fingerprint": job.fingerprint,
        "actor": job.actor,
        "maker": job.maker,
        "approved_by": list(job.approved_by),
        "reason": job.reason,
        "erased": job.erase,
        "begun_at": moment_text(job.created_at),
        "objects_deleted": tally.objects,
        "bytes_deleted": tally.bytes,
        "documents_deleted": tally.documents,
        "uploads_aborted": tally.uploads,
        "already_gone": tally.already_gone,
        "left_alone": tally.left_alone,
        "claims": None if claims is None else {**claims.as_dict(), "missing": shortened(claims.missing)},
        "verified": proof.as_dict(),
        "outlives": list(outlives),
    }
