"""Draws a video's clips: the gallery, whether each file is there, and one clip in detail.

A player signs a link only when somebody asks for it. The detail (`draw_clip`) shows the clip's id and keys to copy; its
status, length, size, time and description as the document has them; what was seen inside, its public links, and the
findings of the upload check.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial

import pandas as pd
import streamlit as st

from pages._ui.access.guard import allowed, require
from pages._ui.copying import copy_button
from pages._ui.data import audit_looks, loads
from pages._ui.data.resources import stores
from pages._ui.kit import feedback, format, session, status, tables
from pages._ui.kit.feedback import freshness
from pages._ui.kit.session import CLIP_ID, QUERY, UID, VIDEO_ID, key
from pages._ui.kit.text import md, plain
from pages._ui.nav import SCREENS
from pages._ui.player import ClipCard, Purpose, gallery
from pages._ui.player.cards import Presence
from pages._ui.reaching import scroll_to
from pages._ui.views import looking, removed, send, verify
from pages._ui.views.owned import shown_key
from pages._ui.views.posters import poster
from pages._ui.views.purge.home import plan_button
from pages._ui.views.verify import WORDS
from storage.domain.documents import Clip, SignedUrl, Table, of_row
from storage.domain.integrity import Finding
from storage.domain.media import MediaLook, Plays
from storage.domain.shares import ShareLink
from storage.services import links
from storage.services.diagnose import Case

PAGE_SIZE = 24
_SEEN: dict[Plays, Presence] = {"plays": "present", "does not play": "broken", "not looked at": "unknown"}
REASONS: dict[str, tuple[Presence, str]] = {
    "missing_object": ("absent", "The file is not in the bucket."),
    "empty_object": ("absent", "The file in the bucket is empty (0 bytes)."),
    "clip_without_key": ("absent", "The document names no file."),
    "size_mismatch": ("present", "The file has another size than the document says."),
    "unreadable": ("unknown", "Not known whether the file is there: it could not be checked."),
    "stale_clip": ("unknown", "The worker left it behind while rendering it."),
}


def draw_clip(
    known: Mapping[str, Clip],
    chosen: str | None,
    findings: Mapping[str, tuple[Finding, ...]],
    looks: Mapping[str, MediaLook],
    shares: tuple[ShareLink, ...] | None = None,
    *,
    page: str,
) -> None:
    """Draws the details of the clip that the address names, even where the gallery does not show it."""
    clip = known.get(chosen) if chosen else None
    if clip is None:
        return
    panel = key(page, "clip-panel")
    scroll_to(panel, of=clip.clip_id, key=key(page, "clip-reach"))
    with st.container(border=True, key=panel):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            with st.container():  # takes what the buttons leave, so that both stand at the right
                st.markdown(f"Clip **{md(clip.scene_title or clip.clip_id, 120)}**")
            ids = {UID: clip.uid, VIDEO_ID: clip.video_id, CLIP_ID: clip.clip_id}
            name = key(page, "plan_purge", clip.clip_id)
            plan_button("Plan a purge of this clip…", ids, icon=":material/delete_forever:", key=name)
            _close(page)
        left, right = st.columns(2)
        with left:
            _copyable("Clip id", clip.clip_id, key(page, "copy_clip"))
            _copyable("Key", shown_key(clip.uid, clip.r2_key), key(page, "copy_key"))
            _copyable("Thumbnail key", shown_key(clip.uid, clip.thumbnail_r2_key), key(page, "copy_thumbnail"))
        with right:
            now = datetime.now(UTC)
            status.badge("clip", clip.status)
            size, length = format.size(clip.file_size_bytes), format.duration(clip.duration_seconds)
            st.caption(f"{length.text} · {size.text} ({size.help}) · created {format.ago(clip.created_at, now).text}")
            look = looks.get(clip.r2_key or "")
            st.caption(f"Inside the file: {md(look.words if look else 'not looked at', 400)}")
            if clip.scene_description:
                st.caption(md(clip.scene_description, 400))
        _shares(clip, shares, now)
        send.draw(clip, page=page)
        for finding in findings.get(clip.clip_id, ()):
            text = f"{status.badge_md('severity', finding.severity)} **{WORDS[finding.kind]}**"
            st.markdown(f"{text} — {md(finding.detail, 400)}")
            if finding.disclosure and allowed("verify"):
                owner = f"The file's owner: {md(finding.owner, 80)}"
                query = {UID: finding.owner}
                st.page_link(SCREENS["user"].file, label=owner, icon=":material/person:", query_params=query)


def _shares(clip: Clip, shares: tuple[ShareLink, ...] | None, now: datetime) -> None:
    """Draws the public links of the clip; a new share leaves the older link live, so there may be several."""
    for link in shares or ():
        if link.clip_id == clip.clip_id:
            icon = ":material/link:" if link.works(now) else ":material/link_off:"
            st.caption(f"{icon} Public link `{md(link.slug, 40)}` {link.state(now)}.")


def nowhere(uid: str, video_id: str, clip_id: str, *, complete: bool, page: str) -> None:
    """Says that the clip of the address is not there, or that this is not known, and where else to look."""
    name = md(clip_id, 80)
    if complete and removed.gone_clip(uid, video_id, clip_id, page=page):
        return
    if complete:
        st.warning(
            f"This video has no clip {name}: it was deleted, or the id belongs to another video.",
            title="Not found: the clip",
            icon=":material/search_off:",
        )
    else:
        st.warning(
            f"The clip {name} is not among those that could be read, so whether it exists is not known.",
            title="Not known: the clip",
            icon=":material/help:",
        )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        find, audit = SCREENS["find"], SCREENS["audit"]
        icon = f":material/{find.icon}:"
        st.page_link(find.file, label="Search for it", icon=icon, query_params={QUERY: clip_id})
        if allowed("audit.read"):
            query = {UID: uid, "text": video_id}  # a purge of the whole video names no clip
            icon = f":material/{audit.icon}:"
            st.page_link(audit.file, label="What was done with this video", icon=icon, query_params=query)
        _close(page)


def _close(page: str) -> None:
    if st.button("Close", key=key(page, "close_clip"), icon=":material/close:", type="tertiary"):
        del st.query_params[CLIP_ID]
        st.rerun()


def _copyable(name: str, value: str | None, widget: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(f"{name}: {md(value, 160)}", width="content")
        if value:
            copy_button(value, key=widget, what=name.lower(), label="")


def named(case: Case) -> None:
    """Names at the top of the page the clip that the address names, with the way to its details."""
    wanted = st.query_params.get(CLIP_ID)
    if not wanted or case.clips is None:
        return
    found = case.clips.frame
    found = found[found["exists"] & (found["clip_id"] == wanted)]
    if not len(found):
        there = "not in this video" if case.clips.complete else "not among those that could be read"
        st.markdown(f":material/content_cut: The clip **{md(wanted, 80)}** is {there}. [Details at the clips](#clips)")
        return
    clip = of_row(Clip, found.iloc[0].to_dict())
    words = [WORDS[finding.kind] for finding in _findings(case).get(clip.clip_id, ())]
    wrong = f" · {', '.join(dict.fromkeys(words))}" if words else ""
    name = f"**{md(clip.scene_title or clip.clip_id, 120)}**"
    style = f" ({md(clip.style, 40)})" if clip.style else ""
    st.markdown(f":material/content_cut: Opened at the clip {name}{style}{wrong}. [To the clip](#clips)")


def section(uid: str, video_id: str, case: Case, *, page: str) -> None:
    """Draws filter, page and gallery, from the documents of the diagnosis, and the clip that the address names."""
    table = _clips(uid, video_id, case)
    if case.facts.report is not None:
        verify.prefix_doubt(case.facts.report.prefix_doubt)
    if table.error:
        feedback.incomplete("clips", error=table.error, shown=len(table.frame), key=key(page, "clips_part"))
    frame = table.frame[table.frame["exists"]].sort_values(["priority", "scene_id", "style"], na_position="last")
    wanted = st.query_params.get(CLIP_ID)
    named = frame[frame["clip_id"] == wanted]
    if wanted and not len(named):
        nowhere(uid, video_id, wanted, complete=table.complete, page=page)
    if not len(frame):
        feedback.empty("This video has no clips.", icon="content_cut", hint="Nothing was rendered, or it was deleted.")
        return
    looking.line(case, page=page)
    linked = session.seed(key(page, "linked", uid, video_id), lambda: wanted)  # the clip that the link was to
    frame = _chosen(frame, page)
    frame = frame.iloc[(frame["clip_id"] != linked).to_numpy(dtype=bool, na_value=True).argsort(kind="stable")]
    shown = tables.paged(len(frame), key=key(page, "clip_pages"), size=PAGE_SIZE)
    rows = [of_row(Clip, row) for row in frame.iloc[shown.start : shown.stop].to_dict("records")]
    if not allowed("preview"):
        st.caption("Your role may not preview clips.")
        return
    audit_looks.looked(require("preview", active=False), uid, video_id)
    known = {clip.clip_id: clip for clip in rows}
    findings = _findings(case)
    looks = (case.gathered.looks if case.gathered is not None else None) or {}
    cards = [_card(clip, findings.get(clip.clip_id, ()), looks.get(clip.r2_key or "")) for clip in rows]
    opened = st.container()  # in place before the gallery, so that a clip that plays goes on when it is filled
    events = gallery(cards, key=key(page, "gallery"), sign=partial(_sign, known), label="Clips of this video")
    if events.opened:
        st.query_params[CLIP_ID] = events.opened
    # A filter may hide the named clip, or it is on another page of the gallery.
    elsewhere = {row["clip_id"]: of_row(Clip, row) for row in named.to_dict("records")}
    shares = case.facts.report.links if case.facts.report is not None else None
    with opened:
        draw_clip(elsewhere | known, st.query_params.get(CLIP_ID), findings, looks, shares, page=page)
    freshness(
        table.read_at,
        key=key(page, "clips_fresh"),
        complete=table.complete,
        on_refresh=partial(loads.refresh_user, uid),
    )
    if stores().settings.mode == "demo":
        st.caption("The demo's bucket is at 127.0.0.1: clips play only in a browser on the machine that runs the desk.")


def _clips(uid: str, video_id: str, case: Case) -> Table:
    """The clips that the diagnosis read, as old as that; reads them only where the diagnosis could not."""
    if case.clips is not None:
        return case.clips
    with feedback.loading("Reading the clips…", 320):
        return loads.clips(uid, video_id).value


def _chosen(frame: pd.DataFrame, page: str) -> pd.DataFrame:
    styles = sorted(frame["style"].dropna().unique())
    if len(styles) < 2:
        return frame
    chosen = st.pills(
        "Style",
        styles,
        selection_mode="multi",
        format_func=lambda style: plain(style, 40),
        key=key(page, "style"),
        bind="query-params",
        label_visibility="collapsed",
        wrap=True,
    )
    return frame[frame["style"].isin(chosen)] if chosen else frame


def _findings(case: Case) -> dict[str, tuple[Finding, ...]]:
    report = case.facts.report
    found: dict[str, tuple[Finding, ...]] = {}
    for finding in report.findings if report else ():
        if finding.clip_id:
            found[finding.clip_id] = (*found.get(finding.clip_id, ()), finding)
    return found


def _card(clip: Clip, findings: tuple[Finding, ...], look: MediaLook | None) -> ClipCard:
    presence, reason = _presence(clip, findings, look)
    picture = None if any(f.kind == "missing_thumbnail" for f in findings) else poster(clip)
    return ClipCard(
        clip_id=clip.clip_id,
        title=clip.scene_title,
        style=clip.style,
        duration_seconds=clip.duration_seconds,
        size_bytes=clip.file_size_bytes,
        status=clip.status,
        presence=presence,
        reason=reason,
        poster_url=picture.url if picture else None,
        poster_expires_at=picture.expires_at if picture else None,
    )


def _presence(clip: Clip, findings: tuple[Finding, ...], look: MediaLook | None) -> tuple[Presence, str]:
    foreign = next((finding for finding in findings if finding.kind == "foreign_key"), None)
    if foreign is not None and stores().layout.standing(clip.r2_key or "", clip.uid) != "cache":
        return "withheld", "Another customer's file, not shown." if foreign.disclosure else foreign.detail
    if look is not None and (look.fault is not None or not look.looked):
        return _SEEN[look.plays], look.words if look.looked else "The file is there, but could not be looked into."
    for kind, answer in REASONS.items():
        if any(finding.kind == kind for finding in findings):
            return answer
    if not clip.r2_key:
        return "absent", f"No file yet (status: {clip.status or 'unknown'})."
    return "present", ""


def _sign(known: dict[str, Clip], clip_id: str, purpose: Purpose) -> SignedUrl:
    """Checks the permission, records the link in the audit, and returns it: called when a person asks for it."""
    actor = require("preview")
    clip = known[clip_id]
    link = links.media_link(stores(), clip, kind="clip", download=purpose == "download")
    audit_looks.link_issued(actor, clip, link.signed, purpose)
    return link.signed
