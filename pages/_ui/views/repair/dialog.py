"""Draws the dialog of one repair: it asks, shows what will change, makes exactly that change, and keeps the outcome.

A dialog runs again without the page around it, so every step asks again whether it is permitted. A callback makes the
change, because no click elsewhere can interrupt a callback; it takes the plan with it, so a second click finds none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from pages._ui import focusing
from pages._ui.access.guard import require
from pages._ui.data import audit_looks, loads
from pages._ui.data.resources import repair_context
from pages._ui.kit import feedback, format, session, tables
from pages._ui.kit.session import key
from pages._ui.kit.text import md, plain
from pages._ui.views import what_if
from pages._ui.views.repair.kinds import Done, Preview, Subject
from pages._ui.views.repair.outcome import RepairOutcome, RepairTarget, outcome_key
from storage.actions import repair
from storage.domain.actor_and_reason import LEAST_REASON_CHARS
from storage.domain.audit_chain import Event
from storage.domain.changes import ABSENT, FieldChange
from storage.errors import Refused, StorageError, Unsettled


@dataclass(frozen=True, slots=True)
class _Planned:
    target: RepairTarget
    asked: str  # the values of the fields that it was made from
    reason: str
    preview: Preview


def _open(page: str) -> str:
    return key(page, "fix", "open")


def _plan(page: str) -> str:
    return key(page, "fix", "plan")


def start(target: RepairTarget) -> None:
    """For the button of a repair: opens its dialog with empty fields."""
    session.renew_nonce(key(target.page, "fix", "nonce"))
    _drop(target.page)
    st.session_state.pop(outcome_key(target.page), None)
    st.session_state[_open(target.page)] = target


def _drop(page: str) -> None:
    st.session_state.pop(_open(page), None)
    st.session_state.pop(_plan(page), None)


def is_open(page: str, uid: str, video_id: str) -> bool:
    """Whether the dialog of a repair of this video is open on the page."""
    target = st.session_state.get(_open(page))
    return isinstance(target, RepairTarget) and (target.uid, target.video_id) == (uid, video_id)


def draw(subject: Subject, *, page: str) -> None:
    """Draws the dialog, where one is open for this video or user."""
    target = st.session_state.get(_open(page))
    if not isinstance(target, RepairTarget):
        return
    if (target.uid, target.video_id) != (subject.uid, subject.video_id):
        _drop(page)
        return
    kind = target.kind
    show = st.dialog(kind.title, width="large", icon=f":material/{kind.icon}:", on_dismiss=partial(_drop, page))(_body)
    show(target, subject)


def _body(target: RepairTarget, subject: Subject) -> None:
    if _open(target.page) not in st.session_state:
        st.rerun()  # it was confirmed: the page shows how it ended
    form = partial(_form, target, subject)
    feedback.section(target.kind.title.lower(), form, key=key(target.page, "fix", "form"), apart=True)


def _form(target: RepairTarget, subject: Subject) -> None:
    kind = target.kind
    who = require(kind.action)
    number = session.nonce(key(target.page, "fix", "nonce"))

    def name(short: str) -> str:
        return key(target.page, "fix", number, short)

    st.caption(kind.about)
    kind.inputs(subject, name)
    reason = st.text_input(
        "Reason, with the ticket",
        key=name("reason"),
        max_chars=1_000,
        live=True,
        placeholder="Why, for the readers of the audit",
    )
    focusing.begin_in(name("reason"), key=key(target.page, "fix", "focus"))
    values = {short: st.session_state.get(name(short)) for short in kind.fields}
    asked = _fingerprint(values, reason)
    planned = st.session_state.get(_plan(target.page))
    planned = planned if isinstance(planned, _Planned) and planned.asked == asked else None
    short_reason = len(reason.strip()) < LEAST_REASON_CHARS
    if st.button(
        "Show what will change",
        key=name("show"),
        icon=":material/difference:",
        disabled=short_reason,
        type="secondary" if planned else "primary",
    ):
        about = Event(kind.audited, "-", reason=reason, uid=target.uid, video_id=target.video_id)
        with st.spinner("Reading both stores…"), audit_looks.refusals(who, about):
            planned = _Planned(target, asked, reason, kind.preview(repair_context(), subject, values, reason))
            if planned.preview.blocked:
                audit_looks.refused(who, about, Refused("It is refused.", reasons=planned.preview.blocked))
        st.session_state[_plan(target.page)] = planned
    if planned is not None:
        _confirmation(planned, name("confirm"))


def _fingerprint(values: Mapping[str, Any], reason: str) -> str:
    plain_values = {name: getattr(value, "file_id", value) for name, value in values.items()}
    return json.dumps([plain_values, reason], sort_keys=True, default=str)


def _confirmation(planned: _Planned, name: str) -> None:
    preview = planned.preview
    for note in preview.notes:
        st.caption(md(note, 400))
    if preview.blocked:
        st.warning(
            "\n".join(f"- {md(ground, 400)}" for ground in preview.blocked),
            title="Refused",
            icon=":material/shield:",
        )
        return
    if not preview.changes:
        st.success("There is nothing to change: every field is as it should be.", icon=":material/check_circle:")
        return
    if preview.picture is not None:
        st.image(preview.picture, width=240)
    differences(preview.changes)
    supposed = preview.supposed
    if supposed is not None:
        what_if.beside(planned.target.uid, lambda usage: supposed, page=planned.target.page)
    st.caption("The desk writes it only if documents and objects are still as shown here. You can undo it afterwards.")
    st.button(md(preview.verb, 60), key=name, type="primary", icon=":material/edit:", on_click=confirm, args=(planned,))


def differences(changes: Sequence[FieldChange]) -> None:
    """Draws every field that will change, with its value now and afterwards."""
    changed = [change for change in changes if change.before != change.after]
    rows = [
        {
            "Field": change.field,
            "Now": _value(change.before),
            "Will be": _value(change.after),
            "Document": _short(change.path),
        }
        for change in changed[:500]
    ]
    if rows:
        columns = {name: name for name in rows[0]}
        tables.table(pd.DataFrame(rows), key="changed-fields", alt="Fields that will change", columns=columns)
    if len(changed) > len(rows):
        st.caption(f"The first {len(rows):,} of {len(changed):,} fields.")
    if same := len(changes) - len(changed):
        st.caption(f"Written again, unchanged: {same:,} field{'' if same == 1 else 's'}.")


def _short(path: str) -> str:
    return "/".join(path.split("/")[-2:])


def _value(value: Any) -> str:
    if value is ABSENT:
        return "(absent)"
    if value is None:
        return "null"
    if isinstance(value, datetime):
        return format.utc(value).text
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, Mapping):
        return plain(", ".join(f"{name}: {value[name]}" for name in sorted(value)), 200)
    if isinstance(value, list | tuple):
        return f"{len(value):,} entries: {plain(json.dumps(value, default=str, ensure_ascii=False), 160)}"
    return plain(str(value), 200)


def confirm(planned: _Planned) -> None:
    """For the button that changes: makes the change once, and keeps the outcome for the page to show."""
    target = planned.target
    waiting = session.take(_plan(target.page))
    if waiting is not planned:
        return  # it was already sent, or planned again meanwhile
    kind = target.kind
    try:
        made = repair.apply(repair_context(), require(kind.action), planned.preview.plan, planned.reason)
        ended = RepairOutcome(target, done=Done(planned.preview.done, made.change_ids))
    except Unsettled as error:
        ended = RepairOutcome(target, error=error, done=Done("", (error.change_id,)))
    except StorageError as error:
        ended = RepairOutcome(target, error=error)
    except Exception as error:
        ended = RepairOutcome(target, incident=feedback.record(error, f"changing: {kind.title}"))
    finally:
        loads.forget_user(target.uid)
    _drop(target.page)
    st.session_state[outcome_key(target.page)] = ended
