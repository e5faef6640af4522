"""The User page as support and operations use it: drift mended where it is shown, and usage in words to pass on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.rigs.lists import lists, with_column
from tests.rigs.records import clip, user, video
from tests.ui.conftest import LiveApp, unfold, words
from tests.ui.test_fixes import press, recorded

VIDEO = "users/u1/videos/vid-0001"
LATE = datetime.now(UTC) - timedelta(hours=3)


@pytest.fixture
def drifting(app: LiveApp) -> LiveApp:
    """A user with one clip of 4,000 bytes, whose own counters and the video's say otherwise."""
    app.world.put(
        {
            "users/u1": user("u1", total_storage_bytes=9_000, total_clips_count=1),
            VIDEO: video(
                "vid-0001", video_title="The *talk*", status="completed", clips_count=3, total_size_bytes=4_000
            ),
            f"{VIDEO}/clips/vid-0001_1_split": clip("vid-0001", 1, file_size_bytes=4_000),
        }
    )
    return app


def test_drift_is_told_in_words_and_made_true_beside_it_and_taken_back(drifting):
    shown = unfold(drifting.open("user", role="operations", uid="u1"), "truth")
    text = words(shown)
    assert "4.88 KiB too high" in text
    assert "The *talk*" in text
    assert "2 too high" in text
    press(shown, "Recount…")
    next(one for one in shown.text_input if one.label.startswith("Reason")).set_value("ticket 4711")
    shown.run()
    press(shown, "Show what will change")
    assert drifting.world.fields("users/u1")["total_storage_bytes"] == 9_000  # showing changes nothing
    press(shown, "Write the counters")
    assert drifting.world.fields("users/u1")["total_storage_bytes"] == 4_000
    assert drifting.world.fields(VIDEO)["clips_count"] == 1
    assert "too high" not in words(shown)  # the page was read anew
    counters = with_column(shown, "truth")
    assert set(counters["state"]) == {"none"}  # below the heading "Drift", "true" would read as its opposite
    press(shown, "Undo")
    assert drifting.world.fields("users/u1")["total_storage_bytes"] == 9_000
    assert drifting.world.fields(VIDEO)["clips_count"] == 3
    assert recorded(drifting)[:4] == [
        ("undo-change", "done"), ("undo-change", "begun"), ("recount", "done"), ("recount", "begun"),
    ]  # fmt: skip


def test_support_sees_the_drift_and_the_words_for_the_customer_and_a_greyed_recount(drifting):
    shown = drifting.open("user", role="support", uid="u1")
    text = words(shown)
    assert "4.88 KiB too high" in text
    assert "8.79 KiB of 30.0 GiB used" in text
    assert [one.disabled for one in shown.button if one.label == "Recount…"] == [True]


def test_what_the_worker_does_and_which_counters_are_dead_is_said_on_the_page(app):
    app.world.put(
        {
            "users/u1": user("u1", plan="free", total_storage_bytes=0, total_clips_count=0),
            "plans/free": {"id": "free", "name": "Free", "limits": {"max_styles_per_video": 77}},
            "storage_accounting/u1": {"styled_clips_bytes": 1_000 * 1024**2, "styled_clips_count": 2},
            VIDEO: video("vid-0001", clips_count=2, total_size_bytes=1_000 * 1024**2),
            f"{VIDEO}/clips/vid-0001_1_split": clip("vid-0001", 1, file_size_bytes=1_000 * 1024**2),
            f"{VIDEO}/clips/vid-0001_2_split": clip("vid-0001", 2, file_size_bytes=0),
            f"{VIDEO}/clips/gone/shares/config": {"share_slug": "left"},
            "users/u1/credit_transactions/t1": {
                "timestamp": LATE, "operation_type": "analysis", "credits_amount": 3, "balance_after": 43,
                "draft_id": "draft-1", "metadata": {"scenes": "4"},
            },
        }
    )  # fmt: skip
    folded = app.open("user", role="support", uid="u1")
    drawn = [set(one.value) for one in lists(folded)]
    assert not any("balance_after" in columns or "From" in columns for columns in drawn)
    read_when_folded = app.world.faults.reads.total()
    shown = unfold(folded, "credits", "plan", "truth")
    assert app.world.faults.reads.total() > read_when_folded, "the transactions are read when somebody asks for them"
    text = words(shown)
    for said in ("The worker makes no clips for this customer", "24.0 MiB of 1.00 GiB", "dead counters"):
        assert said in text, said
    assert "too low" not in text
    counters = with_column(shown, "truth")
    assert list(counters["state"]) == ["dead: no longer kept"] * 2 + ["none"] * 2
    limits = with_column(shown, "From").set_index("Limit")
    assert limits.loc["Styles a video", "Value"] == "2"
    assert "reads it from no document" in limits.loc["Styles a video", "From"]
    credits = with_column(shown, "balance_after")
    assert credits[["draft_id", "details"]].values.tolist() == [["draft-1", "scenes: 4"]]
    assert credits["open"].tolist() == ["./user?uid=u1&draft_id=draft-1"]


def test_nothing_of_a_phantom_s_month_is_told_as_zero(app):
    app.world.put({f"{VIDEO}/clips/vid-0001_1_split": clip("vid-0001", 1, file_size_bytes=4_000)})
    app.world.put({"plans/free": {"id": "free", "name": "Free", "limits": {"max_clips_per_month": 20}}})
    text = words(unfold(app.open("user", role="support", uid="u1"), "truth"))
    assert "A customer without their own document" in text
    assert "Clips this month: we cannot read this figure" in text
    assert "nothing counts in this month yet" not in text
    assert "no counters to compare" in text
