"""Reads durable jobs and their journals."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any

from storage.clients.firestore import FirestoreHandle, field_path
from storage.domain.documents import RawDocument
from storage.domain.places import place_of
from storage.domain.purge.job import COLLECTION, GOES_ON_BY_ITSELF, JOURNAL, Job, State, entry_path, job_path
from storage.errors import NotFound
from storage.ids import check_stored_id
from storage.repositories.decode import raw_document
from storage.repositories.queries import Condition, build, start_after
from storage.repositories.records import Records
from storage.repositories.store_time import ReadAt

PAGE = 200


class Jobs:
    """The jobs of this project. No query here needs an index that Firestore does not keep by itself."""

    def __init__(self, handle: FirestoreHandle) -> None:
        self._handle = handle

    def get(self, job_id: str) -> Job:
        """The job; `NotFound` where no job has this id."""
        job = self.find(job_id)
        if job is None:
            place, remedy = place_of(job_id), "Look for its id in the audit, or where the job was begun."
            if place is not None and place.kind == "plan":
                remedy = f"That is {place.noun}; {place.command} apply begins its job, and prints the job's own id."
            raise NotFound(f"There is no job {job_id}.", remedy=remedy, target=job_id)
        return job

    def find(self, job_id: str) -> Job | None:
        """The job, or `None`: proven absent."""
        path = job_path(check_stored_id(job_id, "JOB_ID"))
        read_at = ReadAt()
        found = self._handle.batch_get([path], operation="Reading a job", read_time=read_at)[path]
        return None if found is None else _job(found, read_at)

    def recent(self, limit: int = 50) -> tuple[Job, ...]:
        query = build(COLLECTION, order_by="created_at", descending=True)
        query.limit.value = limit
        return self._run(query)

    def of_user(self, uid: str) -> tuple[Job, ...]:
        """Every job about the user, or about anything that belongs to the user, the oldest first."""
        jobs = self._run(build(COLLECTION, where=[("uid", "==", check_stored_id(uid, "uid"))]))
        return tuple(sorted(jobs, key=lambda job: job.created_at))

    def of_video(self, video_id: str) -> tuple[Job, ...]:
        """Every job that took one video, or clips of it, whoever the user is."""
        query = build(COLLECTION, where=[("target.video_id", "==", check_stored_id(video_id, "video_id"))])
        return (*self._run(query), *self.that_took(video_id))

    def that_took(self, name: str) -> tuple[Job, ...]:
        """The jobs whose `took` has the name."""
        if name.startswith("__"):
            return ()  # Firestore keeps such names of fields for itself
        return self._run(build(COLLECTION, where=[(field_path(("took", name)), "==", True)]))

    def of_address(self, digest: str) -> tuple[Job, ...]:
        """The purges of customers with this address that can be undone."""
        return self._run(build(COLLECTION, where=[("address", "==", digest)]))

    def going_on(self) -> tuple[Job, ...]:
        """The jobs that should have a worker."""
        return self.in_states(GOES_ON_BY_ITSELF)

    def in_states(self, states: Collection[State]) -> tuple[Job, ...]:
        return self._run(build(COLLECTION, where=[("state", "in", sorted(states))]))

    def ended_since(self, moment: datetime) -> tuple[Job, ...]:
        """The jobs that ended then or later, by Firestore's time."""
        return self._run(build(COLLECTION, where=[("finished_at", ">=", moment)], order_by="finished_at"))

    def in_quarantine(self) -> tuple[Job, ...]:
        """The purges whose quarantine is not empty."""
        return self._run(build(COLLECTION, where=[("quarantine", "==", "kept")]))

    def whose_copies_end(self, begin: datetime, end: datetime) -> tuple[Job, ...]:
        """The jobs of rows whose first copy ends in this time, from `begin` and before `end`."""
        within: list[Condition] = [("copies_until", ">=", begin), ("copies_until", "<", end)]
        return self._run(build(COLLECTION, where=within, order_by="copies_until"))

    def entry(self, job_id: str, sequence: int) -> Mapping[str, Any] | None:
        """One entry of a job's journal, or `None`: proven absent."""
        path = entry_path(job_id, sequence)
        found = self._handle.batch_get([path], operation="Reading a journal")[path]
        return None if found is None else raw_document(found).fields

    def journal(self, job_id: str) -> Iterator[Mapping[str, Any]]:
        """The whole journal in order, page by page."""
        query = build(JOURNAL)
        query.limit.value = PAGE
        while True:
            page = self._handle.run_query(
                query,
                lambda documents: [(document.name, raw_document(document)) for document in documents],
                operation="Reading a journal",
                parent=job_path(check_stored_id(job_id, "JOB_ID")),
            )
            yield from (_fields(document) for _, document in page)
            if len(page) < PAGE:
                return
            start_after(query, page[-1][0])

    def _run(self, query: Any) -> tuple[Job, ...]:
        read_at = ReadAt()
        return self._handle.run_query(
            query,
            lambda documents: tuple(_job(document, read_at) for document in documents),
            operation="Reading jobs",
            read_time=read_at,
        )


def jobs_of(records: Records) -> Jobs:
    """The jobs beside these records, for services that only read."""
    return Jobs(records._handle)


def _job(document: Any, read_at: ReadAt) -> Job:
    raw = raw_document(document)
    return Job.from_fields(_fields(raw), raw.update_time, read_at.at)


def _fields(document: RawDocument) -> Mapping[str, Any]:
    return document.fields or {}
