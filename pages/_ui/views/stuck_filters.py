"""Filters of the list of stuck videos; what is chosen stands in the address, so that a link shows the same rows."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages._ui.kit import status
from pages._ui.kit.session import key
from pages._ui.views.stuck import ALONE, OUTAGE, outage_id, stage_word
from storage.domain.diagnosis import Outage, StuckVideo


def outage() -> str:
    """The outage that the address chooses, or an empty text."""
    return str(st.query_params.get(OUTAGE, ""))


def choose_outage(identity: str) -> None:
    """For the button of an outage: shows it alone, or with an empty text all again."""
    if identity:
        st.query_params[OUTAGE] = identity
    else:
        st.query_params.pop(OUTAGE, None)


def draw(videos: Sequence[StuckVideo], outages: Sequence[Outage], *, page: str) -> list[StuckVideo]:
    """The controls, and the videos that pass them, in their order."""
    verdicts = list(dict.fromkeys(status.look("verdict", video.diagnosis.verdict).word for video in videos))
    steps = list(dict.fromkeys(stage_word(video.diagnosis.stage) for video in videos))
    plans = sorted({_plan(video) for video in videos})
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        verdict = st.pills(
            "Verdict", verdicts, selection_mode="multi", key=key(page, "verdict"), bind="query-params", wrap=True
        )  # fmt: skip
        step = st.pills("Step", steps, selection_mode="multi", key=key(page, "step"), bind="query-params", wrap=True)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        plan = st.multiselect(
            "Plan", plans, key=key(page, "plan"), bind="query-params", width=260, placeholder="All plans",
            label_visibility="collapsed",
        )  # fmt: skip
        text = st.text_input(
            "Search", key=key(page, "text"), type="search", bind="query-params", width=320,
            placeholder="Owner, id or words of the verdict", label_visibility="collapsed",
        )  # fmt: skip
    chosen = next((found for found in outages if outage_id(found) == outage()), None)
    if outage() not in ("", ALONE) and chosen is None:
        st.caption("The outage that the address names is over, or its videos moved on; all are shown.")
    members = set(chosen.videos) if chosen else None
    together = {pair for found in outages for pair in found.videos} if outage() == ALONE else set()
    return [
        video
        for video in videos
        if (members is None or (video.diagnosis.uid, video.diagnosis.video_id) in members)
        and (video.diagnosis.uid, video.diagnosis.video_id) not in together
        and (not verdict or status.look("verdict", video.diagnosis.verdict).word in verdict)
        and (not step or stage_word(video.diagnosis.stage) in step)
        and (not plan or _plan(video) in plan)
        and _holds(video, text or "")
    ]


def _plan(video: StuckVideo) -> str:
    """The plan as it is filtered by: strangers write it, so its case and length do not count."""
    return (video.plan or "unknown").strip().lower()[:40] or "unknown"


def _holds(video: StuckVideo, text: str) -> bool:
    needle = text.strip().casefold()
    found = video.diagnosis
    texts = (video.email or "", found.uid, found.video_id, found.summary, found.cause)
    return not needle or any(needle in part.casefold() for part in texts)
