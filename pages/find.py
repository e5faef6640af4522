"""Find: one box for any text of a customer or a log that names a user, a video or a clip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

import pandas as pd
import streamlit as st

from pages._ui import focusing
from pages._ui.access import addresses
from pages._ui.access.guard import allowed, show
from pages._ui.data import loads
from pages._ui.kit import feedback, params, session, tables
from pages._ui.kit.feedback import freshness
from pages._ui.kit.session import CLIP_ID, DRAFT_ID, QUERY, UID, VIDEO_ID, key, url_for
from pages._ui.kit.text import md
from pages._ui.nav import SCREENS
from pages._ui.shell import PAGE_BOX, SENT
from pages._ui.shell import question as asked
from pages._ui.views import acts, elsewhere
from storage.domain.places import places_in
from storage.domain.purge.removed import FULLY_TOLD
from storage.domain.search import Match, SearchResult

NAME: Final = "find"
_NAMED: Final = 50  # matches whose customer and video are read for their names
_WORDS: Final = {"user": "Customer", "video": "Video", "clip": "Clip", "draft": "Draft", "purged": "Purged"}
_ICONS: Final = {
    "user": "person",
    "video": "movie",
    "clip": "content_cut",
    "draft": "draft",
    "purged": "delete_history",
}
_KINDS: Final = {
    "uid": "a customer id",
    "email": "an e-mail address",
    "email_prefix": "the beginning of an e-mail address",
    "video_id": "a video id",
    "draft_id": "a draft id",
    "clip_id": "a clip id",
    "file_name": "a file name",
    "r2_key": "a key of the bucket",
    "presigned_url": "a presigned URL (its signature was dropped)",
    "cdn_url": "a URL of an object",
    "video_url": "the address of a source video",
    "document_path": "a document's path",
    "desk_link": "a link to this desk",
    "share_link": "a public share link or its slug",
    "title": "words of a title, or a part of an address",
    "log_line": "a line of a log, or another text that names things",
}


def page() -> None:
    session.enter(NAME)
    st.title("Find", anchor=False)
    question = params.question() or _left_behind()
    if asked(question) != question:  # a signed link in the address itself: the signature is removed at once
        _ask(question)
    _box(question)
    if not question:
        focusing.begin_in(PAGE_BOX, key=key(NAME, "focus"))
        feedback.empty(
            "Paste anything that names a customer, a video or a clip.",
            icon="search",
            hint=f"Customer id · {_addresses()} · words of a video's title · video id · clip id · file name "
            "· key of the bucket · presigned or CDN URL · YouTube URL · public share link or its slug · link from the "
            "Firebase, Google Cloud or Cloudflare console · or a whole line of a log that contains one of these.",
        )
        return
    if elsewhere.led(question, NAME, QUERY):
        return
    feedback.section("the search", partial(_answer, question), key=key(NAME, "answer"), unknown="whether it exists")


def _addresses() -> str:
    """What of an address finds a customer: who sees addresses masked would learn one by trying parts of it."""
    if addresses.seen().whole:
        return "e-mail address or a part of it"
    return "whole e-mail address (a part of one finds nobody: your role sees addresses masked)"


def _left_behind() -> str:
    """The id that a direct jump to a match left in this page's address, so that Back shows the search for it."""
    return next((found for name in (CLIP_ID, VIDEO_ID, UID) if (found := params.read_or_none(name))), "")


def _box(question: str) -> None:
    with st.form(key(NAME, "form"), border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        typed = st.text_input(
            "Search",
            value=question,
            key=key(PAGE_BOX, tables.fingerprint([question])),
            type="search",
            placeholder="Paste an id, an address, a key, a link or a line of a log",
            label_visibility="collapsed",
            max_chars=8_000,
        )
        sent = st.form_submit_button("Find", type="primary", icon=":material/search:")
    if sent:
        st.session_state[SENT] = True
        _ask(typed)


def _ask(typed: str) -> None:
    """Puts the question into the address."""
    st.query_params[QUERY] = asked(typed)
    st.rerun()


def _answer(question: str) -> None:
    sent = st.session_state.pop(SENT, False)
    with feedback.loading("Searching…"):
        loaded = loads.find(question, masked=not addresses.seen().whole)
    found = loaded.value
    if sent and len(found.matches) == 1 and not found.gaps:
        _open(found.matches[0])
    _say(found)
    freshness(loaded.read_at, key=key(NAME, "fresh"), cost=loaded.cost, on_refresh=loads.find.clear)


def _target(match: Match) -> tuple[str, dict[str, str]]:
    """The page that shows the match, and the ids for its address."""
    whole = match.type == "purged" and not match.video_id
    name = "user" if match.type in {"user", "draft"} or whole else "video"
    ids = {UID: match.uid, VIDEO_ID: match.video_id, CLIP_ID: match.clip_id, DRAFT_ID: match.draft_id}
    return name, {key: value for key, value in ids.items() if value}


def _open(match: Match) -> None:
    name, ids = _target(match)
    st.switch_page(SCREENS[name].file, query_params=ids)


def _say(found: SearchResult) -> None:
    kind = "email" if found.withheld and found.kind == "email_prefix" else found.kind
    st.markdown(f"Searched as **{_KINDS[kind]}**: {md(found.query, 200)}")
    for name, place in places_in(found.query).items():
        with st.container(border=True, horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(f":material/alt_route: **{md(name, 80)}** is {place.noun}.")
            elsewhere.link(place, name, "Open")
    if not found.matches:
        feedback.empty(
            "Nothing was found.",
            icon="search_off",
            hint="Searched: "
            + md("; ".join(found.searched), 800)
            + ". Ids are case-sensitive. Cannot be searched: "
            + md("; ".join(found.cannot), 800)
            + ".",
        )
        if allowed("audit.read"):
            audit = SCREENS["audit"]
            st.page_link(
                audit.file,
                label="Look into the audit",
                icon=f":material/{audit.icon}:",
                query_params={"text": found.query[:200]},
            )
    if len(found.matches) > 1:
        _table(found.matches)
    elif found.matches:
        _card(found.matches[0])
    if found.withheld and (not found.matches or found.kind == "email_prefix"):
        st.caption(f":material/visibility_off: Not searched: {md(found.withheld, 200)}.")
    if found.truncated:
        st.caption("There may be more matches; narrow the text.")
    for number, gap in enumerate(found.gaps):
        feedback.failed(gap, key=key(NAME, "gap", number), what="a part of the search")
    if found.matches:
        with st.expander("What was searched"):
            st.markdown("\n".join(f"- {md(what)}" for what in found.searched))


def _card(match: Match) -> None:
    icon = _ICONS[match.type]
    page, target = _target(match)
    label = _label(match, addresses.seen())
    with st.container(border=True, horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        ids = " · ".join(md(part, 80) for part in (match.uid, match.video_id, match.clip_id, match.draft_id) if part)
        st.markdown(f":material/{icon}: **{md(label, 120)}**  \n:small[{ids} — {md(_why(match), 600)}]")
        st.page_link(SCREENS[page].file, label="Open", icon=":material/arrow_forward:", query_params=target)


def _label(match: Match, seen: addresses.Seen) -> str:
    """A customer by the whole of what stands as their address, which may be of no usual form; all else by its title."""
    if match.type == "user" and match.label != match.uid and not match.label.startswith(f"{match.uid} ("):
        return seen.who(match.label, match.uid)
    return seen.text(match.label, match.uid)


def _why(match: Match) -> str:
    """The reason of the match; of a purge all that this person may be told."""
    return match.removed.told(full=allowed(FULLY_TOLD)) if match.removed is not None else match.why


def _parts(match: Match) -> dict[str, str]:
    """The ids of the documents that name the match's customer and, where it is something in a video, the video."""
    return {UID: match.uid, VIDEO_ID: match.video_id if match.type != "video" else ""}


def _whose(match: Match, names: Mapping[str, str], seen: addresses.Seen) -> tuple[str, str | None]:
    """The customer of the match, and the title of its video where the match is something in one."""
    parts = _parts(match)
    user, video = acts.path(parts, UID), acts.path(parts, UID, VIDEO_ID)
    title = names.get(video or "") or parts[VIDEO_ID]
    return seen.who(names.get(user or ""), match.uid), seen.text(title, match.uid) or None


def _table(matches: Sequence[Match]) -> None:
    shown, names = addresses.seen(), acts.named([_parts(match) for match in matches[:_NAMED]])
    whose = [_whose(match, names, shown) for match in matches]
    frame = pd.DataFrame(
        {
            "open": [url_for(page, **ids) for page, ids in map(_target, matches)],
            "label": [_label(match, shown) for match in matches],
            "what": [_WORDS[match.type] for match in matches],
            "customer": [customer for customer, _ in whose],
            "video": [video for _, video in whose],
            "why": [_why(match) for match in matches],
            "uid": [match.uid for match in matches],
            "video_id": [match.video_id or None for match in matches],
            "inner_id": [match.clip_id or match.draft_id or None for match in matches],
        }
    )
    columns = {
        "open": tables.link("Open"),
        "label": st.column_config.TextColumn("Found", width=230),
        "what": "What",
        "customer": st.column_config.TextColumn("Customer", width=170),
        "video": st.column_config.TextColumn("In the video", width=200),
        "why": st.column_config.TextColumn("Why", width="medium"),
        "uid": "Customer id",
        "video_id": "Video id",
        "inner_id": "Clip or draft id",
    }
    columns = {name: column for name, column in columns.items() if frame[name].notna().any()}
    tables.table(frame, key=key(NAME, "table"), alt="All matches", columns=columns)


if __name__ == "__main__":
    show(NAME, page)
