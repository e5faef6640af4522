"""Reads the scripts and styles of our own browser components, which lie beside this module."""

from __future__ import annotations

from pathlib import Path

_FRONTEND = Path(__file__).parent / "frontend"


def read(*names: str) -> str:
    """The files in this order as one script or one style sheet: they share their top-level names."""
    return "\n".join((_FRONTEND / name).read_text(encoding="utf-8") for name in names)
