"""The upload check as a whole: order, totality, its speed in kind (no request per clip), and what it asks for."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.domain.documents import CLIPS, VIDEOS, MultipartUpload
from storage.domain.integrity import (
    KINDS,
    Failure,
    Finding,
    Listing,
    highlights_places,
    lookups,
    verify_user,
)
from storage.domain.integrity.findings import suspect_whole
from storage.domain.integrity.inputs import LIST_FROM_KEYS, MAX_FOREIGN_HEADS
from storage.domain.layout import Layout
from storage.domain.media import MediaLook, look
from storage.domain.shares import ShareLink
from tests.domain.integrity_world import JUST_NOW, LAYOUT, NOW, OLD, STALE, World, denied, table
from tests.rigs import clips


def test_every_finding_kind_of_the_contract_is_reached_by_one_broken_user() -> None:
    broken = World(more={"user_exists": True})
    broken.video("vid-0001").clip("vid-0001", "clip_01_1_gone_split", size=None, thumbnail=False)
    broken.clip("vid-0001", "clip_01_2_short_split", size=99).clip("vid-0001", "clip_01_3_empty_split", size=0)
    broken.clip("vid-0001", "clip_01_4_bare_split", thumbnail=False, has_thumbnail=True)
    broken.object("users/u1/vid-0001/clips/clip_09_9_left_split.mp4")
    broken.video("vid-0002", "analyzed", None).video("vid-0003", "completed", b"nonsense")
    broken.clip("vid-0001", "clip_01_5_keyless_split", r2_key=None, thumbnail=False)
    broken.clip(
        "vid-0001", "clip_01_6_x_split", r2_key="users/u10/v/clips/clip_01_1_a_b.mp4", size=None, thumbnail=False
    )
    broken.clip("vid-0001", "clip_01_7_y_split", size=99, r2_key="users/u1/vid-0001/clips/clip_01_2_short_split.mp4")
    broken.clip("vid-gone").clip("vid-0001", "clip_01_8_z_split", status="processing", thumbnail=False)
    broken.video("vid-0004", "failed", None, created_at=None)
    broken.video("vid-0005", "analyzed", b'{"highlights": [{"id": 1, "start": "0:09", "end": "0:01"}]}')
    broken.more["uploads"] = (MultipartUpload("users/u1/vid-0001/clips/u.mp4", "id", OLD),)
    broken.more["links"] = (ShareLink("left12345678", "u1", "vid-0001", "vid-0001_9_split"),)
    broken.more["uploads_failure"] = Failure("users/u1/", "unreachable", "No answer.")
    contents = {"page": clips.PAGE, "half": clips.film()[:500], "long": clips.film(), "mute": clips.film(sound=False)}
    for name in contents:
        broken.clip("vid-0001", f"clip_02_1_{name}_split", duration_seconds=90.0 if name == "long" else 12.5)
    seen = {f"users/u1/vid-0001/clips/clip_02_1_{name}_split.mp4": inside(body) for name, body in contents.items()}
    broken.more["looks"] = {key: replace(look, content_type="text/html") for key, look in seen.items()}
    assert set(broken.check().summary) == set(KINDS)


def inside(content: bytes) -> MediaLook:
    return look("clip", len(content), lambda offset, length: content[offset : offset + length])


def test_findings_come_gravest_first_then_in_the_order_of_the_contract() -> None:
    broken = World().video("vid-0001", "completed", None).clip("vid-0001", size=0)
    broken.clip("vid-0001", "clip_01_2_x_split", size=None, thumbnail=False)
    broken.object("users/u1/vid-0001/clips/clip_09_9_left_split.mp4")
    kinds = [finding.kind for finding in broken.check().findings]
    assert kinds == ["missing_object", "empty_object", "missing_highlights", "orphan_object"]


def test_a_report_is_plain_json_with_what_the_contract_fixes() -> None:
    document = World().video("vid-0001").clip("vid-0001", size=7).check().as_dict()
    assert {"scope", "checked", "summary", "findings"} <= set(document)
    fixed = {"kind", "severity", "uid", "video_id", "clip_id", "key", "expected", "actual", "detail"}
    assert fixed <= set(document["findings"][0])
    assert json.loads(json.dumps(document, default=str))["summary"] == {"size_mismatch": 1}


def test_twenty_thousand_clips_are_joined_by_one_lookup_and_every_loss_is_found() -> None:
    large = World()
    for video in range(200):
        large.video(f"vid-{video:04}")
        for clip in range(100):
            large.clip(f"vid-{video:04}", f"clip_{clip:02}_{clip}_title_é_split")
    lost = [key for key in large.objects if key.endswith(".mp4")][::1000]
    for key in lost:
        del large.objects[key]
    report = large.check()
    assert report.checked.as_dict() == {"users": 1, "videos": 200, "clips": 20_000, "objects": 40_200 - len(lost)}
    assert [finding.key for finding in report.findings] == sorted(lost)


STATUSES = st.sampled_from(["processing", "completed", "failed", "analyzed", "queued", "", None])
MOMENTS = st.sampled_from([OLD, JUST_NOW, NOW, NOW + timedelta(days=900), None])
NAMES = [f"users/u1/v{v}/clips/clip_01_{i}_x_split.mp4" for v in (1, 2) for i in (1, 2)]
KEYS = st.sampled_from([*NAMES, "u1/v1/clips/clip_01_1_x_split.mp4", "users/u10/v1/clips/a.mp4", "x", "", None])


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Any mixture of documents and objects, sane or not."""
    result = World(more={"user_exists": draw(st.sampled_from([True, False, None]))})
    for video_id in draw(st.sets(st.sampled_from(["v1", "v2", "v3"]))):
        content = draw(st.sampled_from([None, b"", b'{"highlights": []}', b'{"highlights": [{"id": 1}]}']))
        fields = {"updated_at": draw(MOMENTS), "highlights_json_key": draw(st.sampled_from([None, "elsewhere", ""]))}
        result.video(video_id, draw(STATUSES), content, **fields)
        result.video_rows[-1]["exists"] = draw(st.booleans())
    for i in range(draw(st.integers(0, 6))):
        result.clip_rows.append(
            {
                "uid": "u1",
                "video_id": draw(st.sampled_from(["v1", "v2", "v3"])),
                "clip_id": f"c{i}",
                "status": draw(STATUSES),
                "exists": True,
                "updated_at": draw(MOMENTS),
                "created_at": draw(MOMENTS),
                "r2_key": draw(KEYS),
                "thumbnail_r2_key": draw(st.sampled_from([None, "", "x.jpg", NAMES[0].replace("mp4", "jpg")])),
                "file_size_bytes": draw(st.sampled_from([None, 0, -1, 100])),
                "has_thumbnail": draw(st.sampled_from([None, True, False])),
            }
        )
    for key in draw(st.sets(st.sampled_from([*NAMES, "users/u1/v1/clips/", "users/u1/x", "users/u1/v1/clips/a/b"]))):
        result.object(key, draw(st.sampled_from([0, 100, 7])), draw(st.sampled_from([OLD, JUST_NOW, NOW])))
    if draw(st.booleans()):
        result.listing_error = denied()
    if draw(st.booleans()):
        result.clips_error = denied("documents")
    return result


@settings(max_examples=30, deadline=None)
@given(worlds(), st.randoms(use_true_random=False))
def test_any_facts_give_a_report_that_shuffling_them_does_not_change(world: World, rng: random.Random) -> None:
    report = world.check()
    for rows in (world.video_rows, world.clip_rows):
        rng.shuffle(rows)
    world.objects = dict(rng.sample(sorted(world.objects.items()), len(world.objects)))
    again = world.check()
    assert again.findings == report.findings
    assert again.as_dict() == report.as_dict()


@settings(max_examples=20, deadline=None)
@given(worlds())
def test_what_was_not_proven_absent_is_never_reported_as_missing(world: World) -> None:
    world.listing_error = denied()
    summary = world.check().summary
    assert "missing_object" not in summary
    assert "missing_thumbnail" not in summary
    assert summary["unreadable"] >= 3


@settings(max_examples=20, deadline=None)
@given(worlds())
def test_each_clip_has_at_most_one_finding_about_its_own_object(world: World) -> None:
    own = {"missing_object", "size_mismatch", "empty_object", "clip_without_key", "stale_clip"}
    keys = {row["clip_id"]: row["r2_key"] for row in world.clip_rows}
    about = [f.clip_id for f in world.check().findings if f.kind in own and f.key in (None, keys[str(f.clip_id)])]
    assert len(about) == len(set(about))


def frames(world: World) -> tuple[pd.DataFrame, pd.DataFrame]:
    return table(VIDEOS, world.video_rows).frame, table(CLIPS, world.clip_rows).frame


def test_nothing_more_is_asked_where_every_key_lies_under_the_listed_prefixes() -> None:
    videos, clips = frames(World().video("vid-0001").clip("vid-0001"))
    asked = lookups("u1", videos, clips, LAYOUT.user_prefixes("u1"), LAYOUT)
    assert (asked.prefixes, asked.keys) == ((), ())


def test_a_few_keys_of_the_other_layout_are_asked_for_with_their_thumbnails() -> None:
    key = "u1/vid-0001/clips/clip_01_1_x_split.mp4"
    videos, clips = frames(World().video("vid-0001").clip("vid-0001", r2_key=key))
    asked = lookups("u1", videos, clips, LAYOUT.user_prefixes("u1"), LAYOUT)
    assert (asked.prefixes, asked.keys) == ((), (key.replace("mp4", "jpg"), key))


def test_many_keys_of_the_other_layout_are_listed_and_not_asked_for_one_by_one() -> None:
    world = World().video("vid-0001").video("vid-0002")
    for i in range(LIST_FROM_KEYS):
        world.clip("vid-0001", r2_key=f"u1/vid-0001/clips/clip_01_{i}_x_split.mp4", has_thumbnail=False)
    videos, clips = frames(world)
    asked = lookups("u1", videos, clips, LAYOUT.user_prefixes("u1"), LAYOUT)
    assert (asked.prefixes, asked.keys) == (("u1/",), ())
    asked = lookups("u1", videos, clips, LAYOUT.video_prefixes("u1", "vid-0001"), LAYOUT, "vid-0001")
    assert (asked.prefixes, asked.keys) == (("u1/vid-0001/",), ())


def test_foreign_keys_are_looked_up_up_to_a_bound_and_the_desks_own_never() -> None:
    world = World().video("vid-0001").clip("vid-0001", r2_key="_ops/x.mp4", thumbnail=False)
    for i in range(MAX_FOREIGN_HEADS + 5):
        world.clip("vid-0001", r2_key=f"elsewhere/{i:03}.mp4", thumbnail=False)
    videos, clips = frames(world)
    asked = lookups("u1", videos, clips, LAYOUT.user_prefixes("u1"), LAYOUT)
    assert asked.keys == tuple(f"elsewhere/{i:03}.mp4" for i in range(MAX_FOREIGN_HEADS))


def test_highlights_are_looked_for_where_the_document_says_then_where_the_bucket_holds_them() -> None:
    world = World().video("vid-0001", highlights_json_key="u1/vid-0001/highlights.json").video("vid-0002")
    world.video("vid-0003").video("vid-0004", highlights_json_key="other/h.json")
    world.video_rows.append({"uid": "u1", "video_id": "vid-0005", "exists": False})
    places = highlights_places("u1", frames(world)[0], ["u1/vid-0003/highlights.json"], LAYOUT)
    assert [(place.key, place.named, place.own) for place in places] == [
        ("u1/vid-0001/highlights.json", True, True),
        ("users/u1/vid-0002/highlights.json", False, True),
        ("u1/vid-0003/highlights.json", False, True),
        ("users/u1/vid-0004/highlights.json", False, False),
    ]


@pytest.mark.parametrize("uid", ["users", "sources", "clips", "_ops"])
def test_a_user_id_that_spells_a_folder_never_covers_other_peoples_keys(uid: str) -> None:
    for prefix in ("users/", ""):
        for own in Layout(prefix).own_prefixes(uid):
            assert not "users/u1/vid-0001/highlights.json".startswith(own)
            assert not "sources/u1/vid-0001/source.mp4".startswith(own)


def test_the_same_object_in_two_listings_counts_once() -> None:
    facts = World().video("vid-0001").clip("vid-0001").facts()
    twice = replace(facts, listings=(*facts.listings, Listing("users/u1/vid-0001/", facts.listings[0].table)))
    assert verify_user(twice, NOW, STALE, LAYOUT).checked.objects == 3


def test_a_finding_keeps_its_identity_when_only_what_was_measured_changes() -> None:
    first = Finding("size_mismatch", "error", "u1", "v1", "c1", "k", 100, 99)
    assert first.identity == replace(first, actual=98, detail="x", seen_at=NOW).identity


@pytest.mark.parametrize(
    ("objects", "orphans", "doubted"), [(120, 100, True), (99, 99, False), (1_000, 500, False), (1_000, 501, True)]
)
def test_a_bucket_that_the_documents_hardly_name_is_a_doubt_about_the_project(
    objects: int, orphans: int, doubted: bool
) -> None:
    found = suspect_whole(5, 0, objects, orphans, "", "users/u1/v/clips/clip_01_1_a_split.mp4")
    assert (found is not None) is doubted
    if found is not None:
        assert "FIREBASE_PROJECT_ID" in found.how_to_check[0]
        assert "users/u1/v/clips/clip_01_1_a_split.mp4" in found.how_to_check[1]
