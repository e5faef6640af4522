"""Signs links to the pictures of clips, and records that a person sees them."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from pages._ui.access.guard import allowed, require
from pages._ui.data import audit_looks
from pages._ui.data.resources import stores
from storage.domain.documents import Clip, SignedUrl, of_row
from storage.errors import StorageError
from storage.services import links

MOST = 200  # videos of one list that get a picture


def poster(clip: Clip) -> SignedUrl | None:
    """A link to the thumbnail, the same for a while, so that a rerun does not fetch every picture again."""
    if not clip.thumbnail_r2_key or clip.has_thumbnail is False:
        return None
    try:
        object_key = links.own_key(stores().layout, clip, "thumbnail")
    except StorageError:
        return None
    seconds = stores().settings.playback_url_expiry_seconds
    return stores().objects.presign(object_key, seconds, content_type="image/jpeg", window_seconds=min(seconds, 900))


def by_video(uid: str, clips: pd.DataFrame | None, *, shown: Iterable[str]) -> dict[str, str]:
    """A picture of each of these videos, from its first clip with one; none for people who may not see media.

    The look is recorded once for this customer, before anything is signed. Makes no request.
    """
    if clips is None or not len(clips) or not allowed("preview"):
        return {}
    named = clips[clips["exists"].to_numpy(dtype=bool, na_value=False) & clips["thumbnail_r2_key"].notna()]
    named = named.sort_values(["priority", "scene_id"], na_position="last").drop_duplicates("video_id")
    rows = {row["video_id"]: row for row in named.to_dict("records")}
    wanted = [video_id for video_id in shown if video_id in rows][:MOST]
    if not wanted:
        return {}
    audit_looks.looked(require("preview", active=False), uid, "")
    found = {video_id: poster(of_row(Clip, rows[video_id])) for video_id in wanted}
    return {video_id: signed.url for video_id, signed in found.items() if signed is not None}
