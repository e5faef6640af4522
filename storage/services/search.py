"""Finds users, videos and clips from a pasted text, and says why each one matched and what was searched.

Look-ups go by id, by address, by a field of a document and by a key of the bucket. A look-up that a backend refused
never counts as "nothing found": beside other matches the answer names it as a gap; without any match its error is
raised.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import chain
from typing import Any

import pandas as pd

from storage.domain.documents import Table
from storage.domain.drafts import AnalysisDraft, charge_of, draft_of
from storage.domain.layout import Layout, parse_stem
from storage.domain.pasted import cannot_search, folded, is_titled, spellings, title_words
from storage.domain.purge.job import Job
from storage.domain.purge.removed import address_digest, removal_of, removals
from storage.domain.search import Candidate, Kind, Match, ParsedQuery, SearchResult, recognise
from storage.domain.search_index import IndexHead, titles_with, users_with
from storage.domain.shares import state_of
from storage.errors import MissingIndex, StorageError, Unusable
from storage.ids import is_stored_id
from storage.repositories.clock import utc_now
from storage.repositories.drafts import draft_path
from storage.repositories.jobs import jobs_of
from storage.repositories.records import FIND_LIMIT, Records
from storage.repositories.search_index import index_records, read_head, read_rows
from storage.text import moment

SCAN_LIMIT = 500  # users read at most for a part of an address, or for the titles of their videos
VIDEOS_OF_USER = 100  # whose titles are then looked at
READERS = 8
PARTS_WITHHELD = "parts of e-mail addresses: your role sees addresses masked, and finds a customer by the whole one"

_ADDRESS_PART = re.compile(r"[^@\s]*@\S*|[^\W\d_][\w.+-]{1,18}")  # longer without an "@" is an id


def of_uid(records: Records, uid: str, why: str) -> Iterator[Match]:
    """The user, also a phantom."""
    user = records.user(uid)
    if user is not None:
        label = user.email or (uid if user.exists else f"{uid} (without a document of their own)")
        yield Match("user", uid, "", "", label, why)
    if user is None or not user.exists:
        yield from purged(records, uid)


def of_email(records: Records, email: str) -> Iterator[Match]:
    """Users with exactly this address."""
    yield from users(records.users_by_email(email).unbroken(), "exact e-mail match")


def of_email_prefix(records: Records, start: str) -> Iterator[Match]:
    """Users whose address begins with `start`, in this case."""
    table = records.users_by_email_prefix(start, FIND_LIMIT)
    yield from users(table.unbroken(), "its address begins with the text")


def of_address_part(found: pd.DataFrame, part: str) -> Iterator[Match]:
    """Those of the users whose address has the part, or all of its words, in any case and without accents."""
    words = folded(part).split()
    addresses = found["email"].fillna("").map(folded)
    there = addresses.map(lambda address: bool(address) and all(word in address for word in words)).astype(bool)
    yield from users(found[there], "its address has the text in it")


def of_titles(pages: Callable[[str], Table], uids: Iterable[str], words: list[str]) -> Iterator[Match]:
    """Videos of these users whose title has every word, in any case and without accents; `pages` reads a user's."""

    def titled(uid: str) -> pd.DataFrame:
        found = pages(uid).frame
        return found[found["video_title"].fillna("").map(lambda title: is_titled(title, words)).astype(bool)]

    with ThreadPoolExecutor(max_workers=READERS) as threads:  # each in a copy of the context, for the meter
        asked = [threads.submit(copy_context().run, titled, uid) for uid in uids]
        for one in asked:
            yield from videos(one.result(), "its title has the words")


def users(frame: pd.DataFrame, why: str) -> Iterator[Match]:
    """A match for each row of users."""
    for uid, email in frame[["uid", "email"]].itertuples(index=False):
        yield Match("user", uid, "", "", uid if pd.isna(email) else email, why)


def phantoms(records: Records, video_id: str) -> Iterator[Match]:
    """Videos whose document is gone, or does not say its id as one made of a draft, found by the clips below them."""
    frame = records.find_clips_of_video(video_id).unbroken()
    for uid in sorted(set(frame.loc[frame["video_id"] == video_id, "uid"])):
        video = records.video(uid, video_id)
        lacks = "its document does not say its id" if video is not None and video.exists else "no document of the video"
        yield Match("video", uid, video_id, "", video_id, f"clips with its id are there, and {lacks}")


def videos(frame: pd.DataFrame, why: str) -> Iterator[Match]:
    """A match for each row of videos."""
    for uid, video_id, title in frame[["uid", "video_id", "video_title"]].itertuples(index=False):
        yield Match("video", uid, video_id, "", video_id if pd.isna(title) or not title else title, why)


def clips(frame: pd.DataFrame, why: str) -> Iterator[Match]:
    """A match for each row of clips."""
    columns = ["uid", "video_id", "clip_id", "scene_title"]
    for uid, video_id, clip_id, title in frame[columns].itertuples(index=False):
        yield Match("clip", uid, video_id, clip_id, clip_id if pd.isna(title) or not title else title, why)


def known(records: Records, guess: Candidate, why: str) -> Iterator[Match]:
    """The deepest thing that the ids of a guess lead to. The remains of a shared clip are no clip."""
    if guess.clip_id:
        clip = records.clip(guess.uid, guess.video_id, guess.clip_id)
        if clip is None or not clip.exists:
            why += f"; its clip {guess.clip_id} does not exist" + ("" if clip is None else " any more")
        else:
            yield Match("clip", guess.uid, guess.video_id, guess.clip_id, clip.scene_title or guess.clip_id, why)
            return
        yield from purged(records, guess.uid, guess.video_id, guess.clip_id)
    if guess.video_id:
        video = records.video(guess.uid, guess.video_id)
        if video is None and not guess.clip_id:
            yield from purged(records, guess.uid, guess.video_id)
        if video is not None:
            yield Match("video", guess.uid, guess.video_id, "", video.video_title or guess.video_id, why)
            return
    if guess.draft_id:
        document = records.raw(draft_path(guess.uid, guess.draft_id))
        if document is not None:
            yield from of_drafts(records, [draft_of(document)], why)
            return
    yield from of_uid(records, guess.uid, why)


def purged(records: Records, uid: str, video_id: str = "", clip_id: str = "") -> Iterator[Match]:
    """The purge that took this thing of the user (without ids, the user); asked for where the thing is not there."""
    yield from _purged(jobs_of(records).of_user(uid), video_id, clip_id)


def _purged(jobs: Sequence[Job], video_id: str, clip_id: str = "") -> Iterator[Match]:
    """A match for each user of whom one of these purges took the thing."""
    for uid in dict.fromkeys(job.scope.uid for job in jobs):
        found = removal_of([job for job in jobs if job.scope.uid == uid], video_id, clip_id)
        if found is not None:
            label = "/".join(filter(None, (uid, video_id, clip_id)))
            yield Match("purged", uid, video_id, clip_id, label, found.told(full=False), removed=found)


def of_slug(records: Records, slug: str, now: datetime) -> Iterator[Match]:
    """The clip to which a public share link leads, and whether the link works. The link's document names the owner.

    The product deletes that document when a link is revoked; then only the clip's share settings still name the slug.
    """
    link = records.raw(f"share_slugs/{slug}")
    fields = (link.fields if link else None) or {}
    uid, video_id, clip_id = (str(fields.get(name) or "") for name in ("user_id", "video_id", "clip_id"))
    if not all(map(is_stored_id, (uid, video_id, clip_id))):
        yield from _revoked(records, slug)
        return
    clip = records.clip(uid, video_id, clip_id)
    if clip is not None and clip.exists:
        label = clip.scene_title or clip_id
        yield Match("clip", uid, video_id, clip_id, label, f"its public link {state_of(fields, now)}")
        return
    why = f"a public link leads to its clip {clip_id}, which does not exist: the link is left over and shows nothing"
    yield from known(records, Candidate("share_link", slug, uid=uid, video_id=video_id), why)


def _revoked(records: Records, slug: str) -> Iterator[Match]:
    """The clips, or their remains, whose settings name a slug that no longer has a document."""
    for path in records.find_shares(slug):
        parts = path.split("/")
        if len(parts) == 8 and parts[0] == "users":
            guess = Candidate("share_link", slug, uid=parts[1], video_id=parts[3], clip_id=parts[5])
            yield from known(records, guess, "its share settings name this link, which is revoked and shows nothing")
            return
    for found in removals(jobs_of(records).that_took(f"/c/{slug}")):
        if not found.there_again:
            yield Match("purged", found.uid, found.video_id, "", f"/c/{slug}", found.told(full=False), removed=found)
            return


def of_drafts(records: Records, drafts: Iterable[AnalysisDraft], why: str) -> Iterator[Match]:
    """Each draft, and the videos made from it: the charges name both."""
    for draft in drafts:
        yield Match("draft", draft.uid, "", "", draft.video_title or draft.draft_id, why, draft.draft_id)
        charges = [charge_of(document) for document in records.charges_of(draft.uid, "draft_id", draft.draft_id)]
        for video_id in dict.fromkeys(charge.video_id for charge in charges):
            if is_stored_id(video_id):
                guess = Candidate("video_id", video_id, uid=draft.uid, video_id=video_id)
                made = [match for match in known(records, guess, "it was made of this draft") if match.type == "video"]
                yield from made


def of_key(records: Records, guess: Candidate) -> Iterator[Match]:
    """The clips that name the key; else the video or the user to whom the key's place in the layout belongs."""
    parsed = guess.parsed
    if parsed is None:
        return
    uid, video_id = guess.uid, guess.video_id
    media = parsed.kind in {"clip", "thumbnail", "unrecognised"} and is_stored_id(uid) and is_stored_id(video_id)
    frame = records.clips(uid, video_id).unbroken() if media else None
    if frame is not None and len(frame):
        keys = set(spellings(guess.value))
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
        for key in spellings(guess.value):
            elsewhere = records.find_clips(r2_key=key).unbroken()
            yield from clips(elsewhere, "its document names this key")
            if len(elsewhere):
                return
    yield from _place(records, guess, media=media)


def _place(records: Records, guess: Candidate, *, media: bool) -> Iterator[Match]:
    """The video or the user to whom the key's place in the layout belongs, although no document names the key."""
    why = "the key lies in its part of the bucket" + (", and no clip document names it" if media else "")
    if is_stored_id(guess.uid) and is_stored_id(guess.video_id):
        named = parse_stem(guess.parsed.name.rpartition(".")[0]) if media and guess.parsed is not None else None
        if named is not None:
            clip_id = f"{guess.video_id}_{named.scene_id}_{named.style}"
            gone = removal_of(jobs_of(records).of_user(guess.uid), guess.video_id, clip_id)
            if gone is not None:
                label, told = f"{guess.uid}/{guess.video_id}/{clip_id}", gone.told(full=False)
                yield Match("purged", guess.uid, guess.video_id, clip_id, label, told, removed=gone)
                if gone.kind in {"user", "video"}:
                    return
        yield from known(records, Candidate("r2_key", guess.value, uid=guess.uid, video_id=guess.video_id), why)
    elif is_stored_id(guess.uid):
        yield from of_uid(records, guess.uid, why)


@dataclass
class _Search:
    records: Records
    now: datetime
    masked: bool = False  # whoever asks sees addresses masked: only a whole one finds anybody
    matches: dict[tuple[str, ...], Match] = field(default_factory=dict)
    searched: list[str] = field(default_factory=list)
    gaps: list[StorageError] = field(default_factory=list)
    unreached: list[str] = field(default_factory=list)  # what these look-ups could not search
    withheld: str = ""
    first_users: pd.DataFrame | None = None
    later_users: pd.DataFrame | None = None
    head: IndexHead | None = None
    head_read: bool = False

    def withhold(self) -> None:
        """Notes that parts of addresses are not searched for this person."""
        self.withheld = PARTS_WITHHELD

    def index(self) -> IndexHead | None:
        """The index that `rollup` writes, or `None`: there is none, or (a gap that is told) it cannot be read."""
        if not self.head_read:
            self.head_read = True
            try:
                self.head = read_head(self.records)
            except StorageError as error:
                self.gaps.append(error)
        return self.head

    def indexed(self, paths: Callable[[IndexHead], list[str]]) -> Iterator[list[Any]]:
        """The rows of some documents of the index; once more where a rollup replaced it meanwhile."""
        if self.head is None:
            return
        try:
            rows = list(read_rows(self.records, paths(self.head)))
        except Unusable:
            self.head = read_head(self.records)
            rows = list(read_rows(self.records, paths(self.head))) if self.head else []
        yield from rows

    def users_since(self, when: datetime) -> pd.DataFrame:
        """Users that are new or changed since the index was made, read once in a search."""
        if self.later_users is None:
            reader = index_records(self.records)
            found = [reader.users_later(name, when, SCAN_LIMIT).frame for name in ("created_at", "updated_at")]
            self.later_users = pd.concat(found).drop_duplicates("uid").head(SCAN_LIMIT)
        return self.later_users

    def some_users(self) -> pd.DataFrame:
        """The first users, read once in a search."""
        if self.first_users is None:
            self.first_users = self.records.users(page_size=SCAN_LIMIT).unbroken()
        return self.first_users

    def look(self, what: str, find: Callable[[], Iterator[Match]], *, optional: bool = False) -> bool:
        """Runs one look-up; true when it found something. An `optional` one is left out where its index is missing."""
        before = len(self.matches)
        try:
            for match in find():
                self.matches.setdefault((match.type, match.uid, match.video_id, match.clip_id, match.draft_id), match)
        except StorageError as error:
            if not (optional and isinstance(error, MissingIndex)):
                self.gaps.append(error)
            return False
        self.searched.append(what)
        return len(self.matches) > before


def find(
    records: Records,
    text: str,
    layout: Layout,
    *,
    bucket: str = "",
    public_url: str = "",
    masked: bool = False,
    clock: Callable[[], datetime] = utc_now,
) -> SearchResult:
    """The matches of the text. Raises `BadInput` for unusable text, `BackendError` when an error hides the answer.

    `masked`: for somebody who sees addresses masked. A part of an address then finds nobody, or it would tell the rest
    letter by letter.
    """
    reading = recognise(text, layout, bucket=bucket, public_url=public_url)
    search = _Search(records, clock(), masked)
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


def _answer(reading: ParsedQuery, kind: Kind, found: tuple[Match, ...], search: _Search) -> SearchResult:
    return SearchResult(
        query=reading.shown,
        kind=kind,
        matches=found[:FIND_LIMIT],
        searched=tuple(dict.fromkeys(search.searched)),
        gaps=tuple(search.gaps),
        truncated=len(found) >= FIND_LIMIT,
        cannot=() if found else (*cannot_search(reading.shown), *dict.fromkeys(search.unreached)),
        withheld=search.withheld,
    )


def _uid(search: _Search, guess: Candidate) -> bool:
    return search.look(
        f"the customer {guess.uid}", lambda: of_uid(search.records, guess.uid, "exact customer id match")
    )


def _email(search: _Search, guess: Candidate) -> bool:
    if _exactly(search, guess.value):
        return True
    if search.look("purged customers with this address", partial(_of_purged_address, search.records, guess.value)):
        return True
    return _in_other_case(search, guess.value) if search.masked else _email_prefix(search, guess)


def _exactly(search: _Search, typed: str) -> bool:
    return any(
        search.look(f"customers with the address {form}", partial(of_email, search.records, form))
        for form in dict.fromkeys((typed, typed.lower()))
    )


def _of_purged_address(records: Records, address: str) -> Iterator[Match]:
    yield from _purged(jobs_of(records).of_address(address_digest(address)), "")


def _email_prefix(search: _Search, guess: Candidate) -> bool:
    typed = guess.value
    if search.masked:
        search.withhold()
        return "@" in typed.strip("@") and (_exactly(search, typed) or _in_other_case(search, typed))
    found = False
    for start in () if typed.startswith("@") else dict.fromkeys((typed, typed.lower(), typed.capitalize())):
        found |= search.look(
            f"customers whose address begins with {start}", partial(of_email_prefix, search.records, start)
        )
    return found or (bool(_ADDRESS_PART.fullmatch(typed)) and _address_part(search, typed))


def _in_other_case(search: _Search, typed: str) -> bool:
    """Users with this whole address, which is spelt with other capital letters there."""
    search.withhold()
    head = search.index()
    if head is None:
        return False

    def indexed() -> Iterator[Match]:
        for uid, email in users_with(search.indexed(lambda index: index.user_paths), typed):
            if email.casefold() == typed.casefold():
                yield Match("user", uid, "", "", email, "exact e-mail match, with other capital letters")

    return search.look(f"the whole addresses of {head.users:,} customers, {_as_of(head)}", indexed)


def _address_part(search: _Search, typed: str) -> bool:
    if search.masked:
        search.withhold()
        return False
    head = search.index()
    if head is None:
        search.unreached.append(
            f"parts of addresses beyond the first {SCAN_LIMIT:,} customers: there is no index; a rollup writes it"
        )
        what = f"the addresses of the first {SCAN_LIMIT:,} customers, for a part, in any case: there is no index"
        return search.look(what, lambda: of_address_part(search.some_users(), typed))

    def indexed() -> Iterator[Match]:
        for uid, email in users_with(search.indexed(lambda index: index.user_paths), typed):
            yield Match("user", uid, "", "", email, "its address has the text in it")

    return search.look(f"the addresses of {head.users:,} customers, {_as_of(head)}", indexed) or search.look(
        f"the addresses of up to {SCAN_LIMIT:,} customers that are newer than the index",
        lambda: of_address_part(search.users_since(head.read_at), typed),
    )


def _as_of(head: IndexHead) -> str:
    return f"in the index as of {moment(head.read_at)}"


def _title(search: _Search, guess: Candidate) -> bool:
    words = title_words(guess.value)
    found = False if guess.bare else _address_part(search, guess.value)
    head = search.index()
    if head is None:
        search.unreached.append("titles of clips, and of other videos: there is no index; a rollup writes it")
        what = (
            f"the titles of the first {VIDEOS_OF_USER} videos of each of the first {SCAN_LIMIT:,} customers: no index"
        )
        pages = partial(search.records.videos, limit=VIDEOS_OF_USER)
        return search.look(what, lambda: of_titles(pages, search.some_users()["uid"], words)) or found
    search.unreached.append(f"titles of clips that are newer than the index (as of {moment(head.read_at)})")
    bucket = head.bucket_for(words)
    cut = "; the word is too common to search all of them, so add a rarer one" if bucket in head.cut else ""

    def indexed() -> Iterator[Match]:
        rows = search.indexed(lambda index: index.title_paths(index.bucket_for(words) or 0))
        for uid, video_id, clip_id, title in titles_with(rows, words)[: 2 * FIND_LIMIT]:
            yield Match("clip" if clip_id else "video", uid, video_id, clip_id, title, "its title has the words")

    def newer() -> Iterator[Match]:
        later = index_records(search.records).accounts_later(head.read_at, SCAN_LIMIT)
        uids = list(dict.fromkeys([*search.users_since(head.read_at)["uid"], *later]))[:SCAN_LIMIT]
        yield from of_titles(
            lambda uid: search.records.videos_changed_since(uid, head.read_at, VIDEOS_OF_USER), uids, words
        )

    what = f"{head.titles:,} titles of videos and clips, {_as_of(head)}{cut}"
    newest = f"titles of videos that up to {SCAN_LIMIT:,} customers changed since the index was made"
    return search.look(what, indexed) or found or search.look(newest, newer)


def _video_id(search: _Search, guess: Candidate) -> bool:
    if guess.uid:
        return search.look(
            f"the video {guess.video_id} of {guess.uid}",
            lambda: known(search.records, guess, "its ids are in the text"),
        )
    return search.look(
        f"videos with the id {guess.video_id}",
        lambda: videos(search.records.find_videos(video_id=guess.video_id).unbroken(), "exact video id match"),
    ) or search.look(
        f"clips of a video {guess.video_id} without a document, and purges of it",
        lambda: chain(
            phantoms(search.records, guess.video_id),
            _purged(jobs_of(search.records).of_video(guess.video_id), guess.video_id),
        ),
    )


def _draft_id(search: _Search, guess: Candidate) -> bool:
    if guess.uid:
        return _path(search, guess)

    def found() -> Iterator[Match]:
        drafts = [draft_of(document) for document in search.records.find_drafts(guess.draft_id)]
        yield from of_drafts(search.records, drafts, "exact draft id match")

    return search.look(f"drafts with the id {guess.draft_id}", found, optional=True)


def _video_url(search: _Search, guess: Candidate) -> bool:
    if guess.value.startswith("http"):
        return search.look(
            f"videos made from {guess.value}",
            lambda: videos(
                search.records.find_videos(video_url=guess.value).unbroken(), "it was made from this address"
            ),
        )
    return search.look(
        f"videos made from the YouTube video {guess.value}",
        lambda: videos(
            search.records.find_videos(youtube_id=guess.value).unbroken(), "it was made from this YouTube video"
        ),
    )


def _clip_id(search: _Search, guess: Candidate) -> bool:
    if guess.uid and guess.video_id:
        return _path(search, guess)
    return search.look(
        f"clips with the id {guess.clip_id}",
        lambda: clips(search.records.find_clips(clip_id=guess.clip_id).unbroken(), "exact clip id match"),
    ) or search.look(f"purges of the clip {guess.clip_id}", lambda: _purged_clip(search.records, guess))


def _purged_clip(records: Records, guess: Candidate) -> Iterator[Match]:
    """A clip's id begins with that of its video."""
    video_id = guess.video_id or re.split(r"_(?:\d+|compilation)_", guess.clip_id)[0]
    if is_stored_id(video_id):
        yield from _purged(jobs_of(records).of_video(video_id), video_id, guess.clip_id)


def _file_name(search: _Search, guess: Candidate) -> bool:
    name = guess.value.removesuffix(".jpg") + ".mp4" if guess.value.endswith(".jpg") else guess.value

    def found() -> Iterator[Match]:
        for spelling in spellings(name):
            yield from clips(search.records.find_clips(filename=spelling).unbroken(), "exact file name match")

    return search.look(f"clips with the file name {name}", found)


def _path(search: _Search, guess: Candidate) -> bool:
    return search.look(
        f"the document {guess.value}", lambda: known(search.records, guess, "the text is a path or link to it")
    )


def _share_link(search: _Search, guess: Candidate) -> bool:
    what = f"the public share link {guess.value}"
    return search.look(what, lambda: of_slug(search.records, guess.value, search.now), optional=guess.bare)


def _key(search: _Search, guess: Candidate) -> bool:
    return search.look(f"what the key {guess.value} belongs to", lambda: of_key(search.records, guess))


_LOOKUPS: dict[Kind, Callable[[_Search, Candidate], bool]] = {
    "uid": _uid,
    "email": _email,
    "email_prefix": _email_prefix,
    "video_id": _video_id,
    "draft_id": _draft_id,
    "clip_id": _clip_id,
    "file_name": _file_name,
    "r2_key": _key,
    "presigned_url": _key,
    "cdn_url": _key,
    "video_url": _video_url,
    "document_path": _path,
    "desk_link": _path,
    "share_link": _share_link,
    "title": _title,
}
