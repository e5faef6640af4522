"""Draws the way around a long page: a line of links to its parts, and which repair the diagnosis advises."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from pages._ui.views.fix_kinds import KINDS
from storage.diagnose import Case


def draw(parts: Mapping[str, str]) -> None:
    """The line of links, by anchor: `{"clips": "Clips"}`."""
    st.caption("On this page: " + " · ".join(f"[{name}](#{anchor})" for anchor, name in parts.items()))


def advice(case: Case) -> str:
    """The repairs that the diagnosis advises, in words; empty where there is none."""
    steps = {step.id for step in case.diagnosis.actions}
    return ", ".join(kind.title.lower() for kind in KINDS if kind.advised_by & steps)
