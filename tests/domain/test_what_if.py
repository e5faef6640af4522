"""What if: a purge, an undo, another plan or one more video, by the same rules as the usage of today."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.domain.changes import ABSENT, FieldChange
from storage.domain.usage import CLIP_ROOM_BYTES, GIB, Plans, Truth
from storage.domain.what_if import (
    Basis,
    Supposed,
    admission,
    on_plan,
    one_more,
    purged,
    restored,
    what_if,
    with_changes,
    without,
    without_account,
)
from storage.errors import BadInput
from tests.domain.test_usage import NOW, accounting, user

MIB = 1024**2


def account(used: int = 0, *, documents: int | None = None, clips: int = 4, limits: Any = None, **fields: Any) -> Basis:
    """A customer of the free plan with an accounting document, which says `used`."""
    size = used if documents is None else documents
    return Basis(user(**fields), accounting(used, clips), Plans(limits or {}), Truth(clips, size, 0, None, True))


def frame(*rows: tuple[str, str, int | None, float | None]) -> pd.DataFrame:
    columns = ["video_id", "clip_id", "file_size_bytes", "duration_seconds"]
    found = pd.DataFrame(rows, columns=columns).assign(exists=True, style="split")
    kinds = {"file_size_bytes": "Int64", "duration_seconds": "Float64", "exists": "boolean"}
    return found.astype(kinds)


CLIPS = frame(
    ("v1", "a", 30 * MIB, 60.0), ("v1", "b", 10 * MIB, 20.0), ("v2", "c", 20 * MIB, 40.0), ("v2", "d", None, 1.0)
)


def test_a_purge_frees_room_ends_a_drift_and_gives_no_credits_back() -> None:
    full = account(2 * GIB, documents=60 * MIB, credits_used_this_month=50)
    found = what_if(full, [without(CLIPS, "v1")], NOW)
    assert (found.before.storage.state, admission(found.before).may_upload, admission(found.before).worker_refuses) == (
        "exceeded", False, True,
    )  # fmt: skip
    assert (found.after.storage.used, found.after.actual_bytes, found.after.credits.used) == (20 * MIB, 20 * MIB, 50)
    assert (admission(found.after).may_upload, admission(found.after).worker_refuses) == (True, False)
    assert any("too high now; this sets it" in note for note in found.notes)
    one = what_if(full, [without(CLIPS, "v2", "c")], NOW).after
    assert (one.storage.used, one.counters[2].truth, one.counters[3].truth) == (40 * MIB, 40 * MIB, 3)
    with pytest.raises(BadInput, match="no clip"):
        without(CLIPS, "v1", "c")


def test_after_a_purge_of_the_whole_user_the_next_sign_in_is_a_fresh_free_account() -> None:
    found = what_if(account(2 * GIB, plan="studio", credits_used_this_month=90), [without_account()], NOW).after
    assert (found.plan.plan_id, found.storage.used, found.actual_bytes, found.credits.used) == ("free", 0, 0, 0)


@pytest.mark.parametrize(
    ("plan", "limit", "may", "refuses"),
    [("pro", 30 * GIB, True, False), ("Studio", 150 * GIB, True, False), ("free", GIB, False, True)],
)
def test_another_plan_changes_limits_and_verdicts(plan: str, limit: int, may: bool, refuses: bool) -> None:
    full = account(GIB, plan="free")
    found = what_if(full, [on_plan(plan, full.plans)], NOW).after
    assert (found.storage.limit, admission(found).may_upload) == (limit, may)
    assert admission(found).worker_refuses == refuses


def test_the_worker_goes_on_by_the_tier_of_the_document_whatever_the_plan() -> None:
    full = account(GIB, plan="free", plan_tier="free")
    found = what_if(full, [on_plan("pro", full.plans)], NOW)
    assert (admission(found.after).may_upload, admission(found.after).worker_refuses) == (True, True)
    assert any("plan_tier" in note for note in found.notes)
    with pytest.raises(BadInput, match="no plan 'gold'") as caught:
        on_plan("gold", full.plans)
    assert "studio" in str(caught.value.remedy)


def test_of_one_more_video_the_worker_makes_the_clips_that_it_finds_room_for_and_all_are_charged() -> None:
    near = account(GIB - CLIP_ROOM_BYTES - 25 * MIB, credits_used_this_month=100)
    found = what_if(near, [one_more(CLIPS, "100MiB")], NOW)
    assert found.made is not None
    assert (found.made.asked, found.made.made, found.made.size_bytes, found.made.credits) == (5, 2, 40 * MIB, 53)
    assert "without room for the next" in found.made.why
    assert (found.after.credits.used, found.after.storage.used) == (153, near.accounting.styled_clips_bytes + 40 * MIB)
    assert admission(found.after).worker_refuses


@pytest.mark.parametrize(
    ("used", "credits", "made", "charged", "why"),
    [
        (0, 0, 10, 103, ""),
        (0, 98, 0, 3, "refused: its clips cost 100 credits"),
        (0, 196, 0, 0, "refused: fewer than 5 credits are left, which the cheapest clip costs"),
        (GIB, 0, 0, 0, "refused: the storage of 1.00 GiB is used up"),
    ],
)
def test_one_more_video_is_refused_for_storage_or_credits(
    used: int, credits: int, made: int, charged: int, why: str
) -> None:
    found = what_if(account(used, credits_used_this_month=credits), [one_more(CLIPS, "400s")], NOW)
    assert found.made is not None
    assert (found.made.asked, found.made.made, found.made.credits, found.made.why) == (10, made, charged, why)


@pytest.mark.parametrize("text", ["", "ten minutes", "-1m", "0s", "1e9m", "1PiB"])
def test_a_video_that_is_neither_long_nor_large_is_bad_input(text: str) -> None:
    with pytest.raises(BadInput, match="neither a length nor a size"):
        one_more(CLIPS, text)


def test_without_a_clip_to_go_by_nothing_is_estimated() -> None:
    with pytest.raises(BadInput, match="to go by"):
        one_more(CLIPS[:0], "10m")


def test_an_undo_brings_back_what_the_purge_or_the_change_took() -> None:
    there = account(20 * MIB, clips=2)
    assert what_if(there, [restored("j1", 40 * MIB, 2)], NOW).after.storage.used == 60 * MIB
    recount = [
        FieldChange("storage_accounting/u1", "styled_clips_bytes", 20 * MIB, 2 * GIB),
        FieldChange("users/u1/videos/v1/clips/a", "file_size_bytes", 8, 2 * GIB),
    ]
    found = what_if(there, [with_changes("c1", recount, "u1")], NOW).after
    assert (found.storage.used, found.actual_bytes, found.storage.state) == (
        2 * GIB,
        22 * MIB - 2 * MIB + 2 * GIB - 8,
        "exceeded",
    )
    upload = [FieldChange("users/u1/videos/v1/clips/a", "file_size_bytes", 5 * MIB, ABSENT)]
    found = what_if(there, [with_changes("c2", upload, "u1", -1)], NOW).after
    assert (found.storage.used, found.actual_bytes, found.counters[3].counter) == (15 * MIB, 15 * MIB, 1)


def test_what_is_not_known_stays_unknown() -> None:
    blind = Basis(user(), accounting(5, 1), Plans({}), None)
    found = what_if(blind, [purged("without it", 5, 1)], NOW).after
    assert (found.storage.used, found.actual_bytes, admission(found).may_upload) == (None, None, None)


@given(st.integers(0, 3 * GIB), st.integers(0, 3 * GIB), st.lists(st.integers(0, GIB), max_size=5))
def test_a_purge_and_its_undo_leave_the_documents_sum(used: int, documents: int, sizes: list[int]) -> None:
    gone = min(sum(sizes), documents)
    there = account(used, documents=documents, clips=9)
    found = what_if(there, [purged("p", gone, 3), restored("j", gone, 3)], NOW)
    assert (found.after.storage.used, found.after.actual_bytes) == (documents, documents)
    assert what_if(there, [Supposed("nothing")], NOW).after == found.before
