"""One line of evidence: what was looked at, what was found, and whether that is well."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that was looked at. `observed` is one line that is safe to show; it never holds a link or a secret."""

    check: str
    observed: str
    ok: bool | None  # `None`: it could not be known
