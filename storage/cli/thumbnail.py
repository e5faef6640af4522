"""`thumbnail`: writes the thumbnail of a clip, rebuilt from the clip or from a file."""

from __future__ import annotations

from pathlib import Path

from storage.actions import repair, thumbnail
from storage.actions.upload import MAX_THUMBNAIL_BYTES
from storage.cli.context import Context, shell_actor
from storage.cli.output import print_json, progress, safe, say, size
from storage.cli.repair import say_written
from storage.domain.actor_and_reason import checked_reason
from storage.domain.changes import rows
from storage.files import read_file


def run_thumbnail(
    context: Context,
    uid: str,
    video_id: str,
    clip_id: str,
    file: Path | None,
    at: float,
    replace: bool,
    actor: str,
    reason: str,
) -> int:
    """Exit 0 when the thumbnail is written, 4 with all reasons when it is refused."""
    who, why = shell_actor(actor), checked_reason(reason)
    picture = read_file(file, "--file", MAX_THUMBNAIL_BYTES) if file is not None else None
    if picture is not None:
        thumbnail.check_picture(picture)  # before any request to a backend
    bench = context.bench()
    plan = thumbnail.plan_thumbnail(bench, uid, video_id, clip_id, picture, seconds=at, replace_intact=replace)
    for warning in plan.warnings:
        progress(f"warning: {warning}")
    done = repair.apply(bench, who, plan, why)
    if context.as_json:
        print_json(
            {
                "clip_id": clip_id,
                "thumbnail_key": plan.key,
                "size_bytes": len(plan.picture),
                "from": "file" if file is not None else "clip",
                "replaced": plan.seen is not None,
                "change_id": done.change_id,
                "changes": rows(plan.changes),
            }
        )
        return 0
    say(f"{'Replaced' if plan.seen else 'Wrote'} the thumbnail {safe(plan.key, 400)} ({size(len(plan.picture))})")
    say_written(done)
    return 0
