"""Signatures in a text: a signed address is a bearer token, so what somebody pastes is freed of it before all else."""

from __future__ import annotations

import re

_URL = re.compile(r"https?://[^\s\"'<>\\]+", re.IGNORECASE)
_SIGNATURE = re.compile(r"(?i)[?&](?:x-amz-[a-z-]+|signature|awsaccesskeyid|expires)=")
_SIGNED_QUERY = re.compile(r"(?i)\?[^\s\"'<>\\?]*?(?:x-amz-[a-z-]+|signature|awsaccesskeyid)=[^\s\"'<>\\]*")
# What is left of a signature where the address was cut, escaped for JSON or encoded once more.
_SIGNED_PART = re.compile(r"(?i)x-amz-[a-z-]{1,40}(?:=|%3d|%253d)[^\s\"'<>&\\]*")


def is_signed(url: str) -> bool:
    """Whether the address carries a signature."""
    return bool(_SIGNATURE.search(url))


def without_signature(text: str) -> str:
    """The text with the query of every signed address cut off, and with what is left of a signature elsewhere."""

    def cut(match: re.Match[str]) -> str:
        url = match.group()
        return url.partition("?")[0] if is_signed(url) else url

    return _SIGNED_PART.sub("", _SIGNED_QUERY.sub("", _URL.sub(cut, text)))
