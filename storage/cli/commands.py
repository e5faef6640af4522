"""Every command: what it answers, what it takes, examples, and what its exit status means. `purge` stands beside it.

The functions that run them are named and not imported: `storage.cli.command` says why.
"""

from __future__ import annotations

from pathlib import Path

import click

from storage.cli.command import Command, Group, actor, argument, flag, option, optional, reason, uid, video_id
from storage.cli.purge_commands import PURGE
from storage.domain.layout import STYLES

CHECK = Command(
    "check",
    run="storage.cli.check:run_check",
    summary="configuration, Firestore, the key prefix, the bucket, and each permission apart",
    about="""Is everything in place to work?

    Checks the configuration, reads from Firestore, looks whether the bucket holds objects that documents name (an empty
    one answers as well), and tries each R2 permission on an object of its own below _ops/health/, which it takes away
    again.""",
    params=[],
    examples=[
        ("check", "Each check with what was seen, and what to do where it failed."),
        ("check --json", "The same for a monitor: ok is true or false."),
    ],
    exits={
        0: "all is well",
        1: "something is off",
        2: "a setting is missing or malformed; all of them are named",
        3: "a backend refused or was away; it is named",
    },
)
FIND = Command(
    "find",
    run="storage.cli.find:run_find",
    summary="find a user, video, clip or draft from anything pasted",
    about="""Whose is this, and where does it stand?

    Takes a text for all that it may be, cheapest first, and prints what matched, why, and what was searched. The other
    commands take the ids that it prints.""",
    params=[
        argument(
            "QUERY",
            "A uid, an e-mail address or its beginning, a video id, a clip id, a draft id, a file name, a key, a "
            "presigned or CDN URL, a video's URL, or a line of a log that contains one of these.",
        )
    ],
    examples=[
        ("find ada@example.com", "The user with this address."),
        (
            "find 'https://cdn.example.com/users/u1/v1/clips/clip_01_1_x_split.mp4'",
            "Whose clip a link plays.",
        ),
    ],
    exits={0: "something was found", 1: "nothing was found"},
)
USAGE = Command(
    "usage",
    run="storage.cli.usage:run_usage",
    summary="a user's usage against the plan, and counter drift",
    about="""How much does a customer use, of how much, and are the counters true?

    Compares what is used with what the plan allows, and every counter with the sum over the clip documents. With --json
    there is a reply to the customer too.""",
    params=[uid()],
    examples=[("usage u1", "Storage, clips and credits of u1, and the counters that drift.")],
    exits={
        0: "every counter is true; a quota that is used up is no fault of the data",
        1: "a counter drifts, or there is no such user",
    },
)
URL = Command(
    "url",
    run="storage.cli.url:run_url",
    summary="a short-lived link to a clip or its thumbnail",
    about="""A link that plays or downloads a clip, for a while.

    The object is looked at first, and the link goes on record. It is a bearer token: whoever has it can watch, so it
    goes to stdout and nowhere else.""",
    params=[
        uid(),
        video_id(),
        argument("CLIP_ID", "The clip's id."),
        flag("--thumbnail", "The thumbnail instead of the clip."),
        flag("--download", "A download with a file name, with its shorter life."),
        actor("Who asks; recorded.", required=False),
    ],
    examples=[
        ("url u1 v1 v1_1_split", "A link to watch."),
        ("url u1 v1 v1_1_split --thumbnail --download", "A link that saves the thumbnail under a name."),
    ],
    exits={
        0: "the link is there",
        1: "there is no such clip or object",
        4: "the clip's document names what is not the customer's",
    },
)
VERIFY = Command(
    "verify",
    run="storage.cli.verify:run_verify",
    summary="compare documents with the bucket: one user, one video, or all",
    about="""Is everything that the documents name in the bucket, whole?

    Compares what the documents name with what the bucket holds, by listing prefixes. Only a listing that ended, or a
    404, counts as missing; what could not be read is said to be unreadable.""",
    params=[
        uid(required=False),
        video_id(required=False),
        flag("--all", "Every user, one after the other."),
        option("--shard", "I/N", "With --all: only the I-th of N parts of the users."),
        option("--checkpoint", "FILE", "With --all: keep the results here, and go on where it stopped.", type=Path),
        flag(
            "--strangers", "With --all: also users that only the bucket knows; a listing and a read more for each user."
        ),
        optional(
            "--contents",
            "PERCENT",
            "Look into clips and thumbnails too, by a few ranged reads each: all, or so many of a hundred, always the "
            "same ones. One video's are always looked into.",
            type=float,
            flag_value=100.0,
        ),
        flag("--csv", "The findings as CSV, safe to open in a spreadsheet."),
    ],
    examples=[
        ("verify u1", "All of one user."),
        ("verify u1 v1", "One video, with a look into each of its clips."),
        ("verify u1 --contents", "All of one user, with a look into each clip."),
        ("verify --all --contents 5", "Every user, with a look into one clip of twenty."),
        ("verify --all --checkpoint scan.jsonl --csv", "Every user, in a scan that can be stopped and started again."),
    ],
    exits={0: "no findings", 1: "there are findings", 3: "the scan is incomplete: a backend refused or was away"},
)
DIAGNOSE = Command(
    "diagnose",
    run="storage.cli.diagnose:run_diagnose",
    summary="one verdict for a video, with evidence and next steps; or all that is stuck",
    about="""Why does a customer see "still being processed", and which videos need a person now?

    For one video: a verdict, what was seen, what to do next, and a reply to the customer. With --stuck: every video
    that needs a person, worst first, and outages where many stopped at once.""",
    params=[
        uid(required=False),
        argument("VIDEO_ID", "The video's id, or a draft's.", required=False),
        flag("--stuck", "Every video and draft that needs a person, worst first."),
        option(
            "--delivered",
            "N",
            "With --stuck: also look at the N analyzed or completed videos that were touched last.",
            type=int,
            default=0,
        ),
        flag("--bundle", "With --json: everything that was looked at, to hand over."),
    ],
    examples=[
        ("diagnose u1 v1", "One video."),
        ("diagnose u1 v1 --json --bundle", "The same with all that was seen, for an engineer."),
        ("diagnose --stuck --delivered 100", "What needs a person, among 100 that look done as well."),
    ],
    exits={
        0: "nothing is wrong",
        1: "something is wrong, or there is no such video",
        3: "a backend refused: the verdict about the video is unknown",
    },
)
HIGHLIGHTS = Command(
    "highlights",
    run="storage.cli.repair:run_highlights",
    summary="show or write a video's highlights",
    about="""Which highlights do customers get, and what has the other of the two places?

    With --put a file is checked and written where the product serves highlights from, in the form that it reads there;
    with --rebuild-from that is made anew from what one of both places holds. The other place is brought into step only
    where it is there already. Writing takes --actor and --reason, and can be taken back with undo-change.""",
    params=[
        uid(),
        video_id(),
        option("--put", "FILE", "Write the highlights of this file where the product serves them from."),
        option(
            "--rebuild-from",
            "PLACE",
            "Write them anew from what one of both places holds: object or document.",
            type=click.Choice(("object", "document")),
        ),
        flag(
            "--acknowledge-differences",
            "What customers get now, which the other place has otherwise, may be overwritten.",
        ),
        actor("Who does it; recorded; needed to write.", required=False),
        reason("Why, with the ticket; recorded; needed to write.", required=False),
    ],
    examples=[
        ("highlights u1 v1", "Look."),
        ("highlights u1 v1 --put highlights.json --actor you@example.com --reason 'ticket 7'", "Write them."),
        (
            "highlights u1 v1 --rebuild-from document --actor you@example.com --reason 'ticket 7'",
            "Rebuild what is served.",
        ),
    ],
    exits={0: "there are highlights", 1: "there are none that are usable"},
)
SET_STATUS = Command(
    "set-status",
    run="storage.cli.repair:run_set_status",
    summary="set a video's status, where the evidence allows it",
    about="""Sets the status of a video whose work is done, or will never be.

    Both stores are read first: it is refused when the evidence contradicts it, such as completed with clips missing, or
    when the document changed meanwhile.""",
    params=[uid(), video_id(), argument("STATUS", "analyzed, completed or failed."), actor(), reason()],
    examples=[("set-status u1 v1 completed --actor you@example.com --reason 'ticket 7'", "Set it.")],
    exits={0: "it was written", 1: "there is no such video", 4: "the evidence contradicts it, or the document changed"},
)
END_DISCLOSURE = Command(
    "end-disclosure",
    run="storage.cli.disclosure:run_end_disclosure",
    summary="what ends a disclosure through a video, and its end with --apply",
    about="""A document of this video names another customer's object, and it is there: what ends that?

    Keys are set right where the customer's own object is there; else the clip is set to failed. Public links to those
    clips are disabled. Both stores are read first, and all is written at once. undo-change takes it back.""",
    params=[
        uid(),
        video_id(),
        flag("--apply", "Write it."),
        actor("Who does it; recorded; needed with --apply.", required=False),
        reason("Why, with the ticket; recorded; needed with --apply.", required=False),
    ],
    examples=[
        ("end-disclosure u1 v1", "Look."),
        ("end-disclosure u1 v1 --apply --actor you@example.com --reason 'ticket 7'", "End it."),
    ],
    exits={
        0: "it is ended",
        1: "it was shown and not written, or there is no such video",
        4: "no document names another customer's object, or one changed meanwhile",
    },
)
REBUILD_RECORD = Command(
    "rebuild-record",
    run="storage.cli.record:run_rebuild_record",
    summary="write the documents of a video that nobody created, from its draft",
    about="""Makes a video show up whose clips were made of a draft, and whose own document nobody wrote.

    Writes what the video's document lacks, and its highlights from the draft's scenes. Both stores are read first: it
    is refused when something else keeps the video from view. undo-change takes it back.""",
    params=[uid(), video_id(), actor(), reason()],
    examples=[("rebuild-record u1 v1 --actor you@example.com --reason 'ticket 7'", "Where diagnose advises it.")],
    exits={0: "both documents were written", 4: "the evidence says otherwise, or a document changed"},
)
UPLOAD = Command(
    "upload",
    run="storage.cli.repair:run_upload",
    summary="store a clip: object, thumbnail, document, counters",
    about="""Stores a clip as the worker would, or replaces one that is missing or broken.

    In the worker's order: object, thumbnail, then the document, then the counters. An intact clip is replaced only with
    --replace. undo-change takes it back.""",
    params=[
        uid(),
        video_id(),
        argument("FILE", "The clip, an MP4 file.", type=Path),
        option("--scene", "N", "The scene's id.", type=int, required=True),
        option("--style", "STYLE", f"One of {', '.join(STYLES)}.", required=True),
        option("--title", "T", "The scene's title; by default the present one, else the video's."),
        option("--thumbnail", "FILE", "A JPEG file.", type=Path),
        flag("--replace", "Also where an intact clip is there."),
        actor(),
        reason(),
    ],
    examples=[
        (
            "upload u1 v1 clip.mp4 --scene 4 --style split --actor you@example.com --reason 'ticket 7'",
            "Scene 4 in the style split.",
        )
    ],
    exits={0: "the clip is stored", 1: "there is no such video", 4: "refused; every ground is named"},
)
RECOUNT = Command(
    "recount",
    run="storage.cli.repair:run_recount",
    summary="a user's counters beside the truth, and made true with --apply",
    about="""Are a customer's counters true?

    Adds up the clip documents and shows every counter before and after. With --apply they are written, each under the
    condition that its document is as shown. undo-change takes it back.""",
    params=[
        uid(),
        flag("--apply", "Write the counters."),
        reason("Why, with the ticket; recorded; needed with --apply.", required=False),
        actor("Who does it; recorded; needed with --apply.", required=False),
    ],
    examples=[
        ("recount u1", "Look."),
        ("recount u1 --apply --actor you@example.com --reason 'ticket 7'", "Make them true."),
    ],
    exits={
        0: "every counter is true (now)",
        1: "some are wrong and were not written",
        4: "refused, or a document changed",
    },
)
UNDO_CHANGE = Command(
    "undo-change",
    run="storage.cli.repair:run_undo_change",
    summary="take back a change of fields and objects",
    about="""Takes back what set-status, end-disclosure, rebuild-record, highlights, recount or upload wrote.

    Everything is put back as it was, or nothing where something was changed since.""",
    params=[argument("CHANGE_ID", "As the change printed it."), actor(), reason()],
    examples=[
        ("undo-change CHANGE_ID --actor you@example.com --reason 'ticket 7'", "With the id that the change printed.")
    ],
    exits={0: "everything was put back", 1: "there is no such change", 4: "something was changed since"},
)
ROLLUP = Command(
    "rollup",
    run="storage.cli.rollup:run_rollup",
    summary="read all customers once and keep the figures that fleet pages are drawn from",
    about="""The figures about all customers, read once and kept for the pages that show them.

    Reads every user, the accounting and the clips' totals, and writes documents of the desk's own (ops_rollups). For a
    scheduler, once a day or oftener; with --shard on several machines, each with its own I; each of them lists all
    users, a read for each. With --show the newest figures are printed instead; that takes a few reads.""",
    params=[
        option("--shard", "I/N", "Only the I-th of N parts of the users (N <= 32).", default="1/1"),
        flag("--show", "Print the newest figures instead of making them; a few reads."),
        option("--top", "N", "With --show, for people: rows of each list (default: 10).", type=int, default=10),
    ],
    examples=[
        ("rollup", "Make them."),
        ("rollup --show --top 20", "Look at the newest, with 20 rows in each list."),
    ],
    exits={
        0: "everything was read and written; or shown",
        1: "with --show: incomplete, too old to stand for today, or never made",
        3: "some users could not be read; the rest is written",
    },
)
AUDIT = Command(
    "audit",
    run="storage.cli.audit:run_audit",
    summary="who did what, when and why",
    about="""Who did what, when and why; and is the record whole?

    The newest entries of the audit, also about users and videos that no longer exist. With --verify the whole chain is
    read, and every missing or altered entry is reported.""",
    params=[
        option("--uid", "UID", "Only what concerns this user."),
        actor("Only what this person did.", required=False),
        option("--limit", "N", "How many, 50 by default.", type=int, default=50),
        flag("--verify", "Check the chain."),
    ],
    examples=[("audit --uid u1 --limit 10", "The last ten about u1."), ("audit --verify", "Is the record whole?")],
    exits={0: "printed; the chain holds", 1: "the chain does not hold"},
    recorded=False,
)
ROOT = Group(
    "storage",
    [
        CHECK,
        FIND,
        USAGE,
        URL,
        VERIFY,
        DIAGNOSE,
        SET_STATUS,
        END_DISCLOSURE,
        REBUILD_RECORD,
        HIGHLIGHTS,
        UPLOAD,
        UNDO_CHANGE,
        RECOUNT,
        PURGE,
        ROLLUP,
        AUDIT,
    ],
    summary="",
    about="""Look up, check and repair what Viral Clip AI keeps in Cloudflare R2 and Firestore.

    Every command has a manual: COMMAND --help. With --json, a command prints one JSON document on stdout and nothing
    else there. Without any R2_*, FIREBASE_* or FIRESTORE_EMULATOR_HOST setting the commands work on the demo's sample
    data.""",
    examples=[
        ("find ada@example.com", "Who is it?"),
        ("diagnose u1 v1", "Why is this video not there?"),
        ("usage u1 --json", "For a script."),
    ],
)
