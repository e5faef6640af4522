"""Checks the links that the browser asks for, and answers each with a newly signed link or the reason why not."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast, get_args

from pages._ui.kit import feedback
from pages._ui.kit.text import plain
from pages._ui.player.cards import web_address
from storage.domain.documents import SignedUrl
from storage.errors import AccessDenied, NotFound, NotPermitted, StorageError, Throttled, Unreachable

Purpose = Literal["play", "renew", "download", "copy"]
Sign = Callable[[str, Purpose], SignedUrl]
MAX_ASKS = 50
_PURPOSES = get_args(Purpose)
_LARGEST = 2**53


@dataclass(frozen=True, slots=True)
class Ask:
    """One request of the person for a link: `number` grows with time, so a new request differs from a served one."""

    clip_id: str
    purpose: Purpose
    number: int

    @property
    def channel(self) -> tuple[str, str]:
        """A clip has one link to play and one to hand out; the latest request for each counts."""
        return self.clip_id, "link" if self.purpose in {"download", "copy"} else "play"


@dataclass(frozen=True, slots=True)
class LinkReply:
    """A link with the milliseconds until it expires, or the reason why there is none."""

    ask: Ask
    url: SignedUrl | None
    left_ms: int
    kind: str = ""
    words: str = ""


def parse_asks(value: object, known: Collection[str]) -> tuple[Ask, ...]:
    """The requests that the browser sent, without those that are malformed or about a clip that is not shown."""
    if not isinstance(value, list):
        return ()
    rows = [row for row in value[:MAX_ASKS] if isinstance(row, dict)]
    return tuple(
        Ask(row["id"], cast(Purpose, row["purpose"]), row["number"])
        for row in rows
        if _is_known(row.get("id"), known) and row.get("purpose") in _PURPOSES and _is_number(row.get("number"))
    )


def _is_known(value: object, known: Collection[str]) -> bool:
    return isinstance(value, str) and value in known


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST


def unserved(asks: tuple[Ask, ...], answers: Mapping[tuple[str, str], LinkReply]) -> tuple[Ask, ...]:
    """The requests that are newer than the last answer on their channel."""
    return tuple(ask for ask in asks if ask.channel not in answers or answers[ask.channel].ask.number < ask.number)


def serve(ask: Ask, sign: Sign, now: Callable[[], datetime]) -> LinkReply:
    """Signs the link, or says why that was not possible. Unexpected errors get an incident number."""
    try:
        signed = sign(ask.clip_id, ask.purpose)
        web_address(signed.url)
    except StorageError as error:
        return LinkReply(ask, None, 0, *_problem(error))
    except Exception as error:
        number = feedback.record(error, f"signing a link to {ask.purpose}")
        return LinkReply(ask, None, 0, "desk", f"The desk made a mistake here. The log has it as incident {number}.")
    return LinkReply(ask, signed, max(0, int((signed.expires_at - now()).total_seconds() * 1000)))


def _problem(error: StorageError) -> tuple[str, str]:
    if isinstance(error, NotFound):
        return "missing", "The file is not in the bucket."
    if isinstance(error, NotPermitted):
        return "refused", plain(error.message, 200)
    if isinstance(error, AccessDenied):
        return "refused", f"The bucket refused the desk: {plain(error.message, 160)}"
    if isinstance(error, Unreachable | Throttled):
        return "desk", f"The desk could not reach the bucket: {plain(error.message, 160)}"
    return "desk", plain(error.message, 200)


def alive(answers: Mapping[tuple[str, str], LinkReply], now: datetime) -> dict[tuple[str, str], LinkReply]:
    """The answers to keep: links that have not expired, and reasons why there is no link."""
    return {channel: answer for channel, answer in answers.items() if answer.url is None or answer.url.expires_at > now}


def payload(answer: LinkReply) -> dict[str, Any]:
    """The answer as the browser's script reads it; `left` is in milliseconds from the signing to the expiry."""
    given: dict[str, Any] = {"id": answer.ask.clip_id, "purpose": answer.ask.purpose, "number": answer.ask.number}
    if answer.url is None:
        return {**given, "problem": {"kind": answer.kind, "words": answer.words}}
    return {**given, "url": answer.url.url, "left": answer.left_ms, "name": answer.url.key.rsplit("/", 1)[-1]}
