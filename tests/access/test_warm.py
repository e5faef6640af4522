"""What the server does before its first visitor."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator

import pytest

from pages._ui import nav
from pages._ui.data import resources
from pages._ui.server.lifespan import _warm
from storage.errors import Unreachable


@pytest.fixture
def thawed() -> Iterator[None]:
    """Leaves the collector of this process as it was."""
    gc.unfreeze()
    yield
    gc.freeze()  # as it is for all tests: see `pytest_collection_finish`


@pytest.mark.usefixtures("thawed")
def test_what_is_there_before_the_first_visitor_is_not_gone_over_after_each_page_even_where_no_store_opens(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away() -> None:
        raise Unreachable("no store today")

    monkeypatch.setattr(resources, "stores", away)
    _warm()
    assert all(f"pages.{name}" in sys.modules for name in nav.SCREENS)
    assert gc.get_freeze_count() > 10 * len(gc.get_objects())
    assert "no store today" in caplog.text
