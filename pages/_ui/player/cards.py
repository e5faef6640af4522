"""Defines a card of the gallery as a frozen value, and as the plain data that the browser gets."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from pages._ui.kit import format, status
from pages._ui.kit.text import EMPTY, plain

Presence = Literal["present", "broken", "absent", "unknown", "withheld"]
TITLE_LIMIT = 160


@dataclass(frozen=True, slots=True)
class ClipCard:
    """One clip. Texts may be anything: they are made harmless here and shown as text.

    `presence` is what the desk knows of the object. `absent` is proven and removes the play button; `broken` also
    removes it, but keeps the link to the file; `unknown` keeps both, since trying may answer; `withheld` removes every
    button, because the file is not this customer's. `reason` says why in a
    sentence of ours. The caller may give `media_url` beforehand, with its expiry; without one the browser asks for it
    when somebody presses play. Addresses are bearer tokens: `repr` hides them.
    """

    clip_id: str
    title: str | None = None
    style: str | None = None
    duration_seconds: float | None = None
    size_bytes: int | None = None
    status: str | None = None
    presence: Presence = "present"
    reason: str = ""
    poster_url: str | None = field(default=None, repr=False)
    poster_expires_at: datetime | None = None
    media_url: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None


_BROKEN = status.StatusStyle("broken", "Broken", ":material/broken_image:", "red")
_REASONS: dict[Presence, str] = {
    "present": "",
    "broken": "The file does not play.",
    "absent": "The file is not in the bucket.",
    "unknown": "Not known whether the file is there.",
    "withheld": "The file is not this customer's.",
}


def payload(card: ClipCard) -> dict[str, Any]:
    """The card as the browser's script reads it; times are milliseconds since 1970."""
    look = status.look("clip", card.status)
    if card.presence in {"absent", "broken", "withheld"} and card.status == "completed":
        look = _BROKEN  # "Completed", in green, below "the file is not in the bucket" would contradict it
    length = format.duration(card.duration_seconds)
    size = format.size(card.size_bytes)
    return {
        "id": card.clip_id,
        "title": _title(card),
        "style": plain(card.style, 60) if card.style else "",
        "length": length.text if card.duration_seconds is not None else "",
        "size": size.text if card.size_bytes is not None else "size unknown",
        "exact": size.help,
        "status": look.word,
        "colour": look.colour,
        "presence": card.presence,
        "reason": plain(card.reason, 200) if card.reason else _REASONS[card.presence],
        "poster": web_address(card.poster_url),
        "posterExpires": _milliseconds(card.poster_expires_at),
        "media": {"url": web_address(card.media_url), "expires": _milliseconds(card.expires_at)}
        if card.media_url
        else None,
    }


def _title(card: ClipCard) -> str:
    title = plain(card.title, TITLE_LIMIT) if card.title else EMPTY
    return plain(card.clip_id, TITLE_LIMIT) if title == EMPTY else title


def web_address(url: str | None) -> str | None:
    """The address, if it is http or https; `ValueError` for any other scheme, without the address in its text."""
    if url is None:
        return None
    if not url.lower().startswith(("http://", "https://")):
        raise ValueError("a media address must begin with http:// or https://")
    return url


def _milliseconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp() * 1000)
