"""Finds users, videos and clips from whatever somebody pasted, and says why each one matched and what was searched.

A look-up that a backend refused is never "nothing found": with other matches it is a gap that is told, without any it
is the error itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from storage import find_matches as matches
from storage.domain.layout import Layout
from storage.domain.search import Found, Guess, Kind, Match, Reading, recognise
from storage.errors import StorageError
from storage.repositories.records import Records

_ADDRESS_START = re.compile(r"[^@]*@.*|[A-Za-z][A-Za-z0-9._+-]{1,18}")  # longer without an "@" is an id


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
        if guess.bare and search.matches:
            break
        if _LOOKUPS[guess.kind](search, guess) and reading.kind != "log_line":
            kind = guess.kind
            break
    if not search.matches and search.gaps:
        raise search.gaps[0]
    return _answer(reading, kind, tuple(search.matches.values()), search)


def _answer(reading: Reading, kind: Kind, found: tuple[Match, ...], search: _Search) -> Found:
    return Found(
        query=reading.shown,
        kind=kind,
        matches=found[: matches.MATCH_LIMIT],
        searched=tuple(dict.fromkeys(search.searched)),
        gaps=tuple(search.gaps),
        truncated=len(found) >= matches.MATCH_LIMIT,
    )


def _uid(search: _Search, guess: Guess) -> bool:
    return search.look(
        f"the user {guess.uid}", lambda: matches.of_uid(search.records, guess.uid, "its uid is the text")
    )


def _email(search: _Search, guess: Guess) -> bool:
    for typed in dict.fromkeys((guess.value, guess.value.lower())):
        if search.look(f"users with the address {typed}", partial(matches.of_email, search.records, typed)):
            return True
    return _email_prefix(search, guess)


def _email_prefix(search: _Search, guess: Guess) -> bool:
    typed = guess.value
    found = False
    for start in dict.fromkeys((typed, typed.lower(), typed.capitalize())):
        found |= search.look(
            f"users whose address begins with {start}", partial(matches.of_email_prefix, search.records, start)
        )
    if not found and _ADDRESS_START.fullmatch(typed):
        what = f"the first {matches.SCAN_LIMIT:,} users, upper and lower case alike"
        found = search.look(what, partial(matches.of_email_in_any_case, search.records, typed.casefold()))
    return found


def _video_id(search: _Search, guess: Guess) -> bool:
    if guess.uid:
        return search.look(
            f"the video {guess.video_id} of {guess.uid}",
            lambda: matches.known(search.records, guess, "its ids are in the text"),
        )
    return search.look(
        f"videos with the id {guess.video_id}",
        lambda: matches.videos(
            search.records.find_videos(video_id=guess.video_id).unbroken(), "its video id is the text"
        ),
    ) or search.look(
        f"clips of a video {guess.video_id} without a document",
        lambda: matches.phantoms(search.records, guess.video_id),
    )


def _video_url(search: _Search, guess: Guess) -> bool:
    if guess.value.startswith("http"):
        return search.look(
            f"videos made from {guess.value}",
            lambda: matches.videos(
                search.records.find_videos(video_url=guess.value).unbroken(), "it was made from this address"
            ),
        )
    return search.look(
        f"videos made from the YouTube video {guess.value}",
        lambda: matches.videos(
            search.records.find_videos(youtube_id=guess.value).unbroken(), "it was made from this YouTube video"
        ),
    )


def _clip_id(search: _Search, guess: Guess) -> bool:
    if guess.uid and guess.video_id:
        return _path(search, guess)
    return search.look(
        f"clips with the id {guess.clip_id}",
        lambda: matches.clips(search.records.find_clips(clip_id=guess.clip_id).unbroken(), "its clip id is the text"),
    )


def _file_name(search: _Search, guess: Guess) -> bool:
    name = guess.value.removesuffix(".jpg") + ".mp4" if guess.value.endswith(".jpg") else guess.value
    return search.look(
        f"clips with the file name {name}",
        lambda: matches.clips(search.records.find_clips(filename=name).unbroken(), "its file name is the text"),
    )


def _path(search: _Search, guess: Guess) -> bool:
    return search.look(
        f"the document {guess.value}", lambda: matches.known(search.records, guess, "the text is a path or link to it")
    )


def _key(search: _Search, guess: Guess) -> bool:
    return search.look(f"what the key {guess.value} belongs to", lambda: matches.of_key(search.records, guess))


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
