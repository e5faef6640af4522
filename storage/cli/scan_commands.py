"""Declares `verify` and `scans`: the checks of uploads, and what is kept of them."""

from __future__ import annotations

from pathlib import Path

import click

from storage.cli.command import Command, argument, flag, option, optional, uid, video_id

VERIFY = Command(
    "verify",
    run="storage.cli.verify:run_verify",
    summary="compare documents with the bucket: one customer, one video, or all",
    about="""Does the bucket hold every object that the documents name, undamaged?

    Compares the documents with the bucket by listing prefixes. An object counts as missing only after a complete
    listing or a 404; an object that could not be read is reported as unreadable.""",
    params=[
        uid(required=False),
        video_id(required=False),
        flag("--all", "Every customer, read by ranges of customers, many at a time."),
        option(
            "--shard",
            "I/N",
            "With --all: only the I-th of N equal parts of the ids that Firebase gives. auto/N takes I from an indexed "
            "job (JOB_COMPLETION_INDEX), auto both from Cloud Run (CLOUD_RUN_TASK_INDEX, CLOUD_RUN_TASK_COUNT).",
        ),
        option("--checkpoint", "FILE", "With --all: keep the progress in this file, and continue from it.", type=Path),
        flag(
            "--strangers",
            "With --all: also customers with objects and no document; one more listing and read for each.",
        ),
        optional(
            "--contents",
            "PERCENT",
            "Look into clips and thumbnails too, by a few ranged reads each: into all, or into this percentage, always "
            "the same ones. Those of one video are always looked into.",
            type=float,
            flag_value=100.0,
        ),
        flag("--keep", "With --all: keep the result, to compare it with others (scans), and for the page Uploads."),
        option(
            "--run",
            "RUN",
            "With --shard and --keep: the name of the run, by which scans join tells the parts of one run from those "
            "of another. In Cloud Run --shard auto takes the execution's (CLOUD_RUN_EXECUTION).",
        ),
        option(
            "--on",
            "ADDRESS",
            "With --all: on the workers of a Dask scheduler (tcp://HOST:8786), or with local on processes of this "
            "machine. Needs make cluster. With --keep, a scan that was killed continues where it stopped.",
        ),
        flag("--csv", "The findings as CSV, safe to open in a spreadsheet."),
    ],
    examples=[
        ("verify u1", "All of one customer."),
        ("verify u1 v1", "One video, with a look into each of its clips."),
        ("verify u1 --contents", "All of one customer, with a look into each clip."),
        ("verify --all --contents 5", "Every customer, with a look into one clip of twenty."),
        ("verify --all --checkpoint scan.jsonl --csv", "Every customer, in a scan that can be stopped and resumed."),
        ("verify --all --keep", "Every customer, and keep the result: for a scheduler, every night."),
        ("verify --all --keep --on tcp://scan-scheduler:8786", "The same on a Dask cluster."),
    ],
    exits={0: "no findings", 1: "there are findings", 3: "the scan is incomplete: a backend refused or was away"},
)
SCANS = Command(
    "scans",
    run="storage.cli.scans:run_scans",
    summary="list the kept scans, show one, or compare two",
    about="""What did verify --all --keep find, and what is new, gone and still there since?

    Without WHAT it lists the kept scans, the newest first. show prints one whole. diff compares two, or the last two:
    only what the newer one looked at and did not find is gone. join makes one scan of the parts that
    verify --all --shard I/N --keep kept in one run, the newest of each shard, and removes the parts. It never takes
    parts of two runs (verify --run), and names the shards that are missing. Parts that name no run are of one where
    they began within a day. Kept scans stay for SCAN_RETENTION_DAYS.""",
    params=[
        argument("WHAT", "show, diff or join.", required=False, type=click.Choice(("show", "diff", "join"))),
        argument(
            "SCAN_IDS",
            "show takes one; diff takes two, the older first, or none; join takes all parts, or none.",
            required=False,
            nargs=-1,
        ),
        option("--run", "RUN", "With join: the run whose parts are joined; else the one that kept a part last."),
        option("--limit", "N", "How many scans to list, 30 by default.", type=int, default=30),
    ],
    examples=[
        ("scans --limit 5", "The last five."),
        ("scans diff", "What is new since the scan before."),
        ("scans join", "After every shard has kept its part."),
        ("scans join --run 2026-11-26", "The parts of that run."),
    ],
    exits={
        0: "printed, joined, or no new errors",
        1: "diff: there are new errors; join: parts are missing; or there is no such scan",
    },
)
