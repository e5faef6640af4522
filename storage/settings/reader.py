"""Reads settings by name from a mapping and collects their problems.

This is the only module that reads the process's environment, `.env` and Streamlit's secrets file. It also checks a
file of Google credentials far enough to name its fault, and never quotes the file.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from dotenv import dotenv_values

from storage.errors import ConfigError, Problem

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


_NEEDED = {
    "service_account": ("client_email", "private_key", "token_uri"),
    "authorized_user": ("client_id", "client_secret", "refresh_token"),
    "external_account": ("audience", "subject_token_type", "token_url"),
}
_POINT = "Point it at the service account's JSON key file."
_ANEW = "Make a new key for the service account and take the file as it is downloaded, without editing it."
_LINE_ENDS = (
    "Take the file as it was downloaded. JSON writes the key's line ends as \\n with one backslash; the tool that "
    "wrote \\\\n (a variable of a CI, a template, an export) escaped them twice: replace \\\\n by \\n."
)


class Reader:
    """Values by name, without blanks around them; faults go to `problems`, nothing raises, no secret is kept."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self.problems: list[Problem] = []

    def problem(self, name: str, problem: str, remedy: str) -> None:
        """Notes a problem of one setting."""
        self.problems.append(Problem(name, problem, remedy))

    def has(self, name: str) -> bool:
        """True when the setting is not empty."""
        return bool(self._values.get(name, "").strip())

    def text(self, name: str, default: str = "") -> str:
        """The value, or the default where the setting is missing or empty."""
        return self._values.get(name, "").strip() or default

    def raw(self, name: str, default: str) -> str:
        """As `text`, but a setting that is present and empty stays empty."""
        return self._values.get(name, default).strip()

    def required(self, name: str, remedy: str) -> str:
        """The value; notes a problem where it is missing."""
        value = self.text(name)
        if not value:
            self.problem(name, "is not set", remedy)
        return value

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        """A whole number within the bounds."""
        text = self.text(name)
        if not text:
            return default
        if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
            self.problem(
                name, f"must be a whole number from {low:,} to {high:,}", f"Leave it out for the default, {default:,}."
            )
            return default
        return int(text)

    def path(self, name: str) -> Path | None:
        """The file that a setting names, `~` resolved; `None` where it is not set or cannot be the name of a file."""
        text = self.text(name)
        if not text:
            return None
        if "\0" in text:
            self.problem(name, "has a NUL character in it", "Give the file's path as the shell shows it.")
            return None
        try:
            return Path(text).expanduser()
        except RuntimeError:
            self.problem(name, "names the home of a user who is not known here", "Give the path from the root.")
            return None

    def url(self, name: str, url: str) -> SplitResult | None:
        """The parts of an absolute URL without query, fragment or user; plain http only on loopback."""
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            host, parts = None, urlsplit("")
        if not host or parts.scheme not in {"http", "https"} or re.search(r"\s", url):
            self.problem(name, "is not an absolute http(s) URL", "Write it as https://host, without blanks.")
            return None
        if "?" in url or "#" in url:
            self.problem(name, "has a query or a fragment", "Give the address alone, up to the host (and path).")
            return None
        if parts.username or parts.password:
            self.problem(name, "has a user or a password in it", "Give the address alone; keys have other settings.")
            return None
        if parts.scheme == "http" and host not in LOOPBACK:
            self.problem(name, "is not encrypted (http)", "Use https; http is for loopback only.")
            return None
        return parts


class Trouble(NamedTuple):
    """A fault of a file, in words that follow the setting's name, and its remedy."""

    problem: str
    remedy: str


def trouble(path: Path) -> Trouble | None:
    """The fault that makes the file unusable; `None` for a usable file. Quotes none of its content."""
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


ROOT = Path(__file__).resolve().parents[2]


def read(root: Path = ROOT, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """All settings as text: environment first, then `.env`, then `.streamlit/secrets.toml` (top level only).

    Raises `ConfigError` for a `.env` that cannot be read and for a secrets file that is not TOML. Tables (such as
    `[auth]`) belong to Streamlit and are left out.
    """
    merged = dict(_secrets(root / ".streamlit" / "secrets.toml"))
    try:
        merged.update({k: v for k, v in dotenv_values(root / ".env", interpolate=False).items() if v is not None})
    except (OSError, UnicodeDecodeError):
        raise ConfigError(
            [Problem(".env", "cannot be read as UTF-8", "Save it as UTF-8, readable to the desk.")]
        ) from None
    merged.update(os.environ if environ is None else environ)
    return merged


def auth_table(root: Path = ROOT) -> dict[str, Any]:
    """The `[auth]` table of `.streamlit/secrets.toml`, which Streamlit itself reads; empty where there is none."""
    table = _toml(root / ".streamlit" / "secrets.toml").get("auth")
    return dict(table) if isinstance(table, dict) else {}


def _secrets(path: Path) -> dict[str, str]:
    return {name: str(value) for name, value in _toml(path).items() if isinstance(value, str | int | float)}


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        problem = Problem(".streamlit/secrets.toml", "cannot be read as TOML", "Correct or remove the file.")
        raise ConfigError([problem]) from None
