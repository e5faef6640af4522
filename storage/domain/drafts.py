"""Drafts of the two-step flow: the product analyses a source into scenes, and the customer renders some of them.

The product keeps the analysis in `users/{uid}/analysis_drafts/{draft_id}`, its scenes in `.../scenes/{n}`. One credit
transaction charges the rendering and names the draft and the new video; nothing else connects the two. Nobody creates
the video's own document or its highlights, so this module rebuilds them from the scenes and the clips.

Source of the fields and of their types: the product's own models and repositories.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage.domain.documents import RawDocument

WORKING = ("pending", "downloading", "analyzing")  # the analysis waits or runs
ENDED_BADLY = ("failed",)
RENDERINGS = frozenset({"scene_processing", "reprocessing"})  # the operations of charges that ask for clips
_YOUTUBE = re.compile(r"(?:[?&]v=|youtu\.be/|/shorts/|/embed/|/live/)([A-Za-z0-9_-]{11})(?![A-Za-z0-9_-])")


@dataclass(frozen=True, slots=True)
class AnalysisDraft:
    """The document `users/{uid}/analysis_drafts/{draft_id}`. `None`: absent, or of no usable type."""

    uid: str
    draft_id: str
    status: str
    video_title: str | None
    source_url: str | None
    prompt: str | None
    error_message: str | None
    request_id: str | None
    scene_count: int | None
    warning_count: int | None
    created_at: datetime | None
    updated_at: datetime | None
    expires_at: datetime | None

    @property
    def working(self) -> bool:
        """Whether the analysis waits or runs: the product reads an absent or unknown status as pending."""
        return self.status not in {"completed", "failed", "expired"}


@dataclass(frozen=True, slots=True)
class DraftScene:
    """The document `.../scenes/{n}`. Times are `HH:MM:SS`, all other durations seconds."""

    number: int
    title: str
    start: str
    end: str
    duration_seconds: int
    pad_before: float
    pad_after: float
    description: str | None
    reason: str | None
    hook_category: str | None


@dataclass(frozen=True, slots=True)
class Charge:
    """The fields of `users/{uid}/credit_transactions/{id}` that name the operation, the draft and the video."""

    transaction_id: str
    operation: str
    credits: int | None
    description: str | None
    charged_at: datetime | None
    draft_id: str
    video_id: str
    metadata: Mapping[str, Any]

    @property
    def styles(self) -> tuple[str, ...]:
        """The styles that the rendering was to make; none where the entry does not say."""
        told = str(self.metadata.get("style_breakdown") or self.metadata.get("styles") or "")
        return tuple(dict.fromkeys(name for one in told.split(",") if (name := one.partition(":")[0].strip())))

    @property
    def scenes(self) -> int | None:
        """The number of scenes that the rendering was to make; `None` where the entry does not say."""
        scenes = str(self.metadata.get("scene_count") or "")
        return int(scenes) if scenes.isdecimal() and len(scenes) < 6 else None

    @property
    def clips(self) -> int | None:
        """The number of clips that a rendering of several scenes was to make: each scene in each style
        (`split:10,original:5`)."""
        scenes, styles = str(self.metadata.get("scene_count") or ""), str(self.metadata.get("style_breakdown") or "")
        return int(scenes) * len(styles.split(",")) if scenes.isdecimal() and len(scenes) < 6 and styles else None


@dataclass(frozen=True, slots=True)
class DraftOrigin:
    """The origin of a video: the charges that name it, and the remains of their draft.

    `draft_id` is empty where no charge names a draft. `draft` is `None` there, and where the draft is gone.
    """

    draft_id: str
    charges: tuple[Charge, ...] = ()
    draft: AnalysisDraft | None = None
    scenes: tuple[DraftScene, ...] = ()

    @property
    def last_rendering(self) -> Charge | None:
        """The charge for the last rendering."""
        asked = [(charge.charged_at, charge) for charge in self.charges if charge.operation in RENDERINGS]
        dated = [(at, charge) for at, charge in asked if at is not None]
        return max(dated, key=lambda pair: pair[0])[1] if dated else None

    @property
    def credits(self) -> int:
        """The sum of the charges for this video."""
        return sum(charge.credits or 0 for charge in self.charges)

    @property
    def charged_at(self) -> datetime | None:
        """The time of the first charge for the rendering."""
        return min((charge.charged_at for charge in self.charges if charge.charged_at), default=None)


def draft_of(document: RawDocument) -> AnalysisDraft:
    """The draft; a phantom has only its ids."""
    fields = document.fields or {}
    _, uid, _, draft_id = document.path.split("/")
    return AnalysisDraft(
        uid=uid,
        draft_id=draft_id,
        status=(_text(fields, "status") or "").strip().lower(),
        video_title=_text(fields, "video_title"),
        source_url=_text(fields, "source_url"),
        prompt=_text(fields, "prompt_instructions"),
        error_message=_text(fields, "error_message"),
        request_id=_text(fields, "request_id"),
        scene_count=_whole(fields, "scene_count"),
        warning_count=_whole(fields, "warning_count"),
        created_at=_time(fields, "created_at"),
        updated_at=_time(fields, "updated_at"),
        expires_at=_time(fields, "expires_at"),
    )


def scenes_of(documents: Iterable[RawDocument]) -> tuple[DraftScene, ...]:
    """The usable scenes in their order: those with an id, a title and both times."""
    found = [scene for document in documents if (scene := _scene(document.fields or {})) is not None]
    return tuple(sorted(found, key=lambda scene: scene.number))


def charge_of(document: RawDocument) -> Charge:
    """The charge that a credit transaction describes."""
    fields = document.fields or {}
    metadata = fields.get("metadata")
    return Charge(
        transaction_id=document.path.rpartition("/")[2],
        operation=_text(fields, "operation_type") or "",
        credits=_whole(fields, "credits_amount"),
        description=_text(fields, "description"),
        charged_at=_time(fields, "timestamp"),
        draft_id=_text(fields, "draft_id") or "",
        video_id=_text(fields, "video_id") or "",
        metadata=metadata if isinstance(metadata, Mapping) else {},
    )


def highlights_document(origin: DraftOrigin, video_id: str, title: str, now: datetime) -> dict[str, Any]:
    """The fields of `highlights/main` as the product writes them: without optional fields, and paddings as floats."""
    draft = origin.draft
    fields: dict[str, Any] = {
        "video_id": video_id,
        "highlights": [_highlight(scene) for scene in origin.scenes],
        "video_title": title,
        "created_at": origin.charged_at or now,
        "updated_at": now,
    }
    if draft is not None and draft.source_url:
        fields["video_url"] = draft.source_url
    if draft is not None and draft.prompt:
        fields["custom_prompt"] = draft.prompt
    return fields


@dataclass(frozen=True, slots=True)
class ClipFigure:
    """The figures of one clip document that its video's document adds up."""

    style: str
    size_bytes: int
    made_at: datetime | None


def video_document(
    held: Mapping[str, Any],
    origin: DraftOrigin,
    uid: str,
    video_id: str,
    clips: Sequence[ClipFigure],
    *,
    highlights: int,
    file_key: str,
    now: datetime,
) -> dict[str, Any]:
    """The fields that the video's document lacks (absent or null), and the counters as the sums over its clips.

    An existing final status, title or address stays.
    """
    draft = origin.draft
    url = (draft.source_url if draft else None) or ""
    youtube = _YOUTUBE.search(url)
    made = [figure.made_at for figure in clips if figure.made_at is not None]
    styles = [figure.style for figure in clips if figure.style]
    wanted: dict[str, Any] = {
        "video_id": video_id,
        "user_id": uid,
        "video_url": url,
        "video_title": title_of(held, origin),
        "youtube_id": youtube.group(1) if youtube else "",
        "status": "completed",
        "created_at": origin.charged_at or min(made, default=now),
        "completed_at": max(made, default=now),
        "highlights_count": highlights,
        "custom_prompt": draft.prompt if draft else None,
        "styles_processed": [],
        "crop_mode": "none",
        "target_aspect": "9:16",
        "highlights_json_key": file_key,
        "created_by": uid,
    }
    found = {name: value for name, value in wanted.items() if held.get(name) is None and value is not None}
    return found | {
        "clips_count": len(clips),
        "total_size_bytes": sum(figure.size_bytes for figure in clips),
        "clips_by_style": {style: styles.count(style) for style in sorted(set(styles))},
        "updated_at": now,
    }


def title_of(held: Mapping[str, Any], origin: DraftOrigin) -> str:
    """The video's title: its own, else the draft's, else a default word."""
    own = held.get("video_title")
    return (own if isinstance(own, str) and own else None) or (origin.draft and origin.draft.video_title) or "Untitled"


def _highlight(scene: DraftScene) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "id": scene.number,
        "title": scene.title,
        "start": scene.start,
        "end": scene.end,
        "duration": scene.duration_seconds,
        "pad_before": scene.pad_before,
        "pad_after": scene.pad_after,
    }
    more = {"hook_category": scene.hook_category, "reason": scene.reason, "description": scene.description}
    return entry | {name: value for name, value in more.items() if value}


def _scene(fields: Mapping[str, Any]) -> DraftScene | None:
    number, title = _whole(fields, "id"), _text(fields, "title")
    start, end = _text(fields, "start"), _text(fields, "end")
    if number is None or not title or not start or not end:
        return None
    return DraftScene(
        number=number,
        title=title,
        start=start,
        end=end,
        duration_seconds=_whole(fields, "duration_secs") or 0,
        pad_before=_number(fields, "pad_before", 1.0),
        pad_after=_number(fields, "pad_after", 1.0),
        description=_text(fields, "description"),
        reason=_text(fields, "reason"),
        hook_category=_text(fields, "hook_category"),
    )


def _text(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    return value if isinstance(value, str) else None


def _whole(fields: Mapping[str, Any], name: str) -> int | None:
    value = fields.get(name)
    if isinstance(value, float) and value.is_integer():  # the product accepts either kind of number
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number(fields: Mapping[str, Any], name: str, otherwise: float) -> float:
    value = fields.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else otherwise


def _time(fields: Mapping[str, Any], name: str) -> datetime | None:
    value = fields.get(name)
    return value if isinstance(value, datetime) else None
