"""Draws drafts of the two-step flow: a user's newest, one with its scenes and charges, and those that need a person."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from pages._ui.access import addresses
from pages._ui.access.guard import allowed
from pages._ui.copying import copy_button
from pages._ui.kit import format, status, tables
from pages._ui.kit.session import UID, VIDEO_ID, key, url_for
from pages._ui.kit.text import md
from pages._ui.nav import SCREENS
from pages._ui.views import replies
from pages._ui.views.diagnosis import evidence_table, steps_list, sureness
from storage.domain.diagnosis import DraftDiagnosis
from storage.services.drafts import DraftCase


def table(drafts: Sequence[DraftDiagnosis], *, page: str, name: str) -> None:
    """Draws a row for each draft, with a link to its part of the user's page."""
    frame = pd.DataFrame(
        {
            "open": [url_for("user", uid=draft.uid, draft_id=draft.draft_id) for draft in drafts],
            "draft_id": [draft.draft_id for draft in drafts],
            "verdict": [status.look("verdict", draft.verdict).word for draft in drafts],
            "status": [draft.status or None for draft in drafts],
            "since": [draft.since for draft in drafts],
            "summary": [draft.summary for draft in drafts],
            "uid": [draft.uid for draft in drafts],
        }
    )
    columns = {
        "open": tables.link("Open"),
        "verdict": "Verdict",
        "status": "Status",
        "since": tables.moment("Last touch", distance=True),
        "summary": "Why",
        "draft_id": "Draft id",
    }
    if len({draft.uid for draft in drafts}) > 1:
        columns["uid"] = "Customer"
    tables.table(frame, key=key(page, name), alt="Drafts", columns=columns, id_column="draft_id")


def one(case: DraftCase, *, page: str) -> None:
    """Draws the draft: what the customer sees, the reply, the verdict, scenes, charges, and the videos made from it."""
    draft, found = case.draft, case.diagnosis
    with st.container(border=True, key=key(page, "draft")):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f":material/draft: **{md(draft.video_title or draft.draft_id, 120)}**", width="content")
            status.badge("verdict", found.verdict)
            st.caption(f"draft id {md(draft.draft_id, 80)}", width="content")
            copy_button(draft.draft_id, key=key(page, "draft", "copy"), what="draft id", label="")
        created, over = format.utc(draft.created_at), format.utc(draft.expires_at)
        said = md(draft.status or "no status", 40)
        st.caption(f"Status {said} · created {created.text} · expires {over.text}")
        st.markdown(md(found.summary, 400))
        if draft.error_message:
            st.error(md(addresses.seen().text(draft.error_message, draft.uid), 600), icon=":material/error:")
        if draft.source_url:
            st.caption(f"Made from {md(draft.source_url, 200)}")
        if allowed("explain"):
            st.markdown(f":material/visibility: {md(found.customer_sees, 400)}")
            replies.draw(found.answer, whose=draft.uid, page=page, name="draft-reply")
        for video_id in found.video_ids:
            st.page_link(
                SCREENS["video"].file,
                label=f"The video {md(video_id, 80)}, made from this draft",
                icon=":material/movie:",
                query_params={UID: draft.uid, VIDEO_ID: video_id},
            )
        if allowed("diagnose"):
            sureness(found.confidence)
            steps_list(found.actions)
            evidence_table(found.evidence)
        _scenes(case, page)
        _charges(case, page)


def _scenes(case: DraftCase, page: str) -> None:
    if not case.scenes:
        st.caption("This draft has no scenes.")
        return
    frame = pd.DataFrame(
        {
            "number": [scene.number for scene in case.scenes],
            "title": [scene.title for scene in case.scenes],
            "start": [scene.start for scene in case.scenes],
            "end": [scene.end for scene in case.scenes],
            "category": [scene.hook_category for scene in case.scenes],
            "reason": [scene.reason for scene in case.scenes],
        }
    )
    columns = {
        "number": "Scene",
        "title": "Title",
        "start": "Start",
        "end": "End",
        "category": "Category",
        "reason": "Why",
    }
    tables.table(frame, key=key(page, "draft", "scenes"), alt="Scenes of the draft", columns=columns)


def _charges(case: DraftCase, page: str) -> None:
    if not case.charges:
        st.caption("No credit transaction names this draft.")
        return
    seen = addresses.seen()
    frame = pd.DataFrame(
        {
            "when": [charge.charged_at for charge in case.charges],
            "operation": [charge.operation.replace("_", " ").capitalize() for charge in case.charges],
            "credits": pd.array([charge.credits for charge in case.charges], dtype="Int64"),
            "description": [seen.text(one.description or "", case.draft.uid) or None for one in case.charges],
            "video_id": [charge.video_id or None for charge in case.charges],
        }
    )
    columns = {
        "when": tables.moment("When"),
        "operation": "Operation",
        "credits": st.column_config.NumberColumn("Credits", format="localized"),
        "description": "Description",
        "video_id": "Video id",
    }
    tables.table(frame, key=key(page, "draft", "charges"), alt="Credit transactions of the draft", columns=columns)
