"""Addresses are masked for support on every page until revealed, which is on record; who may see them sees them."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from pages._ui.access.addresses import Seen
from pages._ui.views import customers, fleet
from storage.actions.rollup import run_rollup
from storage.domain.usage import DEFAULT_LIMITS
from storage.repositories.audit_log import AuditLog
from storage.text import with_masked_addresses
from tests.rigs.records import user, video
from tests.ui.conftest import LiveApp, words
from tests.ui.test_fixes import press

ADDRESS, MASKED = "ada.lovelace@example.com", "a•••@example.com"
IDS = {"uid": "u1", "video_id": "vid-0001"}
USER = {"uid": "u1", "draft_id": "d1"}
PLACES = [("overview", {}), ("find", {"q": "u1"}), ("user", USER), ("video", IDS), ("fleet", {})]


@pytest.fixture
def customer(app: LiveApp, monkeypatch: pytest.MonkeyPatch) -> LiveApp:
    """One customer over the limit, so that every list has them, in figures of now."""
    monkeypatch.setenv("HIGHLIGHTS_SOURCE", "document")
    now, charge_of = datetime.now(UTC), f"for {ADDRESS}"
    charge = {"timestamp": now, "operation_type": "render", "description": charge_of}
    app.world.put(
        {
            "users/u1": user("u1", email=ADDRESS, total_storage_bytes=9_000),
            "users/u1/videos/vid-0001": video("vid-0001", clips_count=0, total_size_bytes=0, error_message=charge_of),
            "users/u1/analysis_drafts/d1": {"status": "failed", "error_message": charge_of, "created_at": now},
            "users/u1/credit_transactions/t2": {**charge, "metadata": {"draft_id": "d1"}},
            "users/u1/credit_transactions/t1": charge,
            "plans/pro": {"id": "pro", "name": "Pro", "limits": {"storage_limit_bytes": 1_000}},
        }
    )
    records, writer = app.world.records, app.world.writer
    run_rollup(records, writer, DEFAULT_LIMITS, lambda: now, stale_after=timedelta(minutes=15))
    return app


def everything(page: AppTest) -> str:
    """All that the browser gets: words, lists, charts."""
    kinds = ("vega_lite_chart", "arrow_vega_lite_chart", "bidi_component")
    sent = [str(getattr(one, "proto", "")) for kind in kinds for one in page.get(kind)]
    return "\n".join([words(page), *sent])


@pytest.mark.parametrize(("page", "query"), PLACES, ids=[page for page, _ in PLACES])
def test_support_sees_no_address_on_any_page_and_operations_do(customer, page, query):
    masked = everything(customer.open(page, role="support", **query))
    assert MASKED in masked
    assert "lovelace" not in masked
    assert ADDRESS in everything(customer.open(page, role="operations", **query))


def test_support_still_finds_a_customer_by_the_whole_address(customer):
    text = words(customer.open("find", role="support", q=ADDRESS.upper()))
    assert "exact e-mail match" in text
    assert MASKED in text


@pytest.mark.parametrize("part", ["ada", "ada.love", "lovelace@", "@example.com", ADDRESS[:-1]])
def test_support_finds_nobody_by_a_part_of_an_address_and_is_told_why(customer, part):
    text = words(customer.open("find", role="support", q=part))
    assert "Nothing was found" in text
    assert "finds a customer by the whole one" in text
    assert "Nothing was found" not in words(customer.open("find", role="operations", q=part))


def test_the_search_says_beforehand_what_of_an_address_finds_a_customer(app):
    assert "a part of one finds nobody" in words(app.open("find", role="support"))
    assert "e-mail address or a part of it" in words(app.open("find", role="operations"))


def test_a_reveal_is_for_one_customer_holds_for_the_session_and_is_on_record(customer):
    page = customer.open("user", role="support", uid="u1")
    assert ADDRESS not in words(page)
    press(page, "Reveal the address")
    assert ADDRESS in words(page)
    assert "Reveal the address" not in [one.label for one in page.button]
    page.switch_page("pages/overview.py").run()
    assert ADDRESS in words(page)
    (told,) = AuditLog(customer.world.handle).search(uid="u1", action="address.reveal", limit=5)
    assert (told["actor"], told["outcome"]) == ("support@demo.local", "done")
    assert ADDRESS not in json.dumps(told, default=str)
    assert ADDRESS not in words(customer.open("user", role="support", uid="u1"))  # another session


def test_a_document_as_it_is_has_no_address_for_support(customer):
    for role, shown in (("support", False), ("engineer", True)):
        page = customer.open("video", role=role, **IDS)
        page.segmented_control("video-raw").set_value("Customer").run()
        text = "\n".join(block.value for block in page.code)
        assert "total_storage_bytes" in text
        assert (ADDRESS in text) is shown


def test_rows_for_a_file_are_masked_and_the_filter_helps_nobody_to_guess():
    rows = pd.DataFrame({"uid": ["u1", "u2"], "email": [ADDRESS, None], "created_by": ["u1", ADDRESS], "plan": "pro"})
    rows["error_message"], rows["at"] = [f"no mail to {ADDRESS}", None], datetime.now(UTC)
    seen = Seen(False, {"u2"})
    out = io.StringIO()
    seen.frame(rows).to_csv(out)
    assert f"no mail to {MASKED}" in out.getvalue()
    assert seen.frame(rows)["at"].dtype == rows["at"].dtype
    assert out.getvalue().count(ADDRESS) == 1  # that of the customer who was revealed
    assert seen.column(rows["email"], rows["uid"]) == [MASKED, "u2"]
    assert Seen(True).frame(rows) is rows
    for text, found in {"ada": 0, ADDRESS.upper(): 1, "u1": 1, "": 2}.items():
        assert len(fleet.filtered(rows, [], text, whole=False)) == found, text
    assert len(fleet.filtered(rows, [], "ada")) == 1
    table = customers.pa.table({"uid": ["u1", "u2"], "email": [ADDRESS, None], "plan": ["pro", "pro"]})
    for text, found in {"ada": 0, ADDRESS.upper(): 1, "u1": 1}.items():
        assert customers.filtered(table, fleet.EVERYBODY, "", [], [], text, whole=False).num_rows == found, text


def test_rows_stand_in_the_order_of_the_addresses_that_the_person_sees():
    held = {"u1": "ab@b.test", "u2": "aa@b.test", "u3": "az@a.test", "u4": None, "u5": "Zoe@a.test", "u6": "ac@b.test"}
    table = customers.pa.table({"uid": list(held), "email": list(held.values())})

    def order(seen: Seen) -> list[str]:
        return customers.sorted_rows(table, fleet.EVERYBODY, "", "Address", seen).column("uid").to_pylist()

    assert order(Seen(True)) == ["u2", "u1", "u6", "u3", "u5", "u4"]
    assert order(Seen(False)) == ["u3", "u1", "u2", "u6", "u5", "u4"], "a hidden letter decides nothing"
    assert order(Seen(False, {"u6"})) == ["u6", "u3", "u1", "u2", "u5", "u4"]


@pytest.mark.parametrize("address", ["o'brien@example.com", "ada.lovelace@intranet", "ada/lovelace@example.com"])
def test_an_address_of_an_unusual_form_is_masked_in_find(app, address):
    app.world.put({"users/u1": user("u1", email=address)})
    shown = words(app.open("find", role="support", q="u1"))
    assert f"{address[0]}•••@" in shown
    assert address[1:] not in shown
    assert address[2:6] not in shown


def test_a_document_that_is_cut_within_an_address_shows_no_part_of_it(app):
    app.world.put({"users/u1": user("u1"), "users/u1/videos/vid-0001": video("vid-0001", notes="x " * 994 + ADDRESS)})
    page = app.open("video", role="support", **IDS)
    page.segmented_control("video-raw").set_value("Video").run()
    text = "\n".join(block.value for block in page.code)
    assert "notes" in text
    assert "ada.love" not in text


def test_an_apostrophe_belongs_to_an_address():
    text, masked = "of O'Brien@example.com, 'ada@example.com'", "of O•••@example.com, 'a•••@example.com'"
    assert with_masked_addresses(text) == masked
