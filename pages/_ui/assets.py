"""Declares our own browser components, and names the addresses that the browser loads their scripts from.

The scripts (`modules`) are files of the server, which the browser keeps: the address holds a hash of them all, so a new
version is another address. A message carries only what loads them, and that is the same text for every component: for
each text that it has not met, the browser makes a module of its own and waits for it.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import streamlit as st

FOLDER: Final = "desk"  # the first part of the addresses of these files
_FRONTEND: Final = Path(__file__).parent / "frontend"
_SERVED: Final = ("copying", "desk", "gallery", "list", "palette", "vendor")
_SCRIPTS: Final = {  # by the name of the component
    "clipdesk_copy_button": "copying/copying.js",
    "clipdesk_focus": "desk/focus.js",
    "clipdesk_gallery": "gallery/gallery.js",
    "clipdesk_list": "list/list.js",
    "clipdesk_opened": "palette/opened.js",
    "clipdesk_palette": "palette/palette.js",
    "clipdesk_reach": "desk/reach.js",
}
_LOADER: Final = """
const SCRIPTS = ADDRESSES
export default async function (given) {
  const module = await import(new URL(SCRIPTS[given.name], window.location.origin))
  return module.default(given)
}
"""


def component(name: str, *, html: str = "", css: str = "") -> Any:
    """Declares the component of this name; `css` is a file. The result mounts it, as Streamlit's own does.

    Raises `KeyError` for a component without a script.
    """
    if name not in _SCRIPTS:
        raise KeyError(name)
    style = read(css) if css else None
    return st.components.v2.component(name, html=html or None, css=style, js=_loader())


def read(name: str) -> str:
    """A script or a style sheet."""
    return (_FRONTEND / name).read_text(encoding="utf-8")


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


def _loader() -> str:
    """The script of every component, which loads the module of the one that it is given."""
    return _LOADER.replace("ADDRESSES", json.dumps({name: address(file) for name, file in _SCRIPTS.items()}))
