"""Whether something is being processed, as the product reads it: one notion for every guard, list and diagnosis."""

from __future__ import annotations

ENDED = frozenset({"analyzed", "completed", "failed"})


def being_processed(status: object) -> bool:
    """True but for a status that says the work has ended: the backend reads none, or an unknown one, as processing.

    A worker may write at any moment. Whether one still does is a matter of when it was last touched.
    """
    return not isinstance(status, str) or status.strip().lower() not in ENDED
