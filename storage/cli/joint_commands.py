"""Declares `repair` and its verbs."""

from __future__ import annotations

from storage.cli.command import Command, Group, actor, argument, job_id, option, plan_file, reason

ACTIONS = "set-status:failed, set-status:completed, recount, rebuild-highlights"
ROW_EXITS = {
    0: "every row was done",
    1: "a row was refused or failed; each says why",
    3: "the job stopped; continue it with resume",
    4: "refused by a guard; nothing was changed",
}


REPAIR = Group(
    "repair",
    [
        Command(
            "plan",
            run="storage.cli.joint:run_plan",
            summary="show what would change in each of many videos, and seal the plan",
            about="""What would one repair of all these videos change?

    Lists the field changes of each video, and the videos that the evidence speaks against, with the reason. Changes
    nothing. apply takes the plan as --out writes it.""",
            params=[
                argument(
                    "ROWS", "The videos, each as UID/VIDEO_ID; for a recount, UID is enough.", required=False, nargs=-1
                ),
                option("--outage", "ID", "The videos of an outage, by its id in diagnose --stuck."),
                option(
                    "--videos",
                    "FILE",
                    "Lines of UID/VIDEO_ID, or the JSON of diagnose --stuck --json; - is stdin.",
                ),
                option("--action", "ACTION", f"What to do: {ACTIONS}.", required=True),
                option("--out", "FILE", "Write the plan here, for apply."),
                actor(),
            ],
            examples=[
                (
                    "repair plan --outage render-render_stalled-20260301T1200Z --action set-status:failed "
                    "--out repair.json --actor you@example.com",
                    "Look; nothing is changed.",
                ),
                (
                    "repair plan u1/abc u2/def --action set-status:completed --out repair.json --actor you@example.com",
                    "These two only.",
                ),
            ],
            exits={0: "at least one row can be applied", 1: "no row can be applied; each says why"},
        ),
        Command(
            "approve",
            run="storage.cli.joint:run_approve",
            summary="approve exactly this plan, as a second person",
            about="""A second person approves exactly this plan.

    Needed above REPAIR_SECOND_PERSON_ROWS rows. The plan's maker cannot approve it.""",
            params=[plan_file("repair plan"), actor("The second person; recorded.")],
            examples=[("repair approve repair.json --actor colleague@example.com", "A large repair.")],
            exits={0: "the approval is on record", 4: "refused: for example, the maker cannot approve"},
        ),
        Command(
            "discard",
            run="storage.cli.joint:run_discard",
            summary="discard a plan that nobody should apply",
            about="""Discards a plan of your own, or anybody's as an admin: nobody can approve or apply it any more.""",
            params=[
                argument("PLAN", "The plan, as repair plan --out wrote it, or the id of one that the desk keeps."),
                actor("Who discards it: its maker, or an admin."),
            ],
            examples=[("repair discard repair.json --actor you@example.com", "A plan that was made by mistake.")],
            exits={0: "the plan is discarded", 1: "no plan has this id", 4: "it was applied, or is somebody else's"},
        ),
        Command(
            "apply",
            run="storage.cli.joint:run_apply",
            summary="apply a plan, with an outcome for each row",
            about="""Repairs each row of the plan, after reading its evidence again at its turn.

    A row that changed since it was shown is refused, and the others go on. Every row can be undone alone
    (undo-change), or all of them (repair undo).""",
            params=[plan_file("repair plan"), reason(), actor()],
            examples=[("repair apply repair.json --reason 'worker died' --actor you@example.com", "Do it.")],
            exits=ROW_EXITS,
        ),
        Command(
            "status",
            run="storage.cli.joint:run_status",
            summary="what became of each row so far",
            about="""How far is it, and what became of each row?""",
            params=[job_id()],
            examples=[("repair status JOB_ID", "Each row with its outcome.")],
            exits={0: "every row so far was done", 1: "a row was refused or failed, or there is no such job"},
        ),
        Command(
            "resume",
            run="storage.cli.joint:run_resume",
            summary="continue a repair that stopped",
            about="""Continues where the worker stopped; a row that is done is not done twice.""",
            params=[job_id(), actor()],
            examples=[("repair resume JOB_ID --actor you@example.com", "After a fault or a kill.")],
            exits=ROW_EXITS,
        ),
        Command(
            "undo",
            run="storage.cli.joint:run_undo",
            summary="undo every row that was done",
            about="""Undoes each row that the repair did, the last first. A row that changed since is left alone
    and says so.""",
            params=[job_id(), actor(), reason()],
            examples=[("repair undo JOB_ID --reason 'wrong cause' --actor you@example.com", "All of it.")],
            exits=ROW_EXITS,
        ),
    ],
    summary="repair many videos in one go: plan, apply, undo",
    about="""Repairs many videos in one go: one plan (an outage, named videos, or a list), one job with an outcome
    for each video, and one undo.""",
    examples=[("repair status JOB_ID", "What became of each row.")],
)
