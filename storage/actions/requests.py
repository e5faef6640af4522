"""Asks the team for something, and answers what was asked: under preconditions, and between two entries of the audit.

Without the first entry nothing is written, so that no request and no answer is unrecorded.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal

from storage.actions.audit import attributed, record_end, refusals_recorded
from storage.actions.documents import Create, Delete, FieldName, Update
from storage.actions.repair import RepairContext
from storage.actions.writers import Writers
from storage.domain.actor_and_reason import checked_reason, normal_email, without_titles
from storage.domain.audit_chain import Event
from storage.domain.policy import Actor, authorise
from storage.domain.requests import ANSWERED_WITH, KEPT_FOR, Kind, TeamRequest, check_request_id, request_path
from storage.errors import NotFound, Refused, Stale
from storage.ids import check_stored_id
from storage.repositories.requests import PAGE, Requests
from storage.repositories.stores import Stores
from storage.text import moment

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
    there, titles = _subject(context, paths)
    if not there:
        what = ("customer", "video", "clip")[len(paths) - 1]
        raise NotFound(f"There is no such {what}.", remedy="Look it up with find.", target=(clip_id or video_id or uid))
    asked = without_titles(asked, titles)
    event = replace(event, reason=asked)
    request = TeamRequest(request_id, kind, uid, video_id, clip_id, asked, email, now)
    with refusals_recorded(context.trail, event):
        if (sent := _sent_before(context, request)) is not None:
            return sent
    context.trail.append(replace(event, outcome="begun"))
    try:
        context.writers.documents.commit([Create(request.path, request.as_dict())], operation=_OPERATION)
    except Stale:
        kept = _read(context, request_id)[0]
        if (kept.asked_by, kept.kind, kept.spelled) != (email, kind, request.spelled):
            raise
        return kept
    record_end(context.trail, event)
    return request


def answer(context: RepairContext, actor: Actor, request_id: str, state: Answer, words: str) -> TeamRequest:
    """Answers an open request. `NotFound`; `NotPermitted` for who cannot act on it; `Refused` where it is answered;
    `Stale` where somebody answers at the same moment; `BadInput` for the words."""
    said = checked_reason(words)
    request, update_time = _read(context, check_request_id(request_id))
    event = Event(ANSWER, "-", uid=request.uid, video_id=request.video_id, clip_id=request.clip_id)
    event = replace(event, job_id=request_id, detail={"kind": request.kind, "state": state})
    event = attributed(actor, event)  # without the words until titles are taken out of them
    with refusals_recorded(context.trail, event):
        email = normal_email(actor.email)
        authorise(actor, ANSWERED_WITH[request.kind], now=context.clock())
        if request.state != "open":
            raise Refused(f"It was answered already, by {request.answered_by}: {request.state}.")
    said = without_titles(said, _subject(context, _paths(request.uid, request.video_id, request.clip_id))[1])
    event = replace(event, reason=said)
    context.trail.append(replace(event, outcome="begun"))
    done = replace(request, state=state, answer=said, answered_by=email, answered_at=context.clock())
    names = ("state", "answer", "answered_by", "answered_at")
    fields: dict[FieldName, object] = {name: getattr(done, name) for name in names}
    with refusals_recorded(context.trail, event):
        context.writers.documents.commit([Update(request.path, fields, update_time)], operation=_OPERATION)
    record_end(context.trail, event)
    return done


def expire(stores: Stores, writers: Writers, now: datetime) -> int:
    """Deletes the requests that were answered long ago; returns how many. What they said stays in the audit."""
    ended, more = 0, True
    while more:
        found = Requests(stores.handle).answered_before(now - KEPT_FOR)
        if found:
            writers.documents.commit([Delete(one.request.path) for one in found], operation=_OPERATION)
        ended, more = ended + len(found), len(found) == PAGE
    return ended


def _subject(context: RepairContext, paths: Sequence[str]) -> tuple[bool, list[str]]:
    """Whether the last of the documents is there, and the titles that the words about it must not hold."""
    documents = context.stores.records.many(paths)
    found = [one.fields if (one := documents[path]) is not None else None for path in paths]
    titles = [str((one or {}).get(name) or "") for one in found for name in ("video_title", "scene_title")]
    if len(paths) == 1:
        frame = context.stores.records.videos(paths[0].removeprefix("users/"), limit=MOST_TITLES).frame
        titles += frame["video_title"].dropna().tolist()
    return found[-1] is not None, titles


def _paths(uid: str, video_id: str, clip_id: str) -> list[str]:
    """The documents of customer, video and clip, as far as they are named."""
    paths = [f"users/{check_stored_id(uid, 'UID')}"]
    if video_id:
        paths.append(f"{paths[-1]}/videos/{check_stored_id(video_id, 'VIDEO_ID')}")
        if clip_id:
            paths.append(f"{paths[-1]}/clips/{check_stored_id(clip_id, 'CLIP_ID')}")
    return paths


def _sent_before(context: RepairContext, request: TeamRequest) -> TeamRequest | None:
    """The request itself where a first click kept it. `Refused` where another one asks for the same and waits."""
    for one in (stored.request for stored in Requests(context.stores.handle).of_user(request.uid)):
        same = (one.kind, one.spelled) == (request.kind, request.spelled)
        if same and (one.request_id, one.asked_by) == (request.request_id, request.asked_by):
            return one
        if same and one.state == "open":
            raise Refused(
                f"This was asked already, by {one.asked_by} at {moment(one.asked_at)}, and waits.",
                remedy=f"Copy the request {one.request_id} into your ticket.",
            )
    return None


def _read(context: RepairContext, request_id: str) -> tuple[TeamRequest, datetime | None]:
    document = context.stores.records.raw(request_path(request_id))
    found = TeamRequest.from_fields((document.fields if document else None) or {})
    if document is None or found is None:
        raise NotFound(
            f"There is no request {request_id}.", remedy="List them: python -m storage requests list", target=request_id
        )
    return found, document.update_time
