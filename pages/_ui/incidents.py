"""Turns an unexpected error into a number: the log gets the traceback, the page gets the number and nothing else."""

from __future__ import annotations

import logging
import secrets
import traceback

from storage.redaction import redacted

_log = logging.getLogger("clipdesk.pages")


def record(error: BaseException, doing: str) -> str:
    """Logs the traceback under a new number, which is returned. Secrets are taken out."""
    number = secrets.token_hex(4)
    trace = "".join(traceback.format_exception(error))
    _log.error("incident %s while %s\n%s", number, doing, redacted(trace))
    return number
