"""`alerts run`: tells people what they must know, once for each change of state."""

from __future__ import annotations

from storage.actions import alerts
from storage.actions.alerts import Sources
from storage.actions.purge.context import open_purging
from storage.cli.context import Context
from storage.cli.output import print_json, progress, safe, say, say_table
from storage.clients.messengers import targets_of
from storage.services.verify import checker


def run_run(context: Context, dry_run: bool) -> int:
    """Exit 0 when every target took what it was sent, 3 when one did not, or neither store can keep who was told."""
    stores = context.stores
    targets = targets_of(stores.settings.alerts.urls)
    sources = Sources(open_purging(stores), lambda: checker(stores, context.now), context.now)
    result = alerts.run(sources, targets, dry=dry_run)
    for rule, why in result.unread.items():
        progress(f"not read: {rule}: {safe(why, 400)}")
    if result.elsewhere:
        progress("another run is at work; this one sent nothing")
    if context.as_json:
        unread = [{"rule": rule, "why": why} for rule, why in result.unread.items()]
        sent = [one.as_dict() for one in result.sent]
        looked = [{"of": one.of, "name": one.name, "state": one.state} for one in result.looked]
        more = {"dry_run": dry_run, "unread": unread, "looked_again": looked}
        print_json({"sent": sent, "suppressed": result.suppressed, **more})
    else:
        rows = [(one.rule, safe(one.key), one.state, one.target, _word(one.ok, dry=dry_run)) for one in result.sent]
        say_table(("RULE", "KEY", "STATE", "TARGET", "SENT"), rows)
        say(f"{len(result.sent)} sent, {result.suppressed} not sent: sent before, or held by quiet hours.")
    return 3 if result.failed else 0


def _word(ok: bool, *, dry: bool) -> str:
    return "would be" if dry else "yes" if ok else "NO"
