"""The possible meanings of a pasted text (ids, addresses, keys, URLs, words of a title, or a log line), and the answer.

This module looks nothing up. It first removes any secret from the text, so that no later step can show it. The answer
of a search holds the matches with their reasons, the look-ups that were made, and those that could not be made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from storage.domain.layout import STYLES, TOP_SCENES, Layout, ParsedKey, parse_stem, place_of
from storage.domain.pasted import (
    console_place,
    is_console,
    led_to,
    spellings,
    title_words,
    unwrapped,
)
from storage.domain.purge.removed import Removed
from storage.errors import BadInput, StorageError
from storage.ids import is_id, is_stored_id
from storage.text import is_signed, without_secrets

MAX_QUERY_CHARS = 8_192

Kind = Literal[
    "uid",
    "email",
    "email_prefix",
    "video_id",
    "draft_id",
    "clip_id",
    "file_name",
    "r2_key",
    "presigned_url",
    "cdn_url",
    "video_url",
    "document_path",
    "desk_link",
    "share_link",
    "title",
    "log_line",
]

_URL = re.compile(r"https?://[^\s\"'<>\\]+", re.IGNORECASE)
_ENCODED_URL = re.compile(r"https?%(?:25)?3a", re.IGNORECASE)
_EMAIL = re.compile(r"[^\s@<>\"',;:()\[\]]+@[^\s@<>\"',;:()\[\]]+\.[^\s@<>\"',;:()\[\].]+")
# Alone in the text, an address may hold an apostrophe.
_WHOLE_EMAIL = re.compile(r"[^\s@<>\",;:()\[\]]+@[^\s@<>\"',;:()\[\]]+\.[^\s@<>\"',;:()\[\].]+")
_UUID = re.compile(r"(?<![\w-])[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?![\w-])", re.IGNORECASE)
_VIDEO_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
_CLIP_ID = re.compile(
    rf"([A-Za-z0-9-]{{8,64}})_(?:compilation_\d{{8}}_\d{{6}}_{TOP_SCENES}"
    rf"|\d+_(?:{'|'.join(sorted(STYLES, key=len, reverse=True))}))"
)
_ANY_CLIP_ID = re.compile(r"([A-Za-z0-9_-]{1,64}?)_(\d+)_\w+")  # of a style that this project does not know
_ANY_VIDEO_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")  # alone in the text, a shorter word may be a video id too
_FILE_NAME = re.compile(r"(?:clip_\d{2,}_\d+|top_\d+_scenes)_[^/\"'<>|]*?\.(?:mp4|jpg)", re.IGNORECASE)
_COPY = re.compile(r" ?\(\d{1,3}\)(\.\w+)$")  # what a browser adds to the name of a second download
_NAMED = re.compile(
    r"(?i)\b(uid|user_?id|user|video_?id|video|draft_?id|draft|clip_?id|clip)([\"']?\s*[=:]\s*[\"']?)([^\s\"',;&)\]}]+)"
)
_YOUTUBE_HOSTS = ("youtube.com", "youtu.be", "youtube-nocookie.com")
_YOUTUBE_ID = re.compile(r"[A-Za-z0-9_-]{11}")
_SLUG = re.compile(r"[A-Za-z0-9]{8,16}")  # the form in which the product makes and checks public links
_SHARE_PATH = re.compile(r"/c/([A-Za-z0-9]{8,16})/?")
_HOSTED = re.compile(r"(?:[a-z0-9-]+\.)+[a-z]{2,24}(?::\d{1,5})?/\S*", re.IGNORECASE)  # an address without https://
_TOKEN = re.compile(r"(?<![\w@./%-])[A-Za-z0-9_-]{2,128}(?![\w@/%-])")
# An id that looks like an address's end with a token, such as `cust?token=abc`: one word, one parameter, no address.
_ODD_ID = re.compile(r"(?!oauth2callback)[^\s/\\?&=.:@\"'<>]+\?[^\s/\\?&=\"'<>]+=[^\s/\\?&\"'<>]+", re.IGNORECASE)
MAX_TOKENS = 12  # the most words of a line to try as ids; each costs two reads
_MADE = re.compile(r"(?=[A-Za-z_-]*\d)(?=[\d_-]*[A-Za-z])[A-Za-z0-9_-]{16,}")  # by a machine: long, and with digits
_LOGGED = re.compile(
    r"\b(?:ERROR|WARN|WARNING|INFO|DEBUG|FATAL|TRACE|CRITICAL|Traceback|Exception)\b|\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d"
    r"|\b(?:GET|PUT|POST|HEAD|DELETE|PATCH)\s+/|\w=\S|\{\s*\""
)
_TIME = re.compile(r"\b\d\d:\d\d\b")
_NUMBERED = re.compile(r"\b[A-Za-z]+[-_]?\d+\b")  # `u10`, `vid-0001`, and no `4K` or `2nd`
# A page of the product about one video, or about one draft of a video.
_HISTORY = re.compile(
    r"(?:/[a-z]{2}(?:-[a-z]{2})?)?/(?:history|drafts?|analysis|analy[sz]e)/([^/?#]+)/?", re.IGNORECASE
)
MAX_IDS_OF_TITLE = 3  # words of a title that are tried as ids, where nothing has such a title
_NOT_A_WORD = re.compile(r"[\"'<>=;{}\[\]()]")
_IDS = ("uid", "email_prefix", "clip_id", "video_id")
MAX_HOPS = 5  # redirectors within redirectors


MatchType = Literal["user", "video", "clip", "draft", "purged"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One meaning of the text. `value` is the text to look for; the ids are those that the text itself contains.

    `bare`: a word that may be an id or a slug, and is looked up only where no better match is found.
    """

    kind: Kind
    value: str
    uid: str = ""
    video_id: str = ""
    clip_id: str = ""
    draft_id: str = ""
    parsed: ParsedKey | None = None
    bare: bool = False


@dataclass(frozen=True, slots=True)
class ParsedQuery:
    """The text without secrets, its kind, and every guess, the likeliest first."""

    shown: str
    kind: Kind
    guesses: tuple[Candidate, ...]


def recognise(text: str, layout: Layout, *, bucket: str = "", public_url: str = "") -> ParsedQuery:
    """Every meaning of the text; raises `BadInput` when it is empty, too long or has nothing to look for."""
    raw = "".join(char if char.isprintable() else " " for char in text).strip()
    while _ENCODED_URL.match(raw):
        raw = unquote(raw).strip()
    if not raw:
        raise BadInput(
            "The search text is empty", field_name="QUERY", remedy="Paste an id, an address, a key or a URL."
        )
    if len(raw) > MAX_QUERY_CHARS:
        raise BadInput(
            f"The search text is longer than {MAX_QUERY_CHARS:,} characters",
            field_name="QUERY",
            remedy="Paste the line that names the customer, the video or the clip.",
        )
    clean = unwrapped(text)
    if not any(map(str.isalnum, clean)):
        clean = raw
    whole = list(dict.fromkeys(_readings(clean, layout, bucket, public_url)))
    if whole:
        first = whole[0].kind
        exact = _as_it_is(raw, clean) if first in _IDS else []
        spelt = not clean.isascii() and first == "uid"  # the ids of the product are of ASCII letters
        return ParsedQuery(askable(clean), "title" if spelt else first, (*exact, *whole))
    parts = list(dict.fromkeys(_inside(clean, layout, bucket, public_url)))
    rest = without_secrets(_URL.sub(" ", clean), "")
    words = title_words(rest)
    title = [Candidate("title", " ".join(rest.split()))] if words else []
    if parts or _is_logged(rest):
        known = [*parts, *_bare(rest), *([] if parts else [replace(one, bare=True) for one in title])]
        if known:
            return ParsedQuery(without_secrets(clean, ""), "log_line", tuple(known))
    if title:
        ids = [one for one in _bare(rest) if _NUMBERED.fullmatch(one.value)][: 2 * MAX_IDS_OF_TITLE]
        return ParsedQuery(without_secrets(clean, ""), "title", (*_as_it_is(raw, ""), *title, *ids))
    if is_console(clean):
        raise BadInput(
            "The link leads to a console's page that names no document and no object",
            field_name="QUERY",
            remedy="Open the document or the object there, and paste the address that the browser shows then.",
        )
    raise BadInput(
        "The search text holds nothing to look for",
        field_name="QUERY",
        remedy="Paste a uid, an e-mail address, a video id, a clip id, a title, a file name, a key or a URL.",
    )


def _as_it_is(raw: str, clean: str) -> list[Candidate]:
    """The whole text as a uid, where a uid may have what was taken off or what only a title has."""
    fits = raw != clean and is_id(raw) and "://" not in raw and raw == without_secrets(raw, "")
    return [Candidate("uid", raw, uid=raw, bare=True)] if fits else []


def _is_random(word: str) -> bool:
    """Whether the word is an id by its looks, and no word of a title."""
    mixed = word.lower() != word and word.upper() != word and any(map(str.isdigit, word))
    return bool(_MADE.fullmatch(word)) or (mixed and bool(_YOUTUBE_ID.fullmatch(word) or _SLUG.fullmatch(word)))


def _is_logged(text: str) -> bool:
    """Whether a machine wrote the text, as far as can be seen: else its words are those of a title or a name."""
    made = any(_MADE.fullmatch(word) for word in _TOKEN.findall(text))
    return made or bool(_LOGGED.search(text)) or bool(_TIME.search(text) and _NUMBERED.search(text))


def _readings(text: str, layout: Layout, bucket: str, public_url: str) -> Iterator[Candidate]:
    """Readings of the text as a whole, as it stands and as it is spelt elsewhere, and its words as those of a title."""
    yield from _whole(text, layout, bucket, public_url)
    if "/" in text or is_signed(text):
        return
    for spelling in spellings(without_secrets(text, ""))[1:]:
        yield from _whole(spelling, layout, bucket, public_url)
    if "@" not in text and is_id(text) and not (_UUID.fullmatch(text) or _is_random(text)):
        kept = spellings(without_secrets(text, ""))[-1]
        if (" " in kept and not _FILE_NAME.fullmatch(kept)) or _NOT_A_WORD.search(kept):
            return
        named = parse_stem(kept.rpartition(".")[0]) if _FILE_NAME.fullmatch(kept) else None
        words = kept if named is None else named.title.replace("_", " ")
        if not _CLIP_ID.fullmatch(kept) and title_words(words):
            yield Candidate("title", words, bare=True)


def askable(text: str) -> str:
    """The text without secrets, fit for a page and a page's address; an id that only looks like a secret stays."""
    return text if _is_odd_id(text) else without_secrets(text, "")


def _is_odd_id(text: str) -> bool:
    return bool(_ODD_ID.fullmatch(text)) and is_id(text) and not is_signed(text)


def _whole(text: str, layout: Layout, bucket: str, public_url: str) -> Iterator[Candidate]:
    """The meanings of the text as a whole."""
    if _is_odd_id(text):
        yield Candidate("uid", text, uid=text)
    if _URL.fullmatch(text):
        yield from _url(text, layout, bucket, public_url)
        return
    hosted = list(_url(f"https://{text}", layout, bucket, public_url)) if _HOSTED.fullmatch(text) else []
    yield from hosted
    text = without_secrets(text, "")
    if "/" in text:
        if not hosted and "://" not in text:
            yield from _path(text, layout, whole=True)
        return
    if _WHOLE_EMAIL.fullmatch(text) and is_id(text):
        yield Candidate("email", text)
        yield Candidate("uid", text, uid=text)
        return
    if is_id(text) and (" " not in text or _FILE_NAME.match(text)) and text.lower().endswith((".mp4", ".jpg")):
        if match := _CLIP_ID.fullmatch(text):
            yield Candidate("clip_id", text, video_id=match.group(1), clip_id=text)
        yield Candidate("file_name", text)
        if (once := _COPY.sub(r"\1", text)) != text:
            yield Candidate("file_name", once)
        return
    if _NOT_A_WORD.search(text) or not is_id(text):
        return
    if "@" in text and " " not in text:
        yield Candidate("email_prefix", text)
        yield Candidate("uid", text, uid=text)
        return
    if match := _CLIP_ID.fullmatch(text) or _ANY_CLIP_ID.fullmatch(text):
        yield Candidate("clip_id", text, video_id=match.group(1), clip_id=text)
    if " " in text:
        return
    yield Candidate("uid", text, uid=text)
    if _ANY_VIDEO_ID.fullmatch(text):
        yield Candidate("video_id", text, video_id=text)
        if _UUID.fullmatch(text) and text != text.lower():
            yield Candidate("video_id", text.lower(), video_id=text.lower())
    if _VIDEO_ID.fullmatch(text):
        yield Candidate("draft_id", text, draft_id=text)
    if _YOUTUBE_ID.fullmatch(text):
        yield Candidate("video_url", text)
    if _SLUG.fullmatch(text):
        yield Candidate("share_link", text, bare=True)
    yield Candidate("email_prefix", text)


def _inside(text: str, layout: Layout, bucket: str, public_url: str) -> Iterator[Candidate]:
    """The meanings of the parts of a longer line: URLs, then paths and keys, then addresses, file names and ids."""
    for match in _URL.finditer(text):
        yield from _url(match.group().rstrip(".,)"), layout, bucket, public_url)
    rest = without_secrets(_URL.sub(" ", text), "")
    for token in re.split(r"[\s\"'<>,;=()\[\]{}]+", rest):
        if _HOSTED.fullmatch(token):
            yield from _url(f"https://{token.rstrip('.,)')}", layout, bucket, public_url)
        if token.count("/") >= 2 or token.startswith("share_slugs/"):
            yield from _path(token.strip("./:"), layout)
    for match in _EMAIL.finditer(rest):
        yield Candidate("email", match.group().rstrip("."))
    for name in dict.fromkeys(found for form in (rest, unquote(rest)) for found in _FILE_NAME.findall(form)):
        yield Candidate("file_name", name)
        if (once := _COPY.sub(r"\1", name)) != name:
            yield Candidate("file_name", once)
    for match in _CLIP_ID.finditer(rest):
        yield Candidate("clip_id", match.group(), video_id=match.group(1), clip_id=match.group())
    yield from _named(rest)
    for match in _UUID.finditer(rest):
        yield Candidate("video_id", match.group(), video_id=match.group())
        yield Candidate("draft_id", match.group(), draft_id=match.group(), bare=True)


def _bare(text: str) -> Iterator[Candidate]:
    """Words that may be a uid or a video id; words with a digit come first."""
    words = dict.fromkeys(word for word in _TOKEN.findall(text) if is_id(word))
    likely = [word for word in words if _NUMBERED.fullmatch(word) or _MADE.fullmatch(word)] or words
    for word in sorted(likely, key=lambda word: not any(char.isdigit() for char in word))[:MAX_TOKENS]:
        yield Candidate("uid", word, uid=word, bare=True)
        if _VIDEO_ID.fullmatch(word):
            yield Candidate("video_id", word, video_id=word, bare=True)


def _named(text: str) -> Iterator[Candidate]:
    """Named ids, such as `uid=...` and `"video_id": "..."`; all ids of one line belong together."""
    found: dict[str, str] = {}
    for name, between, value in _NAMED.findall(text):
        if not name.lower().endswith("id") and "=" not in between and not re.search(r"\d|[\"']", between + value):
            continue  # "Video: how to …" names none
        slot = next((f"{word}_id" for word in ("clip", "video", "draft") if word in name.lower()), "uid")
        if is_id(value) and "@" not in value:
            found.setdefault(slot, value)
    for kind in ("clip_id", "video_id", "draft_id", "uid"):
        if kind in found:
            yield Candidate(kind, found[kind], **found)  # type: ignore[arg-type]
            return


def _url(url: str, layout: Layout, bucket: str, public_url: str, hops: int = 0) -> Iterator[Candidate]:
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
    except ValueError:
        return
    if is_console(url):
        place, text = console_place(url)
        yield from _path(place, layout) if place else ()
        yield from _inside(text, layout, bucket, public_url) if text else ()
        return
    if hops < MAX_HOPS and (ahead := led_to(url)):
        yield from _url(ahead, layout, bucket, public_url, hops + 1)
        return
    if any(host == known or host.endswith(f".{known}") for known in _YOUTUBE_HOSTS):
        if video := _youtube_id(parts):
            yield Candidate("video_url", video)
        return
    if shared := _SHARE_PATH.fullmatch(parts.path):
        yield Candidate("share_link", shared.group(1))
    if shown := _HISTORY.fullmatch(unquote(parts.path)):
        yield from _shown(shown.group(1))
        return
    yield from _desk_link(parts)
    if parts.path.rstrip("/").endswith("/find") and (asked := parse_qs(parts.query).get("q", [""])[0].strip()):
        if hops < MAX_HOPS and not _URL.match(asked):
            yield from _readings(asked, layout, bucket, public_url)
        return
    signed = is_signed(url)
    parsed_paths = [layout.parse(path) for path in _object_paths(parts, bucket, public_url)]
    for parsed in parsed_paths:
        if parsed.kind not in {"unrecognised", "ops"}:
            yield _key_guess("presigned_url" if signed else "cdn_url", parsed)
            return
    if not signed:
        yield Candidate("video_url", without_secrets(url, ""))
    elif parsed_paths[0].key:
        yield _key_guess("presigned_url", parsed_paths[0])


def _shown(found: str) -> Iterator[Candidate]:
    """What the product's page of one video, or of one draft, is about."""
    if is_stored_id(found) and _ANY_VIDEO_ID.fullmatch(found):
        yield Candidate("video_id", found, video_id=found)
        yield Candidate("draft_id", found, draft_id=found)


def _object_paths(parts: SplitResult, bucket: str, public_url: str) -> Iterator[str]:
    """The keys that the path may mean: the whole path, without the bucket (path style), and without the public URL's
    own path."""
    path = unquote(parts.path).lstrip("/")
    if bucket and path.startswith(f"{bucket}/"):
        yield path.removeprefix(f"{bucket}/")
    base = unquote(urlsplit(public_url).path).strip("/")
    if base and path.startswith(f"{base}/"):
        yield path.removeprefix(f"{base}/")
    yield path
    yield path.partition("/")[2]


def _youtube_id(parts: SplitResult) -> str:
    named = parse_qs(parts.query).get("v", [""])[0]
    last = parts.path.rstrip("/").rpartition("/")[2]
    return next((value for value in (named, last) if _YOUTUBE_ID.fullmatch(value)), "")


def _desk_link(parts: SplitResult) -> Iterator[Candidate]:
    """A link to a page of this desk: its query names the ids."""
    query = parse_qs(parts.query)
    uid, *below = (query.get(name, [""])[0] for name in ("uid", "video_id", "clip_id", "draft_id"))
    if is_stored_id(uid):
        video, clip, draft = (found if is_stored_id(found) else "" for found in below)
        yield Candidate("desk_link", uid, uid=uid, video_id=video, clip_id=clip, draft_id=draft)


def _path(text: str, layout: Layout, *, whole: bool = False) -> Iterator[Candidate]:
    """A Firestore path or a key. The `whole` text may also be a key outside the layout that a document names."""
    if shown := _HISTORY.fullmatch("/" + re.sub(r"[?#].*", "", text).strip("/")):
        yield from _shown(shown.group(1))
        return
    relative = re.sub(r"^.*?/documents/", "", text).strip("/")
    parts = relative.split("/")
    if parts[0] == "users" and len(parts) >= 4 and parts[2] == "videos" and all(is_stored_id(part) for part in parts):
        clip = parts[5] if len(parts) >= 6 and parts[4] == "clips" else ""
        yield Candidate("document_path", relative, uid=parts[1], video_id=parts[3], clip_id=clip)
        return
    if len(parts) == 2 and parts[0] in {"c", "share_slugs"} and _SLUG.fullmatch(parts[1]):
        yield Candidate("share_link", parts[1])
        return
    if parts[0] == "users" and len(parts) >= 4 and parts[2] == "analysis_drafts" and all(map(is_stored_id, parts)):
        yield Candidate("document_path", relative, uid=parts[1], draft_id=parts[3])
        return
    parsed = _key_in(text.lstrip("/"), layout)
    if parsed.kind not in {"unrecognised", "ops"}:
        yield _key_guess("r2_key", parsed)
    elif place_of(parsed.key, layout)[1] and parts[-1] and parts[-1].lower().endswith((".mp4", ".jpg")):
        yield _key_guess("r2_key", parsed, layout)
    elif parts[0] == "users" and 2 <= len(parts) <= 3 and is_stored_id(parts[1]):
        video = parts[2] if len(parts) == 3 and parts[2] != "videos" and is_stored_id(parts[2]) else ""
        yield Candidate("document_path", relative, uid=parts[1], video_id=video)
    elif parts[-1].lower().endswith((".mp4", ".jpg")) and parse_stem(parts[-1].rpartition(".")[0]):
        yield Candidate("file_name", parts[-1])
    elif whole and parsed.kind != "ops" and text.strip("/") and not re.search(r"\s", text):
        yield _key_guess("r2_key", parsed, layout)


def _key_in(path: str, layout: Layout) -> ParsedKey:
    """The path as a key: the whole path, or without the bucket (and the host) that a log puts before it."""
    parsed = layout.parse(path)
    shorter = path
    for _ in range(2):
        shorter = shorter.partition("/")[2]
        found = layout.parse(shorter)
        if parsed.kind == "unrecognised" and found.kind not in {"unrecognised", "ops"}:
            return found
    return parsed


def _key_guess(kind: Kind, parsed: ParsedKey, layout: Layout | None = None) -> Candidate:
    """The guess for a key. With the layout, the path tells the owner where the file name has no known shape."""
    uid, video_id = (parsed.uid, parsed.video_id) if layout is None else place_of(parsed.key, layout)
    return Candidate(kind, parsed.key, uid=uid, video_id=video_id, parsed=parsed)


@dataclass(frozen=True, slots=True)
class Match:
    """One match. `label` is its title, address or id as stored (hostile text); `why` is the desk's sentence.

    `removed` says what became of a match of type `purged`, which is no longer there.
    """

    type: MatchType
    uid: str
    video_id: str
    clip_id: str
    label: str
    why: str
    draft_id: str = ""
    removed: Removed | None = None

    def as_dict(self) -> dict[str, Any]:
        """The match as `find --json` prints it; ids that do not apply are null. Of a purge also what it was."""
        purge = {"job_id": self.removed.job_id, "undo_until": self.removed.undo_until} if self.removed else {}
        return {
            **purge,
            **({"purge": self.removed.as_dict()} if self.removed else {}),
            "type": self.type,
            "uid": self.uid,
            "video_id": self.video_id or None,
            "clip_id": self.clip_id or None,
            "draft_id": self.draft_id or None,
            "label": self.label,
            "why": self.why,
        }


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The answer. `gaps` are look-ups that could not be made; `truncated` says that there may be more matches.

    `cannot` says what no search of this desk reaches, where nothing was found; `withheld` what was not searched because
    of who asked.
    """

    query: str
    kind: Kind
    matches: tuple[Match, ...]
    searched: tuple[str, ...]
    gaps: tuple[StorageError, ...]
    truncated: bool
    cannot: tuple[str, ...] = ()
    withheld: str = ""
