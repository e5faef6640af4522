"""Users that only the bucket knows are found by jumping from folder to folder, in either layout."""

from __future__ import annotations

from storage.actions.objects import ObjectWriter
from storage.repositories.objects import Objects
from storage.services.verify import bucket_uids, verify_strangers
from tests.contract.verify_world import Desk
from tests.rigs.firestore import EmbeddedFirestore
from tests.rigs.records import World, reads_of

CLIP = "vid-0001/clips/clip_01_1_left_split.mp4"


def test_what_a_purge_left_behind_is_found_and_known_users_and_phantoms_are_not_strangers(
    embedded: EmbeddedFirestore, writer: ObjectWriter, objects: Objects
) -> None:
    with World(embedded) as world:
        desk = Desk(world, writer, objects)
        desk.user()
        desk.video("vid-0001")
        desk.clip("vid-0001", 1)
        desk.clip("vid-0001", 1, "phantom")
        for uid in ("u10", "u1-x", "Ünï", "zz"):
            for number in range(3):
                desk.object(f"users/{uid}/{CLIP.replace('left', str(number))}")
        desk.object("users/loose.txt")
        desk.object("_ops/health/canary")
        assert set(bucket_uids(desk.checker)) == {"u1", "phantom", "u10", "u1-x", "Ünï", "zz"}
        found = {report.uid: report.summary for report in verify_strangers(desk.checker)}
        assert found == {uid: {"orphan_object": 3} for uid in ("u10", "u1-x", "Ünï", "zz")}
        assert [report.uid for report in verify_strangers(desk.checker, after="u10")] == ["zz", "Ünï"]


def test_without_a_prefix_the_shared_folders_are_nobodys(
    embedded: EmbeddedFirestore, writer: ObjectWriter, objects: Objects
) -> None:
    with World(embedded) as world:
        desk = Desk(world, writer, objects, prefix="")
        for key in (f"u7/{CLIP}", f"users/u1/{CLIP}", "sources/u1/v/source.mp4", "clips/u1/v/raw/a.mp4", "_ops/x/y"):
            desk.object(key)
        assert list(bucket_uids(desk.checker)) == ["u7"]


def test_an_empty_bucket_has_no_strangers_and_costs_no_document(
    embedded: EmbeddedFirestore, writer: ObjectWriter, objects: Objects
) -> None:
    with World(embedded) as world:
        desk = Desk(world, writer, objects)
        assert reads_of(lambda: list(verify_strangers(desk.checker))) == ([], 0)
