"""Checks what callers pass before anything is asked of the store: keys, prefixes, lives of URLs."""

from __future__ import annotations

from storage.config import MAX_EXPIRY_SECONDS
from storage.domain.layout import MAX_KEY_BYTES
from storage.errors import BadInput


def check_key(key: str) -> str:
    """The key unchanged; `BadInput` where no store could hold it: empty, over 1,024 bytes, or not Unicode text."""
    try:
        length = len(key.encode())
    except UnicodeEncodeError:
        raise BadInput("The key holds half a character.", field_name="key", remedy="Copy the key again.") from None
    if not key:
        raise BadInput("The key is empty.", field_name="key", remedy="Give the object's whole key.")
    if length > MAX_KEY_BYTES:
        raise BadInput(
            f"The key has {length:,} bytes; a store holds {MAX_KEY_BYTES:,} at most.",
            field_name="key",
            remedy="Shorten the title part of the key.",
        )
    return key


def check_linkable(key: str) -> str:
    """As `check_key`, and `BadInput` for a `.` or `..` as a segment: browsers rewrite such a path."""
    check_key(key)
    if not {".", ".."}.isdisjoint(key.split("/")):
        raise BadInput(
            "A key with '.' or '..' between slashes cannot be linked to.",
            field_name="key",
            remedy="Copy the object to a key without them.",
        )
    return key


def check_prefix(prefix: str) -> None:
    """`ValueError` unless the prefix is empty or ends at a segment: `users/u1` would cover `users/u10/` as well."""
    if prefix and not prefix.endswith("/"):
        raise ValueError("a prefix must be empty or end with '/'")


def check_expiry(seconds: int) -> int:
    """The life unchanged; `BadInput` outside 1 to 604,800 whole seconds, which the SDK itself does not enforce."""
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not 1 <= seconds <= MAX_EXPIRY_SECONDS:
        raise BadInput(
            f"A signed URL lives 1 to {MAX_EXPIRY_SECONDS:,} whole seconds.",
            field_name="expires_seconds",
            remedy="Give a number in that range; minutes are usual.",
        )
    return seconds
