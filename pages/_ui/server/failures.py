"""Shows a failed page: the desk's own errors in words, any other error as an incident number."""

from __future__ import annotations

import streamlit as st

from pages._ui.kit import feedback
from storage.errors import StorageError


def on_script_error(error: Exception) -> bool:
    """Streamlit's handler for uncaught errors of a page, a fragment or a callback. Always draws in their place."""
    if isinstance(error, StorageError):
        feedback.error_panel(error, key=f"failed__{id(error)}")
        return True
    number = feedback.record(error, "running a page")
    st.error(
        f"The desk made a mistake here and noted it as incident `{number}`. Reload the page; if it happens again, "
        "report the number.",
        title="Something went wrong",
        icon=":material/bug_report:",
    )
    return True
