"""Uploads: is everything that the documents name in the bucket, whole?"""

from __future__ import annotations

from functools import partial
from typing import Final

import streamlit as st

from pages._ui.access.guard import allowed, require, show
from pages._ui.data import loads, scan_loads
from pages._ui.kit import feedback, params, session
from pages._ui.kit.feedback import freshness
from pages._ui.kit.session import UID, VIDEO_ID, key
from pages._ui.kit.text import md
from pages._ui.nav import SCREENS
from pages._ui.views import kept as kept_view
from pages._ui.views import orphans, scan, upload_box
from pages._ui.views import verify as view
from pages._ui.views.failures import FAILED_VIDEOS, RANGE
from storage.domain.integrity import Finding, Report
from storage.domain.scans.kept import KeptScan
from storage.errors import BadInput, StorageError
from storage.services import verify
from storage.services.background import Snapshot
from storage.services.verify import Rechecked
from storage.text import number

NAME: Final = "uploads"
_AGAIN: Final = key(NAME, "again")  # session key: the results of findings that were checked again, by their identity


def page() -> None:
    session.enter(NAME)
    if orphans.shown():
        return
    named = bool(st.query_params.get(UID) or st.query_params.get(VIDEO_ID))
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        st.title("Uploads", width="content", anchor=False)
        scope = st.segmented_control(
            "Look at",
            [kept_view.EVERYBODY, kept_view.ONE],
            default=kept_view.ONE if named else kept_view.EVERYBODY,
            required=True,
            key=key(NAME, "scope"),
            bind="query-params",
            label_visibility="collapsed",
            wrap=True,
        )
    if scope == kept_view.EVERYBODY:
        feedback.section("the last scan", _everybody, key=key(NAME, "many"), unknown="what the last scan found")
        if allowed("diagnose"):
            st.page_link(
                SCREENS["processing"].file,
                label="Failed jobs of the last 24 hours",
                icon=":material/error:",
                query_params={**FAILED_VIDEOS, key("processing", RANGE): "24 h"},
            )
        scan.more(page=NAME)
        return
    try:
        uid, video_id = params.read(UID), params.read(VIDEO_ID)
    except BadInput as error:
        feedback.error_panel(error, key=key(NAME, "params"))
        uid = video_id = None
    upload_box.draw(uid or "", video_id or "", page=NAME)
    if uid is None:
        feedback.empty(
            "Compare what the documents of a customer name with what the bucket holds.",
            icon="fact_check",
            hint="Give a customer id or an address, and a video id to narrow it. "
            f"The last scan of all customers is under “{kept_view.EVERYBODY}” above.",
        )
        return
    feedback.section(
        "the upload check",
        partial(_one, uid, video_id),
        key=key(NAME, "report"),
        unknown="whether the uploads are whole",
    )


def _one(uid: str, video_id: str | None) -> None:
    contents = video_id is None and st.toggle(
        "Look into the clips",
        key=key(NAME, "contents"),
        help="Whether each clip plays, from a few bytes of it and of its thumbnail: one or two billed reads each.",
    )
    with feedback.loading("Comparing documents and bucket…", 360):
        loaded = loads.report(uid, video_id, contents)
    report = loaded.value
    if report.suspicion is not None:
        view.suspicion(report.suspicion)
    elif report.controls is not None:
        st.info(
            f"{md(report.controls.words, 300)}: a missing object is this customer's own loss.", icon=":material/rule:"
        )
    view.prefix_doubt(report.prefix_doubt)
    if not report.complete:
        view.incomplete(report.failures, report.unchecked, now=True)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"Checked **{md(report.scope, 200)}**", width="content")
        ids = {UID: uid, VIDEO_ID: video_id} if video_id else {UID: uid}
        name = "video" if video_id else "user"
        st.page_link(
            SCREENS[name].file,
            label=f"Open the {SCREENS[name].title.lower()}",
            icon=f":material/{SCREENS[name].icon}:",
            query_params=ids,
        )
    freshness(
        loaded.read_at,
        key=key(NAME, "fresh"),
        cost=loaded.cost,
        complete=report.complete,
        on_refresh=loads.report.clear,
    )
    view.totals(report.checked, len(report.findings), complete=report.complete)
    orphans.offer_all(report)
    if report.findings:
        _found(report)
    elif report.complete and report.suspicion is None:
        feedback.empty(
            "All files are in place.",
            icon="task_alt",
            hint=f"Compared {number(report.claimed, 'completed clip')} with the objects. {_looked(report)}",
        )
    else:
        st.caption("Nothing was found in the part that could be read.")
    view.apart(report.in_flight, report.caches, view.uncompared(report))
    view.as_json(report.as_dict(), f"verify-{report.scope.replace('/', '-')}", page=NAME)


def _looked(report: Report) -> str:
    """What the check saw inside the files, where it looked."""
    seen = report.looked_into
    if seen is None:
        return "The desk did not check whether they play."
    silent = f" {number(seen.not_looked_at, 'object')} gave no answer." if seen.not_looked_at else ""
    return f"{number(seen.clips, 'clip')} and {number(seen.thumbnails, 'thumbnail')} were looked into.{silent}"


def _found(report: Report) -> None:
    left, right = st.columns([3, 2])
    with left, st.container(border=True, height="stretch"):
        st.markdown("**Findings by kind**")
        view.chart(report.findings)
    with right, st.container(border=True):
        st.markdown("**What they mean**")
        view.meanings(report.findings)
    name = f"findings-{report.scope.replace('/', '-')[:60]}"
    _table(report.findings, name)


def _table(found: tuple[Finding, ...], csv_name: str) -> None:
    shown = view.filtered(found, page=NAME)
    if not shown:
        feedback.empty("No finding matches the filters.", icon="filter_alt_off")
        return
    again: dict[str, Rechecked] = session.seed(_AGAIN, dict)
    ticked = view.table(
        shown,
        page=NAME,
        csv_name=csv_name,
        standing=lambda one: found_again.standing if (found_again := again.get(view.identity(one))) else None,
    )
    chosen = next((one for one in shown if ticked and view.identity(one) == ticked[0]), None)
    if chosen is None:
        st.caption("Choose a row to see its details and to check it again; Ctrl-click opens the video in a new tab.")
        return
    with st.container(border=True, key=key(NAME, "detail")):
        if view.draw_finding(chosen, again.get(ticked[0]), page=NAME):
            _check_again(chosen)


def _check_again(finding: Finding) -> None:
    with st.spinner("Looking at this one again…"):
        require("verify")
        became = verify.recheck(loads.checker(), finding)
    st.session_state[_AGAIN] = {**st.session_state.get(_AGAIN, {}), view.identity(finding): became}
    st.rerun()


def _everybody() -> None:
    """Draws the last kept scan, and what this process checks or checked last."""
    with feedback.loading("Reading the last scan…", 480):
        loaded = scan_loads.trend()
        head = next(iter(loaded.value), None)
        kept = scan_loads.kept(head) if head is not None else None
        going_on = scan_loads.under_way()
    if going_on.value is not None:
        kept_view.under_way(going_on.value)
    if head is None or kept is None:
        _never()
        return
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        with st.container(width="stretch"):
            kept_view.headline(head, compared=True)
        scan.check_now(page=NAME)
    ended = scan.last(page=NAME)
    kept_view.doubts(head)
    kept_view.findings(
        kept.value,
        page=NAME,
        check_again=_check_again,
        check_customer=partial(_check_customer, kept.value),
    )
    cost = loaded.cost + kept.cost + going_on.cost
    freshness(loaded.read_at, key=key(NAME, "kept_fresh"), cost=cost, on_refresh=scan_loads.refresh)
    left, right = st.columns(2)
    with left, st.container(border=True, height="stretch"):
        st.subheader("By day and style", anchor=False)
        kept_view.heat_map(kept.value)
    with right, st.container(border=True, height="stretch"):
        st.subheader("The last scans", anchor=False)
        kept_view.trend(loaded.value)
    with st.container(border=True):
        st.subheader("Repeated findings", anchor=False)
        kept_view.offenders(scan_loads.offenders(kept.value), kept.value)
    if ended is not None:
        _unkept(ended)
        scan.apart(ended)


def _never() -> None:
    feedback.empty(
        "No scan has been kept yet.",
        icon="fact_check",
        hint="A scan compares what the documents of all customers name with what the bucket holds. It is kept, so that "
        "this page says what is new since the one before, what harms a customer, and since when.",
    )
    with st.container(horizontal_alignment="center"):
        scan.check_now(page=NAME, primary=True)
    ended = scan.last(page=NAME)
    if ended is not None:
        _unkept(ended)


def _unkept(ended: Snapshot) -> None:
    """Draws the findings of a check of this process that could not be kept."""
    if ended.scan_id is None and ended.findings:
        st.subheader("Findings of the check on this page, not kept", anchor=False)
        _table(ended.findings, "findings-scan")


def _check_customer(kept: KeptScan, uid: str) -> None:
    with st.spinner("Checking all uploads of this customer…"):
        require("verify")
        loads.report.clear()
        try:
            report = loads.report(uid, None, kept_view.needs_looks(kept, uid)).value
        except StorageError as error:
            feedback.error_panel(error, key=key(NAME, "live-error"), what="the check of this customer")
            return
    live = key(NAME, "live")
    st.session_state[live] = {**st.session_state.get(live, {}), uid: kept_view.Live(report)}
    st.rerun()


if __name__ == "__main__":
    show(NAME, page)
