"""The `Content-Disposition` of a download or a preview, for file names that anybody may have written."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

MAX_NAME_BYTES = 180  # below every file system's 255, with room for a "(1)" that a browser adds
_ATTR_CHAR = "!#$&+-.^_`|~"  # RFC 5987: what may stand unencoded, besides letters and digits
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE)


def content_disposition(name: str, download: bool) -> str:
    """The header's value (RFC 6266): `attachment` or `inline`, an ASCII name, and the true one where it differs.

    The name is made safe first (`safe_file_name`). The value is printable ASCII whatever came in, so it can neither
    end the header nor name a folder.
    """
    safe = safe_file_name(name)
    plain = _ascii(safe)
    value = f'{"attachment" if download else "inline"}; filename="{plain}"'
    return value if plain == safe else f"{value}; filename*=UTF-8''{quote(safe, safe=_ATTR_CHAR)}"


def safe_file_name(name: str) -> str:
    """A name that any file system takes and that shows as what it is; `download` where nothing is left.

    Path separators, quotes and characters that shells and Windows give a meaning become `_`; control characters,
    direction marks and lone surrogates vanish; dots and blanks at the ends go; long names keep their ending.
    """
    visible = "".join(char for char in name if unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Zl", "Zp"})
    kept = re.sub(r'[/\\:*?"<>|%]', "_", visible)
    kept = re.sub(r"\s+", " ", kept).strip(" .")
    kept = _shorten(kept).strip(" .")
    if _DEVICE.match(kept):
        kept = f"_{kept}"
    return kept or "download"


def _ascii(name: str) -> str:
    """The nearest ASCII name: accents are dropped, other letters become `_`."""
    base = "".join(char for char in unicodedata.normalize("NFKD", name) if not unicodedata.combining(char))
    return re.sub(r'[^ -~]|[/\\:*?"<>|%]', "_", base)


def _shorten(name: str) -> str:
    encoded = name.encode()
    if len(encoded) <= MAX_NAME_BYTES:
        return name
    stem, dot, ending = name.rpartition(".")
    if not dot or len(ending.encode()) > 16:
        stem, dot, ending = name, "", ""
    room = MAX_NAME_BYTES - len(f"{dot}{ending}".encode())
    return stem.encode()[:room].decode(errors="ignore") + dot + ending
