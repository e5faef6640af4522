"""`url`: prints a short-lived link to a clip or its thumbnail."""

from __future__ import annotations

from datetime import timedelta

from storage.actions import audit
from storage.actions.audit import UNKNOWN
from storage.actions.links import link_to_send
from storage.cli.context import Context, applying, shell_reader
from storage.cli.output import clock, print_json, progress, safe, say, size
from storage.domain.audit_chain import Event
from storage.domain.documents import Clip
from storage.domain.media import MediaKind
from storage.errors import AccessDenied, BadInput
from storage.services import links


def run_url(
    context: Context,
    uid: str,
    video_id: str,
    clip_id: str,
    thumbnail: bool,
    download: bool,
    valid_minutes: int | None,
    actor: str | None,
    reason: str | None,
) -> int:
    """Prints the link. It is a bearer token: it goes to stdout and nowhere else.

    One of a chosen life needs an actor and a reason, and is never handed out unrecorded.
    """
    if valid_minutes is None:
        clip = links.find_clip(context.stores.records, uid, video_id, clip_id)
        kind: MediaKind = "thumbnail" if thumbnail else "clip"
        link = links.media_link(context.stores, clip, kind=kind, download=download)
        _record(context, clip, link.signed.key, actor, download=download)
    elif thumbnail:
        raise BadInput("A link to send is to the clip", field_name="--thumbnail", remedy="Leave one of the two out.")
    else:
        who, why = applying(True, actor, reason, "--valid-minutes")
        life = timedelta(minutes=valid_minutes)
        link = link_to_send(context.bench(), who, uid, video_id, clip_id, life=life, reason=why, download=download)
    signed = link.signed
    if link.doubt:
        progress(f"warning: {safe(link.doubt, 600)}; if that holds for other customers too, `check` says so")
    if context.as_json:
        document = {"url": signed.url, "expires_at": signed.expires_at, "key": signed.key}
        print_json(document | {"content_type": signed.content_type, "prefix_doubt": link.doubt or None})
        return 0
    say(signed.url)
    sys_note = f"{signed.content_type}, {size(link.object.size_bytes)}, valid until {clock(signed.expires_at)}"
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
