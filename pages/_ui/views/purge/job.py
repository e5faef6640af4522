"""Draws one job: who started it and why, its steps, the rate, the time left, and the buttons that act on it.

A job that has ended shows its outcome: residue, other files that went missing, the certificate, and its undo.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, Literal

import pandas as pd
import streamlit as st

from pages._ui.access.guard import allowed, require, stopped_by
from pages._ui.data import loads, purges
from pages._ui.kit import feedback, format, session, status, tables
from pages._ui.kit.session import UID, key
from pages._ui.kit.text import md, plain
from pages._ui.nav import SCREENS
from pages._ui.views import what_if
from pages._ui.views.purge import lists
from storage.actions.supposing import restored_by
from storage.domain.actor_and_reason import MAX_REASON_CHARS
from storage.domain.integrity.controls import Controls
from storage.domain.policy import Action
from storage.domain.purge.claims import never_seen_words
from storage.domain.purge.job import ENDED, GOES_ON_BY_ITSELF, RESUMABLE, Job
from storage.errors import NotFound, StorageError
from storage.text import number

PAGE: Final = "purge"
_UNDO_NONCE: Final = key(PAGE, "undo_nonce")


Place = Literal["done", "now", "next"]
RATE_SECONDS = 20.0  # the span over which the rate is taken
_PURGE = (
    ("neighbours", "Record neighbouring files"),
    ("save", "Copy the documents to quarantine"),
    ("slugs", "Delete public share links"),
    ("uploads", "Abort unfinished uploads"),
    ("objects", "Copy objects, verify the copies, delete the objects"),
    ("documents", "Delete documents"),
    ("counters", "Correct the counters"),
    ("earlier quarantines", "Empty earlier quarantines"),
    ("proof", "Verify nothing is left"),
)
_UNDO = (
    ("objects back", "Put objects back"),
    ("documents back", "Put documents back"),
    ("look", "Verify what was put back"),
    ("counters", "Correct the counters"),
    ("empty", "Empty the quarantine"),
)
_EMPTY = (("empty", "Empty the quarantine"),)
POLL_SECONDS = 1.0
_TITLES = {"purge": "Purge of", "undo": "Undo of", "empty": "Emptying the quarantine of"}
_PLACES = {
    "done": ":green[:material/check_circle:]",
    "now": ":blue[:material/autorenew:]",
    "next": ":gray[:material/circle:]",
}


def draw_outcome(job: Job) -> None:
    """Draws what is left, the certificate, and the undo where it is still possible."""
    if job.kind == "undo":
        _lines("Could not be put back", job.residue, "Something stood in the way. Clear it and undo the purge again.")
    else:
        _lines(
            "Still there",
            job.residue,
            "This belongs to the scope and is still there. Make a new plan to see and delete it.",
        )
    _lines(
        "Other files that went missing",
        job.disturbed,
        "These files beside the scope were there when the job began, and are gone now.",
    )
    if job.kind == "undo" and job.state == "done":
        st.success(
            f"{number(job.tally.objects, 'object')} and {number(job.tally.documents, 'document')} are back; each was "
            "read again and compared with its copy. The quarantine is empty now.",
            title="Everything is back",
            icon=":material/undo:",
        )
    if job.kind == "purge":
        _quarantine(job)
        if job.state in {"done", "incomplete", "undoing", "undone"}:
            _certificate(job)


def _lines(title: str, lines: Sequence[str], words: str) -> None:
    if lines:
        st.error(words, title=f"{title}: {len(lines):,}", icon=":material/error:")
        tables.table(
            pd.DataFrame({"what": list(lines)}),
            key=key(PAGE, "lines", tables.fingerprint([title])),
            alt=title,
            columns={"what": title},
        )


def _quarantine(job: Job) -> None:
    now = job.read_time or datetime.now(UTC)
    st.subheader("Undo", anchor=False)
    if job.erase:
        st.caption("The purge erased without a quarantine, so it cannot be undone.")
    elif job.state == "undoing":
        st.info(
            "The undo has begun and has not ended. Until it ends, the copies are kept past their time; after that time "
            f"a person can delete them in a shell: {_empty_command(job)}",
            icon=":material/settings_backup_restore:",
        )
        where = {"job": job.undo_job}
        st.page_link(SCREENS[PAGE].file, label="Open the undo", icon=":material/arrow_forward:", query_params=where)
    elif job.quarantine == "restored":
        st.success("Everything that the purge deleted was put back.", icon=":material/undo:")
    elif job.quarantine == "emptied":
        st.caption("The quarantine was emptied, so this purge can no longer be undone.")
    elif job.quarantine_until is not None and job.quarantine_over and not job.undo_failed:
        st.caption(
            f"Its quarantine expired at {format.utc(job.quarantine_until).text}: so this purge can no longer be undone."
        )
    else:
        if job.undo_failed:
            _stays(job)
        if stop := stopped_by("purge.undo"):
            st.button(
                "Put everything back",
                icon=":material/undo:",
                disabled=True,
                help=stop,
                key=key(PAGE, "undo_stopped"),
            )
        else:
            _undo(job, now)


def _stays(job: Job) -> None:
    why = (job.undo_refused or {}).get("message", "")
    st.warning(
        f"Somebody started the undo, and not everything came back. {md(why, 600)} The copies are kept past their time, "
        f"until it is undone or a person deletes them in a shell: {_empty_command(job)}",
        title="The quarantine stays",
        icon=":material/inventory_2:",
    )


def _empty_command(job: Job) -> str:
    return f"`python -m storage purge empty {job.job_id} --confirm NAME --reason WHY --actor EMAIL`"


def _undo(job: Job, now: datetime) -> None:
    nonce = session.nonce(_UNDO_NONCE)
    until = None if job.undo_failed else job.quarantine_until
    with st.container(border=True, key=key(PAGE, "undo_box")):
        left = f", until {format.utc(until).text}" if until else ""
        st.markdown(
            f"Every object can be put back byte for byte and every document field for field{left}. "
            "The undo is refused where something new is in their place."
        )
        if job.scope.kind != "user":  # then there is no account yet whose figures it would change
            what_if.beside(
                job.scope.uid, lambda usage: restored_by(job.job_id, loads.plan(job.plan_id).plan), page=PAGE
            )
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            reason = st.text_input(
                "Reason for the undo",
                key=key(PAGE, "undo_reason", job.job_id, nonce),
                max_chars=MAX_REASON_CHARS,
                live=True,
            )
            pressed = st.button(
                "Put everything back", icon=":material/undo:", disabled=not reason.strip(), key=key(PAGE, "undo", nonce)
            )
        if pressed:
            _begin(job, reason)


def _begin(job: Job, reason: str) -> None:
    try:
        actor = require("purge.undo")
        with st.spinner("Checking that nothing new stands in the way…"):
            undoing = purges.undo(job.job_id, reason, actor)
    except StorageError as error:
        feedback.error_panel(error, key=key(PAGE, "undo_failed"))
        return
    finally:
        loads.forget_purges()
    session.renew_nonce(_UNDO_NONCE)
    st.query_params.from_dict({"job": undoing.job_id})
    st.rerun()


def _certificate(job: Job) -> None:
    st.subheader("Certificate", anchor=False)
    try:
        found = loads.certificate(job.job_id).value
    except NotFound:
        feedback.empty(
            "No certificate was written.", icon="draft", hint="The job ended before it could verify anything."
        )
        return
    proof = found["verified"]
    with st.container(border=True, key=key(PAGE, "certificate")):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            never_seen = proof.get("never_seen_count", 0)
            if proof["clean"]:
                st.badge("Nothing is left, no other file was lost", icon=":material/verified:", color="green")
            elif never_seen and not proof["residue"] and not proof["disturbed"]:
                st.badge(never_seen_words(never_seen), icon=":material/help:", color="orange")
            else:
                st.badge("Incomplete: see above", icon=":material/warning:", color="red")
            with st.container(horizontal=True, width="content"):
                _downloads(job.job_id, found)
        left, right = st.columns(2, gap="medium")
        with left:
            st.markdown("**What was done** :small[by the result of each key]")
            _facts(_done(found))
        with right:
            st.markdown("**What was verified afterwards** :small[in both stores]")
            _facts(_read_again(found))
        st.markdown("**What this does not remove**")
        st.markdown("\n".join(f"- {md(line, 600)}" for line in found["outlives"]))


def _facts(rows: Sequence[tuple[str, str]]) -> None:
    st.markdown("  \n".join(f":gray[{name}] {md(value, 400)}" for name, value in rows))


def _downloads(job_id: str, found: Mapping[str, Any]) -> None:
    kinds = (
        ("JSON", "json", "application/json", json.dumps(dict(found), indent=1)),
        ("Text", "txt", "text/plain; charset=utf-8", as_text(found)),
    )
    for label, ending, mime, content in kinds:
        st.download_button(
            label,
            data=content.encode(),
            file_name=f"certificate-{job_id}.{ending}",
            mime=mime,
            on_click="ignore",
            key=key(PAGE, "certificate", ending),
            icon=":material/download:",
            type="tertiary",
        )


def _done(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        ("Scope", found["scope"]),
        ("How", "erased, without quarantine" if found["erased"] else "deleted, with quarantine"),
        ("Objects", f"{found['objects_deleted']:,}"),
        ("Bytes", f"{found['bytes_deleted']:,} ({format.size(found['bytes_deleted']).text})"),
        ("Documents", f"{found['documents_deleted']:,}"),
        ("Uploads aborted", f"{found['uploads_aborted']:,}"),
        ("Already gone", f"{found['already_gone']:,}"),
        ("Skipped, changed since the plan", f"{found['left_alone']:,}"),
        *_claims(found.get("claims")),
        ("By", found["actor"]),
        ("Approved by", ", ".join(found["approved_by"]) or "nobody: one person was enough"),
        ("Why", found["reason"]),
        ("Begun", found["begun_at"]),
    ]


def _claims(claims: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """The lines on claimed objects; none for a certificate of an earlier version, which has no claims."""
    if claims is None:
        return []
    rows = [("Claimed by completed clips", f"{claims['claimed']:,} objects; {claims['found']:,} of them were seen")]
    if claims["missing"]:
        how = "acknowledged when planned" if claims["acknowledged_missing"] else "not acknowledged"
        rows.append(("Never seen", how))
    if claims["controls"] is not None:
        rows.append(("Controls", Controls.from_dict(claims["controls"]).words))
    return rows


def _read_again(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    proof = found["verified"]
    return [
        ("At", proof["read_at"]),
        ("Objects left", f"{proof['objects_left']:,}"),
        ("Documents left", f"{proof['documents_left']:,}"),
        ("Uploads left", f"{proof['uploads_left']:,}"),
        ("Other files compared", f"{proof['neighbours']:,}"),
        ("Other files affected", f"{len(proof['disturbed']):,}"),
        ("Prefixes listed", ", ".join(proof["prefixes"])),
    ]


def as_text(found: Mapping[str, Any]) -> str:
    """The certificate for printing: plain text, one fact a line, long lines as they are."""
    title = "CERTIFICATE OF DELETION"
    parts: list[tuple[str, list[str]]] = [
        ("What was done, by the result of each key", [f"{n}: {v}" for n, v in _done(found)]),
        ("What was verified afterwards, in both stores", [f"{n}: {v}" for n, v in _read_again(found)]),
        ("What is left", list(found["verified"]["residue"]) or ["nothing"]),
        ("Other files that went missing", list(found["verified"]["disturbed"]) or ["nothing"]),
        ("What was claimed and never seen", list(found["verified"].get("never_seen", ())) or ["nothing"]),
        ("What this does not remove", list(found["outlives"])),
        (
            "Seal",
            [
                f"Job {found['certificate_of']}",
                f"Plan {found['plan_id']}",
                f"Fingerprint {found['fingerprint']}",
                f"Made by {found['maker'] or 'somebody unknown'}",
                f"Issued at {found['issued_at']}",
            ],
        ),
    ]
    lines = [title, "=" * len(title)]
    for heading, rows in parts:
        lines += ["", heading, "-" * len(heading), *(plain(row, 4_000) for row in rows)]
    return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class JobStep:
    """One step; `batches` is the number of finished batches while the step is under way."""

    name: str
    words: str
    place: Place
    batches: int = 0


@dataclass(frozen=True, slots=True)
class ProgressSample:
    """The number of objects and documents done at one moment."""

    at: datetime
    done: int


def steps(job: Job) -> tuple[JobStep, ...]:
    """Every step of this kind of job; an unknown step comes last, under its own name."""
    known = list({"purge": _PURGE, "undo": _UNDO, "empty": _EMPTY}[job.kind])
    if job.kind == "purge":
        left_out = "save" if job.erase else "earlier quarantines"
        known = [step for step in known if step[0] != left_out]
        known = [(name, "Delete objects") if job.erase and name == "objects" else (name, text) for name, text in known]
    names = [name for name, _ in known]
    if job.step and job.step not in names:
        known.append((job.step, job.step))
        names.append(job.step)
    at = len(names) if job.state in ENDED else names.index(job.step) if job.step else -1
    places: list[JobStep] = []
    for nth, (name, words) in enumerate(known):
        place: Place = "done" if nth < at else "now" if nth == at else "next"
        places.append(JobStep(name, words, place, job.batch if place == "now" else 0))
    return tuple(places)


def handled(job: Job) -> int:
    """The number of objects and documents done: deleted, already gone, or skipped because they changed."""
    tally = job.tally
    return tally.objects + tally.documents + tally.already_gone + tally.left_alone


def total(job: Job) -> int:
    """The number of objects and documents of the whole job."""
    return job.objects_total + job.documents_total


def rate(samples: list[ProgressSample]) -> float | None:
    """Objects and documents a second between the first and the last sample; `None` while the rate is unknown."""
    if len(samples) < 2:
        return None
    seconds = (samples[-1].at - samples[0].at).total_seconds()
    done = samples[-1].done - samples[0].done
    return done / seconds if seconds >= 1 and done > 0 else None


def sampled(samples: list[ProgressSample], now: datetime, done: int) -> list[ProgressSample]:
    """The samples of the last `RATE_SECONDS`, with this one."""
    recent = [sample for sample in samples if (now - sample.at).total_seconds() <= RATE_SECONDS]
    return [*recent, ProgressSample(now, done)]


def draw_job(job_id: str) -> None:
    """Draws the job; while it is running, only its progress draws itself again every second."""
    job = loads.job(job_id).value
    _head(job)
    if moves(job):
        st.fragment(partial(_watched, job_id, job.state), run_every=POLL_SECONDS)()
        return
    _progress(job)
    _controls(job)
    if _just_ended(job):
        loads.forget_user(job.scope.uid)
    feedback.section("the outcome", partial(draw_outcome, job), key=key(PAGE, "outcome"), unknown="what it proved")


def moves(job: Job) -> bool:
    """Whether the page must watch the job: it is running, will resume by itself, or was just resumed."""
    return job.state in GOES_ON_BY_ITSELF or _resumed(job)


def _resumed(job: Job) -> bool:
    """Whether somebody in this session resumed it, and its worker may still be starting."""
    at = st.session_state.get(key(PAGE, "resumed", job.job_id))
    late = not isinstance(at, datetime) or (datetime.now(UTC) - at).total_seconds() > purges.START_SECONDS
    return job.state in RESUMABLE and not late


def _just_ended(job: Job) -> bool:
    """True once for each job and session; the caller then drops caches, so no page shows what the job deleted."""
    known: set[str] = st.session_state.setdefault(key(PAGE, "ended"), set())
    fresh = job.job_id not in known
    known.add(job.job_id)
    return fresh


def _head(job: Job) -> None:
    now = datetime.now(UTC)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.subheader(f"{_TITLES[job.kind]} {md(job.scope.spelled, 160)}", width="content", anchor=False)
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
        st.page_link(
            SCREENS["user"].file, label="Customer", icon=":material/person:", query_params={UID: job.scope.uid}
        )
        if allowed("audit.read"):
            question = {"text": job.fingerprint, UID: job.scope.uid}
            st.page_link(SCREENS["audit"].file, label="Audit", icon=":material/history:", query_params=question)
        if job.of:
            st.page_link(here, label="The purge", icon=":material/arrow_back:", query_params={"job": job.of})
        if job.undo_job:
            st.page_link(here, label="Its undo", icon=":material/undo:", query_params={"job": job.undo_job})
    st.markdown(f":gray[Why:] {md(job.reason, 2_000)}")


def _watched(job_id: str, before: str) -> None:
    """Looks once. If the job ended or waits, draws the whole page again."""
    feedback.section("the progress", partial(_look, job_id, before), key=key(PAGE, "progress"), unknown="how far it is")


def _look(job_id: str, before: str) -> None:
    require("purge.plan", active=False)
    job = loads.job(job_id).value
    if not moves(job):
        loads.forget_purges()
        st.rerun()
    _progress(job)
    _controls(job)
    st.caption(":material/info: It runs in its own process: you can close this tab and come back to its address.")


def _progress(job: Job) -> None:
    now = datetime.now(UTC)
    with st.container(border=True, key=key(PAGE, "progress_box")):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            status.badge("job", lists.shown_state(job))
            st.markdown(_sentence(job), width="content")
        st.progress(job.share_done, text=_numbers(job, now))
        left, right = st.columns([3, 2], gap="medium")
        with left:
            st.markdown("  \n".join(_step(step) for step in steps(job)))
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
        return "No worker has it. The desk resumes it within a minute; Resume does so at once."
    if job.state == "interrupted":
        return "It waits after a fault that may pass, and continues by itself."
    if job.state in ENDED and job.finished_at and job.started_at:
        seconds = (job.finished_at - job.created_at).total_seconds()  # as who began it waited, its worker's start too
        return f"It took {format.span(seconds) if seconds >= 1 else 'less than a second'}."
    return status.look("job", job.state).meaning


def _numbers(job: Job, now: datetime) -> str:
    """The number done of all; while it is running also the rate and the time left, from the last seconds."""
    done, whole = handled(job), total(job)
    words = f"{done:,} of {whole:,} objects and documents"
    if job.state != "running":
        mean = job.objects_per_second(now) if job.state in ENDED and job.finished_at else 0.0
        return f"{words}  ·  {mean:,.0f} objects a second" if mean >= 1 else words
    name = key(PAGE, "samples", job.job_id)
    samples = sampled(st.session_state.get(name, []), now, done)
    st.session_state[name] = samples
    speed = rate(samples)
    if speed is None:
        return words
    return f"{words}  ·  {speed:,.0f} a second  ·  about {format.span((whole - done) / speed)} left"


def _step(step: JobStep) -> str:
    words = md(step.words)
    if step.place == "now":
        words = f"**{words}**" + (f" :gray[batch {step.batches + 1:,}]" if step.batches else "")
    elif step.place == "next":
        words = f":gray[{words}]"
    return f"{_PLACES[step.place]} {words}"


def _tally(job: Job) -> None:
    """Draws the counts as one text: it is drawn every second, and many small parts would flicker."""
    verb = "restored" if job.kind == "undo" else "deleted"
    tally = job.tally
    rows = [
        (f"Objects {verb}", f"**{tally.objects:,}** of {job.objects_total:,}"),
        ("Bytes", f"**{format.size(tally.bytes).text}** of {format.size(job.bytes_total).text}"),
        (f"Documents {verb}", f"**{tally.documents:,}** of {job.documents_total:,}"),
        ("Uploads aborted", f"**{tally.uploads:,}**"),
        ("Already gone", f"**{tally.already_gone:,}**"),
        ("Skipped, changed since", f"**{tally.left_alone:,}**"),
    ]
    st.markdown(
        "  \n".join(f":gray[{name}] {value}" for name, value in rows),
        help="Already gone: in the plan, but absent before its turn. "
        "Skipped: in the plan, but changed since, so it was not touched.",
    )


def _nobody(job: Job) -> bool:
    return job.abandoned and not purges.starting(job)


def _controls(job: Job) -> None:
    """Draws Cancel while the job is running, and Resume where it stopped. An emptying can only be resumed."""
    needed: Action = "purge.undo" if job.kind == "undo" else "purge.apply"
    if job.state not in RESUMABLE:
        return
    stop, no_cancel = stopped_by(needed), stopped_by("purge.apply")
    going = _resumed(job) or (job.state in GOES_ON_BY_ITSELF and not _nobody(job))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        rests = not job.held and not _resumed(job) and (not going or job.state == "interrupted")
        if rests and st.button(
            "Resume",
            type="secondary" if stop else "primary",
            icon=":material/play_arrow:",
            disabled=bool(stop),
            help=stop or None,
            key=key(PAGE, "resume"),
        ):
            _act(job, needed, resuming=True)
        stoppable = job.kind != "empty" and job.state in GOES_ON_BY_ITSELF and not job.cancel_by
        if stoppable:
            if st.button(
                "Cancel",
                icon=":material/stop_circle:",
                disabled=bool(no_cancel),
                help=no_cancel or None,
                key=key(PAGE, "cancel"),
            ):
                _act(job, "purge.apply", resuming=False)
            st.caption("Stops between two batches; what is deleted stays deleted, and can be undone.", width="content")


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
