"""The rules about clip documents and the objects they name. Each rule is a mask over the join and the finding it makes.

A clip is judged once: one without key is not also missing, one of 0 bytes is not also of another size, and the
thumbnail of a clip that is itself missing is not reported on top.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from storage.domain.integrity.facts import UserFacts
from storage.domain.integrity.findings import Finding, Kind, Severity
from storage.domain.integrity.join import ABSENT, NO_SIZE, PRESENT, UNKNOWN, Array, Clips, flags, from64, rows, utc64
from storage.domain.layout import Layout, owner_of

_SHOWN_DUPLICATES = 5
THERE = {
    PRESENT: "An object is there.",
    ABSENT: "No object is there.",
    UNKNOWN: "Whether an object is there could not be looked at.",
}
DISCLOSED = "Another customer's object is there: the product may show it to this one."


def in_flight(clips: Clips, now: datetime, stale_after: timedelta) -> Array:
    """Clips that are young enough to be still written: documented as in progress, or being replaced right now.

    Being replaced: the video is processing, the object differs in size and is itself young. The worker uploads the
    object before it writes the document.
    """
    young_object = clips.object.modified > utc64(now - stale_after)
    replaced = clips.video_processing & clips.claims & young_object & differs(clips)
    return (clips.in_progress & clips.young) | replaced


class ClipRules:
    """The rules over one join. `settled` marks the clips that are not in flight."""

    def __init__(self, facts: UserFacts, clips: Clips, settled: Array, layout: Layout, now: datetime) -> None:
        self.facts = facts
        self.clips = clips
        self.settled = settled
        self.layout = layout
        self.now = now
        self.claimed = settled & clips.claims & clips.object.own
        self.there = self.claimed & (clips.object.presence == PRESENT)

    def findings(self, by_name: Mapping[tuple[str, str], str]) -> Iterator[Finding]:
        """Every finding about clip documents. `by_name`: objects that documents without key explain by file name."""
        yield from self.stale()
        yield from self.without_key(by_name)
        yield from self.foreign()
        yield from self.missing()
        yield from self.empty()
        yield from self.sizes()
        yield from self.thumbnails()
        yield from self.duplicates()

    def stale(self) -> Iterator[Finding]:
        """In progress past the limit: whoever was writing it is gone."""
        for i in rows(self.settled & self.clips.in_progress):
            touched = from64(self.clips.touched[i])
            detail = f"last touched {touched:%Y-%m-%d %H:%M} UTC" if touched else "no usable time in the document"
            actual = f"processing for {_age(self.now - touched)}" if touched else "processing"
            detail = f"The document still says processing; {detail}."
            yield self._finding(i, "stale_clip", "warning", expected="completed", actual=actual, detail=detail)

    def without_key(self, by_name: Mapping[tuple[str, str], str]) -> Iterator[Finding]:
        """Completed, but it names no object."""
        keyless = flags(not key for key in self.clips.object.key)
        for i in rows(self.settled & self.clips.completed & keyless):
            found = by_name.get((self.clips.video_id[i], self.clips.filename[i]))
            hint = "An object with its file name is there." if found else "No object with its file name is there."
            detail = f"The document says completed, but names no object, so it cannot be delivered. {hint}"
            yield self._finding(i, "clip_without_key", "error", expected=found or "a key", actual=None, detail=detail)

    def foreign(self) -> Iterator[Finding]:
        """A key that is not this user's.

        One finding where the thumbnail's goes astray with its clip's, unless the thumbnail's alone discloses something.
        """
        clip, thumbnail = self.clips.object, self.clips.thumbnail
        named = flags(bool(key) for key in clip.key)
        for i in rows(self.settled & named & ~clip.own):
            yield self._foreign(i, clip.key[i], clip.presence[i], "clip")
        pictured = flags(bool(key) for key in thumbnail.key)
        alone = clip.own | ~named | ((thumbnail.presence == PRESENT) & (clip.presence != PRESENT))
        for i in rows(self.settled & pictured & ~thumbnail.own & alone):
            yield self._foreign(i, thumbnail.key[i], thumbnail.presence[i], "thumbnail")

    def missing(self) -> Iterator[Finding]:
        """The document claims an object, and it is proven not to be there."""
        for i in rows(self.claimed & (self.clips.object.presence == ABSENT)):
            completed = self.clips.completed[i]
            says = "completed" if completed else f"{self.clips.status[i] or 'no status'}, and names an object"
            detail = f"The document says {says}; there is no object at its key."
            severity: Severity = "error" if completed else "warning"
            expected = _whole(self.clips.size[i])
            yield self._finding(i, "missing_object", severity, expected=expected, actual=None, detail=detail)

    def empty(self) -> Iterator[Finding]:
        """The object has 0 bytes."""
        for i in rows(self.there & (self.clips.object.size == 0)):
            detail = "The object is there and has 0 bytes."
            expected = _whole(self.clips.size[i])
            yield self._finding(i, "empty_object", "error", expected=expected, actual=0, detail=detail)

    def sizes(self) -> Iterator[Finding]:
        """The object's size is not the document's."""
        for i in rows(self.there & (self.clips.object.size != 0) & differs(self.clips)):
            expected, actual = _whole(self.clips.size[i]), _whole(self.clips.object.size[i])
            detail = f"The object differs from its document by {(actual or 0) - (expected or 0):+,} bytes."
            yield self._finding(i, "size_mismatch", "error", expected=expected, actual=actual, detail=detail)

    def thumbnails(self) -> Iterator[Finding]:
        """A thumbnail is best effort: its absence is never an error, and a note where the document itself says so."""
        thumbnail, wanted = self.clips.thumbnail, "a thumbnail"
        there = self.there & thumbnail.own
        for i in rows(there & (thumbnail.presence == ABSENT)):
            denied = self.clips.denies_thumbnail[i]
            severity: Severity = "info" if denied else "warning"
            detail = "The document says that there is none." if denied else "There is no object at the thumbnail's key."
            key = thumbnail.key[i]
            yield self._finding(i, "missing_thumbnail", severity, key, expected=wanted, actual=None, detail=detail)
        for i in rows(there & (thumbnail.size == 0)):
            detail, key = "The thumbnail is there and has 0 bytes.", thumbnail.key[i]
            yield self._finding(i, "empty_object", "warning", key, expected=wanted, actual=0, detail=detail)

    def duplicates(self) -> Iterator[Finding]:
        """One finding a key that two or more documents name, as their clip or as a thumbnail of their own."""
        owners: dict[str, set[tuple[str, str]]] = defaultdict(set)
        clips = self.clips
        documents = zip(clips.video_id, clips.clip_id, clips.object.key, clips.named_thumbnail, strict=True)
        for video_id, clip_id, key, picture in documents:
            if key:
                owners[key].add((video_id, clip_id))
            if picture:
                owners[picture].add((video_id, clip_id))
        for key, who in owners.items():
            if len(who) > 1:
                yield _duplicate(self.facts, key, sorted(who))

    def _foreign(self, i: int, key: str, presence: int, what: str) -> Finding:
        parsed, owner = self.layout.parse(key), owner_of(key, self.layout)
        others = bool(owner) and owner != self.facts.uid
        disclosed = others and presence == PRESENT
        if parsed.kind == "ops":
            actual = "a key of the desk itself"
        elif others:
            actual = "a key of another user"
        elif parsed.uid:
            actual = f"a key of the cache ({parsed.kind.replace('_', ' ')}), which expires"
        else:
            actual = "a key outside the layout"
        detail = f"The document's {what} key is not this user's. {DISCLOSED if disclosed else THERE[int(presence)]}"
        expected = "a key of this user"
        return self._finding(
            i, "foreign_key", "error", key, expected=expected, actual=actual, detail=detail, disclosure=disclosed
        )

    def _finding(self, i: int, kind: Kind, severity: Severity, key: str | None = None, **values: Any) -> Finding:
        return Finding(
            kind,
            severity,
            self.facts.uid,
            video_id=self.clips.video_id[i],
            clip_id=self.clips.clip_id[i],
            key=key or self.clips.object.key[i] or None,
            seen_at=self.facts.read_at,
            **values,
        )


def _duplicate(facts: UserFacts, key: str, who: list[tuple[str, str]]) -> Finding:
    shown = ", ".join(f"{video}/{clip}" for video, clip in who[:_SHOWN_DUPLICATES])
    more = f" and {len(who) - _SHOWN_DUPLICATES} more" if len(who) > _SHOWN_DUPLICATES else ""
    return Finding(
        "duplicate_key",
        "error",
        facts.uid,
        video_id=who[0][0],
        clip_id=who[0][1],
        key=key,
        expected="one document",
        actual=f"{len(who)} documents",
        detail=f"Named by {shown}{more}. Deleting one of them would break the others.",
        seen_at=facts.read_at,
    )


def differs(clips: Clips) -> Array:
    """Both sizes are known and not the same. A size that the document does not hold is not compared."""
    known = (clips.size != NO_SIZE) & (clips.object.size != NO_SIZE)
    result: Array = known & (clips.size != clips.object.size)
    return result


def _whole(size: np.int64) -> int | None:
    return None if size == NO_SIZE else int(size)


def _age(age: timedelta) -> str:
    minutes = max(0, int(age.total_seconds() // 60))
    if minutes < 120:
        return f"{minutes} minutes"
    return f"{minutes // 60} hours" if minutes < 48 * 60 else f"{minutes // (24 * 60)} days"
