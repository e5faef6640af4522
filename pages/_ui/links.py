"""Addresses of pages within the desk: the one place that writes a query string."""

from __future__ import annotations

import re
from urllib.parse import quote

_PAGE = re.compile(r"[a-z0-9_-]*")


def url_for(page: str, **params: str | int | None) -> str:
    """The address of a page (its `url_path`, empty for the first page), relative, so that it holds behind any prefix.

    Every value is percent-encoded whole, so no id can add a parameter, a path or a host. `None` leaves a parameter out.
    `ValueError` for a page name that is no `url_path`: names are ours, and a wrong one is a slip of the code.
    """
    if not _PAGE.fullmatch(page):
        raise ValueError(f"not a page's url_path: {page!r}")
    pairs = [
        f"{quote(name, safe='')}={quote(str(value), safe='', errors='replace')}"
        for name, value in params.items()
        if value is not None
    ]
    return f"./{page}" + (f"?{'&'.join(pairs)}" if pairs else "")
