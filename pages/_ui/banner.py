"""Says on every page what the desk is looking at, where that is not the ordinary production: demo, or an emulator."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from pages._ui.text import md
from storage import config
from storage.domain.policy import Actor


def draw(values: Mapping[str, str], actor: Actor) -> None:
    """The banner, or nothing with ordinary live data."""
    emulator = values.get("FIRESTORE_EMULATOR_HOST", "").strip()
    if config.is_demo(values):
        text = "Demo: sample data on stand-ins of this machine. Nothing here reaches a real bucket or project."
    elif emulator:
        project, bucket = md(values.get("FIREBASE_PROJECT_ID", "")), md(values.get("R2_BUCKET_NAME", ""))
        text = (
            f"Firestore is an emulator at **{md(emulator)}** (FIRESTORE_EMULATOR_HOST), project **{project}**; "
            f"the bucket is **{bucket}**."
        )
    else:
        return
    if actor.source == "local":
        text += f" You see it as **{md(actor.email.partition('@')[0])}**; the side bar changes that."
    st.info(text, icon=":material/science:")
