"""Diagnoses against real stores: refusals and outages make verdicts about themselves; the stuck list is honest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from grpc import StatusCode

from storage.actions.objects import ObjectWriter
from storage.actions.scans import ScanKeeper, keep_scan
from storage.actions.writers import Writers
from storage.clients import r2
from storage.domain.diagnosis import Absent, Known, as_json
from storage.domain.layout import Layout
from storage.domain.scans.coverage import Coverage
from storage.domain.scans.kept import ScanOutcome
from storage.errors import AccessDenied, BadInput
from storage.repositories.objects import Objects
from storage.services import unlisted
from storage.services.diagnose import Case, Reach, diagnose, stuck
from storage.text import moment
from tests.contract.verify_world import Desk
from tests.rigs.firestore import EmbeddedFirestore, FirestoreRig
from tests.rigs.http_faults import Answer, FaultProxy, Reset
from tests.rigs.records import World, video
from tests.rigs.seaweed import NOBODY, SeaweedRig, pair


@pytest.fixture
def desk(embedded: EmbeddedFirestore, writer: ObjectWriter, objects: Objects) -> Iterator[Desk]:
    """User u1 without anything below, over our own Firestore and a bucket."""
    with World(embedded) as world:
        made = Desk(world, writer, objects)
        made.user(total_storage_bytes=3_000, total_clips_count=3)
        yield made


def ill(desk: Desk, video_id: str = "vid-0001") -> Case:
    return diagnose(desk.checker, "u1", video_id)


def verdict(desk: Desk, video_id: str = "vid-0001") -> str:
    return ill(desk, video_id).diagnosis.verdict


def test_both_kinds_of_firestore_give_the_same_verdict(
    firestore_rig: FirestoreRig, writer: ObjectWriter, objects: Objects
) -> None:
    with World(firestore_rig) as world:
        desk = Desk(world, writer, objects)
        desk.user()
        desk.video("vid-0001")
        desk.clip("vid-0001", 1)
        desk.video("vid-0002", status="processing", highlights=None, updated_at=desk.ago(hours=3), completed_at=None)
        desk.clip("vid-0003", 1)
        assert [verdict(desk, f"vid-000{n}") for n in (1, 2, 3, 4)] == [
            "healthy",
            "analysis_stalled",
            "not_found",
            "not_found",
        ]


def test_a_healthy_video_costs_few_requests_and_has_all_its_facts(desk: Desk) -> None:
    desk.video("vid-0001", clips_count=2, total_size_bytes=2_000)
    for scene in (1, 2):
        desk.clip("vid-0001", scene)
    case = ill(desk)
    assert case.diagnosis.verdict == "healthy"
    assert case.diagnosis.severity == "info"
    assert case.diagnosis.actions == ()
    assert isinstance(case.facts.clips, Known)
    assert case.facts.clips.value.total == 2
    assert isinstance(case.facts.objects, Known)
    assert case.facts.objects.value.intact == 2
    assert case.error is None
    assert case.cost["r2_class_a"] <= 5, "both layouts, two folders of caches, unfinished uploads"
    assert case.cost["r2_class_b"] <= 1
    assert case.cost["firestore_reads"] <= 8


def test_a_video_moves_or_stands_by_the_age_of_its_last_touch(desk: Desk) -> None:
    for video_id, minutes in (("vid-move", 1), ("vid-fine", 44), ("vid-late", 45)):
        desk.video(video_id, status="processing", highlights=None, updated_at=desk.ago(minutes=minutes))
    assert [verdict(desk, f"vid-{name}") for name in ("move", "fine", "late")] == [
        "waiting",
        "waiting",
        "analysis_stalled",
    ]


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        ({"content": None, "thumbnail": None}, "clips_missing"),
        ({"content": b"123"}, "clips_missing"),
        ({"content": b""}, "clips_missing"),
        ({"r2_key": "users/u10/vid-0001/clips/clip_01_1_x_split.mp4"}, "disclosure"),
        ({"r2_key": "users/u10/vid-0001/clips/top_1_scenes_x_20260101_000000_streamer_top_scenes.mp4"}, "disclosure"),
        ({"r2_key": "users/u10/vid-0001/clips/clip_01_1_x_split.mp4", "content": None}, "clips_missing"),
        ({"thumbnail": None}, "healthy"),
        ({"thumbnail_r2_key": "users/u10/vid-0001/clips/x.jpg"}, "healthy"),
        ({"status": "failed", "content": None, "thumbnail": None}, "healthy"),
    ],
)
def test_only_what_keeps_a_clip_from_the_customer_makes_clips_missing(
    desk: Desk, damage: dict[str, object], expected: str
) -> None:
    desk.video("vid-0001")
    desk.clip("vid-0001", 1)
    desk.clip("vid-0001", 2, **damage)  # type: ignore[arg-type]
    assert verdict(desk) == expected


def test_clips_under_keys_of_the_other_layout_are_found(desk: Desk) -> None:
    desk.video("vid-0001", highlights=None, highlights_json_key="u1/vid-0001/highlights.json")
    desk.object("u1/vid-0001/highlights.json", b'{"highlights": [{"id": 1}]}')
    desk.clip("vid-0001", 1, r2_key="u1/vid-0001/clips/clip_01_1_old_split.mp4")
    assert verdict(desk) == "healthy"


def test_a_bucket_that_refuses_is_no_missing_clip(desk: Desk, r2_rig: SeaweedRig, bucket: str) -> None:
    desk.video("vid-0001")
    desk.clip("vid-0001", 1)
    blind = Objects(r2.read_client(r2_rig.settings(bucket, read=pair(NOBODY))), bucket)
    case = diagnose(desk.over(blind), "u1", "vid-0001")
    assert case.diagnosis.verdict == "access_denied"
    assert case.diagnosis.cause == "refused"
    assert isinstance(case.error, AccessDenied)
    assert case.diagnosis.actions[0].command == "python -m storage check"


@pytest.mark.parametrize("fault", [Answer(500, "InternalError"), Reset(), Answer(403, "AccessDenied")], ids=str)
@pytest.mark.parametrize("path", ["highlights.json", ""], ids=["highlights", "everything"])
def test_no_fault_of_the_bucket_ever_reads_as_missing(
    desk: Desk, far_objects: Objects, proxy: FaultProxy, fault: Answer | Reset, path: str
) -> None:
    desk.video("vid-0001")
    desk.clip("vid-0001", 1)
    proxy.on(fault, path=path)
    case = diagnose(desk.over(far_objects), "u1", "vid-0001")
    assert case.diagnosis.verdict == "access_denied"
    assert any(evidence.check == "bucket" and evidence.ok is None for evidence in case.diagnosis.evidence)


@pytest.mark.parametrize("code", [StatusCode.PERMISSION_DENIED, StatusCode.UNAUTHENTICATED])
def test_a_firestore_that_refuses_is_a_verdict_about_that(desk: Desk, code: StatusCode) -> None:
    desk.video("vid-0001")
    with desk.world.faults.outage(code):
        case = ill(desk)
    assert case.diagnosis.verdict == "access_denied"
    assert case.error is not None
    assert case.error.exit_status == 3


def test_a_refusal_of_the_clips_alone_leaves_the_verdict_unknown(desk: Desk) -> None:
    desk.video("vid-0001")
    desk.clip("vid-0001", 1)
    desk.world.faults.refuse(
        "ListDocuments", StatusCode.PERMISSION_DENIED, when=lambda request: request.collection_id == "clips"
    )
    assert verdict(desk) == "access_denied"


def test_a_full_quota_is_read_from_the_owners_plan(desk: Desk) -> None:
    desk.user(plan="free", total_storage_bytes=2 * 1024**3)
    stopped = {"updated_at": desk.ago(hours=2), "expected_clips": 4}
    desk.video("vid-0001", status="processing", completed_at=None, **stopped)
    assert verdict(desk) == "quota_blocked"
    desk.user(plan="studio", total_storage_bytes=2 * 1024**3)
    assert verdict(desk) == "render_stalled"


def test_ids_that_are_none_are_refused_before_anything_is_asked(desk: Desk) -> None:
    for uid, video_id in (("", "v"), (".", "v"), ("u1", ".."), ("u1", "a/b"), ("u1/videos/v", "v"), ("u1", "__x__")):
        with pytest.raises(BadInput):
            diagnose(desk.checker, uid, video_id)


@pytest.mark.parametrize("video_id", ["x\n", "copy ", "__id7__"])
def test_an_id_that_nobody_would_type_is_an_id_like_any_other_to_a_diagnosis(desk: Desk, video_id: str) -> None:
    assert diagnose(desk.checker, "u1", video_id).diagnosis.verdict == "not_found"
    desk.video(video_id, status="processing", highlights=None, updated_at=desk.ago(hours=2), completed_at=None)
    assert diagnose(desk.checker, "u1", video_id).diagnosis.verdict == "analysis_stalled"


def test_the_hand_over_of_a_real_case_holds_no_link(desk: Desk) -> None:
    desk.video("vid-0001", error_message="see https://example.com/?X-Amz-Signature=abc")
    case = ill(desk)
    text = as_json(case.diagnosis, case.facts)
    assert "http" not in text
    assert "X-Amz" not in text


def stalled(desk: Desk, video_id: str, uid: str = "u1", **fields: object) -> None:
    old = {"updated_at": desk.ago(hours=2), "completed_at": None}
    desk.video(video_id, uid, status="processing", highlights=None, **{**old, **fields})


def listed(desk: Desk) -> list[tuple[str, str]]:
    return [(each.diagnosis.video_id, each.diagnosis.verdict) for each in stuck(desk.checker).videos]


def test_everything_that_needs_a_person_is_listed_and_nothing_else(desk: Desk) -> None:
    stalled(desk, "vid-stall")
    stalled(desk, "vid-timeless", updated_at=None, created_at=None)
    stalled(desk, "vid-jumped", updated_at=desk.now + timedelta(days=400), created_at=desk.ago(hours=9))
    stalled(desk, "vid-moves", updated_at=desk.ago(minutes=1))
    desk.video("vid-lost", highlights=None)
    desk.video("vid-fine")
    desk.clip("vid-fine", 1)
    desk.video("vid-gone")
    desk.clip("vid-gone", 1, content=None, thumbnail=None)
    desk.video("vid-timeout", status="failed", error_message="timed out", failed_at=desk.ago(days=1))
    desk.video("vid-private", status="failed", error_message="Private video", failed_at=desk.ago(days=1))
    assert listed(desk) == [
        ("vid-gone", "clips_missing"),
        ("vid-lost", "highlights_missing"),
        ("vid-timeless", "analysis_stalled"),
        ("vid-jumped", "analysis_stalled"),
        ("vid-stall", "analysis_stalled"),
        ("vid-timeout", "failed_transient"),
    ]


def test_owner_plan_and_age_come_with_each_and_the_owner_is_read_once(desk: Desk) -> None:
    desk.user(plan="studio", email="ann@example.com")
    for number in range(5):
        stalled(desk, f"vid-{number:04}")
    found = stuck(desk.checker)
    assert {(video.email, video.plan) for video in found.videos} == {("ann@example.com", "studio")}
    assert found.videos[0].as_dict()["age_seconds"] == 7_200
    assert found.cost["firestore_reads"] <= 5 * 6 + 20


def test_what_stopped_together_is_one_outage(desk: Desk) -> None:
    for number in range(14):
        stalled(desk, f"vid-{number:04}", updated_at=desk.ago(minutes=60 + number))
    found = stuck(desk.checker)
    assert [(len(outage.videos), outage.stage) for outage in found.outages] == [(14, "analysis")]


def test_what_was_left_out_is_said(desk: Desk) -> None:
    for number in range(3):
        desk.video(f"vid-{number:04}", highlights=None)
    desk.video("vid-old1", status="failed", error_message="timed out", updated_at=desk.ago(days=90), failed_at=None)
    found = stuck(desk.checker, Reach(delivered=1))
    assert found.looked_at == 1
    text = " ".join(found.notes)
    assert "2 delivered videos not looked at" in text
    assert "1 video that failed more than 30 days ago" in text
    assert found.complete


def test_a_video_without_a_status_is_found_by_counting_and_listed_as_that(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = {f"users/u{n % 50:03}/videos/vid-{n:04}": video(f"vid-{n:04}") for n in range(600)}
    desk.world.put(many)
    for uid, fields in {"u2": {"status": None}, "u031": {"status": "queued_v2"}, "u049": {}}.items():
        without = {name: value for name, value in video("vid-odd1").items() if name != "status"}
        desk.put(f"users/{uid}/videos/vid-odd1", {**without, "updated_at": desk.ago(hours=2), **fields})
    found = stuck(desk.checker, Reach(delivered=0))
    listed = {video.diagnosis.uid: video.diagnosis for video in found.videos}
    assert set(listed) == {"u2", "u031", "u049"}
    assert (found.complete, found.looked_at) == (True, 3)
    assert listed["u049"].verdict == "analysis_stalled"
    assert "no status, which the product takes for processing" in listed["u049"].summary
    (status,) = [item for item in listed["u049"].evidence if item.check == "status"]
    assert (status.ok, status.observed) == (False, "The document has no status.")
    assert found.cost["firestore_reads"] < 300, "of 603 videos"
    monkeypatch.setattr(unlisted, "SEARCHED", 4)
    less = stuck(desk.checker, Reach(delivered=0))
    left = 3 - len(less.videos)
    assert left > 0
    assert not less.complete
    assert f"{left} video{'s' if left > 1 else ''} without a known status, which no query finds" in " ".join(less.notes)


def test_looking_at_what_is_stuck_counts_no_further_than_a_bound(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unlisted, "COUNTED", 1_000)
    desk.world.put({f"users/u1/videos/v{number}": video(f"v{number}") for number in range(3_000)})
    found = stuck(desk.checker, Reach(delivered=0))
    assert found.cost["firestore_reads"] <= 13
    assert not found.complete
    assert "too many to count, and no kept scan" in " ".join(found.notes)


def test_where_there_are_too_many_to_count_the_last_kept_scan_names_the_videos_without_a_status(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unlisted, "COUNTED", 20)
    desk.world.put({f"users/u1/videos/v{number}": video(f"v{number}") for number in range(30)})
    odd = {"lost": None, "mended": "completed", "queued": "queued_v2", "later": None}
    for video_id, status in odd.items():
        fields = video(video_id, created_at=desk.ago(days=2), updated_at=desk.ago(hours=5))
        desk.put(f"users/u2/videos/{video_id}", {**fields, "status": status})
    at = desk.ago(hours=3)
    writers = Writers(desk.writer, desk.world.writer)
    keeper = ScanKeeper(desk.world.records, desk.checker.objects, writers, Layout("users/"), lambda: at, 90)
    rows = [
        {"kind": "incomplete_video", "severity": "warning", "uid": "u2", "video_id": name, "expected": expected,
         "last_seen_at": at}
        for name, expected in (("lost", "status"), ("mended", "created_at and status"), ("v1", "created_at"))
    ]  # fmt: skip
    keep_scan(keeper, ScanOutcome(at, at, Coverage(), True, {"users": 2}), rows)
    found = stuck(desk.checker, Reach(delivered=0))
    assert {one.diagnosis.video_id: one.diagnosis.verdict for one in found.videos} == {
        "lost": "analysis_stalled", "queued": "analysis_stalled",
    }  # fmt: skip
    (note,) = found.notes
    assert f"since the scan of {moment(at)}" in note
    assert "1 video of that scan is still without one" in note
    assert found.complete
    later = stuck(replace(desk.checker, clock=lambda: at + timedelta(hours=40)), Reach(delivered=0))
    assert not later.complete


def test_without_the_index_the_users_are_gone_through_and_the_index_is_named(desk: Desk) -> None:
    stalled(desk, "vid-stall")
    stalled(desk, "vid-other", "u2")
    desk.video("vid-odd1", status="queued_v2", highlights=None)
    message = (
        "The query requires a COLLECTION_GROUP_ASC index for collection videos and field status. "
        "You can create it here: https://console.firebase.google.com/"
    )
    desk.world.faults.refuse(
        "RunQuery",
        StatusCode.FAILED_PRECONDITION,
        message,
        when=lambda request: "status" in str(request.structured_query.where),
        times=None,
    )
    found = stuck(desk.checker)
    assert [video.diagnosis.video_id for video in found.videos] == ["vid-odd1", "vid-stall", "vid-other"]
    assert found.missing_index
    assert "customer by customer" in found.notes[0]


def test_a_refused_firestore_raises_and_is_no_empty_list(desk: Desk) -> None:
    stalled(desk, "vid-stall")
    with desk.world.faults.outage(StatusCode.PERMISSION_DENIED), pytest.raises(AccessDenied):
        stuck(desk.checker)


def test_a_refused_bucket_is_told_once_and_each_verdict_is_about_it(
    desk: Desk, r2_rig: SeaweedRig, bucket: str
) -> None:
    stalled(desk, "vid-stall")
    blind = Objects(r2.read_client(r2_rig.settings(bucket, read=pair(NOBODY))), bucket)
    found = stuck(desk.over(blind))
    assert [video.diagnosis.verdict for video in found.videos] == ["access_denied"]
    assert isinstance(found.error, AccessDenied)


def test_a_user_that_is_absent_is_a_fact_and_no_error(desk: Desk) -> None:
    case = diagnose(desk.checker, "nobody", "vid-0001")
    assert case.user == Absent()
    assert case.diagnosis.verdict == "not_found"


def test_clips_that_the_quota_refused_are_seen_by_what_was_charged(desk: Desk) -> None:
    desk.user(plan="free", total_storage_bytes=2 * 1024**3)
    desk.video("vid-0001", completed_at=desk.ago(hours=1))
    desk.clip("vid-0001", 1, created_at=desk.ago(days=9))
    assert verdict(desk) == "healthy"
    charge = {
        "operation_type": "reprocessing",
        "credits_amount": 30,
        "timestamp": desk.ago(hours=2),
        "video_id": "vid-0001",
        "metadata": {"scene_count": "3", "style_breakdown": "split:10"},
    }
    desk.put("users/u1/credit_transactions/t1", charge)
    found = ill(desk).diagnosis
    assert (found.verdict, found.cause) == ("quota_blocked", "quota")
    assert "30 credits charged for 3 clips" in next(e.observed for e in found.evidence if e.check == "charged")
    desk.clip("vid-0001", 2, created_at=desk.ago(hours=1))
    assert verdict(desk) == "healthy"


def test_what_a_job_wrote_after_a_deletion_is_named_as_that_and_listed_for_nobody(desk: Desk) -> None:
    progress = {"total_clips": 4, "completed_clips": 1, "updated_at": desk.ago(hours=3)}
    desk.put("users/u1/videos/vid-gone", {"processing_progress": progress, "updated_at": desk.ago(hours=3)})
    case = ill(desk, "vid-gone")
    assert (case.diagnosis.verdict, case.diagnosis.cause) == ("not_found", "deleted")
    assert [step.id for step in case.diagnosis.actions] == ["check_again", "purge"]
    assert listed(desk) == []


def test_without_the_indexes_of_drafts_the_list_is_made_and_says_what_it_leaves_out(desk: Desk) -> None:
    stalled(desk, "vid-stall")
    desk.video("vid-odd1", status="queued_v2")
    for field in ("completed_clips", "analysis_drafts"):
        desk.world.faults.refuse(
            "RunQuery",
            StatusCode.FAILED_PRECONDITION,
            f"The query requires a COLLECTION_GROUP_ASC index for collection x and field {field}.",
            when=lambda request, field=field: field in str(request.structured_query),
            times=None,
        )
    found = stuck(desk.checker)
    assert {video.diagnosis.video_id for video in found.videos} == {"vid-odd1", "vid-stall"}
    assert not found.complete
    assert "Drafts were not looked at" in " ".join(found.notes)
    assert "Videos made of drafts were not looked for" in " ".join(found.notes)
