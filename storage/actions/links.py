"""Makes a link for a person to send to a customer: on record, with a reason, before it is handed out."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from storage.actions.audit import attributed, refusals_recorded
from storage.actions.repair import RepairContext
from storage.domain.actor_and_reason import checked_reason, normal_email
from storage.domain.audit_chain import Event
from storage.domain.policy import Actor, authorise
from storage.errors import BadInput
from storage.services import links
from storage.services.links import MediaLink

SHORTEST: Final = timedelta(minutes=15)
LONGEST: Final = timedelta(hours=24)
PURPOSE: Final = "send"


def link_to_send(
    context: RepairContext,
    actor: Actor,
    uid: str,
    video_id: str,
    clip_id: str,
    *,
    life: timedelta,
    reason: str,
    download: bool,
) -> MediaLink:
    """A signed link to the clip's file that lives for `life`. Nobody can revoke it alone: it ends with its time, or
    with the token that signed it.

    `BadInput` for a life or a reason, `NotPermitted`; else as `links.media_link`. The audit has the link's key, its end
    and the reason, never the link; where it cannot be written, this raises and hands nothing out.
    """
    if not SHORTEST <= life <= LONGEST:
        raise BadInput(
            f"A link to send lives from 15 minutes to 24 hours, not {int(life.total_seconds() // 60):,} minutes",
            field_name="valid_minutes",
            remedy="Give a number from 15 to 1,440.",
        )
    about = Event("link.issue", "-", reason=checked_reason(reason), uid=uid, video_id=video_id, clip_id=clip_id)
    event = attributed(actor, replace(about, detail={"purpose": PURPOSE}))
    with refusals_recorded(context.trail, event):
        normal_email(actor.email)
        authorise(actor, "link.send", now=context.clock())
        clip = links.find_clip(context.stores.records, uid, video_id, clip_id)
        link = links.media_link(context.stores, clip, kind="clip", download=download, life=life)
    expires = link.signed.expires_at.isoformat(timespec="seconds")
    detail = {"purpose": PURPOSE, "expires_at": expires, "download": download}
    context.trail.append(replace(event, keys=(link.signed.key,), detail=detail, outcome="done"))
    return link
