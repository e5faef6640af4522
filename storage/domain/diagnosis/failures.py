"""Reads an error message as one of four kinds of failure, by documented patterns. Unknown texts stay unrecognised.

The messages come from the worker, from the downloader (yt-dlp's wording), from the model's API and from storage. Order
decides where a text fits two kinds: a provider that limits *us* ("429", "quota exceeded for requests per minute") is
transient although it says quota; a customer's quota comes next; then what no retry mends; then what one may.
"""

from __future__ import annotations

import re
from typing import Literal

Failure = Literal["permanent", "transient", "quota", "unrecognised"]

_PROVIDER = (
    r"\b429\b|too many requests|rate.?limit|resource.?exhausted|requests? per (?:second|minute|day)|"
    r"generativelanguage|quota metric|youtube data api|not a bot|temporar"
)
_QUOTA = (
    r"quota|(?:storage|clips?|monthly|plan|credits?|usage|account) (?:limit|allowance)|"
    r"(?:insufficient|not enough|no|out of|run out of|exhausted)[\w ]{0,12} credits|credits? (?:exhausted|used up)|"
    r"upgrade (?:your|the) plan|storage (?:is )?full"
)
_PERMANENT = {
    "age-restricted": r"age.?(?:restrict|gate|verif)|confirm your age|inappropriate for some users",
    "members only": r"members?.?only|join this channel|subscribers? only|requires payment|rental",
    "copyright": r"copyright|\bdmca\b|blocked .{0,40}(?:on|by) .{0,20}(?:grounds|owner)|content id",
    "private": r"private video|video is private|\bis private\b|sign in if you.ve been granted|login required",
    "region": r"(?:not|n.t) (?:made this video )?available in your (?:country|region)|geo.?(?:restrict|block)",
    "removed": (
        r"removed by|(?:been|was) (?:removed|deleted)|no longer available|video unavailable|does(?: not|n.t) exist|"
        r"account .{0,40}terminated|video is (?:not |un)available"
    ),
    "live": r"live (?:event|stream)|premiere|is live\b|will begin in",
    "too long": r"too (?:long|short|large)|(?:duration|length|file size) .{0,30}(?:exceed|limit)|exceeds? (?:the )?max",
    "unsupported": (
        r"unsupported|not (?:a )?(?:valid|supported)|invalid (?:url|video|format|file)|unable to extract|\bdrm\b|"
        r"no (?:audio|video|suitable|captions|transcript|speech)|"
        r"(?:transcripts?|subtitles|captions) (?:are |is )?disabled"
    ),
}
_TRANSIENT = (
    r"time.?d?.?out|deadline|try again|retr(?:y|ies)|connect|reset by|refused|unreachable|network|\bdns\b|"
    r"\b5\d\d\b|internal (?:server )?error|bad gateway|unavailable|overload|out of memory|\boom\b|memory limit|"
    r"killed|sig(?:kill|term)|(?:worker|process|job) .{0,20}(?:died|lost|crash|restart|exit)|shut.?down|deploy|"
    r"interrupt|cancel|no space|disk|broken pipe|incomplete|time limit|http error 403"
)
_FLAGS = re.IGNORECASE | re.DOTALL
_SCANNED_CHARS = 4_000  # enough for any message; keeps hostile ones cheap


def classify(message: str | None) -> Failure:
    """The kind of failure that a message tells of; an empty or unknown one is `unrecognised`."""
    text = (message or "")[:_SCANNED_CHARS]
    if re.search(_PROVIDER, text, _FLAGS):
        return "transient"
    if re.search(_QUOTA, text, _FLAGS):
        return "quota"
    if permanent_cause(text):
        return "permanent"
    return "transient" if re.search(_TRANSIENT, text, _FLAGS) else "unrecognised"


def permanent_cause(message: str | None) -> str:
    """Which permanent cause a message names (`private`, `copyright`, ...), or an empty string."""
    text = (message or "")[:_SCANNED_CHARS]
    return next((cause for cause, pattern in _PERMANENT.items() if re.search(pattern, text, _FLAGS)), "")
