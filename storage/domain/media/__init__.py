"""Reads the bytes of a clip or a thumbnail and tells whether it plays and what it holds."""

from storage.domain.media.look import CONTENT_TYPES, AtMost, Fault, MediaKind, MediaLook, Plays, look, not_looked_at
from storage.domain.media.mp4 import Film, Track

__all__ = [
    "CONTENT_TYPES",
    "AtMost",
    "Fault",
    "Film",
    "MediaKind",
    "MediaLook",
    "Plays",
    "Track",
    "look",
    "not_looked_at",
]
