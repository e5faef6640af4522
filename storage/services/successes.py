"""Finds the last success of each step, for the question whether an outage still goes on.

A success that this desk wrote itself, as by setting a status, is none: it is left out where a change of the desk names
its video. An analysis ends with the document `highlights/main`; the older product, which serves files, writes none, and
there the last completed video stands for the analysis too. A time in the future is not believed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime

from storage.domain.diagnosis import Absent, Fact, Known, Stage, Unknown
from storage.domain.integrity.join import CLOCK_TOLERANCE
from storage.errors import AccessDenied, StorageError
from storage.repositories.successes import Success, success_records
from storage.services.verify import VerifyContext

LOOKED_AT = 5  # the newest successes of a step, in case some of them are the desk's own
JOBS: tuple[Stage, ...] = ("analysis", "render", "finish")


def last_successes(checker: VerifyContext, stages: Collection[Stage]) -> dict[Stage, Fact[datetime]]:
    """The last success of each of these steps: a query of at most 5 reads for each, and one for the desk's changes."""
    reader, now = success_records(checker.records), checker.clock()
    older = checker.deployment.highlights_source == "object"

    def last(ask: Callable[[int], list[Success]]) -> Fact[datetime]:
        try:
            found = [one for one in ask(LOOKED_AT) if one.at <= now + CLOCK_TOLERANCE]
            ours = reader.changed_here([one.video_id for one in found]) if found else set()
        except StorageError as error:
            return Unknown(error.message, error.code, error.remedy, refused=isinstance(error, AccessDenied))
        theirs = [one.at for one in found if (one.uid, one.video_id) not in ours]
        return Known(max(theirs)) if theirs else Absent()

    wanted = [stage for stage in JOBS if stage in stages]
    by_video = [stage for stage in wanted if older or stage != "analysis"]
    finished = last(reader.finished) if by_video else Absent()
    return {stage: finished if stage in by_video else last(reader.analysed) for stage in wanted}
