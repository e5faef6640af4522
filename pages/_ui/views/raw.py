"""Draws documents exactly as Firestore holds them, on demand."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import streamlit as st

from pages._ui.access import addresses
from pages._ui.data import loads
from pages._ui.kit import format
from pages._ui.kit.feedback import freshness
from pages._ui.kit.session import key
from pages._ui.kit.text import md, plain
from pages._ui.views.owned import shown_key
from storage.logs import redacted

MAX_CHARS = 60_000
MAX_TEXT = 2_000


def draw(uid: str, video_id: str, *, page: str) -> None:
    """Draws a choice of documents around the video; reads the chosen one and shows it as JSON."""
    base = f"users/{uid}/videos/{video_id}"
    paths = {
        "Video": base,
        "Highlights": f"{base}/highlights/main",
        "Customer": f"users/{uid}",
        "Accounting": f"storage_accounting/{uid}",
    }
    chosen = st.segmented_control(
        "Document",
        list(paths),
        key=key(page, "raw"),
        label_visibility="collapsed",
        selection_mode="single",
        wrap=True,
    )
    if chosen is None:
        st.caption("Choose a document to read it; each costs one read.")
        return
    loaded = loads.raw(paths[chosen])
    freshness(loaded.read_at, key=key(page, "raw_fresh"), cost=loaded.cost, on_refresh=loads.raw.clear)
    document = loaded.value
    if document is None:
        st.caption(f"There is no document at {md(paths[chosen], 200)}.")
        return
    st.caption(f"{md(document.path, 300)} · written {format.utc(document.update_time).text}")
    seen = addresses.seen()
    fields = {name: shown_key(uid, value) for name, value in (document.fields or {}).items()}
    shown = json.dumps(_plain(fields, lambda text: seen.text(text, uid)), ensure_ascii=False, indent=2, default=str)
    cut = shown if len(shown) <= MAX_CHARS else shown[:MAX_CHARS] + "\n… (shortened)"
    st.code(redacted(cut), language="json", wrap_lines=True)


def _plain(value: Any, seen: Callable[[str], str]) -> Any:
    """The value for `json.dumps`: times as text, texts as `seen`, then shortened, control characters visible."""
    if isinstance(value, Mapping):
        return {plain(seen(str(name)), 200): _plain(item, seen) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, seen) for item in value]
    if isinstance(value, datetime):
        return format.utc(value).help
    if isinstance(value, str):
        return plain(seen(value[: 2 * MAX_TEXT]), MAX_TEXT) if value else ""
    return value if value is None or isinstance(value, bool | int | float) else plain(seen(repr(value)), 200)
