"""The page Uploads for all customers: the last kept scan by harm, what is new, checks of now, a scan begun here."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from grpc import StatusCode

from pages._ui.data import resources, scan_loads
from pages._ui.views import kept
from storage.actions.scans import ScanKeeper, keep_scan
from storage.actions.writers import Writers
from storage.domain.layout import Layout
from storage.domain.scans.coverage import Coverage, ScanRange
from storage.domain.scans.harm import HARMS
from storage.domain.scans.kept import ScanOutcome, table_key
from storage.repositories.scans import scan_records
from tests.rigs.clips import film
from tests.rigs.lists import choose, named, with_column
from tests.rigs.seaweed import NOBODY
from tests.rigs.waiting import PATIENCE_SECONDS, until
from tests.ui.conftest import LiveApp, words
from tests.ui.test_page_uploads import LONG_AGO, customer

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(autouse=True)
def from_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where highlights are served from is found out once an hour, and billed apart."""
    monkeypatch.setenv("HIGHLIGHTS_SOURCE", "object")
    scan_loads.refresh()  # a page of another file may have ended a look in the background after its file had ended


def key(uid: str, scene: int) -> str:
    return f"users/{uid}/vid-0001/clips/clip_01_{scene}_scene_split.mp4"


def finding(uid: str, scene: int = 1, kind: str = "missing_object", **more: Any) -> dict[str, Any]:
    about = {"video_id": "vid-0001", "clip_id": f"vid-0001_{scene}_split", "key": key(uid, scene)}
    return {"kind": kind, "severity": "error", "uid": uid, **about, "detail": "as found", **more}


def keep(app: LiveApp, *findings: dict[str, Any], days: float = 0.0, **more: Any) -> str:
    """A kept scan of so many days ago."""
    at = NOW - timedelta(days=days)
    writers = Writers(app.writer, app.world.writer)
    keeper = ScanKeeper(app.world.records, app.objects, writers, Layout("users/"), lambda: at, 90)
    coverage = more.pop("coverage", Coverage())
    outcome = ScanOutcome(at, at, coverage, more.pop("complete", True), {"users": 7}, **more)
    rows = [{"last_seen_at": at, **one} for one in findings]
    scan_id = keep_scan(keeper, outcome, rows).scan_id
    scan_loads.refresh()
    return scan_id


def rows_of(shown: Any) -> pd.DataFrame:
    return with_column(shown, "what")


def tick(shown: Any, row: int) -> None:
    choose(shown, "uploads-kept", [row])


def press(shown: Any, label: str) -> Any:
    return next(one for one in shown.button if one.label == label).click().run()


def ended(shown: Any) -> Any:
    """The page once the scan has ended."""
    scan = resources.scans().current
    assert scan is not None
    assert scan.wait(PATIENCE_SECONDS)
    until(lambda: not scan.running, "the scan's end")
    return shown.run()


def test_without_a_scan_the_page_says_what_one_is_and_makes_the_first_when_asked(app):
    for number in range(3):
        customer(app, f"u{number}", clips=1, missing=1 if number == 2 else 0)
    shown = app.open("uploads")
    text = words(shown)
    assert "No scan has been kept yet." in text
    assert "python -m storage verify --all --keep" in text
    shown = ended(press(shown, "Check now"))
    text = words(shown)
    assert "Done: every customer was checked" in text
    assert "3 customers, **1 finding** · the first scan that is kept" in text.replace("**1 finding**", "**1 finding**")
    assert list(rows_of(shown)["what"]) == ["Missing object"]
    (head,) = scan_records(app.world.records).heads(5)
    assert (head.asked_by, head.complete, head.summary) == ("admin@demo.local", True, {"missing_object": 1})


def test_the_last_scan_is_shown_by_harm_with_names_and_what_is_new(app):
    customer(app, "u1", clips=3)
    keep(app, finding("u1", 1), finding("u1", 3), days=4)
    other = {"links": ["public"], "owner": "u9", "since": None, "shown_to": "u1"}
    keep(
        app,
        finding("u1", 1),
        finding("u1", 2, "orphan_object", severity="warning", clip_id=None),
        finding("u1", 2, "foreign_key", disclosure=other),
    )
    shown = app.open("uploads")
    text = words(shown)
    assert "7 customers, **3 findings** · **2 new**, 1 gone, 1 still there since the scan before" in text
    table = rows_of(shown)
    assert list(table["what"]) == ["Key outside the account", "Missing object", "File without a document"]
    assert list(table["status"]) == ["New", "Open", "New"]
    assert table["who"].iloc[0] == "u1@example.com"
    assert table["title"].iloc[1] == "About vid-0001 · Scene 1"
    assert (NOW - table["since"].iloc[1].to_pydatetime()).days == 4
    assert [option.content for option in shown.pills(key="uploads-harm").proto.options] == [
        "Disclosure 1", "Cannot be played 1", "Leftovers 1",
    ]  # fmt: skip
    assert "By day and style" in text
    assert "The last scans" in text


def test_the_filters_stand_in_the_address_and_come_from_it(app):
    customer(app, "u1", clips=3)
    keep(app, finding("u1", 1), days=9)
    keep(app, finding("u1", 1), finding("u1", 2, "orphan_object", severity="warning"))
    shown = app.open("uploads", harm="leftover,nonsense")
    assert list(rows_of(shown)["what"]) == ["File without a document"]
    shown.pills(key="uploads-harm").set_value(["not_playable"]).run()
    assert list(rows_of(shown)["what"]) == ["Missing object"]
    assert shown.query_params["harm"] in ("not_playable", ["not_playable"])
    shown.segmented_control(key="uploads-since").set_value("New").run()
    assert "No finding matches the filters." in words(shown)
    shown.pills(key="uploads-harm").set_value([]).run()
    assert list(rows_of(shown)["what"]) == ["File without a document"]
    shown.segmented_control(key="uploads-since").set_value("All").run()
    shown.text_input(key="uploads-find").set_value("SCENE 1").run()
    assert list(rows_of(shown)["what"]) == ["Missing object"]


def test_the_file_has_what_is_shown_under_the_scans_date_and_no_public_link(app, monkeypatch):
    seen: list[tuple[str, Callable[[], bytes]]] = []
    monkeypatch.setattr("pages._ui.kit.tables.st.download_button", lambda *_, **options: seen.append(
        (options["file_name"], options["data"])))  # fmt: skip
    customer(app, "u1", clips=2)
    told = {"owner": "u9", "since": None, "links": ["secret-slug"]}
    keep(app, finding("u1", 1, detail="=1+1"), finding("u1", 2, "foreign_key", disclosure=told))
    words(app.open("uploads", harm="not_playable"))
    name, content = next((name, data()) for name, data in seen if name.startswith("findings-"))
    assert name.startswith(f"findings-of-{NOW:%Y-%m-%d}-20")
    assert b"secret-slug" not in content
    assert b"'=1+1" in content
    table = pd.read_csv(io.BytesIO(content))
    assert list(table["kind"]) == ["missing_object"]
    assert (table["email"].iloc[0], table["status"].iloc[0]) == ("u1@example.com", "Open")


def test_a_row_and_a_whole_customer_are_checked_again_now_beside_what_was_kept(app):
    customer(app, "u1", clips=4, missing=3)
    keep(app, finding("u1", 1), finding("u1", 2))
    shown = app.open("uploads")
    app.writer.put(key("u1", 1), film(), "video/mp4")
    tick(shown, 0)
    press(shown, "Check again")
    assert list(rows_of(shown)["status"]) == ["Gone now", "Open"]
    press(shown, "Check this customer now")
    assert list(rows_of(shown)["status"]) == ["Gone now", "Still there now"]
    text = words(shown)
    assert "of 2 kept findings" in text
    assert "1 other finding" in text  # the third, which no scan has seen yet


def test_what_a_scan_did_not_look_at_is_said_and_stays_in_the_list(app):
    customer(app, "u1")
    customer(app, "u8")
    keep(app, finding("u1"), finding("u8"), days=2)
    words_left = ("the customers after the first 1: access denied",)
    keep(app, finding("u1"), complete=False, not_looked_at=words_left,
         coverage=Coverage((ScanRange(until="u4"),)))  # fmt: skip
    text = words(app.open("uploads"))
    assert "Not everything was looked at" in text
    assert "the customers after the first 1" in text
    assert "Kept from earlier scans, as last seen: 1 finding." in text
    assert "Not looked at again" in text


@pytest.mark.parametrize(("minutes", "said"), [(2, "is going on"), (40, "stopped before its end")])
def test_a_scan_on_a_cluster_shows_how_far_it_is_until_it_is_joined(app: LiveApp, minutes: int, said: str) -> None:
    keep(app, finding("u1"), days=1)
    for index in (1, 2):
        part = Coverage((ScanRange(index, 8),))
        keep(app, days=minutes / 1440, coverage=part, cluster_scan="20261126T100000Z-0a0a0a0a")
    text = words(app.open("uploads"))
    assert f"A scan of all customers on a cluster {said}: **2 of 8 ranges** kept" in text
    assert ("The same command continues" in text) == (minutes == 40)
    assert "1 finding" in text, "the last whole scan stays"
    keep(app, finding("u1"))
    assert "on a cluster" not in words(app.open("uploads"))


def test_a_result_that_cannot_be_true_is_doubted_above_the_list(app):
    customer(app, "u1")
    keep(app, finding("u1"), doubt="Wrong bucket.", coverage=Coverage(doubted=True))
    text = words(app.open("uploads"))
    assert text.index("Do not act on any finding below") < text.index("In doubt")


def test_a_check_of_some_stops_at_its_bound_is_kept_and_goes_on(app, caplog):
    caplog.set_level("INFO", logger="clipdesk")
    for number in range(4):
        customer(app, f"u{number}", clips=1, missing=1 if number in (1, 3) else 0)
    shown = app.open("uploads")
    shown.number_input(key="uploads-most").set_value(3)
    shown = ended(press(shown, "Start"))
    text = words(shown)
    assert "Stopped at the limit" in text
    assert "the customers after the first 3" in text
    assert list(rows_of(shown)["uid"]) == ["u1"]
    shown = ended(press(shown, "Continue where it stopped"))
    assert list(rows_of(shown).sort_values("uid")["uid"]) == ["u1", "u3"]
    assert list(rows_of(shown).sort_values("uid")["status"]) == ["Not looked at again", "New"]
    begun = [record.event for record in caplog.records if getattr(record, "event", {}).get("action") == "scan"]
    assert [(one["actor"], one["outcome"]) for one in begun] == [("admin@demo.local", "begun")] * 2


def test_a_check_whose_bucket_refuses_finds_nothing_missing_and_says_that_it_is_not_kept(app, monkeypatch):
    customer(app)
    monkeypatch.setenv("R2_ACCESS_KEY_ID", NOBODY[0])
    monkeypatch.setenv("R2_SECRET_ACCESS_KEY", NOBODY[1])
    shown = ended(press(app.open("uploads"), "Check now"))
    text = words(shown)
    assert "1 customer could not be read completely" in text
    assert "not kept" in text
    table = with_column(shown, "kind")
    assert set(table["kind"]) == {"Could not be read"}
    assert "Findings of the check on this page, not kept" in text


def test_a_store_that_is_away_is_no_missing_scan(app, monkeypatch):
    customer(app)
    scan_id = keep(app, finding("u1"))
    with app.world.faults.outage(StatusCode.UNAVAILABLE):
        text = words(app.open("uploads"))
    assert "No scan has been kept yet" not in text
    assert "what the last scan found" in text
    app.writer.delete([table_key(scan_id)])
    scan_loads._kept.clear()
    text = words(app.open("uploads"))
    assert "No scan has been kept yet" not in text
    assert "what the last scan found" in text


@pytest.mark.parametrize("role", ["support", "operations", "engineer"])
def test_each_role_sees_the_overviews_disclosure_as_far_as_it_may_know(app, role):
    customer(app, "u1")
    told = {"owner": "u9", "since": None, "links": []}
    keep(app, finding("u1", 1, "foreign_key", disclosure=told), days=0.5)
    text = words(app.open("overview", role=role))
    assert ("Disclosure: 1 video" in text) == (role != "support")
    assert ("1 finding** · the first scan that is kept" in text) == (role != "support")
    if role != "support":
        assert "By the scan of" in text
        assert "u1@example.com · About vid-0001" in text
    assert ("needs the role operations" in words(app.open("uploads", role=role)).replace("*", "")) == (
        role == "support"
    )


def test_the_overview_says_that_no_scan_is_kept_and_tells_of_a_disclosure_without_the_bucket(app):
    assert "No scan of the uploads of all customers is kept." in words(app.open("overview"))
    customer(app, "u1")
    scan_id = keep(app, finding("u1", 1, "foreign_key", disclosure={"owner": "u9", "since": None, "links": []}))
    app.writer.delete([table_key(scan_id)])
    assert "Disclosure: 1 finding" in words(app.open("overview"))


def test_the_page_costs_the_summaries_and_one_object_however_many_findings_there_are(app):
    for count in (1, 40):
        customer(app, "u1", clips=1)
        keep(app, *(finding("u1", scene) for scene in range(count)))
        app.open("uploads")  # the deployment and the rollup are read once
        scan_loads.refresh()
        scan_loads._kept.clear()
        before = app.world.faults.reads.total()
        words(app.open("uploads"))
        assert app.world.faults.reads.total() - before <= 4 + len(scan_records(app.world.records).heads(50))


def test_every_harm_has_its_words() -> None:
    assert list(kept.WORDS) == list(HARMS)


def test_the_days_of_making_are_in_the_heat_map(app, monkeypatch):
    drawn: list[pd.DataFrame] = []
    monkeypatch.setattr(kept.charts, "draw", lambda _form, frame, **_: drawn.append(frame))
    customer(app, "u1", clips=3)
    keep(
        app,
        finding("u1", 1),
        finding("u1", 2),
        finding("u1", 3, "orphan_object", video_id=None, clip_id=None, key=None),
    )
    text = words(app.open("uploads"))
    heat = next(frame for frame in drawn if "Style" in frame)
    made = f"{LONG_AGO:%Y-%m-%d}"
    listed = f"./uploads?uploads-style=split&uploads-find={made}"
    assert heat.to_dict("records") == [{"Day": made, "Style": "split", "open": listed, "Findings": 2}]
    assert "1 finding not in the map: the day" in text
    trend = next(frame for frame in drawn if "Harm" in frame)
    assert dict(zip(trend["Harm"], trend["Findings"], strict=True)) == {"Cannot be played": 2, "Leftovers": 1}
    assert list(trend["open"]) == ["./uploads?harm=not_playable", "./uploads?harm=leftover"]
    assert set(rows_of(app.open("uploads", **{"uploads-style": "split", "uploads-find": made}))["what"]) == {
        "Missing object"
    }


def test_where_findings_repeat_leads_to_them_in_the_list(app):
    for uid in ("u1", "u2"):
        customer(app, uid, clips=2)
    keep(app, *(finding(uid, scene) for uid in ("u1", "u2") for scene in (1, 2)))
    again = named(app.open("uploads"), "Repeated findings")
    leads = dict(zip(again.value["value"], again.hrefs, strict=True))
    assert leads["u1@example.com"] == "./uploads?uploads-find=u1"
    assert leads["split"] == "./uploads?uploads-style=split"
    assert len(rows_of(app.open("uploads", **{"uploads-find": "u1"}))) == 2


def test_a_link_within_the_page_chooses_the_harm_it_names(app):
    customer(app, "u1", clips=3)
    keep(app, finding("u1", 1), finding("u1", 2, "orphan_object", severity="warning", clip_id=None))
    shown = app.open("uploads")
    assert len(rows_of(shown)) == 2
    shown.query_params["harm"] = "leftover"
    assert list(rows_of(shown.run())["what"]) == ["File without a document"]
