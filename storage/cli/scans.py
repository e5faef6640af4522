"""`scans`: the kept scans, one of them, what is new between two, and the join of what shards kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from storage.cli.context import Context
from storage.cli.output import clock, print_json, safe, say, say_checked, say_table
from storage.domain.scans.comparison import diff, findings_of, repeat_offenders
from storage.domain.scans.kept import ScanHead
from storage.domain.scans.parts import check_run, name
from storage.errors import BadInput
from storage.ids import check_id
from storage.repositories.scans import scan_records
from storage.services.scans import MAX_LIMIT, kept_scan, two_scans
from storage.text import number

if TYPE_CHECKING:
    from storage.actions.scans import ScanKeeper

_SHOWN = 50  # findings that a person is shown of each list


def run_scans(context: Context, what: str | None, scan_ids: Sequence[str], run: str | None, limit: int) -> int:
    """Exit 0, or 1 where there is no such scan, where `join` misses a part, or where `diff` finds new errors."""
    for scan_id in scan_ids:
        check_id(scan_id, "SCAN_IDS")
    if run is not None and (what != "join" or scan_ids):
        raise BadInput("--run goes with join, without SCAN_IDS", field_name="run", remedy="Leave it out.")
    if not 1 <= limit <= MAX_LIMIT:
        raise BadInput(
            f"--limit takes 1 to {MAX_LIMIT:,}, not {limit}", field_name="limit", remedy="For example --limit 30."
        )
    if what is None:
        return _list(context, limit)
    if what == "show":
        return _show(context, scan_ids)
    if what == "diff":
        return _diff(context, scan_ids)
    return _join(context, scan_ids, check_run(run) if run is not None else "")


def scan_keeper(context: Context) -> ScanKeeper:
    """Both stores, to keep scans in."""
    from storage.actions.scans import ScanKeeper  # only here: most commands change nothing

    stores = context.stores
    days = stores.settings.scan_retention_days
    return ScanKeeper(stores.records, stores.objects, context.writers(), stores.layout, context.now, days)


def _list(context: Context, limit: int) -> int:
    heads = scan_records(context.stores.records).heads(limit)
    if context.as_json:
        print_json({"scans": [head.as_dict() for head in heads]})
        return 0
    if not heads:
        say("No scan is kept yet: python -m storage verify --all --keep")
        return 0
    rows = [
        (
            head.scan_id,
            clock(head.finished_at),
            _extent(head),
            f"{head.checked.get('users', 0):,}",
            f"{head.findings:,}",
            f"{head.new:,}",
            f"{head.gone:,}",
        )
        for head in heads
    ]
    say_table(("SCAN", "ENDED", "EXTENT", "CUSTOMERS", "FINDINGS", "NEW", "GONE"), rows)
    return 0


def _extent(head: ScanHead) -> str:
    extent = f"part {name(head)}{f' of run {head.run}' if head.run else ''}" if head.part else "whole"
    return f"{extent}{'' if head.complete else ', INCOMPLETE'}{', IMPLAUSIBLE' if head.doubt else ''}"


def _show(context: Context, scan_ids: Sequence[str]) -> int:
    if len(scan_ids) != 1:
        raise BadInput("show takes one scan", field_name="SCAN_IDS", remedy="List them: python -m storage scans")
    kept = kept_scan(context.stores, scan_ids[0])
    findings = findings_of(kept.frame)
    if context.as_json:
        document = {
            **kept.head.as_dict(),
            "coverage": kept.coverage.as_dict(),
            "findings": findings,
            "repeat_offenders": repeat_offenders(kept.frame),
        }
        print_json(document)
        return 0
    _say_head(kept.head)
    _say_findings("findings", findings)
    _say_offenders(repeat_offenders(kept.frame))
    return 0


def _diff(context: Context, scan_ids: Sequence[str]) -> int:
    old, new = two_scans(context.stores.records, context.stores.objects, scan_ids)
    found = diff(old, new)
    status = 1 if found["new_errors"] else 0
    if context.as_json:
        print_json(found)
        return status
    say(f"from {old.head.scan_id} ({clock(old.head.finished_at)})")
    _say_head(new.head)
    counts = f"{len(found['new_findings']):,} new, {len(found['gone_findings']):,} gone, {found['still']:,} still there"
    unseen = f", {found['not_looked_at']:,} not looked at again" if found["not_looked_at"] else ""
    say(f"{counts}{unseen}")
    _say_findings("new", found["new_findings"])
    _say_findings("gone", found["gone_findings"])
    _say_offenders(found["repeat_offenders"])
    return status


def _join(context: Context, scan_ids: Sequence[str], run: str) -> int:
    from storage.actions.purge.context import open_purging
    from storage.actions.purge.meanwhile import OF_SCANS, take_purged
    from storage.actions.scans import join_scans, parts_to_join

    keeper = scan_keeper(context)
    parts = parts_to_join(keeper, scan_ids, run)
    head = join_scans(keeper, parts)
    take_purged(open_purging(context.stores), head.started_at, OF_SCANS)
    if context.as_json:
        print_json({**head.as_dict(), **parts.as_dict()})
        return 0
    _say_head(head)
    say(f"joined of run {parts.run}:" if parts.run else "joined:")
    rows = [(name(one), one.scan_id, clock(one.started_at), clock(one.finished_at)) for one in parts.heads]
    say_table(("SHARD", "PART", "BEGAN", "ENDED"), rows)
    for words in parts.notes:
        say(f"NOTE: {words}")
    return 0


def _say_head(head: ScanHead) -> None:
    say(f"scan {head.scan_id}, {_extent(head)}, ended {clock(head.finished_at)}")
    if head.doubt:
        say(f"IMPLAUSIBLE: {safe(head.doubt, 300)}")
    for words in head.not_looked_at:
        say(f"not looked at: {safe(words, 300)}")
    say_checked(head.checked)
    say(", ".join(f"{count:,} {kind}" for kind, count in head.summary.items()) or "It found nothing.")
    if head.carried:
        say(f"not looked at again: {number(head.carried, 'finding')} of the scan before")


def _say_findings(title: str, findings: Sequence[Mapping[str, Any]]) -> None:
    if not findings:
        return
    shown = findings[:_SHOWN]
    more = f" (the first {_SHOWN} of {len(findings):,}; --json has all)" if len(shown) < len(findings) else ""
    say()
    say(f"{title}{more}:")
    columns = ("severity", "kind", "uid", "email", "title", "style", "first_seen", "key", "detail")
    say_table([name.upper() for name in columns], [[_cell(row[name]) for name in columns] for row in shown])


def _cell(value: Any) -> Any:
    return clock(value) if hasattr(value, "astimezone") else value


def _say_offenders(found: Iterable[Mapping[str, Any]]) -> None:
    rows = [(one["by"], one["value"], one["findings"], one["new"], one["scans"]) for one in found]
    if rows:
        say()
        say("repeated findings:")
        say_table(("BY", "VALUE", "FINDINGS", "NEW", "SCANS"), rows)
