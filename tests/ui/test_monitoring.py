"""What monitors get: `/healthz` and `/metrics`, with both stores there, and with either of them away."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import anyio
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.requests import Request

from pages._ui.data import loads, resources
from pages._ui.server import health, parts
from tests.rigs.http_faults import FaultProxy, Meanwhile
from tests.rigs.records import video
from tests.ui.conftest import LiveApp
from tests.ui.test_pages import ordinary

TOKEN = "a-long-enough-token"
Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def ask(path: str) -> httpx.Response:
    """One request of a monitor to the desk's own server, past Streamlit."""

    async def once() -> httpx.Response:
        given = parts()
        server = Starlette(routes=given["routes"], middleware=given["middleware"])
        transport = httpx.ASGITransport(app=server)
        async with httpx.AsyncClient(transport=transport, base_url="http://desk.corp.test") as client:
            return await client.get(path, headers={"Authorization": f"Bearer {TOKEN}"})

    return anyio.run(once)


def scrape() -> Series:
    answer = ask("/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name.removeprefix("clipdesk_"), frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def of(series: Series, name: str, **labels: str) -> float | None:
    return series.get((name, frozenset(labels.items())))


@pytest.fixture
def stalled(app: LiveApp, monkeypatch: pytest.MonkeyPatch) -> LiveApp:
    """An ordinary customer, and one video whose analysis stopped three hours ago."""
    ordinary(app)
    long_ago = datetime.now(UTC) - timedelta(hours=3)
    app.world.put(
        {"users/u1/videos/vid-0002": video("vid-0002", status="processing", created_at=long_ago, updated_at=long_ago)}
    )
    monkeypatch.setenv("METRICS_TOKEN", TOKEN)
    return app


def test_both_stores_answer(stalled: LiveApp) -> None:
    answer = ask("/healthz")
    assert answer.status_code == 200
    assert answer.json()["stores"] == {"firestore": True, "r2": True}
    series = scrape()
    assert of(series, "store_up", store="firestore") == of(series, "store_up", store="r2") == 1
    assert of(series, "videos", status="processing") == of(series, "stuck_videos", step="analysis") == 1
    assert of(series, "stuck_verdicts", verdict="analysis_stalled") == 1
    assert 10_700 < (of(series, "stuck_oldest_seconds") or 0) < 11_200
    assert of(series, "jobs", state="running") == of(series, "outages") == 0
    assert (of(series, "billed_operations_total", operation="firestore_reads") or 0) > 0
    counted = of(series, "store_answer_seconds_count", store="firestore") or 0
    assert counted == of(series, "store_answer_seconds_bucket", store="firestore", le="+Inf")
    assert counted > 0
    assert not [name for name, _ in series if name.startswith("rollup")]  # none was ever made: unknown is not 0


def test_scrapes_and_probes_share_one_look(stalled: LiveApp) -> None:
    ask("/healthz")
    scrape()
    stalled.world.faults.reads.clear()
    for _ in range(5):
        ask("/healthz")
        scrape()
    assert stalled.world.faults.reads.total() == 0


def test_no_series_names_a_customer(stalled: LiveApp) -> None:
    text = ask("/metrics").text + ask("/healthz").text
    for word in ("u1", "vid-0002", "ada@", "A talk", stalled.bucket):
        assert word not in text


def test_firestore_is_away(stalled: LiveApp) -> None:
    with stalled.world.faults.outage():
        answer, series = ask("/healthz"), scrape()
    assert answer.status_code == 503
    assert answer.json()["stores"] == {"firestore": False, "r2": True}
    assert of(series, "store_up", store="firestore") == 0
    assert of(series, "store_up", store="r2") == 1
    for source in ("statuses", "stuck", "jobs", "rollup"):
        assert of(series, "source_up", source=source) == 0, source
    unknown = ("videos", "stuck", "jobs", "rollup", "outages")
    assert not [name for name, _ in series if name.startswith(unknown)]


def test_the_bucket_is_away(stalled: LiveApp, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("R2_ENDPOINT_URL", proxy.endpoint)
    resources.close()
    proxy.down()
    answer, series = ask("/healthz"), scrape()
    assert answer.status_code == 503
    assert answer.json()["stores"] == {"firestore": True, "r2": False}
    assert of(series, "store_up", store="r2") == 0
    assert of(series, "videos", status="processing") == 1


def test_probes_of_a_store_that_hangs_leave_the_threads_of_pages_alone(
    stalled: LiveApp, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store's answer waits for the work of another request, for which the probes must leave a thread."""
    monkeypatch.setenv("R2_ENDPOINT_URL", proxy.endpoint)
    resources.close()
    loads.refresh_backends()  # as at the start of a server: there is no former look to show meanwhile
    looking, released, order = threading.Event(), threading.Event(), list[str]()
    proxy.on(Meanwhile(lambda: (looking.set(), released.wait(60))))
    look = health.look

    def noted() -> dict[str, object]:
        found = look()
        order.append("probe")
        return found

    async def all_at_once() -> None:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2))

        async def page() -> None:
            while not looking.is_set():
                await asyncio.sleep(0.05)
            await asyncio.to_thread(order.append, "page")
            released.set()

        await asyncio.gather(*(health.healthz(Request({"type": "http"})) for _ in range(4)), page())

    monkeypatch.setattr(health, "look", noted)
    asyncio.run(all_at_once())
    assert order == ["page", *["probe"] * 4]


def test_without_valid_settings_nobody_could_ask(stalled: LiveApp, monkeypatch: pytest.MonkeyPatch) -> None:
    resources.close()
    monkeypatch.delenv("R2_BUCKET_NAME")
    answer = ask("/healthz")
    assert answer.status_code == 503
    assert answer.json() == {
        "ok": False,
        "stores": {"firestore": None, "r2": None},
        "read_at": None,
        "code": "configuration",
    }
    series = scrape()
    assert of(series, "store_up", store="r2") is None, "nobody asked it, so nobody knows that it is away"
    assert of(series, "source_up", source="stores") == 0
