"""What every action of this package works with."""

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
SETTLING_SECONDS = 65.0  # as long as a request to the bucket store may take (see `storage.clients.r2.CHANGING`)


def silent(_: str) -> None:
    """Progress that nobody wants to hear of."""


class DeploymentSecret:
    """What a process knows of the secret that plans are sealed with: `storage.actions.purge.sealing` reads it."""

    def __init__(self) -> None:
        self.value: bytes | None = None


@dataclass(frozen=True, slots=True)
class Purging:
    """Stores, writers, audit and bounds. `pauses` are the seconds to wait after a fault that may pass, in turn;
    a worker that has used them up leaves the job to the next one. `progress` hears of what goes on, in words.
    `wait` lets seconds pass in which what a worker that is gone had sent settles.
    `clock` is this machine's: for sign-ins and for showing. What leads to something being removed, taken over, expired
    or allowed goes by `now`.
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
        """The present by Firestore's time, whatever this machine's clock says; one read."""
        return store_time(self.stores.handle)

    @property
    def target(self) -> PlanTarget:
        """This machine's bucket, project and layout, as a plan names them."""
        settings = self.stores.settings
        return PlanTarget(settings.r2.bucket, settings.firestore.project_id, self.stores.layout.prefix)


def open_purging(stores: Stores, progress: Callable[[str], None] = silent) -> Purging:
    """The context for these stores; opens the writers."""
    writers = open_writers(stores)
    return Purging(
        stores, writers, open_audit(stores, writers), Jobs(stores.handle), stores.settings.purge, progress=progress
    )
