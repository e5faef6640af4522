"""Names the scripts that a page of the desk will want, so that the browser asks for them with the page itself.

Streamlit asks for the script of a kind of element only when the first element of that kind has come over the WebSocket,
and for each in turn. Which files a kind needs stands in Streamlit's own manifest; the desk names kinds alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import streamlit as st

from pages._ui import assets

STATIC: Final = Path(st.__file__).parent / "static"
# Elements by the name of their source in Streamlit.
ALWAYS: Final = ("BidiComponent", "Button", "Html", "Selectbox", "Spinner")
CHART: Final = "ArrowVegaLiteChart"
_GALLERY: Final = "gallery/"  # scripts of our own that only this page wants at once:
_OF_THE_GALLERY: Final = "video"
_LIST: Final = ("ButtonGroup", "DownloadButton", "Multiselect", "TextInput")  # a list with filters and a CSV
OF_PAGES: Final[Mapping[str, tuple[str, ...]]] = {
    "overview": (CHART, "PageLink"),
    "find": ("TextInput",),
    "user": ("ButtonGroup", "DownloadButton", "PageLink", "Progress", "TextInput"),  # its folds want more, later
    "video": (CHART, "ButtonGroup", "DownloadButton", "PageLink", "Table"),
    "fleet": (CHART, *_LIST, "Metric", "PageLink"),
    "uploads": (CHART, *_LIST, "NumberInput", "PageLink"),
    "processing": (CHART, *_LIST, "Checkbox", "Metric"),
    "purge": ("TextInput",),
    "audit": ("ButtonGroup", "DownloadButton", "TextInput"),
}


@cache
def links(page: str) -> str:
    """The links for the head of this page's HTML: what it needs at once, then what other pages will.

    The latter are no links that a browser knows, until `frontend/desk/later.js` makes them such: fetched beside this
    page they would make it come later.
    """
    own = _scripts((*ALWAYS, *OF_PAGES.get(page, ())))
    others = _scripts(name for names in OF_PAGES.values() for name in names)
    later = [name for name in assets.modules() if name.startswith(_GALLERY) and page != _OF_THE_GALLERY]
    now = [name for name in assets.modules() if name not in later]
    return "\n    ".join(
        [
            *(f'<link rel="modulepreload" href="{assets.address(name)}">' for name in now),
            *(f'<link rel="modulepreload" crossorigin href="./{file}">' for file in own),
            *(f'<link rel="later" as="script" crossorigin href="./{file}">' for file in others if file not in own),
            *(f'<link rel="later" as="script" href="{assets.address(name)}">' for name in later),
        ]
    )


def _scripts(kinds: Iterable[str]) -> list[str]:
    """The files of these kinds that Streamlit's page does not name itself, each after those that it imports."""
    manifest, page = _manifest(), streamlits_page()
    known = [entries()[kind] for kind in kinds if kind in entries()]  # an unknown one is only fetched later
    named = dict.fromkeys(file for entry in known for file in _closure(entry, manifest))
    return [file for file in named if file not in page]


@cache
def streamlits_page() -> str:
    """The page that Streamlit itself would answer with."""
    return (STATIC / "index.html").read_text(encoding="utf-8")


@cache
def _manifest() -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads((STATIC / "manifest.json").read_text(encoding="utf-8"))
    return found


@cache
def entries() -> Mapping[str, str]:
    """The manifest's name of each script that is loaded when it is needed, by the name of its source."""
    return {Path(name).stem: name for name, found in _manifest().items() if found.get("isDynamicEntry")}


def _closure(name: str, manifest: Mapping[str, Any]) -> Iterator[str]:
    seen: dict[str, None] = {}

    def visit(one: str) -> None:
        if one not in seen:
            seen[one] = None
            for imported in manifest[one].get("imports", ()):
                visit(imported)

    visit(name)
    return (manifest[one]["file"] for one in reversed(seen))
