"""Every rule about clip documents and their objects, each beside the case that looks like it and is not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from storage.domain.documents import ObjectInfo
from storage.domain.integrity import Failure, HeadAnswer
from storage.domain.layout import Layout, thumbnail_of
from storage.domain.shares import ShareLink
from tests.domain.integrity_world import JUST_NOW, NOW, OLD, World, denied, head_absent

KEY = "users/u1/vid-0001/clips/clip_01_1_hello_split.mp4"


def world(status: str = "completed") -> World:
    return World().video("vid-0001", status)


def test_an_intact_user_has_no_findings_and_everything_is_counted() -> None:
    report = world().clip("vid-0001").clip("vid-0001", "clip_02_2_more_original").check()
    assert report.findings == ()
    assert report.checked.as_dict() == {"users": 1, "videos": 1, "clips": 2, "objects": 5}
    assert report.complete
    assert report.actionable
    assert not report.wrong


def test_a_completed_clip_without_object_is_missing() -> None:
    finding = world().clip("vid-0001", size=None, thumbnail=False, has_thumbnail=None).findings()["missing_object"]
    assert (finding.severity, finding.key, finding.expected, finding.actual) == ("error", KEY, 100, None)
    assert finding.clip_id == "vid-0001_clip_01_1_hello_split"
    assert finding.seen_at == NOW


@pytest.mark.parametrize("status", ["processing", "failed"])
def test_a_clip_that_never_claimed_an_object_is_not_missing(status: str) -> None:
    report = (
        world("processing").clip("vid-0001", size=None, thumbnail=False, status=status, updated_at=JUST_NOW).check()
    )
    assert report.findings == ()


def test_a_clip_of_unknown_status_that_names_an_absent_object_is_a_warning() -> None:
    finding = world().clip("vid-0001", size=None, thumbnail=False, status="done").findings()["missing_object"]
    assert finding.severity == "warning"


def test_sizes_are_compared_only_where_both_are_known() -> None:
    finding = world().clip("vid-0001", size=99).findings()["size_mismatch"]
    assert (finding.expected, finding.actual) == (100, 99)
    report = world().clip("vid-0001", size=99, file_size_bytes=None).check()
    assert report.findings == ()
    assert report.unsized == 1


def test_a_document_that_says_zero_bytes_differs_from_an_object_that_has_some() -> None:
    assert world().clip("vid-0001", file_size_bytes=0).findings()["size_mismatch"].expected == 0


def test_an_empty_object_is_not_also_of_another_size() -> None:
    found = world().clip("vid-0001", size=0).findings()
    assert set(found) == {"empty_object"}
    assert found["empty_object"].severity == "error"


def test_a_promised_thumbnail_that_is_absent_is_a_warning_and_one_that_nothing_promises_is_counted() -> None:
    promised = world().clip("vid-0001")
    del promised.objects[thumbnail_of(KEY)]
    assert promised.findings()["missing_thumbnail"].severity == "warning"
    named = world().clip("vid-0001", thumbnail=False, has_thumbnail=False, thumbnail_r2_key=thumbnail_of(KEY))
    assert named.findings()["missing_thumbnail"].severity == "warning"
    legacy = world().clip("vid-0001", thumbnail=False, has_thumbnail=None)
    honest = world().clip("vid-0001", thumbnail=False)
    for unpromised in (legacy, honest):
        report = unpromised.check()
        assert (report.findings, report.without_thumbnail) == ((), 1)
        assert report.as_dict()["without_thumbnail"] == 1
    assert world().clip("vid-0001").check().without_thumbnail == 0


def test_a_thumbnail_of_zero_bytes_is_an_empty_object_and_only_a_warning() -> None:
    finding = world().clip("vid-0001").object(thumbnail_of(KEY), 0).findings()["empty_object"]
    assert (finding.severity, finding.key) == ("warning", thumbnail_of(KEY))


def test_a_completed_clip_without_key_says_whether_its_file_is_there() -> None:
    bare = world().clip("vid-0001", r2_key=None, thumbnail=False, filename="clip_01_1_hello_split.mp4")
    assert "No object" in bare.findings()["clip_without_key"].detail
    bare.object(KEY).object(thumbnail_of(KEY))
    found = bare.findings()
    assert set(found) == {"clip_without_key"}, "the object with the document's file name is no orphan"
    assert found["clip_without_key"].expected == KEY


def test_a_clip_in_progress_without_key_is_in_flight() -> None:
    report = world("processing").clip("vid-0001", r2_key=None, status="processing", updated_at=JUST_NOW).check()
    assert report.findings == ()
    assert report.in_flight.clips == 1


@pytest.mark.parametrize(
    ("key", "actual"),
    [
        ("users/u10/vid-0001/clips/clip_01_1_hello_split.mp4", "a key of another customer"),
        ("u10/vid-0001/clips/clip_01_1_hello_split.mp4", "a key of another customer"),
        ("exports/clip.mp4", "a key outside the layout"),
        ("/users/u1/vid-0001/clips/clip_01_1_hello_split.mp4", "a key outside the layout"),
        ("clips/u1/vid-0001/raw/a.mp4", "a key of the cache (raw segment), which expires"),
        ("_ops/quarantine/x.mp4", "a key of the desk itself"),
    ],
)
def test_a_key_that_is_not_this_users_is_foreign_and_not_missing(key: str, actual: str) -> None:
    found = world().clip("vid-0001", r2_key=key, size=None, thumbnail=False).findings()
    assert set(found) == {"foreign_key"}
    assert found["foreign_key"].actual == actual


def test_a_key_of_the_users_own_cache_is_a_warning_while_its_object_is_there() -> None:
    key = "clips/u1/vid-0001/silence_removed/3.mp4"
    there = world().clip("vid-0001", r2_key=key, thumbnail=False, size=None)
    there.more["heads"] = {key: HeadAnswer(ObjectInfo(key, 100, "e", OLD))}
    found = there.findings()["foreign_key"]
    assert (found.severity, found.disclosure) == ("warning", False)
    assert found.actual == "a key of the cache (silence removed), which expires"
    assert "not this customer's" not in found.detail


@pytest.mark.parametrize(("status", "disclosed"), [("completed", True), ("processing", True), ("failed", False)])
def test_what_the_product_does_not_deliver_discloses_nothing(status: str, disclosed: bool) -> None:
    key = "users/u10/vid-0001/clips/intro.MP4"
    links = (
        ShareLink("live12345678", "u1", "vid-0001", "vid-0001_1", NOW),
        ShareLink("ended1234567", "u1", "vid-0001", "vid-0001_1", NOW, disabled_at=NOW),
    )
    there = world().clip("vid-0001", r2_key=key, thumbnail=False, size=None, status=status, clip_id="vid-0001_1")
    there.more |= {"heads": {key: HeadAnswer(ObjectInfo(key, 100, "e", OLD))}, "links": links}
    found = there.findings()["foreign_key"]
    assert found.disclosure is disclosed
    assert ("disclosure" in found.as_dict()) is disclosed
    assert "u10" not in found.detail
    first = there.clip("vid-0001", "clip_01_2_gone_split", size=None, thumbnail=False).check().findings[0]
    assert (first.kind == "foreign_key") is disclosed, "before what is missing, which is graver by its kind alone"
    if disclosed:
        assert found.disclosed == {
            "shown_to": "u1",
            "owner": "u10",
            "since": OLD,
            "links": ["share_slugs/live12345678"],
        }


def test_a_thumbnail_key_of_another_user_is_foreign_too() -> None:
    other = "users/u10/vid-0001/clips/clip_01_1_hello_split.jpg"
    found = world().clip("vid-0001", thumbnail_r2_key=other).findings()
    assert found["foreign_key"].key == other


def test_a_key_of_the_other_known_layout_is_this_users() -> None:
    key = "u1/vid-0001/clips/clip_01_1_hello_split.mp4"
    there = world().clip("vid-0001", r2_key=key, thumbnail=False, size=None)
    info = ObjectInfo(key, 100, "e", OLD)
    thumbnail = ObjectInfo(thumbnail_of(key), 9, "e", OLD)
    there.more["heads"] = {key: HeadAnswer(info), thumbnail_of(key): HeadAnswer(thumbnail)}
    assert there.check().findings == ()
    there.more["heads"] = {key: head_absent(), thumbnail_of(key): head_absent()}
    assert set(there.findings()) == {"missing_object"}


def test_a_head_that_failed_is_unreadable_and_names_its_clip() -> None:
    key = "u1/vid-0001/clips/clip_01_1_hello_split.mp4"
    there = world().clip("vid-0001", r2_key=key, thumbnail=False, size=None)
    there.more["heads"] = {key: HeadAnswer(failure=Failure(key, "unreachable", "No answer."))}
    found = there.findings()
    assert set(found) == {"unreadable"}
    assert found["unreadable"].clip_id == "vid-0001_clip_01_1_hello_split"
    assert not there.check().complete
    assert not there.check().actionable


def test_two_documents_on_one_key_are_one_finding_and_one_document_twice_is_none() -> None:
    double = world().clip("vid-0001").clip("vid-0001", "clip_02_2_b_split", r2_key=KEY)
    finding = double.findings()["duplicate_key"]
    assert finding.key == KEY
    assert finding.actual == "2 documents"
    assert "vid-0001_clip_02_2_b_split" in finding.detail
    same = world().clip("vid-0001", thumbnail_r2_key=thumbnail_of(KEY))
    assert same.check().findings == ()


def test_a_clip_in_progress_is_stale_past_the_limit_and_in_flight_before_it() -> None:
    def at(age: timedelta) -> World:
        return world("processing").clip(
            "vid-0001", size=None, thumbnail=False, status="processing", updated_at=NOW - age
        )

    assert at(timedelta(minutes=14)).check().in_flight.clips == 1
    assert at(timedelta(minutes=14)).check().findings == ()
    assert at(timedelta(minutes=15)).findings()["stale_clip"].actual == "processing for 15 minutes"


def test_a_clip_in_progress_without_updated_at_is_judged_by_its_other_times() -> None:
    stale = world("processing").clip("vid-0001", size=None, thumbnail=False, status="processing", updated_at=None)
    assert "stale_clip" in stale.findings()
    young = world("processing").clip(
        "vid-0001", size=None, thumbnail=False, status="processing", updated_at=None, created_at=JUST_NOW
    )
    assert young.check().findings == ()
    timeless = world().clip(
        "vid-0001", size=None, thumbnail=False, status="processing", updated_at=None, created_at=None
    )
    assert "no usable time" in timeless.findings()["stale_clip"].detail


def test_a_time_in_the_future_does_not_keep_a_clip_young_for_ever() -> None:
    jumped = world("processing").clip(
        "vid-0001", size=None, thumbnail=False, status="processing", updated_at=NOW + timedelta(days=400)
    )
    assert jumped.findings()["stale_clip"].actual == "processing for 3 days"


def test_an_object_being_replaced_right_now_is_in_flight_and_not_of_another_size() -> None:
    replacing = world("processing").clip("vid-0001", size=99).object(KEY, 99, JUST_NOW)
    assert replacing.check().findings == ()
    assert replacing.check().in_flight.clips == 1
    settled = world("completed").clip("vid-0001", size=99).object(KEY, 99, JUST_NOW)
    assert "size_mismatch" in settled.findings()


@pytest.mark.parametrize("prefix", ["users/", "", "prod/media/"])
@pytest.mark.parametrize(
    "title", ["café", "cafe\u0301", "привет_мир", "a b", "a+b", "100%", "50%25", "no#1", "q?x&y", "=1+1", "naïve'\"<b>"]
)
def test_awkward_keys_are_compared_exactly_in_every_layout(prefix: str, title: str) -> None:
    name = f"clip_01_1_{title}_intelligent_split"
    intact = World(layout=Layout(prefix)).video("vid-0001").clip("vid-0001", name)
    assert intact.check().findings == ()
    gone = World(layout=Layout(prefix)).video("vid-0001").clip("vid-0001", name, size=None, thumbnail=False)
    assert gone.findings()["missing_object"].key == f"{prefix}u1/vid-0001/clips/{name}.mp4"


def test_composed_and_decomposed_accents_are_two_keys() -> None:
    folder = "users/u1/vid-0001/clips/"
    split = world().clip("vid-0001", "clip_01_1_cafe\u0301_split", size=None, thumbnail=False)
    split.object(f"{folder}clip_01_1_caf\u00e9_split.mp4")
    assert {finding.kind for finding in split.check().findings} == {"missing_object", "orphan_object"}


def test_a_key_in_the_users_folder_need_not_follow_the_grammar() -> None:
    assert world().clip("vid-0001", "Mon clip préféré #1").check().findings == ()


def test_a_refused_listing_makes_clips_unreadable_and_never_missing() -> None:
    refused = world().clip("vid-0001").clip("vid-0001", "clip_02_2_b_split")
    refused.objects.clear()
    refused.highlights.clear()
    refused.listing_error = denied()
    report = refused.check()
    assert set(report.summary) == {"unreadable"}
    assert report.unchecked == 2
    assert not report.complete
    assert report.failures[0].code == "access_denied"
    first = next(finding for finding in report.findings if finding.key == "users/u1/")
    assert first.expected == "2 clips to check"


def test_a_listing_cut_short_still_proves_what_it_shows_and_nothing_else() -> None:
    cut = world().clip("vid-0001", size=99).clip("vid-0001", "clip_02_2_b_split", size=None, thumbnail=False)
    cut.listing_error = denied()
    assert set(cut.check().summary) == {"size_mismatch", "unreadable"}


def test_a_refused_reading_of_documents_makes_no_orphans() -> None:
    refused = world().clip("vid-0001").object("users/u1/vid-0001/clips/clip_09_9_x_split.mp4")
    refused.clips_error = denied("the documents")
    assert set(refused.check().summary) == {"unreadable"}
