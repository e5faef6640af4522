"""Takes the keys of a listing page out of its XML as columns, before the SDK would build a dictionary for each key.

Everything else of the call stays the SDK's: signing, retries, error answers. Its own reading of the XML, twice, costs
about 70 µs a key, which is most of the time that a listing of thousands takes; this way it is about 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus
from xml.etree import ElementTree

COLUMNS = "Columns"  # the name under which a page's columns stand in the SDK's reply, in place of "Contents"
_FIELDS = ("Key", "Size", "ETag", "LastModified", "StorageClass")


@dataclass(frozen=True, slots=True)
class PageColumns:
    """One page of a listing, column by column, as text; `None` where an object lacks the element."""

    keys: list[str | None]
    sizes: list[str | None]
    etags: list[str | None]
    modified: list[str | None]
    storage_classes: list[str | None]


def take_columns(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    """Hook for the SDK's `before-parse`, before its own: moves the objects of a good answer to `COLUMNS`.

    An answer with an error, or one that is no XML, is left as it is: the SDK knows what to make of it.
    """
    if response_dict["status_code"] != 200:
        return
    try:
        root = ElementTree.fromstring(response_dict["body"])
    except ElementTree.ParseError:
        return
    if root.tag.rpartition("}")[2] != "ListBucketResult":
        return
    space = root.tag.removesuffix("ListBucketResult")
    customized_response_dict[COLUMNS] = _columns(root, space)
    root[:] = [child for child in root if child.tag != f"{space}Contents"]
    response_dict["body"] = ElementTree.tostring(root)


def _columns(root: ElementTree.Element, space: str) -> PageColumns:
    objects = root.findall(f"{space}Contents")
    columns: list[list[str | None]] = []
    for name in _FIELDS:
        found: list[str | None] = [element.text for element in root.iter(f"{space}{name}")]
        complete = len(found) == len(objects)  # else some object lacks the element, and each is asked for its own
        columns.append(found if complete else [item.findtext(f"{space}{name}") for item in objects])
    keys, sizes, etags, modified, storage_classes = columns
    if root.findtext(f"{space}EncodingType") == "url":
        keys = [None if key is None else unquote_plus(key) for key in keys]
    return PageColumns(keys, sizes, etags, modified, storage_classes)
