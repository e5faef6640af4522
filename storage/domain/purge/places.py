"""Where a scope's things lie: key prefixes under the known layouts, and the documents that the rest hangs below."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from storage.domain.layout import Layout
from storage.domain.purge.scope import Scope


def home_prefixes(scope: Scope, layout: Layout) -> tuple[str, ...]:
    """Where the configured layout puts what belongs to the scope; each ends with '/'."""
    if not scope.video_ids:
        return layout.user_prefixes(scope.uid)
    return tuple(prefix for video_id in scope.video_ids for prefix in layout.video_prefixes(scope.uid, video_id))


def all_prefixes(scope: Scope, layout: Layout) -> tuple[str, ...]:
    """As `home_prefixes`, under every known layout, the configured one first."""
    found = (prefix for known in layout.prefixes for prefix in home_prefixes(scope, Layout(known)))
    return tuple(dict.fromkeys(found))


def document_roots(scope: Scope) -> tuple[str, ...]:
    """The documents that everything of the scope hangs below (share slugs and accounting lie beside them)."""
    user = f"users/{scope.uid}"
    if scope.clips:
        return tuple(f"{user}/videos/{clip.video_id}/clips/{clip.clip_id}" for clip in scope.clips)
    return (user,) if scope.video_id is None else (f"{user}/videos/{scope.video_id}",)


def points_into(scope: Scope, link: Mapping[str, Any]) -> bool:
    """Whether a public link leads into the scope by its own word: what its document says of user, video and clip.

    A field that it lacks counts as fitting: such a link is the scope's only where the scope's share settings name it.
    """
    videos, clips = scope.video_ids, {clip.clip_id for clip in scope.clips}
    return (
        link.get("user_id", scope.uid) == scope.uid
        and (not videos or link.get("video_id", videos[0]) in videos)
        and (not clips or link.get("clip_id", min(clips)) in clips)
    )


def in_scope(key: str, scope: Scope, layout: Layout) -> bool:
    """Whether a key lies where some known layout puts things of the scope's user (and videos), at a segment's end."""
    return key.startswith(all_prefixes(scope, layout))
