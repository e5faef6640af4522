"""The scan of all customers on 4 Dask workers of 4 requests in flight against 1, at 200 ms a request and five customers
a range, so that the cores of one machine do not decide it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta

import dask
from distributed import LocalCluster

from benchmarks import scan
from benchmarks.delay import delayed
from storage.clients.cluster import SCHEDULING, workers_at
from storage.domain.deployment import set_to
from storage.domain.integrity import Failure
from storage.domain.usage import DEFAULT_LIMITS
from storage.worker import Same, ScanTask, scan_on_worker

DELAY_MS = 200
RANGES = 128
WORKERS = (1, 4)


@dataclass(frozen=True, slots=True)
class Spread:
    """Seconds of the scan on one worker and on four, and the customers that each saw."""

    customers: int
    one: float
    four: float

    @property
    def faster(self) -> float:
        return self.one / self.four


def measure(customers: int) -> Spread:
    """The scans of a world of so many customers, without the start of the workers."""
    with scan.world(customers) as (project, host, endpoint, bucket), ExitStack() as stack:
        more = DELAY_MS - scan.DELAY_MS
        far_documents = stack.enter_context(delayed(host, more))
        far_objects = stack.enter_context(delayed(endpoint.rpartition("/")[2], more))
        values = scan.environment(project, far_documents, f"http://{far_objects}", bucket)
        one, four = (_seconds(count, values, customers) for count in WORKERS)
    return Spread(customers, one, four)


def _seconds(count: int, values: dict[str, str], customers: int) -> float:
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        stack.enter_context(dask.config.set(SCHEDULING))
        scheduler = stack.enter_context(
            LocalCluster(
                n_workers=0, processes=False, protocol="tcp", host="127.0.0.1", dashboard_address="127.0.0.1:0"
            )
        )
        address = scheduler.scheduler_address
        command = [sys.executable, "-m", "dask", "worker", address, "--no-nanny", "--nthreads", "4", "--no-dashboard"]
        command += ["--memory-limit", "0", "--local-directory", folder]
        for _ in range(count):
            worker = subprocess.Popen(command, env={**os.environ, **values}, stderr=subprocess.DEVNULL)
            stack.callback(worker.wait)
            stack.callback(worker.kill)
        scheduler.wait_for_workers(count)
        stores = Same("live", values["FIREBASE_PROJECT_ID"], values["R2_BUCKET_NAME"])
        deployment, stale = set_to("document", "users/"), timedelta(minutes=15)

        def task(index: int, of: int) -> ScanTask:
            return ScanTask("bench", stores, (index, of), None, deployment, stale, dict(DEFAULT_LIMITS))

        with workers_at(address) as workers:
            list(workers.run(scan_on_worker, {str(i): task(i, 512) for i in range(1, 8 * count + 1)}))  # connections
            began = time.perf_counter()
            found = list(workers.run(scan_on_worker, {str(i): task(i, RANGES) for i in range(1, RANGES + 1)}))
            seconds = time.perf_counter() - began
        scans = [answer for _, answer in found if not isinstance(answer, Failure)]
        assert sum(report.checked.users for one in scans for report in one.reports) == customers
        return seconds


if __name__ == "__main__":
    sys.stdout.write(f"{measure(int(sys.argv[1]))}\n")
