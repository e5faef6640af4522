"""`upload`: stores a clip as the worker would, or replaces one that is missing or broken."""

from __future__ import annotations

import argparse
from pathlib import Path

from storage.actions import repair, upload
from storage.cli.actor import shell_actor
from storage.cli.context import Context
from storage.cli.output import print_json, progress, safe, say, size
from storage.domain.actor_and_reason import checked_reason
from storage.domain.styles import STYLES
from storage.domain.upload import check_scene, check_style


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser) -> None:
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
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace, context: Context) -> int:
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
        for warning in plan.warnings:
            progress(f"warning: {warning}")
        stored = repair.replace_clip(bench, actor, plan, media, reason)
    if context.as_json:
        print_json(
            {
                "clip_id": stored.clip_id,
                "key": stored.object.key,
                "size_bytes": stored.object.size_bytes,
                "etag": stored.object.etag,
                "content_type": stored.object.content_type,
                "thumbnail_key": stored.thumbnail.key if stored.thumbnail else None,
                "path": stored.path,
                "replaced": plan.exists,
                "change_id": stored.change_id,
                "document": stored.document,
            }
        )
        return 0
    say(f"{'Replaced' if plan.exists else 'Stored'} clip {safe(stored.clip_id)} ({size(stored.object.size_bytes)})")
    say(f"  object    {safe(stored.object.key, 400)}")
    if stored.thumbnail:
        say(f"  thumbnail {safe(stored.thumbnail.key, 400)}")
    say(f"  document  {safe(stored.path, 400)}")
    say(f"Change {stored.change_id} can be undone.")
    return 0
