"""Keeps scans of the sample, as the command does, so that the page Uploads has something to show at the first start.

The sample is compared once, as it is. A scan of an earlier day is kept of what was there by then: it could not have
seen what was made since.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from storage.actions.documents import DocumentWriter
from storage.actions.objects import ObjectWriter
from storage.actions.scans import ScanKeeper, keep_scan
from storage.actions.writers import Writers
from storage.clients import r2
from storage.clients.firestore import FirestoreHandle
from storage.domain.integrity import Finding, ScanTotals
from storage.domain.scans.coverage import Coverage
from storage.domain.scans.kept import ScanOutcome
from storage.repositories.deployment import DeploymentRecords
from storage.repositories.objects import Objects
from storage.repositories.records import Records
from storage.sandbox.seaweed import SeaweedFS
from storage.sandbox.world.builder import SampleWorld
from storage.services.deployment import Finder
from storage.services.fleet_scan import verify_all
from storage.services.verify import VerifyContext

BUCKET = "clip-desk-demo"
STALE_AFTER = timedelta(minutes=15)
RETENTION_DAYS = 90


def keep_scans(seaweed: SeaweedFS, handle: FirestoreHandle, sample: SampleWorld, days: Sequence[int]) -> None:
    """Keeps a scan of so many days before the sample's time each, in this order."""
    settings = seaweed.settings(BUCKET)
    records, objects = Records(handle), Objects(r2.read_client(settings), BUCKET)
    clock = _at(sample.now)
    found = Finder(records, DeploymentRecords(handle, clock), clock, wanted="auto", prefix=None)
    checker = VerifyContext(records, objects, found(), clock, STALE_AFTER)
    totals, findings = ScanTotals(), list[Finding]()
    for report in verify_all(checker):
        totals.add(report)
        findings += report.findings
    writers = Writers(ObjectWriter(r2.write_client(settings), BUCKET), DocumentWriter(handle))
    for back in days:
        at = sample.now - timedelta(days=back)
        keeper = ScanKeeper(records, objects, writers, checker.layout, _at(at), RETENTION_DAYS)
        outcome = ScanOutcome(
            at - timedelta(minutes=1), at, Coverage(), totals.complete, totals.checked.as_dict(), asked_by=""
        )
        keep_scan(keeper, outcome, _by_then(findings, sample, at))


def _at(moment: datetime) -> Callable[[], datetime]:
    return lambda: moment


def _by_then(findings: Sequence[Finding], sample: SampleWorld, at: datetime) -> Iterator[Mapping[str, Any]]:
    """The findings about what was made by then."""
    modified = {one.key: one.modified for one in sample.objects}
    for finding in findings:
        video = f"users/{finding.uid}/videos/{finding.video_id}"
        clip = sample.documents.get(f"{video}/clips/{finding.clip_id}") or {}
        whole = sample.documents.get(video) or {}
        made = clip.get("created_at") or modified.get(finding.key or "") or whole.get("created_at")
        if not isinstance(made, datetime) or made <= at:
            yield finding.as_dict() | {"last_seen_at": at}
