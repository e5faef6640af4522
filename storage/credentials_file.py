"""Looks at a service account file far enough to say what is wrong with it, without ever quoting it."""

from __future__ import annotations

import json
from pathlib import Path

_NEEDED = ("client_email", "private_key", "token_uri")


def problem(path: Path) -> str:
    """What is wrong with the file, or an empty string. Says nothing of its content."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return "names a file that does not exist"
    except IsADirectoryError:
        return "names a folder, not a file"
    except (OSError, UnicodeDecodeError):
        return "names a file that cannot be read"
    try:
        content = json.loads(text)
    except ValueError:
        return "names a file that is not JSON"
    if not isinstance(content, dict):
        return "names a file that is not a service account's key"
    if content.get("type") == "service_account":
        missing = [name for name in _NEEDED if not content.get(name)]
        return f"names a service account file without {', '.join(missing)}" if missing else ""
    return "" if content.get("type") in {"authorized_user", "external_account"} else "is not a service account's key"
