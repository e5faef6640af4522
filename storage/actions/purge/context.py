"""The context of every action in this package: stores, writers, audit, limits and this deployment's secret."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from storage.actions.audit import AuditTrail, open_audit
from storage.actions.writers import Writers, open_writers
from storage.domain.purge.plan import PlanTarget
from storage.domain.purge.scope import PurgeLimits
from storage.repositories.clock import utc_now
from storage.repositories.jobs import Jobs
from storage.repositories.store_time import store_time
from storage.repositories.stores import Stores

PAUSES_SECONDS = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
SETTLING_SECONDS = 65.0  # the longest time that a request to the bucket takes (see `storage.clients.r2.CHANGING`)


def silent(_: str) -> None:
    """Drops the message: the default where no caller shows the progress."""


class DeploymentSecret:
    """What a process knows of the secret that seals plans; `storage.actions.purge.sealing` reads it."""

    def __init__(self) -> None:
        self.value: bytes | None = None


@dataclass(frozen=True, slots=True)
class Purging:
    """Stores, writers, audit and limits.

    `pauses` are the seconds that a worker waits after each fault that may pass, in turn; a worker that has used them
    all leaves the job to the next worker. `progress` gets the messages about the progress. `wait` sleeps for some
    seconds, in which the last requests of a dead worker settle. `clock` is this machine's clock: it serves sign-ins and
    display only. `now` decides whether something is removed, taken over, expired or allowed.
    """

    stores: Stores
    writers: Writers
    trail: AuditTrail
    jobs: Jobs
    limits: PurgeLimits
    clock: Callable[[], datetime] = utc_now
    pauses: tuple[float, ...] = field(default=PAUSES_SECONDS)
    progress: Callable[[str], None] = silent
    wait: Callable[[float], None] = time.sleep
    secret: DeploymentSecret = field(default_factory=DeploymentSecret, repr=False, compare=False)

    def now(self) -> datetime:
        """The present by Firestore's time, whatever this machine's clock says; costs one read."""
        return store_time(self.stores.handle)

    @property
    def target(self) -> PlanTarget:
        """This machine's bucket, project and layout, in the form that a plan holds."""
        settings = self.stores.settings
        return PlanTarget(settings.r2.bucket, settings.firestore.project_id, self.stores.layout.prefix)


def open_purging(stores: Stores, progress: Callable[[str], None] = silent) -> Purging:
    """The context for these stores; opens the writers."""
    writers = open_writers(stores)
    return Purging(
        stores, writers, open_audit(stores, writers), Jobs(stores.handle), stores.settings.purge, progress=progress
    )
