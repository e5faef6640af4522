"""Looks at a file of Google credentials far enough to say what is wrong with it, without ever quoting it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

_NEEDED = {
    "service_account": ("client_email", "private_key", "token_uri"),
    "authorized_user": ("client_id", "client_secret", "refresh_token"),
    "external_account": ("audience", "subject_token_type", "token_url"),
}
_POINT = "Point it at the service account's JSON key file."
_ANEW = "Make a new key for the service account and take the file as it is downloaded, without editing it."
_LINE_ENDS = (
    "Take the file as it was downloaded. In JSON the key's line ends are written \\n with one backslash; whatever "
    "wrote \\\\n (a variable of a CI, a template, an export) escaped them twice: replace \\\\n by \\n."
)


class Trouble(NamedTuple):
    """What is wrong with a file, in words that follow the setting's name, and what to do about it."""

    problem: str
    remedy: str


def trouble(path: Path) -> Trouble | None:
    """What keeps the file from being used; `None` where nothing does. Says nothing of its content."""
    if path.is_dir():
        return Trouble("names a folder, not a file", _POINT)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return Trouble("names a file that does not exist", _POINT)
    except PermissionError:
        return Trouble("names a file that cannot be read", "Let the account that the desk runs as read it.")
    except UnicodeDecodeError:
        return Trouble("names a file that cannot be read as UTF-8", "Save it as UTF-8, or download it again.")
    except (OSError, ValueError):
        return Trouble("names a file that cannot be read", _POINT)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return Trouble("names a file that is not JSON", _POINT)
    return _of_content(content)


def _of_content(content: object) -> Trouble | None:
    if not isinstance(content, dict):
        return Trouble("names a file that is not a service account's key", _POINT)
    kind = content.get("type")
    if kind not in _NEEDED:
        if "installed" in content or "web" in content:
            return Trouble("names an OAuth client's file, which is not a service account's key", _POINT)
        if "project_info" in content:
            return Trouble("names an app's google-services.json, which is not a service account's key", _POINT)
        return Trouble("is not a service account's key", _POINT)
    missing = [name for name in _NEEDED[kind] if not isinstance(content.get(name), str) or not content[name]]
    if missing:
        return Trouble(f"names a {kind.replace('_', ' ')} file without {', '.join(missing)}", _ANEW)
    return _of_key(content) if kind == "service_account" else None


def _of_key(content: Mapping[str, Any]) -> Trouble | None:
    key = str(content["private_key"]).strip()
    if "\\n" in key:
        return Trouble("names a file whose private_key has its line ends written out as \\n", _LINE_ENDS)
    if "ENCRYPTED" in key.partition("\n")[0]:
        return Trouble("names a file whose private_key is encrypted", "Google's keys have no passphrase. " + _ANEW)
    if not key.startswith("-----BEGIN ") or "PRIVATE KEY-----" not in key:
        return Trouble("names a file whose private_key does not begin with -----BEGIN PRIVATE KEY-----", _ANEW)
    if "-----END " not in key:
        return Trouble("names a file whose private_key is cut off: it has no -----END PRIVATE KEY-----", _ANEW)
    if "\n" not in key:
        return Trouble("names a file whose private_key has lost its line ends", _LINE_ENDS)
    try:
        load_pem_private_key(key.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return Trouble("names a file whose private_key is damaged", _ANEW)
    return None
