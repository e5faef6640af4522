"""`orphans`: adopts or removes objects that no document names, and removes caches past their time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from storage.actions.orphans import (
    ORPHAN_PLANS,
    apply_orphan_plan,
    make_orphan_plan,
    orphan_outcomes,
    second_person_needed,
    undo_orphans,
)
from storage.actions.purge.context import open_purging
from storage.cli.context import Context, shell_actor
from storage.cli.output import print_json, progress, safe, say, say_table, size
from storage.cli.row_plans import Verbs, named_action, say_end_of_plan
from storage.domain.orphans import ORPHAN_ACTIONS, OrphanPlan
from storage.domain.purge.scope import Scope
from storage.errors import BadInput
from storage.text import number


def run_plan(
    context: Context,
    uid: str,
    video_id: str | None,
    action: str,
    key: tuple[str, ...],
    caches: bool,
    out: str | None,
    actor: str,
) -> int:
    """Exit 0 where a row may be made, 1 where none may."""
    chosen, who = named_action(action, ORPHAN_ACTIONS), shell_actor(actor)
    if key and caches:
        raise BadInput("Give --key or --caches, and not both", field_name="key", remedy="A key may be a cache's too.")
    purging = open_purging(context.stores, progress)
    plan = make_orphan_plan(purging, Scope.of(uid, video_id), chosen, who, keys=key, caches=caches)
    if out is not None:
        ORPHAN_PLANS.write(plan, Path(out))
    if context.as_json:
        print_json(plan.as_dict() | {"willing": len(plan.willing), "bytes": plan.total_bytes})
    else:
        _say_plan(plan, second_person_needed(purging, plan), out)
    return 0 if plan.willing else 1


def _say_plan(plan: OrphanPlan, needed: str, out: str | None) -> None:
    count = len(plan.willing)
    say(
        f"{plan.action.capitalize()} files of {safe(plan.scope.spelled, 400)}, plan {plan.plan_id}: "
        f"{count:,} of {number(len(plan.rows), 'file')}, {size(plan.total_bytes)}"
    )
    rows = [
        (row.key, size(row.size_bytes), row.clip_id, f"REFUSED: {row.refused}" if row.refused else row.why)
        for row in plan.rows
    ]
    say_table(("OBJECT", "SIZE", "CLIP", "WHY"), [tuple(safe(cell, 300) for cell in row) for row in rows])
    say_end_of_plan(plan, needed, out)


def _subject(row: Mapping[str, Any]) -> str:
    return str(row["key"])


_VERBS = Verbs(ORPHAN_PLANS, apply_orphan_plan, undo_orphans, orphan_outcomes, "OBJECT", _subject)
run_approve = _VERBS.approve
run_discard = _VERBS.discard
run_apply = _VERBS.apply
run_resume = _VERBS.resume
run_undo = _VERBS.undo
run_status = _VERBS.status
