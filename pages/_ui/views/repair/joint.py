"""Draws a joint repair: what to do with the chosen videos, the plan row by row, its job, and the way back.

A plan and a job are in the address (`repair`), so a second person opens the same plan by its link, and F5 keeps it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

import pandas as pd
import streamlit as st

from pages._ui import focusing
from pages._ui.access.guard import allowed, guarded, require, stopped_by
from pages._ui.data import joint, loads
from pages._ui.kit import feedback, params, session, tables
from pages._ui.kit.session import key, url_for
from pages._ui.kit.text import md
from pages._ui.views import elsewhere, row_plans
from pages._ui.views.row_plans import PlanPlace
from storage.domain.joint_repair import WHEN_WRITTEN, JointAction, JointPlan, JointRow, RowOutcome, ShownChange
from storage.domain.policy import Actor
from storage.domain.purge.job import GOES_ON_BY_ITSELF, Job
from storage.text import number

PARAM: Final = "repair"
PAGE: Final = "processing"
_PLACE: Final = PlanPlace(joint.PLANS, PAGE, PARAM, "joint", "row")
_PAIRS: Final = key(PAGE, "joint-pairs")  # session key: the videos that a repair is being chosen for
_WHAT: Final[dict[JointAction, str]] = {
    "set-status:failed": "Set to failed, so that the customer can try again",
    "set-status:completed": "Set to completed, where every clip is there",
    "rebuild-highlights": "Rebuild the highlights from the other place",
    "recount": "Correct the counters of their customers",
}


def offer(pairs: Sequence[tuple[str, str]], label: str, *, name: str, first: bool = False) -> None:
    """Draws the button that chooses a repair for these videos, greyed for who may not; `first` is the main one."""
    if pairs:
        stop = stopped_by("fix")
        st.button(
            label,
            key=key(PAGE, "joint", name),
            icon=":material/build:",
            type="primary" if first and not stop else "secondary",
            disabled=bool(stop),
            help=stop or None,
            on_click=_choose,
            args=(tuple(pairs),),
        )


def ticks() -> tables.SelectionMode:
    """Rows are ticked by those who may repair them."""
    return "many" if allowed("fix") else "none"


def offer_ticked(rows: Sequence[str], *, name: str) -> None:
    """As `offer`, for the rows (`uid/video_id`) that are ticked; without any it says what a tick is for."""
    if rows:
        pairs = [(uid, video_id) for uid, _, video_id in (row.partition("/") for row in rows)]
        offer(pairs, f"Repair the {number(len(rows), 'selected video')}…", name=name, first=True)
    elif allowed("fix"):
        st.caption("Tick rows to repair several in one go.", width="content")


def _choose(pairs: tuple[tuple[str, str], ...]) -> None:
    session.renew_nonce(key(PAGE, "joint-nonce"))
    st.session_state[_PAIRS] = pairs


def _drop() -> None:
    st.session_state.pop(_PAIRS, None)


def dialog() -> None:
    """Draws the dialog that asks what to do, where videos were chosen."""
    pairs = st.session_state.get(_PAIRS)
    if pairs:
        title = f"Repair {number(len(pairs), 'video')}"
        st.dialog(title, width="medium", icon=":material/build:", on_dismiss=_drop)(_ask)(pairs)


def _ask(pairs: tuple[tuple[str, str], ...]) -> None:
    if _PAIRS not in st.session_state:
        st.rerun()
    require("fix")
    st.caption("The next step shows what would change in each video. Nothing is changed before you apply that.")
    nonce = session.nonce(key(PAGE, "joint-nonce"))
    what = st.radio(
        "What is to be done",
        list(_WHAT),
        format_func=lambda one: _WHAT[one],
        key=key(PAGE, "joint", nonce, "what"),
    )
    focusing.begin_in(key(PAGE, "joint", nonce, "what"), key=key(PAGE, "joint", nonce, "focus"))
    st.button(
        "Show what will change",
        key=key(PAGE, "joint", nonce, "make"),
        type="primary",
        icon=":material/difference:",
        on_click=_make,
        args=(pairs, what),
    )


@guarded("fix")
def _make(who: Actor, pairs: tuple[tuple[str, str], ...], what: JointAction) -> None:
    if st.session_state.pop(_PAIRS, None) is None:
        return  # a second click: the first one made the plan
    st.query_params[PARAM] = joint.make(who, pairs, what)


def shown() -> bool:
    """Draws the plan or the job that the address names; false where it names none."""
    name = params.read(PARAM)
    if name is None:
        return False
    st.button("Back to the list", key=key(PAGE, "joint-back"), icon=":material/arrow_back:", on_click=_back)
    if elsewhere.led(name, PAGE, PARAM):
        return True
    draw = _plan if joint.PLANS.is_plan(name) else _job
    feedback.section("the repair", partial(draw, name), key=key(PAGE, "joint"), unknown="what it would change")
    return True


def _back() -> None:
    st.query_params.pop(PARAM, None)


def _plan(plan_id: str) -> None:
    require("fix")
    with feedback.loading("Reading the plan…", 300):
        plan = joint.PLANS.plan(plan_id)
        standing = joint.PLANS.standing(plan)
    willing, refused = plan.willing, len(plan.rows) - plan.willing
    noun = "customer" if plan.action == "recount" else "video"
    st.subheader(f"{_WHAT[plan.action]}: {number(willing, noun)}", anchor=False)
    st.caption(
        f"Planned by {md(plan.maker, 80)}. Valid until {plan.expires_at:%H:%M} UTC. The evidence of each row is read "
        "again at its turn: a row that changed since is refused, and the others go on."
    )
    is_open = row_plans.standing(standing)
    if refused:
        st.warning(f"{number(refused, 'row')} would be left out; the list says why.", icon=":material/block:")
    _changes(plan)
    if not is_open:
        return
    if willing and row_plans.agreed(_PLACE, plan, "fix"):
        row_plans.apply_form(_PLACE, plan, f"Repair {number(willing, noun)}", ":material/build:", "fix")
    row_plans.discard_button(_PLACE, plan, "fix")


def _changes(plan: JointPlan) -> None:
    """A row for each video, with its changes beside each other; the times that the repair itself writes go without."""
    changes = [
        "; ".join(f"{c.field}: {_word(c.before)} → {_word(c.after)}" for c in _telling(row)) for row in plan.rows
    ]
    _rows(
        [(row.uid, row.video_id) for row in plan.rows],
        {"changes": changes, "refused": [row.refused or None for row in plan.rows]},
        {
            "changes": st.column_config.TextColumn("What changes", width="large"),
            "refused": st.column_config.TextColumn("Left out, because", width="medium"),
        },
        name="plan",
        alt="What would change in each video",
    )


def _rows(
    subjects: Sequence[tuple[str, str]],
    values: Mapping[str, Sequence[Any]],
    columns: Mapping[str, Any],
    *,
    name: str,
    alt: str,
) -> None:
    """Draws a list with a row for each (uid, video id): its video, its customer, and these values."""
    frame = pd.DataFrame(
        {
            "id": [str(place) for place in range(len(subjects))],
            "open": [_address(uid, video_id) for uid, video_id in subjects],
            "subject": [video_id or uid for uid, video_id in subjects],
            "customer": [uid for uid, _ in subjects],
            **values,
        }
    )
    tables.table(
        frame,
        key=key(PAGE, f"joint-{name}"),
        alt=alt,
        id_column="id",
        columns={"open": tables.link("Open"), "subject": "Video", "customer": "Customer", **columns},
        csv_name=f"repair-{name}",
    )


def _telling(row: JointRow) -> list[ShownChange]:
    return [one for one in row.changes if _word(one.after) != WHEN_WRITTEN]


def _word(text: str) -> str:
    if not text:
        return "(absent)"
    value = json.loads(text)
    return value if isinstance(value, str) else text


def _address(uid: str, video_id: str) -> str:
    return url_for("video", uid=uid, video_id=video_id) if video_id else url_for("user", uid=uid)


def _job(job_id: str) -> None:
    require("fix")
    job = loads.job(job_id).value
    if job.state in GOES_ON_BY_ITSELF:
        _running(job_id)
    else:
        _ended(job)


@st.fragment(run_every="1s")
def _running(job_id: str) -> None:
    """Draws itself again each second, which keeps no session alive, until the job has ended."""
    if not allowed("fix"):
        return
    job = loads.job(job_id).value
    if job.state not in GOES_ON_BY_ITSELF:
        joint.PLANS.forget()
        st.rerun()
    done = job.tally.documents + job.tally.left_alone
    st.progress(done / max(1, job.documents_total), f"{done:,} of {number(job.documents_total, 'row')}")


def _ended(job: Job) -> None:
    found = joint.PLANS.outcomes(job)
    made = sum(one.outcome == "done" for one in found)
    word = "undone" if job.kind == "repair_undo" else "made"
    row_plans.ended(_PLACE, job, made, word)
    _outcomes(found)
    if job.kind == "repair" and made and job.state != "undone":
        row_plans.undo_form(_PLACE, job, made, "fix")


def _outcomes(found: Sequence[RowOutcome]) -> None:
    if not found:
        return
    words: dict[str, str] = {"done": "Done", "refused": "Refused", "failed": "Failed"}
    _rows(
        [(one.uid, one.video_id) for one in found],
        {"outcome": [words[one.outcome] for one in found], "why": [one.why or None for one in found]},
        {"outcome": "Outcome", "why": st.column_config.TextColumn("Why", width="large")},
        name="outcomes",
        alt="What became of each row",
    )
