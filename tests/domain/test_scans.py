"""Kept scans as pure rules: what a chain of scans knows is exact, whatever each of them looked at."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.domain.integrity import KINDS, OF_CONTENTS
from storage.domain.ranges import Range, shard_range
from storage.domain.scans.comparison import diff, findings_of, repeat_offenders
from storage.domain.scans.coverage import Coverage, ScanRange, joined
from storage.domain.scans.harm import HARMS, harm_of
from storage.domain.scans.kept import (
    Comparison,
    KeptScan,
    ScanOutcome,
    compare,
    expired,
    frame_of,
    head_fields,
    head_from,
    head_of,
    identities,
    known_after,
)
from storage.errors import Unusable

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ORDER = ["__id7__", "0a", "Ka", "Kz", "ea", "gz", "u5", "ü"]  # Firestore's
UIDS = ORDER[1:] + ORDER[:1]
OF_CLIPS = ("missing_object", "empty_object", "not_media", "duration_mismatch")


@dataclass(frozen=True)
class World:
    """What is wrong at one moment, and how a scan looks at it."""

    wrong: frozenset[tuple[str, str, str]]  # kind, uid, clip
    shard: tuple[int, int]
    after: str | None
    until: str | None
    contents: bool
    unread: frozenset[str]
    doubted: frozenset[str]

    @property
    def coverage(self) -> Coverage:
        return Coverage((ScanRange(*self.shard, self.after, self.until),), contents=100.0 if self.contents else None)

    def inside(self, uid: str) -> bool:
        index, count = self.shard
        return (
            shard_range(index, count).holds(uid)
            and (self.after is None or ORDER.index(uid) > ORDER.index(self.after))
            and (self.until is None or ORDER.index(uid) <= ORDER.index(self.until))
        )

    def looks_at(self, one: tuple[str, str, str]) -> bool:
        kind, uid, _ = one
        return self.inside(uid) and uid not in self.unread and (self.contents or kind not in OF_CONTENTS)

    def proves(self, one: tuple[str, str, str]) -> bool:
        """Whether it would have found it: what it says of a doubted customer proves nothing."""
        return self.looks_at(one) and one[1] not in self.seen_doubted

    @property
    def seen(self) -> frozenset[tuple[str, str, str]]:
        unread = {("unreadable", uid, "") for uid in self.unread if self.inside(uid)}
        return frozenset({one for one in self.wrong if self.looks_at(one)} | unread)

    @property
    def seen_doubted(self) -> frozenset[str]:
        return frozenset(uid for _, uid, _ in self.seen if uid in self.doubted)


def findings(world: World, at: datetime):
    return frame_of(
        {
            "kind": kind, "severity": "error", "uid": uid, "video_id": "v1" if clip else None, "clip_id": clip or None,
            "key": f"users/{uid}/v1/clips/{clip}.mp4" if clip else None, "last_seen": at,
            "doubted": uid in world.doubted,
        }
        for kind, uid, clip in sorted(world.seen)
    )  # fmt: skip


def named(frame) -> set[tuple[str, str, str]]:
    return {(kind, uid, clip or "") for kind, uid, _, clip, _ in identities(frame)}


def kept(world: World, at: datetime, before: KeptScan | None, scan_id: str) -> KeptScan:
    frame = known_after(findings(world, at), world.coverage, before, scan_id)
    outcome = ScanOutcome(at, at, world.coverage, not world.unread, {"users": 1})
    made = KeptScan(head_of(scan_id, outcome, frame, compare(before, before), kept_at=at, before=None), world.coverage,
                    frame) if before else None  # fmt: skip
    if made is not None:
        return made
    empty = compare(KeptScan(HEAD, Coverage(), frame.iloc[:0]), KeptScan(HEAD, world.coverage, frame))
    return KeptScan(head_of(scan_id, outcome, frame, empty, kept_at=at, before=None), world.coverage, frame)


HEAD = head_of(
    "s0",
    ScanOutcome(NOON, NOON, Coverage(), True, {"users": 3}, {"clips": 1}),
    frame_of([]),
    Comparison(),
    kept_at=NOON,
    before=None,
)

things = st.tuples(st.sampled_from(OF_CLIPS), st.sampled_from(UIDS), st.sampled_from(["c1", "c2"]))
uids = st.frozensets(st.sampled_from(UIDS), max_size=2)
worlds = st.builds(
    World,
    st.frozensets(things, max_size=14),
    st.sampled_from([(1, 1), (1, 1), (1, 2), (2, 2)]),
    st.sampled_from([None, None, "Ka"]),
    st.sampled_from([None, None, "gz"]),
    st.booleans(),
    uids,
    uids,
)


@settings(max_examples=50)
@given(st.lists(worlds, min_size=2, max_size=4))
def test_a_chain_of_scans_knows_exactly_what_changed_where_it_looked(chain: list[World]) -> None:
    known: dict[tuple[str, str, str], datetime] = {}
    before: KeptScan | None = None
    for step, world in enumerate(chain):
        at = NOON + timedelta(days=step)
        now = kept(world, at, before, f"s{step}")
        if before is not None:
            answer = diff(before, now)
            names = [{(f["kind"], f["uid"], f["clip_id"] or "") for f in answer[part]}
                     for part in ("new_findings", "gone_findings")]  # fmt: skip
            assert names[0] == world.seen - known.keys()
            assert names[1] == {one for one in known if one not in world.seen and world.proves(one)}
            assert answer["still"] == len(world.seen & known.keys())
            assert answer["not_looked_at"] == len(known) - answer["still"] - len(names[1])
            assert answer["new_errors"] == len(names[0])
            past = chain[step - 1]
            for one in answer["new_findings"]:
                assert one["looked_before"] == past.proves((one["kind"], one["uid"], one["clip_id"] or "")) or (
                    one["kind"] == "unreadable"
                )
        carried = {one: when for one, when in known.items() if one not in world.seen and not world.proves(one)}
        known = carried | {one: known.get(one, at) for one in world.seen}
        assert named(now.frame) == known.keys()
        rows = zip(identities(now.frame), now.frame["first_seen"], now.frame["looked_at"], strict=True)
        for (kind, uid, _, clip, _), first, looked in rows:
            assert first == known[kind, uid, clip or ""]
            assert looked == ((kind, uid, clip or "") in world.seen)
        before = now


@settings(max_examples=25)
@given(st.frozensets(things, max_size=20), st.data())
def test_a_diff_after_known_changes_is_exactly_these(wrong, data) -> None:
    gone = data.draw(st.frozensets(st.sampled_from(sorted(wrong)), max_size=6)) if wrong else frozenset()
    new = data.draw(st.frozensets(things, max_size=6)) - wrong
    whole = World(wrong, (1, 1), None, None, True, frozenset(), frozenset())
    old = kept(whole, NOON, None, "s0")
    answer = diff(old, kept(replace(whole, wrong=(wrong - gone) | new), NOON + timedelta(days=1), old, "s1"))
    assert {(f["kind"], f["uid"], f["clip_id"]) for f in answer["new_findings"]} == new
    assert {(f["kind"], f["uid"], f["clip_id"]) for f in answer["gone_findings"]} == gone
    assert (answer["still"], answer["not_looked_at"]) == (len(wrong - gone), 0)


def test_a_result_that_cannot_be_true_proves_nothing_gone() -> None:
    whole = World(frozenset({("missing_object", "Ka", "c1")}), (1, 1), None, None, False, frozenset(), frozenset())
    old = kept(whole, NOON, None, "s0")
    none = replace(whole, wrong=frozenset())
    empty = frame_of([])
    doubted = KeptScan(
        old.head, replace(none.coverage, doubted=True), known_after(empty, Coverage(doubted=True), old, "s")
    )
    answer = diff(old, doubted)
    assert (answer["gone_findings"], answer["not_looked_at"]) == ([], 1)


def test_a_customer_that_only_the_bucket_knows_is_gone_only_where_a_scan_looked_for_such() -> None:
    row = {
        "kind": "orphan_object",
        "severity": "warning",
        "uid": "u9",
        "key": "users/u9/x",
        "stranger": True,
        "last_seen": NOON,
    }
    old = KeptScan(HEAD, Coverage(strangers=True), known_after(frame_of([row]), Coverage(strangers=True), None, "s0"))
    for strangers, gone in ((False, 0), (True, 1)):
        coverage = Coverage(strangers=strangers)
        new = KeptScan(HEAD, coverage, known_after(frame_of([]), coverage, old, "s1"))
        assert len(diff(old, new)["gone_findings"]) == gone


def test_every_kind_of_finding_harms_somebody_or_nobody_in_one_known_way() -> None:
    for kind in KINDS:
        assert harm_of(kind, "error", disclosure=False) in HARMS
        assert (harm_of(kind, "error", disclosure=False) == "unknown") == (kind == "unreadable"), kind
        assert harm_of(kind, "error", disclosure=True) == "disclosure"
    assert harm_of("foreign_key", "warning", disclosure=False) == "cache"


def test_offenders_are_those_to_which_findings_keep_coming() -> None:
    def row(clip: str, uid: str, style: str, scan: str, day: int, severity: str = "error"):
        return {
            "kind": "missing_object", "severity": severity, "uid": uid, "video_id": "v", "clip_id": clip,
            "style": style,
            "key": f"users/{uid}/v/clips/{clip}.mp4", "made_at": NOON - timedelta(days=day), "first_scan": scan,
            "first_seen": NOON, "last_seen": NOON, "looked_at": True,
        }  # fmt: skip

    frame = frame_of(
        [
            row("a", "u1", "split", "s1", 0), row("b", "u1", "split", "s1", 0), row("c", "u1", "split", "s1", 0),
            row("d", "u2", "original", "s1", 1), row("e", "u2", "original", "s2", 2),
            row("f", "u3", "split", "s1", 3, "info"), row("g", "u3", "split", "s1", 3, "info"),
        ]
    )  # fmt: skip
    fresh = {identities(frame)[4]}
    found = [
        (one["by"], one["value"], one["findings"], one["new"], one["scans"]) for one in repeat_offenders(frame, fresh)
    ]
    assert found == [
        ("customer", "u2", 2, 1, 2),
        ("customer", "u1", 3, 0, 1),
        ("key_prefix", "users/u2/v/clips/", 2, 1, 2),
        ("key_prefix", "users/u1/v/clips/", 3, 0, 1),
        ("style", "original", 2, 1, 2),
        ("style", "split", 3, 0, 1),
        ("day", "2026-03-01", 3, 0, 1),
    ]


def test_a_summary_is_read_back_as_it_was_written_and_another_is_refused() -> None:
    part = replace(HEAD, part=(1, 4), at=None, not_looked_at=("a",), summary={"missing_object": 2})
    for head in (HEAD, part):
        fields = head_fields(head)
        assert head_from(fields) == head
        assert ("at" in fields) == (head.part is None)
    former = {name: value for name, value in head_fields(HEAD).items() if name != "run"}  # as an earlier desk wrote it
    assert head_from(former) == HEAD
    for change in ({"version": 2}, {"new": "3"}, {"kept_at": "today"}, {"summary": [1]}, {"part": [1]}):
        with pytest.raises(Unusable):
            head_from({**head_fields(HEAD), **change})


def test_shards_together_are_the_whole_and_what_one_did_not_do_is_not_done() -> None:
    parts = [Coverage((ScanRange(n, 3),), strangers=n > 1, contents=10.0 * n) for n in (1, 2, 3)]
    assert joined(parts).whole
    assert not joined(parts[:2]).whole
    assert (joined(parts).strangers, joined(parts).contents) == (False, 10.0)
    assert joined([*parts, Coverage()]).contents is None
    assert Coverage.from_dict(joined(parts).as_dict()) == joined(parts)


def test_the_limits_of_a_scan_do_not_name_a_customer_who_was_taken_out_and_it_covers_no_more_than_before() -> None:
    by_limits = Coverage((ScanRange(after="Ka", until="gz"),))
    by_span = Coverage((ScanRange(span=Range("Kz", "u5")),))
    for scan, uid in ((one, uid) for one in (by_limits, by_span) for uid in ("Ka", "Kz", "eb", "gz", "u5")):
        assert Coverage.from_dict(scan.as_dict()) == scan
        assert scan.ranges[0].holds("ea")
        assert not scan.ranges[0].holds("0a")
        less = scan.without(uid)
        assert uid not in str(less.as_dict())
        covered = [one for one in ORDER if less.ranges[0].holds(one)]
        assert set(covered) <= {one for one in ORDER if scan.ranges[0].holds(one)}
        assert "ea" in covered


def test_scans_past_their_time_go_but_never_the_newest_whole_one() -> None:
    days = [
        replace(HEAD, scan_id=f"s{n}", kept_at=NOON - timedelta(days=n), finished_at=NOON - timedelta(days=n))
        for n in (40, 50, 60)
    ]
    part = replace(days[0], scan_id="p", part=(1, 2), kept_at=NOON - timedelta(days=31))
    assert [head.scan_id for head in expired([*days, part], NOON, 30)] == ["s50", "s60", "p"]
    assert expired([*days, part], NOON, 61) == []


def test_a_kept_finding_is_printed_as_verify_prints_it_with_its_age() -> None:
    row = {
        "kind": "size_mismatch", "severity": "error", "uid": "u1", "video_id": "v", "clip_id": "c", "key": "k",
        "expected": "10",
        "actual": '"nine"', "detail": "d", "last_seen": NOON, "first_seen": NOON - timedelta(days=1), "plan": "pro",
        "video_created_at": NOON - timedelta(days=9, hours=1), "disclosure": True, "owner": "u2", "looked_at": True,
    }  # fmt: skip
    (found,) = findings_of(frame_of([row]))
    assert (found["expected"], found["actual"], found["video_age_days"], found["harm"]) == (10, "nine", 9, "disclosure")
    assert found["disclosure"] == {"shown_to": "u1", "owner": "u2", "since": None, "links": []}
    assert (found["last_seen_at"], found["first_seen"]) == (NOON, NOON - timedelta(days=1))
