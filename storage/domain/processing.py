"""Whether something is being processed, as the product reads it, and how long its worker may be silent.

One notion for every guard, list and diagnosis.
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
    """True but for a status that says the work has ended: the backend reads none, or an unknown one, as processing.

    A worker may write at any moment. Whether one still does is a matter of when it was last touched.
    """
    return not isinstance(status, str) or status.strip().lower() not in ENDED


def step_of(*, rendering: bool, highlights: bool) -> Step:
    """Which job a video in progress waits for. `rendering`: its document holds the progress of one, or says how many
    clips were asked for or are done. `highlights`: there are some; then the analysis is over.
    """
    if rendering:
        return "render"
    return "top_scenes" if highlights else "analysis"


def step_in(document: Mapping[str, object]) -> Step:
    """The same by a video's document alone, for whoever has not looked for the highlights themselves."""
    asked = any(_positive(document.get(name)) for name in ("expected_clips", "completed_clips"))
    rendering = asked or isinstance(document.get("processing_progress"), Mapping)
    return step_of(rendering=rendering, highlights=_positive(document.get("highlights_count")))


def _positive(count: object) -> bool:
    return isinstance(count, Integral) and not isinstance(count, bool) and int(count) > 0


def silence_limit(stale_after: timedelta, step: Step) -> timedelta:
    """How long the job of this step may touch nothing before it counts as stalled."""
    return stale_after * PATIENCE[step]
