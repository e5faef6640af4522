"""`rebuild-record`: the documents of a video that nobody created, from the draft that it was made of."""

from __future__ import annotations

from storage.actions import record, repair
from storage.cli.context import Context, shell_actor
from storage.cli.output import print_json, progress
from storage.cli.repair import say_written
from storage.domain.actor_and_reason import checked_reason
from storage.domain.changes import rows


def run_rebuild_record(context: Context, uid: str, video_id: str, actor: str, reason: str) -> int:
    """Exit 0 when both documents were written."""
    who, why = shell_actor(actor), checked_reason(reason)
    bench = context.bench()
    plan = record.plan_record(bench, uid, video_id)
    for warning in plan.changes.warnings:
        progress(f"warning: {warning}")
    done = repair.apply(bench, who, plan, why)
    if context.as_json:
        more = {"draft_id": plan.draft_id or None, "change_id": done.change_id, "changes": rows(plan.changes)}
        print_json({"uid": uid, "video_id": video_id, **more})
        return 0
    say_written(done)
    return 0
