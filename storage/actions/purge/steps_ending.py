"""The last steps of a purge: counters, quarantines of earlier purges that erasing empties too, and the proof."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from storage.actions import undoable
from storage.actions.documents import Update
from storage.actions.purge.context import Purging
from storage.actions.purge.counting import set_counters
from storage.actions.purge.engine import Note, Outcome, Seen
from storage.actions.purge.ledger import Ledger
from storage.actions.purge.neighbours import compare, snapshot
from storage.actions.purge.quarantine import empty
from storage.actions.purge.survey import survey
from storage.actions.undoable import Recorded
from storage.domain.purge.certificate import Proof, certificate, shortened, what_outlives
from storage.domain.purge.job import Job
from storage.domain.purge.own_keys import certificate_key, neighbours_key, quarantine_prefix
from storage.domain.purge.places import all_prefixes
from storage.domain.purge.plan import PurgePlan
from storage.domain.purge.scope import Scope
from storage.domain.purge.world import World
from storage.errors import Stale

MAX_NEIGHBOURS_BYTES = 16 * 1_048_576


@dataclass(frozen=True, slots=True)
class Single:
    """A step of one batch that notes nothing before."""

    name: str
    purging: Purging
    ledger: Ledger
    plan: PurgePlan

    def batches(self) -> int:
        """Always one."""
        return 1

    def look(self, batch: int) -> Seen:
        """Nothing."""
        return {}


class NoteNeighbours(Single):
    """Notes what lies beside the scope before anything goes, for the proof."""

    def act(self, batch: int, seen: Seen, *, again: bool, note: Note) -> Outcome:
        """Lists the neighbours and keeps the list."""
        beside = snapshot(self.purging.stores, self.plan)
        content = json.dumps(beside, sort_keys=True).encode()
        self.purging.writers.objects.put(neighbours_key(self.ledger.job.job_id), content, "application/json")
        return Outcome(entry={"neighbours": len(beside)})


class SetCounters(Single):
    """Recounts what the scope's removal leaves wrong."""

    def act(self, batch: int, seen: Seen, *, again: bool, note: Note) -> Outcome:
        """A user's own counters go with the user; for anything smaller, user, accounting and the videos of clips."""
        scope = self.plan.scope
        if scope.kind == "user":
            return Outcome(entry={"changed": []})
        videos = scope.video_ids if scope.clips else ()
        self.ledger.hold()
        changed = set_counters(self.purging.stores, self.purging.writers.documents, scope.uid, videos)
        rows = [{"path": c.path, "field": c.field, "before": c.before, "after": c.after} for c in changed]
        return Outcome(entry={"changed": rows})


class EmptyEarlier(Single):
    """When erasing: empties what earlier purges of the same scope (or of a part of it) and repairs in it still keep."""

    def act(self, batch: int, seen: Seen, *, again: bool, note: Note) -> Outcome:
        """Job by job; each is told that its quarantine is empty before it is emptied, so that no undo begins."""
        emptied = []
        for job in self.purging.jobs.of_user(self.plan.scope.uid):
            if job.quarantine in {"kept", "emptied"} and self.plan.scope.covers(job.scope) and job.kind == "purge":
                self._close(job)
                self.ledger.hold()
                count = empty(self.purging, quarantine_prefix(job.job_id))
                emptied.append({"job_id": job.job_id, "objects": count})
        replaced = 0
        for change in undoable.of_user(self.purging.stores, self.plan.scope.uid):
            if self._covers(change):
                self.ledger.hold()
                undoable.empty_kept(self.purging.writers, change)
                replaced += len(change.rows)
        return Outcome(entry={"emptied": emptied, "replaced": replaced})

    def _covers(self, change: Recorded) -> bool:
        """Whether what a repair replaced, and keeps, is of the scope."""
        planned = {item.key for item in self.plan.objects}
        whole = change.video_id and self.plan.scope.covers(Scope.of(change.uid, change.video_id))
        kept = any(row.kept is not None for row in change.rows)
        return kept and (bool(whole) or any(row.key in planned for row in change.rows))

    def _close(self, job: Job) -> None:
        while job.quarantine == "kept":
            try:
                self.ledger.commit(
                    [Update(job.path, {"quarantine": "emptied"}, job.update_time)], operation="Closing a quarantine"
                )
                return
            except Stale:
                job = self.purging.jobs.get(job.job_id)


class Prove(Single):
    """Reads everything again: what of the scope is left, and whether the neighbours are there."""

    def act(self, batch: int, seen: Seen, *, again: bool, note: Note) -> Outcome:
        """The proof goes to the journal and into the certificate; its lists to the job."""
        proof, now, job = self.proof(), self.ledger.now(), self.ledger.job
        public_url = self.purging.stores.settings.r2.public_url
        outlives = what_outlives(job, wider=self._wider(), public_url=public_url, never_seen=len(proof.never_seen))
        content = json.dumps(certificate(job, proof, outlives, now, self.plan.claims), indent=1).encode()
        self.purging.writers.objects.put(certificate_key(job.job_id), content, "application/json")
        lists = {"residue": tuple(shortened(proof.residue)), "disturbed": tuple(shortened(proof.disturbed))}
        return Outcome(entry={"proof": proof.as_dict()}, changes={**lists, "finished_at": now})

    def _wider(self) -> list[str]:
        """The earlier purges of more than this scope whose quarantines hold copies of it."""
        scope = self.plan.scope
        jobs = self.purging.jobs.of_user(scope.uid)
        wider = [job for job in jobs if job.job_id != self.ledger.job.job_id and job.scope.covers(scope)]
        return [job.job_id for job in wider if job.quarantine == "kept" and not scope.covers(job.scope)]

    def proof(self) -> Proof:
        """A survey of the scope as for a plan, and the neighbours compared with the note of the beginning."""
        purging, plan = self.purging, self.plan
        now = purging.now()
        world = survey(purging.stores, plan.scope, purging.limits, now, purging.progress)
        kept = purging.stores.objects.get_bytes(neighbours_key(self.ledger.job.job_id), MAX_NEIGHBOURS_BYTES)
        beside: Mapping[str, Any] = json.loads(kept)
        return Proof(
            read_at=now,
            prefixes=all_prefixes(plan.scope, purging.stores.layout),
            objects_left=len(world.objects),
            documents_left=len(world.documents),
            uploads_left=len(world.uploads),
            residue=residue(world),
            neighbours=len(beside),
            disturbed=compare(purging.stores, plan, beside),
            never_seen=plan.claims.missing if plan.claims is not None else (),
        )


def residue(world: World) -> tuple[str, ...]:
    """What is left, one line for each."""
    lines = [f"object: {item.key}" for item in world.objects]
    lines += [f"document: {item.path}" for item in world.documents]
    return (*lines, *(f"unfinished upload: {item.key}" for item in world.uploads))
