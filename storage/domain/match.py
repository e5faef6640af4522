"""What a search found: matches with their reasons, what was searched, and what could not be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from storage.domain.recognise import Kind
from storage.errors import StorageError

MatchType = Literal["user", "video", "clip"]


@dataclass(frozen=True, slots=True)
class Match:
    """One thing found. `label` is its title, address or id as stored (hostile text); `why` is the desk's sentence."""

    type: MatchType
    uid: str
    video_id: str
    clip_id: str
    label: str
    why: str

    def as_dict(self) -> dict[str, str | None]:
        """As `find --json` prints it: ids that do not apply are null."""
        return {
            "type": self.type,
            "uid": self.uid,
            "video_id": self.video_id or None,
            "clip_id": self.clip_id or None,
            "label": self.label,
            "why": self.why,
        }


@dataclass(frozen=True, slots=True)
class Found:
    """The answer. `gaps` are look-ups that could not be made; `truncated` says that there may be more matches."""

    query: str
    kind: Kind
    matches: tuple[Match, ...]
    searched: tuple[str, ...]
    gaps: tuple[StorageError, ...]
    truncated: bool
