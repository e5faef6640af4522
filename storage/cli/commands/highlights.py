"""`highlights`: shows a video's highlights, writes them from a file, or rebuilds one place from the other."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from storage import highlights_store
from storage.actions import repair
from storage.cli.actor import shell_actor
from storage.cli.context import Context
from storage.cli.output import print_json, progress, safe, say, say_table
from storage.domain.actor_and_reason import checked_reason
from storage.domain.changes import rows
from storage.domain.highlights import MAX_FILE_BYTES, HighlightsState
from storage.domain.highlights_file import check_file
from storage.errors import BadInput, NotFound
from storage.files import read_file
from storage.highlights_store import Highlights


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser) -> None:
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
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace, context: Context) -> int:
    """Exit 0 with highlights, 1 without any."""
    uid, video_id = arguments.uid, arguments.video_id
    extra: dict[str, Any] = {}
    if arguments.put is not None or arguments.rebuild_from:
        extra = _write(arguments, context, uid, video_id)
    stores = context.stores
    found = highlights_store.read(stores.records, stores.objects, stores.layout, uid, video_id)
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
    done = repair.put_highlights(bench, actor, plan, reason)
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
