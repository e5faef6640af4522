"""Loads the alerts for their page, tries targets, and sends what is due while the server runs."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime

from pages._ui.data import loads, purges
from pages._ui.data.loads import checker
from pages._ui.data.recurring import repeat
from pages._ui.data.resources import stores, trail
from storage.actions import alerts
from storage.actions.alerts import RunResult, Sources
from storage.clients.messengers import Target, targets_of
from storage.domain.policy import Actor
from storage.errors import NotFound

RUN_SECONDS = 300.0  # between two runs of this server

_log = logging.getLogger(__name__)


def targets() -> tuple[Target, ...]:
    """Where alerts go; `ConfigError` names the addresses that are none."""
    return targets_of(stores().settings.alerts.urls)


def run() -> RunResult | None:
    """One run of this server, over the looks that its pages share. Where nobody is to be told, only the looks after
    repairs and purges."""
    sources = Sources(purges.context(), checker, _now, stuck=lambda _checker: loads.stuck().value)
    if not stores().settings.alerts.urls:
        alerts.look_after(sources)
        return None
    return alerts.run(sources, targets())


def try_target(name: str, actor: Actor) -> bool:
    """Sends a trial message to one target; `NotFound` where the settings have no such target any more."""
    target = next((one for one in targets() if one.name == name), None)
    if target is None:
        raise NotFound("There is no such target any more.", remedy="Reload the page.", target=name)
    return alerts.try_target(trail(stores().settings.firestore.project_id), target, actor, _now())


async def keep_telling() -> None:
    """Runs the alerts every few minutes until it is cancelled."""
    await asyncio.sleep(RUN_SECONDS)
    await repeat(run, RUN_SECONDS, _log, "alerts cannot be sent")


def _now() -> datetime:
    return datetime.now(UTC)
