"""Looks into clips and thumbnails by ranged reads, pinned to the object as it was listed, and keeps the results.

There are three answers: it plays, it does not play, it was not looked at. A refusal, a silent store, a body that broke
off and an object that changed meanwhile give the third answer, with the words of the error.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field, replace

from storage.domain.integrity import MediaObject
from storage.domain.media import MediaLook, look, not_looked_at
from storage.errors import NotFound, Stale, StorageError
from storage.repositories.objects import Objects

KEPT = 5_000  # looks, some 1 kB each

_Name = tuple[str, str, str, str]


@dataclass(slots=True)
class KeptLooks:
    """The looks of this process, by bucket, key, ETag and time; it keeps no signature and no URL.

    The time is part of the key because a copy onto itself changes the content type and not the ETag.
    """

    looks: OrderedDict[_Name, MediaLook] = field(default_factory=OrderedDict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def knows(self, bucket: str, item: MediaObject) -> bool:
        """Whether a look into the object would need no request."""
        with self.lock:
            return name_of(bucket, item) in self.looks

    def get(self, name: _Name) -> MediaLook | None:
        """The kept look, with no bytes read for it now."""
        with self.lock:
            found = self.looks.get(name)
            if found is not None:
                self.looks.move_to_end(name)
        return None if found is None else replace(found, bytes_read=0, requests=0)

    def put(self, name: _Name, seen: MediaLook) -> None:
        """Keeps the look, and drops the least recently used one."""
        with self.lock:
            self.looks[name] = seen
            while len(self.looks) > KEPT:
                self.looks.popitem(last=False)


def name_of(bucket: str, item: MediaObject) -> _Name:
    """The key in the cache for exactly this object."""
    return (bucket, item.key, item.etag, item.modified.isoformat() if item.modified else "")


def look_into(objects: Objects, item: MediaObject, kept: KeptLooks) -> MediaLook:
    """The look into the object. Raises nothing: an error becomes the answer "not looked at"."""
    name = name_of(objects.bucket, item)
    known = kept.get(name) if item.etag else None
    if known is not None:
        return known
    types: list[str | None] = []
    taken = [0]

    def read(offset: int, length: int) -> bytes:
        part = objects.part(item.key, offset, length, item.etag)
        taken[0] += len(part.content)
        if part.info.size_bytes != item.size_bytes:
            raise Stale("The object has another size by now.", target=item.key)
        types.append(part.info.content_type)
        return part.content

    try:
        seen = look(item.kind, item.size_bytes, read)
    except (NotFound, Stale):
        words = "It is another object by now, or none: it changed while it was looked into."
        return replace(not_looked_at(item.kind, words, Stale.code), bytes_read=taken[0])
    except StorageError as error:
        return replace(not_looked_at(item.kind, error.message, error.code), bytes_read=taken[0])
    seen = replace(seen, content_type=types[0] if types else None)
    if item.etag:
        kept.put(name, seen)
    return seen
