"""Requests to the team: somebody who may not do a thing asks those who may, with a reason; they answer.

A request lies in `ops_requests` under its id. It names customer, video and clip by their ids alone, and its reason and
answer hold no address and no title. An answered one is news for a week, and is kept for a quarter of a year; what was
asked and answered stays in the audit.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, Literal, get_args
from urllib.parse import urlencode

from storage.domain.policy import Action, permitted
from storage.errors import BadInput
from storage.text import moment

COLLECTION: Final = "ops_requests"
Kind = Literal["tell", "delete"]
State = Literal["open", "done", "declined"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
STATES: Final[tuple[State, ...]] = get_args(State)
WORDS: Final[Mapping[Kind, str]] = MappingProxyType({"tell": "Look into it", "delete": "Delete it"})
# What a person must be allowed to do to answer: those who can act on it.
ANSWERED_WITH: Final[Mapping[Kind, Action]] = MappingProxyType({"tell": "fix", "delete": "purge.apply"})
NEWS_FOR: Final = timedelta(days=7)  # how long an answer is shown on Overview, User and Video
KEPT_FOR: Final = timedelta(days=90)  # after its answer
NO_WORDS: Final = "(the words went with a purge)"
_ID: Final = re.compile(r"req-[0-9]{8}-[0-9]{6}-[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class TeamRequest:
    """`video_id` and `clip_id` are empty where it is about all of a customer, or of a video. `answered_*` and `answer`
    are empty while it is open."""

    request_id: str
    kind: Kind
    uid: str
    video_id: str
    clip_id: str
    reason: str
    asked_by: str
    asked_at: datetime
    state: State = "open"
    answer: str = ""
    answered_by: str = ""
    answered_at: datetime | None = None

    @property
    def path(self) -> str:
        return request_path(self.request_id)

    @property
    def spelled(self) -> str:
        """What it is about, as ids with slashes between."""
        return "/".join(part for part in (self.uid, self.video_id, self.clip_id) if part)

    def is_news(self, now: datetime) -> bool:
        """Whether it waits, or was answered lately."""
        return self.answered_at is None or now - self.answered_at < NEWS_FOR

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as they are kept and as `requests --json` prints them."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> TeamRequest | None:
        """`None` for a document that is no request of this version."""
        asked, answered = fields.get("asked_at"), fields.get("answered_at")
        if fields.get("kind") not in KINDS or fields.get("state") not in STATES or not isinstance(asked, datetime):
            return None
        names = ("request_id", "uid", "video_id", "clip_id", "reason", "asked_by", "answer", "answered_by")
        texts = {name: str(fields.get(name) or "") for name in names}
        return cls(
            kind=fields["kind"],
            state=fields["state"],
            asked_at=asked,
            answered_at=answered if isinstance(answered, datetime) else None,
            **texts,
        )


def request_path(request_id: str) -> str:
    return f"{COLLECTION}/{request_id}"


def check_request_id(request_id: str) -> str:
    """The id, or `BadInput`: it becomes part of a path."""
    if not _ID.fullmatch(request_id):
        raise BadInput(
            f"{request_id[:60]!r} is not the id of a request",
            field_name="REQUEST_ID",
            remedy="Take an id of: requests list",
        )
    return request_id


def may_answer(roles: Collection[str], kind: Kind) -> bool:
    """Whether somebody with these roles can act on it, and so answer it."""
    return permitted(roles, ANSWERED_WITH[kind])


def ticket_text(request: TeamRequest, desk_url: str) -> str:
    """The request in plain text for a ticket: ids, no address and no title."""
    page = "video" if request.video_id else "user"
    query = {"uid": request.uid, "video_id": request.video_id, "clip_id": request.clip_id}
    lines = [
        f"{WORDS[request.kind]}: {request.spelled}",
        f"Why: {request.reason or NO_WORDS}",
        f"Asked by {request.asked_by}, {moment(request.asked_at)}, request {request.request_id}",
    ]
    if request.state != "open":
        at = f", {moment(request.answered_at)}" if request.answered_at else ""
        lines.append(f"{request.state.capitalize()} by {request.answered_by}{at}: {request.answer or NO_WORDS}")
    if desk_url:
        lines.append(f"{desk_url}/{page}?{urlencode({name: value for name, value in query.items() if value})}")
    return "\n".join(lines)
