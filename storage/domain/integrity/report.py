"""Turns the facts about one user (or one video) into the report of the upload check.

`clip_objects` counts the objects that clips claim: the intact ones, and the faults of the others. Both take well under
a second for 20,000 clips.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from storage.domain.amounts import whole
from storage.domain.documents import Table
from storage.domain.highlights import HighlightsState, together, unknown
from storage.domain.integrity import rules
from storage.domain.integrity import rules as clip_rules
from storage.domain.integrity.contents import TOO_LARGE, UNSOUND, MediaObject, Sample, looked_into, to_look_into
from storage.domain.integrity.controls import ClaimCounts
from storage.domain.integrity.findings import (
    Checked,
    Failure,
    Finding,
    InFlight,
    Kind,
    Report,
    Suspicion,
    controls_wanted,
    key_prefixes,
    suspect,
    suspect_project,
)
from storage.domain.integrity.grid import Documented, Unnamed, VideoGrid, video_grid
from storage.domain.integrity.highlights import highlights
from storage.domain.integrity.incomplete import incomplete_videos
from storage.domain.integrity.inputs import UserFacts
from storage.domain.integrity.join import (
    ABSENT,
    NO_SIZE,
    PRESENT,
    UNKNOWN,
    Array,
    Clips,
    ListedObjects,
    from64,
    join,
    rows,
    texts,
)
from storage.domain.integrity.normal_forms import with_hints
from storage.domain.layout import Layout, parse_stem
from storage.domain.media import Plays
from storage.domain.processing import being_processed
from storage.text import capitalised, number, whole_minutes


def verify_user(facts: UserFacts, now: datetime, stale_after: timedelta, layout: Layout) -> Report:
    """The report on the facts at `now` (aware). A thing that could not be read is `unreadable`, never missing.

    `stale_after` is both the limit after which a clip in progress counts as stale and the time for which a worker may
    still write an object or a clip. Findings come gravest first, then by kind; the order of the facts does not matter.
    """
    clips, objects = join(facts, now, stale_after, layout)
    flying = rules.in_flight(clips, now, stale_after)
    things = rules.sort_objects(facts, clips, objects, layout)
    by_name = rules.matched_by_name(clips, things)
    orphans, flying_objects = rules.orphans(facts, clips, things, by_name.values(), now, stale_after)
    uploads, flying_uploads = rules.uploads(facts, layout, now)
    failures = tuple(_failures(facts))
    of_clips = rules.ClipRules(facts, clips, ~flying, layout, now)
    findings = [
        *of_clips.findings(by_name),
        *rules.phantoms(facts, clips),
        *rules.dangling(facts, clips, now),
        *incomplete_videos(facts, now, stale_after),
        *highlights(facts, clips, layout),
        *orphans,
        *uploads,
        *_unreadable(facts, clips, failures),
    ]
    own = ~flying & clips.claims & clips.object.own
    claims = _claims(clips, own & clips.completed, findings)
    unnamed = (*(finding.key or "" for finding in orphans), *(thing.key for thing in flying_objects))
    stranger = _stranger(facts, clips, objects, unnamed)
    return Report(
        uid=facts.uid,
        video_id=facts.video_id,
        checked=_checked(facts, clips, objects),
        findings=tuple(sorted(with_hints(findings), key=lambda finding: finding.order)),
        complete=not failures,
        suspicion=_suspicion(facts, objects, claims, unnamed if stranger else ()),
        caches=rules.caches(facts, things, now),
        in_flight=InFlight(int(flying.sum()), len(flying_objects), flying_uploads, whole_minutes(stale_after)),
        read_at=facts.read_at,
        claimed=int((own & clips.completed).sum()),
        unchecked=int((own & (clips.object.presence == UNKNOWN)).sum()),
        unsized=int((~flying & clips.claims & (clips.size == NO_SIZE)).sum()),
        without_thumbnail=of_clips.without_thumbnail,
        unrecognised=things.unrecognised,
        failures=failures,
        prefix_doubt=_prefix_doubt(facts, layout),
        claims=claims,
        wants_controls=controls_wanted(claims, len(objects)),
        controls=facts.controls,
        stranger=stranger,
        links=facts.links,
        deployment=facts.deployment,
        looked_into=looked_into(facts),
        grid=None if facts.video_id is None else _grid(facts, clips, flying, orphans, flying_objects),
    )


def _grid(
    facts: UserFacts, clips: Clips, flying: Array, orphans: Sequence[Finding], young: Sequence[rules.Thing]
) -> VideoGrid:
    """The grid of the one video that these facts are about, by its documents."""
    video_id = facts.video_id or ""
    frame = facts.videos.frame
    own = (frame["video_id"] == video_id).to_numpy(dtype=bool, na_value=False)
    named = ("clips_by_style", "expected_clips", "status")  # a row with all its columns takes ten times as long
    video: dict[str, Any] = {name: frame[name][own].tolist()[0] for name in named} if own.any() else {}
    by_style, expected = video.get("clips_by_style"), whole(video.get("expected_clips"))
    files = [(found.key or "", False) for found in orphans] + [(thing.key, True) for thing in young]
    return video_grid(
        facts.uid,
        video_id,
        _highlights(facts, video_id).entries,
        list(_documented(facts, clips, flying)),
        [
            Unnamed(name.scene_id, name.style, key, fresh)
            for key, fresh in files
            if key.endswith(".mp4") and (name := parse_stem(key.rpartition("/")[2].rpartition(".")[0])) is not None
        ],
        named_styles=by_style if isinstance(by_style, Mapping) else (),
        expected=expected or None,
        processing=bool(video) and being_processed(video.get("status")),
    )


def _highlights(facts: UserFacts, video_id: str) -> HighlightsState:
    nothing = unknown("object", "It was not read.")
    stored, document = (places.get(video_id, nothing) for places in (facts.highlights, facts.highlights_documents))
    return together(stored, document, facts.deployment.highlights_source)


def _documented(facts: UserFacts, clips: Clips, flying: Array) -> Iterator[Documented]:
    """The clip documents whose scene and style are known, by their fields or by the name of their file."""
    frame = facts.clips.frame
    frame = frame[frame["exists"].to_numpy(dtype=bool, na_value=True)]
    titles = texts(frame["scene_title"])
    for i, (scene, style) in enumerate(zip(frame["scene_id"], frame["style"], strict=True)):
        name = parse_stem(clips.object.key[i].rpartition("/")[2].rpartition(".")[0])
        if pd.isna(scene) or pd.isna(style):
            if name is None:
                continue
            scene, style = name.scene_id, name.style
        look = (facts.looks or {}).get(clips.object.key[i])
        presence = clips.object.presence[i] if clips.object.key[i] else ABSENT
        stored = None if presence == UNKNOWN else bool(presence == PRESENT)
        plays = {"plays": True, "does not play": False}.get(look.plays) if look is not None else None
        if stored and clips.object.size[i] == 0:  # nobody need look into an empty file
            plays = False
        yield Documented(
            int(scene), str(style), clips.clip_id[i], clips.status[i], stored, plays, bool(flying[i]), titles[i]
        )


def media_objects(
    facts: UserFacts, now: datetime, stale_after: timedelta, layout: Layout, sample: Sample
) -> tuple[MediaObject, ...]:
    """The objects to look into: the sample of the existing clips, without those that a worker may still write."""
    clips, _ = join(facts, now, stale_after, layout)
    return to_look_into(facts, clips, ~rules.in_flight(clips, now, stale_after), sample)


def _checked(facts: UserFacts, clips: Clips, objects: ListedObjects) -> Checked:
    existing = sum(there is True for there in facts.videos.frame["exists"].tolist())
    return Checked(users=1, videos=existing, clips=len(clips), objects=len(objects))


def _claims(clips: Clips, expected: Array, findings: Sequence[Finding]) -> ClaimCounts:
    """The claims of completed clips. Thumbnails count only in `found`: they are best effort."""
    missing = [clips.object.key[i] for i in rows(expected & (clips.object.presence == ABSENT))]
    pictures = {clips.thumbnail.key[i] for i in rows(expected & (clips.thumbnail.presence == PRESENT))}
    return ClaimCounts(
        expected=int(expected.sum()),
        missing=len(missing),
        found=int((expected & (clips.object.presence == PRESENT)).sum()) + len(pictures),
        example=min(missing, default=""),
        also_absent=any(
            found.kind == "missing_object" or (found.kind == "missing_highlights" and found.severity == "error")
            for found in findings
        ),
    )


def _stranger(facts: UserFacts, clips: Clips, objects: ListedObjects, unnamed: Sequence[str]) -> bool:
    documents = len(facts.videos.frame) + len(facts.clips.frame) + len(clips)
    read = facts.videos.complete and facts.clips.complete and facts.user_exists is not None
    return bool(unnamed) and read and not documents and not facts.user_exists and len(objects) > 0


def _suspicion(
    facts: UserFacts, objects: ListedObjects, claims: ClaimCounts, of_stranger: Sequence[str]
) -> Suspicion | None:
    if of_stranger:
        return suspect_project(len(objects), facts.known_customers, of_stranger[0])
    return suspect(claims, len(objects), tuple(listing.prefix for listing in facts.listings), facts.controls)


def _prefix_doubt(facts: UserFacts, layout: Layout) -> str:
    named = (*facts.clips.frame["r2_key"].dropna(), *facts.videos.frame["highlights_json_key"].dropna())
    reason = key_prefixes(layout, ((facts.uid, key) for key in named)).doubt
    if not reason:
        return ""
    return (
        f"{capitalised(reason)}. Unless these keys are older than the setting, the setting is wrong, and the "
        "desk looks and writes in the wrong place: `python -m storage check` looks at other customers' keys."
    )


def _failures(facts: UserFacts) -> Iterator[Failure]:
    """Every reading that was refused, got no answer or was cut short."""
    for table, target in (
        (facts.videos, "the customer's video documents"),
        (facts.clips, "the customer's clip documents"),
    ):
        if not table.complete:
            yield _cut(table, target)
    if facts.user_failure:
        yield facts.user_failure
    for listing in facts.listings:
        if not listing.table.complete:
            yield _cut(listing.table, listing.prefix)
    yield from (head.failure for _, head in sorted(facts.heads.items()) if head.failure)
    yield from filter(None, (facts.uploads_failure, facts.links_failure))
    incomplete = tuple(listing.prefix for listing in facts.listings if not listing.table.complete)
    served = facts.deployment.highlights_source
    for state in facts.highlights.values() if served != "document" else ():
        if state.presence == "unknown" and not state.place.startswith(incomplete or ("\0",)):
            yield Failure(state.place, state.code or "unreadable", state.reason)
    documents = facts.highlights_documents.values() if served != "object" else ()
    if unread := next((state for state in documents if state.presence == "unknown"), None):  # they are read together
        yield Failure("the highlights documents", unread.code or "unreadable", unread.reason)
    for key, look in (facts.looks or {}).items():
        if not look.looked and look.code != TOO_LARGE:
            yield Failure(key, look.code or "unreadable", look.words)


def _cut(table: Table, target: str) -> Failure:
    error = table.error
    if error is None:
        return Failure(target, "cut_short", "Reading stopped before the end.", "Check again.")
    return Failure(target, error.code, error.message, error.remedy)


def _unreadable(facts: UserFacts, clips: Clips, failures: tuple[Failure, ...]) -> Iterator[Finding]:
    """One finding for each reading that failed, with the number of clips that it leaves unchecked."""
    if not failures:
        return
    unknown = [(clips.object.key[i], i) for i in rows(clips.claims & (clips.object.presence == UNKNOWN))]
    videos = {state.place: video_id for video_id, state in facts.highlights.items()}
    unseen = {key: i for i in range(len(clips)) for key in (clips.thumbnail.key[i], clips.object.key[i]) if facts.looks}
    for failure in failures:
        is_key = "/" in failure.target
        about = [(key, i) for key, i in unknown if is_key and key.startswith(failure.target)]
        one = about[0][1] if len(about) == 1 and about[0][0] == failure.target else unseen.get(failure.target)
        yield Finding(
            "unreadable",
            "error",
            facts.uid,
            video_id=clips.video_id[one] if one is not None else videos.get(failure.target, facts.video_id),
            clip_id=clips.clip_id[one] if one is not None else None,
            key=failure.target if is_key else None,
            expected=f"{number(len(about), 'clip')} to check" if about else "an answer",
            actual=failure.code,
            detail=f"{failure.message} Nothing there is known to be missing.",
            seen_at=facts.read_at,
        )


@dataclass(frozen=True, slots=True)
class TroubledClip:
    """A clip whose object has an error, in the customer's words. `why` is the sentence of the look, where the look
    found the fault. A missing object does not play.
    """

    clip_id: str
    title: str
    style: str
    plays: Plays
    why: str = ""

    @property
    def sound(self) -> bool:
        """Whether a look saw that the clip plays."""
        return self.plays == "plays"


@dataclass(frozen=True, slots=True)
class ClipObjects:
    """Numbers of clips. `claimed`: the document says that the object is there. `intact`: it is there, with as many
    bytes as documented, and no look saw a fault in it.

    `broken` counts the clips whose object (not the thumbnail) has an error, by kind; `unknown` ones could not be
    checked. `plays`, `does_not_play`, `unanswered` and `unasked` count the existing ones by the result of the look.
    """

    claimed: int
    intact: int
    unknown: int
    broken: Mapping[Kind, int]
    first_at: datetime | None
    last_at: datetime | None
    plays: int = 0
    does_not_play: int = 0
    unanswered: int = 0
    unasked: int = 0
    troubled: tuple[TroubledClip, ...] = ()


def clip_objects(facts: UserFacts, now: datetime, stale_after: timedelta, layout: Layout) -> ClipObjects:
    """The counts, from the same join and the same rules as the findings."""
    clips, _ = join(facts, now, stale_after, layout)
    settled = ~clip_rules.in_flight(clips, now, stale_after)
    keys = {(v, c): key for v, c, key in zip(clips.video_id, clips.clip_id, clips.object.key, strict=True)}

    def about_object(finding: Finding) -> bool:
        key = keys.get((finding.video_id or "", finding.clip_id or ""))
        return finding.severity == "error" and finding.kind != "duplicate_key" and key == (finding.key or "")

    rules = clip_rules.ClipRules(facts, clips, settled, layout, now)
    found = [finding for finding in rules.findings({}) if about_object(finding)]
    broken = Counter(finding.kind for finding in found)
    theirs = clips.object.own | clips.object.cached
    there = clips.claims & theirs & (clips.object.presence == PRESENT) & (clips.object.size > 0)
    looks = [(facts.looks or {}).get(clips.object.key[i]) for i in rows(settled & there)]
    seen = Counter("unasked" if look is None else look.plays for look in looks)
    unsound = {clips.object.key[i] for i in rows(there)} & {finding.key for finding in found if finding.kind in UNSOUND}
    times = clips.object.modified[clips.object.own & ~np.isnat(clips.object.modified)]
    return ClipObjects(
        claimed=int(clips.claims.sum()),
        intact=int((there & ~clip_rules.differs(clips)).sum()) - len(unsound),
        unknown=int((settled & clips.claims & clips.object.own & (clips.object.presence == UNKNOWN)).sum()),
        broken=dict(broken),
        first_at=from64(times.min()) if len(times) else None,
        last_at=from64(times.max()) if len(times) else None,
        plays=seen["plays"],
        does_not_play=seen["does not play"],
        unanswered=seen["not looked at"],
        unasked=seen["unasked"],
        troubled=tuple(_troubled(facts, found)),
    )


def _troubled(facts: UserFacts, found: Sequence[Finding]) -> Iterator[TroubledClip]:
    """The clips of these findings, each once, in the order of their documents."""
    about = {(finding.video_id, finding.clip_id): finding for finding in found}
    seen_in = {(f.video_id, f.clip_id): f.detail for f in found if f.kind in UNSOUND}
    frame = facts.clips.frame
    named = zip(frame["video_id"], frame["clip_id"], texts(frame["scene_title"]), texts(frame["style"]), strict=True)
    for video_id, clip_id, title, style in named:
        if (video_id, clip_id) in about:
            finding = about[video_id, clip_id]
            look = (facts.looks or {}).get(finding.key or "")
            unseen: Plays = "not looked at" if finding.kind == "size_mismatch" else "does not play"
            plays = look.plays if look is not None else unseen
            yield TroubledClip(clip_id, title, style, plays, seen_in.get((video_id, clip_id), ""))
