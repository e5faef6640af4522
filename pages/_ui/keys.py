"""Names of what is kept between runs: query parameters, and session keys with the page's name in front."""

from __future__ import annotations

import hashlib

UID = "uid"
VIDEO_ID = "video_id"
CLIP_ID = "clip_id"
QUERY = "q"
IDS = (UID, VIDEO_ID, CLIP_ID)


def key(page: str, *names: object) -> str:
    """The session key of something on a page: `key("user", "table")` is `user-table`. Also a CSS class name.

    No two underscores together: Streamlit refuses them in the keys of components.
    """
    return "-".join([page, *(str(name) for name in names)])


def component_key(name: str) -> str:
    """The key as a browser component may have it: hashed where it has two underscores together, as an id may."""
    return name if "__" not in name else f"hashed-{hashlib.sha256(name.encode(errors='replace')).hexdigest()[:20]}"
