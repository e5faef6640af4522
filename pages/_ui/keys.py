"""Names of what is kept between runs: query parameters, and session keys with the page's name in front."""

from __future__ import annotations

UID = "uid"
VIDEO_ID = "video_id"
CLIP_ID = "clip_id"
QUERY = "q"
IDS = (UID, VIDEO_ID, CLIP_ID)


def key(page: str, *names: object) -> str:
    """The session key of something on a page: `key("user", "table")` is `user__table`. Also a CSS class name."""
    return "__".join([page, *(str(name) for name in names)])
