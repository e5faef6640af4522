"""The rule about videos whose documents the product cannot use: it lists videos by `created_at` and by their status."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pandas as pd

from storage.domain.integrity.findings import Finding
from storage.domain.integrity.inputs import UserFacts
from storage.domain.integrity.join import statuses


def incomplete_videos(facts: UserFacts, now: datetime, stale_after: timedelta) -> Iterator[Finding]:
    """Findings about documents that the product cannot list (no `created_at`), or treats as being processed for ever
    (no status).

    A worker may still write a document that was touched within the limit: the first clip of a draft's rendering comes
    before anything else about the video.
    """
    videos, odd = facts.videos.frame, facts.videos.oddities
    strange = {one.path.rpartition("/")[2] for one in odd if one.field_name == "created_at" and one.kind != "missing"}
    columns = (videos["video_id"], statuses(videos["status"]), videos["created_at"].isna(), videos["updated_at"])
    for video_id, status, undated, touched, there in zip(
        *columns, (value is True for value in videos["exists"].tolist()), strict=True
    ):
        undated = undated and video_id not in strange  # a list shows a video with the field, also of another type
        names = [*(["created_at"] if undated else []), *([] if status else ["status"])]
        if not there or not names or (not status and pd.notna(touched) and touched > now - stale_after):
            continue
        seen = "no list of the customer shows it" if undated else "the product takes it for being processed for ever"
        detail = f"The video's document has no {' and no '.join(names)}: {seen}. Diagnose the video."
        yield Finding(
            "incomplete_video",
            "warning",
            facts.uid,
            video_id=video_id,
            expected=" and ".join(names),
            detail=detail,
            seen_at=facts.read_at,
        )
