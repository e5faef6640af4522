"""An address that names a plan or a job of another kind leads to the page that shows it."""

from __future__ import annotations

import pytest

from pages._ui.nav import SCREENS
from storage.domain.places import place_of
from tests.ui.conftest import LiveApp, open_page, words

REST = "20260101-000000-00000000"
IDS = [f"{word}-{REST}" for word in ("plan", "purge", "rplan", "repair", "oplan", "orphans")]
ADDRESSES = [("purge", "job"), ("purge", "plan"), ("processing", "repair"), ("uploads", "orphans"), ("find", "q")]


@pytest.mark.parametrize(("page", "parameter"), ADDRESSES)
def test_each_id_of_another_kind_leads_to_its_page(app: LiveApp, page: str, parameter: str) -> None:
    led = 0
    for name in IDS:
        place = place_of(name)
        assert place is not None
        if (place.page, place.parameter) == (page, parameter):
            continue
        shown = open_page(page, **{parameter: name})
        text = words(shown)
        assert f"{name} is {place.noun}. The page {SCREENS[place.page].title} shows it." in text
        (link,) = [one.proto for one in shown.get("page_link") if one.proto.label == "Open it there"]
        assert (link.page, link.query_string) == (place.page, f"{place.parameter}={name}")
        assert len(shown.title) == 1, "a page has its heading wherever it leads"
        led += 1
    assert led >= 4


def test_find_leads_to_what_a_pasted_line_names(app: LiveApp) -> None:
    shown = open_page("find", q=f"The purge purge-{REST} can be undone until 2026-01-02 10:00 UTC")
    assert f"purge-{REST} is the job of a purge." in words(shown).replace("**", "")
    link = next(one.proto for one in shown.get("page_link") if one.proto.page == "purge" and one.proto.query_string)
    assert link.query_string == f"job=purge-{REST}"
