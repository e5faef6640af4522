"""Every place where the desk keeps something of its own: the one list that purges, undos and erasings go through."""

from __future__ import annotations

from typing import Final

from storage.actions.purge.keepers.customers import CustomerTables
from storage.actions.purge.keepers.figures import Figures
from storage.actions.purge.keepers.index import Index
from storage.actions.purge.keepers.keeper import Keeper
from storage.actions.purge.keepers.papers import Papers
from storage.actions.purge.keepers.repairs import Repairs
from storage.actions.purge.keepers.requests import CustomersRequests
from storage.actions.purge.keepers.scans import KeptScans
from storage.actions.purge.keepers.watches import CustomersWatches

NOTHING: Final = "nothing"

KEEPERS: Final[tuple[Keeper, ...]] = (
    Index(
        ("ops_index",),
        "addresses of customers, titles of videos and clips",
        "the rows of the scope are taken out, and an undo puts them back",
        "nothing",
    ),
    Figures(
        ("ops_rollups",),
        "ids, addresses and figures of the first hundred customers of each list",
        "the rows of a purged customer are taken out, and an undo puts them back; sums stay until the next rollup",
        "nothing",
    ),
    CustomerTables(
        ("_ops/rollups/",),
        "a row for each customer: id, address, plan, figures",
        "the row of a purged customer is taken out, and an undo puts it back into the same table",
        "nothing",
    ),
    KeptScans(
        ("_ops/scans/", "ops_scans", "ops_scan_order"),
        "findings with address, plan, titles and keys; the summaries name nobody",
        "the findings of the scope are taken out, and an undo puts them back; the counts of what is open follow",
        "nothing",
    ),
    Repairs(
        ("ops_changes", "_ops/replaced/"),
        "the values that a repair wrote and replaced, and copies of replaced and removed objects",
        "the values are taken out, and an undo puts them back; copies stay until they expire",
        "ids, kind, actor, reason and times of each repair",
    ),
    Papers(
        ("ops_jobs", "ops_approvals", "_ops/plans/", "_ops/jobs/", "_ops/quarantine/", "_ops/certificates/"),
        "keys (which hold titles), paths and copies of what is purged",
        "they stay: an undo needs them",
        "ids, jobs, persons, reasons, numbers and times; no quarantine",
    ),
    Keeper(
        ("ops_audit", "ops_audit_head", "_ops/audit/"),
        "ids of what was looked at and changed; no address and no title",
        "it outlives everything",
        "the same",
    ),
    CustomersWatches(
        ("ops_watches",),
        "ids of what was repaired or purged and is looked at again",
        "the watches of the scope are taken out, and an undo puts them back; the purge leaves one of its own",
        "the watch of the erasure itself: ids, job and times, for a week",
    ),
    CustomersRequests(
        ("ops_requests",),
        "ids of what the team was asked to look into or delete, with a reason and an answer",
        "the words are taken out, and an undo puts them back; an answered request is deleted 90 days after its answer",
        "ids, kind, persons, state and times of each request, until then",
    ),
    Keeper(
        ("_ops/repairs/",),
        "ids and values of the documents that a joint repair is to change",
        "it stays until the repair has ended; the sweep deletes it then, and after a day where nobody applied it",
        "the same",
    ),
    Keeper(
        ("_ops/orphans/",),
        "keys of objects without a document, and the clip documents that would be made for them",
        "it stays until its job has ended; the sweep deletes it then, and after a day where nobody applied it",
        "the same",
    ),
    Keeper(("ops_alerts", "_ops/alerts/"), NOTHING + ": counts, and ids of jobs and plans"),
    Keeper(("ops_signouts",), NOTHING + ": digests of sign-ins to the desk"),
    Keeper(("ops_plan_ends",), NOTHING + ": ids of plans, and who applied or discarded each, and when"),
    Keeper(("ops_limits",), NOTHING + ": digests of persons who purge, and when"),
    Keeper(("ops_failure_groups",), NOTHING + ": what persons said of groups of equal failures"),
    Keeper(("ops_deployment",), NOTHING + ": which backend was found"),
    Keeper(("ops_health", "_ops/health/"), NOTHING + ": canaries of `check`"),
    Keeper(("ops_clock",), NOTHING + ": no document, only its time"),
    Keeper(("_ops/secrets/",), NOTHING + ": the seal of plans"),
)
