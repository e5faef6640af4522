"""Declares `purge` and its verbs."""

from __future__ import annotations

from pathlib import Path

from storage.cli.command import Command, Group, actor, argument, flag, job_id, option, plan_file, reason, uid

_JOB_ENDS = {0: "nothing is left", 1: "something is left", 3: "the job stopped; continue it with resume"}
_ABOUT_JOB = {1: "the job stopped with a fault or left something, or there is no such job"}


PLAN = Command(
    "plan",
    run="storage.cli.purge:run_plan",
    summary="list everything that a purge would delete, and seal the list",
    about="""What would a purge delete?

    Lists every object and document of a customer, a video or clips, with the warnings and all that blocks the purge.
    Changes nothing. approve and apply take the plan as --json prints it or --out writes it.""",
    params=[
        uid(),
        option("--video", "VIDEO_ID", "Only this video."),
        option("--clip", "CLIP_ID", "Only this clip; may be repeated.", multiple=True),
        flag(
            "--acknowledge-missing",
            "Allow the purge although objects that completed clips claim are not there; recorded.",
        ),
        option("--out", "FILE", "Write the plan there, for approve and apply.", type=Path),
        actor("Who makes it; recorded, and then cannot approve it.", required=False),
    ],
    examples=[
        ("purge plan u1 --video v1 --out plan.json --actor you@example.com", "One video."),
        (
            "purge plan u1 --out plan.json --actor you@example.com",
            "A whole account, which a second person must approve.",
        ),
    ],
    exits={0: "the plan can be applied", 1: "something blocks it, or nothing of it exists"},
)
APPLY = Command(
    "apply",
    run="storage.cli.purge:run_apply",
    summary="delete what the plan shows",
    about="""Deletes exactly what the plan shows, and keeps it in quarantine so that it can be undone.

    The plan must be unaltered and not expired, and both stores must be as the plan shows them; apply refuses anything
    that changed meanwhile. --confirm is the plan's scope spelled out: the uid, uid/video_id, uid/video_id/clip_id, or
    'uid/video_id/3 clips'.""",
    params=[
        plan_file("purge plan"),
        option(
            "--confirm",
            "TEXT",
            "The scope spelled out.",
            default="",
        ),
        reason(),
        actor(),
        flag("--erase", "Without quarantine, for legal requests; cannot be undone."),
    ],
    examples=[("purge apply plan.json --confirm u1/v1 --reason 'ticket 7' --actor you@example.com", "Apply it.")],
    exits={**_JOB_ENDS, 4: "refused by a guard; nothing was changed, and every ground is named"},
)
APPROVE = Command(
    "approve",
    run="storage.cli.purge:run_approve",
    summary="approve exactly this plan as a second person",
    about="""A second person approves exactly this plan.

    Needed for a whole account, above the limits, and for --erase.""",
    params=[plan_file("purge plan"), actor("Who approves; neither the maker nor the person who applies.")],
    examples=[("purge approve plan.json --actor colleague@example.com", "Approve it.")],
    exits={0: "the approval is on record", 4: "refused: for example, the maker cannot approve, or the plan expired"},
)
DECLINE = Command(
    "decline",
    run="storage.cli.purge:run_decline",
    summary="say no to exactly this plan as a second person, and why",
    about="""A second person's refusal, recorded for the plan's maker. It does not stop an apply by itself.""",
    params=[plan_file("purge plan"), reason("Why; the plan's maker reads it."), actor("Who declines; not the maker.")],
    examples=[("purge decline plan.json --actor colleague@example.com --reason 'wrong video'", "Decline it.")],
    exits={0: "the refusal is on record", 4: "refused: the maker cannot decline their own plan"},
)
DISCARD = Command(
    "discard",
    run="storage.cli.purge:run_discard",
    summary="discard a plan that nobody should apply",
    about="""Discards a plan of your own, or anybody's as an admin.

    Nobody can approve or apply it any more, and the list of open plans no longer has it. Changes no data.""",
    params=[
        argument("PLAN", "The plan, as purge plan --out wrote it, or the id of one that the desk keeps."),
        actor("Who discards it: its maker, or an admin."),
    ],
    examples=[("purge discard plan.json --actor you@example.com", "A plan for the wrong video.")],
    exits={0: "the plan is discarded", 1: "no plan has this id", 4: "it was applied, or is somebody else's"},
)
STATUS = Command(
    "status",
    run="storage.cli.purge:run_status",
    summary="how far a job is and what it did",
    about="""How far is a job, and what did it do?""",
    params=[job_id()],
    examples=[("purge status JOB_ID", "With the id that apply printed.")],
    exits=_ABOUT_JOB,
)
CERTIFICATE = Command(
    "certificate",
    run="storage.cli.purge:run_certificate",
    summary="what a purge erased, and what it verified",
    about="""What did a purge erase, and what did it verify?""",
    params=[job_id()],
    examples=[("purge certificate JOB_ID --json", "To keep with the request.")],
    exits={0: "nothing of it was left", 1: "the proof found something left, or there is no certificate (yet)"},
)
RESUME = Command(
    "resume",
    run="storage.cli.purge:run_resume",
    summary="continue a job that stopped",
    about="""Continues a job that stopped, from the batch that it had reached.""",
    params=[job_id(), actor()],
    examples=[("purge resume JOB_ID --actor you@example.com", "Continue it.")],
    exits=_JOB_ENDS,
)
CANCEL = Command(
    "cancel",
    run="storage.cli.purge:run_cancel",
    summary="stop a job between two batches",
    about="""Stops a job between two batches. What it has deleted stays in quarantine, and the job can be undone.""",
    params=[job_id(), actor()],
    examples=[("purge cancel JOB_ID --actor you@example.com", "Stop it.")],
    exits={0: "the job is cancelled, or will stop after the present batch", 1: "there is no such job"},
)
UNDO = Command(
    "undo",
    run="storage.cli.purge:run_undo",
    summary="put back what a purge deleted",
    about="""Puts back what a purge deleted, as long as its quarantine is kept.""",
    params=[job_id(), actor(), reason("Why; recorded.")],
    examples=[("purge undo JOB_ID --actor you@example.com --reason 'the wrong customer'", "Put it back.")],
    exits={
        0: "everything was put back",
        1: "something could not be put back",
        3: "it stopped; continue it with resume",
    },
)
EMPTY = Command(
    "empty",
    run="storage.cli.purge:run_empty",
    summary="delete the copies of a quarantine whose undo failed; this cannot be undone",
    about="""Deletes the copies of a quarantine that stays because its undo failed. This cannot be undone.""",
    params=[
        job_id(),
        option("--confirm", "TEXT", "The scope spelled out, as for apply.", default=""),
        reason("Why; recorded."),
        actor(),
    ],
    examples=[("purge empty JOB_ID --confirm u1/v1 --reason 'ticket 7' --actor you@example.com", "End it.")],
    exits={0: "no copy is left", 1: "there is no such job", 3: "it stopped; continue it with resume"},
)
LIST = Command(
    "list",
    run="storage.cli.purge:run_list",
    summary="the newest jobs",
    about="""Lists the newest jobs, the newest first.""",
    params=[option("--limit", "N", "How many, from 1 to 500; 20 by default.", type=int, default=20)],
    examples=[("purge list --limit 5", "The last five.")],
    exits={0: "printed"},
)
WORKER = Command(
    "worker",
    run="storage.cli.purge:run_worker",
    summary="run one job, or all that were abandoned and all quarantines that expired",
    about="""Runs jobs whose worker is gone, and empties quarantines that expired.

    A scheduler should run it with --sweep, every few minutes.""",
    params=[
        option("--job", "JOB_ID", "This job."),
        flag("--sweep", "Every job whose worker is gone, and every quarantine that expired."),
    ],
    examples=[("purge worker --sweep", "For a scheduler."), ("purge worker --job JOB_ID", "One job, here.")],
    exits={0: "all the jobs that ran ended well", 1: "something was left", 3: "a job stopped"},
)
PURGE = Group(
    "purge",
    [PLAN, APPLY, APPROVE, DECLINE, DISCARD, STATUS, CERTIFICATE, RESUME, CANCEL, UNDO, EMPTY, LIST, WORKER],
    summary="delete a clip, a video or a whole account: plan, approve, apply, undo",
    about="""Deletes exactly what a plan shows, in both stores, and keeps it in quarantine so that it can be undone.""",
    examples=[
        ("purge plan u1 --video v1 --out plan.json --actor you@example.com", "Look; nothing is changed."),
        ("purge approve plan.json --actor colleague@example.com", "A whole account, above the limits, --erase."),
        (
            "purge decline plan.json --actor colleague@example.com --reason 'why'",
            "A refusal, recorded for the maker.",
        ),
        ("purge apply plan.json --confirm u1/v1 --reason 'why' --actor you@example.com", "Do it."),
        ("purge status JOB_ID", "How far it is."),
        ("purge undo JOB_ID --actor you@example.com --reason 'why'", "Put it back."),
    ],
)
