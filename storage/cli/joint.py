"""`repair`: one plan that repairs many videos, one job with an outcome for each, and one undo."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from storage.actions.joint_repair import (
    JOINT_PLANS,
    apply_joint_plan,
    make_joint_plan,
    outcomes,
    second_person_needed,
    undo_joint_repair,
)
from storage.actions.purge.context import open_purging
from storage.actions.row_plans import MOST_BYTES
from storage.cli.context import Context, shell_actor
from storage.cli.output import print_json, progress, safe, say, say_table
from storage.cli.row_plans import Verbs, named_action, say_end_of_plan
from storage.domain.diagnosis.outages import named
from storage.domain.joint_repair import JOINT_ACTIONS, JointPlan, parse_rows, parse_videos
from storage.errors import BadInput, NotFound
from storage.files import read_file, read_stdin
from storage.services import diagnose
from storage.services.diagnose import Reach
from storage.services.verify import checker
from storage.text import number


def run_plan(
    context: Context,
    rows: tuple[str, ...],
    outage: str | None,
    videos: str | None,
    action: str,
    out: str | None,
    actor: str,
) -> int:
    """Exit 0 where a row may be made, 1 where none may."""
    chosen = named_action(action, JOINT_ACTIONS)
    if sum((bool(rows), outage is not None, videos is not None)) != 1:
        raise BadInput(
            "Give one of ROWS, --outage and --videos",
            field_name="videos",
            remedy="A row is UID/VIDEO_ID; diagnose --stuck lists the outages by id.",
        )
    who = shell_actor(actor)
    pairs = parse_videos(_text(videos)) if videos is not None else parse_rows(rows)
    purging = open_purging(context.stores, progress)
    if outage is not None:
        pairs = _of_outage(context, outage)
    plan = make_joint_plan(purging, pairs, chosen, who)
    if out is not None:
        JOINT_PLANS.write(plan, Path(out))
    if context.as_json:
        print_json(plan.as_dict() | {"willing": plan.willing})
    else:
        _say_plan(plan, second_person_needed(purging, plan), out)
    return 0 if plan.willing else 1


def _text(videos: str) -> str:
    read = read_stdin if videos == "-" else partial(read_file, Path(videos))
    try:
        return read("--videos", MOST_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadInput(
            "--videos is not a text in UTF-8", field_name="videos", remedy="Give lines of UID/VIDEO_ID."
        ) from None


def _of_outage(context: Context, outage_id: str) -> tuple[tuple[str, str], ...]:
    found = diagnose.stuck(checker(context.stores, context.now), Reach(delivered=0))
    if found.error is not None:
        raise found.error
    outage = named(found.outages, outage_id)
    if outage is None:
        known = ", ".join(one.id for one in found.outages) or "none"
        raise NotFound(
            f"There is no outage {safe(outage_id, 100)} now.",
            remedy=f"There are: {known}. List them: diagnose --stuck.",
            target=outage_id,
        )
    return outage.videos


def _say_plan(plan: JointPlan, needed: str, out: str | None) -> None:
    rows_said = number(len(plan.rows), "row")
    say(f"Repair {plan.action}, plan {plan.plan_id}: {plan.willing:,} of {rows_said} can be applied")
    rows: list[tuple[object, ...]] = []
    for row in plan.rows:
        if row.refused:
            rows.append((row.subject, "refused", "", row.refused))
        rows += [
            (
                row.subject,
                f"{change.path.rpartition('/')[2]}: {change.field}",
                _word(change.before),
                _word(change.after),
            )
            for change in row.changes
        ]
    say_table(("VIDEO", "FIELD", "BEFORE", "AFTER"), [tuple(safe(cell, 200) for cell in row) for row in rows])
    say_end_of_plan(plan, needed, out)


def _word(text: str) -> str:
    if not text:
        return "(absent)"
    value = json.loads(text)
    return value if isinstance(value, str) else text


def _subject(row: Mapping[str, Any]) -> str:
    return f"{row['uid']}/{row['video_id']}"


_VERBS = Verbs(JOINT_PLANS, apply_joint_plan, undo_joint_repair, outcomes, "VIDEO", _subject)
run_approve = _VERBS.approve
run_discard = _VERBS.discard
run_apply = _VERBS.apply
run_resume = _VERBS.resume
run_undo = _VERBS.undo
run_status = _VERBS.status
