"""What a purge will cost in billed operations, estimated from its plan before anything is done."""

from __future__ import annotations

from storage.domain.layout import Layout
from storage.domain.purge.order import document_batches, object_batches, saving_batches, slug_batches, upload_batches
from storage.domain.purge.places import all_prefixes, home_prefixes
from storage.domain.purge.plan import PurgePlan

PAGE = 1_000
AROUND = 12  # reads of a look beside the documents themselves: counters, links, states, totals
BEGINNING, ENDING = 14, 12  # writes and reads of the job's own document, its approvals, the audit


def estimate(plan: PurgePlan, *, erase: bool) -> dict[str, int]:
    """Operations by the cost meter's names, for applying the plan: the look before, the job, and its proof.

    Right to within a third or so where nothing moves: retries, and what is found changed, come on top.
    """
    layout = Layout(plan.target.key_prefix)
    prefixes, home = len(all_prefixes(plan.scope, layout)), len(home_prefixes(plan.scope, layout))
    objects, documents = len(plan.objects), len(plan.documents)
    object_steps, saved = len(object_batches(plan, erase=erase)), 0 if erase else len(saving_batches(plan))
    batches = (
        object_steps + saved + len(slug_batches(plan)) + len(document_batches(plan)) + len(upload_batches(plan)) + 3
    )
    listings = 3 * prefixes + objects // PAGE + prefixes  # two looks at objects and uploads, mostly of one page each
    kept = 0 if erase else objects
    return {
        "firestore_reads": documents * (1 if erase else 2) + 2 * AROUND + ENDING + batches,
        "firestore_writes": 2 * (2 * batches) + BEGINNING,
        "firestore_deletes": documents,
        "r2_class_a": listings + 2 * home + object_steps + kept + saved + 6,
        "r2_class_b": 2 * kept + 2 * saved + 8,
        "r2_free": object_steps + len(plan.uploads),
    }
