"""Declares every command: its question, its parameters, its examples and the meaning of its exit statuses.

`storage.cli.purge_commands` declares `purge`, `storage.cli.scan_commands` the checks of uploads. A declaration names
its function without an import; `storage.cli.command` says why.
"""

from __future__ import annotations

from pathlib import Path

import click

from storage.cli.command import Command, Group, actor, argument, flag, option, reason, uid, video_id
from storage.cli.joint_commands import REPAIR
from storage.cli.orphans_commands import ORPHANS
from storage.cli.purge_commands import PURGE
from storage.cli.scan_commands import SCANS, VERIFY
from storage.domain.layout import STYLES
from storage.domain.replies import LANGUAGES, OWN


def _reply_language() -> click.Option:
    """The customer's language, chosen by hand: no document holds it."""
    return option(
        "--reply-language",
        "LANGUAGE",
        f"The language of the reply to the customer: {', '.join(LANGUAGES)}. The reply also stands there in English; "
        "with --json as reply, and in this language as reply_in.",
        type=click.Choice(LANGUAGES),
        default=OWN,
    )


CHECK = Command(
    "check",
    run="storage.cli.check:run_check",
    summary="check the configuration, Firestore, the key prefix, the bucket, and each permission",
    about="""Is everything in place to work?

    Checks the configuration, reads from Firestore, checks that the bucket holds objects that documents name (an empty
    or wrong bucket answers too), and tries each R2 permission on an object of its own below _ops/health/, which it
    then deletes.""",
    params=[],
    examples=[
        ("check", "Each check with what was seen, and the remedy where it failed."),
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
    summary="find a customer, video, clip or draft from anything pasted",
    about="""Whose is this, and where does it stand?

    Tries every meaning that the text can have, the cheapest first, and prints the matches, the reason for each and the
    places that it searched. The other commands take the ids that it prints.""",
    params=[
        argument(
            "QUERY",
            "A uid, an e-mail address or a part of it, words of a video's title, a video id, a clip id, a draft id, a "
            "file name, a key, a presigned or CDN URL, a video's URL, a link of the product or of a console, or a line "
            "of a log that contains one of these.",
        )
    ],
    examples=[
        ("find ada@example.com", "The customer with this address."),
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
    summary="show a customer's usage against the plan, and wrong counters",
    about="""How much does a customer use, of how much, and are the counters right?

    Compares the usage with the plan's limits, every counter with the sum over the clip documents, and that sum with the
    objects in the bucket. A bucket that does not answer leaves its side unknown. The answer ends with a reply to the
    customer. With --if-..., it also says how that would change the figures, whether the customer could still
    upload, and whether the worker would still make clips; it changes nothing.""",
    params=[
        uid(),
        option("--if-plan", "PLAN", "What if: on another plan."),
        option(
            "--if-without",
            "VIDEO_ID[/CLIP_ID]",
            "What if: after a purge of this video or clip; may be repeated.",
            multiple=True,
        ),
        flag("--if-purged", "What if: after a purge of the whole account."),
        option("--if-undo", "ID", "What if: after the undo of this purge (its job) or change."),
        option(
            "--if-video-of",
            "SIZE",
            "What if: with one more video, by how long its clips play in all (10m) or their size (500MiB).",
        ),
        _reply_language(),
    ],
    examples=[
        ("usage u1", "Storage, clips and credits of u1, and wrong counters."),
        ("usage u1 --if-without v1 --if-video-of 10m", "Is there room for ten more minutes of clips without v1?"),
        ("usage u1 --if-plan pro", "What another plan would change."),
    ],
    exits={
        0: "every counter is right; a used-up quota is not a fault of the data",
        1: "a counter is wrong, or there is no such customer",
    },
)
URL = Command(
    "url",
    run="storage.cli.url:run_url",
    summary="make a short-lived link to a clip or its thumbnail",
    about="""Makes a link that plays or downloads a clip for a limited time.

    The command looks at the object first, and the audit records the link. The link is a bearer token: anybody who has
    it can watch, so it goes to stdout and nowhere else.""",
    params=[
        uid(),
        video_id(),
        argument("CLIP_ID", "The clip's id."),
        flag("--thumbnail", "The thumbnail instead of the clip."),
        flag("--download", "A link that saves the file under a name, valid for a shorter time."),
        option(
            "--valid-minutes",
            "N",
            "A link to send to a customer, valid for N minutes, 15 to 1440; it cannot be revoked. Needs --actor and "
            "--reason.",
            type=click.IntRange(15, 1_440),
        ),
        actor("Who asks; recorded.", required=False),
        reason("Why, with the ticket; recorded; needed with --valid-minutes.", required=False),
    ],
    examples=[
        ("url u1 v1 v1_1_split", "A link to watch."),
        (
            "url u1 v1 v1_1_split --download --valid-minutes 1440 --actor you@example.com --reason 'T-7: asked for it'",
            "A link for the customer's mail, good for a day.",
        ),
        ("url u1 v1 v1_1_split --thumbnail --download", "A link that saves the thumbnail under a name."),
    ],
    exits={
        0: "the link was made",
        1: "there is no such clip or object",
        4: "the clip's document names a key that is not the customer's",
    },
)
DIAGNOSE = Command(
    "diagnose",
    run="storage.cli.diagnose:run_diagnose",
    summary="give a video's verdict, with evidence and next steps; or list every stuck video",
    about="""Why does a customer see "still being processed", and which videos need a person now?

    For one video: a verdict, the evidence, the next steps, and a reply to the customer. With --stuck: every video that
    needs a person, worst first, and the outages in which many videos stopped at once.""",
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
        flag("--bundle", "With --json: all the facts that were read, for an engineer."),
        _reply_language(),
    ],
    examples=[
        ("diagnose u1 v1", "One video."),
        ("diagnose u1 v1 --reply-language es", "The same, with the reply in Spanish and in English."),
        ("diagnose u1 v1 --json --bundle", "The same with all the facts, for an engineer."),
        ("diagnose --stuck --delivered 100", "Every video that needs a person, also among 100 that look done."),
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
    about="""Which highlights do customers get, and which does the other of the two places hold?

    With --put, the command checks a file and writes it where the product serves highlights from, in the form that the
    product reads there. With --rebuild-from, it builds the highlights again from one of the two places. It updates the
    other place only where that exists already. Writing needs --actor and --reason; undo-change takes it back.""",
    params=[
        uid(),
        video_id(),
        option("--put", "FILE", "Write the highlights of this file where the product serves them from."),
        option(
            "--rebuild-from",
            "PLACE",
            "Build the highlights again from one of the two places: object or document.",
            type=click.Choice(("object", "document")),
        ),
        flag(
            "--acknowledge-differences",
            "Overwrite what customers get now, although the other place differs from it.",
        ),
        actor("Who does it; recorded; needed to write.", required=False),
        reason("Why, with the ticket; recorded; needed to write.", required=False),
    ],
    examples=[
        ("highlights u1 v1", "Look."),
        ("highlights u1 v1 --put highlights.json --actor you@example.com --reason 'ticket 7'", "Write them."),
        (
            "highlights u1 v1 --rebuild-from document --actor you@example.com --reason 'ticket 7'",
            "Rebuild what the product serves.",
        ),
    ],
    exits={0: "there are highlights", 1: "there are no usable highlights"},
)
SET_STATUS = Command(
    "set-status",
    run="storage.cli.repair:run_set_status",
    summary="set a video's status, where the evidence allows it",
    about="""Sets the status of a video whose work is done, or will never be done.

    The command reads both stores first. It refuses a status that the evidence contradicts, such as completed with
    clips missing, and it refuses when the document changed meanwhile.""",
    params=[uid(), video_id(), argument("STATUS", "analyzed, completed or failed."), actor(), reason()],
    examples=[("set-status u1 v1 completed --actor you@example.com --reason 'ticket 7'", "Set it.")],
    exits={0: "it was written", 1: "there is no such video", 4: "the evidence contradicts it, or the document changed"},
)
END_DISCLOSURE = Command(
    "end-disclosure",
    run="storage.cli.disclosure:run_end_disclosure",
    summary="show the changes that end a disclosure through a video; --apply writes them",
    about="""Ends a disclosure: a document of this video names an object of another customer, and that object exists.

    Without --apply, the command only shows the changes. It corrects a key where the customer's own object is
    there; else it sets the clip to failed. It disables public links to those clips. It reads both stores first, and
    writes everything at once. undo-change takes it back.""",
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
        0: "the disclosure is ended",
        1: "the changes were shown and not written, or there is no such video",
        4: "no document names another customer's object, or a document changed meanwhile",
    },
)
REBUILD_RECORD = Command(
    "rebuild-record",
    run="storage.cli.record:run_rebuild_record",
    summary="write the documents of a video that nobody created, from its draft",
    about="""Makes a video visible when its clips were made from a draft and nobody wrote its own document.

    Writes the fields that the video's document lacks, and the highlights from the draft's scenes. The command reads
    both stores first, and refuses when something else keeps the video from view. undo-change takes it back.""",
    params=[uid(), video_id(), actor(), reason()],
    examples=[("rebuild-record u1 v1 --actor you@example.com --reason 'ticket 7'", "Where diagnose advises it.")],
    exits={
        0: "both documents were written",
        1: "there is no such video",
        4: "the evidence says otherwise, or a document changed",
    },
)
UPLOAD = Command(
    "upload",
    run="storage.cli.repair:run_upload",
    summary="store a clip: object, thumbnail, document, counters",
    about="""Stores a clip as the worker would, or replaces one that is missing or broken.

    Writes in the worker's order: the object, the thumbnail, the document, then the counters. It replaces an intact clip
    only with --replace. undo-change takes it back.""",
    params=[
        uid(),
        video_id(),
        argument("FILE", "The clip, an MP4 file.", type=Path),
        option("--scene", "N", "The scene's id.", type=int, required=True),
        option("--style", "STYLE", f"One of {', '.join(STYLES)}.", required=True),
        option("--title", "T", "The scene's title; by default the present one, else the video's."),
        option("--thumbnail", "FILE", "A JPEG file.", type=Path),
        flag("--replace", "Replace an intact clip too."),
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
THUMBNAIL = Command(
    "thumbnail",
    run="storage.cli.thumbnail:run_thumbnail",
    summary="write a clip's thumbnail: rebuilt from the clip, or from a file",
    about="""Gives a clip a thumbnail where it has none, or a broken one.

    Takes the picture from the clip as the product does (at 1 s, 480 pixels wide), which needs the extra frames (PyAV),
    or from --file. Then it writes the picture and the document that names it. It replaces an intact thumbnail only with
    --replace. undo-change takes it back.""",
    params=[
        uid(),
        video_id(),
        argument("CLIP_ID", "The clip's id."),
        option("--file", "FILE", "A JPEG file, instead of a picture from the clip.", type=Path),
        option("--at", "SECONDS", "The time of the picture in the clip (default: 1).", type=float, default=1.0),
        flag("--replace", "Replace an intact thumbnail too."),
        actor(),
        reason(),
    ],
    examples=[
        ("thumbnail u1 v1 v1_1_split --actor you@example.com --reason 'ticket 7'", "From the clip."),
        ("thumbnail u1 v1 v1_1_split --file a.jpg --actor you@example.com --reason 'ticket 7'", "From a file."),
    ],
    exits={
        0: "the thumbnail is written",
        1: "there is no such clip, or its file is not there",
        2: "bad usage, no JPEG, or no decoder on this machine",
        4: "refused; every ground is named",
    },
)
RECOUNT = Command(
    "recount",
    run="storage.cli.repair:run_recount",
    summary="show a customer's counters beside the sums of the clips; --apply corrects them",
    about="""Are a customer's counters right?

    Adds up the clip documents and shows every counter before and after. With --apply, it writes each counter with the
    precondition that its document is as shown. With --sizes, each clip document gets the size of its object first.
    undo-change takes it back.""",
    params=[
        uid(),
        flag("--sizes", "Compare the size in each clip document with its object, and correct those first."),
        flag("--apply", "Write the counters."),
        reason("Why, with the ticket; recorded; needed with --apply.", required=False),
        actor("Who does it; recorded; needed with --apply.", required=False),
    ],
    examples=[
        ("recount u1", "Look."),
        ("recount u1 --sizes", "Look at the objects too, for a customer who is over by a wrong number."),
        ("recount u1 --apply --actor you@example.com --reason 'ticket 7'", "Correct them."),
    ],
    exits={
        0: "every counter is right (now)",
        1: "some are wrong and were not written",
        4: "refused, or a document changed",
    },
)
UNDO_CHANGE = Command(
    "undo-change",
    run="storage.cli.repair:run_undo_change",
    summary="undo a change of fields and objects",
    about="""Undoes what set-status, end-disclosure, rebuild-record, highlights, recount, upload or thumbnail wrote.

    Puts everything back as it was, or nothing at all where something changed since.""",
    params=[argument("CHANGE_ID", "As the change printed it."), actor(), reason()],
    examples=[
        ("undo-change CHANGE_ID --actor you@example.com --reason 'ticket 7'", "With the id that the change printed.")
    ],
    exits={0: "everything was put back", 1: "there is no such change", 4: "something was changed since"},
)
FAILURE_GROUP = Command(
    "failure-group",
    run="storage.cli.failure_groups:run_failure_group",
    summary="archive a group of equal failures, mark it as resolved, or reopen it",
    about="""Archives, resolves or reopens a group of equal failures that diagnose --stuck lists.

    An archived group stays out of the list, or comes back after N more failures (--until-more N). A resolved group
    comes back with the next failure. The mark is kept in ops_failure_groups and recorded; no customer's data are
    changed or kept.""",
    params=[
        argument("GROUP_ID", "As diagnose --stuck prints it."),
        argument("STATE", "archived, resolved or open.", type=click.Choice(("archived", "resolved", "open"))),
        option("--until-more", "N", "With archived: list it again after this many more failures.", type=int, default=0),
        actor(),
        reason(),
    ],
    examples=[
        (
            "failure-group error-0123456789ab archived --until-more 10 --actor you@example.com --reason 'ticket 7'",
            "Known, and not worth a look before ten more.",
        )
    ],
    exits={0: "the mark was written", 4: "the group is open already, or somebody changed it meanwhile"},
)
ROLLUP = Command(
    "rollup",
    run="storage.cli.rollup:run_rollup",
    summary="read all customers once and keep the figures that the page Fleet shows",
    about="""Reads all customers once, and keeps the figures for the pages that show them.

    Reads every customer, the accounting and the clips' totals, and writes documents of the desk's own (ops_rollups).
    Then it reads the titles of all videos and clips, a read for each, and writes the index that find looks into
    (ops_index); of several shards only the first does that. A scheduler should run it once a day or more often. With
    --shard it runs on several machines, each with its own I; each machine lists all customers, a read for each. With
    --show it prints the newest figures instead; that takes a few reads.""",
    params=[
        option("--shard", "I/N", "Only the I-th of N parts of the customers (N <= 32).", default="1/1"),
        flag("--show", "Print the newest figures instead of making them; a few reads."),
        option("--top", "N", "With --show, for people: rows of each list (default: 10).", type=int, default=10),
    ],
    examples=[
        ("rollup", "Make the figures."),
        ("rollup --show --top 20", "Look at the newest, with 20 rows in each list."),
    ],
    exits={
        0: "everything was read and written; with --show: printed",
        1: "with --show: incomplete, too old to stand for today, or never made",
        3: "some customers could not be read, or the index could not be made; the rest is written",
        4: "the reads would pass the budget: nothing was written, or (index_error) all but the index",
    },
)
ALERTS = Group(
    "alerts",
    [
        Command(
            "run",
            run="storage.cli.alerts:run_run",
            summary="tell people what they must know, once for each change of state",
            about="""What must people be told now?

    Looks again at what was repaired or purged, where that is due, and for outages, disclosures, plans that wait for a
    second person, jobs that stopped or are about to lose their undo, late rollups and stores that are away. Sends what
    is new to the targets in ALERT_URLS, each alert to each target once, until its state changes. A scheduler should
    run it every few minutes; a running server with ALERT_URLS does so too.""",
            params=[flag("--dry-run", "Print what would be sent; send and keep nothing.")],
            examples=[
                ("alerts run", "For a scheduler."),
                ("alerts run --dry-run", "What is wrong now, and who does not know it yet."),
            ],
            exits={
                0: "every target accepted what it was sent, or there was nothing to send",
                3: "a target did not accept it (the next run sends it again); or neither store keeps what was sent",
                4: "ALERT_URLS is not set: the run looked, and sent nothing",
            },
        )
    ],
    summary="tell people what is wrong, by Slack, mail and other services",
    about="""Alerts to people, over Apprise: run them from a scheduler.""",
    examples=[("alerts run --dry-run", "Look; nothing is sent.")],
)
REQUESTS = Group(
    "requests",
    [
        Command(
            "list",
            run="storage.cli.requests:run_list",
            summary="what the team was asked, and what waits for an answer",
            about="""What does somebody ask the team to look into, or to delete?

    Prints what waits, the oldest first; with --all the newest, answered or not.""",
            params=[
                flag("--all", "Answered ones too, the newest first."),
                option("--limit", "N", "With --all: how many, 50 by default.", type=click.IntRange(1, 500), default=50),
            ],
            examples=[("requests list", "What waits for an answer.")],
            exits={0: "printed", 1: "something waits"},
        ),
        Command(
            "ask",
            run="storage.cli.requests:run_ask",
            summary="ask the team to look into something, or to delete it",
            about="""Asks the people who may act: engineers to look into it (tell), admins to delete it (delete).

    The request is kept in ops_requests, and shows on their Overview. The desk takes addresses and titles out of the
    reason. Prints text for a ticket.""",
            params=[
                argument("KIND", "tell or delete.", type=click.Choice(("tell", "delete"))),
                uid(),
                argument("VIDEO_ID", "Only about this video.", required=False),
                argument("CLIP_ID", "Only about this clip.", required=False),
                actor(),
                reason(),
            ],
            examples=[("requests ask tell u1 v1 --actor you@example.com --reason 'T-7: no sound'", "Look at this.")],
            exits={
                0: "the request was made",
                1: "there is no such customer, video or clip",
                4: "the same request waits already",
            },
        ),
        Command(
            "answer",
            run="storage.cli.requests:run_answer",
            summary="say that a request is done, or decline it",
            about="""Answers a request; the person who asked sees the answer on their Overview.""",
            params=[
                argument("REQUEST_ID", "As list prints it."),
                argument("STATE", "done or declined.", type=click.Choice(("done", "declined"))),
                actor(),
                reason("What was done, or why not; the person who asked reads it."),
            ],
            examples=[
                (
                    "requests answer req-20260301-120000-0123abcd done --actor you@example.com --reason 'replaced'",
                    "It is done.",
                )
            ],
            exits={0: "the answer is on record", 1: "there is no such request", 4: "it was answered already"},
        ),
    ],
    summary="list, make and answer requests to the team",
    about="""Requests to the team: a person who may not do something asks those who may.""",
    examples=[("requests list", "What waits for an answer.")],
)
AUDIT = Command(
    "audit",
    run="storage.cli.audit:run_audit",
    summary="show who did what, when and why",
    about="""Who did what, when and why, and is the audit complete?

    Prints the newest entries of the audit, also about customers and videos that no longer exist. With --verify, it
    reads the whole chain and reports every missing or altered entry.""",
    params=[
        option("--uid", "UID", "Only entries about this customer."),
        actor("Only entries of this person.", required=False),
        option("--limit", "N", "How many, 50 by default.", type=int, default=50),
        flag("--verify", "Check that no entry is missing or altered."),
    ],
    examples=[("audit --uid u1 --limit 10", "The last ten about u1."), ("audit --verify", "Is the audit complete?")],
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
        SCANS,
        DIAGNOSE,
        SET_STATUS,
        END_DISCLOSURE,
        REBUILD_RECORD,
        HIGHLIGHTS,
        UPLOAD,
        THUMBNAIL,
        UNDO_CHANGE,
        FAILURE_GROUP,
        RECOUNT,
        REPAIR,
        ORPHANS,
        PURGE,
        ROLLUP,
        ALERTS,
        REQUESTS,
        AUDIT,
    ],
    summary="",
    about="""Look up, check and repair what Viral Clip AI keeps in Cloudflare R2 and Firestore.

    Every command has a manual: COMMAND --help. With --json, a command prints one JSON document on stdout and nothing
    else there. Without any R2_*, FIREBASE_* or FIRESTORE_EMULATOR_HOST setting the commands work on the demo's sample
    data.""",
    examples=[
        ("find ada@example.com", "Who is it?"),
        ("diagnose u1 v1", "Why does the customer not see this video?"),
        ("usage u1 --json", "For a script."),
    ],
)
