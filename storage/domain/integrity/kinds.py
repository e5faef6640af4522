"""Kinds of findings in words for a sentence: `1 missing object`, `2 keys outside the account`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

_ONE_AND_MORE: Final[Mapping[str, tuple[str, str]]] = {
    "missing_object": ("missing object", "missing objects"),
    "size_mismatch": ("object of another size", "objects of another size"),
    "empty_object": ("empty object", "empty objects"),
    "missing_thumbnail": ("missing thumbnail", "missing thumbnails"),
    "orphan_object": ("file without a document", "files without a document"),
    "missing_highlights": ("missing list of highlights", "missing lists of highlights"),
    "invalid_highlights": ("invalid list of highlights", "invalid lists of highlights"),
    "clip_without_key": ("clip without a key", "clips without a key"),
    "foreign_key": ("key outside the account", "keys outside the account"),
    "duplicate_key": ("key of two documents", "keys of two documents"),
    "phantom_parent": ("missing parent document", "missing parent documents"),
    "dangling_share": ("dangling link", "dangling links"),
    "unfinished_upload": ("unfinished upload", "unfinished uploads"),
    "stale_clip": ("stale clip", "stale clips"),
    "not_media": ("file of another type", "files of another type"),
    "truncated_media": ("file that is cut short", "files that are cut short"),
    "duration_mismatch": ("clip of another length", "clips of another length"),
    "no_audio_track": ("clip without sound", "clips without sound"),
    "wrong_content_type": ("wrong content type", "wrong content types"),
    "invalid_times": ("highlight with impossible times", "highlights with impossible times"),
    "incomplete_video": ("incomplete video document", "incomplete video documents"),
    "unreadable": ("unreadable part", "unreadable parts"),
}


def counted(numbers: Mapping[str, int]) -> list[str]:
    """Each kind with its number, in the order given."""
    return [f"{count:,} {_ONE_AND_MORE[kind][count != 1]}" for kind, count in numbers.items()]


def named(kinds: Iterable[str]) -> str:
    """The kinds without numbers, in the order of the alphabet."""
    return ", ".join(sorted(_ONE_AND_MORE[kind][0] for kind in kinds))
