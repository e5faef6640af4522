"""The audit as a chain: each entry carries the hash of the one before, so that a missing or altered entry shows.

The hash is SHA-256 over the entry's canonical JSON, which holds the previous hash. With a key it is an HMAC, so a
person who can write the entries but has no key cannot forge a chain. Sequence numbers start at 1; the first entry
follows `GENESIS`. The first entry that is sealed with a key vouches for the hash before it (`vouches`); with a key set,
every newer entry must be sealed with that key too. `copied` says that the entry has a copy in the bucket, so that a
missing copy shows.
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

from storage.domain.layout import STYLES, TOP_SCENES
from storage.domain.purge.plan import moment_text
from storage.errors import BadInput
from storage.text import holds_secret, without_addresses, without_secrets

GENESIS = "0" * 64
MAX_TEXT_CHARS = 6_000  # room for three ids of Firestore's largest size, and some words
MAX_KEYS = 200

VOUCH = "audit.vouch"  # the desk's own entry: it accepts the older entries, sealed with another key or without one
COPY_FAILED = "audit.copy_failed"  # the desk's own entry: these copies could not be written
LOOKS = frozenset({"media.look", "link.issue", "page.look"})  # frequent, and not copied to the bucket
SEALED, UNSEALED = "hmac-sha256", "sha256"

_ENDS = "|".join(sorted((TOP_SCENES, *STYLES), key=len, reverse=True))
_FILE_NAME = re.compile(
    rf"((?:clip_\d{{2,}}_\d+|top_\d+_scenes)_).+?(_(?:{_ENDS}|[a-z0-9]+)\.(?:mp4|jpg))", re.IGNORECASE
)

Outcome = Literal["done", "refused", "failed", "begun"]


@dataclass(frozen=True, slots=True)
class Event:
    """One action that a person did or was refused. `keys` are object keys, never URLs; `origin` is the caller's place.

    `action` is a word with dots (`purge.apply`, `media.look`, `link.issue`). `detail` holds only plain JSON values.
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
    """The end of a chain: the number of the last entry and its hash."""

    sequence: int = 0
    hash: str = GENESIS


@dataclass(frozen=True, slots=True)
class Break:
    """One place where the chain does not hold.

    `unsealed`: the entry is sealed without the key, and no entry with the key's seal vouches for it. `uncopied`: its
    copy in the bucket is missing. `replaced`: the bucket has another entry with this number.
    """

    sequence: int
    kind: Literal["missing", "altered", "unlinked", "cut_off", "foreign", "unsealed", "uncopied", "replaced"]
    detail: str


@dataclass(frozen=True, slots=True)
class Keys:
    """The key that seals the chain now, and the former keys. Empty: the chain is sealed without a key."""

    current: bytes = b""
    former: tuple[bytes, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.current)

    def rank(self, item: Mapping[str, Any]) -> int | None:
        """The seal of an entry: 2 the key, 1 a former key, 0 no key; `None` where its content does not fit its hash.

        Without any key here, nothing can check a sealed entry, and it counts as fitting; its link to the next entry is
        still checked.
        """
        sealed = item.get("sealed") == SEALED
        if sealed and not self.current and not self.former:
            return 2
        for rank, key in [(2, self.current), *((1, key) for key in self.former)] if sealed else [(0, b"")]:
            if (key or not sealed) and hmac.compare_digest(_digest_or_nothing(item, key), str(item.get("hash"))):
                return rank
        return None


NO_KEYS = Keys()


def checked(event: Event) -> Event:
    """The event in the form for the record. Raises `BadInput` when it lacks actor or action, or is too large.

    The record outlives the things it names, so it may hold no secret. An actor, reason or action with a secret is
    refused. The three ids stay as they are: they name documents that exist, and a search must find a customer whose id
    looks like a token. Everywhere else, text that looks like a secret is removed around these ids, so that no file name
    of a customer keeps an action from being recorded. So are addresses and, in file names of clips, titles: the record
    holds none of a customer.
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
        reason=_cleaned(event.reason, apart),
        origin=without_secrets(event.origin),
        fingerprint=without_secrets(event.fingerprint),
        job_id=without_secrets(event.job_id),
    )
    for name, text in _texts(asdict(event), "event"):
        if len(text) > MAX_TEXT_CHARS:
            raise BadInput(f"{name} is longer than {MAX_TEXT_CHARS:,} characters", field_name=name)
    return event


def entry(
    event: Event, after: Link, at: datetime, key: bytes = b"", *, copied: bool = False, vouches: bool = False
) -> dict[str, Any]:
    """The next entry of the chain as plain values; `at` is aware. The event must have passed `checked`."""
    body: dict[str, Any] = {
        **asdict(event),
        "keys": list(event.keys),
        "detail": dict(event.detail),
        "sequence": after.sequence + 1,
        "previous": after.hash,
        "at": moment_text(at),
        "sealed": SEALED if key else UNSEALED,
        "copied": copied,
        "vouches": vouches,
    }
    return {**body, "hash": digest(body, key)}


def digest(body: Mapping[str, Any], key: bytes = b"") -> str:
    """The hash of an entry, computed without its own field."""
    content = {name: value for name, value in body.items() if name != "hash"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode(
        "ascii"
    )
    return hmac.new(key, text, hashlib.sha256).hexdigest() if key else hashlib.sha256(text).hexdigest()


def end_of(entry: Mapping[str, Any]) -> Link:
    """The end of the chain after this entry."""
    return Link(entry["sequence"], entry["hash"])


def breaks(entries: Iterable[Mapping[str, Any]], head: Link, keys: Keys = NO_KEYS) -> Iterator[Break]:
    """Every place where a chain does not hold; `entries` come from the newest back to the first. Nothing when whole.

    `head` is the end of the chain according to its own bookkeeping. Memory holds one entry at a time.
    """
    due, newest, seals = head, True, _Seals(keys)
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
        rank = keys.rank(item)
        if rank is None:
            yield Break(sequence, "altered", "its content does not fit its hash")
        else:
            yield from seals.before(sequence, rank, item)
        due, newest = Link(sequence - 1, str(item.get("previous"))), False
    if due.sequence > 0:
        yield Break(1, "missing", f"the first {due.sequence:,} are missing")
    elif due.hash != GENESIS:
        yield Break(1, "unlinked", "the first entry claims to follow another")


class _Seals:
    """Checks that the seals of a chain, read backwards, only become weaker, and each time under a voucher."""

    def __init__(self, keys: Keys) -> None:
        self._keyed = bool(keys)
        self._rank = 2 if keys else 0  # the rank of the next newer entry, which this one must not surpass
        self._vouched = False  # whether the next newer entry vouches for other seals
        self._weaker = 0

    def before(self, sequence: int, rank: int, item: Mapping[str, Any]) -> Iterator[Break]:
        """The breaks at the seal of the next older entry."""
        if rank > self._rank and self._weaker:
            how = "with a former key" if self._rank == 1 else "without the key"
            yield Break(self._weaker, "altered", f"it is sealed {how}, after entries that are sealed with it")
            self._weaker = 0
        elif rank < self._rank and self._keyed and not self._vouched:
            with_what = "with a former key" if rank == 1 else "without the key"
            yield Break(sequence, "unsealed", f"it is sealed {with_what}, and nothing that is sealed vouches for it")
        if rank < 2:
            self._weaker = sequence
        # Entries of earlier versions do not say whether they vouch for the one before: each seal covered it.
        self._vouched = rank > 0 and bool(item.get("vouches", True))
        self._rank = rank


def _digest_or_nothing(item: Mapping[str, Any], key: bytes) -> str:
    try:
        return digest(item, key)
    except (TypeError, ValueError):
        return ""


def without_names(text: str) -> str:
    """The text without addresses, and with a dash for the title in each file name of a clip."""
    return _FILE_NAME.sub(r"\1-\2", without_addresses(text))


def _told_apart(one: str) -> bool:
    return bool(one) and (holds_secret(one) or without_names(one) != one)


def _cleaned_text(text: str) -> str:
    return without_names(without_secrets(text))


def _apart(event: Event) -> re.Pattern[str] | None:
    """A pattern for the event's own ids that look like secrets, as whole words; `None` where no id does."""
    ids = sorted({one for one in (event.uid, event.video_id, event.clip_id) if _told_apart(one)}, key=len)
    if not ids:
        return None
    return re.compile(rf"((?:{'|'.join(map(re.escape, reversed(ids)))})(?![^\s/\"',;:()\]}}]))")


def _cleaned(value: Any, apart: re.Pattern[str] | None) -> Any:
    """The value without the parts of its texts that look like secrets, names of fields included."""
    if isinstance(value, str):
        if apart is None:
            return _cleaned_text(value)
        pieces = apart.split(value)  # every second one is an id
        return "".join(piece if number % 2 else _cleaned_text(piece) for number, piece in enumerate(pieces))
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
