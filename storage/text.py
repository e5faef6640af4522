"""Puts other people's text, ages, sizes and counts into words that are safe to show, to copy and to hand over.

Each has one form, for pages, commands, replies and findings alike. The module also holds the only list of what a secret
looks like, for logs, the audit, hand-overs, reasons and the search box.

A secret is recognised by the name before it (`token=...`), by its own form (a JWT, a private key, an access key id), or
by its place (the query of a signed address, `user:password@host`). Ordinary text stays: where only a blank separates a
name from its value, the value counts only if it looks machine-made, so "token = fun" is a title.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

REMOVED: Final = "[removed]"

_VALUE: Final = r"[^\s&'\"<>,;}\\]+"
_EQUALS: Final = r"(?:=|%(?:25){0,3}3D|\\u003d)"  # plain, encoded for an address, escaped in JSON
# The ends of names count: `refresh_token`, `idToken` and `R2_SECRET_ACCESS_KEY` need no entry of their own.
_WEIGHTY: Final = r"token|secret|password|passwd|passphrase|api[_-]?key|access[_-]?key(?:[_-]?id)?|private[_-]?key"
_NAME: Final = (
    rf"(?:{_WEIGHTY}|signature|credentials?|id_token_hint|client_assertion|cookie|authorization"
    r"|x-(?:amz|goog)-[a-z-]{1,40}|(?<![a-z0-9])(?:sig|pwd))"
)
_QUOTED_NAME: Final = (
    rf"(?:{_WEIGHTY}|signature|credentials?|client_assertion|cookie|authorization|cf-access-jwt-assertion"
    r"|x-amz-(?:signature|credential|security-token))"
)
_QUERY: Final = re.compile(r"\?[^\s'\"<>]+")
_TELLING: Final = re.compile(rf"{_NAME}{_EQUALS}", re.IGNORECASE)
_CODE, _STATE = (re.compile(rf"[?&]{name}=", re.IGNORECASE) for name in ("code", "state"))  # together: a sign-in
_CALLBACK: Final = re.compile(r"(?P<keep>oauth2callback\?)[^\s'\"<>]+")
_PATTERNS: Final = (
    # https://user:password@host
    re.compile(r"(?P<keep>\b[a-z][a-z0-9+.-]{1,20}://)[^\s/?#:'\"<>]{0,400}:[^\s/?#'\"<>]{1,400}@", re.IGNORECASE),
    re.compile(
        r"(?P<keep>)-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY.*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|$)",
        re.DOTALL,
    ),
    re.compile(
        r"(?P<keep>\b(?:set-)?cookie['\"]?\s{0,4}[:=,]\s{0,4}b?['\"]?)(?=[\w.-]{1,200}=)[^'\"\r\n]+", re.IGNORECASE
    ),
    re.compile(r"(?P<keep>\b_streamlit_(?:user|user_tokens|session)(?:_\d{1,9})?=)[^\s;'\"]+"),
    re.compile(r"(?P<keep>cf-access-jwt-assertion['\"]?\s{0,4}[:=,]\s{0,4}b?['\"]?)[^\s'\"]+", re.IGNORECASE),
    # Authorization: with a scheme everything that follows it, without one what looks machine-made.
    re.compile(
        r"(?P<keep>\bauthorization['\"]?\s{0,4}[:=]\s{0,4}b?['\"]?"
        r"(?:(?:bearer|basic|digest|token|negotiate)\s{1,4}|(?=[^\s'\"]{0,400}[\d=.~+])(?=[^\s'\"]{8})))[^\s'\"]+",
        re.IGNORECASE,
    ),
    re.compile(r"(?P<keep>\bAWS4-HMAC-SHA256\s{1,4})[^'\"\r\n]+"),
    re.compile(r"(?P<keep>\bbearer\s{1,4})(?=[\w~+/=-]{0,400}[\d._~+/=-])[\w.~+/=-]{8,}", re.IGNORECASE),
    re.compile(r"(?P<keep>\bbasic\s{1,4})(?=[a-z0-9+/]{0,400}[\d=])[a-z0-9+/]{12,}={0,2}", re.IGNORECASE),
    # "name": "value", also escaped once more, and name=value.
    re.compile(rf"(?P<keep>{_QUOTED_NAME}\\?['\"]\s{{0,4}}[:=]\s{{0,4}}b?\\?['\"])[^'\"\\]+", re.IGNORECASE),
    re.compile(rf"(?P<keep>{_NAME}['\"]?{_EQUALS}['\"]?){_VALUE}", re.IGNORECASE),
    # name: value, name = value, name value.
    re.compile(
        rf"(?P<keep>(?:{_WEIGHTY})\s{{0,4}}[=:]\s{{0,4}})(?=[a-z_./+-]{{0,400}}\d)[^\s&'\"<>,;}}\\]{{6,}}",
        re.IGNORECASE,
    ),
    re.compile(
        rf"(?P<keep>(?:{_WEIGHTY})\s{{1,4}})(?=[a-z_+/=-]{{0,400}}\d)(?=[\d_+/=-]{{0,400}}[a-z])[\w+/=-]{{16,}}",
        re.IGNORECASE,
    ),
    # Secrets known by their form: a JWT, access keys of AWS, keys and tokens of Google, GitHub, Slack, Stripe.
    re.compile(r"(?P<keep>)\beyJ[A-Za-z0-9_-]{6,4096}\.[A-Za-z0-9_-]{6,4096}\.[A-Za-z0-9_-]*"),
    re.compile(r"(?P<keep>)(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
    re.compile(r"(?P<keep>)(?<![\w-])(?:AIza[\w-]{35}|ya29\.[\w-]{20,}|GOCSPX-[\w-]{20,}|1//0[\w-]{30,})"),
    re.compile(r"(?P<keep>)(?<![\w-])(?:gh[pousr]_[A-Za-z0-9]{36,}|xox[a-z]-[\w-]{10,}|[rs]k_(?:live|test)_\w{16,})"),
)

_SIGNATURE: Final = re.compile(r"(?i)[?&](?:x-amz-[a-z-]+|signature|awsaccesskeyid|expires)=")


_SHORT: Final = {"hour": "h", "minute": "min", "second": "s"}
_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_THRESHOLDS: Final = (0, 80, 100)  # percent: nothing used, near the limit, exceeded
_LINK = re.compile(r"\b[a-z][a-z0-9+.-]{1,20}:(?://|/)?/\S+|\bwww\.\S+", re.IGNORECASE)
_LONG_HEX = re.compile(r"\b[0-9a-f]{32,}\b", re.IGNORECASE)
HIDDEN: Final = "•••"
_AT_DOMAIN = re.compile(r"@[\w-]+\.[\w.-]+")
_LOCAL_PART = re.compile(r"[\w.+'’-]*")  # of an address; its first character is no quote
_DIRECTION = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def without_secrets(text: str, word: str = REMOVED) -> str:
    """The text with `word` in place of each secret; the secret's name stays unless `word` is empty."""
    query, named = (f"?{word}", rf"\g<keep>{word}") if word else ("", "")
    text = _QUERY.sub(lambda found: query if _tells(found[0]) else found[0], text)
    text = _CALLBACK.sub(named, text)
    for pattern in _PATTERNS:
        text = pattern.sub(named, text)
    return text


def holds_secret(text: str) -> bool:
    """Whether the text holds anything that looks like a signature, a token, a password or a private key."""
    return without_secrets(text) != text


def _tells(query: str) -> bool:
    """Whether to remove the whole query of an address."""
    return bool(_TELLING.search(query) or (_CODE.search(query) and _STATE.search(query)))


def is_signed(url: str) -> bool:
    """Whether the address carries a signature."""
    return bool(_SIGNATURE.search(url))


def without_addresses(text: str) -> str:
    """The text with a word in place of each e-mail address."""
    return _addresses(text, lambda _: "[address]")


def _addresses(text: str, instead: Callable[[str], str]) -> str:
    """The text with another in place of each e-mail address. Goes back from each "@": one expression for the whole
    address would try every place of a long word, for minutes.
    """
    parts, done = [], 0
    for domain in _AT_DOMAIN.finditer(text):
        before = text[done : domain.start()]
        found = _LOCAL_PART.match(before[::-1])
        name = found[0][::-1].lstrip("'’") if found else ""
        if name:
            parts += [before.removesuffix(name), instead(name + domain[0])]
            done = domain.end()
    return "".join([*parts, text[done:]])


def masked_address(address: str) -> str:
    """An e-mail address by its first letter and its domain: `m•••@example.com`; no letter of a text that is none."""
    name, at, domain = address.strip().rpartition("@")
    return f"{name[:1]}{HIDDEN}@{domain}" if at and name and domain else HIDDEN


def with_masked_addresses(text: str) -> str:
    """The text with each e-mail address masked."""
    return _addresses(text, masked_address)


def redacted(text: str) -> str:
    """The text without secrets, links, addresses and long numbers: none of these belongs in a hand-over."""
    text = without_secrets(_LINK.sub("[link]", text), "[secret]")
    return _LONG_HEX.sub("[secret]", without_addresses(text))


def without_links(text: str) -> str:
    """The text without links, otherwise unchanged: for ids and keys, which must stay exact."""
    return _LINK.sub("[link]", text)


def quoted(text: str | None, limit: int = 240) -> str:
    """Other people's text on one line: redacted, without control and direction characters, shortened, in quotes."""
    if not text:
        return "nothing"
    kept = "".join(" " if char.isspace() else char for char in text[: 8 * limit] if _visible(char))
    line = " ".join(redacted(kept).split())
    return f"“{line[:limit]}…”" if len(line) > limit or len(text) > 8 * limit else f"“{line}”"


def _visible(char: str) -> bool:
    return char.isspace() or (char not in _DIRECTION and unicodedata.category(char) not in {"Cc", "Cs", "Co", "Cf"})


def age(span: timedelta) -> str:
    """A span in words, in the largest unit that fits twice, rounded down: `26 hours`, `2 days`. Never negative."""
    count, unit = _largest(span)
    return number(count, unit)


def whole_minutes(span: timedelta) -> int:
    """The whole minutes of a span, rounded down."""
    return int(span.total_seconds() // 60)


def short_age(span: timedelta) -> str:
    """The same span for a narrow place: `26 h 5 min`, `2 days`, `40 s`."""
    count, unit = _largest(span)
    if unit == "day":
        return number(count, unit)
    minutes = int(span.total_seconds()) % 3_600 // 60 if unit == "hour" else 0
    return f"{count} {_SHORT[unit]}" + (f" {minutes} min" if minutes else "")


def _largest(span: timedelta) -> tuple[int, str]:
    seconds = max(0, int(span.total_seconds()))
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= 2 * length or (unit == "minute" and seconds >= length):
            return seconds // length, unit
    return seconds, "second"


def size_words(size_bytes: int) -> str:
    """Bytes in binary units with three digits: `199 KiB`, `14.1 MiB`, `1.50 GiB`."""
    amount, unit = float(abs(size_bytes)), 0
    while round(amount, 1 if amount < 100 else 0) >= 1024 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    sign = "-" if size_bytes < 0 else ""
    digits = 0 if unit == 0 or amount >= 100 else (1 if amount >= 10 else 2)
    return f"{sign}{amount:,.{digits}f} {_UNITS[unit]}"


def percent_words(value: float) -> str:
    """The true percentage, also above 100.

    One decimal unless whole; two where one would round to 0, 80 or 100 although the value differs, and `<` or `>` where
    even two would: a value just below a threshold never reads as the threshold.
    """
    if float(value).is_integer():
        return f"{value:,.0f} %"
    for digits in (1, 2):
        if round(value, digits) not in _THRESHOLDS:
            return f"{value:,.{digits}f} %"
    threshold = round(value)
    return f"{'<' if value < threshold else '>'} {threshold} %"


def capitalised(text: str) -> str:
    """The text with a large first letter, and all else as it is: ids and names keep their letters."""
    return text[:1].upper() + text[1:]


def number(count: int, noun: str) -> str:
    """`1 clip`, `2 clips`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def rate(per_day: float) -> str:
    """A number a day: `0.3`, `1`, `1,200`; one digit after the point where it says something."""
    return f"{per_day:.1f}".removesuffix(".0") if per_day < 10 else f"{per_day:,.0f}"


def moment(at: datetime) -> str:
    """A time in UTC, to the minute."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


class Secret:
    """A string that never shows itself: not in `repr`, `str`, a format, a traceback or a pickle."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself, for the SDK that needs it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(****)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str:
        raise TypeError("a secret is not pickled")
