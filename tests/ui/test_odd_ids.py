"""The pages about customers whose ids nobody would type: the links' own ids are taken as they are."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.rigs.lists import lists
from tests.rigs.odd_ids import BLANK, LINE, NUMBER, UIDS, bucket_objects, documents
from tests.rigs.seaweed import SeaweedRig
from tests.ui.conftest import LiveApp, words

IDS = [(BLANK, LINE), (LINE, LINE), (NUMBER, NUMBER), (BLANK, "a\u2028b")]


@pytest.fixture
def odd(app: LiveApp, r2_rig: SeaweedRig) -> LiveApp:
    """Customers with odd ids in both stores."""
    app.world.put(documents())
    r2_rig.put(app.bucket, bucket_objects())
    return app


def test_every_page_opens_such_a_customer_and_nobody_else(odd: LiveApp) -> None:
    for uid, video in IDS:
        query = {"uid": uid, "video_id": video}
        for page in ("user", "video", "uploads", "purge", "processing", "audit"):
            opened = odd.open(page, **({"uid": uid} if page in {"user", "audit"} else query))
            text = words(opened)
            assert "Something went wrong" not in text, (page, uid)
            assert "There is no customer" not in text, (page, uid)
            assert "blank" not in text, (page, uid)
            if page == "purge":
                assert "Make the plan" in [button.label for button in opened.button]
            if page == "uploads":
                assert "All files are in place" in text
    for page in ("overview", "fleet", "processing", "find"):
        assert "Something went wrong" not in words(odd.open(page))


def test_a_search_leads_to_such_a_customer_by_a_link_that_keeps_the_id(odd: LiveApp) -> None:
    opened = odd.open("find", q=f"https://cdn.example/users/{quote(BLANK)}/{quote(LINE)}/highlights.json")
    frames = [one.value for one in lists(opened)]
    links = [str(value) for frame in frames for value in frame.to_numpy().ravel()]
    links += [str(one.proto) for one in opened.get("page_link")]
    assert any(quote(BLANK, safe="") in link for link in links) or BLANK in words(opened)


def test_a_form_leaves_the_id_of_the_address_and_checks_what_is_typed(odd: LiveApp) -> None:
    opened = odd.open("uploads", uid=BLANK, video_id=LINE)
    again = next(button for button in opened.button if button.label == "Check").click().run()
    assert again.query_params["uid"] in (BLANK, [BLANK])
    assert again.query_params["video_id"] in (LINE, [LINE])
    plan = odd.open("purge", uid=BLANK, video_id=LINE)
    chosen = next(button for button in plan.button if button.label == "Choose").click().run()
    assert chosen.query_params["uid"] in (BLANK, [BLANK])
    box = next(one for one in chosen.text_input if one.label == "Customer id")
    box.set_value("a\x01b")
    refused = next(button for button in chosen.button if button.label == "Choose").click().run()
    assert "--exact-ids" in words(refused)


def test_a_scan_goes_through_all_of_them(odd: LiveApp) -> None:
    from datetime import UTC, datetime

    from pages._ui.data import loads
    from storage.services.background import Scans

    odd.open("uploads")
    scan = Scans().start(loads.checker(), most_users=50, resume_after=NUMBER, asked_by="ada@corp.test")
    scan.wait(60)
    found = scan.snapshot()
    assert (found.state, found.complete) == ("done", True)
    assert found.totals["checked"]["users"] == len(UIDS)  # the number is listed first, and left out
    assert found.ended_at is not None
    assert found.ended_at <= datetime.now(UTC)
