"""Reads the kind and the cause of a failure from an error message. Unknown texts stay unrecognised.

The messages come from the worker, from the downloader (yt-dlp's wording), from the model's API and from storage. The
worker puts its own judgement before them, and it counts a used-up quota as permanent. The text behind the judgement
says more, so this module reads it too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Failure = Literal["permanent", "transient", "quota", "unrecognised"]

_FLAGS = re.IGNORECASE | re.DOTALL
_SCANNED_CHARS = 4_000  # enough for any message; keeps hostile messages cheap

# Source: the end of a job in the worker (executor.rs). It retries any failure three times, but a permanent one never.
_WORKER_PERMANENT = re.compile(r"\s*video cannot be processed:\s*", _FLAGS)
_WORKER_QUOTA = re.compile(r"quota exceeded:", _FLAGS)
_WORKER_RETRIED = re.compile(r"\s*job failed after \d+ retries:\s*", _FLAGS)


@dataclass(frozen=True, slots=True)
class FailureText:
    """The pattern of messages of one kind and cause, and the source of the wording."""

    kind: Failure
    cause: str
    pattern: str
    source: str


# The order decides where a text fits two kinds: a provider that limits *us* ("429", "quota exceeded for requests per
# minute") is transient although it says quota; a customer's quota comes next; then failures that no retry can fix; then
# failures that a retry may fix.
TEXTS: tuple[FailureText, ...] = (
    FailureText(
        "transient",
        "provider",
        r"\b429\b|too many requests|rate.?limit|resource.?exhausted|requests? per (?:second|minute|day)|"
        r"generativelanguage|quota metric|youtube data api|not a bot|temporar",
        "the model's API and the downloader",
    ),
    FailureText(
        "quota",
        "quota",
        r"quota|(?:storage|clips?|monthly|plan|credits?|usage|account) (?:limit|allowance)|"
        r"(?:insufficient|not enough|no|out of|run out of|exhausted)[\w ]{0,12} credits|credits? (?:exhausted|used up)|"
        r"upgrade (?:your|the) plan|storage (?:is )?full",
        "the worker (error.rs, QuotaExceeded) and the API",
    ),
    FailureText(
        "permanent",
        "highlights",
        r"highlights not found in firestore|no video url in highlights",
        "the worker (reprocessing.rs, render_job.rs): it renders from the document highlights/main alone",
    ),
    FailureText(
        "permanent",
        "age-restricted",
        r"\bage.?(?:restrict|gate|verif)|(?:confirm|verify) your age|inappropriate for some users",
        "the downloader; the worker (error.rs)",
    ),
    FailureText(
        "permanent",
        "members only",
        r"members?.?only|join this channel|subscribers? only|requires payment|rental",
        "the downloader",
    ),
    FailureText(
        "permanent",
        "copyright",
        r"copyright|\bdmca\b|blocked .{0,40}(?:on|by) .{0,20}(?:grounds|owner)|content id",
        "the downloader; the worker (error.rs)",
    ),
    FailureText(
        "permanent",
        "private",
        r"private video|video is private|\bis private\b|sign in if you.ve been granted|login required",
        "the downloader; the worker (error.rs)",
    ),
    FailureText(
        "permanent",
        "region",
        r"(?:not|n.t) (?:made this video )?available in your (?:country|region)|"
        r"blocked (?:it )?in your (?:country|region)|geo.?(?:restrict|block)",
        "the downloader; the worker (error.rs)",
    ),
    FailureText(
        "permanent",
        "removed",
        r"removed by|(?:been|was) (?:removed|deleted)|no longer available|video (?:is )?(?:unavailable|not available)|"
        r"does(?: not|n.t) exist|account .{0,40}terminated",
        "the downloader; the worker (error.rs)",
    ),
    FailureText(
        "permanent",
        "live",
        r"live (?:event|stream)|premiere|is live\b|will begin in",
        "the downloader; the worker (error.rs)",
    ),
    FailureText(
        "permanent",
        "too long",
        r"too (?:long|short|large)|(?:duration|length|file size) .{0,30}(?:exceed|limit)|exceeds? (?:the )?max",
        "the API and the worker",
    ),
    FailureText(
        "permanent",
        "unsupported",
        r"unsupported|not (?:a )?(?:valid|supported)|invalid (?:url|video|format|file)|unable to extract|\bdrm\b|"
        r"no (?:audio|video|suitable|captions|transcript|speech)|"
        r"(?:transcripts?|subtitles|captions) (?:are |is )?disabled",
        "the downloader and the transcript's extractor",
    ),
    FailureText(
        "transient",
        "transient",
        r"time.?d?.?out|deadline|try again|retr(?:y|ies)|connect|reset by|refused|unreachable|network|\bdns\b|"
        r"\b5\d\d\b|internal (?:server )?error|bad gateway|unavailable|overload|out of memory|\boom\b|memory limit|"
        r"killed|sig(?:kill|term)|(?:worker|process|job) .{0,20}(?:died|lost|crash|restart|exit)|shut.?down|deploy|"
        r"interrupt|cancel|no space|disk|broken pipe|incomplete|time limit|http error 403",
        "the worker, the stores and the network",
    ),
)
_COMPILED = tuple((text, re.compile(text.pattern, _FLAGS)) for text in TEXTS)


@dataclass(frozen=True, slots=True)
class ReadFailure:
    """The kind of failure, and the cause where it is known (a cause of `TEXTS`)."""

    kind: Failure
    cause: str = ""


def read_failure(message: str | None) -> ReadFailure:
    """The failure that a message describes; an empty or unknown message is `unrecognised`."""
    text = (message or "")[:_SCANNED_CHARS]
    if match := _WORKER_PERMANENT.match(text):
        return _permanent(text[match.end() :])
    retried = _WORKER_RETRIED.match(text)
    found = _first(text[retried.end() :] if retried else text)
    if retried and found.kind == "unrecognised":
        return ReadFailure("transient", "transient")  # the worker's own judgement, which says no more
    return found


def classify(message: str | None) -> Failure:
    """The kind of failure that a message describes."""
    return read_failure(message).kind


def _permanent(text: str) -> ReadFailure:
    """The failure behind a permanent one, which the worker does not retry; a quota is for the customer to solve."""
    if _WORKER_QUOTA.match(text):
        return ReadFailure("quota", "quota")
    named = {found.kind: found for found in map(_reading, reversed(_matching(text)))}
    return named.get("permanent") or named.get("quota") or ReadFailure("permanent")


def _first(text: str) -> ReadFailure:
    matching = _matching(text)
    return _reading(matching[0]) if matching else ReadFailure("unrecognised")


def _matching(text: str) -> list[FailureText]:
    return [known for known, pattern in _COMPILED if pattern.search(text)]


def _reading(known: FailureText) -> ReadFailure:
    return ReadFailure(known.kind, known.cause)
