"""Draws a plan in full before anybody agrees to it: what blocks it, what it deletes, its warnings, seal and deadline.

It lists objects, documents, counters and unfinished uploads page by page, with downloads. For the second person it
shows the answers of others, the link to pass on, and the buttons that approve or decline it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

import pandas as pd
import streamlit as st

from pages._ui.access.guard import allowed, require, stopped_by
from pages._ui.copying import copy_button
from pages._ui.data import loads, purges
from pages._ui.data.purges import PlanStatus, PlanSummary, collection_of
from pages._ui.data.resources import stores
from pages._ui.kit import feedback, format, session, tables
from pages._ui.kit.feedback import cost_words, freshness
from pages._ui.kit.session import UID, VIDEO_ID, key, url_for
from pages._ui.kit.text import md
from pages._ui.nav import SCREENS
from pages._ui.views import elsewhere, what_if
from pages._ui.views.purge import confirm, home
from pages._ui.views.purge.home import WHAT
from storage.actions.purge.plans import to_text
from storage.clients.meter import Cost
from storage.domain.actor_and_reason import MAX_REASON_CHARS
from storage.domain.policy import Actor
from storage.domain.purge.guards import second_person_needed
from storage.domain.purge.plan import CounterValue, PurgePlan, estimate, slugs
from storage.domain.purge.scope import Scope
from storage.domain.what_if import as_planned
from storage.errors import StorageError
from storage.text import number

PAGE: Final = "purge"
_NONCE: Final = key(PAGE, "approve_nonce")


UNKNOWN = "Unknown kind"
OBJECT_KINDS = {
    "clip": "Clips",
    "thumbnail": "Thumbnails",
    "highlights": "Highlights",
    "source": "Source videos (cache)",
    "raw_segment": "Raw segments (cache)",
    "silence_removed": "Segments without silence (cache)",
    "neural_cache": "Neural cache",
    "transcript": "Transcripts",
    "unrecognised": UNKNOWN,
}
_COLLECTIONS = {
    "users": "Customers",
    "videos": "Videos",
    "clips": "Clips",
    "highlights": "Highlights",
    "shares": "Share configurations",
    "share_slugs": "Public share links",
    "credit_transactions": "Credit transactions",
    "storage_accounting": "Accounting",
}
TICK_SECONDS = 5


def draw_approval(plan: PurgePlan, status: PlanStatus, actor: Actor, *, needed: bool) -> None:
    """Draws the answers so far; for the maker the link, for anybody else the buttons of the two answers."""
    st.subheader("Second person", anchor=False)
    _said(status)
    mine = any(given.approver == actor.email for given in status.approvals)
    if actor.email == plan.maker:
        if not (needed and status.counting(plan, plan.maker)):
            _hand_on(plan, needed=needed)
    elif not mine:
        _answer(plan)


def _said(status: PlanStatus) -> None:
    for given in status.approvals:
        at = format.utc(given.at)
        st.success(f"{md(given.approver, 80)} approved exactly this plan at {at.text}.", icon=":material/how_to_reg:")
    for no in status.declines:
        st.error(
            f"{md(no.by, 80)}: {md(no.reason, 600)}",
            title=f"Declined at {md(no.at[:19].replace('T', ' '))} UTC",
            icon=":material/thumb_down:",
        )


def _hand_on(plan: PurgePlan, *, needed: bool) -> None:
    words = (
        "You made this plan, so somebody else must approve it. Send the link to another admin:"
        if needed
        else "One person is enough, unless you erase. To let another admin look at it first:"
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(words, width="content")
        copy_button(_address(plan.plan_id), key=key(PAGE, "copy_link"), what="link to this plan", label="Copy the link")
    st.caption("They see exactly this plan; their answer appears here.")


def _for_an_admin(plan: PurgePlan) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown("Applying this plan needs the role **admin**. Send an admin the link:", width="content")
        copy_button(_address(plan.plan_id), key=key(PAGE, "pass_on"), what="link to this plan", label="Copy the link")


def _address(plan_id: str) -> str:
    base = (st.context.url or "").split("?")[0]
    return f"{base}?plan={plan_id}" if base.startswith("http") else url_for(PAGE, plan=plan_id)


def _answer(plan: PurgePlan) -> None:
    nonce = session.nonce(_NONCE)
    with st.container(border=True, key=key(PAGE, "answer_box")):
        st.markdown(
            f"**{md(plan.maker or 'Somebody')} asks you to approve** deleting {number(len(plan.objects), 'object')} "
            f"({format.size(plan.total_bytes).text}) and {number(len(plan.documents), 'document')} of "
            f"**{md(plan.scope.spelled, 200)}**. The person who approves a plan cannot apply it."
        )
        seen = st.checkbox(
            "I have checked the lists and the warnings above.", key=key(PAGE, "seen", plan.plan_id, nonce)
        )
        why = st.text_input(
            "Reason (to decline)",
            key=key(PAGE, "decline_reason", plan.plan_id, nonce),
            max_chars=MAX_REASON_CHARS,
            live=True,
        )
        with st.container(horizontal=True, gap="small"):
            approved = st.button(
                "Approve this plan",
                type="primary",
                icon=":material/how_to_reg:",
                disabled=not seen,
                key=key(PAGE, "approve", nonce),
            )
            declined = st.button(
                "Decline", icon=":material/thumb_down:", disabled=not why.strip(), key=key(PAGE, "decline", nonce)
            )
        if approved or declined:
            _act(plan, why if declined else None)


def _act(plan: PurgePlan, declining: str | None) -> None:
    try:
        actor = require("purge.approve")
        with st.spinner("Recording your answer…"):
            if declining is None:
                purges.approve(plan, actor)
            else:
                purges.decline(plan, declining, actor)
    except StorageError as error:
        feedback.error_panel(error, key=key(PAGE, "answer_failed"))
        return
    finally:
        loads.forget_purges()
    session.renew_nonce(_NONCE)
    st.rerun()


def draw_discard(plan: PurgePlan) -> None:
    """Draws the button that ends the plan, for its maker and for admins."""
    if st.button(
        "Discard this plan",
        icon=":material/delete:",
        key=key(PAGE, "discard", plan.plan_id),
        help="Nobody can approve or apply it any more. Nothing is deleted.",
    ):
        try:
            actor = require("purge.plan")
            with st.spinner("Discarding the plan…"):
                purges.discard(plan, actor)
        except StorageError as error:
            feedback.error_panel(error, key=key(PAGE, "discard_failed"))
            return
        finally:
            loads.forget_purges()
        home.forget_made()
        st.rerun()


def draw_contents(summary: PlanSummary) -> None:
    """Draws the choice of a list, the list, and the downloads. The shell can apply the plan's JSON."""
    plan = summary.plan
    lists = {
        f"Objects {len(plan.objects):,}": _objects,
        f"Documents {len(plan.documents):,}": _documents,
        f"Counters {len(plan.counters):,}": _counters,
        f"Open uploads {len(plan.uploads):,}": _uploads,
    }
    with st.container(
        horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key=key(PAGE, "sheet_head")
    ):
        chosen = st.segmented_control(
            "List",
            ["By kind", *lists],
            default="By kind",
            key=key(PAGE, "list", plan.plan_id),
            label_visibility="collapsed",
            required=True,
            wrap=True,
        )
        with st.container(horizontal=True, width="content"):
            _downloads(plan)
    if chosen in lists:
        lists[str(chosen)](plan)
    else:
        _by_kind(summary)


def _downloads(plan: PurgePlan) -> None:
    st.download_button(
        "Plan as JSON",
        data=lambda: to_text(plan).encode(),
        file_name=f"{plan.plan_id}.json",
        mime="application/json",
        key=key(PAGE, "json", plan.plan_id),
        on_click="ignore",
        icon=":material/download:",
        type="tertiary",
        help="The sealed plan, as the command line takes it. Keys and paths, no links.",
    )
    tables.download(plan.plan_id, lambda: everything(plan), key=key(PAGE, "csv", plan.plan_id), label="List as CSV")


def everything(plan: PurgePlan) -> pd.DataFrame:
    """One row for each thing of the plan, for a spreadsheet."""
    rows: list[dict[str, Any]] = [
        {"what": "object", "name": item.key, "bytes": item.size_bytes, "version": item.etag} for item in plan.objects
    ]
    rows += [{"what": "document", "name": item.path, "version": str(item.update_time)} for item in plan.documents]
    rows += [{"what": "open upload", "name": item.key, "version": item.upload_id} for item in plan.uploads]
    return pd.DataFrame(rows, columns=["what", "name", "bytes", "version"]).convert_dtypes()


def _by_kind(summary: PlanSummary) -> None:
    left, right = st.columns(2, gap="medium")
    largest = sorted(summary.objects.items(), key=lambda item: -item[1][1])
    most = sorted(summary.documents.items(), key=lambda item: -item[1])
    with left:
        st.markdown("**Objects in the bucket**")
        objects = [{"kind": OBJECT_KINDS.get(kind, UNKNOWN), "count": n, "bytes": size} for kind, (n, size) in largest]
        columns = {"kind": "Kind", "count": _number("Objects"), "bytes": tables.size("Size")}
        _plain(pd.DataFrame(objects), "Objects by kind", columns)
    with right:
        st.markdown("**Documents in Firestore**")
        documents = [{"kind": _COLLECTIONS.get(name, name), "count": number} for name, number in most]
        _plain(pd.DataFrame(documents), "Documents by kind", {"kind": "Kind", "count": _number("Documents")})


def _objects(plan: PurgePlan) -> None:
    parse = stores().layout.parse
    rows = [
        {
            "key": item.key,
            "kind": OBJECT_KINDS.get(parse(item.key).kind, UNKNOWN),
            "bytes": item.size_bytes,
            "etag": item.etag,
        }
        for item in plan.objects[: tables.ROW_LIMIT]
    ]
    columns = {"key": st.column_config.TextColumn("Key", width="large"), "kind": "Kind", "bytes": tables.size("Size")}
    _plain(pd.DataFrame(rows), "Objects to delete", {**columns, "etag": "ETag seen"}, len(plan.objects))


def _documents(plan: PurgePlan) -> None:
    rows = [
        {
            "path": item.path,
            "kind": _COLLECTIONS.get(collection_of(item.path), collection_of(item.path)),
            "written": item.update_time,
        }
        for item in plan.documents[: tables.ROW_LIMIT]
    ]
    columns = {
        "path": st.column_config.TextColumn("Path", width="large"),
        "kind": "Kind",
        "written": tables.moment("Last written"),
    }
    _plain(pd.DataFrame(rows), "Documents to delete", columns, len(plan.documents))


def _counters(plan: PurgePlan) -> None:
    st.caption("Counters of documents that stay. An empty list means that they are already right, or are deleted too.")
    rows = [
        {"path": item.path, "field": item.field, "before": _shown(item.before), "after": _shown(item.after)}
        for item in plan.counters
    ]
    columns = {"path": st.column_config.TextColumn("Document", width="large"), "field": "Counter"}
    _plain(pd.DataFrame(rows), "Counters as they will be", {**columns, "before": "Now", "after": "Afterwards"})


def _uploads(plan: PurgePlan) -> None:
    st.caption("Uploads that began and never finished; the purge aborts them, and that cannot be undone.")
    rows = [{"key": item.key, "id": item.upload_id} for item in plan.uploads[: tables.ROW_LIMIT]]
    columns = {"key": st.column_config.TextColumn("Key", width="large"), "id": "Upload"}
    _plain(pd.DataFrame(rows), "Open uploads", columns, len(plan.uploads))


def _shown(value: CounterValue) -> str:
    if value is None:
        return "not there"
    if isinstance(value, dict):
        return ", ".join(f"{name}: {count:,}" for name, count in value.items()) or "empty"
    return format.count(value).text if isinstance(value, int) else value


def _number(label: str) -> Any:
    return st.column_config.NumberColumn(label, format="localized")


def _plain(frame: pd.DataFrame, alt: str, columns: dict[str, Any], total: int | None = None) -> None:
    """Draws a list without selection, or “None.” where it would be empty."""
    if not len(frame):
        st.caption("None.")
        return
    name = key(PAGE, "sheet", tables.fingerprint([alt]))
    tables.table(frame.reset_index(drop=True), key=name, alt=alt, columns=columns, total=total)


def draw_plan(plan_id: str) -> None:
    """Draws the plan, and below it the approval and the confirmation where they are possible now."""
    with feedback.loading("Reading the plan…", 320):
        summary = loads.plan(plan_id)
        loaded = loads.plan_status(plan_id, summary.fingerprint)
    plan, status = summary.plan, loaded.value
    ahead = loaded.read_at - status.read_at if status.read_at else timedelta()
    now = datetime.now(UTC) - ahead
    _head(summary, status, now)
    home.draw_subject(plan.scope)
    _state(summary, status, now, ahead)
    _totals(plan)
    _warnings(plan)
    if not status.ended:
        what_if.beside(plan.scope.uid, partial(as_planned, plan), page=PAGE)
    st.subheader("What it deletes", anchor=False)
    draw_contents(summary)
    freshness(loaded.read_at, key=key(PAGE, "standing_fresh"), cost=loaded.cost, on_refresh=loads.forget_purges)
    if status.ended or not plan.seal or not purges.in_force(plan, now):
        return
    actor = require("purge.plan", active=False)
    if actor.email == plan.maker or allowed("purge.apply"):
        draw_discard(plan)
    if plan.blocked:
        return
    if allowed("purge.approve"):
        draw_approval(plan, status, actor, needed=bool(_needed(plan)))
    elif _needed(plan):
        st.subheader("Second person", anchor=False)
        _said(status)
        st.button(
            "Approve this plan",
            icon=":material/how_to_reg:",
            disabled=True,
            help=stopped_by("purge.approve"),
            key=key(PAGE, "approve_stopped"),
        )
    if allowed("purge.apply"):
        confirm.draw(plan, status, actor.email, needed=_needed(plan))
    else:
        _for_an_admin(plan)


def _needed(plan: PurgePlan) -> tuple[str, ...]:
    return second_person_needed(plan, stores().settings.purge, erase=False)


def _head(summary: PlanSummary, status: PlanStatus, now: datetime) -> None:
    plan = summary.plan
    title, icon, _ = WHAT[plan.scope.kind]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.subheader(f"Plan: purge {md(plan.scope.spelled, 160)}", width="content", anchor=False)
        st.badge(title, icon=f":material/{icon}:", color="blue")
        if status.job is not None:
            st.badge("Applied", icon=":material/check_circle:", color="gray")
        elif status.discarded is not None:
            st.badge("Discarded", icon=":material/delete:", color="gray")
        elif not purges.in_force(plan, now):
            st.badge("Expired", icon=":material/timer_off:", color="gray")
        elif plan.blocked:
            st.badge("Blocked", icon=":material/block:", color="red")
        elif _needed(plan) and status.counting(plan, plan.maker):
            st.badge("Approved", icon=":material/how_to_reg:", color="green")
        elif _needed(plan):
            st.badge("Needs a second person", icon=":material/group:", color="orange")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        made = format.ago(plan.created_at, now)
        st.caption(f"Made {made.text} by {md(plan.maker or 'somebody unknown', 80)}", help=made.help, width="content")
        st.caption(f"{md(plan.plan_id)}", width="content")
        st.caption(f"fingerprint {summary.fingerprint[:16]}…", help=summary.fingerprint, width="content")
        copy_button(summary.fingerprint, key=key(PAGE, "copy_fingerprint"), what="fingerprint", label="")
        st.page_link(
            SCREENS["user"].file, label="Customer", icon=":material/person:", query_params={UID: plan.scope.uid}
        )
        if plan.scope.video_id is not None:
            ids = {UID: plan.scope.uid, VIDEO_ID: plan.scope.video_id}
            st.page_link(SCREENS["video"].file, label="Video", icon=":material/movie:", query_params=ids)
            if plan.scope.kind == "video" and not status.ended:
                some = "Only some of its clips"
                chosen = ids | {home.SOME: "yes"}
                st.page_link(SCREENS[PAGE].file, label=some, icon=":material/checklist:", query_params=chosen)


def _state(summary: PlanSummary, status: PlanStatus, now: datetime, ahead: timedelta) -> None:
    """Draws the state of the plan: applied, expired, blocked, or how long it is valid. `now` is Firestore's time, which
    decides whether it is valid; `ahead` is how far this machine's clock is ahead of that."""
    plan = summary.plan
    if status.job is not None:
        job = status.job
        elsewhere.applied(job, f"This plan was applied by {md(job.actor)} {format.ago(job.created_at, now).text}")
        return
    if status.discarded is not None:
        end = status.discarded
        st.info(
            f"Discarded by {md(end.by, 80)}, {format.ago(end.at, now).text} ({format.utc(end.at).text}). Nobody can "
            "approve or apply it, and nothing was deleted.",
            title="Discarded",
            icon=":material/delete:",
        )
        _link_to_new_plan(plan.scope)
        return
    if plan.blocked:
        lines = "\n".join(f"- {md(line, 400)}" for line in plan.blocked)
        st.error(
            f"{lines}\n\nThis plan cannot be applied. Clear what blocks it, then make a new plan.",
            title="Blocked",
            icon=":material/block:",
        )
    if not purges.in_force(plan, now):
        st.warning(
            f"It was valid until {format.utc(plan.expires_at).text}. Nothing was deleted. The data may have changed "
            "since, so make a new plan.",
            title="This plan has expired",
            icon=":material/timer_off:",
        )
        _link_to_new_plan(plan.scope)
        return
    if not plan.seal:
        st.warning(
            "An older version of the desk made it and sealed it without a key, so anybody may have written it. It "
            "can be looked at, but not approved or applied.",
            title="This plan has no seal",
            icon=":material/lock_open:",
        )
    if plan.blocked or not plan.seal:
        _link_to_new_plan(plan.scope)
        _acknowledge(plan)
        return
    waiting = bool(_needed(plan)) and not status.counting(plan, plan.maker)
    seen = (len(status.approvals), len(status.declines))
    st.fragment(partial(_deadline, summary, ahead, waiting=waiting, seen=seen), run_every=TICK_SECONDS)()


def _deadline(summary: PlanSummary, ahead: timedelta, *, waiting: bool, seen: tuple[int, int]) -> None:
    """Counts down; while the plan waits for a second person, looks for their answer and then draws the page again."""
    plan, now = summary.plan, datetime.now(UTC) - ahead
    if not purges.in_force(plan, now):
        st.rerun()
    left = format.span((plan.expires_at - now).total_seconds())
    st.caption(
        f":material/timer: Valid for {left} more, until {format.utc(plan.expires_at).text}. "
        "If anything in it changes before it is applied, it will be refused."
    )
    if waiting:
        feedback.section("the approvals", partial(_look, summary, seen), key=key(PAGE, "look"))


def _look(summary: PlanSummary, seen: tuple[int, int]) -> None:
    require("purge.plan", active=False)
    fresh = loads.plan_status(summary.plan.plan_id, summary.fingerprint).value
    if (len(fresh.approvals), len(fresh.declines)) != seen or fresh.ended:
        st.rerun()


def _link_to_new_plan(scope: Scope) -> None:
    """Draws the link back to the choice of a scope, with the same ids where they fit into an address."""
    st.page_link(SCREENS[PAGE].file, label="Make a new plan", icon=":material/refresh:", query_params=home.ids(scope))


def _acknowledge(plan: PurgePlan) -> None:
    """Offers a plan that acknowledges missing claimed objects, where the bucket is not in doubt."""
    claims = plan.claims
    if claims is None or not claims.may_be_acknowledged:
        return
    with st.container(border=True, key=key(PAGE, "acknowledge_box")):
        st.markdown(
            f"**Are they lost?** {md(claims.words, 600)}. The documents of these clips are the last trace of where the "
            "files were, and a purge deletes them. The plan, the job, the audit and the certificate record that; the "
            "certificate will not be clean."
        )
        sure = st.checkbox(
            f"I know why {len(claims.missing):,} claimed {'object' if len(claims.missing) == 1 else 'objects'} "
            "cannot be seen.",
            key=key(PAGE, "acknowledge", plan.plan_id),
        )
        if st.button(
            "Make a new plan that acknowledges it",
            icon=":material/fact_check:",
            disabled=not sure,
            key=key(PAGE, "acknowledged", plan.plan_id),
        ):
            home.make(plan.scope, acknowledge_missing=True)


def _totals(plan: PurgePlan) -> None:
    links = len(slugs(plan.documents))
    size = format.size(plan.total_bytes)
    missing = plan.claims.missing if plan.claims is not None else ()
    card = partial(st.metric, border=True, height="stretch")
    with st.grid(6 if missing else 5, min_column_width=125, gap="small", key=key(PAGE, "totals")):
        card("Objects", format.count(len(plan.objects)).text)
        card("Size", size.text, help=size.help)
        card("Documents", format.count(len(plan.documents)).text)
        card("Public share links", format.count(links).text)
        card("Open uploads", format.count(len(plan.uploads)).text)
        if missing:
            card("Claimed, not seen", format.count(len(missing)).text)
    words = ", ".join(cost_words(Cost(**estimate(plan, erase=False))))
    st.caption(f"Applying it will cost about {words}.")


def _warnings(plan: PurgePlan) -> None:
    if plan.warnings:
        lines = "\n".join(f"- {md(line, 400)}" for line in plan.warnings)
        st.warning(lines, title="Before you approve", icon=":material/warning:")
