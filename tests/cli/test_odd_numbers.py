"""Numbers at the edge: sums are exact or unknown, one odd number costs one figure and is named, and nothing else."""

from __future__ import annotations

import hashlib
import zlib

import pytest

from storage.domain.rollup import HEAD, shard_path
from tests.cli.conftest import Desk, both_firestores
from tests.rigs.clips import film
from tests.rigs.odd_numbers import EXACT, MAX, ODD, ORDINARY, TRUTH, VIDEO, documents, key_of

WHO = ("--actor", "ada@example.com", "--reason", "ticket")


@pytest.fixture
def odd(desk: Desk) -> Desk:
    """The customers, and an object of 1,000 bytes for each of their clips."""
    desk.world.put(documents())
    for uid in (*ODD, *ORDINARY):
        for number in range(len(ODD[uid][2]) if uid in ODD else 2):
            desk.put(key_of(uid, number), film())
    return desk


def test_usage_and_recount_are_exact_however_large_a_sum_is(odd: Desk) -> None:
    for uid, truth in TRUTH.items():
        found = odd.run("usage", uid, "--json").json
        assert found["storage"]["actual_bytes"] == truth, uid
        counter = next(row for row in found["counters"] if row["name"] == "user.total_storage_bytes")
        known = ODD[uid][0] if isinstance(ODD[uid][0], int) or ODD[uid][0] == 2_000 else None
        assert (counter["counter"], counter["truth"]) == (known, truth)
        assert counter["drift"] == (None if known is None else known - truth)
        assert odd.run("usage", uid).status == odd.run("usage", uid, "--json").status
        plan = odd.run("recount", uid, "--json")
        assert plan.json["after"]["user.total_storage_bytes"] == truth
    assert found["storage"]["limit_bytes"] == MAX
    too_large = odd.run("recount", "at-most", "--apply", *WHO, "--json")
    assert too_large.status == 1
    assert set(too_large.json["too_large"]) == {"user.total_storage_bytes", f"video.{VIDEO}.total_size_bytes"}
    assert odd.world.fields("users/at-most") | {"total_storage_bytes": MAX, "total_clips_count": 3} == (
        odd.world.fields("users/at-most")
    )
    assert odd.run("recount", "below-zero", "--apply", *WHO, "--json").status == 0
    assert odd.world.fields("users/below-zero")["total_storage_bytes"] == TRUTH["below-zero"]


@both_firestores
def test_totals_by_firestore_are_exact_or_unknown(odd: Desk) -> None:
    rounded = {"at-most", "at-least"}
    for uid, truth in TRUTH.items():
        found = odd.world.records.clip_totals(uid).size_bytes
        assert found == (None if uid in rounded else truth), uid


def test_a_rollup_names_the_odd_numbers_and_adds_up_all_others(odd: Desk) -> None:
    for _ in range(2):  # what was written is read again, and written over
        made = odd.run("rollup", "--json")
        assert (made.status, made.json["complete"]) == (0, True)
        totals = made.json["totals"]
        plain = 2_000 * len(ORDINARY) + TRUTH["floats"]
        assert totals["clip_bytes"] == plain + sum(TRUTH[uid] for uid in ("below-zero", "no-number", "double"))
        assert totals["used_bytes"] == plain
        notes = " ".join(made.json["notes"])
        for uid in ("at-most", "at-least", "below-zero", "inexact"):
            assert f"user.total_storage_bytes of customer {uid} says {ODD[uid][0]:,}" in notes
        assert "the sum of file_size_bytes of customer at-most says more than can be added up" in notes
        assert not any(uid in notes for uid in ORDINARY)
        shown = odd.run("rollup", "--show", "--json")
        assert shown.status == 0
        assert shown.json["totals"] == {**shown.json["totals"], **totals}
        plans = {row["plan"]: row for row in shown.json["plans"]}
        assert plans["pro"]["limit_bytes"] == MAX * (len(ODD) + len(ORDINARY))
        biggest = {row["uid"]: row for row in shown.json["biggest"]}
        assert biggest["inexact"]["actual_bytes"] == 2 * EXACT + 2
        assert odd.run("rollup", "--show").status == 0


@pytest.mark.parametrize("spoil", ["no body", "not compressed", "another shape", "a spoilt head"])
def test_figures_that_cannot_be_read_say_so_and_are_made_anew(odd: Desk, spoil: str) -> None:
    odd.run("rollup", "--json")
    path = HEAD if spoil == "a spoilt head" else shard_path(1, 1)
    fields = odd.world.fields(path)
    if spoil == "no body":
        del fields["body"]
    elif spoil == "a spoilt head":
        fields["points"] = [{"day": "today"}]
    else:
        body = b"nothing" if spoil == "not compressed" else zlib.compress(b'{"content": {"totals": {"users": "many"}}}')
        fields |= {"body": body, "sha256": hashlib.sha256(body).hexdigest()}
    odd.world.put({path: fields})
    answer = odd.run("rollup", "--show", "--json")
    assert "cannot be read: " in answer.json["error"]["message"]
    assert "python -m storage rollup" in answer.json["error"]["remedy"]
    assert odd.run("verify", "--all", "--json").status in {0, 1}  # the estimate before a scan keeps nobody from it
    assert odd.run("rollup", "--json").status == 0
    assert odd.run("rollup", "--show", "--json").status == 0


def test_no_other_command_ends_at_an_odd_number(odd: Desk) -> None:
    for uid in ODD:
        for arguments in (("verify", uid), ("diagnose", uid, VIDEO), ("highlights", uid, VIDEO), ("find", uid)):
            assert odd.run(*arguments, "--json").status in {0, 1}, (arguments, uid)
        assert odd.run("purge", "plan", uid, "--video", VIDEO, *WHO[:2], "--json").status == 0, uid
    assert odd.run("verify", "--all", "--json").json["complete"]
    assert odd.run("diagnose", "--stuck", "--json").json["complete"]


def test_a_purge_leaves_a_counter_that_no_number_can_hold_and_sets_the_others(odd: Desk, tmp_path) -> None:
    file, clip = tmp_path / "plan.json", f"{VIDEO}_1_split"
    what = ("at-most", "--video", VIDEO, "--clip", clip)
    plan = odd.run("purge", "plan", *what, "--out", str(file), *WHO[:2], "--json")
    assert (plan.status, plan.json["blocked"]) == (0, [])
    done = odd.run("purge", "apply", str(file), "--confirm", f"at-most/{VIDEO}/{clip}", *WHO, "--json")
    assert (done.status, done.json["state"], done.json["residue"]) == (0, "done", [])
    user = odd.world.fields("users/at-most")
    assert (user["total_storage_bytes"], user["total_clips_count"]) == (MAX, 2)
    assert odd.run("purge", "undo", done.json["job_id"], *WHO, "--json").status == 0
    assert odd.world.fields("users/at-most")["total_clips_count"] == 3
