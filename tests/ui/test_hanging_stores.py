"""A store that takes connections and never answers: every page is complete in words, in time, whatever it holds."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pages._ui import nav
from pages._ui.data import resources
from storage.clients import circuit, r2
from tests.rigs.clips import film
from tests.rigs.http_faults import FaultProxy, Hang
from tests.rigs.records import clip, user, video
from tests.rigs.tcp_faults import HangingRelay
from tests.ui.conftest import LiveApp, unfold, words

PAGES = sorted(nav.SCREENS)
STUCK = 24
PROMISED_SECONDS = 20
AT_ONCE = 8  # readers of one process that may meet the silence before anybody knows of it
IDS = {"uid": "u1", "video_id": "vid-0001"}
QUERIES: dict[str, dict[str, str]] = {"user": {"uid": "u1"}, "video": IDS, "find": {"q": "u1"}}


def stuck_world(app: LiveApp) -> None:
    """One customer with many videos that nothing has touched for hours, and one that is well."""
    old = datetime.now(UTC) - timedelta(hours=5)
    documents: dict[str, dict[str, Any]] = {"users/u1": user("u1")}
    for number in range(STUCK):
        path = f"users/u1/videos/stuck-{number:02}"
        documents[path] = video(f"stuck-{number:02}", status="processing", updated_at=old, created_at=old)
        documents[f"{path}/clips/c"] = clip(f"stuck-{number:02}", 1)
        app.writer._client.call(
            "put_object", "file", Key=f"users/u1/stuck-{number:02}/highlights.json",
            Body=json.dumps({"highlights": [{"id": 1}]}).encode(),
        )  # fmt: skip
    documents["users/u1/videos/vid-0001"] = video("vid-0001")
    documents["users/u1/videos/vid-0001/clips/vid-0001_1_split"] = clip("vid-0001", 1)
    app.world.put(documents)
    app.writer.put("users/u1/vid-0001/clips/clip_01_1_scene_split.mp4", film(), "video/mp4")
    app.writer.put("users/u1/vid-0001/highlights.json", b'{"highlights": [{"id": 1}]}', "application/json")


@pytest.fixture
def bucket_proxy(app: LiveApp, r2_rig: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    """The desk with a proxy before the bucket; a look is given up after a second, so that the test need not wait."""
    monkeypatch.setattr(r2, "LOOKING", {"connect_timeout": 1, "read_timeout": 1})
    stuck_world(app)
    with FaultProxy(r2_rig.endpoint) as proxy:
        monkeypatch.setenv("R2_ENDPOINT_URL", proxy.endpoint)
        yield proxy
        resources.close()


@pytest.fixture
def relay(app: LiveApp, monkeypatch: pytest.MonkeyPatch) -> Iterator[HangingRelay]:
    """The desk with a relay before Firestore."""
    stuck_world(app)
    with HangingRelay(app.world.rig.host) as between:
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", between.address)
        yield between
        between.resume()
        resources.close()


def timed(draw: Callable[[], AppTest]) -> tuple[str, float]:
    began = time.monotonic()
    text = words(draw())
    return text, time.monotonic() - began


def forget_what_was_read() -> None:
    st.cache_data.clear()


@pytest.mark.parametrize("page", ["overview", "processing", "video"])
def test_a_bucket_that_never_answers_is_asked_once_by_everybody_who_reads_at_that_moment_and_then_not_any_more(
    app: LiveApp, bucket_proxy: FaultProxy, page: str
) -> None:
    bucket_proxy.on(Hang())
    text, seconds = timed(lambda: app.open(page, **QUERIES.get(page, {})))
    assert bucket_proxy.count() <= AT_ONCE
    assert seconds < PROMISED_SECONDS
    assert "not asked again until" in text
    assert "Something went wrong" not in text
    for missing in ("not in the bucket", "is missing", "are missing", "Nothing found"):
        assert missing not in text
    asked = bucket_proxy.count()
    forget_what_was_read()
    again, _ = timed(lambda: app.open(page, **QUERIES.get(page, {})))
    assert bucket_proxy.count() == asked
    assert "not asked again until" in again


def test_every_page_stands_while_the_bucket_hangs(app: LiveApp, bucket_proxy: FaultProxy) -> None:
    bucket_proxy.on(Hang())
    for page in PAGES:
        text, seconds = timed(lambda page=page: app.open(page, **QUERIES.get(page, {})))  # type: ignore[misc]
        assert seconds < PROMISED_SECONDS, page
        assert text, page
        assert "Something went wrong" not in text, page
    assert bucket_proxy.count() <= 3 * AT_ONCE  # a probe each half minute


def test_a_bucket_that_lists_and_hangs_on_objects_is_not_waited_for_object_by_object(
    app: LiveApp, bucket_proxy: FaultProxy
) -> None:
    bucket_proxy.on(Hang(), path=r"highlights\.json$")
    text, seconds = timed(lambda: app.open("processing"))
    assert bucket_proxy.count(path=r"highlights\.json$") <= 2 * AT_ONCE
    assert seconds < PROMISED_SECONDS
    assert "is missing" not in text


@pytest.mark.parametrize("hang", [Hang(after="headers"), Hang(after="headers", trickle_seconds=0.3)])
def test_a_bucket_that_begins_its_answers_and_does_not_end_them_is_given_up_too(
    app: LiveApp, bucket_proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch, hang: Hang
) -> None:
    monkeypatch.setattr("storage.clients.r2_deadlines.ANSWER_SECONDS", 2.0)
    bucket_proxy.on(hang)
    text, seconds = timed(lambda: app.open("processing"))
    assert bucket_proxy.count() <= 2 * AT_ONCE
    assert seconds < PROMISED_SECONDS
    assert "in time" in text or "not asked again until" in text


def test_when_the_bucket_answers_again_the_circuit_closes_by_itself_and_a_retry_need_not_wait_for_that(
    app: LiveApp, bucket_proxy: FaultProxy
) -> None:
    bucket_proxy.on(Hang())
    shown = app.open("overview")
    assert "not asked again until" in words(shown)
    assert len({line for line in words(shown).splitlines() if "No answer since" in line}) == 1
    bucket_proxy.clear()
    forget_what_was_read()
    text = words(shown.button(key="desk-away-retry").click().run())
    assert "not asked again until" not in text
    assert "does not answer" not in text
    assert bucket_proxy.count() > STUCK


@pytest.mark.parametrize("warm", [True, False], ids=["dies under way", "never there"])
def test_every_page_stands_while_firestore_hangs(app: LiveApp, relay: HangingRelay, warm: bool) -> None:
    if warm:
        words(app.open("user", uid="u1"))
        forget_what_was_read()
    relay.hang()
    for page in PAGES:
        text, seconds = timed(lambda page=page: app.open(page, **QUERIES.get(page, {})))  # type: ignore[misc]
        assert seconds < PROMISED_SECONDS, page
        assert "Something went wrong" not in text, page
        if page in {"overview", "user", "video", "processing", "fleet"}:
            assert "not answer" in text, page
            assert "has no videos" not in text, page
    assert relay.calls <= 3 * AT_ONCE
    relay.resume()
    circuit.ask_again()
    forget_what_was_read()
    assert "About vid-0001" in words(unfold(app.open("user", uid="u1"), "truth"))
