"""A pasted text is read as what a person would say it is, and no signature survives the reading."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.domain.layout import Layout
from storage.domain.search import recognise
from storage.errors import BadInput

LAYOUT = Layout("users/")
TOP = "top_5_scenes_my title_20260101_235959_streamer_top_scenes"
UUID = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"
KEY = "users/u1/vid-0001/clips/clip_01_2_a+b c_split.mp4"
SIGNED = (
    "https://acc.r2.cloudflarestorage.com/media/users/u1/vid-0001/clips/clip_01_2_a%2Bb%20c_split.mp4"
    "?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=KEYID%2F20261122&X-Amz-Signature=deadbeef"
)


def read(text: str):
    return recognise(text, LAYOUT, bucket="media", public_url="https://cdn.example.com/m")


@pytest.mark.parametrize(
    ("text", "kind", "value", "uid", "video_id", "clip_id"),
    [
        ("Ana.Lopez@Example.com", "email", "Ana.Lopez@Example.com", "", "", ""),
        ("ana@", "email_prefix", "ana@", "", "", ""),
        ("Xk29fjQp71", "uid", "Xk29fjQp71", "Xk29fjQp71", "", ""),
        (f"{UUID}_12_split", "clip_id", f"{UUID}_12_split", "", UUID, f"{UUID}_12_split"),
        ("clip_01_2_my title_split.mp4", "file_name", "clip_01_2_my title_split.mp4", "", "", ""),
        (KEY, "r2_key", KEY, "u1", "vid-0001", ""),
        ("/" + KEY, "r2_key", KEY, "u1", "vid-0001", ""),
        ("sources/u1/vid-0001/source.mp4", "r2_key", "sources/u1/vid-0001/source.mp4", "u1", "vid-0001", ""),
        (SIGNED, "presigned_url", KEY, "u1", "vid-0001", ""),
        (SIGNED.partition("?")[0], "cdn_url", KEY, "u1", "vid-0001", ""),
        ("https://cdn.example.com/m/u1/v-1/highlights.json", "cdn_url", "u1/v-1/highlights.json", "u1", "v-1", ""),
        ("https://www.youtube.com/watch?v=dQw4w9WgXcQ&t=3s", "video_url", "dQw4w9WgXcQ", "", "", ""),
        ("https://youtu.be/dQw4w9WgXcQ?si=x", "video_url", "dQw4w9WgXcQ", "", "", ""),
        ("https://m.youtube.com/shorts/dQw4w9WgXcQ/", "video_url", "dQw4w9WgXcQ", "", "", ""),
        ("youtu.be/dQw4w9WgXcQ", "video_url", "dQw4w9WgXcQ", "", "", ""),
        ("www.youtube.com/embed/dQw4w9WgXcQ", "video_url", "dQw4w9WgXcQ", "", "", ""),
        ("cdn.example.com/m/" + KEY.replace(" ", "%20"), "cdn_url", KEY, "u1", "vid-0001", ""),
        (SIGNED.removeprefix("https://"), "presigned_url", KEY, "u1", "vid-0001", ""),
        (quote(SIGNED, safe=""), "presigned_url", KEY, "u1", "vid-0001", ""),
        ("elsewhere/a/file.mp4", "r2_key", "elsewhere/a/file.mp4", "", "", ""),
        ("vid-0001_3_new_style", "clip_id", "vid-0001_3_new_style", "", "vid-0001", "vid-0001_3_new_style"),
        ("https://vimeo.com/76979871", "video_url", "https://vimeo.com/76979871", "", "", ""),
        ("users/u1/videos/v1/clips/c1", "document_path", "users/u1/videos/v1/clips/c1", "u1", "v1", "c1"),
        (
            "projects/p/databases/(default)/documents/users/u1/videos/v1",
            "document_path", "users/u1/videos/v1", "u1", "v1", "",
        ),
        ("users/u1", "document_path", "users/u1", "u1", "", ""),
        ("https://viralclipai.io/c/abc123xyz456", "share_link", "abc123xyz456", "", "", ""),
        ("http://www.viralclipai.io/c/abc123xyz456/?utm_source=x#top", "share_link", "abc123xyz456", "", "", ""),
        ("viralclipai.io/c/abc123xyz456", "share_link", "abc123xyz456", "", "", ""),
        ("https%3A%2F%2Fviralclipai.io%2Fc%2Fabc123xyz456", "share_link", "abc123xyz456", "", "", ""),
        ("/c/abc123xyz456", "share_link", "abc123xyz456", "", "", ""),
        ("share_slugs/abc123xyz456", "share_link", "abc123xyz456", "", "", ""),
        (
            "projects/p/databases/(default)/documents/share_slugs/abc123xyz456",
            "share_link", "abc123xyz456", "", "", "",
        ),
        (f"{UUID}_compilation_20260101_235959_streamer_top_scenes", "clip_id",
         f"{UUID}_compilation_20260101_235959_streamer_top_scenes", "", UUID,
         f"{UUID}_compilation_20260101_235959_streamer_top_scenes"),
        (f"{TOP}.mp4", "file_name", f"{TOP}.mp4", "", "", ""),
        (f"u1/vid-0001/clips/{TOP}.jpg", "r2_key", f"u1/vid-0001/clips/{TOP}.jpg", "u1", "vid-0001", ""),
        ("u1/vid-0001/source.mp4", "r2_key", "u1/vid-0001/source.mp4", "u1", "vid-0001", ""),
        ("media/u1/vid-0001/source.mp4", "r2_key", "u1/vid-0001/source.mp4", "u1", "vid-0001", ""),
        ("clips/u1/vid-0001/silence_removed/3.mp4", "r2_key", "clips/u1/vid-0001/silence_removed/3.mp4",
         "u1", "vid-0001", ""),
        ("users/u1/vid-0001/clips/sub/intro.MP4", "r2_key", "users/u1/vid-0001/clips/sub/intro.MP4",
         "u1", "vid-0001", ""),
        ("http://localhost:8501/video?uid=u1&video_id=v1", "desk_link", "u1", "u1", "v1", ""),
    ],
)  # fmt: skip
def test_a_text_is_taken_for_what_it_is(text, kind, value, uid, video_id, clip_id):
    reading = read(text)
    guess = reading.guesses[0]
    assert reading.kind == kind
    assert (guess.value, guess.uid, guess.video_id, guess.clip_id) == (value, uid, video_id, clip_id)


def test_a_bare_token_is_tried_as_several_kinds_of_id():
    assert [guess.kind for guess in read(UUID).guesses] == ["uid", "video_id", "draft_id", "email_prefix"]
    kinds = ["uid", "video_id", "draft_id", "video_url", "share_link", "email_prefix"]
    assert [guess.kind for guess in read("dQw4w9WgXcQ").guesses] == kinds
    assert "share_link" not in [guess.kind for guess in read("under_score").guesses], "the product makes no such slug"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"2026-11-22T10:00:00Z ERROR render failed uid=u1 video_id={UUID} step=encode", ("video_id", UUID, "u1")),
        ('{"level":"error","user_id":"u1","clip_id":"vid-0001_2_split"}', ("clip_id", "vid-0001_2_split", "")),
        (f"upload of {SIGNED} failed with 403", ("presigned_url", KEY, "u1")),
        ("customer jo@example.org says clip is gone.", ("email", "jo@example.org", "")),
        ("PUT users/u1/vid-0001/highlights.json 500", ("r2_key", "users/u1/vid-0001/highlights.json", "u1")),
        (f"job for {UUID} died", ("video_id", UUID, "")),
        (
            "job for kT9xQ2mWnP4rLs8vBc3dFg6hJz1y died",
            ("uid", "kT9xQ2mWnP4rLs8vBc3dFg6hJz1y", "kT9xQ2mWnP4rLs8vBc3dFg6hJz1y"),
        ),
        ("GET /media/users/u1/vid-0001/highlights.json 404", ("r2_key", "users/u1/vid-0001/highlights.json", "u1")),
        ("see youtu.be/dQw4w9WgXcQ.", ("video_url", "dQw4w9WgXcQ", "")),
    ],
)
def test_a_line_of_a_log_gives_away_what_it_contains(line, expected):
    reading = read(line)
    assert reading.kind == "log_line"
    guess = reading.guesses[0]
    assert (guess.kind, guess.value, guess.uid) == expected


@pytest.mark.parametrize(
    "text",
    [
        SIGNED,
        f"see {SIGNED} and {SIGNED}",
        SIGNED.replace("X-Amz-", "x-amz-"),
        SIGNED.removeprefix("https://"),
        quote(SIGNED, safe=""),
        quote(quote(SIGNED, safe=""), safe=""),
        f'{{"url": "{SIGNED}"}}'.replace("&", "\\u0026"),
        f"{KEY}?{SIGNED.partition('?')[2]}",
        f"<{SIGNED}>",
        f"video_id=vid-0001 {SIGNED.partition('?')[2]}",
    ],
)
def test_a_signature_is_dropped_at_once(text):
    reading = read(text)
    assert "deadbeef" not in repr(reading)
    assert "KEYID" not in repr(reading)


@pytest.mark.parametrize(
    "text", ["", "   ", ".", "..", "a\x01b", "x" * 2000, "x" * 9000, "//", "? ! ;", "https://[::1"]
)
def test_a_text_that_holds_nothing_to_look_for_is_refused(text):
    with pytest.raises(BadInput) as caught:
        read(text)
    assert caught.value.field_name == "QUERY"
    assert caught.value.remedy


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text):
    try:
        reading = read(text)
    except BadInput:
        return
    assert reading.guesses
    assert "/" not in "".join(guess.uid + guess.video_id + guess.clip_id for guess in reading.guesses)
