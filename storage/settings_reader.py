"""Takes settings by name out of a mapping and collects what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from storage.errors import Problem

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class Reader:
    """Values by name, blanks around them removed; `problems` grows, nothing raises, no secret's value is kept."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self.problems: list[Problem] = []

    def problem(self, name: str, problem: str, remedy: str) -> None:
        """Notes what is wrong with one setting."""
        self.problems.append(Problem(name, problem, remedy))

    def has(self, name: str) -> bool:
        """True when it is set to something."""
        return bool(self._values.get(name, "").strip())

    def text(self, name: str, default: str = "") -> str:
        """The value, or the default where it is not set or empty."""
        return self._values.get(name, "").strip() or default

    def raw(self, name: str, default: str) -> str:
        """As `text`, but an empty string that was set stays empty."""
        return self._values.get(name, default).strip()

    def required(self, name: str, remedy: str) -> str:
        """The value; its absence is a problem."""
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
            self.problem(name, f"must be a whole number from {low:,} to {high:,}", f"Leave it out for {default}.")
            return default
        return int(text)

    def path(self, name: str) -> Path | None:
        """The file that a setting names, `~` resolved; `None` where it is not set or no file can be called so."""
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
        """The parts of an absolute URL without query, fragment or user; plain http on loopback only."""
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
            self.problem(name, "has a user or a password in it", "Give the address alone; keys are set apart.")
            return None
        if parts.scheme == "http" and host not in LOOPBACK:
            self.problem(name, "is not encrypted (http)", "Use https; http is for loopback only.")
            return None
        return parts
