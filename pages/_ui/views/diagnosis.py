"""Draws the diagnosis of one video: for support what the customer sees and the reply, for engineers all of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import streamlit as st

from pages._ui.copying import copy_button
from pages._ui.kit import format, status
from pages._ui.kit.session import key
from pages._ui.kit.text import md, plain, prose
from pages._ui.views import case_timeline
from pages._ui.views.stuck import stage_word
from storage.diagnose import Case
from storage.domain.diagnosis import Diagnosis, Evidence, Step, as_json

# What a check looks at, in words; the ids are the evidence's own and stay as they are in the bundle.
_CHECKS: Final = {
    "settings": "Settings",
    "key_prefix": "Key prefix",
    "clocks": "Clocks",
    "firestore": "Firestore",
    "bucket": "Bucket",
    "video_document": "Video document",
    "user_document": "User document",
    "status": "Status",
    "last_touch": "Last touch",
    "progress": "Progress",
    "error_message": "Error message",
    "highlights_object": "highlights.json",
    "highlights_document": "Highlights document",
    "clip_documents": "Clip documents",
    "clip_objects": "Clip objects",
    "counters": "Counters",
    "quota": "Quota",
    "source_video": "Source video",
    "highlights_agree": "Both highlights",
    "in_flight": "Still being written",
}
_MARKS: Final[dict[bool | None, str]] = {
    True: ":green-badge[:material/check_circle: Well]",
    False: ":red-badge[:material/error: Not well]",
    None: ":gray-badge[:material/help: Unknown]",
}


def explain(case: Case, *, page: str) -> None:
    """What the customer sees now, and a reply in plain words with a button that copies it."""
    found = case.diagnosis
    with st.container(border=True, key=key(page, "case", "explain")):
        st.markdown(":material/visibility: **What the customer sees**")
        st.markdown(md(found.customer_sees, 600))
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(":material/forum: **Reply to send**", width="content")
            copy_button(found.reply, key=key(page, "case", "reply"), what="reply", label="Copy the reply")
        for paragraph in found.reply.splitlines():
            if paragraph.strip():
                st.markdown(f"> {md(paragraph, 1_500)}")


def verdict(case: Case, *, page: str) -> None:
    """The verdict in one line, its evidence, timeline, next steps and bundle: for those who may diagnose."""
    found = case.diagnosis
    with st.container(border=True, key=key(page, "case", "verdict")):
        _headline(found)
        if found.suspicion is not None:
            st.error(
                f"{md(found.suspicion.reason, 500)}\n\n"
                + "\n".join(f"{n}. {prose(way, 400)}" for n, way in enumerate(found.suspicion.how_to_check, start=1)),
                title="The bucket's answer cannot be believed",
                icon=":material/gpp_maybe:",
            )
        if case.error is not None and case.error.remedy:
            st.markdown(f"**What to do:** {md(case.error.remedy, 600)}")
        _steps(found.actions, page)
        st.markdown(":material/fact_check: **Evidence**")
        _evidence(found.evidence)
        st.markdown(":material/timeline: **Timeline**")
        case_timeline.draw(found.timeline, found.looked_at)
        _bundle(case, page)


def _headline(found: Diagnosis) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        status.badge("verdict", found.verdict)
        status.badge("severity", "ok" if found.verdict == "healthy" and found.severity == "info" else found.severity)
        if found.stage != "none":
            st.badge(f"Stands at {stage_word(found.stage).lower()}", color="gray", icon=":material/step:")
        if found.since is not None and found.verdict != "healthy":
            since = format.ago(found.since, found.looked_at)
            st.caption(f"since {since.text}", help=since.help, width="content")
    st.markdown(f"**{md(found.summary, 500)}**")
    if found.cause:
        st.caption(f"Cause: {md(found.cause.replace('_', ' '), 200)}")


def _evidence(evidence: Sequence[Evidence]) -> None:
    """What is not well first, then what is unknown; what is well is counted, and shown to whoever opens it."""
    doubts = [item for wanted in (False, None) for item in evidence if item.ok is wanted]
    well = [item for item in evidence if item.ok]
    if doubts:
        _evidence_table(doubts)
    if well:
        with st.expander(
            f"{len(well):,} check{' is' if len(well) == 1 else 's are'} well", icon=":material/check_circle:"
        ):
            _evidence_table(well)


def _evidence_table(items: Sequence[Evidence]) -> None:
    st.table(
        {
            "Looked at": [_check_word(item.check) for item in items],
            "Is": [_MARKS[item.ok] for item in items],
            "Found": [md(item.observed, 600) for item in items],
        },
        border="horizontal",
        hide_index=True,
    )


def _check_word(check: str) -> str:
    return md(_CHECKS.get(check, check.replace("_", " ").capitalize()), 60)


def _steps(steps: Sequence[Step], page: str) -> None:
    if not steps:
        st.markdown(":green[:material/check_circle:] Nothing needs to be done.")
        return
    st.markdown(":material/checklist: **Next, in this order**")
    lines = []
    for number, step in enumerate(steps, start=1):
        mark = " :orange-badge[:material/edit: changes data]" if step.changes else ""
        because = f"  \n:small[:gray[{md(step.because, 300)}]]" if step.because else ""
        lines.append(f"{number}. {md(step.text, 400)}{mark}{because}")
    st.markdown("\n".join(lines))
    commands = [
        f"# {number}. {plain(step.text, 100)}\n{plain(step.command, 1_000)}"
        for number, step in enumerate(steps, start=1)
        if step.command
    ]
    if commands:
        with st.expander("The same in a shell", icon=":material/terminal:", key=key(page, "case", "shell")):
            st.code("\n\n".join(commands), language="bash", wrap_lines=True)


def _bundle(case: Case, page: str) -> None:
    found = case.diagnosis
    st.download_button(
        "Bundle to hand over (JSON)",
        data=lambda: as_json(case.diagnosis, case.facts).encode(),
        file_name=f"case-{plain(found.video_id, 64)}.json",
        mime="application/json",
        key=key(page, "case", "bundle"),
        icon=":material/work_history:",
        on_click="ignore",
        help="Verdict, facts and timeline for another engineer: without secrets, links and addresses.",
    )
