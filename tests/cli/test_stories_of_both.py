"""The product's stories over both kinds of Firestore, in both generations of the product and in a middle one.

One world for each serves the whole file; only the last test changes anything in it. Google's emulator holds the one in
the middle, whose highlights are read at both places: that it answers as ours does is what `tests/contract` proves.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest

from storage.actions.objects import ObjectWriter
from storage.cli.main import main
from storage.clients import r2
from storage.repositories.objects import Objects
from tests.cli.conftest import MEDIA, Answer, Desk
from tests.cli.test_generations import CUSTOMER, ENTRY, GENERATIONS, ILL, MUST, SERVED, Made, as_file, ill
from tests.rigs.firestore import FirestorePool, available_firestores
from tests.rigs.records import World, clip
from tests.rigs.seaweed import SeaweedRig

Run = Callable[..., Answer]
DRAFT, OF_DRAFT = "6f1c1f0e-1111-4222-8333-944445555666", "0d9e8c7b-aaaa-4bbb-8ccc-9dddeeeeffff"
MIB = 1024**2


def ago(**span: float) -> datetime:
    """A time from now, and not from the beginning of the run: that may be longer ago than a step's patience."""
    return datetime.now(UTC) - timedelta(**span)


def whole(made: Made, uid: str, name: str, **fields: Any) -> None:
    """A video with its highlights at the place that the product serves."""
    made.video(uid, name, **fields)
    if made.generation == "older":
        made.file(uid, name, as_file(ENTRY))
    else:
        made.document(uid, name, ENTRY)


def named(made: Made, uid: str, name: str, number: int, key: str, content: bytes | None = None, **fields: Any) -> None:
    """A clip at any key; without content only its document."""
    size = made.size if content is None else made.desk.put(key, content)
    told = {"created_at": ago(days=3), "updated_at": ago(days=3), "has_thumbnail": False, "duration_seconds": None}
    document = clip(name, number, **{**told, "r2_key": key, "file_size_bytes": size, **fields})
    made.desk.world.put({f"users/{uid}/videos/{name}/clips/{name}_{number}_split": document})


def disclosed(made: Made) -> None:
    """A clip that names an object of another customer, and a public link to it."""
    made.desk.world.put({"users/u3": made.counted("u3", 1)})
    whole(made, "u3", "vid-shown", clips_count=1, total_size_bytes=made.size, clips_by_style={"split": 1})
    named(made, "u3", "vid-shown", 1, made.key(CUSTOMER, "vid-0000", "clips/clip_01_1_scene_split.mp4"))
    link = {"user_id": "u3", "video_id": "vid-shown", "clip_id": "vid-shown_1_split", "created_at": ago(days=1)}
    made.desk.world.put({"share_slugs/shown1234567": link})


def drafted(made: Made) -> None:
    """A draft that was rendered, whose video nobody created, and a draft whose analysis stalled."""
    base = f"users/u4/analysis_drafts/{DRAFT}"
    draft = {"user_id": "u4", "scene_count": 1, "warning_count": 0, "video_title": "A talk", "created_at": ago(days=2)}
    scene = {"id": 1, "title": "One", "start": "00:00:01", "end": "00:00:31", "duration_secs": 30}
    charge = {"operation_type": "scene_processing", "credits_amount": 20, "timestamp": ago(days=1)}
    made.desk.world.put(
        {
            "users/u4": made.counted("u4", 1),
            base: {**draft, "id": DRAFT, "status": "completed", "updated_at": ago(days=2)},
            f"{base}/scenes/1": scene,
            "users/u4/analysis_drafts/stalled1": {
                **draft, "id": "stalled1", "status": "analyzing", "updated_at": ago(hours=2)
            },
            "users/u4/credit_transactions/t1": {**charge, "video_id": OF_DRAFT, "draft_id": DRAFT},
            f"users/u4/videos/{OF_DRAFT}": {"completed_clips": 1, "clips_count": 1, "updated_at": ago(hours=5)},
        }
    )  # fmt: skip
    key = made.key("u4", OF_DRAFT, "clips/clip_01_1_one_split.mp4")
    named(made, "u4", OF_DRAFT, 1, key, (MEDIA / "clip_a.mp4").read_bytes())


def opened(made: Made) -> None:
    """Clips that are a film, zeros, and a page; and one whose document alone has another size."""
    film = (MEDIA / "clip_a.mp4").read_bytes()
    made.desk.world.put({"users/u5": made.counted("u5", 3)})
    for name, contents in {"vid-look": [film, bytes(2_048), b"<html>no film</html>"], "vid-size": [film]}.items():
        whole(made, "u5", name)
        for number, content in enumerate(contents):
            key = made.key("u5", name, f"clips/clip_01_{number}_scene_split.mp4")
            told = {"file_size_bytes": 7} if name == "vid-size" else {}
            named(made, "u5", name, number, key, content, **told)


def counted(made: Made) -> None:
    """An account with dead counters, that is full for the worker; its tier is written in another case than its plan."""
    made.desk.world.put(
        {
            "users/u6": {**made.counted("u6", 0), "plan": "free", "plan_tier": "PRO", "total_storage_bytes": 123},
            "storage_accounting/u6": {"styled_clips_bytes": 0, "styled_clips_count": 0},
            "users/u7": {**made.counted("u7", 0), "plan": "free"},
            "storage_accounting/u7": {"styled_clips_bytes": 980 * MIB, "styled_clips_count": 0},
        }
    )


def shared(made: Made) -> None:
    """A shared clip that was deleted: its settings and its link are left, and one good clip."""
    made.desk.world.put({"users/u8": made.counted("u8", 1)})
    whole(made, "u8", "vid-share", clips_count=1, total_size_bytes=made.size, clips_by_style={"split": 1})
    made.clip("u8", "vid-share")
    gone = "users/u8/videos/vid-share/clips/vid-share_9_split"
    made.desk.world.put(
        {
            gone: clip("vid-share", 9),
            f"{gone}/shares/config": {"share_slug": "gone12345678", "access_level": "download"},
            "share_slugs/gone12345678": {"user_id": "u8", "video_id": "vid-share", "clip_id": "vid-share_9_split"},
        }
    )
    made.desk.world.client.document(gone).delete()


def legacy(made: Made) -> None:
    """Keys of every age: a source at its former place, a segment without silence, a Top Scenes clip."""
    made.desk.world.put({"users/u9": made.counted("u9", 1)})
    whole(made, "u9", "vid-keys", clips_count=1, total_size_bytes=made.size, clips_by_style={})
    for key in (made.key("u9", "vid-keys", "source.mp4"), "clips/u9/vid-keys/silence_removed/1.mp4"):
        made.desk.put(key, b"a cache")
    name = "top_3_scenes_a_talk_20260101_101010_streamer_top_scenes.mp4"
    film = (MEDIA / "clip_a.mp4").read_bytes()
    named(made, "u9", "vid-keys", 1, made.key("u9", "vid-keys", f"clips/{name}"), film, style="streamer_top_scenes")


# Minutes of silence, what the document says of the job, whether there are highlights, and the verdict.
AGES: dict[str, tuple[int, dict[str, Any], bool, str]] = {
    "age-analysis-young": (40, {}, False, "waiting"),
    "age-analysis-old": (50, {}, False, "analysis_stalled"),
    "age-render-young": (10, {"expected_clips": 2}, True, "rendering"),
    "age-render-old": (20, {"expected_clips": 2}, True, "render_stalled"),
    "age-top-young": (50, {}, True, "waiting"),
    "age-top-old": (70, {}, True, "status_stuck"),
    "age-no-status": (70, {"status": None}, True, "status_stuck"),
}


def aged(made: Made) -> None:
    made.desk.world.put({"users/v1": made.counted("v1", 0)})
    for name, (minutes, fields, highlights, _) in AGES.items():
        at = {"created_at": ago(days=1), "updated_at": ago(minutes=minutes), "completed_at": None}
        told = {"status": "processing", **at, **fields}
        if highlights:
            whole(made, "v1", name, **told)
        else:
            made.video("v1", name, **told)


def settings_of(rig: SeaweedRig, bucket: str, world: World) -> Mapping[str, str]:
    return {**rig.values(bucket), **world.values()}


WORLDS = [
    (kind, generation)
    for kind in available_firestores()
    for generation in GENERATIONS
    if kind == "embedded" or generation == "middle"
]


@pytest.fixture(scope="module", params=WORLDS, ids="-".join)
def told(request: pytest.FixtureRequest, firestores: FirestorePool, r2_rig: SeaweedRig) -> Iterator[Made]:
    """The customers of one deployment, found out from the well one before the others came."""
    kind, generation = request.param
    bucket = r2_rig.fresh_bucket()
    settings = r2_rig.settings(bucket)
    with pytest.MonkeyPatch.context() as patch, World(firestores.rig(kind)) as world:
        for name in list(os.environ):
            if name.startswith(("R2_", "FIREBASE_", "FIRESTORE_EMULATOR_HOST", "HIGHLIGHTS_SOURCE")):
                patch.delenv(name)
        for name, value in settings_of(r2_rig, bucket, world).items():
            patch.setenv(name, value)
        writer = ObjectWriter(r2.write_client(settings), bucket)
        desk = Desk(world, Objects(r2.read_client(settings), bucket), writer, bucket, _unused)
        made = Made(desk, generation, patch)
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            assert main(["diagnose", CUSTOMER, "vid-0000"]) == 0
        for story in (ill, disclosed, drafted, opened, counted, shared, legacy, aged):
            story(made)
        yield made


def _unused(*_: str) -> Answer:
    raise AssertionError("a test of this file runs commands by its own fixture")


def test_a_well_account_exits_0_without_a_warning(told: Made, run: Run) -> None:
    for question in (("usage", CUSTOMER), ("verify", CUSTOMER), ("purge", "plan", CUSTOMER), ("recount", CUSTOMER)):
        answer = run(*question, "--json")
        warnings = [said for said in answer.json.get("warnings", []) if "less than an hour old" not in said]  # as here
        assert (answer.status, answer.json.get("findings", []), warnings) == (0, [], []), (question, answer.json)
    for number in range(3):
        found = run("diagnose", CUSTOMER, f"vid-000{number}", "--json")
        assert (found.status, found.json["verdict"], found.json["severity"]) == (0, "healthy", "info"), found.json
        assert [line for line in found.json["evidence"] if line["ok"] is False] == []
        assert found.json["deployment"]["highlights_source"] == SERVED[told.generation]


def test_highlights_have_the_verdict_of_their_generation(told: Made, run: Run) -> None:
    findings = run("verify", ILL, "--json").json["findings"]
    for name, expected in MUST.items():
        verdict, processing, kind, step = expected[told.generation]
        found = run("diagnose", ILL, name, "--json").json
        assert found["verdict"] == verdict, (name, found["summary"])
        if name != "at-work-with-empty-document":
            assert ("still being processed" in found["customer_sees"]) is processing, (name, found["customer_sees"])
        assert [one["kind"] for one in findings if one["video_id"] == name] == ([kind] if kind else []), name
        steps = [one["id"] for one in found["actions"] if "highlights" in one["id"]]
        assert steps == ([step] if step else []), name


def test_a_draft_and_the_video_that_nobody_created_are_found_and_told(told: Made, run: Run) -> None:
    matches = run("find", DRAFT, "--json").json["matches"]
    assert [(one["type"], one["video_id"]) for one in matches] == [("draft", None), ("video", OF_DRAFT)]
    video = run("diagnose", "u4", OF_DRAFT, "--json")
    assert (video.status, video.json["verdict"]) == (1, "record_incomplete")
    assert "rebuild_record" in [step["id"] for step in video.json["actions"]]
    assert run("diagnose", "u4", DRAFT, "--json").status == 0
    stalled = run("diagnose", "u4", "stalled1", "--json")
    assert (stalled.status, stalled.json["verdict"]) == (1, "analysis_stalled")
    plan = run("purge", "plan", "u4", "--json").json
    assert f"users/u4/analysis_drafts/{DRAFT}/scenes/1" in [
        one["path"] if isinstance(one, dict) else one for one in plan["documents"]
    ]
    assert not any("draft" in line for line in plan["blocked"])


def test_clips_are_looked_into_and_a_wrong_size_is_the_documents_fault(told: Made, run: Run) -> None:
    found = run("diagnose", "u5", "vid-look", "--json")
    assert (found.status, found.json["verdict"]) == (1, "clips_missing")
    assert "1 clip that plays; 2 that do not" in found.json["customer_sees"]
    kinds = [one["kind"] for one in run("verify", "u5", "vid-look", "--json").json["findings"]]
    assert kinds == ["not_media", "not_media"]
    size = run("diagnose", "u5", "vid-size", "--json").json
    assert [(step["id"], "--sizes" in step["command"]) for step in size["actions"]][-1:] == [("recount", True)]
    assert run("recount", "u5", "--sizes", "--json").json["sizes"][0]["before"] == 7


def test_dead_counters_and_the_workers_tier_and_limit_are_told(told: Made, run: Run) -> None:
    answer = run("usage", "u6", "--json")
    dead = {row["name"] for row in answer.json["counters"] if row.get("dead")}
    assert (answer.status, dead) == (0, {"user.total_storage_bytes", "user.total_clips_count"})
    assert (answer.json["worker"]["tier"], answer.json["worker"]["limit_bytes"]) == ("pro", 30 * 1024 * MIB)
    assert answer.json["storage"]["limit_bytes"] == 1024 * MIB
    assert (run("recount", "u6", "--json").status, run("usage", "u7", "--json").json["worker"]["refuses"]) == (0, True)


def test_what_is_left_of_a_deleted_shared_clip_is_no_clip(told: Made, run: Run) -> None:
    assert run("usage", "u8", "--json").json["unsized_clips"] == 0
    answer = run("verify", "u8", "vid-share", "--json")
    assert (answer.status, answer.json["checked"]["clips"]) == (0, 1)
    assert {one["severity"] for one in answer.json["findings"]} <= {"info"}
    assert run("diagnose", "u8", "vid-share", "--json").json["verdict"] == "healthy"
    assert run("find", "https://viralclipai.io/c/gone12345678", "--json").json["matches"]
    plan = run("purge", "plan", "u8", "--json").json
    assert "share_slugs/gone12345678" in str(plan["documents"])
    assert not any("share link" in line for line in plan["warnings"])


def test_keys_of_every_age_are_read(told: Made, run: Run) -> None:
    answer = run("verify", "u9", "--json")
    assert (answer.status, answer.json["findings"]) == (0, [])
    assert run("url", "u9", "vid-keys", "vid-keys_1_split", "--json").status == 0
    taken = str(run("purge", "plan", "u9", "--json").json["objects"])
    assert "silence_removed/1.mp4" in taken
    assert "vid-keys/source.mp4" in taken


def test_each_step_has_its_own_patience_and_a_video_without_a_status_is_in_the_list(told: Made, run: Run) -> None:
    for name, (_, _, _, verdict) in AGES.items():
        assert run("diagnose", "v1", name, "--json").json["verdict"] == verdict, name
    listed = run("diagnose", "--stuck", "--json").json
    of_ages = {one["video_id"] for one in listed["videos"] if one["uid"] == "v1"}
    assert of_ages == {name for name, (*_, verdict) in AGES.items() if verdict not in {"waiting", "rendering"}}
    assert [one["draft_id"] for one in listed["drafts"]] == ["stalled1"]
    assert listed["complete"] is True


def test_a_disclosure_is_told_ended_and_holds_up_no_purge(told: Made, run: Run) -> None:
    found = run("diagnose", "u3", "vid-shown", "--json")
    assert (found.status, found.json["verdict"]) == (1, "disclosure")
    assert CUSTOMER not in found.json["reply"]
    (finding,) = [one for one in run("verify", "u3", "--json").json["findings"] if one["kind"] == "foreign_key"]
    assert (finding["disclosure"]["owner"], finding["disclosure"]["links"]) == (CUSTOMER, ["share_slugs/shown1234567"])
    assert run("url", "u3", "vid-shown", "vid-shown_1_split", "--json").status == 4
    assert run("purge", "plan", "u3", "--json").json["blocked"]
    who = ("--actor", "ann@example.com", "--reason", "ticket 4711")
    assert run("end-disclosure", "u3", "vid-shown", "--apply", *who, "--json").status == 0
    assert run("diagnose", "u3", "vid-shown", "--json").json["verdict"] != "disclosure"
    assert run("purge", "plan", "u3", "--json").json["blocked"] == []
    assert run("diagnose", CUSTOMER, "vid-0000", "--json").json["verdict"] == "healthy", "the owner keeps the clip"
