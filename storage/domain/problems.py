"""What is wrong with the videos of one customer, from what a list of them and the last kept scan already know.

A list knows statuses and times; the kept scan knows which files were not as documented when it looked. Nobody looked
since, so each answer says of when it is, and a video that no scan looked at is never called well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal, get_args

import pandas as pd

from storage.domain.diagnosis.broken import REASONS
from storage.domain.diagnosis.playing import titled
from storage.domain.diagnosis.signals import touched_at
from storage.domain.documents import Clip, Video, of_row
from storage.domain.integrity import TroubledClip
from storage.domain.pasted import folded
from storage.domain.processing import being_processed, silence_limit, step_in
from storage.domain.scans.harm import harm_of
from storage.domain.scans.kept import KeptScan
from storage.text import number, quoted

Trouble = Literal["disclosure", "not_playable", "unopened", "failed", "stalled", "unlisted"]
TROUBLES: Final[tuple[Trouble, ...]] = get_args(Trouble)  # the gravest first
State = Literal["trouble", "working", "well", "not_looked_at", "remains"]

_BETWEEN: Final = " · "  # between the titles of video and clip in a kept scan
_UNOPENED: Final[Mapping[str, str]] = {
    "missing_highlights": "Its highlights are missing",
    "invalid_highlights": "Its highlights cannot be read",
    "stale_clip": "A clip was left behind while it was rendered",
    "incomplete_video": "Its document is incomplete",
}


@dataclass(frozen=True, slots=True)
class Scanned:
    """The last kept scan as far as it is about one customer. `looked` is false where it did not reach this customer,
    or its result cannot be true; `rows` are its findings about this customer, as in `storage.domain.scans.kept`."""

    started_at: datetime
    finished_at: datetime
    looked: bool
    doubt: bool
    rows: pd.DataFrame


@dataclass(frozen=True, slots=True)
class VideoStanding:
    """One video as the customer meets it, as far as known without a new look.

    `sees` is what the customer sees, `why` names the clips or the reason in words; `seen_at` is the time of the scan
    that saw it, for troubles that only a scan sees. `outage`: it stopped together with others.
    """

    video_id: str
    title: str
    state: State
    sees: str
    trouble: Trouble | None = None
    why: str = ""
    since: datetime | None = None
    seen_at: datetime | None = None
    changed_since: bool = False
    outage: bool = False
    listed: bool = True


def scanned(kept: KeptScan, uid: str) -> Scanned:
    """What a kept scan knows of one customer."""
    rows = kept.frame[kept.frame["uid"] == uid]
    reached = any(one.holds(uid) for one in kept.coverage.ranges) and not kept.coverage.doubted
    closed = rows[(rows["kind"] == "unreadable") & rows["clip_id"].isna()]
    doubt = bool(kept.head.doubt) or bool(rows["doubted"].any())
    return Scanned(kept.head.started_at, kept.head.finished_at, reached and not len(closed) and not doubt, doubt, rows)


def standings(
    videos: pd.DataFrame,
    scan: Scanned | None,
    *,
    everything: bool,
    together: Iterable[str],
    now: datetime,
    stale_after: timedelta,
) -> tuple[VideoStanding, ...]:
    """The videos in the order of the frame; behind them, where the frame is not `everything`, those that only the scan
    names. `together` are the ids of videos that belong to a known outage."""
    outage = set(together)
    found: dict[str, list[Mapping[str, Any]]] = {}
    if scan is not None and not scan.doubt:
        for row in scan.rows.to_dict("records"):
            if isinstance(row["video_id"], str):
                found.setdefault(row["video_id"], []).append({str(name): value for name, value in row.items()})
    made = []
    for row in videos.to_dict("records"):
        video = of_row(Video, row)
        made.append(_standing(video, row, found.pop(video.video_id, []), scan, outage, now, stale_after))
    if not everything:
        rest = ((video_id, _of_scan(video_id, rows)) for video_id, rows in found.items())
        made += [
            VideoStanding(video_id, _video_title(found[video_id], video_id), "trouble", *told, listed=False)
            for video_id, told in rest
            if told is not None
        ]
    return tuple(made)


def _standing(
    video: Video,
    row: Mapping[Any, Any],
    findings: Sequence[Mapping[str, Any]],
    scan: Scanned | None,
    outage: set[str],
    now: datetime,
    stale_after: timedelta,
) -> VideoStanding:
    video_id, title = video.video_id, video.video_title or video.video_id
    touched = touched_at(video, now)
    changed = scan is not None and touched is not None and touched > scan.started_at
    told = _of_scan(video_id, findings)
    if told is not None and told[1] == "disclosure":
        return VideoStanding(video_id, title, "trouble", *told, changed_since=changed)
    if not video.exists:
        return VideoStanding(video_id, title, "remains", "Nothing: no list shows it", why="It was deleted only in part")
    status = (video.status or "").strip().lower()
    if status == "failed":
        why = quoted(video.error_message, 160) if video.error_message else "The document names no reason"
        at = video.failed_at or touched
        return VideoStanding(video_id, title, "trouble", "Failed", "failed", why, at)
    if being_processed(status):
        limit = silence_limit(stale_after, step_in({str(name): value for name, value in row.items()}))
        if touched is not None and now - touched < limit:
            return VideoStanding(video_id, title, "working", "Being processed", since=touched)
        known = "It stopped together with others" if video_id in outage else ""
        return VideoStanding(
            video_id, title, "trouble", "Still processing", "stalled", known, touched, outage=bool(known)
        )
    if video.created_at is None:
        return VideoStanding(
            video_id, title, "trouble", "Nothing: no list shows it", "unlisted", "It has no creation time"
        )
    if told is not None:
        return VideoStanding(video_id, title, "trouble", *told, changed_since=changed)
    sees = "Highlights" if status == "analyzed" else "Clips"
    looked = scan is not None and scan.looked and not changed
    if scan is not None and any(one["kind"] == "unreadable" for one in findings):
        looked = False
    return VideoStanding(video_id, title, "well" if looked else "not_looked_at", sees)


def _of_scan(
    video_id: str, findings: Sequence[Mapping[str, Any]]
) -> tuple[str, Trouble, str, datetime | None, datetime | None] | None:
    """What the customer sees, the trouble, why, since when, and when a scan last saw it; `None` for no trouble."""
    by: dict[str, list[Mapping[str, Any]]] = {}
    for one in findings:
        by.setdefault(harm_of(one["kind"], one["severity"], disclosure=one["disclosure"]), []).append(one)
    for harm, trouble in _TROUBLE_OF.items():
        rows = by.get(harm)
        if not rows:
            continue
        since = min((at for at in (_time(one["first_seen"]) for one in rows) if at is not None), default=None)
        seen = max((at for at in (_time(one["last_seen"]) for one in rows) if at is not None), default=None)
        if trouble == "unopened":
            why = _UNOPENED.get(str(rows[0]["kind"]), "It is not complete")
            sees = "A clip still rendering" if rows[0]["kind"] == "stale_clip" else "Still processing"
            return sees, trouble, why, since, seen
        clips = _clips(rows)
        if trouble == "disclosure":
            named = ", ".join(titled(clip) for clip in clips[:3]) + _more(clips)
            return "Perhaps another customer's file", trouble, named, since, seen
        sees = f"{number(len(clips), 'clip')} that {'does' if len(clips) == 1 else 'do'} not play"
        return sees, trouble, "; ".join(f"{titled(clip)}: {clip.why}" for clip in clips[:3]) + _more(clips), since, seen
    return None


_TROUBLE_OF: Final[Mapping[str, Trouble]] = {
    "disclosure": "disclosure",
    "not_playable": "not_playable",
    "processing": "unopened",
}


def _more(clips: Sequence[TroubledClip]) -> str:
    return f"; and {len(clips) - 3:,} more" if len(clips) > 3 else ""


def _clips(rows: Sequence[Mapping[str, Any]]) -> tuple[TroubledClip, ...]:
    """Each clip once, with its first reason."""
    found: dict[str, TroubledClip] = {}
    for row in rows:
        clip_id = str(row["clip_id"] or row["key"] or "")
        title = str(row["title"] or "").rpartition(_BETWEEN)[2] if row["clip_id"] else ""
        reason = REASONS.get(str(row["kind"]), "it is not as documented")
        found.setdefault(clip_id, TroubledClip(clip_id, title, str(row["style"] or ""), "does not play", reason))
    return tuple(found.values())


def _video_title(rows: Sequence[Mapping[str, Any]], video_id: str) -> str:
    titles = (str(row["title"]).partition(_BETWEEN)[0] for row in rows if row["title"])
    return next(titles, video_id)


def _time(value: object) -> datetime | None:
    return value.to_pydatetime() if isinstance(value, pd.Timestamp) and not pd.isna(value) else None


@dataclass(frozen=True, slots=True)
class ClipFound:
    """A clip that a search within a customer found, by what."""

    clip: Clip
    by: Literal["title", "file name", "id"]


def matching_videos(videos: pd.DataFrame, text: str) -> set[str]:
    """The ids of the videos whose title or id holds the text, without case and accents."""
    needle = folded(text.strip())
    pairs = zip(videos["video_id"], videos["video_title"], strict=True)
    return {
        str(video_id)
        for video_id, title in pairs
        if needle in folded(str(video_id)) or (isinstance(title, str) and needle in folded(title))
    }


def matching_clips(clips: pd.DataFrame, text: str) -> list[ClipFound]:
    """The clips whose title, file name, key or id holds the text, without case and accents, in the frame's order."""
    needle, found = folded(text.strip()), list[ClipFound]()
    for row in clips[clips["exists"].to_numpy(dtype=bool, na_value=False)].to_dict("records"):
        clip = of_row(Clip, row)
        if needle in folded(clip.scene_title or ""):
            found.append(ClipFound(clip, "title"))
        elif needle in folded(clip.filename or "") or needle in folded((clip.r2_key or "").rpartition("/")[2]):
            found.append(ClipFound(clip, "file name"))
        elif needle == folded(clip.clip_id):
            found.append(ClipFound(clip, "id"))
    return found
