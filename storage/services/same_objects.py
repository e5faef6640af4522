"""Compares two objects of the bucket: size, type, and content by ETag, or by MD5 where an ETag says nothing."""

from __future__ import annotations

import hashlib

from storage.domain.documents import ObjectInfo
from storage.repositories.objects import Objects


def same(objects: Objects, one: str, other: str) -> bool:
    """Whether both objects exist and are equal.

    The ETag of an object that was uploaded whole is its MD5. The ETag of a multipart upload is made of its parts'
    digests: equal ETags mean equal content, unequal ones mean nothing, and then the object is read.
    """
    left, right = objects.head(one), objects.head(other)
    if left is None or right is None:
        return False
    said = [(info.size_bytes, info.content_type, info.metadata) for info in (left, right)]
    if said[0] != said[1]:
        return False
    return left.etag == right.etag or _md5(objects, left) == _md5(objects, right)


def _md5(objects: Objects, info: ObjectInfo) -> str:
    return info.etag if "-" not in info.etag else digest(objects, info.key, "md5")


def digest(objects: Objects, key: str, kind: str) -> str:
    """The digest of the object's bytes, which are read one piece after the other."""
    total = hashlib.new(kind, usedforsecurity=False)
    with objects.open(key) as stream:
        for piece in stream:
            total.update(piece)
    return total.hexdigest()
