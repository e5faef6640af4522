"""The bucket alone is away, so failures of reading it are values: each page says it once, and can read it again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import streamlit as st

from pages._ui.data import resources
from pages._ui.kit import away
from tests.rigs.http_faults import Answer, FaultProxy
from tests.rigs.records import user
from tests.rigs.seaweed import SeaweedRig
from tests.ui.conftest import live_app, open_page, words
from tests.ui.test_pages import IDS, ordinary

AWAY = Answer(503, "ServiceUnavailable")
DENIED = Answer(403, "AccessDenied")
ERROR = "R2 has a fault of its own"
ONE = {"uid": "u1"}
PAGES = [("video", IDS, "A talk"), ("uploads", ONE, "Uploads"), ("uploads", IDS, "Uploads")]


@pytest.fixture(scope="module")
def before_the_bucket(r2_rig: SeaweedRig) -> Iterator[FaultProxy]:
    """The ordinary desk with a proxy before the bucket."""
    with (
        pytest.MonkeyPatch.context() as patch,
        live_app(r2_rig, patch) as app,
        FaultProxy(r2_rig.endpoint) as proxy,
    ):
        ordinary(app)
        app.world.put({"users/u2": user("u2")})
        patch.setenv("R2_ENDPOINT_URL", proxy.endpoint)
        yield proxy
        resources.close()


@pytest.fixture
def proxy(before_the_bucket: FaultProxy) -> Iterator[FaultProxy]:
    st.cache_data.clear()
    yield before_the_bucket
    before_the_bucket.clear()


@pytest.mark.parametrize(("page", "query", "title"), PAGES)
def test_a_bucket_that_is_away_is_told_once_at_the_top_and_by_each_part_without_its_error(
    proxy: FaultProxy, page: str, query: dict[str, str], title: str
) -> None:
    proxy.on(AWAY)
    shown = open_page(page, **query)
    text = words(shown)
    assert shown.title[0].value == title
    assert text.index("No answer since") < text.index("R2 does not answer") < text.index(f"\n{title}\n")
    assert [button.label for button in shown.button].count("Try again") == 1
    finding = "Nothing there is known to be missing"  # in each row of the list of findings, which is also the CSV
    told = [line for line in dict.fromkeys(text.splitlines()) if ERROR in line and finding not in line]
    if page == "uploads":
        assert len(told) == 1, told
        assert "(unfinished uploads): R2 does not answer." in text
        assert "2 clips could not be checked" in text
        assert "All files are in place" not in text
        return
    assert len(told) == 2, told  # the notice, and the evidence about the bucket
    assert "Not looked at: the bucket did not answer." in text
    assert "highlights.json: not looked at: the bucket did not answer." in text
    for part in ("whether this video is well", "whether these clips play", "which of these clips are stored and play"):
        assert f"Not known: {part}. R2 does not answer." in text
    assert "Healthy" not in text


@pytest.mark.parametrize(("page", "query", "title"), PAGES)
def test_a_bucket_that_refuses_is_said_to_refuse(
    proxy: FaultProxy, page: str, query: dict[str, str], title: str
) -> None:
    proxy.on(DENIED)
    text = words(open_page(page, **query))
    assert "R2 does not answer" not in text
    assert "not looked at: the bucket" not in text
    assert "All files are in place" not in text
    assert "denied" in text or "refused" in text


@pytest.mark.parametrize(("page", "query", "title"), PAGES)
def test_trying_again_reads_what_was_cached_with_gaps_and_nothing_that_is_whole(
    proxy: FaultProxy, page: str, query: dict[str, str], title: str
) -> None:
    assert "All files are in place" in words(open_page("uploads", uid="u2"))
    assert proxy.count(query="u2")
    proxy.on(AWAY)
    shown = open_page(page, **query)
    proxy.clear()
    assert "R2 does not answer" in words(shown.run()), "it was cached"
    text = words(shown.button(key="desk-away-retry").click().run())
    assert "R2 does not answer" not in text
    assert ERROR not in text
    assert proxy.count(path="vid-0001") or proxy.count(query="u1")
    assert "All files are in place" in words(open_page("uploads", uid="u2"))
    assert not proxy.count(query="u2")


def test_of_answers_with_gaps_only_so_many_are_remembered(proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    away.ask_again()
    proxy.on(AWAY)
    open_page("uploads", **ONE)
    open_page("uploads", uid="u2")
    assert len(away._gaps) > 1
    monkeypatch.setattr(away, "_MOST_GAPS", 1)
    open_page("video", **IDS)
    assert len(away._gaps) == 1
