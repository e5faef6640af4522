"""What is handed over with a case: the diagnosis and its facts as JSON, without secrets, links or addresses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from typing import Any

from storage.domain.diagnosis.answer import Diagnosis
from storage.domain.diagnosis.facts import Fact, Known, Unknown, VideoFacts
from storage.domain.documents import Video
from storage.domain.highlights import HighlightsState
from storage.text import redacted, without_links

FORMAT = "clip-desk-case/1"
MAX_TEXT_CHARS = 2_000
_EXACT = frozenset({"uid", "video_id", "clip_id", "key", "target", "command", "place"})  # needed as they are
_VIDEO_FIELDS = (
    "status",
    "created_at",
    "updated_at",
    "completed_at",
    "failed_at",
    "update_time",
    "error_message",
    "highlights_count",
    "highlights_json_key",
    "clips_count",
    "total_size_bytes",
    "expected_clips",
    "completed_clips",
    "source_video_status",
    "source_video_expires_at",
    "source_video_error",
    "processing_progress",
    "oddities",
)


def bundle(diagnosis: Diagnosis, facts: VideoFacts) -> dict[str, Any]:
    """Plain values only. The video's address and title, the owner's e-mail address and all texts of the highlights
    are left out; links, tokens and addresses inside of messages are taken out."""
    video = facts.video.value if isinstance(facts.video, Known) else None
    content = {
        "format": FORMAT,
        "made_at": facts.now,
        "diagnosis": diagnosis.as_dict(),
        "stale_after_minutes": facts.stale_after.total_seconds() / 60,
        "video": _video(facts.video, video),
        "clips": _fact(facts.clips),
        "objects": _fact(facts.objects),
        "quota": _fact(facts.quota),
        "highlights": [_highlights(state) for state in (facts.highlights_object, facts.highlights_document)],
        "source_present": facts.source_present,
        "upload_check": facts.report.as_dict() if facts.report else None,
    }
    result: dict[str, Any] = _plain("", content)
    return result


def as_json(diagnosis: Diagnosis, facts: VideoFacts) -> str:
    """The bundle as text, for a download. Pure ASCII, so no terminal or editor is misled by direction marks."""
    return json.dumps(bundle(diagnosis, facts), indent=2, ensure_ascii=True)


def _video(fact: Fact[Video], video: Video | None) -> object:
    if video is None:
        return _fact(fact)
    return {"presence": "present" if video.exists else "phantom", **{n: getattr(video, n) for n in _VIDEO_FIELDS}}


def _fact(fact: Fact[Any]) -> object:
    if isinstance(fact, Known):
        return {"presence": "present", "value": fact.value}
    if isinstance(fact, Unknown):
        return {"presence": "unknown", "code": fact.code, "message": fact.message}
    return {"presence": "absent"}


def _highlights(state: HighlightsState) -> object:
    names = ("source", "presence", "content", "count", "reason", "place", "written_at", "size_bytes", "code")
    return {name: getattr(state, name) for name in names}


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, str):
        return without_links(value) if name in _EXACT else redacted(value[:MAX_TEXT_CHARS])
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(name, asdict(value))
    if isinstance(value, Mapping):
        return {str(key): _plain(str(key), item) for key, item in value.items()}
    return [_plain(name, item) for item in value]
