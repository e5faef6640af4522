"""Reads what persons said of groups of failures: a few documents that hold no text and no id of a customer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from storage.domain.diagnosis.groups import Mark
from storage.domain.documents import RawDocument
from storage.repositories.decode import raw_document
from storage.repositories.queries import build
from storage.repositories.records import Records

COLLECTION = "ops_failure_groups"
MOST = 500


def group_path(identity: str) -> str:
    """The document of one group."""
    return f"{COLLECTION}/{identity}"


def read_marks(records: Records) -> dict[str, Mark]:
    """What persons said, by the group's id; a read for each, and one where there is none. Spoilt ones are left out."""
    query = build(COLLECTION)
    query.limit.value = MOST

    def consume(documents: Any) -> list[RawDocument]:
        return [raw_document(document) for document in documents]

    found = records._handle.run_query(query, consume, operation="Reading what was said of groups of failures")
    marks = ((one.path.rpartition("/")[2], mark_from(one)) for one in found)
    return {identity: mark for identity, mark in marks if mark is not None}


def mark_from(document: RawDocument | None) -> Mark | None:
    """The mark of one document; `None` where there is none, or an unusable one."""
    fields = (document.fields if document else None) or {}
    state, at, until_more = fields.get("state"), fields.get("at"), fields.get("until_more", 0)
    if state not in ("archived", "resolved") or not isinstance(at, datetime) or not isinstance(until_more, int):
        return None
    by, reason = (str(fields.get(name) or "")[:1_000] for name in ("by", "reason"))
    return Mark(state, at, by, reason, until_more)
