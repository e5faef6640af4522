"""One job as it goes on: who wanted it and why, every step, the rate, and what can be done with it now."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Final

import streamlit as st

from pages._ui.access.guard import allowed, require
from pages._ui.data import loads, purges
from pages._ui.kit import feedback, format, status
from pages._ui.kit.session import UID, key
from pages._ui.kit.text import md
from pages._ui.nav import SCREENS
from pages._ui.views import purge_lists, purge_outcome, purge_steps
from storage.domain.policy import Action
from storage.domain.purge.job import ENDED, GOES_ON_BY_ITSELF, RESUMABLE, Job
from storage.errors import StorageError

PAGE: Final = "purge"
POLL_SECONDS = 1.0
_TITLES = {"purge": "Purge of", "undo": "Undo of", "empty": "Emptying the quarantine of"}
_PLACES = {
    "done": ":green[:material/check_circle:]",
    "now": ":blue[:material/autorenew:]",
    "next": ":gray[:material/circle:]",
}


def draw(job_id: str) -> None:
    """The job; while it goes on, its progress draws itself anew every second and nothing else does."""
    job = loads.job(job_id).value
    _head(job)
    if moves(job):
        st.fragment(partial(_watched, job_id, job.state), run_every=POLL_SECONDS)()
        return
    _progress(job)
    _controls(job)
    if _just_ended(job):
        loads.forget_user(job.scope.uid)
    feedback.section(
        "the outcome", partial(purge_outcome.draw, job), key=key(PAGE, "outcome"), unknown="what it proved"
    )


def moves(job: Job) -> bool:
    """Whether it is to be watched: it goes on, or will by itself, or was just told to."""
    return job.state in GOES_ON_BY_ITSELF or _resumed(job)


def _resumed(job: Job) -> bool:
    """Whether somebody here set it going again and its worker may still be on its way."""
    at = st.session_state.get(key(PAGE, "resumed", job.job_id))
    late = not isinstance(at, datetime) or (datetime.now(UTC) - at).total_seconds() > purges.START_SECONDS
    return job.state in RESUMABLE and not late


def _just_ended(job: Job) -> bool:
    """Once for each job and session, so that no page shows what the job took away."""
    known: set[str] = st.session_state.setdefault(key(PAGE, "ended"), set())
    fresh = job.job_id not in known
    known.add(job.job_id)
    return fresh


def _head(job: Job) -> None:
    now = datetime.now(UTC)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.title(f"{_TITLES[job.kind]} {md(job.scope.spelled, 160)}", width="content", anchor=False)
        if job.erase:
            st.badge("Erased, no quarantine", icon=":material/delete_forever:", color="red")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        begun = format.ago(job.created_at, now)
        st.caption(f"Begun {begun.text} by {md(job.actor, 80)}", help=begun.help, width="content")
        if job.approved_by:
            st.caption(f"approved by {md(', '.join(job.approved_by), 160)}", width="content")
        st.caption(md(job.job_id), width="content")
        here = SCREENS[PAGE].file
        st.page_link(here, label="Plan", icon=":material/fact_check:", query_params={"plan": job.plan_id})
        st.page_link(SCREENS["user"].file, label="User", icon=":material/person:", query_params={UID: job.scope.uid})
        if allowed("audit.read"):
            question = {"text": job.fingerprint, UID: job.scope.uid}
            st.page_link(SCREENS["audit"].file, label="Audit", icon=":material/history:", query_params=question)
        if job.of:
            st.page_link(here, label="The purge", icon=":material/arrow_back:", query_params={"job": job.of})
        if job.undo_job:
            st.page_link(here, label="Its undo", icon=":material/undo:", query_params={"job": job.undo_job})
    st.markdown(f":gray[Why:] {md(job.reason, 2_000)}")


def _watched(job_id: str, before: str) -> None:
    """One look. A job that ended, or rests, draws the whole page anew."""
    feedback.section("the progress", partial(_look, job_id, before), key=key(PAGE, "progress"), unknown="how far it is")


def _look(job_id: str, before: str) -> None:
    require("purge.plan", active=False)
    job = loads.job(job_id).value
    if not moves(job):
        loads.forget_purges()
        st.rerun()
    _progress(job)
    _controls(job)
    st.caption(":material/info: It runs in a process of its own: this tab can be closed, the address brings you back.")


def _progress(job: Job) -> None:
    now = datetime.now(UTC)
    with st.container(border=True, key=key(PAGE, "progress_box")):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            status.badge("job", purge_lists.shown_state(job))
            st.markdown(_sentence(job), width="content")
        st.progress(job.share_done, text=_numbers(job, now))
        left, right = st.columns([3, 2], gap="large")
        with left:
            st.markdown("  \n".join(_step(step) for step in purge_steps.steps(job)))
        with right:
            _tally(job)
        if job.failure:
            st.error(
                f"{md(job.failure.get('message'), 1_000)} {md(job.failure.get('remedy') or '', 400)}",
                title="What stopped it",
                icon=":material/error:",
            )


def _sentence(job: Job) -> str:
    if job.cancel_by and job.state == "running":
        return f"{md(job.cancel_by, 80)} asked it to stop; it stops after the batch under way."
    if _resumed(job) and not job.held:
        return "Its worker is starting."
    if _nobody(job):
        return "No worker has it. It is taken up again by itself within a minute, or at once with Resume."
    if job.state == "interrupted":
        return "It rests after a fault that may pass, and goes on by itself."
    if job.state in ENDED and job.finished_at and job.started_at:
        seconds = (job.finished_at - job.started_at).total_seconds()
        return f"It took {format.span(seconds) if seconds >= 1 else 'less than a second'}."
    return status.look("job", job.state).meaning


def _numbers(job: Job, now: datetime) -> str:
    """Done of all; while it runs also the rate and the time left, over the last seconds."""
    done, whole = purge_steps.handled(job), purge_steps.total(job)
    words = f"{done:,} of {whole:,} objects and documents"
    if job.state != "running":
        mean = job.objects_per_second(now) if job.state in ENDED and job.finished_at else 0.0
        return f"{words}  ·  {mean:,.0f} objects a second" if mean >= 1 else words
    name = key(PAGE, "samples", job.job_id)
    samples = purge_steps.sampled(st.session_state.get(name, []), now, done)
    st.session_state[name] = samples
    speed = purge_steps.rate(samples)
    if speed is None:
        return words
    return f"{words}  ·  {speed:,.0f} a second  ·  about {format.span((whole - done) / speed)} left"


def _step(step: purge_steps.Step) -> str:
    words = md(step.words)
    if step.place == "now":
        words = f"**{words}**" + (f" :gray[batch {step.batches + 1:,}]" if step.batches else "")
    elif step.place == "next":
        words = f":gray[{words}]"
    return f"{_PLACES[step.place]} {words}"


def _tally(job: Job) -> None:
    """The counts in one text: it is drawn every second, and many small parts would flicker."""
    verb = "restored" if job.kind == "undo" else "deleted"
    tally = job.tally
    rows = [
        (f"Objects {verb}", f"**{tally.objects:,}** of {job.objects_total:,}"),
        ("Bytes", f"**{format.size(tally.bytes).text}** of {format.size(job.bytes_total).text}"),
        (f"Documents {verb}", f"**{tally.documents:,}** of {job.documents_total:,}"),
        ("Uploads aborted", f"**{tally.uploads:,}**"),
        ("Gone already", f"**{tally.already_gone:,}**"),
        ("Left alone", f"**{tally.left_alone:,}**"),
    ]
    st.markdown(
        "  \n".join(f":gray[{name}] {value}" for name, value in rows),
        help="Gone already: in the plan, and absent before it was their turn. "
        "Left alone: in the plan, but changed since, so they were not touched.",
    )


def _nobody(job: Job) -> bool:
    return job.abandoned and not purges.starting(job)


def _controls(job: Job) -> None:
    """Cancel while it goes on; resume where it stopped. An emptying can only be resumed."""
    needed: Action = "purge.undo" if job.kind == "undo" else "purge.apply"
    if job.state not in RESUMABLE or not allowed(needed):
        return
    going = _resumed(job) or (job.state in GOES_ON_BY_ITSELF and not _nobody(job))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        rests = not job.held and not _resumed(job) and (not going or job.state == "interrupted")
        if rests and st.button("Resume", type="primary", icon=":material/play_arrow:", key=key(PAGE, "resume")):
            _act(job, needed, resuming=True)
        stoppable = job.kind != "empty" and job.state in GOES_ON_BY_ITSELF and not job.cancel_by
        if stoppable and allowed("purge.apply"):
            if st.button("Cancel", icon=":material/stop_circle:", key=key(PAGE, "cancel")):
                _act(job, "purge.apply", resuming=False)
            st.caption("Stops between two batches; what is done stays done, and can be undone.", width="content")


def _act(job: Job, needed: Action, *, resuming: bool) -> None:
    try:
        actor = require(needed)
        if resuming:
            begun = purges.resume(job.job_id, actor)
            st.session_state[key(PAGE, "resumed", begun.job_id)] = datetime.now(UTC)
        else:
            purges.cancel(job.job_id, actor)
    except StorageError as error:
        feedback.error_panel(error, key=key(PAGE, "control_failed"))
        return
    finally:
        loads.forget_purges()
    st.rerun()
