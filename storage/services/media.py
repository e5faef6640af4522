"""Looks into clips and thumbnails by ranged reads, pinned to the object as it was listed, and remembers what it saw.

Three answers: it plays, it does not play, it was not looked at. A store's refusal, its silence and a body that broke
off are the third, with the error's words; so is an object that is another by now.
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
    """The looks of this process, by bucket, key, ETag and time; nothing that signs or leads anywhere.

    The time is among them because a copy onto itself changes the content type and not the ETag.
    """

    looks: OrderedDict[_Name, MediaLook] = field(default_factory=OrderedDict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def knows(self, bucket: str, item: MediaObject) -> bool:
        """Whether looking into it would ask nothing of the store."""
        with self.lock:
            return name_of(bucket, item) in self.looks

    def get(self, name: _Name) -> MediaLook | None:
        """What was seen of it; as if nothing had been read for it now."""
        with self.lock:
            found = self.looks.get(name)
            if found is not None:
                self.looks.move_to_end(name)
        return None if found is None else replace(found, bytes_read=0, requests=0)

    def put(self, name: _Name, seen: MediaLook) -> None:
        """Remembers it, and forgets the one that was not asked for longest."""
        with self.lock:
            self.looks[name] = seen
            while len(self.looks) > KEPT:
                self.looks.popitem(last=False)


def name_of(bucket: str, item: MediaObject) -> _Name:
    """What stands for this very object."""
    return (bucket, item.key, item.etag, item.modified.isoformat() if item.modified else "")


def look_into(objects: Objects, item: MediaObject, kept: KeptLooks) -> MediaLook:
    """What is in the object. Raises nothing: where no answer came, that is the answer."""
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
