"""Draws a user's newest credit transactions."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages._ui.kit import tables
from pages._ui.kit.session import key
from storage.domain.schema import Table


def draw(table: Table, *, page: str) -> None:
    """The transactions, newest first; a note where some have no time and are therefore in no order."""
    if not len(table.frame):
        st.caption("No credit transactions.")
        return
    columns: dict[str, Any] = {
        "timestamp": tables.moment("When", distance=True),
        "operation": "Operation",
        "credits_amount": st.column_config.NumberColumn("Credits", format="localized"),
        "balance_after": st.column_config.NumberColumn("Balance", format="localized"),
        "description": "Description",
    }
    if table.frame["video_id"].notna().any():
        columns["video_id"] = "Video id"
    frame = table.frame.assign(operation=[_word(value) for value in table.frame["operation_type"]])
    tables.table(frame, key=key(page, "credits"), alt="The newest credit transactions", columns=columns)
    if not table.complete and table.error is None:
        st.caption(f"These are the newest {len(table.frame):,}; there are more.")
    st.caption("Credits are not refunded by deleting clips.")


def _word(operation: Any) -> str | None:
    """`clip_render` as `Clip render`; what is no text is absent."""
    return operation.replace("_", " ").capitalize() if isinstance(operation, str) else None
