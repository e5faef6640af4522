"""The index of addresses and titles in `ops_index`: how it is divided into documents, and what a look-up reads of it.

`ops_index/head` names one generation and its division; the other documents hold compressed lines of JSON in `body`:

    GENERATION-users-003           [uid, address]: all users, as many to a document as fit; a look-up reads them all
    GENERATION-titles-0017-02      [uid, video_id, clip_id, title]: all titles with a word of one bucket, in parts
    GENERATION-places-004          [uid, [buckets]]: where the titles of a user are, for their removal

A word's bucket goes by the hash of its first three letters (of a script without blanks, of each character), so that a
title is found by the beginnings of its words; a look-up reads the bucket of the rarest word alone. 100,000 users take
fewer than 10 reads by a part of an address, and at most 20 by a title, however common its words are.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from storage.domain.pasted import folded, is_titled, words_of
from storage.errors import Unusable
from storage.ids import is_stored_id

COLLECTION: Final = "ops_index"
HEAD: Final = f"{COLLECTION}/head"
VERSION: Final = 1
PART_BYTES: Final = 900_000  # a document may have 1 MiB, names and all other fields included
MAX_PARTS: Final = 6  # of one bucket
MAX_BUCKETS: Final = 256
BUCKET_BYTES: Final = 1_500_000  # of lines, before they are compressed
KEY_LETTERS: Final = 3
USERS_OF_PLACE: Final = 1_000
MAX_TEXT: Final = 300  # of a title or an address; the rest is not searched
_LEVEL: Final = 6
# The field with the title, and the segments of a path, of each collection that has titles.
TITLED: Final[Mapping[str, tuple[str, int]]] = {"videos": ("video_title", 4), "clips": ("scene_title", 6)}

Row = list[Any]


@dataclass(frozen=True, slots=True)
class IndexHead:
    """One generation. `parts` has the number of documents of each bucket; `cut` those whose lines did not all fit.

    `read_at` is when reading the users began: what came later is not in it.
    """

    generation: str
    read_at: datetime
    finished_at: datetime
    users: int
    titles: int
    user_pages: int
    parts: tuple[int, ...]
    places: int
    cut: tuple[int, ...] = ()

    @property
    def user_paths(self) -> list[str]:
        """The documents with all users."""
        return [user_path(self.generation, number) for number in range(self.user_pages)]

    def title_paths(self, bucket: int) -> list[str]:
        """The documents of one bucket of titles."""
        return [title_path(self.generation, bucket, part) for part in range(self.parts[bucket])]

    @property
    def paths(self) -> list[str]:
        """Every document of the generation but the head."""
        titles = [path for bucket in range(len(self.parts)) for path in self.title_paths(bucket)]
        return [*self.user_paths, *titles, *(place_path(self.generation, number) for number in range(self.places))]

    def bucket_for(self, words: Iterable[str]) -> int | None:
        """The bucket that costs least of those that hold every title with these words; `None` where there is none."""
        buckets = [bucket_of(key_of(word), len(self.parts)) for word in words] if self.parts else []
        return min(buckets, key=lambda bucket: (bucket in self.cut, self.parts[bucket]), default=None)


def user_path(generation: str, number: int) -> str:
    """A page of users."""
    return f"{COLLECTION}/{generation}-users-{number + 1:03}"


def title_path(generation: str, bucket: int, part: int) -> str:
    """A part of a bucket of titles."""
    return f"{COLLECTION}/{generation}-titles-{bucket + 1:04}-{part + 1:02}"


def place_path(generation: str, number: int) -> str:
    """A page of the buckets of users."""
    return f"{COLLECTION}/{generation}-places-{number + 1:03}"


def key_of(word: str) -> str:
    """What the bucket of a folded word goes by."""
    return word[:KEY_LETTERS]


def bucket_of(key: str, count: int) -> int:
    """The bucket, or the page of places, of a key."""
    return zlib.crc32(key.encode()) % count


def buckets_of(title: str, count: int) -> set[int]:
    """The buckets that a title is in."""
    return {bucket_of(key_of(word), count) for word in words_of(title[:MAX_TEXT])}


def bucket_count(line_bytes: int) -> int:
    """How many buckets lines of so many bytes, each counted once for each of its buckets, are divided into."""
    return max(1, min(MAX_BUCKETS, -(-line_bytes // BUCKET_BYTES)))


def line_of(row: Row) -> str:
    """A row as it is kept."""
    return json.dumps(row, ensure_ascii=False, separators=(",", ":"))


def title_row(uid: str, video_id: str, clip_id: str, title: str) -> Row:
    """A row of titles; `clip_id` is empty for a video's own."""
    return [uid, video_id, clip_id, " ".join(title[:MAX_TEXT].split())]


def title_rows(titles: Iterable[tuple[str, str]], collection_id: str) -> Iterator[Row]:
    """A row for each path and title of `videos` or `clips`, by path: of a video its own title, of a clip that of its
    scene, once for all styles of a scene. Documents elsewhere than below a user's videos have none."""
    last: tuple[str, ...] = ()
    length = TITLED[collection_id][1]
    for path, title in titles:
        ids = path.split("/")
        if len(ids) != length or ids[0] != "users" or not all(map(is_stored_id, ids)):
            continue
        row = title_row(ids[1], ids[3], ids[5] if length == 6 else "", title)
        if (same := (row[0], row[1], row[3])) != last:
            yield row
        last = same


def packed(lines: Sequence[str]) -> list[bytes]:
    """The lines as bodies of documents, in order, as few as hold them all."""
    if not lines:
        return []
    body = zlib.compress("\n".join(lines).encode("utf-8", "replace"), _LEVEL)
    if len(body) <= PART_BYTES or len(lines) == 1:
        return [body]
    pieces = max(2, -(-len(body) * 21 // (PART_BYTES * 20)))
    size = -(-len(lines) // pieces)
    return [piece for start in range(0, len(lines), size) for piece in packed(lines[start : start + size])]


def body_fields(body: bytes) -> dict[str, Any]:
    """The fields of a document."""
    return {"version": VERSION, "body": body}


def rows_of(fields: Mapping[str, Any] | None) -> list[Row]:
    """The rows of a document. Raises `Unusable` where it is gone, or is none of this version."""
    try:
        if fields is None or fields["version"] != VERSION:
            raise ValueError("it was replaced meanwhile, or written by another version")
        return [json.loads(line) for line in zlib.decompress(fields["body"]).decode().split("\n") if line]
    except (KeyError, TypeError, ValueError, zlib.error) as error:
        raise _unusable(str(error)) from None


def head_fields(head: IndexHead) -> dict[str, Any]:
    """The fields of the head document."""
    return {
        "version": VERSION,
        "generation": head.generation,
        "read_at": head.read_at,
        "finished_at": head.finished_at,
        "users": head.users,
        "titles": head.titles,
        "user_pages": head.user_pages,
        "parts": list(head.parts),
        "places": head.places,
        "cut": list(head.cut),
    }


def head_from(fields: Mapping[str, Any]) -> IndexHead:
    """The head that `head_fields` wrote. Raises `Unusable` for another version."""
    try:
        if fields["version"] != VERSION:
            raise ValueError("it was written by another version of the desk")
        if not isinstance(fields["read_at"], datetime):
            raise TypeError("its time is none")
        return IndexHead(
            str(fields["generation"]),
            fields["read_at"],
            fields["finished_at"],
            int(fields["users"]),
            int(fields["titles"]),
            int(fields["user_pages"]),
            tuple(map(int, fields["parts"])),
            int(fields["places"]),
            tuple(map(int, fields["cut"])),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _unusable(str(error)) from None


def users_with(rows: Iterable[Row], text: str) -> Iterator[Row]:
    """The rows of users whose address has every part of the text, in any case and without accents."""
    parts = folded(text).split()
    for row in rows:
        address = folded(row[1])
        if all(part in address for part in parts):
            yield row


def titles_with(rows: Iterable[Row], words: list[str]) -> list[Row]:
    """The rows whose title has words that begin so, those first that have them in this order."""
    found = [row for row in rows if is_titled(row[3], words)]
    phrase = " ".join(words)
    return sorted(found, key=lambda row: phrase not in " ".join(words_of(row[3])))


def _unusable(why: str) -> Unusable:
    return Unusable(
        f"The index of addresses and titles cannot be read: {why[:200]}.",
        remedy="Write it again: python -m storage rollup",
        target=COLLECTION,
    )
