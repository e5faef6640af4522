"""Clips are looked into by ranged reads: what is said of each, what that takes on the wire, and when no answer came."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from storage.actions.objects import ObjectWriter
from storage.clients.meter import metering
from storage.domain.integrity import Report, Sample
from storage.repositories.objects import Objects
from storage.services import diagnose as diagnosing
from storage.services.diagnose import LOOKING, Case, Reach, diagnose, looked_into, stuck
from storage.services.fleet_scan import verify_all
from storage.services.verify import ReadScope, verify_user
from tests.contract.verify_world import CLIP, PICTURE, Desk
from tests.rigs import clips
from tests.rigs.firestore import EmbeddedFirestore
from tests.rigs.http_faults import Answer, FaultProxy, Meanwhile, Reset
from tests.rigs.records import World

EVERY = {**clips.sound(), **clips.short(), **clips.cut(), **clips.others(), **clips.of_other_players()}
SCENES = {name: scene for scene, name in enumerate(EVERY, start=1)}


@pytest.fixture
def desk(embedded: EmbeddedFirestore, writer: ObjectWriter, objects: Objects) -> Iterator[Desk]:
    """User u1 with one video, over our own Firestore and a bucket."""
    with World(embedded) as world:
        made = Desk(world, writer, objects)
        made.user()
        made.video("vid-0001")
        yield made


def put(desk: Desk, scene: int, content: bytes, *, thumbnail: bytes = PICTURE, **fields: Any) -> str:
    """A clip whose document has the size of its object, and no length."""
    told = {"file_size_bytes": len(content), "duration_seconds": None}
    return desk.clip("vid-0001", scene, content=content, thumbnail=thumbnail, **{**told, **fields})


def kinds(report: Report) -> dict[str, set[str]]:
    """Finding kinds by key."""
    found: dict[str, set[str]] = {}
    for finding in report.findings:
        found.setdefault(finding.key or "", set()).add(finding.kind)
    return found


def ill(desk: Desk, objects: Objects | None = None) -> Case:
    checker = desk.checker if objects is None else desk.over(objects)
    return diagnose(checker, "u1", "vid-0001", scope=LOOKING)


def test_what_is_said_of_every_clip_and_what_it_takes_on_the_wire(
    desk: Desk, far_objects: Objects, proxy: FaultProxy
) -> None:
    assert len(EVERY) >= 60
    keys = {name: put(desk, SCENES[name], content) for name, content in EVERY.items()}
    report = verify_user(desk.over(far_objects), "u1", "vid-0001")
    found = kinds(report)
    said = {name: found.get(keys[name], set()) - {"no_audio_track"} for name in EVERY}
    assert {name for name, kind in said.items() if not kind} == set(clips.sound())
    cut = {*clips.cut(), *clips.short(), "H.264 without its parameters"}
    assert {name for name, kind in said.items() if kind == {"truncated_media"}} == cut
    other = ({*clips.others()} | {*clips.of_other_players()}) - cut
    assert {name for name, kind in said.items() if kind == {"not_media"}} == other
    sent = {path: count for path, count in proxy.sent.items() if path.endswith((".mp4", ".jpg"))}
    assert len(sent) == 2 * len(EVERY)
    assert max(sent.values()) <= 64 * 1024
    assert report.looked_into is not None
    looked = report.looked_into
    assert (looked.clips, looked.thumbnails, looked.not_looked_at) == (len(EVERY), len(EVERY), 0)
    assert report.looked_into.bytes == sum(sent.values())
    asked = proxy.count("GET", path=r"\.(mp4|jpg)$")
    assert report.cost["r2_class_b"] == asked + 1  # and the highlights
    assert asked <= 2 * len(EVERY) + 10


def test_only_one_video_is_looked_into_unasked_and_a_sample_is_always_the_same(desk: Desk) -> None:
    for scene in range(20):
        put(desk, scene, b"no film at all")
    assert verify_user(desk.checker, "u1").findings == ()
    assert verify_user(desk.checker, "u1").looked_into is None
    got = verify_user(desk.checker, "u1", "vid-0001").summary
    assert got == {"not_media": 20}, got
    some = ReadScope(sample=Sample(40.0))
    one, other = (verify_user(desk.checker, "u1", scope=some) for _ in range(2))
    assert 0 < len(one.findings) < 20
    assert [finding.key for finding in one.findings] == [finding.key for finding in other.findings]
    assert next(iter(verify_all(desk.checker, scope=some))).summary == one.summary


def test_what_was_seen_is_remembered_by_its_etag(desk: Desk, far_objects: Objects, proxy: FaultProxy) -> None:
    key = put(desk, 1, CLIP)
    checker = desk.over(far_objects)
    for _ in range(3):
        report = verify_user(checker, "u1", "vid-0001")
    assert proxy.count("GET", path=r"\.mp4$") == 1
    assert report.looked_into is not None
    assert (report.looked_into.clips, report.looked_into.bytes) == (1, 0)
    desk.object(key, bytes(len(CLIP)))
    assert "not_media" in verify_user(checker, "u1", "vid-0001").summary


@pytest.mark.parametrize(
    ("content", "told", "words", "right", "steps"),
    [
        (clips.film(2_000), 1_000, "The object is right", "object", ["check_again", "recount"]),
        (clips.film(2_000)[:1_500], 2_000, "as the document says", "document", ["replace_clip"]),
        (clips.film(2_000)[:1_500], 9_000, "neither size is right", "neither", ["replace_clip"]),
        (clips.film(1_000) + b"\xff" * 500, 1_000, "The document is right", "document", ["replace_clip"]),
        (bytes(1_500), 1_000, "no clip", None, ["replace_clip"]),
    ],
)
def test_which_of_two_sizes_is_right(
    desk: Desk, content: bytes, told: int, words: str, right: str | None, steps: list[str]
) -> None:
    put(desk, 1, content, file_size_bytes=told)
    report = verify_user(desk.checker, "u1", "vid-0001")
    [finding] = [finding for finding in report.findings if finding.kind == "size_mismatch"]
    assert words in finding.detail
    assert finding.as_dict().get("right") == right
    advised = {step.id: step for step in ill(desk).diagnosis.actions}
    if right == "object":
        assert list(advised) == steps, "nothing need be made or replaced"
        assert advised["recount"].command.startswith("python -m storage recount u1 --sizes --apply ")
    else:
        assert set(advised) >= set(steps)
        assert "--sizes" not in str(advised)
    [unseen] = verify_user(desk.checker, "u1").findings
    assert "right" not in unseen.detail


def test_length_sound_content_type_and_thumbnail(desk: Desk) -> None:
    put(desk, 1, clips.film(seconds=30), duration_seconds=31.5)
    long = put(desk, 2, clips.film(seconds=30), duration_seconds=60.0)
    put(desk, 3, clips.film(seconds=30), duration_seconds=60.0, raw_r2_key="clips/u1/vid-0001/silence_removed/3.mp4")
    mute = put(desk, 4, clips.film(sound=False))
    page = put(desk, 5, CLIP)
    desk.writer._client.call("put_object", page, Key=page, Body=CLIP, ContentType="text/html")
    bad = put(desk, 6, CLIP, thumbnail=b"<html>no picture</html>")
    report = verify_user(desk.checker, "u1", "vid-0001")
    assert kinds(report) == {
        long: {"duration_mismatch"},
        mute: {"no_audio_track"},
        page: {"wrong_content_type"},
        bad.replace(".mp4", ".jpg"): {"not_media"},
    }
    assert {finding.kind: finding.severity for finding in report.findings} == {
        "duration_mismatch": "warning", "no_audio_track": "info", "wrong_content_type": "warning", "not_media": "error",
    }  # fmt: skip
    assert ill(desk).diagnosis.verdict == "healthy"


@pytest.mark.parametrize(
    "fault", [Answer(403, "AccessDenied"), Answer(503, "ServiceUnavailable"), Reset(after_bytes=100), Reset()], ids=str
)
def test_a_clip_that_could_not_be_looked_at_is_said_to_be_that(
    desk: Desk, far_objects: Objects, proxy: FaultProxy, fault: Answer | Reset
) -> None:
    key = put(desk, 1, CLIP, scene_title="The silent one")
    put(desk, 2, CLIP)
    proxy.on(fault, method="GET", path=r"clip_01_1_.*\.mp4$")
    report = verify_user(desk.over(far_objects), "u1", "vid-0001")
    assert [(f.kind, f.key, f.clip_id) for f in report.findings] == [("unreadable", key, "vid-0001_1_split")]
    assert not report.complete
    assert report.looked_into is not None
    assert (report.looked_into.clips, report.looked_into.not_looked_at) == (1, 1)
    found = ill(desk, far_objects).diagnosis
    assert found.verdict == "healthy"
    assert found.severity == "warning"
    assert "1 clip that plays; 1 that was not checked" in found.customer_sees
    [seen] = [item for item in found.evidence if item.check == "clip_contents"]
    assert seen.ok is None
    proxy.on(fault, method="GET", path=r"clip_01_2_.*\.mp4$")
    desk.checker.looks.looks.clear()
    found = ill(desk, far_objects).diagnosis
    assert found.verdict == "access_denied"
    assert "play" not in found.customer_sees


def test_an_object_that_changes_meanwhile_was_not_looked_at(
    desk: Desk, far_objects: Objects, proxy: FaultProxy
) -> None:
    key = put(desk, 1, CLIP)
    proxy.on(Meanwhile(lambda: desk.object(key, b"another")), method="GET", path=r"\.mp4$", only={1})
    report = verify_user(desk.over(far_objects), "u1", "vid-0001")
    assert report.summary == {"unreadable": 1}, report.findings
    assert "changed while" in report.findings[0].detail
    assert report.findings[0].actual == "stale"


def test_a_clip_that_does_not_play_is_named_to_the_customer_by_title_and_style(desk: Desk) -> None:
    put(desk, 1, CLIP)
    put(desk, 2, bytes(2_048), scene_title="The opening", style="intelligent_split")
    put(desk, 3, clips.PAGE.ljust(2_048), scene_title="")
    found = ill(desk).diagnosis
    assert found.verdict == "clips_missing"
    assert "2 files of another type" in found.summary
    assert "1 clip that plays; 2 that do not" in found.customer_sees
    assert "“The opening” (intelligent split), one without a title (split)" in found.reply
    [seen] = [item for item in found.evidence if item.check == "clip_contents"]
    assert seen.ok is False
    assert "zeros" in seen.observed
    assert "HTML" in seen.observed


def test_a_clip_of_another_size_that_plays_alarms_nobody(desk: Desk) -> None:
    put(desk, 1, clips.film(2_000), file_size_bytes=1_000)
    found = ill(desk).diagnosis
    assert found.verdict == "clips_missing"
    assert "1 clip that plays" in found.customer_sees
    assert "cannot be played" not in found.reply
    assert "in place and play" in found.reply


def test_where_nobody_looked_nothing_is_said_to_play(desk: Desk) -> None:
    put(desk, 1, bytes(2_048))
    case = diagnose(desk.checker, "u1", "vid-0001")
    assert case.diagnosis.verdict == "healthy"
    assert "whether it plays was not checked" in case.diagnosis.customer_sees
    with metering() as meter:
        after = looked_into(desk.checker, case, Sample(thumbnails=False, clips=24))
    assert after.diagnosis.verdict == "clips_missing"
    assert (meter.cost().r2_class_b, meter.cost().r2_class_a, meter.cost().firestore_reads) == (1, 0, 0)


def test_so_many_and_no_more_are_looked_into(desk: Desk) -> None:
    for scene in range(30):
        put(desk, scene, CLIP)
    case = looked_into(desk.checker, diagnose(desk.checker, "u1", "vid-0001"), Sample(thumbnails=False, clips=24))
    assert case.diagnosis.verdict == "healthy"
    assert "24 clips that play; 6 that were not checked" in case.diagnosis.customer_sees
    assert case.cost["r2_class_b"] == 24


def test_the_list_of_stuck_videos_looks_into_clips_before_it_says_that_every_one_is_there(
    desk: Desk, far_objects: Objects, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims = {"status": "processing", "expected_clips": 1, "updated_at": desk.ago(hours=3), "completed_at": None}
    contents = {"vid-plays": CLIP, "vid-zeros": bytes(len(CLIP)), "vid-apart": CLIP}
    for video_id, content in contents.items():
        desk.video(video_id, **claims)
        desk.clip(video_id, 1, content=content, file_size_bytes=len(content), duration_seconds=None)
    proxy.on(Answer(403, "AccessDenied"), method="GET", path=r"vid-apart/clips/.*mp4")
    found = stuck(desk.over(far_objects), Reach(delivered=0))
    listed = {video.diagnosis.video_id: video.diagnosis for video in found.videos}
    assert {name: one.verdict for name, one in listed.items()} == {
        "vid-plays": "status_stuck",
        "vid-zeros": "render_stalled",
        "vid-apart": "access_denied",
    }
    advised = {name: [step.id for step in one.actions if step.id == "set_completed"] for name, one in listed.items()}
    assert advised == {"vid-plays": ["set_completed"], "vid-zeros": [], "vid-apart": []}
    (step,) = [step for step in listed["vid-plays"].actions if step.id == "set_completed"]
    assert step.because.endswith("1 of 1 clip plays.")
    assert proxy.count("GET", path=r"\.mp4$") == 3
    assert found.cost["r2_class_b"] <= 3 + 3, "and the highlights"
    monkeypatch.setattr(diagnosing, "MOST_LOOKED", 0)
    unasked = stuck(desk.over(far_objects), Reach(delivered=0))
    assert "1 video whose clips are all there: not looked into" in " ".join(unasked.notes), "the others are remembered"
    (apart,) = [video.diagnosis for video in unasked.videos if video.diagnosis.video_id == "vid-apart"]
    assert [step.because for step in apart.actions if step.id == "set_completed"] == [
        "Every expected clip (1) is there and intact, and the highlights exist. They were not looked into."
    ]
