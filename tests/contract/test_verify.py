"""Upload checks against real stores: what is found, what it costs in requests, what a refusal or an outage makes."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from grpc import StatusCode

from storage.actions.objects import ObjectWriter
from storage.clients import r2
from storage.domain.deployment import set_to
from storage.domain.integrity import Finding, ScanTotals
from storage.domain.layout import thumbnail_of
from storage.domain.ranges import FIRST_NUMBER
from storage.errors import AccessDenied, BadInput, NotFound, StorageError
from storage.repositories import object_listing
from storage.repositories.objects import RANGES, Objects
from storage.services.fleet_scan import Pace, ScanProgress, verify_all
from storage.services.verify import ReadScope, parse_shard, recheck, verify_user
from tests.contract.r2_fixtures import fill
from tests.contract.verify_world import HIGHLIGHTS, Desk
from tests.rigs import records
from tests.rigs.firestore import EmbeddedFirestore, FirestoreRig
from tests.rigs.http_faults import Answer, FaultProxy, Reset
from tests.rigs.records import World
from tests.rigs.seaweed import NOBODY, UNLISTING, SeaweedRig, pair


@pytest.fixture
def desk(embedded: EmbeddedFirestore, writer: ObjectWriter, objects: Objects) -> Iterator[Desk]:
    """User u1 without anything below, over our own Firestore and a bucket."""
    with World(embedded) as world:
        made = Desk(world, writer, objects)
        made.user()
        yield made


def kinds(desk: Desk, video_id: str | None = None) -> dict[str, int]:
    return verify_user(desk.checker, "u1", video_id).summary


def test_both_kinds_of_firestore_give_the_same_report(
    firestore_rig: FirestoreRig, writer: ObjectWriter, objects: Objects
) -> None:
    with World(firestore_rig) as world:
        desk = Desk(world, writer, objects)
        desk.user()
        desk.video("vid-0001")
        desk.clip("vid-0001", 1)
        desk.clip("vid-0001", 2, content=None, thumbnail=None)
        desk.clip("vid-0001", 3, content=b"123")
        desk.clip("vid-gone", 4)
        desk.object("users/u1/vid-0001/clips/clip_09_9_left_split.mp4")
        report = verify_user(desk.checker, "u1")
    assert report.summary == {"missing_object": 1, "size_mismatch": 1, "orphan_object": 1, "phantom_parent": 1}
    assert report.checked.as_dict() == {"users": 1, "videos": 1, "clips": 4, "objects": 8}
    assert report.complete
    assert all(finding.seen_at == desk.now for finding in report.findings)


def test_an_intact_user_is_without_findings_in_either_layout(
    embedded: EmbeddedFirestore, writer: ObjectWriter, objects: Objects
) -> None:
    for uid, prefix in (("u1", "users/"), ("u2", "")):
        with World(embedded) as world:
            desk = Desk(world, writer, objects, prefix)
            desk.user(uid)
            desk.video("vid-0001", uid)
            desk.clip("vid-0001", 1, uid)
            assert verify_user(desk.checker, uid).findings == ()


def test_a_user_whose_id_begins_alike_is_never_touched(desk: Desk) -> None:
    desk.user("u10")
    desk.video("vid-0001", "u10")
    desk.clip("vid-0001", 1, "u10", content=None)
    assert verify_user(desk.checker, "u1").checked.objects == 0
    assert verify_user(desk.checker, "u10").summary == {"missing_object": 1}


@pytest.mark.parametrize("title", ["café", "cafe\u0301", "с пробелами", "a+b", "100%", "a%20b", "no#1", "q?x=1&y"])
def test_awkward_keys_are_found_on_the_wire_exactly_as_they_are_named(desk: Desk, title: str) -> None:
    desk.video("vid-0001")
    key = f"users/u1/vid-0001/clips/clip_01_1_{title}_split.mp4"
    desk.clip("vid-0001", 1, r2_key=key)
    assert verify_user(desk.checker, "u1").findings == ()
    assert verify_user(desk.checker, "u1", "vid-0001").findings == ()


def test_one_video_is_checked_alone(desk: Desk) -> None:
    for video_id in ("vid-0001", "vid-0002"):
        desk.video(video_id)
        desk.clip(video_id, 1, content=None, thumbnail=None)
    report = verify_user(desk.checker, "u1", "vid-0002")
    assert report.scope == "u1/vid-0002"
    assert [finding.video_id for finding in report.findings] == ["vid-0002"]
    assert report.checked.clips == 1


@pytest.mark.parametrize("prefix", ["users/", ""])
def test_both_layouts_are_listed_whatever_the_prefix_and_nothing_there_is_asked_for_alone(
    desk: Desk, r2_rig: SeaweedRig, bucket: str, proxy: FaultProxy, prefix: str
) -> None:
    desk.video("vid-0001")
    desk.clip("vid-0001", 1)
    desk.clip("vid-0001", 2, r2_key="u1/vid-0001/clips/clip_01_2_old_split.mp4")
    left = ["u1/vid-0001/clips/clip_01_8_left_split.mp4", "users/u1/vid-0001/clips/clip_01_9_left_split.mp4"]
    desk.objects(left)
    far = Objects(r2.read_client(r2_rig.settings(bucket, endpoint_url=proxy.endpoint)), bucket)
    checker = replace(desk.over(far), deployment=set_to("object", prefix))
    for video_id in (None, "vid-0001"):
        found = verify_user(checker, "u1", video_id).findings
        assert sorted((one.kind, one.key) for one in found) == [("orphan_object", key) for key in left]
    assert proxy.count("HEAD") == 0


def test_highlights_are_judged_and_their_document_settles_how_grave_it_is(
    desk: Desk,
) -> None:
    desk.video("vid-good")
    desk.video("vid-bad1", highlights=b'{"highlights": [')
    desk.video("vid-none", highlights=None)
    desk.video("vid-docs", highlights=None)
    desk.put("users/u1/videos/vid-docs/highlights/main", {"highlights": [{"id": 1, "start": "0:01", "end": "0:09"}]})
    found = {(f.video_id, f.kind): f.severity for f in verify_user(desk.checker, "u1").findings}
    assert found == {
        ("vid-bad1", "invalid_highlights"): "error",
        ("vid-none", "missing_highlights"): "error",
        ("vid-docs", "missing_highlights"): "error",
    }


def test_a_highlights_file_of_absurd_size_is_invalid_without_being_read(desk: Desk) -> None:
    desk.video("vid-0001", highlights=b" " * (5 * 1024 * 1024 + 1))
    assert kinds(desk) == {"invalid_highlights": 1}


def test_unfinished_uploads_are_found_once_they_are_a_day_old(desk: Desk) -> None:
    key = "users/u1/vid-0001/clips/clip_01_1_up_split.mp4"
    upload = desk.writer._client.call("create_multipart_upload", key, Key=key)
    desk.writer._client.call("upload_part", key, Key=key, UploadId=upload["UploadId"], PartNumber=1, Body=b"x" * 1024)
    finding = verify_user(desk.checker, "u1").findings[0]
    assert (finding.kind, finding.key, finding.video_id) == ("unfinished_upload", key, "vid-0001")
    desk.now -= timedelta(days=1, hours=12)
    report = verify_user(desk.checker, "u1")
    assert report.findings == ()
    assert report.in_flight.uploads == 1


def test_what_was_just_written_for_a_video_in_progress_is_in_flight(desk: Desk) -> None:
    desk.now -= timedelta(days=2)
    desk.video("vid-0001", status="processing", updated_at=desk.now)
    desk.clip("vid-0001", 1, content=None, thumbnail=None, status="processing", updated_at=desk.now)
    desk.object("users/u1/vid-0001/clips/clip_01_2_fresh_split.mp4")
    report = verify_user(desk.checker, "u1")
    assert report.findings == ()
    assert (report.in_flight.clips, report.in_flight.objects) == (1, 1)


def test_many_pages_of_clips_take_few_listings_and_no_head(
    desk: Desk, r2_rig: SeaweedRig, bucket: str, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_listing, "PAGE_KEYS", 100)
    monkeypatch.setattr("storage.repositories.objects.KEYS_A_RANGE", 100)
    batch, keys = {}, []
    for video in range(10):
        video_id = f"vid-{video:04}"
        batch[f"users/u1/videos/{video_id}"] = records.video(video_id)
        keys.append(f"users/u1/{video_id}/highlights.json")
        for scene in range(100):
            clip = records.clip(video_id, scene, file_size_bytes=len(HIGHLIGHTS), has_thumbnail=False)
            batch[f"users/u1/videos/{video_id}/clips/c{scene:04}"] = clip
            keys.append(clip["r2_key"])
    desk.world.put(batch)
    desk.object(keys[0], HIGHLIGHTS)
    r2_rig.copies(bucket, keys[0], keys[1:-1])
    far = Objects(r2.read_client(r2_rig.settings(bucket, endpoint_url=proxy.endpoint)), bucket)
    report = verify_user(desk.over(far), "u1")
    assert [(f.kind, f.key) for f in report.findings if f.severity == "error"] == [("missing_object", keys[-1])]
    assert report.checked.clips == 1_000
    assert proxy.count("HEAD") == 0
    assert report.cost["r2_class_a"] <= 2 * -(-report.checked.objects // 100)
    assert proxy.count("GET", query="start-after") == RANGES - 1  # side by side, and not page after page
    assert report.cost["r2_class_b"] == 10
    assert report.cost["firestore_reads"] <= 1_000 + 10 + 5


@pytest.mark.parametrize("token", [NOBODY, UNLISTING], ids=["may do nothing", "may not list"])
def test_a_token_without_rights_makes_clips_unreadable_and_never_missing(
    desk: Desk, r2_rig: SeaweedRig, bucket: str, token: tuple[str, str]
) -> None:
    desk.video("vid-0001")
    desk.clip("vid-0001", 1)
    blind = Objects(r2.read_client(r2_rig.settings(bucket, read=pair(token))), bucket)
    report = verify_user(desk.over(blind), "u1")
    assert set(report.summary) == {"unreadable"}
    assert not report.complete
    assert report.unchecked == 1
    assert report.failures[0].code in {"access_denied", "bad_credentials"}


def test_a_bucket_that_is_not_there_is_not_an_empty_one(desk: Desk, r2_rig: SeaweedRig) -> None:
    desk.video("vid-0001")
    desk.clip("vid-0001", 1)
    nowhere = Objects(r2.read_client(r2_rig.settings("no-such-bucket")), "no-such-bucket")
    report = verify_user(desk.over(nowhere), "u1")
    assert set(report.summary) == {"unreadable"}


@pytest.mark.parametrize("fault", [Answer(503, "SlowDown"), Reset(), Answer(403, "AccessDenied")], ids=str)
def test_a_listing_that_breaks_off_in_the_middle_leaves_the_rest_unknown(
    desk: Desk, writer: ObjectWriter, far_objects: Objects, proxy: FaultProxy, fault: Answer | Reset
) -> None:
    desk.video("vid-0001")
    for scene in range(3):
        desk.clip("vid-0001", scene)
    desk.clip("vid-0001", 9, content=None, thumbnail=None)
    fill(writer, [f"users/u1/a/clips/{n:04}.bin" for n in range(1_000)])
    proxy.on(fault, query="continuation-token")
    report = verify_user(desk.over(far_objects), "u1", scope=ReadScope(uploads=False))
    assert "missing_object" not in report.summary
    assert report.summary["unreadable"] == 1
    assert report.unchecked == 4
    assert not report.actionable


def test_a_highlights_file_that_cannot_be_read_is_unreadable(
    desk: Desk, far_objects: Objects, proxy: FaultProxy
) -> None:
    desk.video("vid-0001")
    proxy.on(Answer(403, "AccessDenied"), method="GET", path="highlights.json")
    report = verify_user(desk.over(far_objects), "u1")
    assert [(f.kind, f.video_id) for f in report.findings] == [("unreadable", "vid-0001")]


def test_a_wrong_bucket_is_suspected_and_nothing_of_it_feeds_an_action(desk: Desk, r2_rig: SeaweedRig) -> None:
    desk.video("vid-0001")
    for scene in range(12):
        desk.clip("vid-0001", scene)
    other = r2_rig.fresh_bucket()
    report = verify_user(desk.over(Objects(r2.read_client(r2_rig.settings(other)), other)), "u1")
    assert report.suspicion is not None
    assert report.suspicion.missing == 12
    assert not report.actionable
    assert report.summary["missing_object"] == 12


def test_a_firestore_that_refuses_raises_and_is_no_empty_user(desk: Desk) -> None:
    desk.video("vid-0001")
    with desk.world.faults.outage(StatusCode.PERMISSION_DENIED), pytest.raises(AccessDenied):
        verify_user(desk.checker, "u1")


def test_what_is_nowhere_is_not_found_and_a_bad_id_is_refused_before_anything_is_asked(desk: Desk) -> None:
    with pytest.raises(NotFound, match="no customer nobody"):
        verify_user(desk.checker, "nobody")
    with pytest.raises(NotFound, match="no video vid-none"):
        verify_user(desk.checker, "u1", "vid-none")
    before = sum(desk.world.faults.calls.values())
    for uid, video_id in (("", None), ("u1/", None), ("..", None), ("u1", "a/b")):
        with pytest.raises(BadInput):
            verify_user(desk.checker, uid, video_id)
    assert sum(desk.world.faults.calls.values()) == before


def test_objects_of_a_user_without_any_document_are_orphans(desk: Desk) -> None:
    desk.object("users/u9/vid-0001/clips/clip_01_1_left_split.mp4")
    assert verify_user(desk.checker, "u9").summary == {"orphan_object": 1}


def many(desk: Desk, count: int) -> list[str]:
    uids = [f"user-{number:02}" for number in range(count)]
    for uid in uids:
        desk.user(uid)
        desk.video("vid-0001", uid)
        desk.clip("vid-0001", 1, uid, content=None, thumbnail=None)
    return ["u1", *uids]


def test_the_whole_bucket_goes_user_by_user_with_progress_and_goes_on_where_it_stopped(desk: Desk) -> None:
    uids, seen = many(desk, 6), list[ScanProgress]()
    reports = verify_all(desk.checker, on_progress=seen.append)
    assert [next(reports).uid for _ in range(3)] == uids[:3] == ["u1", "user-00", "user-01"]
    rest = list(verify_all(desk.checker, resume_after="user-01", users_done=3, on_progress=seen.append))
    assert [report.uid for report in rest] == uids[3:]
    assert [(each.users_done, each.users_total, each.last_uid) for each in seen[:4]] == [
        (1, 7, "u1"),
        (2, 7, "user-00"),
        (3, 7, "user-01"),
        (1, 4, "user-02"),
    ]


def test_shards_are_disjoint_and_together_complete(desk: Desk) -> None:
    uids = many(desk, 9)
    parts = [[report.uid for report in verify_all(desk.checker, shard=(i, 3))] for i in (1, 2, 3)]
    assert sorted(uid for part in parts for uid in part) == sorted(uids)
    assert [report.uid for report in verify_all(desk.checker, shard=(2, 3))] == parts[1]


def test_phantom_users_are_part_of_the_scan(desk: Desk) -> None:
    desk.clip("vid-0001", 1, "ghost")
    found = {report.uid: report.summary for report in verify_all(desk.checker)}
    assert found["ghost"] == {"phantom_parent": 2}


def test_totals_add_up_what_the_users_gave_and_doubt_the_whole(desk: Desk) -> None:
    many(desk, 20)
    desk.video("vid-0001")
    desk.clip("vid-0001", 1)
    totals = ScanTotals()
    for report in verify_all(desk.checker):
        assert report.suspicion is None, "one missing clip each is no reason to doubt one user, a control is there"
        totals.add(report)
    assert totals.summary == {"missing_object": 20}
    assert totals.checked.users == 21
    assert totals.suspicion is not None
    assert not totals.actionable
    assert totals.as_dict("all")["cost"]["firestore_reads"] > 0


def test_a_user_that_cannot_be_read_is_reported_and_the_scan_goes_on(desk: Desk) -> None:
    many(desk, 3)
    faults = desk.world.faults

    def of_one_user_or_of_all(request: object) -> bool:
        return "users/user-01" in str(request) or FIRST_NUMBER in str(request)

    faults.refuse("RunQuery", StatusCode.UNAVAILABLE, when=of_one_user_or_of_all, times=None)
    faults.refuse("ListDocuments", StatusCode.UNAVAILABLE, when=of_one_user_or_of_all, times=None)
    reports = {report.uid: report for report in verify_all(desk.checker)}
    assert len(reports) == 4
    assert set(reports["user-01"].summary) == {"unreadable"}
    assert not reports["user-01"].complete
    assert reports["user-00"].complete
    gap = reports["user-02"]
    assert not gap.complete
    assert "were not looked for" in gap.findings[-1].detail


def test_a_backend_that_refuses_ranges_of_collection_groups_is_read_customer_by_customer(desk: Desk) -> None:
    many(desk, 3)
    desk.clip("vid-0001", 1, "ghost")
    wanted = {report.uid: report.summary for report in verify_all(desk.checker)}

    def of_all(request: object) -> bool:
        return FIRST_NUMBER in str(request)

    desk.world.faults.refuse("RunQuery", StatusCode.FAILED_PRECONDITION, when=of_all, times=None)
    assert {report.uid: report.summary for report in verify_all(desk.checker)} == wanted
    assert "ghost" in wanted


def test_a_bucket_that_refuses_everybody_ends_the_scan_with_its_reason(
    desk: Desk, r2_rig: SeaweedRig, bucket: str
) -> None:
    many(desk, 30)
    blind = Objects(r2.read_client(r2_rig.settings(bucket, read=pair(NOBODY))), bucket)
    scan = verify_all(desk.over(blind))
    reports = [next(scan) for _ in range(25)]
    with pytest.raises(AccessDenied):
        next(scan)
    assert {kind for report in reports for kind in report.summary} == {"unreadable"}


@pytest.mark.parametrize("text", ["0/4", "5/4", "1/0", "1", "a/b", "1/1001", "-1/4", ""])
def test_a_shard_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="I from 1 to N"):
        parse_shard(text)


def test_a_shard_is_read_as_i_of_n_or_taken_from_an_indexed_job() -> None:
    assert parse_shard(" 2/16 ") == (2, 16)
    assert parse_shard("auto/8", {"JOB_COMPLETION_INDEX": "7"}) == (8, 8)
    assert parse_shard("auto", {"CLOUD_RUN_TASK_INDEX": "0", "CLOUD_RUN_TASK_COUNT": "4"}) == (1, 4)
    index = "JOB_COMPLETION_INDEX"
    for text, told in (("auto", {index: "0"}), ("auto/4", {}), ("auto/4", {index: "4"}), ("auto/4", {index: "x"})):
        with pytest.raises(BadInput, match="shard"):
            parse_shard(text, told)


def only(desk: Desk) -> Finding:
    findings = verify_user(desk.checker, "u1").findings
    assert len(findings) == 1
    return findings[0]


def test_one_finding_can_be_checked_again_alone(desk: Desk, far_objects: Objects, proxy: FaultProxy) -> None:
    desk.video("vid-0001")
    key = desk.clip("vid-0001", 1, content=None)
    finding = only(desk)
    desk.now += timedelta(minutes=5)
    again = recheck(desk.checker, finding)
    assert again.standing == "still there"
    assert again.now == replace(finding, seen_at=desk.now)
    proxy.on(Answer(403, "AccessDenied"))
    unknown = recheck(desk.over(far_objects), finding)
    assert unknown.standing == "unknown"
    assert unknown.reason
    desk.object(key)
    assert recheck(desk.checker, finding).standing == "gone"


def test_a_finding_about_an_orphan_or_an_upload_is_gone_once_the_object_is(desk: Desk) -> None:
    desk.video("vid-0001")
    desk.clip("vid-0001", 1)
    key = "users/u1/vid-0001/clips/clip_09_9_left_split.mp4"
    desk.object(key)
    finding = only(desk)
    assert recheck(desk.checker, finding).standing == "still there"
    desk.writer.delete([key])
    assert recheck(desk.checker, finding).standing == "gone"


def test_a_finding_is_unknown_while_firestore_is_away(desk: Desk) -> None:
    desk.video("vid-0001")
    desk.clip("vid-0001", 1, content=None)
    finding = only(desk)
    with desk.world.faults.outage(StatusCode.PERMISSION_DENIED):
        assert recheck(desk.checker, finding).standing == "unknown"


def test_a_missing_thumbnail_does_not_hide_that_the_clip_is_there(desk: Desk) -> None:
    desk.video("vid-0001")
    key = desk.clip("vid-0001", 1, thumbnail=None)
    assert [(f.kind, f.key) for f in verify_user(desk.checker, "u1").findings] == [
        ("missing_thumbnail", thumbnail_of(key))
    ]


def test_no_error_of_a_check_carries_a_secret(desk: Desk, r2_rig: SeaweedRig, bucket: str) -> None:
    desk.video("vid-0001")
    blind = Objects(r2.read_client(r2_rig.settings(bucket, read=pair(NOBODY))), bucket)
    text = str(verify_user(desk.over(blind), "u1").as_dict())
    assert NOBODY[0] not in text
    assert NOBODY[1] not in text


def test_errors_are_of_the_one_tree(desk: Desk) -> None:
    with pytest.raises(StorageError):
        verify_user(desk.checker, "nobody")


def peak(desk: Desk, after: str) -> int:
    """The most memory that a scan from this uid on holds at once, in bytes."""
    gc.collect()
    tracemalloc.start()
    for _ in verify_all(desk.checker, resume_after=after, scope=ReadScope(contents=False, readers=1), pace=Pace(2, 1)):
        pass
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


def test_memory_does_not_grow_with_the_number_of_users(desk: Desk) -> None:
    batch, original = {}, "users/x/vid-0001/clips/original.mp4"
    desk.object(original)
    for number in range(8):
        uid = f"user-{number:02}"
        batch[f"users/{uid}"] = records.user(uid)
        batch[f"users/{uid}/videos/vid-0001"] = records.video("vid-0001")
        for scene in range(60):
            batch[f"users/{uid}/videos/vid-0001/clips/c{scene}"] = records.clip("vid-0001", scene, r2_key=original)
    desk.world.put(batch)
    peak(desk, "user-06")
    two, eight = peak(desk, "user-05"), peak(desk, "u1")
    assert eight < 2 * two, "four times as many users take less than twice the memory: the page of users, no more"
