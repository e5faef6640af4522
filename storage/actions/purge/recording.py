"""Records refusals and failures of purge actions in the audit before they reach whoever asked."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from storage.actions.purge.context import Purging
from storage.domain.audit_chain import Event
from storage.errors import Refused, StorageError

MAX_REASONS = 10
MAX_CHARS = 300

_log = logging.getLogger(__name__)


@contextmanager
def refusals_recorded(purging: Purging, event: Event) -> Iterator[None]:
    """Within the block, a `Refused` is recorded under the event's action before it is raised on.

    Where the audit itself cannot be written, the refusal stands all the same: nothing was changed.
    """
    try:
        yield
    except Refused as refused:
        grounds = [reason[:MAX_CHARS] for reason in refused.reasons[:MAX_REASONS]] or [refused.message[:MAX_CHARS]]
        detail = {**event.detail, "code": refused.code, "grounds": grounds}
        try:
            purging.trail.append(replace(event, outcome="refused", detail=detail))
        except StorageError as error:
            _log.warning("a refusal could not be recorded: %s", error.message)
        raise
