"""What a look-up finds, as matches: by id, by address, by a field of a document, by a key of the bucket."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote

import pandas as pd

from storage.domain.layout import ParsedKey, parse_stem
from storage.domain.search import Guess, Match
from storage.ids import is_stored_id
from storage.repositories.records import Records

MATCH_LIMIT = 50
SCAN_LIMIT = 1_000  # users read at most when an address is stored in another case than was typed


def of_uid(records: Records, uid: str, why: str) -> Iterator[Match]:
    """The user, phantoms too."""
    user = records.user(uid)
    if user is not None:
        label = user.email or (uid if user.exists else f"{uid} (documents without a user document)")
        yield Match("user", uid, "", "", label, why)


def of_email(records: Records, email: str) -> Iterator[Match]:
    """Users with exactly this address."""
    yield from users(records.users_by_email(email).unbroken(), "its address is the text")


def of_email_prefix(records: Records, start: str) -> Iterator[Match]:
    """Users whose address begins so, in this case."""
    table = records.users_by_email_prefix(start, MATCH_LIMIT)
    yield from users(table.unbroken(), "its address begins with the text")


def of_email_in_any_case(records: Records, folded: str) -> Iterator[Match]:
    """Those of the first users whose address begins so in any case; `folded` is case-folded."""
    seen, cursor = 0, None
    while seen < SCAN_LIMIT:
        page = records.users(cursor=cursor)
        frame = page.unbroken()
        seen += len(frame)
        emails = frame["email"].fillna("").str.casefold()
        yield from users(frame[emails.str.startswith(folded)], "its address begins with the text, in another case")
        cursor = page.next_cursor
        if cursor is None:
            return


def users(frame: pd.DataFrame, why: str) -> Iterator[Match]:
    """A match for each row of users."""
    for uid, email in frame[["uid", "email"]].itertuples(index=False):
        yield Match("user", uid, "", "", uid if pd.isna(email) else email, why)


def phantoms(records: Records, video_id: str) -> Iterator[Match]:
    """Videos without a document, found by the clips below them."""
    frame = records.find_clips_of_video(video_id).unbroken()
    for uid in sorted(set(frame.loc[frame["video_id"] == video_id, "uid"])):
        yield Match("video", uid, video_id, "", video_id, "clips with its id are there, and no document of the video")


def videos(frame: pd.DataFrame, why: str) -> Iterator[Match]:
    """A match for each row of videos."""
    for uid, video_id, title in frame[["uid", "video_id", "video_title"]].itertuples(index=False):
        yield Match("video", uid, video_id, "", video_id if pd.isna(title) or not title else title, why)


def clips(frame: pd.DataFrame, why: str) -> Iterator[Match]:
    """A match for each row of clips."""
    columns = ["uid", "video_id", "clip_id", "scene_title"]
    for uid, video_id, clip_id, title in frame[columns].itertuples(index=False):
        yield Match("clip", uid, video_id, clip_id, clip_id if pd.isna(title) or not title else title, why)


def known(records: Records, guess: Guess, why: str) -> Iterator[Match]:
    """The deepest thing that the ids of a guess lead to."""
    if guess.clip_id:
        clip = records.clip(guess.uid, guess.video_id, guess.clip_id)
        if clip is not None:
            yield Match("clip", guess.uid, guess.video_id, guess.clip_id, clip.scene_title or guess.clip_id, why)
            return
    if guess.video_id:
        video = records.video(guess.uid, guess.video_id)
        if video is not None:
            yield Match("video", guess.uid, guess.video_id, "", video.video_title or guess.video_id, why)
            return
    yield from of_uid(records, guess.uid, why)


def of_key(records: Records, guess: Guess) -> Iterator[Match]:
    """The clips that name the key; else the video or the user whose place in the layout it is."""
    parsed = guess.parsed
    if parsed is None:
        return
    media = parsed.kind in {"clip", "thumbnail"} and is_stored_id(parsed.uid) and is_stored_id(parsed.video_id)
    frame = records.clips(parsed.uid, parsed.video_id).unbroken() if media else None
    if frame is not None and len(frame):
        keys = {guess.value, unquote(guess.value)}
        named = frame[frame["r2_key"].isin(keys) | frame["thumbnail_r2_key"].isin(keys)]
        if len(named):
            yield from clips(named, "its document names this key")
            return
        stem = parsed.name.rpartition(".")[0]
        same = frame[frame["filename"].fillna("").str.rpartition(".")[0] == stem]
        if parse_stem(stem) and len(same):
            yield from clips(same, "its file name is that of the key")
            return
    if media or parsed.kind == "unrecognised":
        for key in dict.fromkeys((guess.value, unquote(guess.value))):
            elsewhere = records.find_clips(r2_key=key).unbroken()
            yield from clips(elsewhere, "its document names this key")
            if len(elsewhere):
                return
    yield from _place(records, parsed, media=media)


def _place(records: Records, parsed: ParsedKey, *, media: bool) -> Iterator[Match]:
    """The video or the user whose place in the layout a key has, though no document names it."""
    why = "the key lies in its part of the bucket" + (", and no clip document names it" if media else "")
    if is_stored_id(parsed.uid) and is_stored_id(parsed.video_id):
        yield from known(records, Guess("r2_key", parsed.key, uid=parsed.uid, video_id=parsed.video_id), why)
    elif is_stored_id(parsed.uid):
        yield from of_uid(records, parsed.uid, why)
