"""Every question that `Records` answers, each asked once; expects the user `u1` with a video `v` and clips."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from storage.repositories.records import Records

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
QUESTIONS: dict[str, Callable[[Records], Any]] = {
    "user": lambda records: records.user("u1"),
    "users": lambda records: records.users(),
    "iter_users": lambda records: list(records.iter_users()),
    "sample_clips": lambda records: [table.unbroken() for table in records.sample_clips()],
    "clips_of_others": lambda records: [table.unbroken() for table in records.clips_of_others("u2")],
    "users_by_email": lambda records: records.users_by_email("a@b.c"),
    "users_by_email_prefix": lambda records: records.users_by_email_prefix("a", 3),
    "plan": lambda records: records.plan("pro"),
    "plans": lambda records: records.plans(),
    "accounting": lambda records: records.accounting("u1"),
    "accountings": lambda records: records.accountings(["u1", "u2"]),
    "transactions": lambda records: records.transactions("u1"),
    "video": lambda records: records.video("u1", "v"),
    "videos": lambda records: records.videos("u1"),
    "recent_videos": lambda records: records.recent_videos("u1", 3),
    "videos_changed_since": lambda records: records.videos_changed_since("u1", NOON),
    "count_videos": lambda records: records.count_videos("u1"),
    "transactions_since": lambda records: records.transactions_since("u1", NOON),
    "videos_by_ids": lambda records: records.videos_by_ids([("u1", "v")]),
    "highlights": lambda records: records.highlights("u1", "v"),
    "drafts": lambda records: records.drafts("u1"),
    "draft_scenes": lambda records: records.draft_scenes("u1", "d1"),
    "find_drafts": lambda records: records.find_drafts("d1"),
    "drafts_by_status": lambda records: records.drafts_by_status(["failed"]),
    "charges_of": lambda records: records.charges_of("u1", "video_id", "v"),
    "videos_of_drafts": lambda records: records.videos_of_drafts(),
    "shares": lambda records: records.shares("u1", "v", "c01"),
    "share_slugs": lambda records: records.share_slugs("u1"),
    "clip": lambda records: records.clip("u1", "v", "c01"),
    "clips of a user": lambda records: records.clips("u1"),
    "clips of a video": lambda records: records.clips("u1", "v"),
    "clip_totals of a user": lambda records: records.clip_totals("u1"),
    "clip_totals of a video": lambda records: records.clip_totals("u1", "v"),
    "raw": lambda records: records.raw("users/u1"),
    "children": lambda records: records.children("users/u1"),
    "documents": lambda records: records.documents("users/u1", "videos"),
    "many": lambda records: records.many(["users/u1"]),
    "exact": lambda records: records.exact(["users/u1"]),
    "find_videos": lambda records: records.find_videos(video_id="v"),
    "find_clips": lambda records: records.find_clips(clip_id="c01"),
    "find_shares": lambda records: records.find_shares("slug1234"),
    "find_clips_of_video": lambda records: records.find_clips_of_video("v"),
    "videos_by_status": lambda records: records.videos_by_status(["failed"]),
    "videos_without_status": lambda records: records.videos_without_status(["failed"], 2, 1, most_reads=100),
    "videos_of_other_statuses": lambda records: records.videos_of_other_statuses(["failed"], 10),
    "status_counts": lambda records: records.status_counts(),
    "count": lambda records: records.count("clips"),
    "indexed_queries": lambda records: [query() for _, query in records.indexed_queries()],
}
