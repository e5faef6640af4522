"""Draws the targets of alerts, with a button to try each, the alerts with who took them, and the rules."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import pandas as pd
import streamlit as st

from pages._ui.access.guard import guarded, stopped_by
from pages._ui.data import alerting, loads
from pages._ui.data.resources import stores
from pages._ui.kit import feedback, session, status, tables
from pages._ui.kit.feedback import freshness
from pages._ui.kit.session import key
from pages._ui.kit.text import md
from storage.domain.alerts import RULES, TEXTS, KeptAlert
from storage.domain.policy import Actor
from storage.errors import StorageError
from storage.repositories.alerts import StoredAlert
from storage.text import number

PAGE: Final = "alerts"
_TRIED: Final = key(PAGE, "tried")  # session key: the answer of the last trial, until the page has shown it
_SECOND_CLICK_SECONDS: Final = 2.0  # short: who presses again after looking for the message wants another one


def targets() -> None:
    """Draws each target with the state of its last message, or says how to set one."""
    found = alerting.targets()
    if not found:
        feedback.empty(
            "No alerts are sent: `ALERT_URLS` is not set.",
            icon="notifications_off",
            hint="Set it to Apprise URLs (Slack, Teams, mail, webhooks); see README, Alerts.",
        )
        return
    _say_trial()
    known = loads.alerts().value
    quiet = stores().settings.alerts.quiet_hours
    if quiet is not None:
        st.caption(f"Quiet from {quiet.begin:%H:%M} to {quiet.end:%H:%M} UTC: only urgent alerts are sent then.")
    for target in found:
        failing = sum(target.name in one.kept.failed for one in known)
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            shown = status.badge_md("check", "failed" if failing else "ok")
            words = f"did not accept {number(failing, 'alert')}; the next run sends them again" if failing else ""
            st.markdown(f"{shown} **{md(target.name, 60)}** {words}", width="stretch")
            stop = stopped_by("alerts.try")
            st.button(
                "Send a trial",
                key=key(PAGE, "try", target.name),
                icon=":material/send:",
                disabled=bool(stop),
                help=stop or None,
                on_click=_try,
                args=(target.name,),
            )


@guarded("alerts.try")
def _try(actor: Actor, name: str) -> None:
    try:
        ok = session.once(
            key(PAGE, "trial"),
            (actor.email, name),
            partial(alerting.try_target, name, actor),
            seconds=_SECOND_CLICK_SECONDS,
        )
    except StorageError as error:
        st.session_state[_TRIED] = (name, error.message)
    else:
        st.session_state[_TRIED] = (
            name,
            "" if ok else "The target did not accept the message. Check its address in ALERT_URLS.",
        )


def _say_trial() -> None:
    tried = st.session_state.pop(_TRIED, None)
    if tried is None:
        return
    name, fault = tried
    if fault:
        st.error(f"**{md(name, 60)}**: {md(fault, 400)}", icon=":material/error:")
    else:
        st.success(f"**{md(name, 60)}** accepted the trial message.", icon=":material/check_circle:")


def kept() -> None:
    """Draws the alerts, the last changed first."""
    loaded = loads.alerts()
    if not loaded.value:
        feedback.empty("No alert was needed in the last 30 days.", icon="notifications", hint="")
    else:
        frame = pd.DataFrame([_row(one) for one in loaded.value])
        frame["told_at"] = pd.to_datetime(frame["told_at"], utc=True)
        tables.table(
            frame,
            key=key(PAGE, "kept_table"),
            alt="Alerts, last changed first",
            id_column="alert_id",
            columns={
                "open": tables.link("Open", help="What the alert is about"),
                "title": "Alert",
                "summary": st.column_config.TextColumn("Summary", width="large"),
                "state": "State",
                "first_at": tables.moment("Noticed"),
                "changed_at": tables.moment("Changed", distance=True),
                "took": "Sent to",
                "failed": "Failed for",
                "told_at": tables.moment("Sent at"),
            },
        )
    freshness(loaded.read_at, key=key(PAGE, "fresh"), cost=loaded.cost, on_refresh=loads.alerts.clear)


def _row(stored: StoredAlert) -> dict[str, Any]:
    one: KeptAlert = stored.kept
    alert = one.alert
    return {
        "alert_id": alert.alert_id,
        "open": f".{alert.page}" if alert.page else None,
        "title": TEXTS[alert.rule].title,
        "summary": alert.summary,
        "state": alert.state,
        "first_at": one.first_at,
        "changed_at": one.changed_at,
        "took": ", ".join(sorted(name for name, state in one.told.items() if state == alert.state)) or "nobody yet",
        "failed": ", ".join(sorted(one.failed)),
        "told_at": one.told_at,
    }


def rules() -> None:
    """Draws what is watched, and which of it does not wait for the end of quiet hours."""
    rows = [
        {"Alert": TEXTS[rule].title, "Sent when": TEXTS[rule].meaning, "Urgent": TEXTS[rule].urgent} for rule in RULES
    ]
    frame = pd.DataFrame(rows)
    columns = {name: name for name in frame.columns}
    tables.table(frame, key=key(PAGE, "rules"), alt="What is watched", columns=columns, height="content")
