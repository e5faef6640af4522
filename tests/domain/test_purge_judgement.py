"""What goes, what blocks and what is warned of, out of plain facts; and what counts as moved."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from storage.domain.layout import Layout
from storage.domain.purge.counters import (
    ClipSize,
    Totals,
    accounting_counters,
    changes,
    shown,
    totals,
    user_counters,
    video_counters,
)
from storage.domain.purge.facts import Facts, LinkFact, NamedKey, ObjectFact, VideoFact
from storage.domain.purge.inventory import Inventory, choose, judge, moved
from storage.domain.purge.plan import (
    CounterChange,
    PlannedDocument,
    PlannedObject,
    PlannedUpload,
    above,
    batches,
    document_batches,
    leaves_first,
    saving_batches,
    slugs,
)
from storage.domain.purge.scope import PurgeLimits, Scope
from tests.domain.test_purge_scope_and_plan import NOW, plan

LAYOUT, LIMITS = Layout("users/"), PurgeLimits()
OLD = NOW - timedelta(days=30)
VIDEO = Scope.of("u1", "v1")
BASE = "users/u1/v1/clips/clip_01_1_a_split"


def thing(key: str, *, size: int = 10, at: datetime = OLD) -> ObjectFact:
    return ObjectFact(key, size, "etag", at, home=key.startswith(("users/", "sources/", "clips/")))


def facts(**over: Any) -> Facts:
    """A video with one clip and its thumbnail, in good order."""
    made = Facts(
        scope=VIDEO,
        documents=(PlannedDocument("users/u1/videos/v1", NOW),),
        youngest=OLD,
        named=(NamedKey(f"{BASE}.mp4", "users/u1/videos/v1/clips/c1", "r2_key"),),
        named_elsewhere=(),
        claimed=(f"{BASE}.mp4",),
        videos=(VideoFact("v1", True, "completed", OLD),),
        busy_elsewhere=(),
        links=(),
        clips=(ClipSize(10, "split"),),
        user_totals=Totals(1, 10),
        user_videos=1,
        counters=(),
        listed=(thing(f"{BASE}.mp4"), thing(f"{BASE}.jpg")),
        uploads=(),
        prefixes=("users/u1/v1/", "sources/u1/v1/", "clips/u1/v1/", "u1/v1/"),
    )
    return replace(made, **over)


def judged(**over: Any) -> Inventory:
    return judge(facts(**over), LAYOUT, LIMITS, NOW)


def test_a_video_in_good_order_goes_without_a_word() -> None:
    world = judged()
    assert [item.key for item in world.objects] == [f"{BASE}.jpg", f"{BASE}.mp4"]
    assert (world.warnings, world.blocked) == ((), ())


@pytest.mark.parametrize(
    ("touched", "blocks"),
    [(NOW, True), (NOW - timedelta(hours=23), True), (None, True), (NOW - timedelta(hours=25), False)],
)
def test_a_video_that_is_processed_blocks_until_it_was_idle_for_long(touched: datetime | None, blocks: bool) -> None:
    world = judged(videos=(VideoFact("v1", True, "processing", touched),))
    assert bool(world.blocked) is blocks
    assert any("says processing" in line for line in world.warnings) is not blocks, "said once, where it counts"


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("users/u10/v1/clips/clip_01_1_a_split.mp4", "belongs to customer u10"),
        ("users/u1x/v1/clips/clip_01_1_a_split.mp4", "belongs to customer u1x"),
        ("backups/all.zip", "lies outside the layout"),
        ("_ops/plans/x.json", "lies outside the layout"),
        ("users/u1/v2/clips/clip_01_1_a_split.mp4", "lies in another video of the customer"),
    ],
)
def test_a_key_that_is_not_the_scopes_blocks(key: str, why: str) -> None:
    world = judged(named=(NamedKey(key, "users/u1/videos/v1/clips/c1", "r2_key"),))
    assert why in world.blocked[0]
    assert key not in [item.key for item in world.objects]


def test_another_video_of_the_same_user_does_not_block_the_whole_user() -> None:
    named = (NamedKey("users/u1/v2/clips/clip_01_1_a_split.mp4", "users/u1/videos/v1/clips/c1", "r2_key"),)
    assert judged(scope=Scope.of("u1"), named=named, claimed=()).blocked == ()


def test_many_foreign_keys_are_told_in_few_lines() -> None:
    named = tuple(NamedKey(f"other/{n}", f"users/u1/videos/v1/clips/{n}", "r2_key") for n in range(100))
    assert len(judged(named=named).blocked) == 21


def test_objects_of_which_firestore_knows_nothing_are_told_with_the_setting_that_may_be_wrong() -> None:
    world = judged(documents=(), named=(), claimed=(), videos=(), clips=(), user_totals=Totals(0, 0))
    assert any("FIREBASE_PROJECT_ID" in line for line in world.warnings)
    assert not any("FIREBASE_PROJECT_ID" in line for line in judged().warnings)


def test_an_implausible_scan_blocks() -> None:
    claimed = tuple(f"users/u1/v1/clips/clip_01_{n}_a_split.mp4" for n in range(12))
    assert "implausible" in judged(claimed=claimed, listed=()).blocked[0]
    assert judged(claimed=claimed[:3], listed=()).blocked == ()


def test_under_another_layout_only_what_is_the_products_goes() -> None:
    named = "u1/v1/odd name.mp4"
    listed = (
        thing("u1/v1/clips/clip_01_1_a_split.mp4"),
        thing("u1/v1/highlights.json"),
        thing("u1/v1/holiday.png"),
        thing(named),
        thing("users/u1/v1/strange.bin"),
    )
    chosen = choose(facts(listed=listed, named=(NamedKey(named, "p", "r2_key"),)), LAYOUT)
    assert {item.key for item in chosen.objects} == {item.key for item in listed} - {"u1/v1/holiday.png"}
    assert chosen.strangers == ("u1/v1/holiday.png",)
    warnings = judged(listed=listed).warnings
    assert any("left alone" in line for line in warnings)
    assert any("whose name has no known form" in line for line in warnings)


def test_a_clip_takes_its_twin_and_leaves_what_others_need() -> None:
    raw = "clips/u1/v1/raw/1.mp4"
    own = (
        NamedKey(f"{BASE}.mp4", "users/u1/videos/v1/clips/c1", "r2_key"),
        NamedKey(raw, "users/u1/videos/v1/clips/c1", "raw_r2_key"),
    )
    listed = (thing(f"{BASE}.mp4"), thing(f"{BASE}.jpg"), thing(raw), thing("users/u1/v1/highlights.json"))
    clip = facts(scope=Scope.of("u1", "v1", ["c1"]), named=own, listed=listed)
    assert {item.key for item in choose(clip, LAYOUT).objects} == {f"{BASE}.mp4", f"{BASE}.jpg", raw}
    shared = replace(clip, named_elsewhere=(NamedKey(raw, "users/u1/videos/v1/clips/c2", "raw_r2_key"),))
    assert {item.key for item in choose(shared, LAYOUT).objects} == {f"{BASE}.mp4", f"{BASE}.jpg"}
    assert any("raw segments" in line for line in judge(shared, LAYOUT, LIMITS, NOW).warnings)
    twin = replace(clip, named_elsewhere=(NamedKey(f"{BASE}.jpg", "users/u1/videos/v1/clips/c2", "thumbnail_r2_key"),))
    assert {item.key for item in choose(twin, LAYOUT).objects} == {f"{BASE}.mp4", raw}


def test_an_upload_under_way_goes_with_what_it_belongs_to() -> None:
    uploads = (PlannedUpload(f"{BASE}.mp4", "1"), PlannedUpload("users/u1/v1/clips/other.mp4", "2"))
    assert judged(uploads=uploads).uploads == tuple(sorted(uploads))
    clip = judged(uploads=uploads, scope=Scope.of("u1", "v1", ["c1"]))
    assert clip.uploads == uploads[:1]


@pytest.mark.parametrize(
    ("over", "words"),
    [
        ({"links": (LinkFact("share_slugs/s", True), LinkFact("share_slugs/t", False))}, "1 public share link works"),
        ({"listed": (thing(f"{BASE}.mp4", at=NOW - timedelta(minutes=5)),)}, "less than an hour old"),
        ({"youngest": NOW - timedelta(minutes=5)}, "less than an hour old"),
        (
            {"listed": (thing("users/u1/v1/clips/clip_01_2_b_split.mp4", at=NOW - timedelta(minutes=5)),)},
            "in flight: 1 object younger than 15 minutes that no document names",
        ),
        (
            {"named_elsewhere": (NamedKey(f"{BASE}.mp4", "users/u1/videos/v2/clips/c", "r2_key"),)},
            "stays, because users/u1/videos/v2/clips/c names it too",
        ),
        ({"named_elsewhere": None}, "too many clips"),
        ({"user_videos": 10, "user_totals": Totals(50, 20)}, "usually has 2"),
        ({"listed": ()}, "missing objects that documents name"),
        ({"videos": (VideoFact("v1", False, None, None),)}, "without a document of their own"),
        ({"busy_elsewhere": ("v7",)}, "v7"),
    ],
)
def test_warnings(over: dict[str, Any], words: str) -> None:
    assert any(words in line for line in judged(**over).warnings), judged(**over).warnings


def world(**over: Any) -> Inventory:
    made = plan()
    return replace(Inventory(made.objects, made.documents, made.uploads), **over)


def test_nothing_moved_when_all_is_as_planned_or_less() -> None:
    assert moved(plan(), world()) == ()
    assert moved(plan(), world(objects=(), documents=(), uploads=())) == ()


@pytest.mark.parametrize(
    ("over", "words"),
    [
        ({"objects": (PlannedObject("new", 1, "e"),)}, "new object: new"),
        ({"objects": (PlannedObject("z", 0, "other"),)}, "object changed (another ETag or size): z"),
        ({"objects": (PlannedObject("z", 1, "d-2"),)}, "object changed (another ETag or size): z"),
        (
            {"documents": (PlannedDocument("users/u1/videos/video-1", OLD),)},
            "document changed: users/u1/videos/video-1",
        ),
        (
            {"documents": (PlannedDocument("users/u1/videos/video-1/clips/c", OLD),)},
            "new document: users/u1/videos/video-1/clips/c",
        ),
        ({"uploads": (PlannedUpload("k", "2"),)}, "new unfinished upload: k"),
        ({"shared": ("z",)}, "a clip beside names it too now: z"),
        ({"blocked": ("video v is being processed",)}, "video v is being processed"),
    ],
)
def test_what_moved_is_said(over: dict[str, Any], words: str) -> None:
    assert moved(plan(), world(**over)) == (words,)


def test_much_that_moved_is_said_in_fifty_lines() -> None:
    many = tuple(PlannedObject(f"k{n}", 1, "e") for n in range(1_000))
    found = moved(plan(), world(objects=many))
    assert (len(found), found[-1]) == (51, "and 950 more")


def documents(*paths: str) -> tuple[PlannedDocument, ...]:
    return tuple(PlannedDocument(path, NOW) for path in paths)


def test_slugs_first_then_leaves_then_parents_and_copies_the_other_way_round() -> None:
    user, video, clip = "users/u1", "users/u1/videos/v1", "users/u1/videos/v1/clips/c1"
    share, slug = f"{clip}/shares/config", "share_slugs/s"
    made = plan(documents=documents(user, video, clip, share, slug))
    assert [item.path for item in slugs(made.documents)] == [slug]
    assert [item.path for item in leaves_first(made.documents)] == [share, clip, video, user]
    assert [[item.path for item in batch] for batch in document_batches(made)] == [[share], [clip], [video], [user]]
    assert [item.path for item in saving_batches(made)[0]] == [user, video, clip, share, slug]


def test_no_batch_mixes_depths_nor_grows_too_large() -> None:
    paths = [f"users/u1/videos/v{n}" for n in range(450)] + [f"users/u1/videos/v{n}/clips/c" for n in range(450)]
    sizes = [
        (len(batch), {item.path.count("/") for item in batch})
        for batch in document_batches(plan(documents=documents(*paths)))
    ]
    assert sizes == [(200, {5}), (200, {5}), (50, {5}), (200, {3}), (200, {3}), (50, {3})]


def test_what_a_document_hangs_below() -> None:
    assert above("users/u1/videos/v1/clips/c1") == ("users/u1/videos/v1", "users/u1")
    assert above("users/u1") == ()
    assert batches([1, 2, 3], 2) == [[1, 2], [3]]


def test_counters_are_the_sums_and_unknown_sizes_add_nothing() -> None:
    clips = [ClipSize(10, "split"), ClipSize(None, "split"), ClipSize(5, None)]
    assert totals(clips) == Totals(3, 15)
    assert video_counters(clips) == {"total_size_bytes": 15, "clips_count": 3, "clips_by_style": {"split": 2}}
    assert Totals(3, 15).less(clips[:1]) == Totals(2, 5)
    assert Totals(0, 3).less(clips) == Totals(0, 0)
    assert user_counters(Totals(2, 5)) == {"total_storage_bytes": 5, "total_clips_count": 2}
    assert accounting_counters(Totals(2, 5)) == {"styled_clips_bytes": 5, "styled_clips_count": 2}


def test_only_wrong_counters_change_and_missing_ones_only_when_asked() -> None:
    fields = {"total_storage_bytes": 5}
    wanted = user_counters(Totals(2, 5))
    assert changes("users/u1", fields, wanted) == ()
    assert changes("users/u1", fields, wanted, also_missing=True) == (
        CounterChange("users/u1", "total_clips_count", None, 2),
    )
    assert changes("users/u1", {"total_clips_count": "2"}, wanted)[0].before == "str: '2'"
    assert shown({"b": 1, "a": 2}) == {"a": 2, "b": 1}
    assert shown(float("nan")) == "float: nan"
