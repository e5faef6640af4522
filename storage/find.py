"""Finds users, videos and clips from whatever somebody pasted, and says why each one matched and what was searched.

A look-up that a backend refused is never "nothing found": with other matches it is a gap that is told, without any it
is the error itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import pandas as pd

from storage.domain.layout import Layout, parse_stem
from storage.domain.match import Found, Match
from storage.domain.recognise import Guess, Kind, Reading, recognise
from storage.domain.schema import Table
from storage.errors import StorageError
from storage.ids import is_id
from storage.repositories.records import Records

MATCH_LIMIT = 50
SCAN_LIMIT = 1_000  # users read at most when an address is stored in another case than was typed


@dataclass
class _Search:
    records: Records
    matches: dict[tuple[str, str, str, str], Match] = field(default_factory=dict)
    searched: list[str] = field(default_factory=list)
    gaps: list[StorageError] = field(default_factory=list)

    def look(self, what: str, find: Callable[[], Iterator[Match]]) -> bool:
        """Runs one look-up; true when it found something."""
        before = len(self.matches)
        try:
            for match in find():
                self.matches.setdefault((match.type, match.uid, match.video_id, match.clip_id), match)
        except StorageError as error:
            self.gaps.append(error)
            return False
        self.searched.append(what)
        return len(self.matches) > before


def find(records: Records, text: str, layout: Layout, *, bucket: str = "", public_url: str = "") -> Found:
    """What the text stands for. Raises `BadInput` for unusable text, a `BackendError` when that hides the answer."""
    reading = recognise(text, layout, bucket=bucket, public_url=public_url)
    search = _Search(records)
    kind: Kind = reading.kind
    for guess in reading.guesses:
        if _LOOKUPS[guess.kind](search, guess) and reading.kind != "log_line":
            kind = guess.kind
            break
    if not search.matches and search.gaps:
        raise search.gaps[0]
    matches = tuple(search.matches.values())
    return _answer(reading, kind, matches, search)


def _answer(reading: Reading, kind: Kind, matches: tuple[Match, ...], search: _Search) -> Found:
    return Found(
        query=reading.shown,
        kind=kind,
        matches=matches[:MATCH_LIMIT],
        searched=tuple(dict.fromkeys(search.searched)),
        gaps=tuple(search.gaps),
        truncated=len(matches) >= MATCH_LIMIT,
    )


def _uid(search: _Search, guess: Guess) -> bool:
    return search.look(f"the user {guess.uid}", lambda: _user(search.records, guess.uid, "its uid is the text"))


def _user(records: Records, uid: str, why: str) -> Iterator[Match]:
    user = records.user(uid)
    if user is not None:
        label = user.email or (uid if user.exists else f"{uid} (documents without a user document)")
        yield Match("user", uid, "", "", label, why)


def _email(search: _Search, guess: Guess) -> bool:
    for typed in dict.fromkeys((guess.value, guess.value.lower())):
        if search.look(f"users with the address {typed}", partial(_by_email, search.records, typed)):
            return True
    return _email_prefix(search, guess)


def _by_email(records: Records, email: str) -> Iterator[Match]:
    yield from _users(whole(records.users_by_email(email)), "its address is the text")


def _email_prefix(search: _Search, guess: Guess) -> bool:
    typed = guess.value
    found = False
    for start in dict.fromkeys((typed, typed.lower(), typed.capitalize())):
        found |= search.look(
            f"users whose address begins with {start}", partial(_by_email_prefix, search.records, start)
        )
    if not found and "@" in typed:
        what = f"the first {SCAN_LIMIT:,} users, upper and lower case alike"
        found = search.look(what, partial(_scan, search.records, typed.casefold()))
    return found


def _by_email_prefix(records: Records, start: str) -> Iterator[Match]:
    table = records.users_by_email_prefix(start, MATCH_LIMIT)
    yield from _users(whole(table), "its address begins with the text")


def whole(table: Table) -> pd.DataFrame:
    """The frame of a table that was read to its end or to the limit; raises the error that cut it short."""
    if table.error is not None:
        raise table.error
    return table.frame


def _scan(records: Records, folded: str) -> Iterator[Match]:
    seen, cursor = 0, None
    while seen < SCAN_LIMIT:
        page = records.users(cursor=cursor)
        if page.error is not None:
            raise page.error
        seen += len(page.frame)
        emails = page.frame["email"].fillna("").str.casefold()
        yield from _users(
            page.frame[emails.str.startswith(folded)], "its address begins with the text, in another case"
        )
        cursor = page.next_cursor
        if cursor is None:
            return


def _users(frame: pd.DataFrame, why: str) -> Iterator[Match]:
    for uid, email in frame[["uid", "email"]].itertuples(index=False):
        yield Match("user", uid, "", "", uid if pd.isna(email) else email, why)


def _video_id(search: _Search, guess: Guess) -> bool:
    if guess.uid:
        return search.look(
            f"the video {guess.video_id} of {guess.uid}",
            lambda: _known(search.records, guess, "its ids are in the text"),
        )
    return search.look(
        f"videos with the id {guess.video_id}",
        lambda: _videos(whole(search.records.find_videos(video_id=guess.video_id)), "its video id is the text"),
    )


def _videos(frame: pd.DataFrame, why: str) -> Iterator[Match]:
    for uid, video_id, title in frame[["uid", "video_id", "video_title"]].itertuples(index=False):
        yield Match("video", uid, video_id, "", video_id if pd.isna(title) or not title else title, why)


def _video_url(search: _Search, guess: Guess) -> bool:
    if guess.value.startswith("http"):
        return search.look(
            f"videos made from {guess.value}",
            lambda: _videos(whole(search.records.find_videos(video_url=guess.value)), "it was made from this address"),
        )
    return search.look(
        f"videos made from the YouTube video {guess.value}",
        lambda: _videos(
            whole(search.records.find_videos(youtube_id=guess.value)), "it was made from this YouTube video"
        ),
    )


def _clip_id(search: _Search, guess: Guess) -> bool:
    if guess.uid and guess.video_id:
        return _path(search, guess)
    return search.look(
        f"clips with the id {guess.clip_id}",
        lambda: _clips(whole(search.records.find_clips(clip_id=guess.clip_id)), "its clip id is the text"),
    )


def _clips(frame: pd.DataFrame, why: str) -> Iterator[Match]:
    columns = ["uid", "video_id", "clip_id", "scene_title"]
    for uid, video_id, clip_id, title in frame[columns].itertuples(index=False):
        yield Match("clip", uid, video_id, clip_id, clip_id if pd.isna(title) or not title else title, why)


def _file_name(search: _Search, guess: Guess) -> bool:
    name = guess.value.removesuffix(".jpg") + ".mp4" if guess.value.endswith(".jpg") else guess.value
    return search.look(
        f"clips with the file name {name}",
        lambda: _clips(whole(search.records.find_clips(filename=name)), "its file name is the text"),
    )


def _path(search: _Search, guess: Guess) -> bool:
    return search.look(
        f"the document {guess.value}", lambda: _known(search.records, guess, "the text is a path or link to it")
    )


def _known(records: Records, guess: Guess, why: str) -> Iterator[Match]:
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
    yield from _user(records, guess.uid, why)


def _key(search: _Search, guess: Guess) -> bool:
    return search.look(f"what the key {guess.value} belongs to", lambda: _key_owner(search.records, guess))


def _key_owner(records: Records, guess: Guess) -> Iterator[Match]:
    """The clips that name the key; else the video or the user whose place in the layout it is."""
    parsed = guess.parsed
    if parsed is None or not is_id(parsed.uid):
        return
    if not is_id(parsed.video_id):
        yield from _user(records, parsed.uid, "the key lies in its part of the bucket")
        return
    if parsed.kind in {"clip", "thumbnail"}:
        clips = whole(records.clips(parsed.uid, parsed.video_id))
        named = clips[(clips["r2_key"] == guess.value) | (clips["thumbnail_r2_key"] == guess.value)]
        if len(named):
            yield from _clips(named, "its document names this key")
            return
        stem = parsed.name.rpartition(".")[0]
        same = clips[clips["filename"].fillna("").str.rpartition(".")[0] == stem] if len(clips) else clips
        if parse_stem(stem) and len(same):
            yield from _clips(same, "its file name is that of the key")
            return
    why = "the key lies in its part of the bucket"
    if parsed.kind in {"clip", "thumbnail"}:
        why += ", and no clip document names it"
    yield from _known(records, Guess("r2_key", guess.value, uid=parsed.uid, video_id=parsed.video_id), why)


_LOOKUPS: dict[Kind, Callable[[_Search, Guess], bool]] = {
    "uid": _uid,
    "email": _email,
    "email_prefix": _email_prefix,
    "video_id": _video_id,
    "clip_id": _clip_id,
    "file_name": _file_name,
    "r2_key": _key,
    "presigned_url": _key,
    "cdn_url": _key,
    "video_url": _video_url,
    "document_path": _path,
    "desk_link": _path,
}
