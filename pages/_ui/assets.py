"""Reads the scripts and styles of our own browser components, and names the address that the browser loads some from.

A small component carries its script in the page's messages. A large one (`modules`) is files of the server, which the
browser keeps: the address holds a hash of them all, so a new version is another address.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

import streamlit as st

FOLDER: Final = "desk"  # the first part of the addresses of these files
_FRONTEND: Final = Path(__file__).parent / "frontend"
_SERVED: Final = ("desk", "list", "palette", "vendor")
_LOADER: Final = """
export default async function (given) {
  const module = await import(new URL(ADDRESS, window.location.origin))
  return module.default(given)
}
"""


def read(*names: str) -> str:
    """The files in this order as one script or one style sheet: they share their top-level names."""
    return "\n".join((_FRONTEND / name).read_text(encoding="utf-8") for name in names)


@cache
def modules() -> Mapping[str, bytes]:
    """The scripts that the server gives out, by path below their address, compressed."""
    files = (path for name in _SERVED for path in sorted((_FRONTEND / name).rglob("*.js")))
    packed = {
        path.relative_to(_FRONTEND).as_posix(): gzip.compress(path.read_bytes(), compresslevel=9, mtime=0)
        for path in files
    }
    return MappingProxyType(packed)


@cache
def version() -> str:
    """Sixteen hexadecimal digits that stand for all these files."""
    digest = hashlib.sha256()
    for name, packed in modules().items():
        digest.update(f"{name}\0{len(packed)}\0".encode() + packed)
    return digest.hexdigest()[:16]


def address(name: str) -> str:
    """The address of one of these files on this server, behind the path that the desk is served under."""
    return f"{base()}/{FOLDER}/{version()}/{name}"


def base() -> str:
    """The path that the desk is served under, such as `/desk`, or an empty text."""
    configured = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{configured}" if configured else ""


def loader(name: str) -> str:
    """The script of a component whose module is this file."""
    return _LOADER.replace("ADDRESS", json.dumps(address(name)))
