"""Declares `orphans` and its verbs."""

from __future__ import annotations

from storage.cli.command import Command, Group, actor, argument, flag, job_id, option, plan_file, reason, uid, video_id
from storage.cli.joint_commands import ROW_EXITS

ACTIONS = "adopt, remove"
ORPHANS = Group(
    "orphans",
    [
        Command(
            "plan",
            run="storage.cli.orphans:run_plan",
            summary="show which files would be adopted or removed, and seal the plan",
            about="""What can be done with the files of this customer that no document names?

    Takes what verify finds as orphan_object; with --caches, the caches past their time; with --key, these objects. Each
    file says why it can be adopted or removed, or why not: a document names it, an upload is going on, its name has no
    known form, or it is younger than a day. adopt makes the clip's document from the file's name and its own index.
    Changes nothing.""",
            params=[
                uid(),
                video_id(required=False),
                option("--action", "ACTION", f"What to do: {ACTIONS}.", required=True),
                option("--key", "KEY", "Only this object; may be repeated.", multiple=True),
                flag("--caches", "The caches past their time, instead of files that no document names."),
                option("--out", "FILE", "Write the plan here, for apply."),
                actor(),
            ],
            examples=[
                ("orphans plan u1 video-1 --action adopt --out plan.json --actor you@example.com", "Look first."),
                ("orphans plan u1 --action remove --caches --actor you@example.com", "Old source videos."),
            ],
            exits={0: "at least one file can be acted on", 1: "none can, and each says why; or there is no such file"},
        ),
        Command(
            "approve",
            run="storage.cli.orphans:run_approve",
            summary="approve exactly this plan, as a second person",
            about="""A second person approves exactly this plan.

    Needed above REPAIR_SECOND_PERSON_ROWS files to adopt, or files to remove above the limits of a purge. The plan's
    maker cannot approve it.""",
            params=[plan_file("orphans plan"), actor("The second person; recorded.")],
            examples=[("orphans approve plan.json --actor colleague@example.com", "A large one.")],
            exits={0: "the approval is on record", 4: "refused: for example, the maker cannot approve"},
        ),
        Command(
            "discard",
            run="storage.cli.orphans:run_discard",
            summary="discard a plan that nobody should apply",
            about="""Discards a plan of your own, or anybody's as an admin: nobody can approve or apply it any more.""",
            params=[
                argument("PLAN", "The plan, as orphans plan --out wrote it, or the id of one that the desk keeps."),
                actor("Who discards it: its maker, or an admin."),
            ],
            examples=[("orphans discard plan.json --actor you@example.com", "A plan that was made by mistake.")],
            exits={0: "the plan is discarded", 1: "no plan has this id", 4: "it was applied, or is somebody else's"},
        ),
        Command(
            "apply",
            run="storage.cli.orphans:run_apply",
            summary="apply a plan, with an outcome for each file",
            about="""Adopts or removes each file of the plan, after reading everything again at its turn.

    A file that changed, or that a document names meanwhile, is left alone, and the others go on. A copy of a removed
    file is kept for PURGE_QUARANTINE_DAYS. Every file can be undone alone (undo-change), or all together (orphans
    undo).""",
            params=[plan_file("orphans plan"), reason(), actor()],
            examples=[("orphans apply plan.json --reason 'ticket 9' --actor you@example.com", "Do it.")],
            exits=ROW_EXITS,
        ),
        Command(
            "status",
            run="storage.cli.orphans:run_status",
            summary="what became of each file so far",
            about="""How far is it, and what became of each file?""",
            params=[job_id()],
            examples=[("orphans status JOB_ID", "Each file with its outcome.")],
            exits={0: "every row so far was done", 1: "a row was refused or failed, or there is no such job"},
        ),
        Command(
            "resume",
            run="storage.cli.orphans:run_resume",
            summary="continue a job that stopped",
            about="""Continues where the worker stopped; a file that is done is not done twice.""",
            params=[job_id(), actor()],
            examples=[("orphans resume JOB_ID --actor you@example.com", "After a fault or a kill.")],
            exits=ROW_EXITS,
        ),
        Command(
            "undo",
            run="storage.cli.orphans:run_undo",
            summary="undo what was done with each file",
            about="""Puts each removed file back as it was, and deletes each document that was made and is unchanged
    since. What changed since is left alone and says so.""",
            params=[job_id(), actor(), reason()],
            examples=[("orphans undo JOB_ID --reason 'wrong file' --actor you@example.com", "All of it.")],
            exits=ROW_EXITS,
        ),
    ],
    summary="adopt or remove files that no document names: plan, apply, undo",
    about="""Files among a customer's clips that no document names, and caches past their time.""",
    examples=[("orphans status JOB_ID", "What became of each file.")],
)
