"""Describes what a scan found (customer's plan, titles, the worker's style, ages), and reads and compares kept scans.

`described` is the one way from a scan's findings to the table that is kept: it takes findings as `verify --all --json`
prints them, whichever engine made them.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from storage.domain.layout import Layout
from storage.domain.scans.kept import KeptScan, ScanHead, frame_of, identities
from storage.errors import BadInput, NotFound, StorageError
from storage.ids import is_stored_id
from storage.repositories.objects import Objects
from storage.repositories.records import Records
from storage.repositories.scans import read_kept, scan_records
from storage.repositories.stores import Stores

TREND = 30  # the scans of a trend
_PAGE = 300  # documents that one call asks for
MAX_LIMIT = 1_000

FindingRow = Mapping[str, Any]
"""A finding as `verify --json` prints it; `stranger` and `doubted` are true where they hold for its customer."""


def described(
    records: Records, layout: Layout, findings: Iterable[FindingRow], known: Collection[tuple[str | None, ...]] = ()
) -> pd.DataFrame:
    """The table of these findings, with what the documents say of customer, video and clip.

    Reads each customer's document, and for a finding that is not `known` its video's and its clip's. What a store does
    not say stays unknown.
    """
    frame = frame_of(_row(finding) for finding in findings)
    fresh = [identity not in known for identity in identities(frame)]
    columns = (frame[name].tolist() for name in ("uid", "video_id", "clip_id"))
    paths = [_paths(*ids) for ids in zip(*columns, strict=True)]
    wanted = {user for user, _, _ in paths}
    wanted |= {path for (_, *rest), new in zip(paths, fresh, strict=True) if new for path in rest}
    read = _documents(records, sorted(path for path in wanted if path))
    told = []
    for key, three, new in zip(frame["key"], paths, fresh, strict=True):
        fields = [read.get(path, {}) for path in three]
        # What is known of a finding is taken over whole: of its documents, others may have asked for some.
        told.append(_told(layout, key, *fields) if new else _told(layout, None, fields[0], {}, {}))
    for name in ("email", "plan", "title", "style", "made_at", "video_created_at"):
        frame[name] = [one[name] for one in told]
    return frame_of(frame.to_dict("records"))


def kept_scan(stores: Stores, scan_id: str) -> KeptScan:
    """One kept scan; `NotFound` where there is none."""
    return read_kept(stores.objects, scan_records(stores.records).head(scan_id))


def two_scans(records: Records, objects: Objects, ids: Sequence[str]) -> tuple[KeptScan, KeptScan]:
    """The older and the newer scan of these ids; without ids, the last two whole ones."""
    found = scan_records(records)
    if not ids:
        heads: Sequence[ScanHead] = found.heads(2, parts=False)
        if len(heads) < 2:
            raise NotFound(
                "There are no two kept scans to compare.",
                remedy="Keep another: python -m storage verify --all --keep",
            )
        heads = heads[::-1]
    elif len(ids) == 2:
        heads = [found.head(scan_id) for scan_id in ids]
    else:
        raise BadInput("diff takes two scans, or none: the last two", field_name="SCAN_ID", remedy="See: scans --help")
    return read_kept(objects, heads[0]), read_kept(objects, heads[1])


def _row(finding: FindingRow) -> dict[str, Any]:
    told = finding.get("disclosure")
    disclosure: Mapping[str, Any] = told if isinstance(told, Mapping) else {}
    return {
        **{name: finding.get(name) for name in ("kind", "severity", "uid", "video_id", "clip_id", "key", "detail")},
        **{name: None if finding.get(name) is None else json.dumps(finding[name]) for name in ("expected", "actual")},
        "disclosure": bool(disclosure),
        "owner": disclosure.get("owner"),
        "since": _moment(disclosure.get("since")),
        "links": json.dumps(list(disclosure["links"])) if disclosure.get("links") else None,
        "stranger": bool(finding.get("stranger")),
        "doubted": bool(finding.get("doubted")),
        "last_seen": _moment(finding.get("last_seen_at")),
    }


def _moment(value: object) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else value if isinstance(value, datetime) else None


def _paths(uid: str, video_id: str | None, clip_id: str | None) -> tuple[str, str, str]:
    """The documents of the customer, the video and the clip; empty where there is none."""
    if not is_stored_id(uid):
        return "", "", ""
    user = f"users/{uid}"
    if video_id is None or not is_stored_id(video_id):
        return user, "", ""
    video = f"{user}/videos/{video_id}"
    return user, video, f"{video}/clips/{clip_id}" if clip_id is not None and is_stored_id(clip_id) else ""


def _documents(records: Records, paths: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """The fields by path, of as many as the store gives."""
    found: dict[str, Mapping[str, Any]] = {}
    for page in _pages(paths):
        try:
            read = records.many(page)
        except StorageError:
            return found  # what is not known of a finding keeps nobody from seeing it
        found |= {path: one.fields for path, one in read.items() if one is not None and one.fields is not None}
    return found


def _pages(paths: Sequence[str]) -> Iterator[Sequence[str]]:
    yield from (paths[start : start + _PAGE] for start in range(0, len(paths), _PAGE))


def _told(
    layout: Layout, key: str | None, user: Mapping[str, Any], video: Mapping[str, Any], clip: Mapping[str, Any]
) -> dict[str, Any]:
    named = layout.parse(key).clip if key else None
    titles = [_text(video.get("video_title")), _text(clip.get("scene_title"))]
    created = _time(video.get("created_at"))
    return {
        "email": _text(user.get("email")),
        "plan": _text(user.get("plan_tier")) or _text(user.get("plan")),
        "title": " · ".join(title for title in titles if title) or None,
        "style": _text(clip.get("style")) or (named.style if named else None) or None,
        "made_at": _time(clip.get("created_at")) or created,
        "video_created_at": created,
    }


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _time(value: object) -> datetime | None:
    return value if isinstance(value, datetime) else None
