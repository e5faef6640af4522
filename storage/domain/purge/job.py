"""A durable job as a frozen value: its subject, its progress, its holder, and its result.

A job lives in `ops_jobs/{job_id}` with its journal below it. The kinds are `purge`, the `undo` of a purge, and the
`empty` of a purge's quarantine; one engine runs all three, so each survives the end of its process. The certificate
says what was deleted, when, by whom and why, what was verified, and what outlives the purge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any, Literal, Self, get_args

from storage.domain.policy import Action
from storage.domain.purge.claims import Claims
from storage.domain.purge.plan import moment_text
from storage.domain.purge.scope import Scope
from storage.errors import Unusable

Kind = Literal["purge", "undo", "empty", "repair", "repair_undo", "adopt", "adopt_undo", "remove", "remove_undo"]
State = Literal[
    "ready",  # no worker has begun
    "running",  # a worker holds the lease
    "interrupted",  # a fault that may pass; a worker goes on after the lease's end
    "cancelled",  # a person stopped it between batches; a person may resume it or undo it
    "failed",  # a fault that will not pass by itself
    "done",  # ended; nothing is left and nothing was disturbed
    "incomplete",  # ended; something is left or was disturbed
    "undoing",
    "undone",
]
Quarantine = Literal["none", "kept", "restored", "emptied"]

GOES_ON_BY_ITSELF: frozenset[State] = frozenset({"ready", "running", "interrupted"})
REPAIRS: frozenset[Kind] = frozenset({"repair", "repair_undo"})  # of many videos
ORPHANS: frozenset[Kind] = frozenset({"adopt", "adopt_undo", "remove", "remove_undo"})  # of objects without a document
# What going on with a job needs; all other kinds are purges.
NEEDED: Mapping[Kind, Action] = {
    "undo": "purge.undo",
    "repair": "fix",
    "repair_undo": "fix",
    "adopt": "fix",
    "adopt_undo": "fix",
    "remove_undo": "purge.undo",
}
RESUMABLE: frozenset[State] = GOES_ON_BY_ITSELF | {"cancelled", "failed"}
ENDED: frozenset[State] = frozenset({"done", "incomplete", "undone"})

# documents of older versions lack these fields
LATER_FIELDS = frozenset({"undo_refused", "lease_seconds", "missing_acknowledged", "address", "took", "copies_until"})
DEFAULT_LEASE_SECONDS = 60  # for a worker whose version did not write the length of its lease

COLLECTION = "ops_jobs"
JOURNAL = "journal"

_OF_FIRESTORE = frozenset({"update_time", "read_time"})


MAX_RESIDUE = 100
MAX_LINE_CHARS = 1_100


@dataclass(frozen=True, slots=True)
class JobTally:
    """What a job has done so far. `already_gone`: in the plan, but absent before the job reached them. `left_alone`:
    in the plan, but changed since, so the job did not touch them."""

    objects: int = 0
    bytes: int = 0
    documents: int = 0
    uploads: int = 0
    already_gone: int = 0
    left_alone: int = 0

    def plus(self, other: JobTally) -> JobTally:
        return JobTally(*(getattr(self, part.name) + getattr(other, part.name) for part in fields(self)))


@dataclass(frozen=True, slots=True)
class Job:
    """One job. Times are aware UTC; `update_time` and `read_time` are Firestore's own: when it was written and read.

    A lease lasts `lease_seconds` from the last write of the document, by Firestore's time alone: no machine's clock
    decides who may touch a job. `lease_until` shows that end to people.

    `step` and `batch` say what is next (or under way: then the last journal entry is a beginning). `failure` is the
    error that stopped the job, in the form of `--json`. `residue` and `disturbed` come from the proof. `undo_refused`
    says why the last requested undo could not even begin. `missing_acknowledged` counts the objects that were claimed
    and never seen, and that the plan's maker acknowledged. `address`: the digest of a purged customer's address, by
    which Find finds the purge while it can be undone. `took`: the ids of its videos, and its public links as `/c/SLUG`,
    where the scope does not name them. `copies_until`: when the first copy ends that a row of this job keeps; `None`
    where none keeps any.
    """

    job_id: str
    kind: Kind
    of: str
    plan_id: str
    fingerprint: str
    scope: Scope
    maker: str
    actor: str
    approved_by: tuple[str, ...]
    reason: str
    erase: bool
    created_at: datetime
    objects_total: int
    bytes_total: int
    documents_total: int
    state: State = "ready"
    step: str = ""
    batch: int = 0
    sequence: int = 0
    lease_owner: str = ""
    lease_until: datetime | None = None
    lease_seconds: int | None = None
    epoch: int = 0
    cancel_by: str = ""
    tally: JobTally = field(default_factory=JobTally)
    residue: tuple[str, ...] = ()
    disturbed: tuple[str, ...] = ()
    failure: Mapping[str, str] | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    quarantine: Quarantine = "none"
    quarantine_until: datetime | None = None
    undo_job: str = ""
    undo_refused: Mapping[str, str] | None = None
    missing_acknowledged: int = 0
    address: str = ""
    took: tuple[str, ...] = ()
    copies_until: datetime | None = None
    update_time: datetime | None = None
    read_time: datetime | None = None

    @property
    def path(self) -> str:
        return job_path(self.job_id)

    @property
    def share_done(self) -> float:
        """The share of its objects and documents that it has finished, from 0 to 1."""
        tally = self.tally
        total = self.objects_total + self.documents_total
        done = tally.objects + tally.documents + tally.already_gone + tally.left_alone
        return 1.0 if self.state in ENDED or not total else min(1.0, done / total)

    def objects_per_second(self, now: datetime) -> float:
        """The mean rate since a worker first began the job; pauses between workers count."""
        if self.started_at is None:
            return 0.0
        seconds = ((self.finished_at or now) - self.started_at).total_seconds()
        return self.tally.objects / seconds if seconds > 0 else 0.0

    @property
    def held(self) -> bool:
        """Whether a worker held the job when it was read, by its lease."""
        return bool(self.lease_owner) and self.lease_until is not None and not self._lease_over

    @property
    def abandoned(self) -> bool:
        """Whether a worker should take the job up and its lease had ended; an interrupted job rests until then."""
        return self.state in GOES_ON_BY_ITSELF and (self.lease_until is None or self._lease_over)

    @property
    def quarantine_over(self) -> bool:
        """Whether the quarantine had expired when the job was read."""
        return (
            self.quarantine_until is not None and self.read_time is not None and self.read_time >= self.quarantine_until
        )

    @property
    def _lease_over(self) -> bool:
        """Unknown write or read times count as: the lease is not over."""
        if self.update_time is None or self.read_time is None:
            return False
        return self.read_time - self.update_time >= self._lease

    @property
    def _lease(self) -> timedelta:
        """Its length. Earlier versions wrote its end, by the worker's clock: a minute, or longer up to that end."""
        if self.lease_seconds is not None:
            return timedelta(seconds=self.lease_seconds)
        least = timedelta(seconds=DEFAULT_LEASE_SECONDS)
        if self.lease_until is None or self.update_time is None:
            return least
        return max(least, self.lease_until - self.update_time)

    @property
    def undo_failed(self) -> bool:
        """Whether an undo of this purge was asked for and has not restored everything: the quarantine does not expire.

        An undo that is still at work counts too: until it has ended, its result is unknown.
        """
        return self.quarantine == "kept" and (bool(self.undo_job) or self.undo_refused is not None)

    def to_fields(self) -> dict[str, Any]:
        values = {part.name: getattr(self, part.name) for part in fields(self) if part.name not in _OF_FIRESTORE}
        values["scope"] = self.scope.spelled
        values["uid"] = self.scope.uid
        values["target"] = self.scope.as_dict()

        values["tally"] = {part.name: getattr(self.tally, part.name) for part in fields(self.tally)}
        for name in ("failure", "undo_refused"):
            values[name] = None if values[name] is None else dict(values[name])
        values["took"] = dict.fromkeys(self.took, True)  # each name is a field of its own, which Firestore indexes
        for name in ("approved_by", "residue", "disturbed"):
            values[name] = list(values[name])
        return values

    @classmethod
    def from_fields(
        cls, values: Mapping[str, Any], update_time: datetime | None, read_time: datetime | None = None
    ) -> Self:
        """The inverse of `to_fields`; raises `Unusable` for a document that is not a job of this version."""
        try:
            names = {part.name for part in fields(cls)} - _OF_FIRESTORE - (LATER_FIELDS - values.keys())
            known = {name: values[name] for name in names}
            known["scope"] = Scope.from_dict(values["target"])
            known["tally"] = JobTally(**values["tally"])
            known["took"] = tuple(sorted(values.get("took") or ()))
            for name in ("approved_by", "residue", "disturbed"):
                known[name] = tuple(known[name])
            if known["state"] not in get_args(State) or known["kind"] not in get_args(Kind):
                raise ValueError(known["state"])
            return cls(**known, update_time=update_time, read_time=read_time)
        except (KeyError, TypeError, ValueError) as error:
            raise Unusable(
                "A job's document is not one that this version wrote.",
                remedy="Use the version of the desk that began the job.",
                operation="Reading a job",
                target=str(values.get("job_id", "")),
            ) from error


def job_path(job_id: str) -> str:
    return f"{COLLECTION}/{job_id}"


def entry_path(job_id: str, sequence: int) -> str:
    """The path of an entry of a job's journal; entries sort by their number."""
    return f"{job_path(job_id)}/{JOURNAL}/{sequence:08d}"


@dataclass(frozen=True, slots=True)
class Proof:
    """What was read again at the end. `residue` lists what still exists of the scope, one line each.

    `neighbours` counts the objects beside the scope that were compared; `disturbed` lists those that went missing.
    `never_seen` lists the objects that completed clips claimed and no look ever showed: nothing is proven about them.
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
        """Whether nothing is left, nothing else was lost, and every claimed object was seen."""
        return not self.residue and not self.disturbed and not self.never_seen

    def as_dict(self) -> dict[str, Any]:
        """Plain values; long lists are cut and say so."""
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
    """At most so many lines, none longer than any key, and one line that says how many more there are.

    So the lines fit into a document of Firestore, which holds 1 MiB, whatever the ids are.
    """
    kept = [line if len(line) <= MAX_LINE_CHARS else f"{line[:MAX_LINE_CHARS]}…" for line in lines[:most]]
    return kept if len(lines) <= most else [*kept, f"and {len(lines) - most:,} more"]


def what_outlives(job: Job, *, wider: Sequence[str], public_url: str, never_seen: int | None = 0) -> tuple[str, ...]:
    """What a purge cannot reach, in words for the person who has to answer for it.

    `wider` are the earlier purges of a wider scope whose quarantines still hold copies. `never_seen` is `None` where
    the plan did not count the claims.
    """
    lines = [
        "Firestore's point-in-time recovery keeps older versions for up to 7 days (1 hour where it is off).",
        "Scheduled backups and exports of Firestore keep what they hold until they expire.",
        "Links that were issued earlier stop working at once where they lead to a deleted object; what people "
        "downloaded through them is out of reach.",
        "The plan, the journal and this certificate stay, with ids, numbers and times alone; the audit names ids."
        if job.erase
        else "The plan, the journal, this certificate and the audit name keys and ids, and stay.",
    ]
    if never_seen is None:
        lines.append(
            "An earlier version made the plan and did not count what completed clips claimed: nothing proves that "
            "objects which were never seen are gone."
        )
    elif never_seen:
        lines.append(
            "One object that completed clips claimed was never seen, and is not proven to be gone: "
            "if it is in another bucket, it is still there."
            if never_seen == 1
            else f"{never_seen:,} objects that completed clips claimed were never seen, and are not proven to be gone: "
            "if they are in another bucket, they are still there."
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
    """The certificate as plain values: the job's own account, the proof, and what neither covers.

    "Verified" is what the proof read again. "claims" is what documents claimed and what of it was not seen when the
    plan was made (`None`: an earlier version made the plan and did not count it). The numbers of deletions are the
    job's record of the result for each key.
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
