"""The commands that repair one customer's data.

- `highlights` shows a video's highlights, writes them from a file, or rebuilds one place from the other.
- `recount` shows the counters of a user before and after, and corrects them with `--apply`.
- `set-status` sets a video's status where the evidence allows it.
- `upload` stores a clip as the worker would, or replaces one that is missing or broken.
- `undo-change` takes back a change that one of these commands wrote.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from storage.actions import highlights as write_highlights
from storage.actions import repair, upload
from storage.actions.repair import RecountPlan, Repaired, plan_recount
from storage.cli.context import Context, applying, shell_actor
from storage.cli.output import plain, print_json, progress, report_error, safe, say, say_table, size
from storage.clients.meter import metering, unbudgeted
from storage.domain.actor_and_reason import checked_reason
from storage.domain.changes import ABSENT, rows
from storage.domain.highlights import MAX_FILE_BYTES, HighlightsState, check_file, page_opens
from storage.domain.ledger import WrongSize
from storage.domain.policy import Actor
from storage.domain.upload import check_scene, check_style
from storage.errors import BadInput, NotFound, Refused
from storage.files import read_file
from storage.repositories.store_time import store_time
from storage.services import highlights
from storage.services.highlights import Highlights
from storage.text import number


def run_highlights(
    context: Context,
    uid: str,
    video_id: str,
    put: str | None,
    rebuild_from: Literal["object", "document"] | None,
    acknowledge_differences: bool,
    actor: str | None,
    reason: str | None,
) -> int:
    """Shows or writes the highlights. Exit 0 when there are usable highlights, 1 when there are none."""
    extra: dict[str, Any] = {}
    if put is not None and rebuild_from is not None:
        raise BadInput("--put and --rebuild-from cannot be combined", field_name="put", remedy="Give one of them.")
    source = rebuild_from if put is None else Path(put)
    if source is not None:
        if actor is None or reason is None:
            raise BadInput("--actor and --reason are needed to write", field_name="actor", remedy="Add both.")
        who, why = shell_actor(actor), checked_reason(reason)
        extra = _write(context, uid, video_id, source, who, why, agreed=acknowledge_differences)
    stores = context.stores
    found = highlights.read(stores.records, stores.objects, stores.deployment(), uid, video_id)
    for error in found.errors:
        progress(f"warning: {error.message}")
    where = found.deployment.highlights_place
    nothing = NotFound(f"There are no usable highlights in {where}.", remedy="Run diagnose for the video.")
    if context.as_json:
        print_json(_document(found) | extra | ({} if found.source else {"error": nothing.as_dict()}))
    else:
        _say(found)
        if extra:
            say(f"Written. Change {extra['change_id']} can be undone.")
    return 0 if found.source else 1


def _write(
    context: Context,
    uid: str,
    video_id: str,
    source: Path | Literal["object", "document"],
    actor: Actor,
    reason: str,
    *,
    agreed: bool,
) -> dict[str, Any]:
    if isinstance(source, Path):
        content = read_file(source, "--put", MAX_FILE_BYTES)
        check_file(content)  # before any request to a backend
        bench = context.bench()
        plan = write_highlights.plan_put(bench, uid, video_id, content)
    else:
        bench = context.bench()
        plan = write_highlights.plan_rebuild(bench, uid, video_id, source)
    for warning in plan.changes.warnings:
        progress(f"warning: {warning}")
    if plan.overwrites and not agreed:
        raise Refused(
            f"What customers get differs from the {source}, and may hold their own edits: "
            f"{'; '.join(plan.overwrites[:8])}.",
            reasons=plan.overwrites,
            remedy="Look at the differences; add --acknowledge-differences to overwrite them. It can be undone.",
        )
    done = repair.apply(bench, actor, plan, reason)
    return {"change_id": done.change_id, "changes": rows(plan.changes)}


def _document(found: Highlights) -> dict[str, Any]:
    return {
        "source": found.source,
        "highlights": found.entries,
        "differences": list(found.differences),
        "deployment": found.deployment.as_dict(),
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
    deployment = found.deployment
    say(f"The product serves them from {deployment.highlights_place}: {safe(deployment.highlights_why, 300)}")
    for difference in found.differences:
        say(f"differs: {safe(difference, 300)}")
    if found.source is None:
        shown = page_opens(found.object, found.document, deployment.highlights_source)
        sees = "the video's page without any" if shown else "that the video is still being processed"
        say(f"No usable highlights there: the customer sees {sees}.")
        if found.other.usable:
            say(f"The {found.other.source} has {found.other.count}: --rebuild-from {found.other.source}")
        return
    table = [(e.get("id"), e.get("start"), e.get("end"), e.get("title")) for e in found.entries]
    say_table(("ID", "START", "END", "TITLE"), table)


def run_recount(context: Context, uid: str, sizes: bool, apply: bool, reason: str | None, actor: str | None) -> int:
    """Exit 0 when every counter that the backend keeps is true (now); 1 when some are wrong and were not written."""
    who, why = applying(apply, actor, reason)
    stores, ids = context.stores, tuple[str, ...]()
    with metering() as meter:
        plan = plan_recount(stores, uid, store_time(stores.handle), sizes=sizes)
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
        if sizes:
            document |= {"sizes": _sizes(uid, plan.sizes), "sizes_left": _sizes(uid, plan.left)}
        if apply:
            try:
                with unbudgeted():  # reading every clip may use up the budget, which must not stop it between counters
                    ids = repair.apply(context.bench(), who, plan, why).change_ids
            except Refused as refused:
                report_error(refused, as_json=context.as_json, extra={**document, "reasons": list(refused.reasons)})
                return refused.exit_status
    document |= {"applied": apply, "change_ids": list(ids), "cost": meter.cost().as_dict()}
    if context.as_json:
        print_json(document)
    else:
        if sizes:
            _say_sizes(plan, applied=apply)
        rows = plan.drifting or plan.counters
        shown = [(f"{row.name} (dead)" if row.dead else row.name, row.before, row.after) for row in rows]
        say_table(("COUNTER", "BEFORE", "AFTER"), shown)
        for row in plan.too_large:
            say(
                f"note: {safe(row.name)} stays as it is: the clips add up to {row.after:,}, beyond Firestore's numbers."
            )
        say(f"{len(plan.wrong):,} of {len(plan.counters):,} counters {'were' if apply else 'are'} wrong.")
        dead = len(plan.drifting) - len(plan.wrong)
        if dead:
            say(f"Also {number(dead, 'dead counter')} of the customer's own, which the backend no longer keeps.")
    too_large = [row for row in plan.too_large if not row.dead]
    wrong = (too_large or plan.left) if apply else (plan.wrong or plan.sizes or plan.left)
    return 1 if wrong else 0


def _sizes(uid: str, wrong: Sequence[WrongSize]) -> list[dict[str, Any]]:
    return [
        {
            "path": f"users/{uid}/{one.path_in_user}",
            "video_id": one.video_id,
            "clip_id": one.clip_id,
            "key": one.key,
            "before": one.before,
            "after": one.after,
        }
        | ({"why": one.why} if one.why else {})
        for one in wrong
    ]


def _say_sizes(plan: RecountPlan, *, applied: bool) -> None:
    if plan.sizes:
        rows = [(one.video_id, one.clip_id, one.before, one.after) for one in plan.sizes]
        say_table(("VIDEO", "CLIP", "SIZE BEFORE", "AFTER"), rows)
    were = "had" if applied else "have"
    say(f"{number(len(plan.sizes), 'clip document')} {were} a size that is not the object's.")
    for one in plan.left:
        say(f"note: {safe(one.clip_id)} keeps its size: {safe(one.why, 200)}.")


def run_set_status(context: Context, uid: str, video_id: str, status: str, actor: str, reason: str) -> int:
    """Exit 0 when the status was written."""
    wanted = repair.check_status(status)
    who, why = shell_actor(actor), checked_reason(reason)
    bench = context.bench()
    plan = repair.plan_status(bench, uid, video_id, wanted, why)
    done = repair.apply(bench, who, plan, why)
    if context.as_json:
        print_json({"uid": uid, "video_id": video_id, "change_id": done.change_id, "changes": rows(plan.changes)})
        return 0
    say_written(done)
    return 0


def say_written(done: Repaired) -> None:
    """The fields of a repair that is one commit, and the change that takes it back."""
    fields = [(c.field, "(absent)" if c.before is ABSENT else c.before, c.after) for c in done.changes]
    say_table(("FIELD", "BEFORE", "AFTER"), fields)
    say(f"Written. Change {safe(done.change_id)} can be undone.")


def run_undo_change(context: Context, change_id: str, actor: str, reason: str) -> int:
    """Exit 0 when everything was put back, 4 when something changed since."""
    who, why = shell_actor(actor), checked_reason(reason)
    done = repair.undo(context.bench(), who, change_id, why)
    if context.as_json:
        changed = [
            {"path": c.path, "field": c.field, "after": None if c.after is ABSENT else plain(c.after)}
            for c in done.changes
        ]
        print_json({"change_id": change_id, "undone": changed})
    else:
        say(f"Put back {number(len(done.changes), 'field')} of change {safe(change_id)}.")
    return 0


def run_upload(
    context: Context,
    uid: str,
    video_id: str,
    file: Path,
    scene: int,
    style: str,
    title: str | None,
    thumbnail: Path | None,
    replace: bool,
    actor: str,
    reason: str,
) -> int:
    """Exit 0 when the clip is stored, 4 with all reasons when it is refused."""
    who, why = shell_actor(actor), checked_reason(reason)
    check_scene(scene)
    check_style(style)
    media = upload.open_media(file, thumbnail)
    with media.clip:
        if not media.index_first:
            progress("warning: the file's index is at its end, so players start late (faststart would repair that)")
        bench = context.bench()
        plan = repair.plan_replace(
            bench,
            uid,
            video_id,
            media,
            scene=scene,
            style=style,
            title=title,
            replace_intact=replace,
        )
        for warning in plan.upload.warnings:
            progress(f"warning: {warning}")
        done = repair.apply(bench, who, plan, why)
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
    for image in thumbnails:
        say(f"  thumbnail {safe(image.key, 400)}")
    say(f"  document  {safe(path, 400)}")
    say(f"Change {done.change_id} can be undone.")
    return 0
