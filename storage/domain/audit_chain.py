"""The audit as a chain: each entry carries the hash of the one before, so that a missing or altered one shows.

The hash is SHA-256 over the entry's canonical JSON, which holds the previous hash; with a key it is an HMAC, so that
whoever can write the entries but has no key cannot forge a chain. Sequence numbers start at 1; the first entry follows
`GENESIS`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from storage.domain.purge.plan import moment_text
from storage.domain.secret_patterns import holds_secret, without_secrets
from storage.errors import BadInput

GENESIS = "0" * 64
MAX_TEXT_CHARS = 6_000  # three ids of Firestore's largest size, and some words
MAX_KEYS = 200

Outcome = Literal["done", "refused", "failed", "begun"]


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that somebody did or was refused. `keys` are object keys, never URLs; `origin` says from where.

    `action` is a word with dots (`purge.apply`, `media.look`, `link.issue`). `detail` holds plain JSON values only.
    """

    action: str
    actor: str
    outcome: Outcome = "done"
    reason: str = ""
    origin: str = ""
    uid: str = ""
    video_id: str = ""
    clip_id: str = ""
    keys: tuple[str, ...] = ()
    fingerprint: str = ""
    job_id: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Link:
    """Where a chain ends: the number of the last entry and its hash."""

    sequence: int = 0
    hash: str = GENESIS


@dataclass(frozen=True, slots=True)
class Break:
    """One place where the chain does not hold. `kind` is `missing`, `altered`, `unlinked`, `cut_off` or `foreign`."""

    sequence: int
    kind: Literal["missing", "altered", "unlinked", "cut_off", "foreign"]
    detail: str


def checked(event: Event) -> Event:
    """The event as it may be recorded, or `BadInput` when it lacks who or what, or is too large.

    Whatever is recorded outlives what it speaks of, so no secret may stand in it. What a person wrote (actor, reason)
    and the action are refused with one. The three ids are taken as they are: they name documents that are there, and
    somebody whose id looks like a token must be found again by it. Everywhere else what looks like a secret is taken
    out around these ids, so that nothing a customer called a file keeps an act from being recorded.
    """
    if not event.action or not event.actor:
        raise BadInput("An audit entry needs an action and an actor", field_name="action" if event.actor else "actor")
    if len(event.keys) > MAX_KEYS:
        raise BadInput(f"An audit entry names at most {MAX_KEYS} keys", field_name="keys")
    for name in ("action", "actor", "reason"):
        if holds_secret(getattr(event, name)):
            raise BadInput(f"{name} looks like it holds a signature or a credential", field_name=name)
    apart = _apart(event)
    event = replace(
        event,
        keys=tuple(_cleaned(key, apart) for key in event.keys),
        detail=_cleaned(dict(event.detail), apart),
        **{name: _cleaned(getattr(event, name), apart) for name in ("origin", "fingerprint", "job_id")},
    )
    for name, text in _texts(asdict(event), "event"):
        if len(text) > MAX_TEXT_CHARS:
            raise BadInput(f"{name} is longer than {MAX_TEXT_CHARS:,} characters", field_name=name)
    return event


def entry(event: Event, after: Link, at: datetime, key: bytes = b"") -> dict[str, Any]:
    """The next entry of the chain as plain values; `at` is aware. The event must have passed `checked`."""
    body: dict[str, Any] = {
        **asdict(event),
        "keys": list(event.keys),
        "detail": dict(event.detail),
        "sequence": after.sequence + 1,
        "previous": after.hash,
        "at": moment_text(at),
        "sealed": "hmac-sha256" if key else "sha256",
    }
    return {**body, "hash": digest(body, key)}


def digest(body: Mapping[str, Any], key: bytes = b"") -> str:
    """The hash of an entry, itself left out."""
    content = {name: value for name, value in body.items() if name != "hash"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode(
        "ascii"
    )
    return hmac.new(key, text, hashlib.sha256).hexdigest() if key else hashlib.sha256(text).hexdigest()


def end_of(entry: Mapping[str, Any]) -> Link:
    """Where the chain ends after this entry."""
    return Link(entry["sequence"], entry["hash"])


def breaks(entries: Iterable[Mapping[str, Any]], head: Link, key: bytes = b"") -> Iterator[Break]:
    """Every place where a chain does not hold, read from its newest entry back to its first; nothing where it is whole.

    `head` is where the chain's own bookkeeping says that it ends. Only one entry is held at a time.
    """
    due, newest, unkeyed = head, True, 0
    for item in entries:
        sequence = item.get("sequence")
        if not isinstance(sequence, int) or isinstance(sequence, bool) or not 1 <= sequence <= due.sequence:
            yield Break(sequence if isinstance(sequence, int) else 0, "foreign", "it has no place in the chain")
            continue
        if sequence < due.sequence:
            count = due.sequence - sequence
            yield Break(
                sequence + 1, "cut_off" if newest else "missing", f"{count:,} missing after number {sequence:,}"
            )
        elif item.get("hash") != due.hash:
            yield Break(sequence, "unlinked", "what comes after it follows another entry")
        if item.get("hash") != _recomputed(item, key):
            yield Break(sequence, "altered", "its content does not fit its hash")
        if item.get("sealed") != "hmac-sha256":
            unkeyed = sequence
        elif unkeyed:
            yield Break(unkeyed, "altered", "it is sealed without the key, after entries that are sealed with it")
            unkeyed = 0
        due, newest = Link(sequence - 1, str(item.get("previous"))), False
    if due.sequence > 0:
        yield Break(1, "missing", f"the first {due.sequence:,} are missing")
    elif due.hash != GENESIS:
        yield Break(1, "unlinked", "the first entry claims to follow another")


def _recomputed(item: Mapping[str, Any], key: bytes) -> str:
    if item.get("sealed") == "hmac-sha256" and not key:
        return str(item.get("hash"))  # cannot be checked without the key; its link to the next one still can
    try:
        return digest(item, key if item.get("sealed") == "hmac-sha256" else b"")
    except (TypeError, ValueError):
        return ""


def _apart(event: Event) -> re.Pattern[str] | None:
    """Where one of the event's own ids that look like secrets stands in a text, whole; `None` where none does so."""
    ids = sorted({one for one in (event.uid, event.video_id, event.clip_id) if one and holds_secret(one)}, key=len)
    if not ids:
        return None
    return re.compile(rf"((?:{'|'.join(map(re.escape, reversed(ids)))})(?![^\s/\"',;:()\]}}]))")


def _cleaned(value: Any, apart: re.Pattern[str] | None) -> Any:
    """The value with what looks like a secret taken out of each text in it, names of fields included."""
    if isinstance(value, str):
        if apart is None:
            return without_secrets(value)
        pieces = apart.split(value)  # every second one is an id
        return "".join(piece if number % 2 else without_secrets(piece) for number, piece in enumerate(pieces))
    if isinstance(value, Mapping):
        return {_cleaned(str(name), apart): _cleaned(inner, apart) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(inner, apart) for inner in value]
    return value


def _texts(value: object, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, Mapping):
        for part, inner in value.items():
            yield name, str(part)
            yield from _texts(inner, str(part))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner, name)
