"""The objects of the clips that claim one, counted: how many are whole, what is wrong with the others, since when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from storage.domain.integrity import clip_rules
from storage.domain.integrity.facts import UserFacts
from storage.domain.integrity.findings import Finding, Kind
from storage.domain.integrity.join import PRESENT, UNKNOWN, from64, join
from storage.domain.layout import Layout


@dataclass(frozen=True, slots=True)
class ClipObjects:
    """`claimed`: clips whose document says that the object is there. `intact`: it is, with as many bytes as said.

    `broken` counts the clips whose object (not the thumbnail) has an error, by kind; `unknown` could not be checked.
    """

    claimed: int
    intact: int
    unknown: int
    broken: Mapping[Kind, int]
    first_at: datetime | None
    last_at: datetime | None


def clip_objects(facts: UserFacts, now: datetime, stale_after: timedelta, layout: Layout) -> ClipObjects:
    """The counts, by the same join and the same rules as the findings."""
    clips, _ = join(facts, now, stale_after, layout)
    settled = ~clip_rules.in_flight(clips, now, stale_after)
    keys = {(v, c): key for v, c, key in zip(clips.video_id, clips.clip_id, clips.object.key, strict=True)}

    def about_object(finding: Finding) -> bool:
        key = keys.get((finding.video_id or "", finding.clip_id or ""))
        return finding.severity == "error" and finding.kind != "duplicate_key" and key == (finding.key or "")

    rules = clip_rules.ClipRules(facts, clips, settled, layout, now)
    broken = Counter(finding.kind for finding in rules.findings({}) if about_object(finding))
    there = clips.claims & clips.object.own & (clips.object.presence == PRESENT) & (clips.object.size > 0)
    times = clips.object.modified[~np.isnat(clips.object.modified)]
    return ClipObjects(
        claimed=int(clips.claims.sum()),
        intact=int((there & ~clip_rules.differs(clips)).sum()),
        unknown=int((settled & clips.claims & clips.object.own & (clips.object.presence == UNKNOWN)).sum()),
        broken=dict(broken),
        first_at=from64(times.min()) if len(times) else None,
        last_at=from64(times.max()) if len(times) else None,
    )
