"""`end-disclosure`: shows the changes that end a disclosure through a video, and writes them with `--apply`."""

from __future__ import annotations

from storage.actions import repair
from storage.actions.disclosure import plan_disclosure
from storage.cli.context import Context, applying
from storage.cli.output import print_json, safe, say, say_table
from storage.domain.changes import ABSENT, rows


def run_end_disclosure(
    context: Context, uid: str, video_id: str, apply: bool, actor: str | None, reason: str | None
) -> int:
    """Exit 0 when the disclosure is ended, 1 when the changes were only shown; raises `Refused` without disclosure."""
    who, why = applying(apply, actor, reason)
    bench = context.bench()
    plan = plan_disclosure(bench, uid, video_id)
    change_id = repair.apply(bench, who, plan, why).change_id if apply else None
    if context.as_json:
        changes = rows(plan.changes)
        print_json({"uid": uid, "video_id": video_id, "applied": apply, "change_id": change_id, "changes": changes})
    else:
        found = [
            (c.path, c.field, "(absent)" if c.before is ABSENT else c.before, c.after) for c in plan.changes.changes
        ]
        say_table(("DOCUMENT", "FIELD", "BEFORE", "AFTER"), found)
        say(f"Written. Change {safe(change_id)} can be undone." if change_id else "Nothing was written; add --apply.")
    return 0 if apply else 1
