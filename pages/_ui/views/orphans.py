"""Draws what may be done with an object that no document names: the steps of a finding, the plan, its job, the undo.

A plan and a job are in the address (`orphans`), so a second person opens the same plan by its link, and F5 keeps it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

import pandas as pd
import streamlit as st

from pages._ui.access.guard import allowed, guarded, require, stopped_by
from pages._ui.data import loads, orphans
from pages._ui.kit import feedback, format, params, tables
from pages._ui.kit.session import key
from pages._ui.kit.text import md
from pages._ui.views import elsewhere, row_plans
from pages._ui.views.row_plans import PlanPlace
from storage.actions.orphans import needed_action, needed_to_plan
from storage.domain.integrity import Finding, Report
from storage.domain.orphans import OrphanAction, OrphanOutcome, OrphanPlan, OrphanRow
from storage.domain.policy import Action
from storage.domain.purge.job import GOES_ON_BY_ITSELF, NEEDED, Job
from storage.domain.purge.scope import Scope
from storage.text import moment, number

PARAM: Final = "orphans"
PAGE: Final = "uploads"
_PLACE: Final = PlanPlace(orphans.PLANS, PAGE, PARAM, "orphans", "file")
_IN_FULL: Final = 5  # files of a plan that are drawn in full; more become a list
_VERB: Final[dict[OrphanAction, str]] = {"adopt": "Adopt", "remove": "Remove"}
_ICON: Final[dict[OrphanAction, str]] = {"adopt": ":material/note_add:", "remove": ":material/delete:"}
_SAID: Final[dict[OrphanAction, str]] = {
    "adopt": "Adopting makes the document of each clip from its file name and its own index, and raises the counters.",
    "remove": "Removing deletes exactly these files. A copy of each is kept, so that an undo puts it back.",
}


def offer(finding: Finding) -> None:
    """Draws the steps that lead from a finding to a plan for its object; greyed for who may not make one."""
    if finding.kind != "orphan_object" or not finding.key:
        return
    scope = Scope(finding.uid, finding.video_id)
    for action in ("adopt", "remove") if finding.key.endswith(".mp4") else ("remove",):
        _button(f"{_VERB[action]}…", action, scope, (finding.key,), name="one", tip=_SAID[action])


def offer_all(report: Report) -> None:
    """Draws the same steps for everything that a check found, and for the caches past their time."""
    found = [one.key for one in report.findings if one.kind == "orphan_object" and one.key]
    overdue = sum(cache.overdue for cache in report.caches)
    if report.suspicion is not None or not report.complete or not (found or overdue):
        return
    scope = Scope(report.uid, report.video_id)
    with st.container(horizontal=True, gap="small"):
        if clips := [one for one in found if one.endswith(".mp4")]:
            _button(f"Adopt {number(len(clips), 'file')}…", "adopt", scope, (), name="all", tip=_SAID["adopt"])
        if found:
            _button(f"Remove {number(len(found), 'file')}…", "remove", scope, (), name="all", tip=_SAID["remove"])
        if overdue:
            label = f"Remove {number(overdue, 'overdue cache')}…"
            _button(label, "remove", scope, (), name="caches", tip=_SAID["remove"], caches=True)


def _button(
    label: str,
    action: OrphanAction,
    scope: Scope,
    keys: tuple[str, ...],
    *,
    name: str,
    tip: str,
    caches: bool = False,
) -> None:
    needed = needed_to_plan(action)
    stop = stopped_by(needed)
    st.button(
        label,
        key=key(PAGE, "orphans", name, action),
        icon=_ICON[action],
        disabled=bool(stop),
        help=stop or f"{tip} The next step shows the plan; nothing is changed before you apply it.",
        on_click=guarded(needed)(row_plans.leads(_PLACE, orphans.make)),
        args=(scope, action, keys),
        kwargs={"caches": caches},
    )


def shown() -> bool:
    """Draws the plan or the job that the address names; false where it names none."""
    name = params.read(PARAM)
    if name is None:
        return False
    st.title("Uploads", width="content", anchor=False)
    st.button("Back to the findings", key=key(PAGE, "orphans-back"), icon=":material/arrow_back:", on_click=_back)
    if elsewhere.led(name, PAGE, PARAM):
        return True
    draw = _plan if orphans.PLANS.is_plan(name) else _job
    feedback.section("the plan", partial(draw, name), key=key(PAGE, "orphans"), unknown="what it would do")
    return True


def _back() -> None:
    st.query_params.pop(PARAM, None)


def _plan(plan_id: str) -> None:
    with feedback.loading("Reading the plan…", 300):
        plan = orphans.PLANS.plan(plan_id)
        standing = orphans.PLANS.standing(plan)
    require(needed_to_plan(plan.action), active=False)
    willing = plan.willing
    st.subheader(f"{_VERB[plan.action]} {number(len(willing), 'file')} of {md(plan.scope.spelled, 200)}", anchor=False)
    st.caption(
        f"{_SAID[plan.action]} Planned by {md(plan.maker, 80)}. Valid until {plan.expires_at:%H:%M} UTC. Everything is "
        "read again at each file's turn: what changed since, or is named by a document then, is left alone."
    )
    is_open = row_plans.standing(standing)
    if refused := len(plan.rows) - len(willing):
        st.warning(f"{number(refused, 'file')} would be left alone; the list says why.", icon=":material/block:")
    _files(plan.rows, plan.action)
    if not is_open:
        return
    if willing:
        _decide(plan)
    row_plans.discard_button(_PLACE, plan, needed_to_plan(plan.action))


def _files(rows: Sequence[OrphanRow], action: OrphanAction) -> None:
    if len(rows) <= _IN_FULL:
        for row in rows:
            _file(row)
        return
    frame = pd.DataFrame(
        {
            "id": [row.key for row in rows],
            "file": [row.key.rpartition("/")[2] for row in rows],
            "video": [row.video_id for row in rows],
            "size": [row.size_bytes for row in rows],
            "modified": [row.modified for row in rows],
            "document": [_document(row) for row in rows],
            "why": [f"Left alone: {row.refused}" if row.refused else row.why for row in rows],
        }
    )
    columns = {
        "file": st.column_config.TextColumn("File", width="medium"),
        "video": "Video",
        "size": tables.size("Size"),
        "modified": tables.moment("Written"),
        "document": st.column_config.TextColumn("Its document", width="medium"),
        "why": st.column_config.TextColumn("Why", width="large"),
    }
    if action == "remove":
        frame, columns = frame.drop(columns="document"), {k: v for k, v in columns.items() if k != "document"}
    tables.table(
        frame,
        key=key(PAGE, "orphans-files"),
        alt="The files of the plan",
        id_column="id",
        columns=columns,
        csv_name="orphans",
    )


def _file(row: OrphanRow) -> None:
    with st.container(border=True, gap="small"):
        written = "" if row.modified is None else f", written {moment(row.modified)}"
        facts = f":small[:gray[{format.size(row.size_bytes).text}{written}]]" if row.etag else ""
        st.markdown(f"**{md(row.key.rpartition('/')[2], 200)}** {facts}")
        if document := _document(row):
            st.markdown(f":material/note_add: {md(document, 400)}")
        if row.refused:
            st.markdown(f":material/block: Left alone: {md(row.refused, 400)}")
        else:
            st.markdown(f":material/check: {md(row.why, 400)}")
        st.caption(md(row.key, 500))


def _document(row: OrphanRow) -> str | None:
    held = row.document
    if not held:
        return None
    picture = "with its thumbnail" if held["has_thumbnail"] else "without a thumbnail"
    return f"{row.clip_id}: “{held['scene_title']}”, {held['style']}, {held['duration_seconds']:.1f} s, {picture}"


def _decide(plan: OrphanPlan) -> None:
    if not allowed(needed_action(plan.action)):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.info("An admin applies it. Send them the address of this page.", icon=":material/send:")
            _PLACE.link(plan.plan_id)
        return
    if row_plans.agreed(_PLACE, plan, orphans.PLANS.plans.to_approve(plan)):
        label = f"{_VERB[plan.action]} {number(len(plan.willing), 'file')}"
        row_plans.apply_form(_PLACE, plan, label, _ICON[plan.action], needed_action(plan.action))


def _job(job_id: str) -> None:
    job = loads.job(job_id).value
    require(_to_see(job), active=False)
    if job.state in GOES_ON_BY_ITSELF:
        _running(job_id)
    else:
        _ended(job)


def _to_see(job: Job) -> Action:
    return "fix" if NEEDED.get(job.kind) == "fix" else "purge.plan"


@st.fragment(run_every="1s")
def _running(job_id: str) -> None:
    """Draws itself again each second, which keeps no session alive, until the job has ended."""
    job = loads.job(job_id).value
    if not allowed(_to_see(job)):
        return
    if job.state not in GOES_ON_BY_ITSELF:
        orphans.PLANS.forget()
        st.rerun()
    tally = job.tally
    done, total = tally.objects + tally.documents + tally.left_alone, job.objects_total + job.documents_total
    st.progress(min(1.0, done / max(1, total)), f"{done:,} of {number(total, 'file')}")


def _ended(job: Job) -> None:
    found = orphans.PLANS.outcomes(job)
    made = sum(one.outcome == "done" for one in found)
    words = {"adopt": "adopted", "remove": "removed"}.get(job.kind, "undone")
    row_plans.ended(_PLACE, job, made, words)
    _outcomes(found)
    undoing: Action = "fix" if job.kind == "adopt" else "purge.undo"
    if not job.of and made and job.state != "undone":
        row_plans.undo_form(_PLACE, job, made, undoing)


def _outcomes(found: Sequence[OrphanOutcome]) -> None:
    if not found:
        return
    words: dict[str, str] = {"done": "Done", "refused": "Left alone", "failed": "Failed"}
    frame = pd.DataFrame(
        {
            "id": [one.key for one in found],
            "file": [one.key.rpartition("/")[2] for one in found],
            "video": [one.video_id for one in found],
            "outcome": [words[one.outcome] for one in found],
            "why": [one.why or None for one in found],
        }
    )
    columns = {
        "file": st.column_config.TextColumn("File", width="medium"),
        "video": "Video",
        "outcome": "Outcome",
        "why": st.column_config.TextColumn("Why", width="large"),
    }
    tables.table(
        frame,
        key=key(PAGE, "orphans-outcomes"),
        alt="What became of each file",
        id_column="id",
        columns=columns,
        csv_name="orphans-outcomes",
    )
