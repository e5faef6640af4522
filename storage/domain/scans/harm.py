"""What a finding means to the customer: the classes by which pages sort and filter findings, the gravest first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, get_args

from storage.domain.integrity import Kind

Harm = Literal["disclosure", "not_playable", "processing", "flawed", "leftover", "cache", "unknown"]
HARMS: Final[tuple[Harm, ...]] = get_args(Harm)  # the gravest first

_BY_KIND: Final[Mapping[Kind, Harm]] = {
    "missing_object": "not_playable",
    "size_mismatch": "not_playable",
    "empty_object": "not_playable",
    "clip_without_key": "not_playable",
    "foreign_key": "not_playable",
    "not_media": "not_playable",
    "truncated_media": "not_playable",
    "missing_highlights": "processing",
    "invalid_highlights": "processing",
    "stale_clip": "processing",
    "incomplete_video": "processing",
    "missing_thumbnail": "flawed",
    "duplicate_key": "flawed",
    "duration_mismatch": "flawed",
    "no_audio_track": "flawed",
    "wrong_content_type": "flawed",
    "invalid_times": "flawed",
    "orphan_object": "leftover",
    "phantom_parent": "leftover",
    "unfinished_upload": "leftover",
    "dangling_share": "leftover",
    "unreadable": "unknown",
}


def harm_of(kind: str, severity: str, *, disclosure: bool) -> Harm:
    """The class of one finding. A foreign key that is no error names a file in a cache folder of the customer's own."""
    if disclosure:
        return "disclosure"
    if kind == "foreign_key" and severity != "error":
        return "cache"
    return _BY_KIND.get(kind, "unknown")  # type: ignore[call-overload,no-any-return]
