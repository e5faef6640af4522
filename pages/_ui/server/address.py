"""Paths of this server without the base path it may be served under, and whether the browser speaks https to it."""

from __future__ import annotations

import streamlit as st
from starlette.types import Scope

from pages._ui.access import settings
from storage.errors import ConfigError


def base() -> str:
    """The path that the desk is served under, such as `/desk`, or an empty text."""
    configured = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{configured}" if configured else ""


def path_of(scope: Scope) -> str:
    """The request's path below the base path, always with a slash in front."""
    path = str(scope["path"])
    return path.removeprefix(base()) or "/" if path == base() or path.startswith(f"{base()}/") else path


def is_https(scope: Scope) -> bool:
    """True when the browser came over https, as the scheme says or the configured address does (behind a proxy)."""
    if scope.get("scheme") == "https":
        return True
    try:
        return settings.current().https_only
    except ConfigError:
        return False
