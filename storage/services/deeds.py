"""Reads what persons did to a video, from the audit, for its timeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from storage.domain.diagnosis import Diagnosis, Entry
from storage.domain.diagnosis.timeline import DEEDS, OF_ACCOUNTS, deed, timeline
from storage.domain.purge.plan import moment
from storage.repositories.audit_log import AuditLog
from storage.services.diagnose import Case

MOST = 20  # the newest; a read each
_TOLD = frozenset({"done", "failed"})  # a deed that only began has a second entry when it ended


def deeds(log: AuditLog, uid: str, video_id: str) -> tuple[Entry, ...]:
    """The newest changes to the video, or to its whole account, by persons: two reads where there are none, at most
    `MOST` of each."""
    found = log.search(uid=uid, video_id=video_id, actions=DEEDS, limit=MOST)
    of_account = log.search(uid=uid, actions=OF_ACCOUNTS, limit=MOST)
    found += [one for one in of_account if not one.get("video_id")]
    return tuple(entry for one in found if one.get("outcome") in _TOLD and (entry := _entry(one)) is not None)


def with_deeds(case: Case, found: tuple[Entry, ...]) -> Case:
    """The same case with these deeds in its timeline."""
    if not found:
        return case
    diagnosed: Diagnosis = replace(case.diagnosis, timeline=timeline(case.facts, found))
    return replace(case, diagnosis=diagnosed)


def _entry(one: Mapping[str, Any]) -> Entry | None:
    try:
        at = moment(str(one.get("at")))
    except ValueError:
        return None
    return deed(at, *(str(one.get(name, "")) for name in ("action", "actor", "reason", "outcome")))
