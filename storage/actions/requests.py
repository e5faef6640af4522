"""Asks the team for something, and answers what was asked: recorded in the audit, under preconditions."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import datetime
from typing import Literal

from storage.actions.audit import attributed, refusals_recorded
from storage.actions.documents import Create, FieldName, Update
from storage.actions.repair import RepairContext
from storage.domain.actor_and_reason import checked_reason, normal_email, without_titles
from storage.domain.audit_chain import Event
from storage.domain.policy import Actor, authorise
from storage.domain.requests import ANSWERED_WITH, Kind, TeamRequest, check_request_id, request_path
from storage.errors import NotFound, Refused, Stale
from storage.ids import check_stored_id
from storage.repositories.requests import Requests

Answer = Literal["done", "declined"]
ASK, ANSWER = "request.ask", "request.answer"
MOST_TITLES = 50  # of a whole customer, that are taken out of a reason
_OPERATION = "Writing a request"


def new_id(now: datetime) -> str:
    """The id of a request. A form takes one as it opens, so that a second click asks nothing twice."""
    return f"req-{now:%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"


def ask(
    context: RepairContext,
    actor: Actor,
    kind: Kind,
    uid: str,
    video_id: str = "",
    clip_id: str = "",
    *,
    reason: str,
    request_id: str = "",
) -> TeamRequest:
    """Keeps the request and returns it; the same `request_id` again returns the first.

    `NotPermitted`; `NotFound` where customer, video or clip has no document; `Refused` where the same was asked and
    waits; `BadInput` for a reason.
    """
    now = context.clock()
    request_id = check_request_id(request_id or new_id(now))
    paths = _paths(uid, video_id, clip_id)
    asked = checked_reason(reason)
    event = Event(ASK, "-", uid=uid, video_id=video_id, clip_id=clip_id, job_id=request_id, detail={"kind": kind})
    event = attributed(actor, event)  # without the reason until titles are taken out of it
    with refusals_recorded(context.trail, event):
        email = normal_email(actor.email)
        authorise(actor, "request", now=now)
    documents = context.stores.records.many(paths)
    found = [documents[path].fields if documents[path] is not None else None for path in paths]  # type: ignore[union-attr]
    if found[-1] is None:
        what = ("customer", "video", "clip")[len(paths) - 1]
        raise NotFound(f"There is no such {what}.", remedy="Look it up with find.", target=(clip_id or video_id or uid))
    titles = [str((one or {}).get(name) or "") for one in found for name in ("video_title", "scene_title")]
    if not video_id:
        titles += context.stores.records.videos(uid, limit=MOST_TITLES).frame["video_title"].dropna().tolist()
    asked = without_titles(asked, titles)
    event = replace(event, reason=asked)
    request = TeamRequest(request_id, kind, uid, video_id, clip_id, asked, email, now)
    with refusals_recorded(context.trail, event):
        _refuse_twice(context, request)
    try:
        context.writers.documents.commit([Create(request.path, request.as_dict())], operation=_OPERATION)
    except Stale:
        kept = _read(context, request_id)[0]
        if (kept.asked_by, kept.kind, kept.spelled) != (email, kind, request.spelled):
            raise
        return kept
    context.trail.append(replace(event, outcome="done"))
    return request


def answer(context: RepairContext, actor: Actor, request_id: str, state: Answer, words: str) -> TeamRequest:
    """Answers an open request. `NotFound`; `NotPermitted` for who cannot act on it; `Refused` where it is answered;
    `Stale` where somebody answers at the same moment; `BadInput` for the words."""
    said = checked_reason(words)
    request, update_time = _read(context, check_request_id(request_id))
    event = Event(ANSWER, "-", reason=said, uid=request.uid, video_id=request.video_id, clip_id=request.clip_id)
    event = attributed(actor, replace(event, job_id=request_id, detail={"kind": request.kind, "state": state}))
    with refusals_recorded(context.trail, event):
        email = normal_email(actor.email)
        authorise(actor, ANSWERED_WITH[request.kind], now=context.clock())
        if request.state != "open":
            raise Refused(f"It was answered already, by {request.answered_by}: {request.state}.")
    done = replace(request, state=state, answer=said, answered_by=email, answered_at=context.clock())
    names = ("state", "answer", "answered_by", "answered_at")
    fields: dict[FieldName, object] = {name: getattr(done, name) for name in names}
    with refusals_recorded(context.trail, event):
        context.writers.documents.commit([Update(request.path, fields, update_time)], operation=_OPERATION)
    context.trail.append(replace(event, outcome="done"))
    return done


def _paths(uid: str, video_id: str, clip_id: str) -> list[str]:
    """The documents of customer, video and clip, as far as they are named."""
    paths = [f"users/{check_stored_id(uid, 'UID')}"]
    if video_id:
        paths.append(f"{paths[-1]}/videos/{check_stored_id(video_id, 'VIDEO_ID')}")
        if clip_id:
            paths.append(f"{paths[-1]}/clips/{check_stored_id(clip_id, 'CLIP_ID')}")
    return paths


def _refuse_twice(context: RepairContext, request: TeamRequest) -> None:
    for stored in Requests(context.stores.handle).of_user(request.uid):
        one = stored.request
        if one.request_id != request.request_id and (one.state, one.kind, one.spelled) == (
            "open",
            request.kind,
            request.spelled,
        ):
            raise Refused(
                f"This was asked already, by {one.asked_by} at {one.asked_at:%Y-%m-%d %H:%M} UTC, and waits.",
                remedy=f"Copy the request {one.request_id} into your ticket.",
            )


def _read(context: RepairContext, request_id: str) -> tuple[TeamRequest, datetime | None]:
    document = context.stores.records.raw(request_path(request_id))
    found = TeamRequest.from_fields((document.fields if document else None) or {})
    if document is None or found is None:
        raise NotFound(
            f"There is no request {request_id}.", remedy="List them: python -m storage requests list", target=request_id
        )
    return found, document.update_time
