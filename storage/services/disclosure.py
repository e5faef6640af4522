"""Reads the documents of a disclosure and plans the changes that end it. Writes nothing."""

from __future__ import annotations

from datetime import datetime

from storage.domain import disclosure
from storage.domain.changes import ChangeSet
from storage.domain.documents import RawDocument
from storage.domain.integrity.join import texts
from storage.domain.shares import links_of
from storage.errors import BadInput, NotFound, Refused
from storage.repositories.stores import Stores

MOST_ASTRAY = 30  # documents that one change corrects: with their shares, they fit into one commit
MOST_LINKS = 100


def what_ends_it(stores: Stores, uid: str, video_id: str, now: datetime) -> ChangeSet:
    """The changes: a corrected key where the customer's own object is there, else the clip's status set to failed; the
    shares of those clips disabled, with every public link to them. Covers at most `MOST_ASTRAY` documents; then the
    caller plans again.

    Raises `NotFound` without the video, and `Refused` where no document that the product delivers names another
    customer's object. Raises any error of a reading, because an unknown fact allows no change.
    """
    base = f"users/{uid}/videos/{video_id}"
    clips = stores.records.clips(uid, video_id).whole()
    keys = zip(clips["path"], clips["exists"], texts(clips["r2_key"]), texts(clips["thumbnail_r2_key"]), strict=True)
    suspects = [
        path
        for path, exists, *named in keys
        if exists and any(stores.layout.standing(key, uid) == "others" for key in named)
    ]
    read = _read(stores, [base, *suspects])
    if base not in read:
        raise NotFound(f"There is no document for video {video_id} of customer {uid}.", remedy="Look it up with find.")
    delivered = {
        path: one.fields or {}
        for path, one in read.items()
        if path == base or (one.fields or {}).get("status") != "failed"
    }
    named = disclosure.astray(stores.layout, uid, video_id, delivered)
    found = [one for one in named if _holds(stores, one.key)][:MOST_ASTRAY]
    if not found:
        raise Refused(
            "No document of this video that the product delivers names another customer's object that is there.",
            remedy="Check again: it may have been set right meanwhile.",
        )
    shared = sorted({one.path for one in found if one.path != base})
    settings = {one.path: one for path in shared for one in stores.records.documents(path, "shares")}
    links = _read(stores, _links(stores, uid, video_id, shared)) if shared else {}
    there = {key: _holds(stores, key) for one in found for key in one.rightful}
    changes = (
        *disclosure.corrected(found, there, delivered, now),
        *disclosure.disabled(_fields(settings), _fields(links), now),
    )
    seen = {path: one.update_time for path, one in {**read, **settings, **links}.items() if one.update_time is not None}
    touched = {change.path for change in changes}
    return ChangeSet("disclosure", uid, video_id, changes, {path: at for path, at in seen.items() if path in touched})


def _read(stores: Stores, paths: list[str]) -> dict[str, RawDocument]:
    found = stores.records.many(paths)
    return {path: one for path, one in found.items() if one is not None and one.fields is not None}


def _fields(documents: dict[str, RawDocument]) -> disclosure.Documents:
    return {path: one.fields for path, one in documents.items() if one.fields is not None}


def _links(stores: Stores, uid: str, video_id: str, shared: list[str]) -> list[str]:
    """The paths of the public links to these clips, by their paths."""
    table = stores.records.share_slugs(uid, video_id).whole()
    base = f"users/{uid}/videos/{video_id}/clips"
    return [link.path for link in links_of(table) if f"{base}/{link.clip_id}" in shared][:MOST_LINKS]


def _holds(stores: Stores, key: str) -> bool:
    """Whether there is an object that is not empty; raises where the store does not say."""
    try:
        info = stores.objects.head(key)
    except BadInput:
        return False  # no store can hold an object at such a key
    return info is not None and info.size_bytes > 0
