"""Draws what is wrong with a customer's videos above everything else, and the list of them with what the customer sees.

All of it comes from what the page has read, the last kept scan and the outages that this process saw last; each line
says of when it is, and what nobody looked at is never drawn as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import pandas as pd
import streamlit as st

from pages._ui.access import addresses
from pages._ui.data.resources import OUTAGES_HOLD
from pages._ui.kit import feedback, format, status, tables
from pages._ui.kit.session import UID, VIDEO_ID, key, url_for
from pages._ui.kit.text import md, plain
from pages._ui.nav import SCREENS
from storage.domain.problems import (
    TROUBLES,
    ClipFound,
    Scanned,
    State,
    Trouble,
    VideoStanding,
    matching_clips,
    matching_videos,
)
from storage.text import moment, number

PROBLEMS: Final = "problems"
ALL: Final = "all"
WHICH: Final = "videos"  # query parameter: which of both is listed
NAMED: Final = 3  # videos of one kind that the head names, with a link; the list has all
_CLIPS: Final = 50  # clips that a search shows
_TITLE_PIXELS: Final = 230
_WORDS: Final[Mapping[Trouble, tuple[str, str, status.Colour]]] = {
    "disclosure": ("may show another customer's file", "privacy_tip", "red"),
    "not_playable": ("with clips that do not play", "broken_image", "red"),
    "unopened": ("that the customer sees as “processing”", "hourglass_disabled", "orange"),
    "failed": ("failed", "error", "red"),
    "stalled": ("still processing", "hourglass_disabled", "orange"),
    "unlisted": ("in no list of the customer", "visibility_off", "red"),
}
_COLOURS: Final[Mapping[State, status.Colour]] = {
    "trouble": "red",
    "working": "blue",
    "well": "green",
    "not_looked_at": "gray",
    "remains": "gray",
}
_ORDER: Final[tuple[State, ...]] = ("trouble", "working", "not_looked_at", "well", "remains")


@dataclass(frozen=True, slots=True)
class KnownProblems:
    """What is known of the customer's videos: `count` of all (those that were read and others), the last kept scan
    or why there is none, and when this process last looked at outages."""

    standings: tuple[VideoStanding, ...]
    everything: bool
    count: int
    scan: Scanned | None
    scan_missing: str
    outages_at: datetime | None

    @property
    def troubled(self) -> list[VideoStanding]:
        """The videos with a problem, the gravest first."""
        found = [one for one in self.standings if one.trouble is not None]
        return sorted(found, key=lambda one: TROUBLES.index(one.trouble or TROUBLES[-1]))


def head(known: KnownProblems, uid: str) -> None:
    """Draws the problems by kind, each with links to its first videos, and of when this is known."""
    now = datetime.now(UTC)
    found = known.troubled
    if not found:
        _nothing(known, now)
        return
    among = number(known.count, "video") if known.everything else f"the newest {len(known.standings):,} videos and more"
    with st.container(border=True, gap="xsmall", key="user-problems"):
        st.markdown(f":red[:material/warning:] **{len(found):,} of {among} {_have(len(found))} a problem**")
        for trouble in TROUBLES:
            mine = [one for one in found if one.trouble == trouble]
            if mine:
                _kind(trouble, mine, known, uid, now)
        st.caption(_of_when(known, now))


def _have(count: int) -> str:
    return "has" if count == 1 else "have"


def _kind(trouble: Trouble, found: Sequence[VideoStanding], known: KnownProblems, uid: str, now: datetime) -> None:
    words, icon, colour = _WORDS[trouble]
    noun = number(len(found), "video")
    since = min((one.since for one in found if one.since is not None), default=None)
    when = f" since {_day(since, now)}" if since is not None and trouble == "stalled" else ""
    told = f" · {_outage(found, known, now)}" if trouble == "stalled" else ""
    st.markdown(f":{colour}[:material/{icon}:] **{noun} {words}{when}**{told}")
    for one in found[:NAMED]:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.page_link(
                SCREENS["video"].file,
                label=md(one.title, 60),
                icon=":material/movie:",
                query_params={UID: uid, VIDEO_ID: one.video_id},
            )
            if told := why(one, now):
                st.caption(md(told, 400), width="stretch")
    if len(found) > NAMED:
        st.caption(f"and {len(found) - NAMED:,} more in the list below")


def why(one: VideoStanding, now: datetime) -> str:
    """The reason and the time of a trouble, in words."""
    parts = [one.why] if one.why else []
    if one.trouble == "failed" and one.since is not None:
        parts.append(format.ago(one.since, now).text)
    if one.trouble == "stalled":
        touched = f"last sign of work {format.ago(one.since, now).text}" if one.since else "no sign of work at all"
        parts.append(touched)
    if one.seen_at is not None:
        parts.append(f"seen {format.ago(one.seen_at, now).text}")
    if one.changed_since and one.seen_at is not None:
        parts.append("the video was changed since")
    if not one.listed:
        parts.append("not among the videos read here")
    return " · ".join(parts)


def _outage(found: Sequence[VideoStanding], known: KnownProblems, now: datetime) -> str:
    if known.outages_at is None or now - known.outages_at > OUTAGES_HOLD:
        return "it was not checked lately whether this is a known outage"
    together = sum(one.outage for one in found)
    of = f"as of {known.outages_at:%H:%M} UTC"
    if not together:
        return f"no known outage, {of}"
    return f"a known outage, {of}" if together == len(found) else f"{together:,} of them in a known outage, {of}"


def _day(at: datetime, now: datetime) -> str:
    """A day as people say it: `10:04 UTC`, `yesterday`, `3 Mar`."""
    days = (now.date() - at.astimezone(UTC).date()).days
    if days <= 0:
        return f"{at.astimezone(UTC):%H:%M} UTC"
    return "yesterday" if days == 1 else f"{at.day} {at:%b}" + (f" {at.year}" if at.year != now.year else "")


def _nothing(known: KnownProblems, now: datetime) -> None:
    """No problem is known: green only where a scan looked at the files of every video."""
    if not known.count:
        return
    looked = known.scan is not None and known.scan.looked and known.everything
    unseen = sum(one.state == "not_looked_at" for one in known.standings)
    if looked and not unseen:
        st.markdown(f":green[:material/check_circle:] No problem is known. :small[{_of_when(known, now)}]")
        return
    st.markdown(
        f":gray[:material/help:] No video is stuck or failed. :small[{_of_when(known, now)}"
        + (f" Of {number(unseen, 'video')} nobody looked at the files since they last changed.]" if looked else "]")
    )


def _of_when(known: KnownProblems, now: datetime) -> str:
    if known.scan is None:
        return f"Statuses as of now. Whether the files are in place is not known: {md(known.scan_missing, 200)}"
    at = f"{moment(known.scan.finished_at)}, {format.ago(known.scan.finished_at, now).text}"
    if known.scan.doubt:
        return f"Statuses as of now. The last scan of the files ({at}) cannot be right, so no file is judged."
    if not known.scan.looked:
        return f"Statuses as of now. The last scan of the files ({at}) did not look at this customer."
    return f"Statuses as of now, files by the scan of {at}."


def summary(known: KnownProblems, who: str, facts: Sequence[str]) -> str:
    """The customer in plain text for a ticket: without an address, each problem with the id of its video."""
    now = datetime.now(UTC)
    lines = [f"Customer {who}", *facts]
    found = known.troubled
    lines.append(f"{number(len(found), 'video')} with a known problem, of {known.count:,}")
    lines += [
        f"- {plain(one.title, 80)} ({one.video_id}): {one.sees}. {why(one, now)}".rstrip(". ") for one in found[:20]
    ]
    return "\n".join([*lines, _of_when(known, now).replace("\\", "")])


def videos(
    frame: pd.DataFrame,
    known: KnownProblems,
    clips: pd.DataFrame | None,
    *,
    page: str,
    uid: str,
    csv_name: str,
    posters: Mapping[str, str],
    unread_clips: Callable[[], None],
) -> None:
    """Draws the search within the customer, the choice between problems and all, and the list.

    `clips` where they were read; `unread_clips` draws how to read them. `posters` are pictures by the video's id.
    """
    if not len(known.standings):
        st.caption("This customer has no videos.")
        return
    troubled = {one.video_id for one in known.troubled}
    counts = {PROBLEMS: len(troubled), ALL: known.count}
    usual, which = PROBLEMS if troubled else ALL, key(page, "which")
    if which not in st.session_state:  # the words of the choice have counts, which change, so the address has its name
        asked = st.query_params.get(WHICH)
        st.session_state[which] = asked if asked in counts else usual
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        chosen = st.segmented_control(
            "Videos",
            [PROBLEMS, ALL],
            required=True,
            format_func=lambda name: f"{name.capitalize()} {counts[name]:,}",
            key=which,
            label_visibility="collapsed",
            wrap=True,
        )
        text = st.text_input(
            "Find in this account",
            key=key(page, "find"),
            type="search",
            bind="query-params",
            label_visibility="collapsed",
            width=340,
            placeholder="Find in this account: title, clip, file name, id",
        ).strip()
    if chosen != usual:
        st.query_params[WHICH] = str(chosen)
    else:
        st.query_params.pop(WHICH, None)
    shown = list(known.standings)
    if text:
        matches = matching_clips(clips, text) if clips is not None else []
        wanted = matching_videos(frame, text) | {one.clip.video_id for one in matches}
        shown = [one for one in shown if one.video_id in wanted or text.casefold() in one.title.casefold()]
        _clips(matches, frame, page=page)
        if clips is None:
            unread_clips()
    elif chosen == PROBLEMS:
        shown = known.troubled
    if not shown:
        feedback.empty(
            "Nothing in this account matches." if text else "No video has a known problem.",
            icon="search_off" if text else "task_alt",
        )
        return
    _table(frame, shown, page=page, uid=uid, csv_name=csv_name, posters=posters)


def _clips(found: Sequence[ClipFound], videos: pd.DataFrame, *, page: str) -> None:
    if not found:
        return
    titles = dict(zip(videos["video_id"], videos["video_title"].fillna(videos["video_id"]), strict=True))
    shown = found[:_CLIPS]
    rows = pd.DataFrame(
        {
            "open": [
                url_for("video", uid=one.clip.uid, video_id=one.clip.video_id, clip_id=one.clip.clip_id)
                for one in shown
            ],
            "clip": [one.clip.scene_title or one.clip.clip_id for one in shown],
            "style": [one.clip.style for one in shown],
            "video": [titles.get(one.clip.video_id, one.clip.video_id) for one in shown],
            "file": [one.clip.filename or (one.clip.r2_key or "").rpartition("/")[2] or None for one in shown],
            "by": [f"by {one.by}" for one in shown],
        }
    )
    st.markdown(f"**{number(len(found), 'clip')}**")
    tables.table(
        rows,
        key=key(page, "found_clips"),
        alt="Clips that match",
        columns={
            "open": tables.link("Open"),
            "clip": st.column_config.TextColumn("Clip", width=_TITLE_PIXELS),
            "style": "Style",
            "video": "Video",
            "file": "File",
            "by": "Found",
        },
        total=len(found) if len(found) > len(shown) else None,
        height="content",
        filters=False,
    )


def _badge(one: VideoStanding) -> str:
    words = {"well": ", files in place", "not_looked_at": ", files not looked at"}
    return f"{one.sees}{words.get(one.state, '')}"


def _table(
    frame: pd.DataFrame,
    shown: Sequence[VideoStanding],
    *,
    page: str,
    uid: str,
    csv_name: str,
    posters: Mapping[str, str],
) -> None:
    now = datetime.now(UTC)
    seen = shown[: tables.ROW_LIMIT]
    by_id = frame.set_index("video_id")
    rows = by_id.reindex([one.video_id for one in seen]).reset_index()
    rows = rows.assign(
        open=[url_for("video", uid=uid, video_id=one.video_id) for one in seen],
        video_title=[one.title for one in seen],
        sees=[[_badge(one)] for one in seen],
        why=[why(one, now) or None for one in seen],
        picture=[posters.get(one.video_id) for one in seen],
        shown_status=status.words("video", rows["status"]),
    )
    colours: dict[str, str] = {}
    for one in sorted(seen, key=lambda one: _ORDER.index(one.state)):
        colours.setdefault(_badge(one), "orange" if one.trouble in {"stalled", "unopened"} else _COLOURS[one.state])
    columns: dict[str, Any] = {"open": tables.link("Open")}
    if posters:
        columns["picture"] = st.column_config.ImageColumn("Picture")
    columns |= {
        "video_title": st.column_config.TextColumn("Title", width=_TITLE_PIXELS),
        "sees": st.column_config.MultiselectColumn(
            "What the customer sees", options=list(colours), color=list(colours.values())
        ),
    }
    if any(one.trouble for one in seen):
        columns["why"] = st.column_config.TextColumn("Why", width=240)
    columns |= {
        "clips_count": st.column_config.NumberColumn("Clips", help="The video's counter."),
        "created_at": tables.moment("Age", distance=True, help="Since the video was made. Point at a cell."),
        "shown_status": status.column("video", rows["status"], "Status"),
        "updated_at": tables.moment("Last touch", distance=True),
        "total_size_bytes": tables.size("Size", help="The video's counter."),
        "highlights_count": st.column_config.NumberColumn("Highlights"),
        "video_id": "Video id",
    }
    told = {one.video_id: (one.sees, why(one, now)) for one in shown}
    addressed = addresses.seen()
    tables.table(
        rows,
        key=key(page, "videos"),
        alt="The customer's videos",
        columns=columns,
        id_column="video_id",
        total=len(shown) if len(shown) > len(seen) else None,
        csv_name=csv_name,
        csv_frame=lambda: addressed.frame(_csv(frame, told)),
        filters=False,
    )


def _csv(frame: pd.DataFrame, told: Mapping[str, tuple[str, str]]) -> pd.DataFrame:
    rows = frame[frame["video_id"].isin(list(told))].drop(columns=["path"])
    return rows.assign(
        customer_sees=[told[video_id][0] for video_id in rows["video_id"]],
        problem=[told[video_id][1] for video_id in rows["video_id"]],
    )
