"""`highlights`: shows a video's highlights, writes them from a file, or rebuilds one place from the other.

`recount`: the counters of a user before and after, and with `--apply` made true.

`set-status`: sets a video's status where the evidence allows it.

`undo-change`: takes back what `set-status`, `highlights`, `recount` or `upload` wrote.

`upload`: stores a clip as the worker would, or replaces one that is missing or broken.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from storage.actions import repair, upload
from storage.actions.repair import plan_recount
from storage.cli.context import Context, shell_actor
from storage.cli.output import plain, print_json, progress, report_error, safe, say, say_table, size
from storage.clients.meter import metering, unbudgeted
from storage.domain.actor_and_reason import checked_reason
from storage.domain.changes import ABSENT, rows
from storage.domain.highlights import MAX_FILE_BYTES, HighlightsState, check_file
from storage.domain.layout import STYLES
from storage.domain.upload import check_scene, check_style
from storage.errors import BadInput, NotFound, Refused
from storage.files import read_file
from storage.repositories.store_time import store_time
from storage.services import highlights
from storage.services.highlights import Highlights
from storage.text import number


def register_highlights(
    subparsers: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser
) -> None:
    """Adds the command."""
    command = subparsers.add_parser("highlights", parents=[common], help="show or write a video's highlights")
    command.add_argument("uid", metavar="UID", help="the user's id, as find prints it")
    command.add_argument("video_id", metavar="VIDEO_ID", help="the video's id")
    source = command.add_mutually_exclusive_group()
    source.add_argument("--put", metavar="FILE", help="write the highlights of this file to both places")
    source.add_argument(
        "--rebuild-from", choices=("object", "document"), help="write both places anew from what one of them holds"
    )
    command.add_argument("--actor", metavar="EMAIL", help="who does it; recorded")
    command.add_argument("--reason", metavar="TEXT", help="why, with the ticket")
    command.set_defaults(run=run_highlights)


def run_highlights(arguments: argparse.Namespace, context: Context) -> int:
    """Exit 0 with highlights, 1 without any."""
    uid, video_id = arguments.uid, arguments.video_id
    extra: dict[str, Any] = {}
    if arguments.put is not None or arguments.rebuild_from:
        extra = _write(arguments, context, uid, video_id)
    stores = context.stores
    found = highlights.read(stores.records, stores.objects, stores.layout, uid, video_id)
    for error in found.errors:
        progress(f"warning: {error.message}")
    nothing = NotFound("There are no usable highlights in either place.", remedy="Run diagnose for the video.")
    if context.as_json:
        print_json(_document(found) | extra | ({} if found.source else {"error": nothing.as_dict()}))
    else:
        _say(found)
        if extra:
            say(f"Written. Change {extra['change_id']} can be undone.")
    return 0 if found.source else 1


def _write(arguments: argparse.Namespace, context: Context, uid: str, video_id: str) -> dict[str, Any]:
    if arguments.actor is None or arguments.reason is None:
        raise BadInput("--actor and --reason are needed to write", field_name="actor", remedy="Add both.")
    actor, reason = shell_actor(arguments.actor), checked_reason(arguments.reason)
    content = read_file(Path(arguments.put), "--put", MAX_FILE_BYTES) if arguments.put is not None else b""
    if arguments.put is not None:
        check_file(content)  # before anything is asked of a backend
    bench = context.bench()
    if arguments.put is not None:
        plan = repair.plan_put(bench, uid, video_id, content)
    else:
        plan = repair.plan_rebuild(bench, uid, video_id, arguments.rebuild_from)
    for warning in plan.changes.warnings:
        progress(f"warning: {warning}")
    done = repair.apply(bench, actor, plan, reason)
    return {"change_id": done.change_id, "changes": rows(plan.changes)}


def _document(found: Highlights) -> dict[str, Any]:
    return {
        "source": found.source,
        "highlights": found.entries,
        "object": _place(found.object),
        "document": _place(found.document),
    }


def _place(state: HighlightsState) -> dict[str, Any]:
    return {
        "place": state.place,
        "presence": state.presence,
        "content": state.content,
        "count": state.count,
        "reason": state.reason,
        "written_at": state.written_at,
    }


def _say(found: Highlights) -> None:
    for name, state in (("object", found.object), ("document", found.document)):
        what = state.presence if state.content is None else f"{state.presence}, {state.content}"
        say(f"{name:<9} {what:<18} {safe(state.place)}" + (f"  ({safe(state.reason, 300)})" if state.reason else ""))
    if found.source is None:
        say("No usable highlights: the customer sees that the video is still being processed.")
        return
    table = [(e.get("id"), e.get("start"), e.get("end"), e.get("title")) for e in found.entries]
    say_table(("ID", "START", "END", "TITLE"), table)


def register_recount(
    subparsers: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser
) -> None:
    """Adds the command."""
    command = subparsers.add_parser(
        "recount",
        parents=[common],
        help="a user's counters beside the truth, and made true with --apply",
        description="Adds up the clip documents and shows every counter before and after. With --apply they are "
        "written, each under the condition that its document is as shown. Exit 1: some are wrong, nothing was written.",
    )
    command.add_argument("uid", metavar="UID", help="the user's id, as find prints it")
    command.add_argument("--apply", action="store_true", help="write the counters")
    command.add_argument("--reason", metavar="TEXT", help="why, with the ticket; needed with --apply")
    command.add_argument("--actor", metavar="EMAIL", help="who does it; recorded; needed with --apply")
    command.set_defaults(run=run_recount)


def run_recount(arguments: argparse.Namespace, context: Context) -> int:
    """Exit 0 when every counter that the backend keeps is true (now), 1 when some are not and were not written."""
    uid = arguments.uid
    if arguments.apply:
        for name in ("reason", "actor"):
            if not (getattr(arguments, name) or "").strip():
                raise BadInput(f"--{name} is needed with --apply", field_name=f"--{name}", remedy=f"Give --{name}.")
    stores, ids = context.stores, tuple[str, ...]()
    with metering() as meter:
        plan = plan_recount(stores, uid, store_time(stores.handle))
        document = {
            "uid": uid,
            "counters": [{"name": row.name, "before": row.before, "after": row.after} for row in plan.counters],
            "before": {row.name: row.before for row in plan.counters},
            "after": {row.name: row.after for row in plan.counters},
            "drifting": len(plan.drifting),
            "unsized_clips": plan.unsized_clips,
            "busy_videos": list(plan.busy),
            "too_large": [row.name for row in plan.too_large],
            "dead": [row.name for row in plan.counters if row.dead],
            "applied": False,
        }
        if arguments.apply:
            actor = shell_actor(arguments.actor)
            try:
                with unbudgeted():  # what reading every clip has used up must not stop it between two counters
                    ids = repair.apply(context.bench(), actor, plan, arguments.reason).change_ids
            except Refused as refused:
                report_error(refused, as_json=context.as_json, extra={**document, "reasons": list(refused.reasons)})
                return refused.exit_status
    document |= {"applied": arguments.apply, "change_ids": list(ids), "cost": meter.cost().as_dict()}
    if context.as_json:
        print_json(document)
    else:
        rows = plan.drifting or plan.counters
        say_table(("COUNTER", "BEFORE", "AFTER"), [(row.name, row.before, row.after) for row in rows])
        for row in plan.too_large:
            say(
                f"note: {safe(row.name)} stays as it is: the clips add up to {row.after:,}, beyond Firestore's numbers."
            )
        say(f"{len(plan.wrong):,} of {len(plan.counters):,} counters {'were' if arguments.apply else 'are'} wrong.")
        dead = len(plan.drifting) - len(plan.wrong)
        if dead:
            say(f"Beside them {number(dead, 'dead counter')} of the user's own, which the backend no longer keeps.")
    wrong = plan.too_large if arguments.apply else plan.wrong
    return 1 if wrong else 0


def register_set_status(
    subparsers: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser
) -> None:
    """Adds the command."""
    command = subparsers.add_parser(
        "set-status",
        parents=[common],
        help="set a video's status, where the evidence allows it",
        description="Sets the status after reading both stores: refused (4) when the evidence contradicts it, such as "
        "completed with clips missing, or when the document changed meanwhile.",
    )
    command.add_argument("uid", metavar="UID", help="the user's id, as find prints it")
    command.add_argument("video_id", metavar="VIDEO_ID", help="the video's id")
    command.add_argument("status", metavar="STATUS", help=", ".join(repair.STATUSES))
    command.add_argument("--actor", metavar="EMAIL", required=True, help="who does it; recorded")
    command.add_argument("--reason", metavar="TEXT", required=True, help="why, with the ticket")
    command.set_defaults(run=run_set_status)


def run_set_status(arguments: argparse.Namespace, context: Context) -> int:
    """Exit 0 when it was written."""
    uid, video_id = arguments.uid, arguments.video_id
    status = repair.check_status(arguments.status)
    actor, reason = shell_actor(arguments.actor), checked_reason(arguments.reason)
    bench = context.bench()
    plan = repair.plan_status(bench, uid, video_id, status, reason)
    done = repair.apply(bench, actor, plan, reason)
    if context.as_json:
        print_json({"uid": uid, "video_id": video_id, "change_id": done.change_id, "changes": rows(plan.changes)})
        return 0
    absent = "(absent)"
    say_table(
        ("FIELD", "BEFORE", "AFTER"),
        [(c.field, absent if c.before is ABSENT else c.before, c.after) for c in done.changes],
    )
    say(f"Written. Change {safe(done.change_id)} can be undone.")
    return 0


def register_undo_change(
    subparsers: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser
) -> None:
    """Adds the command."""
    command = subparsers.add_parser("undo-change", parents=[common], help="take back a change of fields and objects")
    command.add_argument("change_id", metavar="CHANGE_ID", help="as the change printed it")
    command.add_argument("--actor", metavar="EMAIL", required=True, help="who does it; recorded")
    command.add_argument("--reason", metavar="TEXT", required=True, help="why, with the ticket")
    command.set_defaults(run=run_undo_change)


def run_undo_change(arguments: argparse.Namespace, context: Context) -> int:
    """Exit 0 when everything was put back, 4 when something was changed since."""
    change_id = arguments.change_id
    actor, reason = shell_actor(arguments.actor), checked_reason(arguments.reason)
    done = repair.undo(context.bench(), actor, change_id, reason)
    if context.as_json:
        changed = [
            {"path": c.path, "field": c.field, "after": None if c.after is ABSENT else plain(c.after)}
            for c in done.changes
        ]
        print_json({"change_id": change_id, "undone": changed})
    else:
        say(f"Put back {len(done.changes)} fields of change {safe(change_id)}.")
    return 0


def register_upload(
    subparsers: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser
) -> None:
    """Adds the command."""
    command = subparsers.add_parser(
        "upload",
        parents=[common],
        help="store a clip: object, thumbnail, document, counters",
        description="Stores a clip in the worker's order: object, thumbnail, then the document, then the counters. "
        "Replaces a clip that is missing or broken; an intact one only with --replace.",
    )
    command.add_argument("uid", metavar="UID", help="the user's id, as find prints it")
    command.add_argument("video_id", metavar="VIDEO_ID", help="the video's id")
    command.add_argument("file", metavar="FILE", type=Path, help="the clip, an MP4 file")
    command.add_argument("--scene", metavar="N", type=int, required=True, help="scene id")
    command.add_argument("--style", metavar="STYLE", required=True, help=f"one of {', '.join(STYLES)}")
    command.add_argument("--title", metavar="T", help="scene title; the present one, else the video's, by default")
    command.add_argument("--thumbnail", metavar="FILE", type=Path, help="a JPEG file")
    command.add_argument("--replace", action="store_true", help="also where an intact clip is there")
    command.add_argument("--actor", metavar="EMAIL", required=True, help="who does it; recorded")
    command.add_argument("--reason", metavar="TEXT", required=True, help="why, with the ticket")
    command.set_defaults(run=run_upload)


def run_upload(arguments: argparse.Namespace, context: Context) -> int:
    """Exit 0 when the clip is stored; 4 with all reasons when it is refused."""
    uid, video_id = arguments.uid, arguments.video_id
    actor, reason = shell_actor(arguments.actor), checked_reason(arguments.reason)
    check_scene(arguments.scene)
    check_style(arguments.style)
    media = upload.open_media(arguments.file, arguments.thumbnail)
    with media.clip:
        if not media.info.index_first:
            progress("warning: the file's index comes last; players start it late (faststart would mend that)")
        bench = context.bench()
        plan = repair.plan_replace(
            bench,
            uid,
            video_id,
            media,
            scene=arguments.scene,
            style=arguments.style,
            title=arguments.title,
            replace_intact=arguments.replace,
        )
        for warning in plan.upload.warnings:
            progress(f"warning: {warning}")
        done = repair.apply(bench, actor, plan, reason)
    (written,) = done.applied
    clip, *thumbnails = written.objects
    path = upload.document_path(plan.upload)
    document = bench.stores.records.raw(path)
    if context.as_json:
        print_json(
            {
                "clip_id": plan.upload.clip_id,
                "key": clip.key,
                "size_bytes": clip.size_bytes,
                "etag": clip.etag,
                "content_type": clip.content_type,
                "thumbnail_key": thumbnails[0].key if thumbnails else None,
                "path": path,
                "replaced": plan.upload.exists,
                "change_id": done.change_id,
                "document": dict(document.fields or {}) if document else {},
            }
        )
        return 0
    say(f"{'Replaced' if plan.upload.exists else 'Stored'} clip {safe(plan.upload.clip_id)} ({size(clip.size_bytes)})")
    say(f"  object    {safe(clip.key, 400)}")
    for thumbnail in thumbnails:
        say(f"  thumbnail {safe(thumbnail.key, 400)}")
    say(f"  document  {safe(path, 400)}")
    say(f"Change {done.change_id} can be undone.")
    return 0
