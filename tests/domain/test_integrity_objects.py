"""Orphans, caches, unfinished uploads, videos and their highlights, and results that cannot be believed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from storage.domain import highlights
from storage.domain.deployment import Served
from storage.domain.documents import MultipartUpload
from storage.domain.highlights import judge_document, unknown
from storage.domain.integrity import Failure
from storage.domain.integrity.rules import LIFECYCLE_GRACE
from storage.domain.layout import Layout
from tests.domain.integrity_world import GOOD_HIGHLIGHTS, JUST_NOW, NOW, OLD, World, denied

ORPHAN = "users/u1/vid-0001/clips/clip_09_9_left_over_split.mp4"


def world(status: str = "completed") -> World:
    return World().video("vid-0001", status).clip("vid-0001")


def test_an_object_that_no_document_names_is_an_orphan() -> None:
    finding = world().object(ORPHAN, 77).findings()["orphan_object"]
    assert (finding.severity, finding.key, finding.actual, finding.video_id) == ("warning", ORPHAN, 77, "vid-0001")


COMPOSED, SPLIT = "f\u00fcr", "fu\u0308r"


@pytest.mark.parametrize(
    ("named", "there", "forms"),
    [(COMPOSED, SPLIT, "NFC, the object's NFD"), (SPLIT, COMPOSED, "NFD, the object's NFC")],
)
def test_a_key_with_the_same_letters_in_another_normal_form_is_hinted_at_both_ways(
    named: str, there: str, forms: str
) -> None:
    folder = "users/u1/vid-0001/clips/clip_01_1_"
    case = World().video("vid-0001").clip("vid-0001", r2_key=f"{folder}{named}_split.mp4", size=None, thumbnail=False)
    case.object(f"{folder}{there}_split.mp4").object(f"{folder}{named}_other.mp4")
    details = {finding.key: finding.detail for finding in case.check().findings}
    words = "the same letters in another Unicode normal form (the document's key is " + forms
    assert words in details.pop(f"{folder}{named}_split.mp4")
    assert words in details.pop(f"{folder}{there}_split.mp4")
    assert details == {f"{folder}{named}_other.mp4": "No document names this object."}


def test_a_file_of_any_name_in_the_clips_folder_is_an_orphan_too() -> None:
    assert world().object("users/u1/vid-0001/clips/upload.tmp").findings()["orphan_object"].actual == 100


@pytest.mark.parametrize("status", ["processing", "completed"])
def test_an_old_object_is_an_orphan_and_a_young_one_in_flight_whatever_the_video_says(status: str) -> None:
    assert "orphan_object" in world(status).object(ORPHAN, modified=OLD).findings()
    report = world(status).object(ORPHAN, modified=JUST_NOW).check()
    assert (report.findings, report.in_flight.objects, report.in_flight.minutes) == ((), 1, 15)


def test_a_young_object_of_a_video_that_has_no_document_yet_is_in_flight() -> None:
    fresh = world().object("users/u1/vid-0002/clips/clip_01_1_new_split.mp4", modified=JUST_NOW)
    fresh.object("users/u1/vid-0003/highlights.json", modified=JUST_NOW)
    report = fresh.check()
    assert (report.findings, report.in_flight.objects) == ((), 2)


def test_an_object_newer_than_the_reading_of_the_documents_is_in_flight_whatever_the_video_says() -> None:
    report = world().object(ORPHAN, modified=NOW + timedelta(seconds=1)).check()
    assert report.findings == ()
    assert report.in_flight.objects == 1


def test_the_thumbnail_of_a_known_clip_is_no_orphan_even_where_its_document_says_none() -> None:
    honest = World().video("vid-0001").clip("vid-0001", thumbnail=False)
    honest.object("users/u1/vid-0001/clips/clip_01_1_hello_split.jpg")
    assert honest.check().findings == ()


def test_objects_of_a_user_whose_id_begins_alike_are_never_seen() -> None:
    near = world().object("users/u10/vid-0001/clips/clip_01_1_x_split.mp4")
    report = near.check()
    assert report.findings == ()
    assert report.checked.objects == 3


def test_highlights_of_a_video_that_is_nowhere_are_left_over() -> None:
    key = "users/u1/vid-gone/highlights.json"
    assert world().object(key).findings()["orphan_object"].key == key
    phantom = world().object(key)
    phantom.video_rows.append({"uid": "u1", "video_id": "vid-gone", "exists": False})
    assert set(phantom.findings()) == {"phantom_parent"}


def test_what_the_desk_wrote_for_itself_is_not_counted() -> None:
    desk = World(uid="_ops", layout=Layout("")).object("_ops/health/canary")
    desk.extra_prefixes = ("_ops/",)
    report = desk.check()
    assert report.checked.objects == 0
    assert report.findings == ()


def test_caches_are_counted_apart_and_judged_by_their_own_expiry() -> None:
    cached = world()
    day, hour = timedelta(days=1), timedelta(hours=1)
    cached.object("sources/u1/vid-0001/source.mp4", 1_000, NOW - day - hour)
    cached.object("clips/u1/vid-0001/raw/a.mp4", 10, NOW - 6 * day)
    cached.object("clips/u1/vid-0001/raw/b.mp4", 20, NOW - 7 * day - LIFECYCLE_GRACE)
    cached.object("users/u1/vid-0001/neural/n.json.gz", 5, NOW - 30 * day)
    cached.object("users/u1/transcripts/t.txt.gz", 6, NOW - 400 * day)
    cached.object("users/u1/notes.txt", 6, NOW)
    report = cached.check()
    assert report.findings == ()
    assert [(c.kind, c.objects, c.size_bytes, c.expired, c.overdue) for c in report.caches] == [
        ("neural_cache", 1, 5, 1, 1),
        ("raw_segment", 2, 30, 1, 1),
        ("source", 1, 1_000, 1, 0),
        ("transcript", 1, 6, 0, 0),
    ]
    assert report.unrecognised == 1


def test_the_expiry_in_the_video_document_wins_for_its_source() -> None:
    kept = World().video("vid-0001", source_video_expires_at=NOW + timedelta(hours=1))
    kept.object("sources/u1/vid-0001/source.mp4", 1_000, NOW - timedelta(days=5))
    assert kept.check().caches[0].expired == 0


def test_an_upload_is_unfinished_after_a_day_in_flight_before_and_a_note_where_its_age_is_hidden() -> None:
    def uploading(*started: object) -> World:
        uploads = tuple(MultipartUpload(ORPHAN, f"id{i}", at) for i, at in enumerate(started))  # type: ignore[arg-type]
        return World(more={"uploads": uploads})

    assert uploading(NOW - timedelta(days=1)).findings()["unfinished_upload"].severity == "warning"
    report = uploading(NOW - timedelta(hours=23)).check()
    assert report.findings == ()
    assert report.in_flight.uploads == 1
    assert uploading(None).findings()["unfinished_upload"].severity == "info"


def test_uploads_that_could_not_be_listed_make_the_scan_incomplete() -> None:
    report = World(more={"uploads_failure": Failure("users/u1/", "access_denied", "Not allowed.")}).check()
    assert set(report.summary) == {"unreadable"}
    assert not report.complete


def test_documents_below_a_parent_that_does_not_exist_are_found_at_both_levels() -> None:
    lost = World(more={"user_exists": False}).clip("vid-0001")
    kinds = [(f.kind, f.video_id) for f in lost.check().findings]
    assert kinds == [("phantom_parent", None), ("phantom_parent", "vid-0001")]
    listed = World().clip("vid-0001")
    listed.video_rows.append({"uid": "u1", "video_id": "vid-0001", "exists": False})
    assert listed.findings()["phantom_parent"].video_id == "vid-0001"


def test_a_user_without_document_and_without_anything_below_is_no_phantom() -> None:
    assert World(more={"user_exists": False}).check().findings == ()


@pytest.mark.parametrize("status", ["analyzed", "completed"])
def test_a_video_that_promises_highlights_and_has_none_is_an_error(status: str) -> None:
    finding = World().video("vid-0001", status, None).findings()["missing_highlights"]
    assert (finding.severity, finding.key) == ("error", "users/u1/vid-0001/highlights.json")


@pytest.mark.parametrize("status", ["processing", "failed", "queued"])
def test_a_video_that_promises_none_is_not_missing_them(status: str) -> None:
    assert World().video("vid-0001", status, None).check().findings == ()


@pytest.mark.parametrize(
    ("fields", "lacks"),
    [
        ({"created_at": None}, "created_at"),
        ({"status": None}, "status"),
        ({"status": None, "created_at": None, "updated_at": NOW - timedelta(minutes=15)}, "created_at and status"),
        ({"status": None, "created_at": None, "updated_at": None}, "created_at and status"),
        ({"status": None, "created_at": None, "updated_at": NOW - timedelta(minutes=14)}, ""),
        ({"exists": False, "status": None, "created_at": None}, ""),
    ],
    ids=str,
)
def test_a_document_that_no_list_shows_or_that_never_ends_is_incomplete(fields: dict[str, Any], lacks: str) -> None:
    found = [f for f in World().video("vid-0001", **fields).check().findings if f.kind == "incomplete_video"]
    assert [(f.severity, f.video_id, f.expected) for f in found] == ([("warning", "vid-0001", lacks)] if lacks else [])


@pytest.mark.parametrize(
    ("served", "content", "document", "expected"),
    [
        (
            "object",
            None,
            {"highlights": [{"id": 1, "start": "0:01", "end": "0:09"}]},
            ("missing_highlights", "error", "can be rebuilt"),
        ),
        ("object", None, {"highlights": []}, ("missing_highlights", "error", "still being processed")),
        ("object", GOOD_HIGHLIGHTS, None, None),
        ("document", None, {"highlights": [{"id": 1, "start": "0:01", "end": "0:09"}]}, None),
        ("document", b"{", {"highlights": [{"id": 1, "start": "0:01", "end": "0:09"}]}, None),
        ("document", GOOD_HIGHLIGHTS, None, ("missing_highlights", "error", "can be rebuilt")),
        ("document", None, {"highlights": 5}, ("invalid_highlights", "error", "not a list")),
        ("document", None, {"highlights": []}, None),
        ("mixed", None, {"highlights": [{"id": 1, "start": "0:01", "end": "0:09"}]}, None),
        ("mixed", GOOD_HIGHLIGHTS, None, None),
        ("mixed", None, None, ("missing_highlights", "error", "still being processed")),
    ],
)
def test_what_is_found_about_highlights_follows_where_the_product_serves_them_from(
    served: Served, content: bytes | None, document: dict[str, Any] | None, expected: tuple[str, str, str] | None
) -> None:
    world = World(served=served).video("vid-0001", "completed", content)
    world.documents["vid-0001"] = judge_document(document)
    found = world.check().findings
    assert [(one.kind, one.severity) for one in found] == ([expected[:2]] if expected else [])
    assert all(expected is not None and expected[2] in one.detail for one in found)


def test_a_document_that_was_refused_is_unreadable_and_not_missing_where_documents_are_served() -> None:
    world = World(served="document").video("vid-0001", "completed", None)
    world.documents["vid-0001"] = unknown("document", "No answer.", code="unreachable")
    assert [(one.kind, one.actual) for one in world.check().findings] == [("unreadable", "unreachable")]
    assert not world.check().complete


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"highlights": {}}', b'{"highlights": ["a"]}', b"\xff", b"NaN"]
)
def test_highlights_that_cannot_be_used_are_invalid(content: bytes) -> None:
    assert World().video("vid-0001", "completed", content).findings()["invalid_highlights"].severity == "error"
    assert World().video("vid-0001", "failed", content).findings()["invalid_highlights"].severity == "warning"


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"start": "00:00:31", "end": "00:00:01"}, "entry 2, end: is not after start (00:00:31 to 00:00:01)"),
        ({"start": "00:00:31", "end": "00:00:31"}, "entry 2, end: is not after start (00:00:31 to 00:00:31)"),
        ({"start": "00:00:31"}, "entry 2, end: is missing"),
        ({"start": "half past", "end": "00:01:00"}, "entry 2, start: is not a time as HH:MM:SS"),
        ({"start": 31, "end": "00:01:00"}, "entry 2, start: is not a time as HH:MM:SS"),
        ({"start": "00:00:31", "end": "13:00:00"}, "entry 2, end: lies beyond the longest source (13:00:00)"),
        (
            {"start": "00:00:31", "end": "00:01:01", "duration": 90},
            "entry 2, duration: is 90 s, but start",
        ),
        ({"start": "00:00:31", "end": "00:01:01", "duration": 31}, ""),
        ({"start": "0:31", "end": "1:01.5"}, ""),
    ],
)
def test_times_of_highlights_that_make_no_sense_are_a_warning_and_the_list_stays_usable(
    entry: dict[str, Any], problem: str
) -> None:
    content = {"highlights": [{"id": 1, "start": "00:00:01", "end": "00:00:31"}, {"id": 2, **entry}]}
    world = World(served="document").video("vid-0001", "completed", None)
    world.documents["vid-0001"] = judge_document(content)
    found = world.check().findings
    assert [(one.kind, one.severity) for one in found] == ([("invalid_times", "warning")] if problem else [])
    assert all(problem in one.detail for one in found)
    assert world.documents["vid-0001"].usable


def test_many_odd_times_are_one_finding_that_names_eight_and_counts_the_rest() -> None:
    content = {"highlights": [{"id": n, "start": "0:09", "end": "0:01"} for n in range(11)]}
    state = judge_document(content)
    assert len(state.odd_times) == 9
    assert state.odd_times[-1] == "and 3 more"
    assert state.without_entries().odd_times == state.odd_times


def test_odd_times_where_the_product_does_not_look_are_no_finding() -> None:
    odd = b'{"highlights": [{"id": 1, "start": "0:09", "end": "0:01"}]}'
    world = World(served="document").video("vid-0001", "completed", odd)
    world.documents["vid-0001"] = judge_document({"highlights": [{"id": 1, "start": "0:01", "end": "0:09"}]})
    assert world.check().findings == ()


def test_an_empty_list_is_wrong_only_where_clips_exist() -> None:
    empty = b'{"highlights": []}'
    assert World().video("vid-0001", "analyzed", empty).check().findings == ()
    found = World().video("vid-0001", "completed", empty).clip("vid-0001").findings()
    assert found["invalid_highlights"].actual == "an empty list"


def test_highlights_that_could_not_be_read_are_unreadable_and_not_missing() -> None:
    refused = World().video("vid-0001", "completed", None)
    place = "users/u1/vid-0001/highlights.json"
    refused.highlights["vid-0001"] = highlights.unknown("object", "Not allowed.", place, code="access_denied")
    found = refused.findings()
    assert set(found) == {"unreadable"}
    assert (found["unreadable"].video_id, found["unreadable"].actual) == ("vid-0001", "access_denied")


def test_a_highlights_key_of_another_user_is_foreign() -> None:
    foreign = World().video("vid-0001", highlights_json_key="users/u10/vid-0001/highlights.json")
    assert foreign.findings()["foreign_key"].actual == "a key of another customer"


def many(count: int, missing: int, *, highlights_too: bool = True) -> World:
    result = World().video("vid-0001", content=GOOD_HIGHLIGHTS)
    if not highlights_too:
        result.objects.clear()
        result.highlights["vid-0001"] = highlights.absent("object", "users/u1/vid-0001/highlights.json")
    for i in range(count):
        gone = i < missing
        result.clip("vid-0001", f"clip_01_{i}_x_split", size=None if gone else 100, thumbnail=not gone)
    return result


def test_an_empty_prefix_for_a_user_with_many_clips_is_suspected_and_feeds_no_action() -> None:
    report = many(10, 10, highlights_too=False).check()
    assert report.suspicion is not None
    assert (report.suspicion.expected, report.suspicion.missing) == (10, 10)
    assert any("R2_KEY_PREFIX" in step for step in report.suspicion.how_to_check)
    assert not report.actionable
    assert list(report.as_dict())[1] == "implausible"


def test_most_of_many_clips_missing_at_once_is_suspected() -> None:
    assert many(20, 16).check().suspicion is not None


@pytest.mark.parametrize(("count", "missing", "too"), [(9, 9, False), (10, 10, True), (20, 15, True), (19, 18, True)])
def test_a_loss_that_can_be_real_is_not_suspected(count: int, missing: int, too: bool) -> None:
    report = many(count, missing, highlights_too=too).check()
    assert report.suspicion is None
    assert report.summary["missing_object"] == missing


def test_an_unreadable_prefix_is_not_suspected_of_being_empty() -> None:
    refused = many(30, 30, highlights_too=False)
    refused.highlights.clear()
    refused.listing_error = denied()
    assert refused.check().suspicion is None


def test_clips_not_yet_written_do_not_make_a_result_suspicious() -> None:
    young = World().video("vid-0001", "processing")
    for i in range(30):
        young.clip(
            "vid-0001", f"clip_01_{i}_x_split", size=None, thumbnail=False, status="processing", updated_at=JUST_NOW
        )
    assert young.check().suspicion is None


def test_what_is_left_below_a_deleted_clip_is_a_phantom_and_its_object_an_orphan() -> None:
    left = World().video("vid-0001").object("users/u1/vid-0001/clips/clip_01_1_hello_split.mp4")
    left.clip_rows.append({"uid": "u1", "video_id": "vid-0001", "clip_id": "c1", "exists": False})
    report = left.check()
    assert [(f.kind, f.clip_id) for f in report.findings] == [("orphan_object", None), ("phantom_parent", "c1")]
    assert report.checked.clips == 0
