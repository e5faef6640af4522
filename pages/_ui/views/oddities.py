"""Draws the oddities of documents: fields that are missing, null or of a wrong type."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from pages._ui.kit.text import plain
from storage.errors import FieldProblem

_WORDS = {"missing": "missing", "null": "null", "wrong_type": "wrong type", "bad_value": "unusable value"}
SHOWN = 200


def draw(found: Sequence[FieldProblem]) -> None:
    """Draws an expander with the oddities, or nothing where there are none."""
    if not found:
        return
    with st.expander(f"{len(found):,} odd field{'' if len(found) == 1 else 's'} in these documents"):
        rows = [
            {
                "Document": plain(oddity.path, 120),
                "Field": plain(oddity.field_name, 60),
                "Is": _WORDS.get(oddity.kind, oddity.kind),
                "Found": plain(oddity.found, 80) if oddity.found else "—",
            }
            for oddity in found[:SHOWN]
        ]
        st.dataframe(pd.DataFrame(rows), hide_index=True, alt="Odd fields")
        if len(found) > SHOWN:
            st.caption(f"The first {SHOWN} of {len(found):,}.")
