"""Draws the check of all customers in this process: the button that starts it, its progress, and how it ended."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

import streamlit as st

from pages._ui.access.guard import allowed, guarded
from pages._ui.copying import shell
from pages._ui.data import fleet_loads, loads, scan_loads
from pages._ui.data.resources import scans
from pages._ui.kit import feedback, format
from pages._ui.kit.feedback import cost_words, denied, error_panel
from pages._ui.kit.session import key
from pages._ui.kit.text import md
from pages._ui.views import verify
from storage import logs
from storage.clients.meter import Cost
from storage.domain.integrity import CacheCount, InFlight
from storage.domain.policy import Actor
from storage.errors import StorageError
from storage.ids import check_id
from storage.services.background import MAX_FINDINGS, MAX_USERS, Snapshot
from storage.services.fleet import estimate_scan
from storage.text import number

COMMAND = """python -m storage verify --all --keep               # every customer; from a scheduler, once a night
python -m storage verify --all --shard 1/4 --keep --run tonight   # or on four machines, then
python -m storage scans join --run tonight"""
_CAN_GO_ON = {"bounded", "budget", "cancelled", "failed"}
_WORDS = {
    "running": ("Running", "blue", "autorenew"),
    "done": ("Done: every customer was checked", "green", "check_circle"),
    "bounded": ("Stopped at the limit; more customers remain", "blue", "flag"),
    "budget": ("Stopped at the budget of document reads; more customers remain", "orange", "savings"),
    "cancelled": ("Cancelled", "orange", "cancel"),
    "failed": ("Stopped by an error", "red", "error"),
}


def running() -> bool:
    """Whether this process is checking customers now."""
    run = scans().current
    return run is not None and run.running


def check_now(*, page: str, primary: bool = False) -> None:
    """Draws the button that checks as many customers as this process may, and keeps the result."""
    if running():
        return
    st.button(
        "Check now",
        key=key(page, "check-now"),
        type="primary" if primary else "secondary",
        icon=":material/play_arrow:",
        on_click=_start,
        args=(page, None, MAX_USERS),
        help=f"Compares documents and bucket of up to {MAX_USERS:,} customers here, and keeps the result. It goes on "
        "when you leave this page. For more customers, use the command below.",
    )


def last(*, page: str) -> Snapshot | None:
    """Draws the running check, or how the last one of this process ended; returns the latter."""
    run = scans().current
    if run is None:
        return None
    if run.running:
        _running(page)
        return None
    found = run.snapshot()
    _ended(found, page)
    return found


def more(*, page: str) -> None:
    """Draws the commands that check all customers, and a check of some of them here."""
    title = "How to check everything from a shell, and some customers here"
    with st.expander(title, icon=":material/terminal:", key=key(page, "shell")):
        st.markdown("**For everything, run this in a shell.** With a checkpoint it continues where it stopped.")
        shell(COMMAND, key=key(page, "commands"))
        run = scans().current
        _form(None if run is None or run.running else run.snapshot(), page)


def _form(ended: Snapshot | None, page: str) -> None:
    st.markdown(
        f"**Check some customers here.** At most {MAX_USERS:,}. The check continues when you leave this page, and "
        "everybody sees its progress here."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.number_input(
            "Customers at most", min_value=1, max_value=MAX_USERS, value=100, step=50, key=key(page, "most"), width=160
        )
        st.text_input("Start after this customer id", key=key(page, "after"), max_chars=1_500, width=300)
        st.button(
            "Start",
            key=key(page, "start"),
            icon=":material/play_arrow:",
            on_click=_start,
            args=(page, None, None),
            disabled=running(),
        )
        if ended is not None and ended.last_uid and ended.state in _CAN_GO_ON:
            st.button(
                "Continue where it stopped",
                key=key(page, "resume"),
                icon=":material/resume:",
                on_click=_start,
                args=(page, ended.last_uid, None),
            )
    feedback.section("what it costs", partial(_cost_before, page), key=key(page, "estimate"))


def _cost_before(page: str) -> None:
    """Draws the cost of the scan, estimated from a rollup, and where the scan stops."""
    bound = feedback.allowed()
    stops = "" if bound is None else f" It stops after the customer at which it reaches {bound:,} documents."
    view = fleet_loads.fleet().value.view
    most = int(st.session_state.get(key(page, "most")) or 1)
    found = estimate_scan(view, most) if view is not None else None
    if view is None or found is None:
        st.caption(f"The cost is not known until Fleet has its first summary.{stops}")
        return
    words = ", ".join(cost_words(Cost(**found)))
    as_of = md(format.as_of(view.read_at, datetime.now(UTC)))
    st.caption(f"About {words}, by the averages of the last summary {as_of}.{stops}")


@guarded("verify")
def _start(actor: Actor, page: str, resume_after: str | None, most: int | None) -> None:
    typed = "" if most is not None else str(st.session_state.get(key(page, "after")) or "").strip()
    after = resume_after or (check_id(typed, "uid") if typed else None)
    wanted = most or int(st.session_state.get(key(page, "most")) or 1)
    scans().start(
        loads.checker(),
        most_users=wanted,
        resume_after=after,
        asked_by=actor.email,
        read_budget=feedback.allowed(page),
        keep=scan_loads.keep(),
    )
    logs.event("scan", actor=actor, outcome="begun", users=wanted)


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
            st.markdown(f":material/autorenew: **Checking**, started by {md(found.asked_by, 80)}", width="content")
            st.button(
                "Cancel", key=key(page, "cancel"), icon=":material/cancel:", on_click=_cancel, args=(found.number,)
            )
        if progress is None:
            st.progress(0.0, text="Listing customers…")
        else:
            total = progress.users_total
            left = f" · about {progress.seconds_left:,.0f} s left" if progress.seconds_left is not None else ""
            of = f" of {total:,}" if total else ""
            st.progress(
                min(1.0, progress.users_done / total) if total else 0.0,
                text=f"{progress.users_done:,}{of} customers · {progress.users_per_second:,.1f} a second{left} · "
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
        more = f" and {number(others, 'more customer')}" if others else ""
        verify.suspicion(first.suspicion, about=f"customer {first.uid}{more}")


def _ended(found: Snapshot, page: str) -> None:
    _doubts(found)
    if not found.complete:
        st.warning(
            f"{number(found.totals['incomplete_users'], 'customer')} could not be read completely, so there may be "
            "more findings than this list shows.",
            title="Incomplete",
            icon=":material/hourglass_bottom:",
        )
    if isinstance(found.error, StorageError):
        error_panel(found.error, key=key(page, "scan-error"), what="the scan")
    elif found.crashed:
        st.error("The desk made a mistake in this scan; the log has the details.", icon=":material/bug_report:")
    if found.keep_error is not None:
        error_panel(found.keep_error, key=key(page, "keep-error"), what="keeping the scan")
    word, colour, icon = _WORDS[found.state]
    now = datetime.now(UTC)
    ran = verify.span_words(found.started_at, found.ended_at, now)
    cost = ", ".join(cost_words(Cost(**found.totals["cost"])))
    kept = "" if found.scan_id else " · not kept"
    st.markdown(
        f":{colour}-badge[:material/{icon}: {word}] :small["
        f"{number(found.totals['checked']['users'], 'customer')}, started by "
        f"{md(found.asked_by, 80)} {ran} · {cost}{kept}]"
    )


def apart(found: Snapshot) -> None:
    """Draws what the last check of this process counted besides its findings."""
    if found.dropped:
        st.caption(f"The gravest {MAX_FINDINGS:,} findings; {found.dropped:,} more are in the kept scan.")
    counted = found.totals["in_flight"], found.totals["caches"]
    verify.apart(InFlight(**counted[0]), [CacheCount(**cache) for cache in counted[1]])
