"""Reads of videos and of what hangs on one: highlights, share links."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from storage.domain.documents import SHARES, VIDEOS, RawDocument, Table, Video
from storage.ids import check_stored_id
from storage.repositories import decode_model
from storage.repositories.decode import raw_document
from storage.repositories.records_pages import checked_limit
from storage.repositories.records_paths import clip_path, highlights_path, user_path, video_path
from storage.repositories.records_query import Condition, build
from storage.repositories.records_reading import LIST_PAGE, Reading


@dataclass(frozen=True, slots=True)
class RecentVideos:
    """The newest videos, and how many exist that no order by `created_at` ever shows, because they lack it."""

    table: Table
    without_created_at: int


class VideoRecords(Reading):
    """Videos are listed with their phantoms: a video whose document is gone but whose clips are not."""

    def video(self, uid: str, video_id: str) -> Video | None:
        """The video; `exists` is false where only documents below it are left; `None`: proven absent, nothing below."""
        document = self._document_or_phantom(video_path(uid, video_id), "Reading the video")
        return None if document is None else decode_model.video(document)

    def videos(self, uid: str, *, limit: int | None = None, cursor: str | None = None) -> Table:
        """The user's videos by id, phantoms too: all of them, or up to `limit` with the cursor for the next."""
        size = LIST_PAGE if limit is None else min(LIST_PAGE, checked_limit(limit))
        fetch = self._listing(user_path(uid), "videos", "Listing the videos", page_size=size)
        return self._table(VIDEOS, fetch, cursor=cursor, limit=limit)

    def recent_videos(self, uid: str, limit: int) -> RecentVideos:
        """The newest videos by `created_at`; phantoms are not among them."""
        parent = user_path(uid)
        query = build("videos", order_by="created_at", descending=True)
        table = self._first(VIDEOS, query, "Reading the newest videos", limit, parent=parent)
        return RecentVideos(*self._hidden(table, parent, "created_at"))

    def videos_by_ids(self, ids: Sequence[tuple[str, str]]) -> Table:
        """The videos of these (uid, video id) pairs, in this order; those proven absent have no row."""
        paths = list(dict.fromkeys(video_path(uid, video_id) for uid, video_id in ids))
        return self._table_of(VIDEOS, paths, "Reading videos")

    def highlights(self, uid: str, video_id: str) -> RawDocument | None:
        """The document `highlights/main` of newer deployments, or `None`: proven absent."""
        document = self._document(highlights_path(uid, video_id), "Reading the highlights document")
        return None if document is None else raw_document(document)

    def shares(self, uid: str, video_id: str, clip_id: str) -> tuple[RawDocument, ...]:
        """The share settings below one clip, whether the clip's document exists or not."""
        return self._raw_listing(clip_path(uid, video_id, clip_id), "shares", "Reading the clip's shares")

    def share_slugs(self, uid: str, video_id: str | None = None) -> Table:
        """The public share links of a user, or of one of the user's videos."""
        where: list[Condition] = [("user_id", "==", check_stored_id(uid, "uid"))]
        if video_id is not None:
            where.append(("video_id", "==", check_stored_id(video_id, "video_id")))
        return self._table(SHARES, self._by_name(build("share_slugs", where=where), "Reading the share links"))
