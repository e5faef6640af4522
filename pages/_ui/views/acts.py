"""The entries of the audit in words: what a person did, and to whom, with names before ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import streamlit as st

from pages._ui.data import loads
from pages._ui.kit.text import ABSENT
from storage.errors import StorageError
from storage.ids import is_stored_id

VERBS: Final[dict[str, str]] = {
    "media.look": "looked at clips",
    "page.look": "looked at a page",
    "link.issue": "made a link",
    "purge.plan": "made a purge plan",
    "purge.approve": "approved a purge",
    "purge.decline": "declined a purge",
    "purge.discard": "discarded a purge plan",
    "purge.apply": "began a purge",
    "purge.cancel": "asked a purge to stop",
    "purge.resume": "resumed a purge",
    "purge.end": "ended a purge",
    "purge.undo": "began to undo a purge",
    "purge.undo.end": "ended the undo of a purge",
    "purge.empty": "emptied a quarantine",
    "purge.quarantine.end": "ended a quarantine",
    "recount": "recounted",
    "set-status": "set the status",
    "highlights": "wrote highlights",
    "upload": "stored a clip",
    "thumbnail": "wrote a thumbnail",
    "rebuild-record": "rebuilt the record",
    "end-disclosure": "ended a disclosure",
    "undo-change": "took a change back",
    "failure-group": "marked a group of failures",
    "repair.plan": "planned a joint repair",
    "repair.approve": "approved a joint repair",
    "repair.discard": "discarded the plan of a joint repair",
    "repair.apply": "began a joint repair",
    "repair.cancel": "asked a joint repair to stop",
    "repair.resume": "resumed a joint repair",
    "repair.end": "ended a joint repair",
    "repair.undo": "began to undo a joint repair",
    "repair.undo.end": "ended the undo of a joint repair",
    "address.reveal": "revealed an address",
    "orphans.plan": "planned what to do with files without a document",
    "orphans.approve": "approved a plan for files without a document",
    "orphans.discard": "discarded a plan for files without a document",
    "orphans.apply": "began to adopt or remove files",
    "orphans.end": "ended adopting or removing files",
    "orphans.undo": "began to undo what was done with files",
    "orphans.undo.end": "ended the undo of what was done with files",
    "orphan.adopt": "adopted a file as a clip",
    "orphan.remove": "removed a file without a document",
    "request.ask": "told the team or asked for a deletion",
    "request.answer": "answered a request",
    "alerts.try": "sent a trial alert",
    "audit.vouch": "vouched for older entries",
    "audit.copy_failed": "could not copy entries",
}


def verb(action: str) -> str:
    """What the action is, in words; an action that this version does not know stays as it is."""
    return VERBS.get(action, action)


def named(entries: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The addresses and titles that the documents of these entries have now, by path; what is gone is not in it."""
    paths = {path for entry in entries for path in _paths(entry)}
    if not paths:
        return {}
    try:
        return dict(loads.names(tuple(sorted(paths))).value)
    except StorageError as error:
        st.caption(f"Addresses and titles could not be read ({error.message}), so the list shows ids.")
        return {}


def about(entry: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """Whom or what an entry is about: the title and the customer's address, as far as known, else the ids."""
    detail = entry.get("detail")
    scope = detail.get("scope") if isinstance(detail, Mapping) else None
    video, user = path(entry, "uid", "video_id"), path(entry, "uid")
    parts = [names.get(video or ""), names.get(user or "")]
    if not any(parts):
        ids = [str(entry.get(name) or "") for name in ("uid", "video_id", "clip_id")]
        return str(scope or "/".join(part for part in ids if part) or ABSENT)
    if video and not parts[0]:
        parts[0] = str(entry.get("video_id"))
    return " · ".join(part for part in parts if part)


def _paths(entry: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(one for one in (path(entry, "uid"), path(entry, "uid", "video_id")) if one)


def path(entry: Mapping[str, Any], *fields: str) -> str | None:
    """The path of the document that these fields name; `None` where a field is no id of a document."""
    ids = [str(entry.get(name) or "") for name in fields]
    if not all(is_stored_id(one) for one in ids):
        return None
    return "/".join(part for folder, one in zip(("users", "videos"), ids, strict=False) for part in (folder, one))
