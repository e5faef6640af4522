"""A scan of all customers against `verify UID` of each: the same reports, whatever there is and wherever pages end."""

from __future__ import annotations

import json
import pickle
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from storage.actions.objects import ObjectWriter
from storage.domain.integrity import Checked, Report, Sample
from storage.domain.layout import thumbnail_of
from storage.domain.ranges import Range
from storage.errors import NotFound
from storage.ids import firestore_order
from storage.repositories import object_listing, ranges
from storage.repositories.objects import Objects
from storage.services import fleet_scan, range_join
from storage.services.controls import Kept
from storage.services.fleet_scan import Pace, scan_range, verify_all
from storage.services.verify import WHOLE, ReadScope, verify_user
from tests.contract.verify_world import CLIP, HIGHLIGHTS, PICTURE, Desk
from tests.rigs import clips, records
from tests.rigs.firestore import EmbeddedFirestore, FirestoreRig, available_firestores
from tests.rigs.http_faults import Answer, FaultProxy
from tests.rigs.records import World

UIDS = ("a", "a-b", "a.b", "a b", "ab", "u1", "u10", "__id7__", "__id-3__", "é", "日本", "Zz", "users-x", "=1+1")
ODD_TIMES = HIGHLIGHTS.replace(b"00:00:31", b"00:00:00")
OBJECTS = {"whole": CLIP, "empty": b"", "short": CLIP[:-1], "page": clips.PAGE}


class Chance:
    """Makes one customer after the other, each with faults of its own."""

    def __init__(self, seed: int, desk: Desk) -> None:
        self.of = random.Random(seed)
        self.desk = desk
        self.documents: dict[str, dict[str, Any]] = {}
        self.objects: dict[str, bytes] = {}

    def often(self, share: float) -> bool:
        return self.of.random() < share

    def customer(self, uid: str) -> None:
        """One customer: mostly well, with some of everything that can be wrong."""
        well = self.often(0.4)
        if well or self.often(0.8):
            self.documents[f"users/{uid}"] = records.user(uid)
        elif self.often(0.3):
            self.documents[f"users/{uid}/credit_transactions/t"] = {"timestamp": self.desk.ago(days=3)}
        for video in range(self.of.randrange(4)):
            self.video(uid, f"vid-{video:04}", well)
        if not well and self.often(0.3):
            self.documents[f"share_slugs/slug-{uid}"] = {
                "user_id": uid, "video_id": "vid-0000", "clip_id": f"vid-0000_{self.of.randrange(3)}_split",
            }  # fmt: skip
        if self.often(0.5):
            self.objects[f"users/{uid}/transcripts/t.txt.gz"] = b"text"
            self.objects[f"sources/{uid}/vid-0000/source.mp4"] = b"source"

    def video(self, uid: str, video_id: str, well: bool) -> None:
        path, home = f"users/{uid}/videos/{video_id}", self.of.choice(("users/", "users/", ""))
        status = (
            "completed" if well else self.of.choice(("completed", " Analyzed", "processing", "failed", None, "odd"))
        )
        fields = records.video(
            video_id, status=status, created_at=self.desk.ago(days=9), updated_at=self.desk.ago(days=9)
        )
        if not well and self.often(0.2):
            fields["created_at"] = self.of.choice((None, "2026-03-01T12:00:00Z", 5))
        if not well and self.often(0.2):
            fields["highlights_json_key"] = self.of.choice((f"users/{uid}/x.json", "users/other/v/highlights.json"))
        if well or self.often(0.85):
            self.documents[path] = fields
        highlights = HIGHLIGHTS if well else self.of.choice((HIGHLIGHTS, ODD_TIMES, b"nonsense", b"", b"[]", None))
        if highlights is not None:
            self.objects[f"{home}{uid}/{video_id}/highlights.json"] = highlights
        if well or self.often(0.7):
            entries = (
                [{"id": 1, "title": "One", "start": "00:00:01", "end": "00:00:31"}] if well or self.often(0.8) else []
            )
            self.documents[f"{path}/highlights/main"] = {"highlights": entries, "video_id": video_id}
        for scene in range(self.of.randrange(4)):
            self.clip(uid, video_id, scene, home, well)
        if not well and self.often(0.2):
            self.objects[f"{home}{uid}/{video_id}/clips/clip_09_9_left_split.mp4"] = CLIP
        if not well and self.often(0.2):
            self.documents[f"{path}/clips/{video_id}_8_split/shares/config"] = {"share_slug": "gone"}

    def clip(self, uid: str, video_id: str, scene: int, home: str, well: bool) -> None:
        key = f"{home}{uid}/{video_id}/clips/clip_01_{scene}_scene_split.mp4"
        kind, picture = ("whole", True) if well else (self.of.choice((*OBJECTS, None)), self.often(0.7))
        fields = records.clip(
            video_id, scene, r2_key=key, file_size_bytes=len(CLIP), updated_at=self.desk.ago(days=8), style="split"
        )
        if not well and self.often(0.5):
            first, others = (
                f"{home}{uid}/{video_id}/clips/clip_01_0_scene_split.mp4",
                "users/other/v/clips/clip_01_1_x_split.mp4",
            )
            pictures = (f"{home}{uid}/{video_id}/pic.jpg", thumbnail_of(key), "users/other/p.jpg")
            other = {
                "r2_key": self.of.choice((None, "", others, f"elsewhere/{uid}.mp4", first, f"clips/{uid}/v/raw/1.mp4")),
                "status": self.of.choice(("processing", "failed", None, "Completed ")),
                "file_size_bytes": self.of.choice((None, 7, float(len(CLIP)))),
                "has_thumbnail": self.of.choice((None, False, "yes")),
                "thumbnail_r2_key": self.of.choice(pictures),
                "updated_at": self.of.choice((self.desk.now, None)),
            }  # fmt: skip
            names = self.of.sample(sorted(other), self.of.randrange(1, 3))
            fields |= {name: other[name] for name in names}
        self.documents[f"users/{uid}/videos/{video_id}/clips/{video_id}_{scene}_split"] = fields
        if kind is not None:
            self.objects[key] = OBJECTS[kind]
        if picture:
            self.objects[thumbnail_of(key)] = PICTURE

    def fill(self) -> None:
        """Puts everything into the stores."""
        self.desk.world.put(self.documents)
        for content in set(self.objects.values()):
            self.desk.objects([key for key, body in self.objects.items() if body == content], content)


def told(report: Report) -> dict[str, Any]:
    """Everything that a report says, but for costs and for the numbers of controls, which depend on who came before."""
    found = report.as_dict()
    doubted = found.pop("implausible") is not None
    looked = found["looked_into"]
    for name in ("cost", "controls", "deployment", "looked_into"):
        found.pop(name)
    return {
        **found,
        "doubted": doubted, "looked": looked and (looked["clips"], looked["thumbnails"], looked["not_looked_at"]),
        "claims": report.claims, "claimed": report.claimed, "wants": report.wants_controls, "stranger": report.stranger,
        "links": report.links, "disclosures": [found.disclosed for found in report.findings if found.disclosure],
        "wrong": report.wrong,
    }  # fmt: skip


@pytest.fixture
def short_pages(monkeypatch: pytest.MonkeyPatch) -> Pace:
    """Pages, parts and chunks so short that they end everywhere."""
    monkeypatch.setattr(ranges, "PAGE", 5)
    monkeypatch.setattr(object_listing, "PAGE_KEYS", 6)
    monkeypatch.setattr(range_join, "MAX_KEYS", 9)
    monkeypatch.setattr(fleet_scan, "CHUNKS", (1, 2))
    return Pace(users=3, chunks=3)


# Every world on our Firestore, and one that is read in all ways on Google's emulator too.
SEEDS: tuple[tuple[int, Any, str, float | None], ...] = (
    (1, "object", "users/", None),
    (2, "document", "users/", None),
    (3, "mixed", "", None),
    (4, "object", "", 50.0),
)
WORLDS = [("embedded", *seed) for seed in SEEDS] + [
    (kind, *SEEDS[1]) for kind in available_firestores() if kind != "embedded"
]


@pytest.mark.parametrize(("firestore_rig", "seed", "served", "prefix", "sample"), WORLDS, indirect=["firestore_rig"])
def test_a_scan_says_of_each_customer_what_a_check_of_that_customer_alone_says(
    firestore_rig: FirestoreRig,
    writer: ObjectWriter,
    objects: Objects,
    short_pages: Pace,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
    served: Any,
    prefix: str,
    sample: float | None,
) -> None:
    with World(firestore_rig) as world:
        desk = Desk(world, writer, objects, prefix, served)
        made = Chance(seed, desk)
        for uid in UIDS:
            made.customer(uid)
        for uid in ("nobody", "a-nobody"):
            made.objects[f"users/{uid}/vid-0001/clips/clip_01_1_left_split.mp4"] = CLIP
        made.fill()
        scope = replace(WHOLE, sample=None if sample is None else Sample(sample))
        scanned = list(verify_all(desk.checker, scope=scope, pace=short_pages))
        monkeypatch.setattr(range_join, "FEW_NAMES", 0)  # everything is read by ranges
        whole = list(verify_all(desk.checker, scope=scope))

        known = {path.split("/")[1] for path in made.documents if path.startswith("users/")}
        wanted = {uid: alone(desk, uid, scope) for uid in known}
        found = {report.uid: told(report) for report in scanned}
        assert [report.uid for report in scanned] == sorted(found, key=firestore_order)
        assert {report.uid: told(report) for report in whole} == found
        assert found == {uid: told(report) for uid, report in wanted.items() if report is not None}
        assert {kind for report in scanned for kind in report.summary} >= {"missing_object"}


def alone(desk: Desk, uid: str, scope: ReadScope) -> Report | None:
    try:
        return verify_user(replace(desk.checker, kept=Kept()), uid, scope=scope)
    except NotFound:
        return None


@pytest.fixture
def customers(embedded: EmbeddedFirestore, writer: ObjectWriter, objects: Objects) -> Iterator[Desk]:
    """Twelve customers who are well, with highlights in documents, and one whose clip is missing."""
    with World(embedded) as world:
        desk = Desk(world, writer, objects, served="document")
        for number in range(13):
            uid = f"{number:02}customer"
            desk.user(uid)
            desk.video("vid-0001", uid, highlights=None)
            desk.put(f"users/{uid}/videos/vid-0001/highlights/main", json.loads(HIGHLIGHTS))
            desk.clip("vid-0001", 1, uid, content=None if number == 7 else CLIP)
        yield desk


def test_a_customer_costs_no_request_of_its_own(
    customers: Desk, far_objects: Objects, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet_scan, "CHUNKS", ())
    desk = customers
    desk.world.faults.clear()
    well = list(verify_all(desk.over(far_objects), span=Range("", "07")))
    assert [len(report.findings) for report in well] == [0] * 7
    assert desk.world.faults.calls["RunQuery"] == 6  # users, four collection groups, and the links
    assert proxy.count("GET") == 5  # the top, both folders of caches, unfinished uploads, and the customers' keys
    assert (
        sum(report.cost.get("firestore_reads", 0) for report in well) == 7 * 4 + 2
    )  # and one each for no share and no link


def test_what_is_seldom_is_read_once_and_names_of_users_for_many_ranges(
    customers: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet_scan, "CHUNKS", ())
    customers.world.faults.clear()
    assert len(list(verify_all(customers.checker, pace=Pace(users=3, chunks=3)))) == 13
    # Five ranges: videos, clips and highlights of each; users in two, shares and links once.
    assert customers.world.faults.calls["RunQuery"] == 5 * 3 + 2 + 1 + 1


def test_a_range_travels_and_its_parts_add_up_to_the_whole(customers: Desk) -> None:
    whole = scan_range(customers.checker, Range())
    spans = (Range("", "05c"), Range("05c", "09"), Range("09", ""))
    parts = [scan_range(customers.checker, pickle.loads(pickle.dumps(span))) for span in spans]
    assert pickle.loads(pickle.dumps(whole)) == whole
    assert all(report.complete for report in whole.reports)
    found = [finding for report in whole.reports for finding in report.findings]
    assert [finding.kind for finding in found] == ["missing_object"]
    assert [finding for part in parts for report in part.reports for finding in report.findings] == found
    sums = [sum((report.checked for report in part.reports), Checked()) for part in parts]
    assert sum(sums, Checked()) == sum((report.checked for report in whole.reports), Checked())
    assert [one.users for one in sums] == [5, 4, 4]
    assert sum(report.claimed for part in parts for report in part.reports) == 13


def test_customers_of_a_listing_that_breaks_off_are_asked_for_alone_and_nothing_of_theirs_is_missing(
    customers: Desk, far_objects: Objects, proxy: FaultProxy
) -> None:
    wanted = [told(report) for report in verify_all(customers.checker)]
    proxy.on(Answer(503, "SlowDown"), query="prefix=users%2F&")  # every listing by ranges, and no customer's own
    assert [told(report) for report in verify_all(customers.over(far_objects))] == wanted
    proxy.on(Answer(503, "SlowDown"), query="list-type=2")
    found = list(verify_all(customers.over(far_objects)))
    assert {kind for report in found for kind in report.summary} == {"unreadable"}
    assert not any(report.complete for report in found)
