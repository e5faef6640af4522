"""What programs put around a text before somebody pastes it, taken off again; and where a pasted link leads.

Mail, chats, browsers and consoles wrap what they show: quotes, `mailto:`, `<url|text>`, `&amp;`, redirectors, encoded
names, decomposed accents. Pure: no address is opened.
"""

from __future__ import annotations

import html
import re
import unicodedata
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

MAX_WORDS: Final = 30  # of a title: a longer text is none
MAX_WORD_CHARS: Final = 64

_ENTITY: Final = re.compile(r"&(?:amp|lt|gt|quot|apos|nbsp|#\d{1,7}|#x[0-9a-f]{1,6});", re.IGNORECASE)
_CHAT_LINK: Final = re.compile(r"<((?:https?://|mailto:)[^<>|\s]+)(?:\|[^<>]*)?>", re.IGNORECASE)
_MARKDOWN_LINK: Final = re.compile(r"!?\[[^\[\]]*\]\(<?((?:https?://|mailto:)[^\s<>]+?)>?\)", re.IGNORECASE)
_HTML_LINK: Final = re.compile(r"<a\s[^>]*?href=[\"']([^\"'>\s]+)[\"'][^>]*>.*?</a>", re.IGNORECASE)
_PERSON: Final = re.compile(r"[^<>@]*<\s*(?:mailto:)?([^<>@\s|]+@[^<>@\s|]+)(?:\|[^<>]*)?\s*>")
_MAILTO: Final = re.compile(r"mailto:([^?\s]+)(?:\?\S*)?", re.IGNORECASE)
_LOCAL_FILE: Final = re.compile(
    r"(?:file://\S?|[A-Za-z]:\\|\\\\|~/|/(?:Users|home|tmp|mnt|Volumes|storage)/).*", re.DOTALL
)
_BUCKET_URL: Final = re.compile(r"(?:s3|r2|gs)://[^/\s]+/(.+)", re.IGNORECASE)
_LABEL: Final = re.compile(r"(?:e-?mail|mail|address|from|to|cc|reply-to)\s*:\s+(\S+@\S+)", re.IGNORECASE)
_QUOTES: Final = "\"'`´“”„‟«»‹›「」『』《》〈〉【】‘’‚‛＂＇〝〞〟*"
_BRACKETS: Final = {"(": ")", "[": "]", "{": "}", "<": ">", "（": "）"}
_ENDS: Final = ".,;:!?…。、，；：！？،؛؟।"
# What keyboards and word processors put for the characters of ids and addresses: wide forms, hyphens that do not break.
_TYPED_FOR: Final = {0xFF01 + place: 0x21 + place for place in range(94)} | {
    0x3000: " ",
    0x3002: ".",
    0x2010: "-",
    0x2011: "-",
}
_ESCAPED: Final = re.compile(r"%[0-9a-f]{2}", re.IGNORECASE)

_AHEAD: Final = re.compile(
    r"(?:q|u|ur[li]|to|continue|target|dest(?:ination)?|redirect(?:_ur[li])?|link|z|next|goto|out|r|uddg)",
    re.IGNORECASE,
)
_WEB: Final = re.compile(r"https?://[^\s\"'<>\\]+", re.IGNORECASE)
_DEFENSE_3: Final = re.compile(r"/v3/__(https?:/.+?)__;", re.IGNORECASE)
_CONSOLES: Final = ("console.firebase.google.com", "console.cloud.google.com", "dash.cloudflare.com")
_STORED: Final = re.compile(r"/(?:storage/browser/(?:_details/)?|buckets/)(.+)", re.DOTALL)
_FIRESTORE: Final = re.compile(r"/(?:firestore|datastore)/(?:.*?/)?data(?:/panel)?/?(.*)", re.DOTALL)
_SHORTENERS: Final = (
    "bit.ly",
    "t.co",
    "tinyurl.com",
    "goo.gl",
    "ow.ly",
    "is.gd",
    "buff.ly",
    "lnkd.in",
    "rb.gy",
    "cutt.ly",
)

_JOINED: Final = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    r"\U00020000-\U0003ffff]"
)
"""A character of a script that puts no blanks between words: each stands for itself."""
_WORD: Final = re.compile(r"[^\W_]+")
_ODD_LETTERS: Final = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "ŧ": "t", "æ": "ae", "œ": "oe", "þ": "th", "ё": "е"}
)


def unwrapped(text: str) -> str:
    """The text without what programs and writers put around it; may be empty."""
    clean = "".join(
        char if char.isprintable() else "" if unicodedata.category(char) == "Cf" else " " for char in text
    ).strip()
    before = ""
    while clean != before:
        before = clean
        clean = _peeled(clean).strip()
    return clean


def _peeled(text: str) -> str:
    """One layer less."""
    if re.match(r"https?%(?:25)?3a", text, re.IGNORECASE):
        return unquote(text)
    text = _ENTITY.sub(lambda found: html.unescape(found[0]), text).replace("\xa0", " ")
    for link in (_HTML_LINK, _CHAT_LINK, _MARKDOWN_LINK):
        text = link.sub(r" \1 ", text).strip()
    if person := _PERSON.fullmatch(text) or _LABEL.fullmatch(text):
        return person[1]
    if mail := _MAILTO.fullmatch(text):
        return unquote(mail[1])
    if stored := _BUCKET_URL.fullmatch(text):
        return unquote(stored[1])
    if _LOCAL_FILE.fullmatch(text) and re.search(r"\.(?:mp4|jpg)$", text, re.IGNORECASE):
        return unquote(re.split(r"[\\/]", text)[-1])
    return _without_ends(text)


def _without_ends(text: str) -> str:
    """Without quotes of any language, brackets around it all, and the punctuation of the sentence that it stood in."""
    kept = text.strip(_QUOTES)
    if kept == text.lstrip(_QUOTES) == text.rstrip(_QUOTES) or kept.rstrip(_ENDS) != kept:
        ended = kept.rstrip(_ENDS)
        kept = ended if ended else kept
    for opening, closing in _BRACKETS.items():
        inner = kept[1:-1]
        if kept.startswith(opening) and kept.endswith(closing) and opening not in inner and closing not in inner:
            return inner
        if kept.endswith(closing) and opening not in kept:
            return kept[:-1]
    return kept


def spellings(text: str) -> list[str]:
    """The text as it stands, then as it may be stored: in plain characters, decoded, and with its accents composed and
    decomposed."""
    forms = [text, text.translate(_TYPED_FOR)]
    if _ESCAPED.search(text):
        forms += [found for found in (unquote(text),) if "\ufffd" not in found and found.isprintable()]
    return list(
        dict.fromkeys([*forms, *(unicodedata.normalize(form, one) for one in forms for form in ("NFC", "NFD"))])
    )


def led_to(url: str) -> str:
    """The address that a redirector's link carries within it, or an empty string."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    if found := _DEFENSE_3.search(url):
        return _whole_scheme(found[1])
    for name, value in parse_qsl(parts.query):
        if host.startswith("urldefense.") and name == "u":
            value = unquote(re.sub(r"-([0-9A-Fa-f]{2})", r"%\1", value).replace("_", "/"))
        value = unquote(value) if re.match(r"https?%3a", value, re.IGNORECASE) else value
        if _AHEAD.fullmatch(name) and _WEB.fullmatch(value):
            return value
    if _WEB.fullmatch(parts.query):
        return parts.query
    behind = re.search(r"/(https?:/{1,2}[^/\s].*|https?%3a.*)", parts.path, re.IGNORECASE)
    return _whole_scheme(unquote(behind[1])) + (f"?{parts.query}" if parts.query else "") if behind else ""


def _whole_scheme(url: str) -> str:
    return re.sub(r"^(https?):/+", r"\1://", url, flags=re.IGNORECASE)


def is_console(url: str) -> bool:
    """Whether the link leads to a page of the consoles of Firebase, Google Cloud or Cloudflare."""
    return _host(url) in _CONSOLES


def is_shortened(url: str) -> bool:
    """Whether only opening the link would tell where it leads."""
    return _host(url) in _SHORTENERS


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower().removeprefix("www.")
    except ValueError:
        return ""


def console_place(url: str) -> tuple[str, str]:
    """The document's path or the object's key that a console's link names; else all its text, decoded, to look into."""
    parts = urlsplit(url)
    path = parts.path + ("/" + parts.fragment.lstrip("/") if parts.fragment else "")
    for name, value in parse_qsl(parts.query):
        if name == "prefix" and "/buckets/" in path and value.strip("/"):
            return value.strip("/"), ""
    path = unquote(re.sub(r"~([0-9A-Fa-f]{2})", r"%\1", path.split(";")[0]))
    while re.search(r"%(?:25|2f)", path, re.IGNORECASE):
        path = unquote(path)
    if (found := _FIRESTORE.search(path)) and (place := found[1].strip("/")):
        return place, ""
    if (stored := _STORED.search(path)) and (key := stored[1].strip("/")):
        if "/buckets/" in path:
            key = re.sub(r"/details$", "", key.partition("/objects/")[2])
        if key.count("/"):
            return key, ""
    text = parts.query + " " + parts.path.partition(";")[2]
    return "", " ".join(re.sub(r"[;&?]", " ", unquote(unquote(text))).split())


def folded(text: str) -> str:
    """The text as titles and addresses are compared: without case, accents and forms of one letter, in any script."""
    if text.isascii():
        return text[:2_000].casefold()
    plain = unicodedata.normalize("NFKD", text[:2_000]).casefold().translate(_ODD_LETTERS)
    plain = unicodedata.normalize("NFKD", plain)
    return "".join(char for char in plain if unicodedata.category(char) not in {"Mn", "Cf"})


def title_words(text: str) -> list[str]:
    """The words to look for, folded; none where the text is no title: too short, too long, or signs only."""
    words = words_of(text)
    useful = [word for word in words if len(word) > 1 or _JOINED.match(word) or not word.isascii()]
    if not useful or len(words) > MAX_WORDS or max(map(len, words)) > MAX_WORD_CHARS:
        return []
    return words


def is_titled(title: str, words: list[str]) -> bool:
    """Whether each of the folded words begins a word of the title."""
    plain = folded(title)
    if not all(word in plain for word in words):
        return False
    own = words_of(title)
    return all(any(one.startswith(word) for one in own) for word in words)


def words_of(text: str) -> list[str]:
    """The folded words of a text, each once; of a script without blanks, each character."""
    found: dict[str, None] = {}
    for word in _WORD.findall(folded(text)):
        spaced = _JOINED.sub(lambda char: f" {char[0]} ", word)
        found.update(dict.fromkeys(spaced.split()))
    return list(found)


def cannot_search(text: str) -> tuple[str, ...]:
    """What no search of this desk reaches, what the text looks like first."""
    told = []
    if any(is_shortened(found) for found in _WEB.findall(text)):
        told.append(
            "where a shortened link leads (the desk opens no link: open it, and paste the address that it leads to)"
        )
    if re.fullmatch(r"\+?[\d\s().-]{7,20}", text) and sum(map(str.isdigit, text)) >= 7:
        told.append("telephone numbers (neither store has any)")
    if re.fullmatch(r"(?:\d{1,3}\.){3}\d{1,3}|[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){3,7}", text, re.IGNORECASE):
        told.append("network addresses (neither store has any)")
    if re.match(r"(?:cus|sub|in|pi|ch|cs|re|txn)_[A-Za-z0-9]{8,}$", text):
        told.append("ids of payments (the payment provider has them)")
    return (
        *told,
        "names of persons (the product keeps none, only what their addresses hold)",
        "what is said or shown in a video, descriptions, prompts and error messages",
        "payments, telephone numbers and network addresses",
    )
