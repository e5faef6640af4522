"""Every declared field of a user, a video and a clip is shown on a page or by a command, or is left out for a reason.

Each field holds a value that nothing else has. It is shown where that value is on a page of the customer or of the
video, or in what a command prints; the raw documents and the bundle for engineers, which hold everything, do not count.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from pages._ui.kit.format import duration
from storage.cli.main import main
from storage.domain.documents import Clip, Column, Progress, User, Video, columns_of
from tests.rigs.clips import film
from tests.rigs.lists import shown_list
from tests.ui.conftest import LiveApp, words

UID, VIDEO_ID, CLIP_ID = "u1", "vid-0001", "vid-0001_1_split"
DECLARED = {"user": User, "video": Video, "clip": Clip, "progress": Progress}
KEY = f"users/{UID}/{VIDEO_ID}/clips/clip_01_1_zqkey_split.mp4"
DECIDES_NOTHING = "the product reads it back nowhere, and nobody has asked for it"
NOT_SHOWN = {
    "user.settings": "the customer's own preferences, which decide nothing that the desk explains",
    "video.youtube_id": "it stands in the address of the source, which is shown; `find` takes it",
    "video.custom_prompt": "it may be long and personal; a rebuilt highlights file gets it",
    "video.crop_mode": DECIDES_NOTHING,
    "video.target_aspect": DECIDES_NOTHING,
    "video.created_by": DECIDES_NOTHING,
    "video.clips_by_style": "the counts of clip documents are shown instead; `recount` says where this differs",
    "video.styles_processed": DECIDES_NOTHING,
    "video.completed_clips": "the count of clip documents is shown instead; it tells older deployments apart",
    "video.source_video_r2_key": "a cache that expires; its state and its end are shown",
    "clip.filename": "it is the end of the key, which is shown; `find` takes it",
    "clip.priority": "clips are drawn in its order",
    "clip.start_time": DECIDES_NOTHING,
    "clip.end_time": DECIDES_NOTHING,
    "clip.file_size_mb": "the size in bytes is shown",
    "clip.has_thumbnail": "a flag; the thumbnail's key is shown, and whether it is there",
    "clip.raw_r2_key": "a cache that expires, which `verify` and a purge look at",
    "clip.completed_at": "the time of creation is shown; the worker writes both at once",
    "clip.created_by": DECIDES_NOTHING,
    "progress.current_scene_id": "only whether it is there: by that a rendering is told from an analysis",
    "progress.current_scene_title": DECIDES_NOTHING,
}


def value_of(owner: str, column: Column, number: int) -> Any:
    """A value that no other field has, and that no page shows for another reason."""
    name = f"zq{owner}{column.name}".replace("_", "")
    return {
        "text": name,
        "whole": 7_000_003 + 1_009 * number,
        "number": 4_001.25 + 61 * number,
        "flag": True,
        "time": datetime(2024, 3, 1, tzinfo=UTC) + timedelta(days=number, minutes=number),
        "map": {name: 5},
        "list": [name],
    }[column.kind]


def documents() -> dict[str, dict[str, Any]]:
    """The fields of each document that are read from it, with their values."""
    made: dict[str, dict[str, Any]] = {}
    number = 0
    for owner, declaration in DECLARED.items():
        made[owner] = {}
        for column in columns_of(declaration):
            number += 1
            if not column.from_path:
                made[owner][column.name] = value_of(owner, column, number)
    made["user"]["usage_reset_month"] = f"{datetime.now(UTC):%Y-%m}"  # else no monthly counter counts
    made["user"]["plan_tier"] = "studio"  # any other name counts as free
    made["clip"] |= {"r2_key": KEY, "thumbnail_r2_key": KEY.replace(".mp4", ".jpg")}
    del made["video"]["processing_progress"]  # the parts are looked for one by one
    return made


def spellings(value: Any) -> tuple[str, ...]:
    """How pages and commands write a value."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}", f"{value:%Y-%m-%dT%H:%M}"
    if isinstance(value, float):
        return str(value), duration(value).text
    if isinstance(value, int):
        return str(value), f"{value:,}"
    return (next(iter(value)),) if isinstance(value, dict | list) else (str(value),)


def drawn(block: Any) -> Iterator[str]:
    """What a page sends to the browser: words with their helps, and tables."""
    for child in getattr(block, "children", {}).values():
        if (proto := getattr(child, "proto", None)) is not None:
            yield str(proto)
        if isinstance(frame := getattr(child, "value", None), pd.DataFrame):
            yield frame.to_csv()
        if rows := shown_list(proto):
            yield rows.value.to_csv()
        yield from drawn(child)


@pytest.fixture
def shown(app: LiveApp, capsys: pytest.CaptureFixture[str]) -> str:
    """All that pages and commands say of the customer, the video and the clip; and of those that lack what stands
    before another field: credits, the message of an error, and that of the progress."""
    made = documents()
    path = f"users/{UID}/videos/{VIDEO_ID}"
    moving = made["video"] | {"status": "processing", "processing_progress": made["progress"]}
    app.world.put(
        {
            f"users/{UID}": made["user"],
            "users/u2": made["user"] | {"credits_used_this_month": None},
            path: made["video"],
            f"{path}/clips/{CLIP_ID}": made["clip"],
            "users/u2/videos/moving": moving | {"error_message": None, "failed_at": None, "completed_at": None},
            "users/u2/videos/failed": made["video"] | {"status": "failed", "error_message": None},
        }
    )
    app.writer.put(KEY, film(), "video/mp4")
    ids = {"uid": UID, "video_id": VIDEO_ID}
    said = []
    for page in (app.open("user", uid=UID), app.open("video", clip_id=CLIP_ID, **ids)):
        said += [words(page), *drawn(page.main)]
    capsys.readouterr()
    for command in (
        "usage u1",
        "usage u2",
        f"diagnose u1 {VIDEO_ID}",
        "diagnose u2 moving",
        "diagnose u2 failed",
        "verify u1",
    ):
        main([*command.split(), "--json"])
    return "\n".join([*said, capsys.readouterr().out])


def test_every_declared_field_is_shown_or_left_out_for_a_reason(shown: str) -> None:
    fields = {f"{owner}.{name}": value for owner, made in documents().items() for name, value in made.items()}
    hidden = {name for name, value in fields.items() if not any(text in shown for text in spellings(value))}
    hidden.add("clip.has_thumbnail")  # a flag has no value of its own
    assert hidden == set(NOT_SHOWN)
