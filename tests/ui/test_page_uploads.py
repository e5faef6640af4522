"""The page Uploads for one customer: doubts and gaps first, findings with what they mean, one checked again alone."""

from __future__ import annotations

import json
import re
import socket
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.rigs.clips import PICTURE, film
from tests.rigs.http_faults import Answer, FaultProxy
from tests.rigs.lists import choose, lists, with_column
from tests.rigs.records import clip, user, video
from tests.rigs.seaweed import NOBODY
from tests.ui.conftest import LiveApp, words

LONG_AGO = datetime.now(UTC) - timedelta(days=2)
ONE = {"uploads-scope": "One customer"}
HIGHLIGHTS = json.dumps({"highlights": [{"id": 1, "title": "One", "start": "00:00:01", "end": "00:00:09"}]}).encode()


def customer(app: LiveApp, uid: str = "u1", *, clips: int = 3, missing: int = 0, video_id: str = "vid-0001") -> None:
    """A user with one video; the first clips have no object."""
    documents = {
        f"users/{uid}": user(uid),
        f"users/{uid}/videos/{video_id}": video(video_id, created_at=LONG_AGO, updated_at=LONG_AGO),
    }
    for number in range(1, clips + 1):
        key = f"users/{uid}/{video_id}/clips/clip_01_{number}_scene_split.mp4"
        path = f"users/{uid}/videos/{video_id}/clips/{video_id}_{number}_split"
        documents[path] = clip(
            video_id, number, r2_key=key, file_size_bytes=1_000, created_at=LONG_AGO
        )  # fmt: skip
        app.writer.put(f"{key.removesuffix('.mp4')}.jpg", PICTURE, "image/jpeg")
        if number > missing:
            app.writer.put(key, film(), "video/mp4")
    app.world.put(documents)
    app.writer.put(f"users/{uid}/{video_id}/highlights.json", HIGHLIGHTS, "application/json")


def kinds(shown: Any) -> list[str]:
    return next((list(one.value["kind"]) for one in lists(shown) if {"kind", "detail"} <= set(one.value)), [])


def tick(shown: Any, row: int) -> None:
    """Ticks a row of the findings, as the browser's checkbox does."""
    choose(shown, "uploads-findings", [row])


def test_without_a_user_the_page_says_what_it_does(app):
    assert "Compare what the documents of a customer name" in words(app.open("uploads", **ONE))


def test_whole_uploads_are_said_to_be_whole_with_what_was_compared_and_what_it_cost(app):
    customer(app)
    page = app.open("uploads", uid="u1")
    text = words(page)
    assert "All files are in place." in text
    assert "Compared 3 completed clips" in text
    assert any(re.search(r"Cost: .*\d lists?", caption.help or "") for caption in page.caption)
    assert "Nothing in progress" in text


def test_findings_are_told_by_kind_with_links_and_their_meaning(app):
    customer(app, missing=1)
    app.writer.put("users/u1/vid-0001/clips/clip_09_9_left_over_split.mp4", film(), "video/mp4")
    shown = app.open("uploads", uid="u1")
    assert kinds(shown)[0] == "Missing object"
    text = words(shown)
    assert "the bucket proved that there is no object" in text
    table = with_column(shown, "detail")
    assert table["open"].iloc[0] == "./video?uid=u1&video_id=vid-0001&clip_id=vid-0001_1_split"


def test_one_video_alone_is_checked_when_the_address_names_it(app):
    customer(app, missing=1)
    customer(app, video_id="vid-0002")
    assert kinds(app.open("uploads", uid="u1", video_id="vid-0002")) == []
    assert kinds(app.open("uploads", uid="u1", video_id="vid-0001")) == ["Missing object"]


def test_the_box_puts_the_ids_into_the_address_and_refuses_what_is_none(app):
    customer(app, missing=1)
    shown = app.open("uploads", **ONE)
    shown.text_input[0].set_value("u1")
    shown.button[0].click().run()
    assert shown.query_params["uid"] == "u1"
    assert kinds(shown) == ["Missing object"]
    shown.text_input[0].set_value("a/b")
    shown.button[0].click().run()
    assert "uid" in words(shown)


def test_most_clips_missing_at_once_is_a_doubt_above_everything_else(app):
    customer(app, clips=24, missing=24)
    text = words(app.open("uploads", uid="u1"))
    assert "Implausible" in text or "act on any finding" in text
    assert text.index("Do not act on any finding below") < text.index("Findings by kind")
    assert "R2_KEY_PREFIX" in text


def test_a_bucket_that_refuses_makes_nothing_missing(app, monkeypatch):
    customer(app, missing=2)
    monkeypatch.setenv("R2_ACCESS_KEY_ID", NOBODY[0])
    monkeypatch.setenv("R2_SECRET_ACCESS_KEY", NOBODY[1])
    shown = app.open("uploads", uid="u1")
    text = words(shown)
    assert set(kinds(shown)) == {"Could not be read"}
    assert "3 clips could not be checked" in text
    assert {one.label: one.value for one in shown.metric}["Objects"] == "—"  # nothing was listed: that is not 0
    assert "All files are in place" not in text


def test_a_listing_that_breaks_off_makes_nothing_missing(app, r2_rig, monkeypatch):
    customer(app)
    with FaultProxy(r2_rig.endpoint) as proxy:
        monkeypatch.setenv("R2_ENDPOINT_URL", proxy.endpoint)
        proxy.on(Answer(403, "AccessDenied"), query="list-type=2")
        shown = app.open("uploads", uid="u1")
        assert "Missing object" not in kinds(shown)
        assert "Not everything could be read" in words(shown)


def test_a_firestore_that_is_away_is_said(app, monkeypatch):
    customer(app)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{free.getsockname()[1]}")
        text = words(app.open("uploads", uid="u1"))
    assert "could not be reached" in text
    assert "whether the uploads are whole" in text


def test_a_user_in_neither_store_is_not_found(app):
    assert "neither a document nor an object" in words(app.open("uploads", uid="nobody"))


def test_a_finding_that_was_mended_is_gone_when_it_is_checked_again(app):
    customer(app, missing=1)
    shown = app.open("uploads", uid="u1")
    tick(shown, 0)
    assert "last seen" in words(shown)
    app.writer.put("users/u1/vid-0001/clips/clip_01_1_scene_split.mp4", film(), "video/mp4")
    next(one for one in shown.button if one.label == "Check again").click().run()
    assert ":green-badge[:material/check_circle: Gone]" in words(shown)


def test_a_finding_that_stands_is_still_there_when_it_is_checked_again(app):
    customer(app, missing=1)
    shown = app.open("uploads", uid="u1")
    tick(shown, 0)
    next(one for one in shown.button if one.label == "Check again").click().run()
    assert "Still there" in words(shown)


def test_filters_narrow_the_findings(app, r2_rig):
    customer(app, missing=1)
    left = "users/u1/vid-0001/clips/clip_09_9_left_over_split.mp4"
    app.writer.put(left, film(), "video/mp4")
    r2_rig.process.backdate_objects(app.bucket, {left: datetime.now(UTC) - timedelta(days=1)})
    shown = app.open("uploads", uid="u1")
    assert len(kinds(shown)) == 2
    shown.multiselect(key="uploads-kind").set_value(["File without a document"]).run()
    assert kinds(shown) == ["File without a document"]
    shown.text_input(key="uploads-text").set_value("nothing like it").run()
    assert "No finding matches the filters." in words(shown)


@pytest.mark.parametrize("value", ["a/b", "..", "x" * 2_000, "__x__"])
def test_a_bad_id_in_the_address_is_refused_by_name(app, value):
    shown = app.open("uploads", uid=value)
    assert "uid" in words(shown)
    assert kinds(shown) == []


def test_support_has_no_such_page(app):
    customer(app, missing=1)
    shown = app.open("uploads", role="support", uid="u1")
    assert kinds(shown) == []
    assert "needs the role operations" in words(shown).replace("*", "")


def test_a_customer_is_checked_by_the_address_that_support_has_at_hand(app):
    customer(app, "u1")
    shown = app.open("uploads", **ONE)
    next(one for one in shown.text_input if one.label == "Customer id or e-mail").set_value("U1@example.com")
    next(one for one in shown.button if one.label == "Check").click().run()
    assert shown.query_params["uid"] == "u1"
    assert "All files are in place." in words(shown)
    next(one for one in shown.text_input if one.label == "Customer id or e-mail").set_value("nobody@example.com")
    next(one for one in shown.button if one.label == "Check").click().run()
    assert "There is no customer nobody@example.com" in words(shown)


def test_the_clips_of_a_user_are_looked_into_when_asked(app):
    customer(app, clips=2)
    page = app.open("uploads", uid="u1")
    assert "The desk did not check whether they play." in words(page)
    page.toggle("uploads-contents").set_value(True).run()
    assert "2 clips and 2 thumbnails were looked into." in words(page)
    app.writer.put("users/u1/vid-0001/clips/clip_01_1_scene_split.mp4", bytes(1_000), "video/mp4")
    shown = app.open("uploads", uid="u1", video_id="vid-0001")
    assert "Not media" in words(shown)
