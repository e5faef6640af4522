"""A disclosure in the web app: first on Overview, never shown, whose it is only for those who verify; ended there."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from streamlit.testing.v1 import AppTest

from storage.repositories.audit_log import AuditLog
from tests.rigs.records import clip, user, video
from tests.ui.conftest import LiveApp, words
from tests.ui.test_fixes import planned, press

IDS = {"uid": "u1", "video_id": "vid-0001"}
OTHER = "secret-customer"
VIDEO = "users/u1/videos/vid-0001"
CLIP = "vid-0001_1_split"
THEIRS = f"users/{OTHER}/vid-0009/clips/intro.MP4"
OWN = "users/u1/vid-0001/clips/clip_01_1_scene_split.mp4"


@pytest.fixture
def shown(app: LiveApp) -> LiveApp:
    """One clip that names another customer's object; its own object is there too, and two links lead to it."""
    for key in (THEIRS, OWN):
        app.writer.put(key, b"12345", "video/mp4")
    now = datetime.now(UTC)
    link = {"user_id": "u1", "video_id": "vid-0001", "clip_id": CLIP, "created_at": now}
    app.world.put(
        {
            "users/u1": user("u1"),
            VIDEO: video("vid-0001", status="failed", failed_at=now, updated_at=now),
            f"{VIDEO}/highlights/main": {"video_id": "vid-0001", "highlights": [{"id": 1}]},
            f"{VIDEO}/clips/{CLIP}": clip("vid-0001", 1, r2_key=THEIRS, has_thumbnail=False, file_size_bytes=5),
            "share_slugs/newer1234567": link,
            "share_slugs/older1234567": link,
        }
    )
    return app


def gallery_of(page: AppTest) -> str:
    """The gallery's cards as the browser gets them."""
    found = [str(getattr(block.proto, "json", "")) for block in page.main]
    return "".join(one for one in found if '"presence"' in one)


def test_support_sees_that_it_is_anothers_and_not_whose(shown: LiveApp) -> None:
    page = shown.open("video", role="support", clip_id=CLIP, **IDS)
    text = words(page)
    assert "another customer's, not shown" in text
    assert OTHER not in text + str(page.main)
    assert '"presence": "withheld"' in gallery_of(page)
    for slug in ("newer1234567", "older1234567"):
        assert f"Public link `{slug}` works" in text
    assert OTHER in words(shown.open("video", role="operations", clip_id=CLIP, **IDS))


def test_it_is_first_on_overview_and_is_ended_under_repair_and_taken_back(shown: LiveApp) -> None:
    text = words(shown.open("overview", role="engineer"))
    assert text.index("Disclosure: 1 video") < text.index("in all, on Processing")
    assert OTHER not in text
    dialog = planned(shown, "End a disclosure")
    assert OWN in words(dialog)
    assert shown.world.fields(f"{VIDEO}/clips/{CLIP}")["r2_key"] == THEIRS
    press(dialog, "End the disclosure")
    assert shown.world.fields(f"{VIDEO}/clips/{CLIP}")["r2_key"] == OWN
    assert shown.world.fields("share_slugs/older1234567")["disabled_at"] is not None
    assert ("end-disclosure", "done") in [
        (entry["action"], entry["outcome"]) for entry in AuditLog(shown.world.handle).search(uid="u1")
    ]
    press(dialog, "Undo")
    assert shown.world.fields(f"{VIDEO}/clips/{CLIP}")["r2_key"] == THEIRS
    assert "disabled_at" not in shown.world.fields("share_slugs/older1234567")
