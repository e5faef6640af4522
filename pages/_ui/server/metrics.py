"""`/metrics`: the state of the product and of the desk, in the form of Prometheus.

The figures are those of the pages, from the same loads and with their life, so that a scrape every 15 seconds costs no
more than a page that is open all day. What could not be read has no series, and its source says so: a source is 0 in
`clipdesk_source_up` then, and an alert on a missing series can tell "none" from "unknown". No label holds an id, an
address or a title.
"""

from __future__ import annotations

import asyncio
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from starlette.requests import Request
from starlette.responses import Response

from pages._ui.server import health
from storage.clients import latency, meter
from storage.errors import StorageError


async def metrics(request: Request) -> Response:
    """The text of all series. The gate lets only the bearer of `METRICS_TOKEN` come here."""
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    text = await asyncio.to_thread(lambda: encode(REGISTRY))
    return Response(text, headers={"Content-Type": content_type, "Cache-Control": "no-store"})


class Desk:
    """Collects all series for one scrape. A source that fails takes only its own series with it."""

    def collect(self) -> Iterator[Metric]:
        sources: tuple[tuple[str, Callable[[], Iterable[Metric]]], ...] = (
            ("stores", _stores),
            ("statuses", _statuses),
            ("stuck", _stuck),
            ("jobs", _jobs),
            ("rollup", _rollup),
            ("scan", _scan),
        )
        up = GaugeMetricFamily(
            "clipdesk_source_up", "1 where the figures of the source could be read", labels=["source"]
        )
        for name, read in sources:
            try:
                found = tuple(read())
            except StorageError:
                up.add_metric([name], 0)
            else:
                up.add_metric([name], 1)
                yield from found
        yield up
        yield from _of_this_process()


def _gauge(name: str, meaning: str, values: Mapping[str, float], label: str) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"clipdesk_{name}", meaning, labels=[label])
    for key, value in sorted(values.items()):
        family.add_metric([key], value)
    return family


def _counted(values: Iterable[str]) -> dict[str, float]:
    return {value: float(number) for value, number in Tally(values).items()}


def _one(name: str, meaning: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"clipdesk_{name}", meaning, value=value)


def _stores() -> Iterator[Metric]:
    found = health.look()
    if found.code:  # nobody could ask: that is not away
        raise StorageError(f"the stores could not be asked: {found.code}")
    answers = {store: float(ok) for store, ok in found.stores.items() if ok is not None}
    yield _gauge("store_up", "1 where the store answers, 0 where it is away or refuses", answers, "store")


def _statuses() -> Iterator[Metric]:
    from pages._ui.data import fleet_loads

    found = fleet_loads.statuses().value
    counts = {status: float(number) for status, number in found.counts.items()}
    yield _gauge("videos", "Videos of all customers by status", counts, "status")
    yield _one("videos_read_timestamp_seconds", "When the videos were counted", found.read_at.timestamp())


def _stuck() -> Iterator[Metric]:
    """Looks at the videos where that is few enough to be done unasked, as on the overview; else the rollup's counts."""
    from pages._ui.data import fleet_loads, loads

    if not fleet_loads.statuses().value.few_to_look_at:
        recent = fleet_loads.fleet().value.recent(datetime.now(UTC))
        if recent is None or recent.stuck is None:
            raise StorageError("no recent rollup says where the videos stopped")
        yield _gauge("stuck_videos", _STUCK, recent.stuck, "step")
        yield _one("stuck_read_timestamp_seconds", "When the stuck videos were looked at", recent.read_at.timestamp())
        return
    loaded = loads.stuck()
    found = loaded.value
    if found.error is not None:
        raise found.error
    steps = {"analysis": 0.0, "render": 0.0, "finish": 0.0, "delivery": 0.0}
    steps |= _counted(video.diagnosis.stage for video in found.videos)
    verdicts = _counted(video.diagnosis.verdict for video in found.videos)
    yield _gauge("stuck_videos", _STUCK, steps, "step")
    yield _gauge("stuck_verdicts", "Videos that need a person, by verdict", verdicts, "verdict")
    ages = [video.diagnosis.age for video in found.videos if video.diagnosis.age is not None]
    oldest = max(ages, default=timedelta(0)).total_seconds()
    yield _one("stuck_oldest_seconds", "Age of the oldest video that needs a person; 0 where none does", oldest)
    yield _one("outages", "Outages among the stuck videos", len(found.outages))
    yield _one("stuck_complete", "0 where the list of stuck videos is a lower bound", float(found.complete))
    yield _one("stuck_read_timestamp_seconds", "When the stuck videos were looked at", loaded.read_at.timestamp())


_STUCK: Final = "Videos that need a person, by the step where they stopped"


def _jobs() -> Iterator[Metric]:
    from pages._ui.data import loads

    states = {"running": 0.0, "interrupted": 0.0}
    states |= _counted(job.state for job in loads.jobs(_JOBS).value)
    yield _gauge("jobs", f"Jobs among the newest {_JOBS}, by state", states, "state")


_JOBS: Final = 50


def _rollup() -> Iterator[Metric]:
    """No series where no rollup was ever made: its age is unknown, not 0."""
    from pages._ui.data import fleet_loads

    view = fleet_loads.fleet().value.view
    if view is not None:
        yield _one("rollup_timestamp_seconds", "When the newest rollup began to read", view.read_at.timestamp())
        yield _one("rollup_complete", "0 where the newest rollup lacks a shard or a customer", float(view.complete))
        yield _one("customers", "Customers, by the newest rollup", view.totals.users)


def _scan() -> Iterator[Metric]:
    """From the newest kept scan's summary; no series where none was ever kept."""
    from pages._ui.data import scan_loads

    head = scan_loads.last().value
    if head is not None:
        yield _one("scan_timestamp_seconds", "When the newest kept scan ended", head.finished_at.timestamp())
        yield _one("scan_complete", "0 where the newest kept scan did not look at everything", float(head.complete))
        yield _one("scan_new_errors", "Errors that the scan before the newest did not have", head.new_errors)
        yield _gauge("findings", "Findings of the newest kept scan by kind", head.summary, "kind")
        yield _gauge("findings_open", "Findings that are known at its end, by harm to the customer", head.open, "harm")


def _of_this_process() -> Iterator[Metric]:
    billed = CounterMetricFamily(
        "clipdesk_billed_operations", "Billed operations of this process", labels=["operation"]
    )
    for operation, count in meter.total.cost().as_dict().items():
        billed.add_metric([operation], count)
    yield billed
    answers = HistogramMetricFamily("clipdesk_store_answer_seconds", "Time to a store's answer", labels=["store"])
    silent = CounterMetricFamily("clipdesk_store_timeouts", "Calls without an answer in time", labels=["store"])
    for store, histogram in sorted(latency.total.by_store().items()):
        within, buckets = 0, []
        for bound, count in zip((*map(str, latency.BOUNDS), "+Inf"), histogram.counts, strict=True):
            within += count
            buckets.append((bound, within))
        answers.add_metric([store.lower()], buckets, sum_value=histogram.seconds)
        silent.add_metric([store.lower()], histogram.timed_out)
    yield answers
    yield silent


REGISTRY: Final = CollectorRegistry()
REGISTRY.register(Desk())
