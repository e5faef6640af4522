"""What a job that ended leaves: residue, what was disturbed, the certificate, and the way back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import pandas as pd
import streamlit as st

from pages._ui.access.guard import allowed, require
from pages._ui.data import loads, purges
from pages._ui.kit import feedback, format, session, tables
from pages._ui.kit.session import key
from pages._ui.kit.text import md, plain
from pages._ui.nav import SCREENS
from storage.domain.actor_and_reason import MAX_REASON_CHARS
from storage.domain.integrity.controls import Controls
from storage.domain.purge.job import Job
from storage.errors import NotFound, StorageError

PAGE: Final = "purge"
_NONCE: Final = key(PAGE, "undo_nonce")


def draw(job: Job) -> None:
    """What is left, the proof, and the undo where there still is one."""
    if job.kind == "undo":
        _lines("Could not be put back", job.residue, "Something stood in the way. Clear it and undo the purge again.")
    else:
        _lines("Still there", job.residue, "This was of the scope and is still there. A plan made anew shows it.")
    _lines(
        "Went missing beside it", job.disturbed, "This lay beside the scope when the job began, and is not there now."
    )
    if job.kind == "undo" and job.state == "done":
        st.success(
            f"{job.tally.objects:,} objects and {job.tally.documents:,} documents are back; each was read again and "
            "compared with what the quarantine kept. The quarantine is empty now.",
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
        tables.table(pd.DataFrame({"what": list(lines)}), key=key(PAGE, "lines"), alt=title, columns={"what": title})


def _quarantine(job: Job) -> None:
    now = job.read_time or datetime.now(UTC)
    st.subheader("Undo", anchor=False)
    if job.erase:
        st.caption("It was erased: there is no quarantine and no way back.")
    elif job.state == "undoing":
        st.info(
            "It is being undone. Should the undo fail, its quarantine stays, whatever its age.",
            icon=":material/settings_backup_restore:",
        )
        where = {"job": job.undo_job}
        st.page_link(SCREENS[PAGE].file, label="Watch the undo", icon=":material/arrow_forward:", query_params=where)
    elif job.quarantine == "restored":
        st.success("Everything that it took was put back.", icon=":material/undo:")
    elif job.quarantine == "emptied":
        st.caption("Its quarantine was emptied: there is no way back.")
    elif job.quarantine_until is not None and job.quarantine_over and not job.undo_failed:
        st.caption(f"Its quarantine expired at {format.utc(job.quarantine_until).text}: there is no way back.")
    else:
        if job.undo_failed:
            _stays(job)
        if allowed("purge.undo"):
            _undo(job, now)


def _stays(job: Job) -> None:
    why = (job.undo_refused or {}).get("message", "")
    st.warning(
        f"Somebody asked for its undo, and not all of it came back. {md(why, 600)} The copies stay, whatever their "
        f"age, until it is undone or, after its time, a person ends it: `purge empty {job.job_id}` in a shell.",
        title="The quarantine stays",
        icon=":material/inventory_2:",
    )


def _undo(job: Job, now: datetime) -> None:
    nonce = session.nonce(_NONCE)
    until = None if job.undo_failed else job.quarantine_until
    with st.container(border=True, key=key(PAGE, "undo_box")):
        left = (
            f", for {format.span((until - now).total_seconds())} more (until {format.utc(until).text})" if until else ""
        )
        st.markdown(
            f"Every object can be put back byte for byte and every document field for field{left}. "
            "It is refused where something new lives in their place."
        )
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            reason = st.text_input(
                "Reason for the undo", key=key(PAGE, "undo_reason", job.job_id, nonce), max_chars=MAX_REASON_CHARS,
                live=True,
            )  # fmt: skip
            pressed = st.button(
                "Put everything back", icon=":material/undo:", disabled=not reason.strip(), key=key(PAGE, "undo", nonce)
            )
        if pressed:
            _begin(job, reason)


def _begin(job: Job, reason: str) -> None:
    try:
        actor = require("purge.undo")
        with st.spinner("Looking whether its places are free…"):
            undoing = purges.undo(job.job_id, reason, actor)
    except StorageError as error:
        feedback.error_panel(error, key=key(PAGE, "undo_failed"))
        return
    finally:
        loads.forget_purges()
    session.renew_nonce(_NONCE)
    st.query_params.from_dict({"job": undoing.job_id})
    st.rerun()


def _certificate(job: Job) -> None:
    st.subheader("Certificate", anchor=False)
    try:
        found = loads.certificate(job.job_id).value
    except NotFound:
        feedback.empty(
            "No certificate was written.", icon="draft", hint="The job ended before it could prove anything."
        )
        return
    proof = found["verified"]
    with st.container(border=True, key=key(PAGE, "certificate")):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            never_seen = proof.get("never_seen_count", 0)
            if proof["clean"]:
                st.badge("Nothing is left, nothing else was lost", icon=":material/verified:", color="green")
            elif never_seen and not proof["residue"] and not proof["disturbed"]:
                st.badge(f"{never_seen:,} claimed objects were never seen", icon=":material/help:", color="orange")
            else:
                st.badge("Not clean: see above", icon=":material/warning:", color="red")
            with st.container(horizontal=True, width="content"):
                _downloads(job.job_id, found)
        left, right = st.columns(2, gap="large")
        with left:
            st.markdown("**What was done** :small[each key's own result]")
            _facts(_done(found))
        with right:
            st.markdown("**What was read again** :small[both stores]")
            _facts(_read_again(found))
        st.markdown("**What outlives it elsewhere**")
        st.markdown("\n".join(f"- {md(line, 600)}" for line in found["outlives"]))


def _facts(rows: Sequence[tuple[str, str]]) -> None:
    st.markdown("  \n".join(f":gray[{name}] {md(value, 400)}" for name, value in rows))


def _downloads(job_id: str, found: Mapping[str, Any]) -> None:
    kinds = (("JSON", "json", "application/json", json.dumps(dict(found), indent=1)),
             ("Text", "txt", "text/plain; charset=utf-8", as_text(found)))  # fmt: skip
    for label, ending, mime, content in kinds:
        st.download_button(
            label, data=content.encode(), file_name=f"certificate-{job_id}.{ending}", mime=mime, on_click="ignore",
            key=key(PAGE, "certificate", ending), icon=":material/download:", type="tertiary",
        )  # fmt: skip


def _done(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        ("Scope", found["scope"]),
        ("Way", "erased, without quarantine" if found["erased"] else "deleted, with quarantine"),
        ("Objects", f"{found['objects_deleted']:,}"),
        ("Bytes", f"{found['bytes_deleted']:,} ({format.size(found['bytes_deleted']).text})"),
        ("Documents", f"{found['documents_deleted']:,}"),
        ("Uploads aborted", f"{found['uploads_aborted']:,}"),
        ("Gone already", f"{found['already_gone']:,}"),
        ("Left alone, because changed", f"{found['left_alone']:,}"),
        *_claims(found.get("claims")),
        ("By", found["actor"]),
        ("Approved by", ", ".join(found["approved_by"]) or "nobody: one person was enough"),
        ("Why", found["reason"]),
        ("Begun", found["begun_at"]),
    ]


def _claims(claims: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """What documents claimed; a certificate of an earlier version does not say."""
    if claims is None:
        return []
    rows = [("Claimed by completed clips", f"{claims['claimed']:,} objects, of which {claims['found']:,} were seen")]
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
        ("Neighbours compared", f"{proof['neighbours']:,}"),
        ("Neighbours disturbed", f"{len(proof['disturbed']):,}"),
        ("Prefixes listed", ", ".join(proof["prefixes"])),
    ]


def as_text(found: Mapping[str, Any]) -> str:
    """The certificate for printing: plain text, one fact a line, long lines as they are."""
    title = "CERTIFICATE OF DELETION"
    parts: list[tuple[str, list[str]]] = [
        ("What was done, by the job's record of each key's own result", [f"{n}: {v}" for n, v in _done(found)]),
        ("What was read again afterwards, in both stores", [f"{n}: {v}" for n, v in _read_again(found)]),
        ("What is left", list(found["verified"]["residue"]) or ["nothing"]),
        ("What went missing beside it", list(found["verified"]["disturbed"]) or ["nothing"]),
        ("What was claimed and never seen", list(found["verified"].get("never_seen", ())) or ["nothing"]),
        ("What outlives it elsewhere", list(found["outlives"])),
        ("Seal", [f"Job {found['certificate_of']}", f"Plan {found['plan_id']}", f"Fingerprint {found['fingerprint']}",
                  f"Made by {found['maker'] or 'somebody unknown'}", f"Issued at {found['issued_at']}"]),
    ]  # fmt: skip
    lines = [title, "=" * len(title)]
    for heading, rows in parts:
        lines += ["", heading, "-" * len(heading), *(plain(row, 4_000) for row in rows)]
    return "\n".join(lines) + "\n"
