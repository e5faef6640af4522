"""Draws the check of many customers: the command that checks all of them, and a bounded one in this process."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial

import streamlit as st

from pages._ui.access.guard import allowed, guarded
from pages._ui.data import fleet_loads, loads
from pages._ui.data.resources import scans
from pages._ui.kit import feedback, format, status
from pages._ui.kit.feedback import cost_words, denied, error_panel
from pages._ui.kit.session import key
from pages._ui.kit.text import md
from pages._ui.views import verify
from storage import logs
from storage.clients.meter import Cost
from storage.domain.integrity import CacheCount, Checked, Finding, InFlight
from storage.domain.policy import Actor
from storage.errors import StorageError
from storage.ids import check_id
from storage.services.background import MAX_FINDINGS, MAX_USERS, Snapshot
from storage.services.fleet import estimate_scan

COMMAND = "python -m storage verify --all --shard 1/4 --checkpoint scan-1.jsonl --csv > findings-1.csv"
_CAN_GO_ON = {"bounded", "budget", "cancelled", "failed"}
_WORDS = {
    "running": ("Running", "blue", "autorenew"),
    "done": ("Done: every user was checked", "green", "check_circle"),
    "bounded": ("Stopped at the bound; more users remain", "blue", "flag"),
    "budget": ("Stopped at the budget of document reads; more users remain", "orange", "savings"),
    "cancelled": ("Cancelled", "orange", "cancel"),
    "failed": ("Stopped by an error", "red", "error"),
}


def draw(*, page: str) -> tuple[Finding, ...]:
    """Draws the panel; returns the findings of the last scan where it has ended, for the table below."""
    _explain()
    scan = scans().current
    if scan is not None and scan.running:
        _running(page)
        return ()
    snapshot = scan.snapshot() if scan is not None else None
    _form(snapshot, page)
    if snapshot is not None:
        _ended(snapshot, page)
    return snapshot.findings if snapshot is not None else ()


def _explain() -> None:
    with st.container(border=True):
        st.markdown(
            ":material/terminal: **For everything, run this in a shell,** once for each shard. It keeps its "
            "findings in a file, and continues where it stopped."
        )
        st.code(COMMAND, language="bash", wrap_lines=True)


def _form(last: Snapshot | None, page: str) -> None:
    with st.container(border=True):
        st.markdown(
            f":material/travel_explore: **Scan some users here.** At most {MAX_USERS:,} users. The scan continues when "
            "you leave this page, and everybody who opens the page sees the same scan."
        )
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.number_input(
                "Users at most", min_value=1, max_value=MAX_USERS, value=100, step=50, key=key(page, "most"), width=160
            )
            st.text_input("After the user id (in order)", key=key(page, "after"), max_chars=1_500, width=300)
            st.button(
                "Start",
                key=key(page, "start"),
                type="primary",
                icon=":material/play_arrow:",
                on_click=_start,
                args=(page, None),
            )
            if last is not None and last.last_uid and last.state in _CAN_GO_ON:
                st.button(
                    "Continue where it stopped",
                    key=key(page, "resume"),
                    icon=":material/resume:",
                    on_click=_start,
                    args=(page, last.last_uid),
                )
        feedback.section("what it costs", partial(_cost_before, page), key=key(page, "estimate"))


def _cost_before(page: str) -> None:
    """Draws the cost of the scan, estimated from a rollup, and where the scan stops."""
    bound = feedback.allowed()
    stops = "" if bound is None else f" It stops after the user at whom it has read {bound:,} documents."
    view = fleet_loads.fleet().value.view
    most = int(st.session_state.get(key(page, "most")) or 1)
    found = estimate_scan(view, most) if view is not None else None
    if view is None or found is None:
        st.caption(f"The cost is not known until there is a rollup (see Fleet).{stops}")
        return
    words = ", ".join(cost_words(Cost(**found)))
    st.caption(f"About {words}, by the averages of the rollup {format.as_of(view.read_at, datetime.now(UTC))}.{stops}")


@guarded("verify")
def _start(actor: Actor, page: str, resume_after: str | None) -> None:
    typed = str(st.session_state.get(key(page, "after")) or "").strip()
    after = resume_after or (check_id(typed, "uid") if typed else None)
    most = int(st.session_state.get(key(page, "most")) or 1)
    scans().start(
        loads.checker(),
        most_users=most,
        resume_after=after,
        asked_by=actor.email,
        read_budget=feedback.allowed(page),
    )
    logs.event("scan", actor=actor, outcome="begun", users=most)


@guarded("verify")
def _cancel(actor: Actor, number: int) -> None:
    if scans().cancel(number):
        logs.event("scan", actor=actor, outcome="cancelled")


@st.fragment(run_every="1s")
def _running(page: str) -> None:
    """Draws itself again each second, which keeps no session alive."""
    if not allowed("verify"):
        denied("see this scan")
        return
    scan = scans().current
    if scan is None or not scan.running:
        st.rerun()
        return
    found = scan.snapshot()
    progress = found.progress
    with st.container(border=True, key=key(page, "running")):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(f":material/autorenew: **Scanning**, started by {md(found.asked_by, 80)}", width="content")
            st.button(
                "Cancel", key=key(page, "cancel"), icon=":material/cancel:", on_click=_cancel, args=(found.number,)
            )
        if progress is None:
            st.progress(0.0, text="Listing users…")
        else:
            total = progress.users_total
            left = f" · about {progress.seconds_left:,.0f} s left" if progress.seconds_left is not None else ""
            of = f" of {total:,}" if total else ""
            st.progress(
                min(1.0, progress.users_done / total) if total else 0.0,
                text=f"{progress.users_done:,}{of} users · {progress.users_per_second:,.1f} a second{left} · "
                f"last: {md(progress.last_uid, 60)}",
            )
        _doubts(found)
        st.caption(f"{_summary(found)} Billed so far: {', '.join(cost_words(Cost(**found.totals['cost'])))}.")


def _summary(found: Snapshot) -> str:
    kinds = ", ".join(f"{number:,} {verify.WORDS[kind].lower()}" for kind, number in found.totals["summary"].items())
    return f"Found so far: {kinds or 'nothing'}."


def _doubts(found: Snapshot) -> None:
    if found.suspicion is not None:
        verify.suspicion(found.suspicion)
    elif found.doubts:
        first = found.doubts[0]
        others = len(found.doubts) - 1
        more = f" and {others:,} more user{'' if others == 1 else 's'}" if others else ""
        verify.suspicion(first.suspicion, about=f"user {first.uid}{more}")


def _ended(found: Snapshot, page: str) -> None:
    _doubts(found)
    if not found.complete:
        st.warning(
            f"Not everything could be read (incomplete users: {found.totals['incomplete_users']:,}). There may be more "
            "findings than this list shows.",
            title="Incomplete",
            icon=":material/hourglass_bottom:",
        )
    if isinstance(found.error, StorageError):
        error_panel(found.error, key=key(page, "scan-error"), what="the scan")
    elif found.crashed:
        st.error("The desk made a mistake in this scan; the log has the details.", icon=":material/bug_report:")
    word, colour, icon = _WORDS[found.state]
    now = datetime.now(UTC)
    ran = verify.span_words(found.started_at, found.ended_at, now)
    cost = ", ".join(cost_words(Cost(**found.totals["cost"])))
    st.markdown(f":{colour}-badge[:material/{icon}: {word}] :small[started by {md(found.asked_by, 80)} {ran} · {cost}]")
    number = sum(found.totals["summary"].values())
    verify.totals(Checked(**found.totals["checked"]), number, complete=found.complete)
    if found.dropped:
        st.warning(
            f"The desk keeps only the {MAX_FINDINGS:,} gravest findings; it counted {found.dropped:,} more. The scan "
            "in the shell keeps all.",
            icon=":material/filter_list:",
        )
    if found.findings:
        with st.container(border=True):
            st.markdown("**Findings by kind**")
            verify.chart(found.findings)
    elif found.complete:
        st.markdown(f"{status.badge_md('severity', 'ok')} Nothing was found.")
    apart = found.totals["in_flight"], found.totals["caches"]
    verify.apart(InFlight(**apart[0]), [CacheCount(**cache) for cache in apart[1]])
    document = {**found.totals, "last_uid": found.last_uid, "doubts": [asdict(doubt) for doubt in found.doubts]}
    document["findings"] = [finding.as_dict() for finding in found.findings]
    verify.as_json(document, "verify-scan", page=page)
