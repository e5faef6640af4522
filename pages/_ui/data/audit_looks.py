"""Records in the audit every look at a customer's media and every link that the desk signs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import streamlit as st

from pages._ui.data.resources import stores, trail
from storage import logs
from storage.actions import audit
from storage.domain.audit_chain import Event
from storage.domain.documents import Clip, SignedUrl
from storage.domain.policy import Actor
from storage.errors import Refused, StorageError

_LOOKED = "recording-looked"  # session key: videos whose thumbnails this session saw, each with one entry in the audit


def record(actor: Actor, event: Event) -> None:
    """Appends the event; raises where that fails, so that the desk hands nothing out unrecorded."""
    trail(stores().settings.firestore.project_id).append(audit.attributed(actor, event))
    logs.event(
        event.action,
        actor=actor,
        target="/".join(filter(None, (event.uid, event.video_id, event.clip_id))),
        outcome=event.outcome,
    )


@contextmanager
def refusals(actor: Actor, event: Event) -> Iterator[None]:
    """Records a `Refused` that the block raises, and raises it again."""
    try:
        yield
    except Refused as error:
        refused(actor, event, error)
        raise


def refused(actor: Actor, event: Event, error: Refused) -> None:
    """Records a refusal. It stands even where that fails, and its message then says so."""
    try:
        kept = trail(stores().settings.firestore.project_id)
    except StorageError as away:
        logs.event(event.action, actor=actor, outcome="refused", code=error.code, unrecorded=away.code)
        error.note_unrecorded()
        return
    audit.record_refusal(kept, audit.attributed(actor, event), error)


def link_issued(actor: Actor, clip: Clip, signed: SignedUrl, purpose: str) -> None:
    """Records that the desk signed a link to a clip's media for this person: the key and the expiry, never the URL."""
    record(
        actor,
        Event(
            action="link.issue",
            actor=actor.email,
            uid=clip.uid,
            video_id=clip.video_id,
            clip_id=clip.clip_id,
            keys=(signed.key,),
            detail={"purpose": purpose, "expires_at": _text(signed.expires_at)},
        ),
    )


def looked(actor: Actor, uid: str, video_id: str) -> None:
    """Records that this person sees the thumbnails of a video, once for each video and session."""
    seen: set[tuple[str, str]] = st.session_state.setdefault(_LOOKED, set())
    if (uid, video_id) in seen:
        return
    record(actor, Event(action="media.look", actor=actor.email, uid=uid, video_id=video_id))
    seen.add((uid, video_id))


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
