"""The one place that reads the process's environment, `.env` and Streamlit's secrets file."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from storage.errors import ConfigError, Problem

ROOT = Path(__file__).resolve().parents[2]


def read(root: Path = ROOT, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """All settings as text: environment first, then `.env`, then `.streamlit/secrets.toml` (top level only).

    A secrets file that is not TOML is a `ConfigError`. Tables (such as `[auth]`) are Streamlit's own and left alone.
    """
    merged = dict(_secrets(root / ".streamlit" / "secrets.toml"))
    merged.update({k: v for k, v in dotenv_values(root / ".env", interpolate=False).items() if v is not None})
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
        problem = Problem(".streamlit/secrets.toml", "cannot be read as TOML", "Mend or remove the file.")
        raise ConfigError([problem]) from None
