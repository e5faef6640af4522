"""`check`: tells whether everything that the desk needs is in place."""

from __future__ import annotations

from storage.actions import health
from storage.actions.health import Health
from storage.cli.context import Context
from storage.cli.output import print_json, report_error, safe, say
from storage.clients.meter import metering
from storage.errors import ConfigError


def run_check(context: Context) -> int:
    """Exit 0 when all is well, 1 when a check failed, 2 for configuration, 3 when a backend refused or was away."""
    with metering() as meter:
        try:
            result = health.everything(context.stores, context.now)
        except ConfigError as error:
            result = health.refused_configuration(error)
    status = result.error.exit_status if result.error else 0 if result.ok else 1
    if context.as_json:
        document = {
            "mode": result.mode,
            "ok": result.ok,
            "checks": [check.as_dict() for check in result.checks],
            "cost": meter.cost().as_dict(),
        }
        print_json(document | ({"error": result.error.as_dict()} if result.error else {}))
    else:
        _say_check(result)
    return status


def _say_check(result: Health) -> None:
    say(f"mode: {result.mode}")
    width = max(len(check.name) for check in result.checks)
    for check in result.checks:
        say(f"{'ok  ' if check.ok else 'FAIL'}  {check.name:<{width}}  {safe(check.detail, 300)}")
        if not check.ok and check.remedy:
            say(f"      {'':<{width}}  -> {safe(check.remedy, 600)}")
    if result.error and not isinstance(result.error, ConfigError):
        report_error(result.error, as_json=False)
