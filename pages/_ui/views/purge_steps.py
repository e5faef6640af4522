"""How far a job is, in words: its steps in their order, what is done of them, how fast it goes, how long it takes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from storage.domain.purge.job import ENDED, Job

Place = Literal["done", "now", "next"]
RATE_SECONDS = 20.0  # the span over which the rate is taken

_PURGE = (
    ("neighbours", "Note what lies beside it"),
    ("save", "Copy the documents to quarantine"),
    ("slugs", "Public share links"),
    ("uploads", "Open uploads"),
    ("objects", "Objects: copy, verify the copy, delete"),
    ("documents", "Documents, leaves first"),
    ("counters", "Counters"),
    ("earlier quarantines", "Earlier quarantines"),
    ("proof", "Read everything again, as proof"),
)
_UNDO = (
    ("objects back", "Objects back"),
    ("documents back", "Documents back, parents first"),
    ("look", "Read everything again, as proof"),
    ("counters", "Counters"),
    ("empty", "Empty the quarantine"),
)
_EMPTY = (("empty", "Empty the quarantine"),)


@dataclass(frozen=True, slots=True)
class Step:
    """One step, with how many of its batches are done where it is under way."""

    name: str
    words: str
    place: Place
    batches: int = 0


@dataclass(frozen=True, slots=True)
class Sample:
    """How much was done at a moment."""

    at: datetime
    done: int


def steps(job: Job) -> tuple[Step, ...]:
    """Every step of this kind of job; one that this version does not know stands at its end under its own name."""
    known = list({"purge": _PURGE, "undo": _UNDO, "empty": _EMPTY}[job.kind])
    if job.kind == "purge":
        left_out = "save" if job.erase else "earlier quarantines"
        known = [step for step in known if step[0] != left_out]
        known = [(name, "Objects: delete") if job.erase and name == "objects" else (name, text) for name, text in known]
    names = [name for name, _ in known]
    if job.step and job.step not in names:
        known.append((job.step, job.step))
        names.append(job.step)
    at = len(names) if job.state in ENDED else names.index(job.step) if job.step else -1
    places: list[Step] = []
    for number, (name, words) in enumerate(known):
        place: Place = "done" if number < at else "now" if number == at else "next"
        places.append(Step(name, words, place, job.batch if place == "now" else 0))
    return tuple(places)


def handled(job: Job) -> int:
    """Objects and documents that had their turn: gone, found gone already, or left alone because they changed."""
    tally = job.tally
    return tally.objects + tally.documents + tally.already_gone + tally.left_alone


def total(job: Job) -> int:
    """Objects and documents that are to have their turn."""
    return job.objects_total + job.documents_total


def rate(samples: list[Sample]) -> float | None:
    """Things a second between the first and the last sample; `None` while nothing can be said."""
    if len(samples) < 2:
        return None
    seconds = (samples[-1].at - samples[0].at).total_seconds()
    done = samples[-1].done - samples[0].done
    return done / seconds if seconds >= 1 and done > 0 else None


def sampled(samples: list[Sample], now: datetime, done: int) -> list[Sample]:
    """The samples of the last while, this one included."""
    recent = [sample for sample in samples if (now - sample.at).total_seconds() <= RATE_SECONDS]
    return [*recent, Sample(now, done)]
