"""Purge: what would a plan delete, who approved it, and how did its job end?"""

from __future__ import annotations

from functools import partial
from typing import Final

import streamlit as st

from pages._ui.access.guard import show
from pages._ui.data import loads, purges
from pages._ui.kit import feedback, params, session
from pages._ui.kit.session import CLIP_ID, UID, VIDEO_ID, key
from pages._ui.views import elsewhere
from pages._ui.views.purge import home, lists
from pages._ui.views.purge import job as purge_job
from pages._ui.views.purge import plan as purge_plan
from storage.errors import BadInput

NAME: Final = "purge"
PLAN: Final = "plan"
JOB: Final = "job"


def page() -> None:
    """Draws the page: a job, a plan, or the choice of what to plan, as the address says."""
    session.enter(NAME)
    try:
        job, plan = params.read(JOB), params.read(PLAN)
        if elsewhere.led(job, NAME, JOB, title="Purge") or elsewhere.led(plan, NAME, PLAN, title="Purge"):
            lists.back()
            return
        job, plan = job and purges.job_id(job), plan and purges.plan_id(plan)
        uid, video_id, clip_id = (params.read(name) for name in (UID, VIDEO_ID, CLIP_ID))
    except BadInput as error:
        _title(back=True)
        feedback.error_panel(error, key=key(NAME, "address"))
        return
    whole = not (job or plan)
    _title(back=not whole, refreshes=whole)
    if job:
        feedback.section("the job", partial(purge_job.draw_job, job), key=key(NAME, "job"), unknown="how far it is")
    elif plan:
        feedback.section(
            "the plan", partial(purge_plan.draw_plan, plan), key=key(NAME, "plan"), unknown="what the plan would delete"
        )
    else:
        _home(uid, video_id, clip_id)


def _title(*, back: bool, refreshes: bool = False) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        st.title("Purge", width="content", anchor=False)
        if back:
            lists.back()
        if refreshes:
            feedback.refresh_page(loads.forget_purges, key=key(NAME, "page"))


def _home(uid: str | None, video_id: str | None, clip_id: str | None) -> None:
    st.caption(
        "Deletes exactly what a plan shows, in the bucket and in Firestore, and keeps copies in quarantine for an "
        "undo. Making a plan changes nothing."
    )
    home.choose(uid, video_id, clip_id)
    st.subheader("Open plans", anchor=False)
    feedback.section("the plans", lists.plans, key=key(NAME, "plans"), unknown="which plans may be applied")
    st.subheader("Recent jobs", anchor=False)
    feedback.section("the jobs", lists.jobs, key=key(NAME, "jobs"), unknown="what was purged and undone")


if __name__ == "__main__":
    show(NAME, page)
