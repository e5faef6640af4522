"""The pages with numbers at the edge of what Firestore holds, and with figures of all customers that cannot be read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from pages._ui.kit import tables
from pages._ui.kit.columns import drawn
from storage.actions.rollup import run_rollup
from storage.domain.rollup import shard_path
from storage.domain.usage import DEFAULT_LIMITS
from tests.rigs.odd_numbers import EXACT, MAX, ODD, TRUTH, VIDEO, documents
from tests.ui.conftest import LiveApp, words


@pytest.fixture
def odd(app: LiveApp) -> LiveApp:
    """The customers, and the figures about all of them."""
    app.world.put(documents())
    run_rollup(
        app.world.records, app.world.writer, DEFAULT_LIMITS, lambda: datetime.now(UTC),
        stale_after=timedelta(minutes=15),
    )  # fmt: skip
    return app


def test_fleet_and_overview_stand_and_name_what_cannot_be_true(odd: LiveApp) -> None:
    fleet = odd.open("fleet")
    text = words(fleet)
    assert "Something went wrong" not in text
    assert f"user.total_storage_bytes of customer at-most says {MAX:,}" in text
    for chosen in ("Biggest", "Wrong counters"):
        fleet.segmented_control("fleet-list").set_value(chosen).run()
        assert "8,192 PiB" in words(fleet)
    fleet.segmented_control("fleet-growth").set_value("Size of clips").run()
    assert "Something went wrong" not in words(fleet)
    assert "Something went wrong" not in words(odd.open("overview"))


def test_the_pages_of_such_customers_show_exact_numbers(odd: LiveApp) -> None:
    for uid in ODD:
        text = words(odd.open("user", uid=uid))
        assert "Something went wrong" not in text, uid
        assert "Something went wrong" not in words(odd.open("video", uid=uid, video_id=VIDEO)), uid
    assert f"{TRUTH['at-most']:,}" in words(odd.open("user", uid="at-most"))  # no float, and no sum that wrapped


def test_figures_that_cannot_be_read_are_told_and_made_anew(odd: LiveApp) -> None:
    odd.world.writer.update(shard_path(1, 1), {"body": b"spoilt"})
    fleet = odd.open("fleet")
    text = words(fleet)
    assert "cannot be read: the parts do not fit together" in text
    assert "Make the figures now" in [button.label for button in fleet.button]
    overview = words(odd.open("overview"))
    assert "cannot be read: the parts do not fit together" in overview
    assert "No figures of all customers" in overview


def test_numbers_that_a_browser_rounds_are_shown_as_text() -> None:
    frame = pd.DataFrame({"n": pd.array([EXACT + 1, None], dtype="Int64"), "few": pd.array([1, 2], dtype="Int64")})
    columns = {"n": tables.size("Size"), "few": tables.size("Few")}
    sizes = drawn(frame, columns).columns
    assert [one["texts"] for one in sizes] == [["8.00 PiB", None], ["1 B", "2 B"]]
    exact, few = drawn(frame, {"n": "N", "few": "Few"}).columns
    assert exact["texts"] == ["9,007,199,254,740,993", None]
    assert "texts" not in few
