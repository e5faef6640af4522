"""Turns an unexpected error into a number: the log gets the traceback, the page gets the number and nothing else."""

from __future__ import annotations

import logging
import re
import secrets
import traceback

_log = logging.getLogger("clipdesk.pages")
_QUERY = re.compile(r"(https?://[^\s?'\"<>]+)\?[^\s'\"<>]*", re.IGNORECASE)
_SIGNED = re.compile(r"(?i)\b(x-amz-(?:signature|credential|security-token)|signature|awsaccesskeyid)=[^&\s'\"]+")


def record(error: BaseException, doing: str) -> str:
    """Logs the traceback under a new number, which is returned. Queries of URLs are taken out: they may be keys."""
    number = secrets.token_hex(4)
    trace = "".join(traceback.format_exception(error))
    _log.error("incident %s while %s\n%s", number, doing, redacted(trace))
    return number


def redacted(text: str) -> str:
    """The text without the query part of any URL and without signatures that stand alone."""
    return _SIGNED.sub(r"\1=[removed]", _QUERY.sub(r"\1?[removed]", text))
