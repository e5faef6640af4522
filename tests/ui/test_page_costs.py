"""What each page says it was billed is what the stores counted: nothing that drawing asks for escapes the meter."""

from __future__ import annotations

import re
from typing import Any

import pytest

from pages._ui.data import resources
from tests.rigs.http_faults import FaultProxy
from tests.rigs.seaweed import SeaweedRig
from tests.ui.conftest import LiveApp, words
from tests.ui.test_pages import PAGES, ordinary, query_of


def said(page: Any, word: str) -> int:
    """A number of the line below the menu: reads, writes, lists, object reads."""
    line = next(block.value for block in page.sidebar.caption if "Cost of this page" in block.value)
    found = re.search(rf"([\d,]+) (?:{word})\b", line)
    return int(found[1].replace(",", "")) if found else 0


def test_every_page_says_what_the_stores_counted(
    app: LiveApp, r2_rig: SeaweedRig, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    ordinary(app)
    monkeypatch.setenv("R2_ENDPOINT_URL", proxy.endpoint)
    monkeypatch.setenv("HIGHLIGHTS_SOURCE", "document")  # which is found out once an hour, and billed apart
    billed: dict[str, int] = {}
    for name in PAGES:
        resources.close()
        proxy.clear()
        app.world.faults.clear()
        page = app.open(name, **query_of(name))
        words(page)
        billed[name] = app.world.faults.reads.total()
        assert said(page, "reads?") == billed[name], name
        assert said(page, "lists?") == proxy.count("GET", query="list-type|uploads"), name
        assert said(page, "object reads?") == proxy.count("GET", query="^$") + proxy.count("HEAD"), name
    assert billed["user"] > 10
    assert billed["overview"] > 10
