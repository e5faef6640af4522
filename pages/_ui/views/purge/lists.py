"""Lists the plans that may still be applied and the recent jobs, each with a link to it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import pandas as pd
import streamlit as st

from pages._ui.access.guard import actor
from pages._ui.data import loads
from pages._ui.data.purges import PlanSummary
from pages._ui.data.resources import stores
from pages._ui.kit import feedback, format, status, tables
from pages._ui.kit.feedback import freshness
from pages._ui.kit.session import key, url_for
from pages._ui.kit.text import md
from pages._ui.nav import SCREENS
from pages._ui.views import elsewhere
from storage.domain.places import place_of
from storage.domain.purge.guards import second_person_needed
from storage.domain.purge.job import REPAIRS, Job
from storage.text import number

PAGE: Final = "purge"
SECOND_PERSON: Final = "Needs a second person"
APPROVED: Final = "Approved, ready to apply"
READY: Final = "Ready to apply"
NEWEST = 50
_WATCHED = 5  # running jobs that the overview shows; more at once are rare
_KINDS = {
    "purge": "Purge",
    "undo": "Undo",
    "empty": "Quarantine emptied",
    "repair": "Repair of many",
    "repair_undo": "Undo of a repair",
    "adopt": "Adoption",
    "adopt_undo": "Undo of an adoption",
    "remove": "Removal",
    "remove_undo": "Undo of a removal",
}
_GOING_ON = {
    "purge": "Purge of",
    "undo": "Undo of the purge of",
    "empty": "Emptying the quarantine of",
    "repair": "Repair of",
    "repair_undo": "Undo of the repair of",
    "adopt": "Adoption of files of",
    "adopt_undo": "Undo of the adoption of files of",
    "remove": "Removal of files of",
    "remove_undo": "Undo of the removal of files of",
}


def back() -> None:
    """Draws the link back to the lists of plans and jobs."""
    st.page_link(SCREENS[PAGE].file, label="Plans and jobs", icon=":material/arrow_back:", query_params={})


def plans() -> None:
    """Draws the plans that are valid and not yet applied, with their state."""
    loaded = loads.open_plans()
    applied = {job.plan_id for job in loads.jobs(NEWEST).value}
    rows = [_plan_row(summary) for summary in loaded.value if summary.plan.plan_id not in applied]
    if not rows:
        feedback.empty("No open plans.", icon="inbox", hint="A plan is valid for a while, then it expires.")
    else:
        tables.table(
            pd.DataFrame(rows),
            key=key(PAGE, "plans_table"),
            alt="Plans that may still be applied",
            id_column="plan_id",
            columns={
                "open": tables.link("Open", help="Look at the plan"),
                "waits": st.column_config.MultiselectColumn(
                    "State",
                    options=[SECOND_PERSON, APPROVED, READY, "Blocked"],
                    color=["orange", "violet", "blue", "red"],
                ),
                "scope": st.column_config.TextColumn("Scope"),
                "objects": st.column_config.NumberColumn("Objects", format="localized"),
                "bytes": tables.size("Size"),
                "documents": st.column_config.NumberColumn("Documents", format="localized"),
                "maker": "Made by",
                "expires_at": tables.moment("Expires", distance=True),
            },
        )
    freshness(loaded.read_at, key=key(PAGE, "plans_fresh"), cost=loaded.cost, on_refresh=loads.forget_purges)


def _plan_row(summary: PlanSummary) -> dict[str, Any]:
    plan = summary.plan
    return {
        "plan_id": plan.plan_id,
        "open": url_for(PAGE, plan=plan.plan_id),
        "waits": [_waits(summary)],
        "scope": plan.scope.spelled,
        "objects": len(plan.objects),
        "bytes": plan.total_bytes,
        "documents": len(plan.documents),
        "maker": plan.maker or "not known",
        "expires_at": plan.expires_at,
    }


def _waits(summary: PlanSummary) -> str:
    plan = summary.plan
    if plan.blocked:
        return "Blocked"
    if not second_person_needed(plan, stores().settings.purge, erase=False):
        return READY
    approvals = loads.plan_status(plan.plan_id, summary.fingerprint).value.counting(plan, plan.maker)
    return APPROVED if approvals else SECOND_PERSON


def jobs() -> None:
    """Draws the newest jobs of every kind."""
    loaded = loads.jobs(NEWEST)
    found = loaded.value
    if not found:
        feedback.empty("No purge has run yet.", icon="task_alt", hint="Every purge, undo and emptying is listed here.")
    else:
        frame = pd.DataFrame([_job_row(job) for job in found])
        frame["undo_until"] = pd.to_datetime(frame["undo_until"], utc=True)
        frame["shown"] = status.words("job", frame["state"])
        tables.table(
            frame,
            key=key(PAGE, "jobs_table"),
            alt="The newest jobs",
            id_column="job_id",
            columns={
                "open": tables.link("Open", help="Look at the job"),
                "shown": status.column("job", frame["state"], "State"),
                "scope": "Scope",
                "kind": "Kind",
                "objects": st.column_config.NumberColumn("Objects", format="localized"),
                "bytes": tables.size("Size"),
                "documents": st.column_config.NumberColumn("Documents", format="localized"),
                "actor": "Who",
                "created_at": tables.moment("Begun"),
                "undo_until": tables.moment("Undo until", distance=True, help="Until then it can be undone."),
                "reason": "Why",
            },
            csv_name="purge-jobs",
            csv_frame=lambda: frame.drop(columns=["open", "shown"]),
        )
        if len(found) == NEWEST:
            st.caption(f"The newest {NEWEST}; older ones are in the audit.")
    freshness(loaded.read_at, key=key(PAGE, "jobs_fresh"), cost=loaded.cost, on_refresh=loads.forget_purges)


def waiting() -> tuple[loads.Loaded[Any], bool]:
    """Draws each plan that waits for this person, and says whether there is one: for another one's answer, and for its
    end one that needs no answer, whose maker may be somebody who cannot apply it, or that somebody approved for this
    person."""
    loaded = loads.open_plans()
    mine = actor(active=False).email
    applied = {job.plan_id for job in loads.jobs(NEWEST).value}
    anything = False
    for one in loaded.value:
        plan, made_here = one.plan, one.plan.maker == mine
        state = _waits(one)
        if plan.plan_id in applied or state not in {READY, APPROVED if made_here else SECOND_PERSON}:
            continue
        anything = True
        what = f"Purge of **{md(plan.scope.spelled, 160)}**"
        maker = md(plan.maker or "not known", 80)
        elsewhere.waiting(plan.plan_id, what, maker, plan.expires_at, ready="" if state == SECOND_PERSON else state)
    return loaded, anything


def going_on(refresh: Callable[[], Any]) -> None:
    """Draws each purge that is running now, with a link to it, or says that there is none. `refresh`: of its page."""
    loaded = loads.jobs_going_on()
    if not loaded.value:
        st.caption(":material/check_circle: No purge is running.")
    for job in loaded.value[:_WATCHED]:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            now = datetime.now(UTC)
            kind = "Erasure of" if job.erase else _GOING_ON[job.kind]
            st.markdown(
                f"{status.badge_md('job', shown_state(job))} {kind} **{md(_subject(job), 160)}** "
                f":small[by {md(job.actor, 80)}, begun {format.ago(job.created_at, now).text}]"
            )
            if place := place_of(job.job_id):
                elsewhere.link(place, job.job_id, "Watch it")
    if len(loaded.value) > _WATCHED:
        st.caption(f"The newest {_WATCHED} of {len(loaded.value):,}; the page Purge lists them all.")
    freshness(loaded.read_at, key=key(PAGE, "going_on_fresh"), cost=loaded.cost, on_refresh=refresh)


def _job_row(job: Job) -> dict[str, Any]:
    return {
        "job_id": job.job_id,
        "open": _address(job),
        "state": shown_state(job),
        "kind": "Erased" if job.erase else _KINDS[job.kind],
        "scope": _subject(job),
        "objects": job.tally.objects,
        "bytes": job.tally.bytes,
        "documents": job.tally.documents,
        "actor": job.actor,
        "created_at": job.created_at,
        "undo_until": _undo_until(job),
        "reason": job.reason,
    }


def _undo_until(job: Job) -> datetime | None:
    if job.kind == "purge" and job.quarantine == "kept":
        return job.quarantine_until
    return job.copies_until if job.state != "undone" else None


def _subject(job: Job) -> str:
    return number(job.documents_total, "row") if job.kind in REPAIRS else job.scope.spelled


def _address(job: Job) -> str:
    place = place_of(job.job_id)
    return url_for(place.page, **{place.parameter: job.job_id}) if place else url_for(PAGE)


def shown_state(job: Job) -> str:
    """The job's state, but `interrupted` for a job in the state `running` whose lease no worker holds."""
    return "interrupted" if job.state == "running" and not job.held else job.state
