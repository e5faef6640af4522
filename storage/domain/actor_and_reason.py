"""Checks the actor and the reason that every change, purge and audit entry records.

Two addresses that may belong to one person count as equal here, because a second person must be another person.
`storage.settings.access` compares the addresses of roles more strictly: only the exact address may give a role.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from storage.errors import BadInput
from storage.text import holds_secret, without_addresses

LEAST_REASON_CHARS = 3
MAX_REASON_CHARS = 2_000
MAX_EMAIL_CHARS = 320
LEAST_TITLE_CHARS = 8

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


def normal_email(text: str, name: str = "actor") -> str:
    """An e-mail address in the form for comparisons: compatibility forms folded, no blanks at all, lower case.

    Raises `BadInput` where the text is no address, or holds a password.
    """
    folded = "".join(unicodedata.normalize("NFKC", text).split()).casefold()
    odd = any(unicodedata.category(char) in {"Cc", "Cf", "Cs"} for char in folded)
    bad = holds_secret(text) or holds_secret(folded)
    if bad or odd or len(folded) > MAX_EMAIL_CHARS or not _EMAIL.fullmatch(folded):
        raise BadInput(
            f"{name} is not an e-mail address", field_name=name, remedy="Give the address of the person who acts."
        )
    return folded


def checked_reason(text: str) -> str:
    """The reason in the form for the record, with runs of blanks as one blank and a word for each address.

    Raises `BadInput` when it is too short or too long, or holds a secret: the record would keep a signed link or a key
    longer than anything that it gives access to.
    """
    plain = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    reason = plain if holds_secret(plain) else without_addresses(plain)  # what outlives a customer names none
    if len(reason) < LEAST_REASON_CHARS:
        what = "is empty" if not reason else f"has fewer than {LEAST_REASON_CHARS} characters"
        raise BadInput(f"The reason {what}", field_name="reason", remedy="Say why, with the ticket if there is one.")
    if len(reason) > MAX_REASON_CHARS:
        raise BadInput(
            f"The reason is longer than {MAX_REASON_CHARS:,} characters", field_name="reason", remedy="Shorten it."
        )
    if holds_secret(reason):
        raise BadInput(
            "The reason holds a signed link, a token, a password or a key",
            field_name="reason",
            remedy="Take it out. If it was a real one, revoke it; name the key or the clip instead.",
        )
    return reason


def without_titles(reason: str, titles: Iterable[str]) -> str:
    """The reason with a word for each of these titles; one that is shorter than a few words may be an ordinary word."""
    for title in sorted(titles, key=len, reverse=True):
        if len(title) >= LEAST_TITLE_CHARS:
            reason = re.sub(re.escape(" ".join(title.split())), "[title]", reason, flags=re.IGNORECASE)
    return reason
