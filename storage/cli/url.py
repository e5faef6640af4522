"""`url`: prints a short-lived link to a clip or its thumbnail."""

from __future__ import annotations

from storage.actions import audit
from storage.actions.audit import UNKNOWN
from storage.cli.context import Context, shell_reader
from storage.cli.output import print_json, progress, rfc3339, safe, say, size
from storage.domain.audit_chain import Event
from storage.domain.documents import Clip
from storage.domain.media import MediaKind
from storage.errors import AccessDenied
from storage.services import links


def run_url(
    context: Context, uid: str, video_id: str, clip_id: str, thumbnail: bool, download: bool, actor: str | None
) -> int:
    """Prints the link. It is a bearer token: it goes to stdout and nowhere else."""
    clip = links.find_clip(context.stores.records, uid, video_id, clip_id)
    kind: MediaKind = "thumbnail" if thumbnail else "clip"
    link = links.media_link(context.stores, clip, kind=kind, download=download)
    _record(context, clip, link.signed.key, actor, download=download)
    signed = link.signed
    if link.doubt:
        progress(f"warning: {safe(link.doubt, 600)}; if that holds for other customers too, `check` says so")
    if context.as_json:
        document = {"url": signed.url, "expires_at": signed.expires_at, "key": signed.key}
        print_json(document | {"content_type": signed.content_type, "prefix_doubt": link.doubt or None})
        return 0
    say(signed.url)
    sys_note = f"{signed.content_type}, {size(link.object.size_bytes)}, good until {rfc3339(signed.expires_at)}"
    say(sys_note)
    return 0


def _record(context: Context, clip: Clip, key: str, actor: str | None, *, download: bool) -> None:
    """Records the link in the audit. Where the shell's credentials may not write, it says so and goes on."""
    event = Event(
        "link.issue",
        UNKNOWN,
        uid=clip.uid,
        video_id=clip.video_id,
        clip_id=clip.clip_id,
        keys=(key,),
        detail={"purpose": "download" if download else "play"},
    )
    try:
        audit.open_audit(context.stores, context.writers()).append(audit.attributed(shell_reader(actor), event))
    except AccessDenied as error:
        progress(f"warning: the audit does not record the link: {error.message}")
