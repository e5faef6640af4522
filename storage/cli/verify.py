"""`verify`: tells whether the bucket holds every object that the documents name, undamaged."""

from __future__ import annotations

import csv
import json
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from storage.cli.checkpoint import COLUMNS, ScanLog
from storage.cli.cluster import scan_on
from storage.cli.context import Context
from storage.cli.output import (
    clock,
    cost_line,
    plain,
    print_json,
    progress,
    report_error,
    safe,
    say,
    say_checked,
    say_deployment,
    say_table,
    size,
)
from storage.cli.scans import scan_keeper
from storage.clients.circuit import patiently
from storage.clients.cluster import check_cluster
from storage.domain.deployment import Deployment
from storage.domain.integrity import Report, Sample
from storage.domain.scans.coverage import Coverage, ScanRange
from storage.domain.scans.kept import IMPLAUSIBLE, ScanOutcome
from storage.domain.scans.parts import check_run
from storage.errors import BackendError, BadInput, StorageError
from storage.export import safe_cell
from storage.repositories.records import Records
from storage.services import verify
from storage.services.fleet import estimate_scan, find_fleet
from storage.services.fleet_scan import ScanProgress, verify_all
from storage.services.verify import ReadScope, checker, verify_strangers
from storage.settings.reader import read as read_environment
from storage.text import number


def run_verify(
    context: Context,
    uid: str | None,
    video_id: str | None,
    all: bool,
    shard: str | None,
    checkpoint: Path | None,
    strangers: bool,
    contents: float | None,
    keep: bool,
    run: str | None,
    on: str | None,
    csv: bool,
) -> int:
    """Exit 0 without findings, 1 with some, 3 when the scan is incomplete because a backend refused or was away."""
    if csv and context.as_json:
        raise BadInput("--csv and --json cannot be combined", field_name="csv", remedy="Give one of them.")
    if all == (uid is not None):
        raise BadInput("Give a UID, or --all", field_name="arguments", remedy="See: python -m storage verify --help")
    if not all and (shard is not None or checkpoint or strangers or keep or run is not None or on is not None):
        words = "--shard, --checkpoint, --strangers, --keep, --run and --on need --all"
        raise BadInput(words, field_name="all", remedy="Add --all.")
    if run is not None and (shard is None or not keep):
        words = "--run names the run of a part, which --shard and --keep make"
        raise BadInput(words, field_name="run", remedy="Add --shard I/N and --keep, or leave --run out.")
    if shard is not None and strangers:
        raise BadInput(
            "--strangers cannot be combined with --shard", field_name="strangers", remedy="Run it once, alone."
        )
    if on is not None:
        check_cluster(on)
        if shard is not None or checkpoint or strangers:
            words = "--shard, --checkpoint and --strangers cannot be combined with --on"
            raise BadInput(
                words, field_name="on", remedy="Leave them out. With --keep a killed scan continues by itself."
            )
    sample = _sample(contents)
    if uid is None:
        if on is not None:
            return _run_on(context, on, sample, keep=keep, as_csv=csv)
        return _run_all(context, shard, checkpoint, sample, strangers=strangers, keep=keep, run=run, as_csv=csv)
    scope = ReadScope(sample=sample) if sample is not None else None
    report = verify.verify_user(checker(context.stores, context.now), uid, video_id, scope)
    error = verify.incomplete(report.complete, next(iter(report.failures), None))
    if csv:
        _print_csv(finding.as_dict() for finding in report.findings)
    elif context.as_json:
        print_json(report.as_dict() | ({"error": error.as_dict()} if error else {}))
    else:
        _say(report)
    if error and not context.as_json:
        report_error(error, as_json=False)
    return error.exit_status if error else 1 if report.wrong else 0


def _sample(percent: float | None) -> Sample | None:
    """The sample of clips to look into; `None` without `--contents`."""
    if percent is None:
        return None
    if not 0 < percent <= 100:
        remedy = "For example --contents 5; without a number, all."
        raise BadInput("--contents takes more than 0 and at most 100 percent", field_name="contents", remedy=remedy)
    return Sample(percent)


def _say(report: Report) -> None:
    if report.suspicion:
        say(f"IMPLAUSIBLE: {safe(report.suspicion.reason, 600)}")
        for way in report.suspicion.how_to_check:
            say(f"  - {safe(way, 300)}")
    say_deployment(report.deployment)
    if report.prefix_doubt:
        say(f"DOUBT: {safe(report.prefix_doubt, 600)}")
    if report.controls and not report.suspicion:
        say(f"CONTROL: {safe(report.controls.words, 300)}, so what is missing is this customer's loss.")
    counted = report.checked
    say(
        f"{safe(report.scope)}: checked {number(counted.videos, 'video')}, {number(counted.clips, 'clip')}, "
        f"{number(counted.objects, 'object')}" + ("" if report.complete else " - INCOMPLETE")
    )
    looked = report.looked_into.as_dict() if report.looked_into else None
    _say_looked_into(looked)
    found = [finding.as_dict() for finding in report.findings]
    _say_findings(report.summary, found, complete=report.complete, looked_into=looked is not None)
    flying = report.in_flight
    if flying.clips or flying.objects or flying.uploads:
        told = f"{number(flying.clips, 'clip')}, {number(flying.objects, 'object')}, {number(flying.uploads, 'upload')}"
        say(f"in flight ({flying.limit_words}): {told}")
    for cache in report.caches:
        objects = number(cache.objects, "object")
        say(f"cache {cache.kind}: {objects}, {size(cache.size_bytes)}, {cache.overdue:,} overdue")


def _say_looked_into(looked: Mapping[str, int] | None) -> None:
    if looked is not None:
        missed = f"; {looked['not_looked_at']:,} gave no answer" if looked["not_looked_at"] else ""
        read = size(looked["bytes"])
        both = f"{number(looked['clips'], 'clip')} and {number(looked['thumbnails'], 'thumbnail')}"
        say(f"looked into {both}, {read} read{missed}")


def _say_findings(
    summary: Mapping[str, int],
    findings: Iterable[Mapping[str, Any]],
    *,
    complete: bool,
    looked_into: bool,
    owner: tuple[str, ...] = (),
) -> None:
    if not summary:
        more = "and what was looked into plays" if looked_into else "whether it plays was not checked (--contents does)"
        whole = f"Nothing found: every clip that a document claims is in the bucket, as large as it should be; {more}."
        say(whole if complete else "Nothing found so far, but not everything was read: this proves nothing.")
        return
    say(", ".join(f"{number:,} {kind}" for kind, number in summary.items()))
    columns = ("severity", "kind", *owner, "video_id", "clip_id", "key", "detail")
    say_table([c.upper() for c in columns], [[row[c] for c in columns] for row in findings])


def _run_all(
    context: Context,
    shard_text: str | None,
    checkpoint: Path | None,
    sample: Sample | None,
    *,
    strangers: bool,
    keep: bool,
    run: str | None,
    as_csv: bool,
) -> int:
    started = context.now()
    environment = read_environment()
    shard = verify.parse_shard(shard_text, environment) if shard_text is not None else None
    run = run if run is not None or shard_text is None else verify.run_of_job(shard_text, environment) or None
    if run is not None:
        check_run(run)
    shard_text = f"{shard[0]}/{shard[1]}" if shard else None
    stores = context.stores
    header = {
        "scan": "clip-desk verify",
        "project": stores.settings.firestore.project_id,
        "bucket": stores.settings.r2.bucket,
        "shard": shard_text or "1/1",
        **({"contents": sample.percent} if sample else {}),
    }
    _say_estimate(stores.records, shard)
    with patiently(), tempfile.TemporaryDirectory() as folder:
        path, name = (checkpoint, "--checkpoint") if checkpoint else (Path(folder) / "scan.jsonl", "TMPDIR")
        log = ScanLog(path, header, name)
        error: StorageError | None = None
        try:
            for report in verify_all(
                checker(stores, context.now),
                shard=shard,
                resume_after=log.last_uid,
                users_done=log.users,
                on_progress=_progress,
                scope=ReadScope(sample=sample),
            ):
                log.add(report)
            if strangers:
                for report in verify_strangers(checker(stores, context.now), log.last_stranger):
                    log.add(report, stranger=True)
        except StorageError as stopped:
            error = stopped
        stop = error
        error = error or verify.incomplete(log.complete, log.failure)
        coverage = Coverage(
            ranges=(ScanRange(*(shard or (1, 1)), until=log.last_uid if stop else None),),
            strangers=strangers and stop is None,
            contents=sample.percent if sample else None,
            doubted=log.suspicion() is not None,
        )
        kept = _keep(context, log, coverage, started, stop, run or "") if keep else _NOT_ASKED
        try:
            _print_all(log, shard_text, context, error, kept, as_csv=as_csv)
        finally:
            log.close()
    fault = error or kept.error
    return fault.exit_status if fault else 1 if log.wrong else 0


def _run_on(context: Context, address: str, sample: Sample | None, *, keep: bool, as_csv: bool) -> int:
    _say_estimate(context.stores.records, None)
    with patiently(), tempfile.TemporaryDirectory() as folder:
        log = ScanLog(Path(folder) / "scan.jsonl", {"scan": "clip-desk verify on a cluster"}, "TMPDIR")
        try:
            ended = scan_on(context, address, log, sample, keep=keep)
            error = ended.stop or verify.incomplete(log.complete, log.failure)
            kept = _Kept(ended.head.scan_id if ended.head else None, ended.keep_error) if keep else _NOT_ASKED
            _print_all(log, None, context, error, kept, as_csv=as_csv, not_looked_at=ended.not_looked_at)
        finally:
            log.close()
    fault = error or kept.error
    return fault.exit_status if fault else 1 if log.wrong else 0


@dataclass(frozen=True, slots=True)
class _Kept:
    """What became of `--keep`: the scan's id, or what kept it from being kept."""

    scan_id: str | None = None
    error: StorageError | None = None
    asked: bool = True
    run: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The fields of `--json`."""
        more: dict[str, Any] = {"keep_error": self.error.as_dict()} if self.error else {}
        more |= {"run": self.run} if self.run else {}
        return {"scan_id": self.scan_id, **more} if self.asked else {}


_NOT_ASKED = _Kept(asked=False)


def _keep(
    context: Context, log: ScanLog, coverage: Coverage, started: datetime, stop: StorageError | None, run: str
) -> _Kept:
    """Keeps the scan, also one that stopped early. The findings are printed whatever becomes of it."""
    from storage.actions.purge.context import open_purging  # only here: without --keep the command changes nothing
    from storage.actions.purge.meanwhile import OF_SCANS, take_purged
    from storage.actions.scans import keep_scan

    if log.last_uid is None and stop is not None:
        return _Kept()  # it looked at nobody
    left_out = []
    if stop is not None:
        left_out.append(f"the customers after the first {log.users:,}: {stop.code.replace('_', ' ')}")
    if log.incomplete_users:
        why = f": {log.failure.code.replace('_', ' ')}" if log.failure else ""
        left_out.append(f"a part of {number(log.incomplete_users, 'customer')}{why}")
    outcome = ScanOutcome(
        started_at=started,
        finished_at=context.now(),
        coverage=coverage,
        complete=log.complete and stop is None,
        checked={name: log.checked[name] for name in ("users", "videos", "clips", "objects")},
        looked_into=log.looked_into,
        not_looked_at=tuple(left_out),
        doubt=IMPLAUSIBLE if coverage.doubted else "",
        run=run,
    )
    try:
        head = keep_scan(scan_keeper(context), outcome, log.rows())
        take_purged(open_purging(context.stores), started, OF_SCANS)
        return _Kept(head.scan_id, run=head.run)
    except StorageError as error:
        return _Kept(error=error)


def _say_estimate(records: Records, shard: tuple[int, int] | None) -> None:
    """Prints what the scan will cost, where a rollup can tell. A failed estimate does not stop the scan."""
    try:
        view = find_fleet(records).view
    except BackendError:
        return
    cost = estimate_scan(view, view.totals.users // (shard[1] if shard else 1)) if view is not None else None
    if view is None or cost is None:
        progress("estimate: unknown until there is a rollup (python -m storage rollup)")
        return
    progress(f"{cost_line(cost).replace('cost:', 'estimate: about')}, by the rollup of {clock(view.read_at)}")


def _progress(state: ScanProgress) -> None:
    every = 1 if state.users_done < 5 else 25
    if state.users_done % every:
        return
    total = f" of {state.users_total:,}" if state.users_total is not None else ""
    left = f", about {state.seconds_left:,.0f} s left" if state.seconds_left is not None else ""
    progress(
        f"{state.users_done:,}{total} customers, {state.users_per_second:,.1f} a second{left}; last: {state.last_uid}"
    )


def _print_all(
    log: ScanLog,
    shard: str | None,
    context: Context,
    error: StorageError | None,
    kept: _Kept,
    *,
    as_csv: bool,
    not_looked_at: tuple[str, ...] | None = None,
) -> None:
    if as_csv:
        _print_csv(log.findings())
    elif context.as_json:
        _stream_json(log, shard, context.stores.deployment(), error, kept, not_looked_at)
        return
    else:
        whole = log.suspicion()
        if whole:
            say(f"IMPLAUSIBLE as a whole: {safe(whole.reason, 400)}")
            for way in whole.how_to_check:
                say(f"  - {safe(way, 300)}")
        for suspicion in log.implausible:
            say(f"IMPLAUSIBLE for {safe(suspicion['uid'])}: {safe(suspicion['reason'], 400)}")
        say_deployment(context.stores.deployment())
        say_checked(log.checked)
        whole_scan = log.complete and error is None
        _say_looked_into(log.looked_into)
        looked_into = log.looked_into is not None
        for words in not_looked_at or ():
            say(f"NOT LOOKED AT: {safe(words, 400)}")
        _say_findings(log.kinds(), log.findings(), complete=whole_scan, looked_into=looked_into, owner=("uid",))
    if kept.scan_id:
        of_run = f" of run {kept.run}" if kept.run else ""
        progress(f"kept as {kept.scan_id}{of_run}: python -m storage scans show {kept.scan_id}")
    if kept.error:
        report_error(kept.error, as_json=False)
    if error:
        report_error(error, as_json=False)
        if log.last_uid:
            progress("The scan stopped early; with --checkpoint it continues where it stopped.")


def _stream_json(
    log: ScanLog,
    shard: str | None,
    deployment: Deployment,
    error: StorageError | None,
    kept: _Kept,
    not_looked_at: tuple[str, ...] | None,
) -> None:
    """Writes one JSON document, finding by finding."""
    checked = {name: log.checked[name] for name in ("users", "videos", "clips", "objects")}
    whole = log.suspicion()
    head = {
        "scope": "all" if shard is None else f"all, shard {shard}",
        "implausible": whole.as_dict() if whole else None,
        "implausible_users": log.implausible,
        "deployment": deployment.as_dict(),
        "complete": log.complete and error is None,
        "checked": checked,
        "summary": log.kinds(),
        "looked_into": log.looked_into,
        "cost": dict(log.cost),
        "last_uid": log.last_uid or None,
        **({} if not_looked_at is None else {"not_looked_at": list(not_looked_at)}),
        **kept.as_dict(),
        **({"error": error.as_dict()} if error else {}),
    }
    sys.stdout.write(json.dumps(plain(head), indent=2).removesuffix("\n}") + ',\n  "findings": [')
    separator = "\n"
    for finding in log.findings():
        sys.stdout.write(f"{separator}    {json.dumps(finding)}")
        separator = ",\n"
    sys.stdout.write("\n  ]\n}\n")


def _print_csv(findings: Iterable[Mapping[str, Any]]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(COLUMNS)
    for finding in findings:
        writer.writerow([_cell(finding.get(name)) for name in COLUMNS])


def _cell(value: object) -> object:
    return safe_cell(value) if isinstance(value, str) else value
