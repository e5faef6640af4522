"""Draws a user's newest credit transactions."""

from __future__ import annotations

import streamlit as st

from pages._ui import tables
from pages._ui.keys import key
from storage.domain.schema import Table


def draw(table: Table, *, page: str) -> None:
    """The transactions, newest first; a note where some have no time and are therefore in no order."""
    if not len(table.frame):
        st.caption("No credit transactions.")
        return
    columns = {
        "timestamp": tables.moment("When", distance=True),
        "operation_type": "Operation",
        "credits_amount": st.column_config.NumberColumn("Credits"),
        "balance_after": st.column_config.NumberColumn("Balance"),
        "description": "Description",
        "video_id": "Video",
    }
    tables.table(table.frame, key=key(page, "credits"), alt="The newest credit transactions", columns=columns)
    if not table.complete and table.error is None:
        st.caption(f"These are the newest {len(table.frame):,}; there are more.")
    st.caption("Credits are not refunded by deleting clips.")
