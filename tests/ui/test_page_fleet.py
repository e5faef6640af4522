"""The page of all customers, and what the overview takes from it: what a view costs, and how old or partial it is."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from grpc import StatusCode

from pages._ui.data import fleet_loads, resources
from storage.actions.rollup import run_rollup
from storage.actions.writers import Writers
from storage.domain.rollup import RECENT, shard_path
from storage.domain.usage import DEFAULT_LIMITS
from storage.repositories.search_index import read_head
from storage.services.fleet import GLANCE_USERS, LOOKED_AT
from tests.rigs.http_faults import FaultProxy
from tests.rigs.lists import named, with_column
from tests.rigs.records import clip, user, video
from tests.rigs.seaweed import NOBODY
from tests.rigs.waiting import PATIENCE_SECONDS
from tests.ui.conftest import LiveApp, words

NOW = datetime.now(UTC)


def customers(app: LiveApp, count: int, *, stalled: int = 0) -> None:
    """So many users, one of them over the limit, with a video of two clips each; some have a video that is stuck."""
    documents: dict[str, dict[str, Any]] = {}
    for number in range(count):
        uid = f"u{number:03d}"
        used = {"total_storage_bytes": 10**12} if number == 0 else {"total_storage_bytes": 2_000}
        documents[f"users/{uid}"] = user(uid, email=f"{uid}@example.com", created_at=NOW - timedelta(days=2), **used)
        documents[f"users/{uid}/videos/a"] = video("a", status="completed")
        documents |= {f"users/{uid}/videos/a/clips/c{scene}": clip("a", scene) for scene in range(2)}
        if number < stalled:
            documents[f"users/{uid}/videos/b"] = video("b", status="processing")
    app.world.put(documents)


def rollup(app: LiveApp, *shard: int, at: datetime = NOW, whole: bool = False) -> None:
    """With `whole`, the table of all customers too."""
    run_rollup(
        app.world.records, app.world.writer, DEFAULT_LIMITS, lambda: at, stale_after=timedelta(minutes=15),
        shard=(shard[0], shard[1]) if shard else (1, 1),
        bucket=(app.objects, Writers(app.writer, app.world.writer)) if whole else None,
    )  # fmt: skip


def billed(app: LiveApp, page: str) -> tuple[int, Any]:
    before = app.world.faults.reads.total()
    opened = app.open(page)
    words(opened)
    return app.world.faults.reads.total() - before, opened


def test_the_page_shows_limits_growth_size_drift_plans_and_videos(app):
    customers(app, 6, stalled=2)
    rollup(app, at=NOW - timedelta(days=1))
    rollup(app)
    _, page = billed(app, "fleet")
    text = words(page)
    for expected in (
        "u000@example.com",
        "Exceeded",
        "pro",
        "2 stalled",
        "user.total_storage_bytes",
        "Growth by day",
    ):
        assert expected in text, expected
    cards = ["Customers", "Videos", "Clips", "Size of clips", "Over storage", "Wrong counters"]
    assert [card.label for card in page.metric] == cards
    assert "Old figures" not in text
    assert "./user?uid=u000" in text  # each row leads to the user

    page.segmented_control("fleet-list").set_value("Biggest").run()
    assert "u005@example.com" in words(page)
    page.text_input("fleet-text").set_value("U003").run()
    assert "u003@example.com" in words(page)
    assert "u005@example.com" not in words(page)
    page.text_input("fleet-text").set_value("").run()
    page.segmented_control("fleet-list").set_value("Wrong counters").run()
    assert "user.total_storage_bytes" in words(page)
    saved = app.open("fleet", **{"fleet-list": "Drifting"})  # a link from when the list was called so
    assert saved.segmented_control("fleet-list").value == "Wrong counters"
    assert "is no choice here" not in words(saved)
    other = app.open("fleet", **{"fleet-list": "Sideways"})
    assert other.segmented_control("fleet-list").value == "Near or over a limit"
    assert "asks for “Sideways”, which is no choice here" in words(other)


def test_a_view_costs_the_same_at_one_ten_and_a_hundred_times_the_data(app):
    costs = []
    for count in (3, 30, 300):
        customers(app, count)
        rollup(app)
        fleet_loads.refresh()
        costs.append(billed(app, "fleet")[0])
    assert costs[0] <= 5
    assert costs == [costs[0]] * 3


def test_the_overview_of_many_takes_limits_from_the_rollup_and_looks_at_stuck_videos_on_demand_only(app):
    customers(app, LOOKED_AT + 20, stalled=LOOKED_AT + 1)
    rollup(app)
    reads, page = billed(app, "overview")
    text = words(page)
    assert reads <= 100
    assert f"All {LOOKED_AT + 20} customers, by the last summary" in text
    assert "u000@example.com" in text
    assert f"{LOOKED_AT + 1} stalled videos" in text
    assert any(button.label == "Look at all of them now" for button in page.button)


def test_the_overview_looks_itself_where_the_rollup_is_old(app):
    customers(app, 3)
    rollup(app, at=NOW - RECENT - timedelta(hours=1))
    text = words(app.open("overview"))
    assert "All 3 customers, read now" in text
    assert "u000@example.com" in text


def test_without_a_rollup_the_overview_glances_at_some_users_and_says_what_more_would_cost(app, monkeypatch):
    monkeypatch.setenv("HIGHLIGHTS_SOURCE", "document")  # which is found out once an hour, and billed apart
    customers(app, GLANCE_USERS + 20)
    reads, page = billed(app, "overview")
    text = words(page)
    assert reads <= 102  # two of them for what was asked of the team: one reading each that finds nothing
    assert f"The first {GLANCE_USERS} customers, read now" in text
    more = page.button("overview-more")
    assert more.label == "Look at 500 customers, about 1,000 reads"
    assert f"All {GLANCE_USERS + 20} customers, read now" in words(more.click().run())


def test_a_rollup_with_a_part_missing_speaks_of_those_it_has_and_offers_no_look_that_would_show_them_again(app):
    customers(app, 12)
    rollup(app, 1, 2)
    rollup(app, 2, 2)
    app.world.writer.delete(shard_path(2, 2))
    page = app.open("overview")
    text = words(page)
    assert "customers, by the last summary" in text
    assert not [line for line in text.splitlines() if line.startswith("All ") and "by the last summary" in line]
    assert not [button for button in page.button if button.label.startswith("Look at")]


def test_without_figures_the_page_says_what_they_are_and_makes_them_when_asked(app):
    customers(app, 4)
    page = app.open("fleet")
    text = words(page)
    assert "no figures about all customers yet" in text
    assert "python -m storage rollup" in text
    assert "4 customers: about 16 document reads" in text
    page.button("fleet-start").click().run()
    run = resources.rollup_runs().current
    assert run is not None
    assert run.wait(PATIENCE_SECONDS)
    assert (run.snapshot().state, run.snapshot().users_done, run.asked_by) == ("done", 4, "admin@demo.local")
    page.run()
    assert "u000@example.com" in words(page)
    assert run.snapshot().error is None
    index = read_head(app.world.records)  # Find looks into it
    assert index is not None
    assert (index.users, index.titles) == (4, 12)


def test_support_sees_the_figures_and_cannot_make_them(app):
    customers(app, 2)
    page = app.open("fleet", role="support")
    assert "python -m storage rollup" in words(page)
    assert not [button for button in page.button if button.key == "fleet-start"]


def test_more_reads_than_the_budget_are_asked_for_first(app, monkeypatch):
    monkeypatch.setenv("READ_BUDGET", "30")
    customers(app, 9)
    page = app.open("fleet")
    assert not [button for button in page.button if button.key == "fleet-start"]
    next(button for button in page.button if button.label == "Continue, up to 300 documents").click().run()
    page.button("fleet-start").click().run()
    assert resources.rollup_runs().current.wait(PATIENCE_SECONDS)
    page.run()
    assert "u000@example.com" in words(page)


def test_old_and_partial_figures_say_so(app):
    customers(app, 9)
    for number in (1, 2):
        rollup(app, number, 2, at=NOW - timedelta(days=4))
    app.world.writer.delete(shard_path(2, 2))
    text = words(app.open("fleet"))
    assert "Old figures" in text
    assert "4 days ago" in text
    assert "Shards 2/2 were never written" in text


@pytest.mark.parametrize("code", [StatusCode.UNAVAILABLE, StatusCode.PERMISSION_DENIED])
def test_a_backend_that_is_away_or_refuses_is_no_missing_rollup(app, code):
    customers(app, 2)
    rollup(app)
    with app.world.faults.outage(code):
        text = words(app.open("fleet"))
    assert "no figures about all customers yet" not in text
    assert "anything about all customers together" in text
    assert ("Firestore does not answer" in text) == (code is StatusCode.UNAVAILABLE)
    assert "u000@example.com" in words(app.open("fleet"))


def listed(page: Any) -> list[str]:
    return [str(uid) for uid in with_column(page, "who")["uid"]]


def many(app: LiveApp) -> None:
    """130 customers, of whom 101 are over a limit and 12 near it; one has a limit of 0, and one an odd counter."""
    documents: dict[str, dict[str, Any]] = {"plans/none": {"storage_limit_bytes": 0}}
    for number in range(130):
        uid = f"u{number:03d}"
        used = 10**12 + number if number < 101 else 27 * 2**30 if number < 113 else 10
        documents[f"users/{uid}"] = user(
            uid, email=f"{uid}@example.com", total_storage_bytes=used, created_at=NOW - timedelta(days=number)
        )
    app.world.put(documents)


def test_every_customer_is_listed_in_order_and_filtered_on_the_whole_table(app, monkeypatch):
    seen: dict[str, Any] = {}
    monkeypatch.setattr("pages._ui.kit.tables.st.download_button", lambda *_, **options: seen.update(
        {options["file_name"]: options["data"]}))  # fmt: skip
    many(app)
    for number in (1, 2):
        rollup(app, number, 2, whole=True)
    _, page = billed(app, "fleet")
    over = page.pills(key="fleet-state").set_value(["Exceeded"]).run()
    assert "101 rows" in words(over)
    assert listed(over)[:2] == ["u100", "u099"]
    table = pd.read_csv(io.BytesIO(seen[f"customers-{datetime.now(UTC):%Y-%m-%d}.csv"]()))
    assert len(table) == 101
    assert set(table["state"]) == {"exceeded"}
    assert table["storage_percent"].map(lambda share: round(share, 1) == share).all()
    page.pills(key="fleet-state").set_value([]).run()
    assert "113 rows" in words(page)
    page.segmented_control("fleet-list").set_value("All customers").run()
    assert "130 rows" in words(page)
    assert listed(page)[0] == "u000"
    page.selectbox("fleet-order").set_value("Newest").run()
    assert listed(page)[:2] == ["u000", "u001"]
    page.text_input("fleet-text").set_value("U12").run()
    assert listed(page) == [f"u12{digit}" for digit in range(10)]
    page.text_input("fleet-text").set_value("").run()
    page.segmented_control("fleet-list").set_value("Wrong counters").run()
    assert "130 rows" in words(page)
    page.segmented_control("fleet-list").set_value("Biggest").run()
    assert "Something went wrong" not in [block.proto.title for block in page.error]
    assert listed(page)


def test_the_table_of_all_costs_the_figures_and_an_object_for_each_shard(app, r2_rig, monkeypatch):
    many(app)
    rollup(app, whole=True)
    with FaultProxy(r2_rig.endpoint) as proxy:
        monkeypatch.setenv("R2_ENDPOINT_URL", proxy.endpoint)
        reads, _ = billed(app, "fleet")
        assert reads <= 5
        assert proxy.count("GET", query="^$") == 1
        assert proxy.count("GET", query="list-type") == 0


def test_without_the_table_the_first_of_each_list_stand_and_a_bucket_that_is_away_is_said(app, monkeypatch):
    many(app)
    rollup(app)
    assert "the first hundred of each list" in words(app.open("fleet"))
    rollup(app, whole=True)
    fleet_loads.refresh()
    monkeypatch.setenv("R2_ACCESS_KEY_ID", NOBODY[0])
    monkeypatch.setenv("R2_SECRET_ACCESS_KEY", NOBODY[1])
    resources.close()
    text = words(app.open("fleet"))
    assert "Nobody here is near this limit" not in text
    assert "Growth by day" in text
    assert "all customers" in text


def bars(shown: Any) -> dict[str, str]:
    """What a click on each bar of the page's charts opens, by what a screen reader says of the bar."""
    found: dict[str, str] = {}
    for chart in shown.get("vega_lite_chart"):
        for one in chart.proto.datasets:
            rows = pa.ipc.open_stream(one.data.data).read_all().to_pylist()
            found |= {row["said"]: row["open"] for row in rows if "open" in row}
    return found


def test_figures_bars_and_rows_lead_to_the_lists_that_they_count(app):
    customers(app, 6, stalled=2)
    app.world.put({"users/u005/videos/c": video("c", status="failed")})
    rollup(app, whole=True)
    page = app.open("fleet", role="operations")
    leads = {said: address for said, address in bars(page).items() if address}
    over = "./fleet?to=customers&fleet-list=Near%20or%20over%20a%20limit&fleet-quota=Storage&fleet-state=Exceeded"
    assert leads == {
        "Failed: 1": "./processing?processing-view=All%20failed",
        "Before the highlights: 2": "./processing?processing-step=Analysis",
        "Storage, Exceeded: 1": over,
    }
    links = {one.proto.label: one.proto.query_string for one in page.get("page_link")}
    assert links["6 customers"] == "to=customers&fleet-list=All+customers"
    assert links["1 over storage"] == over.partition("?")[2].replace("%20", "+")
    assert links["1 failed video"] == "processing-view=All+failed"
    assert links["2 stalled videos"] == "processing-verdict=Analysis+stalled"
    assert links["6 with wrong counters"] == "to=customers&fleet-list=Wrong+counters"
    assert named(page, "Customers by plan").hrefs == ["./fleet?to=customers&fleet-list=All%20customers&fleet-plan=pro"]
    assert set(named(page, "Wrong counters, by counter").hrefs) == {"./fleet?to=customers&fleet-list=Wrong%20counters"}

    shown = app.open("fleet", **{"to": "customers", "fleet-list": "All customers", "fleet-plan": "pro"})
    assert named(shown, "Customers: All customers").data["rows"] == 6
    looker = app.open("fleet", role="support")  # whose pages are not Processing
    assert not [one for one in bars(looker).values() if "processing" in one]
    assert "1 failed video" not in {one.proto.label for one in looker.get("page_link")}
