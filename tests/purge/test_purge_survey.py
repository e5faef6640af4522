"""What a look at a scope finds: both layouts, phantoms, forgotten collections, links, uploads, counters; no more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from grpc import StatusCode

from storage.actions.purge.jobs import undo
from storage.actions.purge.plans import approve
from storage.actions.purge.worker import run_job
from storage.clients.meter import metering
from storage.domain.purge.plan import estimate
from storage.domain.purge.scope import ClipRef, Scope
from storage.errors import AccessDenied, NotFound, Refused, Unreachable
from tests.purge.world import ADA, BOB, REASON, VIDEO, PurgeWorld
from tests.rigs.desk import user_documents
from tests.rigs.http_faults import Answer, FaultProxy, Reset

CLIP = f"users/u1/videos/{VIDEO}/clips/{VIDEO}_0_split"


def test_a_user_goes_with_everything_and_the_neighbours_stay(each_world: PurgeWorld) -> None:
    each_world.add_user("u1", {VIDEO: 2, "video-bbb": 1})
    each_world.add_user("u10", {VIDEO: 1})
    each_world.put_documents({"plans/pro": {"id": "pro"}})
    plan = each_world.plan(Scope.of("u1"))
    objects, documents = each_world.snapshot()
    assert {item.key for item in plan.objects} == {key for key in objects if "u1" in key.split("/")}
    mine = {path for path in documents if "u1" in path.split("/")}
    assert {item.path for item in plan.documents} == mine | {f"share_slugs/slug-u1-{v}" for v in (VIDEO, "video-bbb")}
    assert plan.counters == ()


def test_a_video_announces_the_counters_that_stay(world: PurgeWorld) -> None:
    world.add_user("u1", {VIDEO: 2, "video-bbb": 1})
    plan = world.plan(Scope.of("u1", VIDEO))
    assert {(c.path, c.field, c.before, c.after) for c in plan.counters} == {
        ("users/u1", "total_storage_bytes", 31, 10),
        ("users/u1", "total_clips_count", 3, 1),
        ("storage_accounting/u1", "styled_clips_bytes", 31, 10),
        ("storage_accounting/u1", "styled_clips_count", 3, 1),
    }


def test_a_clip_leaves_its_video_and_announces_that_ones_counters_too(world: PurgeWorld) -> None:
    world.add_user("u1", {VIDEO: 2})
    plan = world.plan(Scope.of("u1", VIDEO, [f"{VIDEO}_0_split"]))
    assert [item.path for item in plan.documents] == [
        f"share_slugs/slug-u1-{VIDEO}", CLIP, f"{CLIP}/shares/config",
    ]  # fmt: skip
    assert len(plan.objects) == 3
    video = {c.field: c.after for c in plan.counters if c.path == f"users/u1/videos/{VIDEO}"}
    assert video == {"total_size_bytes": 11, "clips_count": 1, "clips_by_style": {"split": 1}}


def test_clips_of_several_videos_are_one_scope(each_world: PurgeWorld) -> None:
    each_world.add_user("u1", {VIDEO: 2, "video-bbb": 1})
    chosen = [ClipRef(VIDEO, f"{VIDEO}_1_split"), ClipRef("video-bbb", "video-bbb_0_split")]
    before = each_world.snapshot()
    job = each_world.purge(Scope.of_clips("u1", chosen))
    assert (job.state, job.tally.objects, job.tally.documents) == ("done", 6, 4)
    left = each_world.documents()
    assert f"users/u1/videos/{VIDEO}/clips/{VIDEO}_0_split" in left
    assert left["users/u1"]["total_clips_count"].integer_value == 1
    assert set(before[1]) - set(left) == {
        f"users/u1/videos/{VIDEO}/clips/{VIDEO}_1_split",
        "users/u1/videos/video-bbb/clips/video-bbb_0_split",
        "users/u1/videos/video-bbb/clips/video-bbb_0_split/shares/config",
        "share_slugs/slug-u1-video-bbb",
    }


def test_both_layouts_are_looked_at(world: PurgeWorld) -> None:
    world.add_user("u1", {VIDEO: 1})
    world.add_user("u1", {"video-old": 1}, prefix="")
    world.put_objects({"u1/notes/holiday.png": (b"not ours", "image/png")})
    plan = world.plan(Scope.of("u1"))
    keys = {item.key for item in plan.objects}
    assert any(key.startswith("u1/video-old/clips/") for key in keys)
    assert "u1/video-old/highlights.json" in keys
    assert "u1/transcripts/video-old.txt.gz" in keys
    assert "u1/notes/holiday.png" not in keys
    job = world.purge(Scope.of("u1"))
    assert (job.state, job.residue) == ("done", ())
    assert set(world.objects()) == {"u1/notes/holiday.png"}


def test_phantom_parents_and_forgotten_collections_go_too(each_world: PurgeWorld) -> None:
    paths = [
        "users/u1/videos/v-gone/clips/c1/shares/config",
        "users/u1/videos/v-gone/clips/c2",
        "users/u1/videos/v-gone/drafts/d1/versions/v1",
        "users/u1/someday/maybe",
    ]
    each_world.put_documents({path: {"x": 1} for path in paths})
    plan = each_world.plan(Scope.of("u1"))
    assert [item.path for item in plan.documents] == sorted(paths)
    assert each_world.purge(Scope.of("u1")).state == "done"
    assert each_world.documents() == {}


def test_a_link_is_found_by_its_own_word_and_by_the_clips(each_world: PurgeWorld) -> None:
    each_world.add_user("u1", {VIDEO: 1}, caches=False)
    each_world.put_documents(
        {
            f"{CLIP}/shares/config": {"share_slug": "named-only"},  # as the product writes it
            f"{CLIP}/shares/older": {"slug": "older-name"},
            "share_slugs/named-only": {"access_level": "public"},
            "share_slugs/older-name": {"access_level": "public"},
            "share_slugs/disabled": {
                "user_id": "u1", "video_id": VIDEO, "clip_id": f"{VIDEO}_0_split",
                "disabled_at": datetime.now(UTC) - timedelta(days=1),
            },
            "share_slugs/of-another": {"user_id": "u2", "video_id": VIDEO, "clip_id": f"{VIDEO}_0_split"},
        }
    )  # fmt: skip
    plan = each_world.plan(Scope.of("u1", VIDEO, [f"{VIDEO}_0_split"]))
    slugs = {item.path for item in plan.documents if item.path.startswith("share_slugs/")}
    left = {"share_slugs/named-only", "share_slugs/older-name", "share_slugs/disabled"}
    assert slugs == left | {f"share_slugs/slug-u1-{VIDEO}"}
    assert any("3 public share links work" in line for line in plan.warnings)


def test_a_link_that_share_settings_name_stays_where_it_leads_to_another_video_now(world: PurgeWorld) -> None:
    world.add_user("u1", {VIDEO: 1, "video-bbb": 1}, caches=False)
    stale, live = f"{CLIP}/shares/config", "share_slugs/slug-u1-video-bbb"
    world.put_documents({stale: {"slug": "slug-u1-video-bbb", "access_level": "public"}})
    for scope in (Scope.of("u1", VIDEO), Scope.of("u1", VIDEO, [f"{VIDEO}_0_split"])):
        assert live not in {item.path for item in world.plan(scope).documents}
    assert live in {item.path for item in world.plan(Scope.of("u1")).documents}


def test_an_unfinished_upload_is_shown_and_ended(world: PurgeWorld) -> None:
    world.add_user("u1", {VIDEO: 1}, caches=False)
    key = f"users/u1/{VIDEO}/clips/clip_01_5_x_split.mp4"
    world.begin_upload(key)
    other = "users/u1/video-bbb/clips/clip_01_5_x_split.mp4"
    world.begin_upload(other)
    assert [item.key for item in world.plan(Scope.of("u1", VIDEO)).uploads] == [key]
    job = world.purge(Scope.of("u1", VIDEO))
    assert (job.state, job.tally.uploads) == ("done", 1)
    assert [upload.key for upload in world.stores.objects.multipart_uploads("users/").uploads] == [other]


def test_nothing_of_a_scope_is_not_found(world: PurgeWorld) -> None:
    world.add_user("u1", {VIDEO: 1}, caches=False)
    for scope in (Scope.of("u2"), Scope.of("u1", "video-zzz"), Scope.of("u1", VIDEO, ["nope"])):
        with pytest.raises(NotFound):
            world.plan(scope)


def test_a_reserved_scope_is_refused_before_anything_is_asked(far: PurgeWorld, proxy: FaultProxy) -> None:
    proxy.clear()
    with pytest.raises(Refused, match="reserved"):
        far.plan(Scope.of("users"))
    assert proxy.count(method="GET") == 0


@pytest.mark.parametrize(
    ("action", "error"), [(Answer(403, "AccessDenied"), AccessDenied), (Reset(after_bytes=300), Unreachable)]
)
def test_a_listing_that_is_refused_or_cut_short_makes_no_plan(
    far: PurgeWorld, proxy: FaultProxy, action: Answer, error: type[Exception]
) -> None:
    far.add_user("u1", {VIDEO: 1}, caches=False)
    proxy.on(action, method="GET", query="list-type=2")
    with pytest.raises(error):
        far.plan(Scope.of("u1"))


def test_documents_that_cannot_be_read_make_no_plan(world: PurgeWorld) -> None:
    world.add_user("u1", {VIDEO: 1}, caches=False)
    faults = world.firestore.faults  # type: ignore[attr-defined]
    faults.break_stream("RunQuery", StatusCode.UNAVAILABLE, after=2, times=None)
    with pytest.raises(Unreachable):
        world.plan(Scope.of("u1"))


def test_a_stream_that_breaks_once_is_read_again_from_its_page(world: PurgeWorld) -> None:
    world.add_user("u1", {VIDEO: 2}, caches=False)
    whole = world.plan(Scope.of("u1"))
    world.firestore.faults.break_stream("RunQuery", StatusCode.UNAVAILABLE, after=2)  # type: ignore[attr-defined]
    assert world.plan(Scope.of("u1")).documents == whole.documents


def test_many_documents_are_found_page_by_page(world: PurgeWorld) -> None:
    documents = user_documents("u1", {VIDEO: 1_300, "video-a-b": 3, "video-a": 3})
    world.put_documents(documents)
    found = world.plan(Scope.of("u1")).documents
    assert len(found) == len(documents) == len({item.path for item in found})


def test_a_job_for_a_user_with_odd_documents_puts_them_back_to_the_bit(each_world: PurgeWorld) -> None:
    odd = {
        "nan": float("nan"), "minus_zero": -0.0, "huge": 2**62, "bytes": b"\x00\xff", "null": None, "empty": {},
        "list": [{"a": []}, "x"], "time": datetime(1, 1, 1, tzinfo=UTC),
        "text": "RTL \u202e and emoji \U0001f600 " * 50, "a.b`c": True,
    }  # fmt: skip
    each_world.add_user("u1", {VIDEO: 1}, caches=False)
    each_world.put_documents({f"users/u1/videos/{VIDEO}/odd/o1": odd, "users/u1/odd/o2": {}})
    before = each_world.documents()
    job = each_world.purge(Scope.of("u1", VIDEO))
    assert job.state == "done"
    assert run_job(each_world.purging, undo(each_world.purging, job.job_id, REASON, ADA).job_id).state == "done"
    after = each_world.documents()
    assert {path: sorted(map(repr, fields.items())) for path, fields in after.items()} == {
        path: sorted(map(repr, fields.items())) for path, fields in before.items()
    }


@pytest.mark.parametrize("erase", [False, True])
def test_the_cost_is_estimated_before_and_not_far_from_what_is_billed(world: PurgeWorld, erase: bool) -> None:
    world.add_user("u1", {VIDEO: 40, "video-bbb": 1}, caches=False)
    plan = world.plan(Scope.of("u1", VIDEO))
    approve(world.purging, plan, BOB)
    expected = estimate(plan, erase=erase)
    with metering() as meter:
        assert run_job(world.purging, world.apply(plan, erase=erase).job_id).state == "done"
    billed = meter.cost().as_dict()
    for name, count in expected.items():
        assert 0.6 * billed[name] - 12 <= count <= 1.5 * billed[name] + 12, (name, count, billed)


def test_what_lies_outside_the_scope_is_not_said_to_be_missing(world: PurgeWorld) -> None:
    world.add_user("u1", {VIDEO: 2}, caches=False)
    world.add_user("u2", {VIDEO: 1}, caches=False)
    theirs = f"users/u2/{VIDEO}/clips/clip_01_0_a title+%#_split"
    fields = dict((world.stores.records.raw(CLIP) or pytest.fail("the clip is not there")).fields or {})
    named = {"r2_key": f"{theirs}.mp4", "thumbnail_r2_key": f"{theirs}.jpg"}
    world.put_documents({CLIP: {**fields, **named, "status": "completed"}})
    plan = world.plan(Scope.of("u1", VIDEO))
    assert [line for line in plan.blocked if "belongs to customer u2" in line] == list(plan.blocked) != []
    assert not [line for line in (*plan.warnings, *plan.blocked) if "not there" in line]
    assert plan.claims is not None
    assert plan.claims.missing == ()


def test_an_analysis_of_a_draft_that_runs_holds_the_purge_of_its_user(world: PurgeWorld) -> None:
    world.add_user("u1", {VIDEO: 1}, caches=False)
    now = datetime.now(UTC)
    base = "users/u1/analysis_drafts"
    world.put_documents(
        {
            f"{base}/running": {"status": "analyzing", "updated_at": now - timedelta(minutes=3)},
            f"{base}/without": {"updated_at": now - timedelta(minutes=4)},
            f"{base}/left": {"status": "pending", "updated_at": now - timedelta(days=3)},
            f"{base}/ended": {"status": "completed", "updated_at": now},
        }
    )
    plan = world.plan(Scope.of("u1"))
    assert [line.split(" (")[0] for line in plan.blocked] == [
        "draft running is being analysed", "draft without is being analysed",
    ]  # fmt: skip
    assert [line for line in plan.warnings if "draft" in line] == [
        "the analysis of draft left never ended, though nothing has touched it for long"
    ]
    assert world.plan(Scope.of("u1", VIDEO)).blocked == ()
