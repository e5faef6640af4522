"""The part of a scan on a cluster that runs on its workers: one range of customers, read with its own settings.

A worker opens its stores once, and reads the unfinished uploads and public links of all customers once a scan.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta

from storage import connect
from storage.clients.circuit import patiently
from storage.clients.meter import metering
from storage.domain.deployment import Deployment
from storage.domain.integrity import Failure, Sample
from storage.domain.ranges import shard_range
from storage.domain.usage import PlanLimits
from storage.errors import ConfigError, Problem, StorageError
from storage.repositories.clock import utc_now
from storage.repositories.stores import Stores
from storage.services.fleet_scan import ONE_OF_MANY, RangeScan, of_everybody, scan_range
from storage.services.verify import ReadScope, VerifyContext
from storage.settings.backends import Settings, is_demo
from storage.settings.reader import read


@dataclass(frozen=True, slots=True)
class Same:
    """What a worker's settings must agree in with those of the client: they name the stores, and hold no secret."""

    mode: str
    project: str
    bucket: str


def same(settings: Settings) -> Same:
    """These settings' stores."""
    return Same(settings.mode, settings.firestore.project_id, settings.r2.bucket)


@dataclass(frozen=True, slots=True)
class ScanTask:
    """One range of a scan: `shard` is (i, n). What the rules depend on comes from the client, so all judge alike."""

    scan: str
    stores: Same
    shard: tuple[int, int]
    sample: Sample | None
    deployment: Deployment
    stale_after: timedelta
    plan_limits: Mapping[str, PlanLimits]


class _Opened:
    """The stores of this process, and what the scan that it works for has read for all customers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stack = ExitStack()
        self._stores: Stores | None = None
        self._scan: tuple[str, VerifyContext, ReadScope] | None = None

    def of(self, task: ScanTask) -> tuple[VerifyContext, ReadScope]:
        """The readers and the scope of a task. Raises `ConfigError` where this worker's settings name others."""
        with self._lock:
            stores = self._opened(task.stores)
            if self._scan is None or self._scan[0] != task.scan:
                checker = VerifyContext(
                    stores.records, stores.objects, task.deployment, utc_now, task.stale_after, task.plan_limits
                )
                self._scan = (task.scan, checker, of_everybody(checker, ReadScope(sample=task.sample)))
            return self._scan[1], replace(self._scan[2], sample=task.sample)

    def _opened(self, wanted: Same) -> Stores:
        if self._stores is None:
            if is_demo(read()) is not (wanted.mode == "demo"):
                raise _other("the mode", wanted.mode)
            self._stores = self._stack.enter_context(connect.opened())
        mine = same(self._stores.settings)
        for name, setting in (("project", "FIREBASE_PROJECT_ID"), ("bucket", "R2_BUCKET_NAME")):
            if getattr(mine, name) != getattr(wanted, name):
                raise _other(setting, getattr(wanted, name))
        return self._stores


_here = _Opened()


def scan_on_worker(task: ScanTask) -> RangeScan | Failure:
    """Scans one range; the error of a store is the answer, in words. `cost` has all that it billed here."""
    with metering() as meter, patiently():
        try:
            checker, scope = _here.of(task)
            found = scan_range(checker, shard_range(*task.shard), scope, ONE_OF_MANY)
        except StorageError as error:
            return Failure(error.target, error.code, error.message, error.remedy)
    return replace(found, cost=meter.cost().as_dict())


def _other(name: str, wanted: str) -> ConfigError:
    remedy = "Give the worker the settings that the client has."
    return ConfigError([Problem(name, f"a worker's settings name other stores than {wanted}", remedy)])
