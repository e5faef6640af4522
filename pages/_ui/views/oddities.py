"""Draws the oddities of documents: fields that are missing, null or of a wrong type."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from pages._ui.kit import tables
from pages._ui.kit.session import key
from storage.errors import FieldProblem

_WORDS = {"missing": "missing", "null": "null", "wrong_type": "wrong type", "bad_value": "unusable value"}
SHOWN = 200


def draw(found: Sequence[FieldProblem], *, page: str) -> None:
    """Draws an expander with the oddities, or nothing where there are none."""
    if not found:
        return
    with st.expander(f"{len(found):,} odd field{'' if len(found) == 1 else 's'} in these documents"):
        rows = [
            {
                "Document": oddity.path,
                "Field": oddity.field_name,
                "Is": _WORDS.get(oddity.kind, oddity.kind),
                "Found": oddity.found or None,
            }
            for oddity in found[:SHOWN]
        ]
        frame = pd.DataFrame(rows)
        tables.table(frame, key=key(page, "oddities"), alt="Odd fields", columns={name: name for name in frame.columns})
        if len(found) > SHOWN:
            st.caption(f"The first {SHOWN} of {len(found):,}.")
