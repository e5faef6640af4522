"""Makes strings safe to show: every text from Firestore, R2 or the address bar passes through here.

`plain` is for places that show text as it is (`st.text`, `st.code`, cells, chart labels, `alt`). `md` is for places
that read Markdown (labels, captions, alerts, help, metrics, badges). Both show the text; nothing in it takes effect.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

ABSENT = "—"
EMPTY = "(empty)"
ELLIPSIS = "…"
LIMIT = 300
MAX_MARKS = 6  # combining marks kept on one letter; more of them cover the lines around it

_ISOLATE, _END = "\u2068", "\u2069"
_KEPT_FORMATS = frozenset("\u200c\u200d\u200e\u200f\u061c")  # joiners and marks that scripts and emoji need
_JOINER = "\u200d"
_RTL_CLASSES = frozenset({"R", "AL", "AN"})
_BLANKS = re.compile(r"[\s\u2028\u2029\x85]+")

# Streamlit turns these into links, pictures, icons and signs after it has read the Markdown, so a backslash does not
# stop it (its plugins search the finished text: remark-gfm autolinks, remark-emoji, :material/..., typographic signs).
# `md` therefore puts each character of a match into its own piece of text, where the pattern is no longer whole.
_LATE = re.compile(
    r"""
      (?P<address>@)
    | (?P<scheme>:)(?=//)
    | (?<=www)(?P<host>\.)
    | (?P<shortcode>:)(?=[\w+\-]*:)
    | (?P<icon>:)(?=material|streamlit)
    | (?P<sign><->|->|<-|--|>=|<=|~=)
    """,
    re.VERBOSE | re.IGNORECASE,
)
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")


def plain(value: str | None, limit: int = LIMIT, *, lines: bool = False) -> str:
    """The text as one line (or, with `lines`, with its line ends), harmless to look at, of at most `limit` graphemes.

    Control characters show as their picture (`␀`), invisible and overriding ones as `�`, so that two different names
    never look alike because of them. A text with right-to-left letters is isolated from what stands around it; any
    other text is unchanged, so that it can be copied and searched for. `None` shows as a dash, a blank as `(empty)`.
    """
    if value is None:
        return ABSENT
    tidy = value.replace("\r\n", "\n").strip() if lines else _BLANKS.sub(" ", value).strip()
    if len(tidy) <= limit and tidy.isascii() and tidy.isprintable():
        return tidy or EMPTY  # most texts: no character of these is altered, and each is a grapheme
    shown = shorten(_visible(tidy, lines), limit)
    if not shown:
        return EMPTY
    return f"{_ISOLATE}{shown}{_END}" if _is_rtl(shown) else shown


def md(value: str | None, limit: int = LIMIT) -> str:
    """The text of `plain`, written so that Markdown as Streamlit reads it shows exactly that and nothing more.

    It becomes no emphasis, link, address, picture, HTML, formula, code, colour, icon or emoji, and a person who copies
    it from the page gets the text itself. Not for use inside a code span or a fenced block, nor where Markdown is
    not read (there, use `plain`).
    """
    shown = plain(value, limit)
    pieces: list[str] = []
    end = 0
    for match in _LATE.finditer(shown):
        pieces.append(_escape(shown[end : match.start()]))
        pieces.extend(f":color[{_escape(char)}]" for char in match.group())
        end = match.end()
    pieces.append(_escape(shown[end:]))
    return "".join(pieces)


def prose(value: str, limit: int = LIMIT) -> str:
    """A sentence of the desk's own as Markdown: text between two backticks is code, all other text is as `md` shows it.

    The code spans are drawn whole and harmless too; a backtick without its partner is shown as it is.
    """
    pieces = value.split("`")
    if len(pieces) % 2 == 0 or len(value) > limit:
        return md(value, limit)
    shown = [f"`{plain(piece)}`" if number % 2 else _escaped(piece) for number, piece in enumerate(pieces)]
    return "".join(shown)


def _escaped(piece: str) -> str:
    """The piece as `md` shows it, with the blanks at its ends, which separate it from the code beside it."""
    if not piece.strip():
        return piece
    return f"{' ' * (piece[0] == ' ')}{md(piece)}{' ' * (piece[-1] == ' ')}"


def told_apart(names: Sequence[str], limit: int) -> list[str]:
    """The names, each of at most some `limit` characters and different from all others, in their order.

    Names that begin alike are cut in the middle, so that what tells them apart stays; equal names get a number.
    """
    short = [shorten(name, limit) for name in names]
    alike: dict[str, list[int]] = {}
    for place, name in enumerate(short):
        alike.setdefault(name, []).append(place)
    for places in alike.values():
        group = [names[place] for place in places]
        columns = enumerate(zip(*group, strict=False))
        same = next((at for at, column in columns if len(set(column)) > 1), min(map(len, group)))
        if len(places) > 1 and any(len(names[place]) > same for place in places):
            head = shorten(names[places[0]][:same], limit // 2)
            for place in places:
                short[place] = head + shorten(names[place][same:], limit - limit // 2)
    seen: Counter[str] = Counter()
    for place, name in enumerate(short):
        seen[name] += 1
        short[place] = name if seen[name] == 1 else f"{name} ({seen[name]})"
    return short


def shorten(text: Iterable[str], limit: int) -> str:
    """At most `limit` graphemes, the last one an ellipsis if any were left out; never cuts within a grapheme.

    Reads no further than necessary, so the cost depends on the shown part and not on the length of the text.
    """
    kept: list[str] = []
    for count, cluster in enumerate(clusters(text)):
        if count == limit:
            kept[-1:] = [ELLIPSIS]
            return "".join(kept)
        kept.append(cluster)
    return "".join(kept)


def clusters(text: Iterable[str]) -> Iterator[str]:
    """Graphemes, nearly: a letter with its marks, a joined emoji, a flag. At most `MAX_MARKS` marks are kept on one."""
    cluster = ""
    marks = 0
    for char in text:
        if cluster and _continues(cluster, char):
            marks += 1
            if marks <= MAX_MARKS or char == _JOINER or cluster[-1] == _JOINER:
                cluster += char
            continue
        if cluster:
            yield cluster
        cluster, marks = char, 0
    if cluster:
        yield cluster


def _continues(cluster: str, char: str) -> bool:
    if unicodedata.category(char) in {"Mn", "Mc", "Me"} or char == _JOINER or "\U0001f3fb" <= char <= "\U0001f3ff":
        return True
    if cluster[-1] == _JOINER:
        return len(cluster) < 20
    flags = "\U0001f1e6" <= cluster[0] <= "\U0001f1ff" and "\U0001f1e6" <= char <= "\U0001f1ff"
    return flags and len(cluster) == 1


def _visible(text: str, lines: bool) -> Iterator[str]:
    for char in text:
        category = unicodedata.category(char)
        if char in "\t\n\r\v\f\x85\u2028\u2029":
            yield "\n" if lines and char != "\t" else " "
        elif category == "Cc":
            yield chr(0x2400 + ord(char)) if ord(char) < 32 else ("\u2421" if char == "\x7f" else "\ufffd")
        elif category == "Cs" or _is_noncharacter(ord(char)) or (category == "Cf" and char not in _KEPT_FORMATS):
            yield "\ufffd"
        else:
            yield char


def _is_noncharacter(point: int) -> bool:
    return point & 0xFFFE == 0xFFFE or 0xFDD0 <= point <= 0xFDEF


def _is_rtl(text: str) -> bool:
    return any(unicodedata.bidirectional(char) in _RTL_CLASSES or char in "\u200f\u061c" for char in text)


def _escape(text: str) -> str:
    return _PUNCTUATION.sub(r"\\\1", text)
