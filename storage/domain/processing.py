"""Tells whether the product counts a thing as being processed, and how long its worker may be silent.

Every guard, list and diagnosis uses this rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from numbers import Integral
from typing import Literal

ENDED = frozenset({"analyzed", "completed", "failed"})

Step = Literal["analysis", "render", "top_scenes"]
# Source: the product's worker. A rendering touches the video when a scene begins and ends, and after each clip. An
# analysis touches it once, at its end, behind a queue and after up to three attempts. A Top Scenes job writes no
# progress, and touches nothing until it is done.
PATIENCE: Mapping[Step, int] = {"render": 1, "analysis": 3, "top_scenes": 4}
LONGEST = max(PATIENCE.values())


def being_processed(status: object) -> bool:
    """False only for a status of ended work: the backend reads a missing or unknown status as processing.

    A worker may then write at any moment. The time of the last touch tells whether one still does.
    """
    return not isinstance(status, str) or status.strip().lower() not in ENDED


def step_of(*, rendering: bool, highlights: bool) -> Step:
    """The job that a video in progress waits for. `rendering`: its document holds the progress of a rendering, or the
    number of clips expected or done. `highlights`: the video has highlights, so the analysis is over.
    """
    if rendering:
        return "render"
    return "top_scenes" if highlights else "analysis"


def step_in(document: Mapping[str, object]) -> Step:
    """The same from a video's document alone, for callers that have not read the highlights."""
    asked = any(_positive(document.get(name)) for name in ("expected_clips", "completed_clips"))
    rendering = asked or isinstance(document.get("processing_progress"), Mapping)
    return step_of(rendering=rendering, highlights=_positive(document.get("highlights_count")))


def _positive(count: object) -> bool:
    return isinstance(count, Integral) and not isinstance(count, bool) and int(count) > 0


def silence_limit(stale_after: timedelta, step: Step) -> timedelta:
    """The time for which the job of this step may touch nothing before it counts as stalled."""
    return stale_after * PATIENCE[step]
