"""Reads an answer's many like elements (`<Contents>`, `<Deleted>`) as columns of text, without a tree of nodes.

Stores write every such element with the same tags in the same order; the first one gives the pattern for all. Where
any of them differs, or the answer holds what a pattern does not see through (comments, CDATA, a document type,
attributes), nothing is taken and the caller's XML parser does it. Costs about 1 µs an element, a tree's parser 8.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

_TAG = re.compile(r"</?[A-Za-z][A-Za-z0-9]*>")
_ENTITY = re.compile(r"&(?:#(\d{1,7})|#x([0-9a-fA-F]{1,6})|(\w+));")
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}

Columns = dict[str, list[str]]


def take_blocks(body: bytes, name: str, wanted: Sequence[str]) -> tuple[bytes, Columns] | None:
    """The answer without its elements `name`, and the text of their children `wanted`, in the order of the elements.

    A child that no element has is left out of the columns. `None` where the elements are not all alike.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return None
    start, stop = text.find(f"<{name}>"), text.rfind(f"</{name}>")
    if start < 0 or stop < start or "<!" in text or not _declares_utf8(text):
        return None
    end = stop + len(name) + 3
    first = text[start : text.index(f"</{name}>", start) + len(name) + 3]
    found = _pattern(re.sub(r">[^<>]*<", "><", first), tuple(wanted), name)
    if found is None:
        return None
    pattern, names = found
    rows = pattern.findall(text, start, end)
    if len(rows) != text.count(f"<{name}>") or pattern.sub("", text[start:end]).strip():
        return None
    columns = [list(column) for column in zip(*rows, strict=True)] if len(names) > 1 else [rows]
    try:
        texts = {tag: _unescaped(column) for tag, column in zip(names, columns, strict=True)}
    except ValueError:
        return None
    return (text[:start] + text[end:]).encode(), texts


@lru_cache(maxsize=32)
def _pattern(shape: str, wanted: tuple[str, ...], name: str) -> tuple[re.Pattern[str], list[str]] | None:
    """The pattern of an element of this shape (its tags without text), with a group for each child wanted."""
    tags = _TAG.findall(shape)
    if "".join(tags) != shape:
        return None  # attributes, prefixes, or tags that close themselves
    names: list[str] = []
    parts: list[str] = []
    depth = 0
    for tag in tags:
        opens = not tag.startswith("</")
        child = tag[1:-1]
        depth += 1 if opens else -1
        parts.append(tag)
        if opens and depth == 2 and child in wanted:
            if child in names:
                return None
            names.append(child)
            parts.append("([^<>]*)")
        else:
            parts.append("[^<>]*")
    if depth or not names:
        return None
    return re.compile("".join(parts[:-1])), names


def _declares_utf8(text: str) -> bool:
    """Whether the declaration, if there is one, says UTF-8."""
    head = text[:200].partition("?>")[0] if text.startswith("<?xml") else ""
    return "encoding=" not in head or re.search(r"encoding=[\"']utf-8[\"']", head, re.IGNORECASE) is not None


def _unescaped(column: list[str]) -> list[str]:
    """The texts as XML means them; most columns hold no entity at all. `ValueError` for what XML does not allow."""
    whole = "<".join(column)
    if "\r" in whole:
        raise ValueError("a line end that XML would change")
    entities = whole.count("&")
    if not entities:
        return column
    if entities == whole.count("&quot;"):
        return [text.replace("&quot;", '"') for text in column]
    if entities != len(_ENTITY.findall(whole)):
        raise ValueError("a bare ampersand")
    return [_ENTITY.sub(_character, text) if "&" in text else text for text in column]


def _character(match: re.Match[str]) -> str:
    decimal, hexadecimal, name = match.groups()
    if name:
        if name not in _NAMED:
            raise ValueError(f"an entity that XML does not have: {name}")
        return _NAMED[name]
    code = int(decimal) if decimal else int(hexadecimal, 16)
    if code not in {9, 10, 13} and not (0x20 <= code < 0xD800 or 0xE000 <= code <= 0x10FFFF):
        raise ValueError("a character that XML does not have")
    return chr(code)
