"""The sample data are the same again for the same time and seed, hold together, and are plentiful enough."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta

import pytest

from storage.domain.layout import MAX_KEY_BYTES, STYLES, Layout
from storage.domain.usage import Plans
from storage.ids import is_id
from storage.sandbox.firestore import FirestoreServer
from storage.sandbox.seeding import BUCKET, PROJECT
from storage.sandbox.world import build
from storage.sandbox.world.people import PEOPLE, month, uid_of
from storage.settings.backends import load
from tests.sandbox.sample import NOW, OBJECTS, WORLD, documents

DRIFTING = {WORLD.cast["drift"].uid}
OLDER = {uid_of(person.handle) for person in PEOPLE if person.older}
MISTYPED = {WORLD.cast["wrong_types"].video_id}
PHANTOM_VIDEOS = {WORLD.cast["phantom_video"].video_id, WORLD.cast["phantom_video_2"].video_id}


def test_the_same_time_and_seed_give_the_same_world() -> None:
    again = build(NOW)
    assert again == WORLD
    assert list(again.documents) == list(WORLD.documents)


def test_paths_keys_and_bytes_do_not_depend_on_the_time() -> None:
    later = build(NOW + timedelta(days=40, hours=5))
    assert later.documents.keys() == WORLD.documents.keys()
    assert [(o.key, o.source, o.size) for o in later.objects] == [(o.key, o.source, o.size) for o in WORLD.objects]
    assert {n: (s.uid, s.video_id, s.clip_id, s.key) for n, s in later.cast.items()} == {
        n: (s.uid, s.video_id, s.clip_id, s.key) for n, s in WORLD.cast.items()
    }


def test_another_seed_gives_other_choices_under_the_same_ids() -> None:
    other = build(NOW, seed=8)
    assert other.documents != WORLD.documents
    assert {n: (s.uid, s.video_id) for n, s in other.cast.items()} == {
        n: (s.uid, s.video_id) for n, s in WORLD.cast.items()
    }


def test_all_times_move_with_the_time_given() -> None:
    shift = timedelta(days=3, hours=1)
    later = build(NOW + shift)
    story = WORLD.cast["render_stalled"]
    path = f"users/{story.uid}/videos/{story.video_id}"
    assert later.documents[path]["updated_at"] - WORLD.documents[path]["updated_at"] == shift
    assert all(b.modified - a.modified == shift for a, b in zip(WORLD.objects, later.objects, strict=True))


def test_there_are_enough_customers_videos_and_clips() -> None:
    assert len(list(documents("users"))) >= 40
    assert 230 <= len(list(documents("users", "videos"))) <= 270
    assert 1_400 <= len(list(documents("users", "videos", "clips"))) <= 1_600
    assert {fields["plan"] for _, fields in documents("users")} >= {"free", "pro", "studio", "PRO", "paused"}


def test_every_id_is_one_that_the_desk_accepts_and_every_document_says_its_own() -> None:
    for path in WORLD.documents:
        assert all(is_id(part) for part in path.split("/")), path
    for (uid,), fields in documents("users"):
        assert fields["uid"] == uid
    nobody_created = WORLD.cast["made_of_a_draft"].video_id
    for (uid, video_id), fields in documents("users", "videos"):
        if video_id == nobody_created:
            continue
        assert (fields["user_id"], fields["video_id"]) == (uid, video_id)
        assert 8 <= len(video_id) <= 64
        assert len(fields["youtube_id"]) == 11
        assert fields["youtube_id"] in fields["video_url"]
    for (uid, video_id, clip_id), fields in documents("users", "videos", "clips"):
        assert (fields["user_id"], fields["video_id"], fields["clip_id"]) == (uid, video_id, clip_id)
        assert clip_id.startswith(f"{video_id}_")


def test_the_stand_in_takes_every_document_as_firestore_would() -> None:
    with FirestoreServer() as server:
        server.load(PROJECT, WORLD.documents)


def test_every_key_fits_and_nothing_lies_where_the_desk_writes_for_itself() -> None:
    assert all(len(key.encode()) <= MAX_KEY_BYTES and not key.startswith("_ops/") for key in OBJECTS)
    assert not any(path.startswith("ops_") for path in WORLD.documents)


def test_an_object_is_as_large_as_it_says_and_was_written_in_the_past() -> None:
    for each in WORLD.objects:
        assert len(each.content()) == each.size
        assert each.modified <= NOW


def test_every_clip_is_as_large_as_its_object_unless_the_story_is_about_that() -> None:
    told = {story.clip_id for story in WORLD.cast.values() if story.findings}
    checked = 0
    for (_, _, clip_id), clip in documents("users", "videos", "clips"):
        if clip_id not in told and clip["status"] == "completed":
            assert OBJECTS[clip["r2_key"]].size == clip.get("file_size_bytes", OBJECTS[clip["r2_key"]].size)
            checked += 1
    assert checked > 1_400


def test_counters_equal_what_they_count_unless_the_story_is_drift() -> None:
    bytes_of: Counter[str] = Counter()
    count_of: Counter[str] = Counter()
    styles_of: dict[str, Counter[str]] = {}
    for (uid, video_id, _), clip in documents("users", "videos", "clips"):
        for owner in (uid, video_id):
            bytes_of[owner] += clip.get("file_size_bytes") or 0
            count_of[owner] += 1
        styles_of.setdefault(video_id, Counter())[clip["style"]] += 1
    for (uid,), user in documents("users"):
        if uid not in DRIFTING:
            counted = (0, 0) if f"storage_accounting/{uid}" in WORLD.documents else (bytes_of[uid], count_of[uid])
            assert (user["total_storage_bytes"], user["total_clips_count"]) == counted
    for (uid,), accounting in documents("storage_accounting"):
        if uid not in DRIFTING:
            assert (accounting["styled_clips_bytes"], accounting["styled_clips_count"]) == (
                bytes_of[uid],
                count_of[uid],
            )
    for (uid, video_id), video in documents("users", "videos"):
        if uid not in DRIFTING and video_id not in MISTYPED:
            assert (video["total_size_bytes"], video["clips_count"]) == (bytes_of[video_id], count_of[video_id])
            assert video.get("clips_by_style", {}) == (dict(styles_of.get(video_id, {})) if uid in OLDER else {})


def test_every_document_lies_below_one_that_exists_unless_the_story_is_a_phantom() -> None:
    phantoms = {WORLD.cast["phantom_user"].uid}
    gone = f"{WORLD.cast['deleted_shared_clip'].video_id}_8_split"
    for path in WORLD.documents:
        parts = path.split("/")
        if parts[0] == "users" and len(parts) > 2 and not (phantoms | PHANTOM_VIDEOS | {gone}) & set(parts):
            assert all("/".join(parts[:end]) in WORLD.documents for end in range(2, len(parts), 2)), path


def test_no_time_lies_before_the_account_or_in_the_future() -> None:
    born = {uid: fields["created_at"] for (uid,), fields in documents("users")}
    ahead = {"expires_at", "source_video_expires_at"}
    for path, fields in WORLD.documents.items():
        for name, value in fields.items():
            if isinstance(value, datetime) and name not in ahead:
                assert value <= NOW, (path, name)
                assert value >= born.get(path.split("/")[1], value), (path, name)


def test_a_good_highlights_file_agrees_with_its_document() -> None:
    compared = 0  # the older accounts' alone have both
    for (uid, video_id, _), document in documents("users", "videos", "highlights"):
        found = OBJECTS.get(Layout("users/").highlights_key(uid, video_id))
        if found is not None:
            ours, theirs = json.loads(found.content())["highlights"], document["highlights"]
            names = ("id", "title", "start", "end", "duration", "description", "hook_category")
            assert [[each[name] for name in names] for each in ours] == [
                [each[name] for name in names] for each in theirs
            ]
            compared += 1
    assert compared > 10


def test_plans_and_months_are_as_the_usage_stories_say() -> None:
    plans = {plan_id: fields for (plan_id,), fields in documents("plans")}
    users = {uid: fields for (uid,), fields in documents("users")}
    accounting = {uid: fields for (uid,), fields in documents("storage_accounting")}

    def share(name: str) -> float:
        uid = WORLD.cast[name].uid
        limits = Plans(plans).of(users[uid]["plan"]).limits
        return float(accounting[uid]["styled_clips_bytes"] / limits.storage_limit_bytes)

    assert share("over_quota") > 1
    assert 0.8 <= share("near_limit") < 0.9
    assert Plans(plans).of("enterprise-2023").known is False
    assert users[WORLD.cast["plan_in_capitals"].uid]["plan"] == "PRO"
    assert plans["paused"]["limits"]["storage_limit_bytes"] == 0
    assert accounting[WORLD.cast["limit_of_zero"].uid]["styled_clips_bytes"] > 0
    assert users[WORLD.cast["last_month"].uid]["usage_reset_month"] == "2025-10"
    assert {"clips_used_this_month", "credits_used_this_month"} <= users[WORLD.cast["credits_and_clips"].uid].keys()
    assert len(plans["studio"]["limits"]) == 1


@pytest.mark.parametrize(("back", "expected"), [(0, "2025-11"), (1, "2025-10"), (10, "2025-01"), (11, "2024-12")])
def test_months_are_counted_back_over_the_turn_of_the_year(back: int, expected: str) -> None:
    assert month(NOW, back) == expected


def test_drift_differs_from_counter_to_counter() -> None:
    story = WORLD.cast["drift"]
    clips = [clip for (uid, _, _), clip in documents("users", "videos", "clips") if uid == story.uid]
    user = WORLD.documents[f"users/{story.uid}"]
    accounting = WORLD.documents[f"storage_accounting/{story.uid}"]
    size = sum(clip["file_size_bytes"] for clip in clips)
    drifts = (
        user["total_storage_bytes"],
        user["total_clips_count"],
        accounting["styled_clips_bytes"] - size,
        accounting["styled_clips_count"] - len(clips),
    )
    assert drifts == (1_310_720, 4, -262_144, -1)


def test_names_and_titles_come_in_many_scripts() -> None:
    texts = [str(fields.get("video_title")) for _, fields in documents("users", "videos")]
    texts += [person.name for person in PEOPLE]
    together = "".join(texts)
    samples = {
        "Cyrillic": "ш",
        "Arabic": "ح",
        "Hebrew": "ש",
        "Devanagari": "म",
        "Han": "的",
        "kana": "の",
        "Hangul": "기",
    }
    missing = [script for script, letter in samples.items() if letter not in together]
    assert not missing
    assert any(ord(char) > 0x1F300 for char in together)


def test_one_customer_has_five_hundred_clips_and_two_have_uids_of_which_one_begins_the_other() -> None:
    counts = Counter(uid for (uid, _, _), _ in documents("users", "videos", "clips"))
    assert counts[WORLD.cast["big_account"].uid] == 500
    first, second = WORLD.cast["prefix_of_another"].uid, WORLD.cast["prefixed_by_another"].uid
    assert second.startswith(first)
    assert second != first
    assert counts[first]
    assert counts[second]


def test_styles_are_known_ones_except_where_the_story_is_an_unknown_one() -> None:
    unknown = {clip["style"] for _, clip in documents("users", "videos", "clips")} - set(STYLES)
    assert unknown == {"holo_wall_9000"}


def test_the_settings_names_of_the_demo_are_the_contracts() -> None:
    values = {
        "R2_BUCKET_NAME": BUCKET,
        "R2_ENDPOINT_URL": "http://127.0.0.1:1",
        "R2_ACCESS_KEY_ID": "a",
        "R2_SECRET_ACCESS_KEY": "b",
        "FIREBASE_PROJECT_ID": PROJECT,
        "FIRESTORE_EMULATOR_HOST": "127.0.0.1:2",
    }
    settings = load(values, mode="demo")
    assert (settings.mode, settings.r2.bucket, settings.firestore.project_id) == ("demo", BUCKET, PROJECT)
