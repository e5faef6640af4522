"""User: who is it, what does the plan allow, what is used, and which videos are there?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, cast

import pandas as pd
import streamlit as st

from pages._ui import palette
from pages._ui.access import addresses
from pages._ui.access.guard import allowed, show, stopped_by
from pages._ui.copying import copy_button
from pages._ui.data import loads, scan_loads
from pages._ui.data.resources import last_outages, stores
from pages._ui.kit import away, feedback, format, params, session, status
from pages._ui.kit.feedback import freshness
from pages._ui.kit.folds import fold
from pages._ui.kit.session import DRAFT_ID, UID, key
from pages._ui.kit.text import md
from pages._ui.nav import SCREENS
from pages._ui.views import asked, credits, drafts, last_changes, ledger, oddities, posters, problems, removed, what_if
from pages._ui.views import user as view
from pages._ui.views.repair import repairs
from storage.domain.ledger import Ledger, over_by_mistake
from storage.domain.policy import Action
from storage.domain.problems import standings
from storage.domain.usage import Usage
from storage.errors import NotFound, StorageError
from storage.services.ledger import credits_of
from storage.services.usage import Account, SomeVideos
from storage.text import number

NAME: Final = "user"
_WHOLE: Final = key(NAME, "whole")  # session key: users of whom somebody wants all clips read
_LISTED: Final = key(NAME, "listed")  # users whose objects somebody wants listed
READ_ALL_UP_TO = 300  # clips that the page reads by itself, for drift by video and storage by style


def page() -> None:
    (uid,) = params.ids(UID, title="Customer")
    session.enter(NAME)
    feedback.section(
        "the customer", partial(_user, uid), key=key(NAME, "user"), unknown="plan, usage and videos", title=md(uid, 80)
    )


def _user(uid: str) -> None:
    with feedback.loading("Reading the account…", 320):
        try:
            loaded = loads.user(uid)
        except NotFound:
            palette.opened(uid, None, gone=True)
            if removed.gone(uid, page=NAME):
                return
            raise
    account, usage = loaded.value
    palette.opened(uid, account.user.email)
    known = _known(uid)
    _head(account, usage, known)
    freshness(
        loaded.read_at,
        key=key(NAME, "fresh"),
        cost=loaded.cost,
        on_refresh=partial(loads.refresh_user, uid),
        on_read_all=partial(loads.forget_user, uid),
    )
    feedback.section("what was asked", partial(asked.about, uid, page=NAME), key=key(NAME, "asked"))
    if known is not None:
        problems.head(known, uid)
    st.subheader("Videos")
    feedback.section(
        "the videos", partial(_videos, uid, usage, known), key=key(NAME, "videos"), unknown="which videos there are"
    )
    st.subheader("Usage", anchor="usage")
    sides = _ledger(uid, usage)
    ledger.wrong_limit(usage, sides)
    view.cards(usage, page=NAME, read_at=loaded.read_at, ledger=sides)
    feedback.section("what was removed", partial(removed.parts, uid, page=NAME), key=key(NAME, "removed"))
    feedback.section("the last changes", partial(last_changes.section, uid, page=NAME), key=key(NAME, "changes"))
    _folded(uid, usage)
    oddities.draw(account.user.oddities + (account.accounting.oddities if account.accounting else ()), page=NAME)


def _folded(uid: str, usage: Usage) -> None:
    """Draws what few people need, each part folded, and read when somebody unfolds it; what is wrong is said above.

    Wrong counters are drawn also while they are folded: the palette offers to recount them.
    """
    parts: tuple[tuple[str, str, str, Callable[[], None], str], ...] = (
        ("Storage by video and style", "bar_chart", "storage", partial(_storage, uid, usage), "what is stored"),
        (
            f"Stored counters: {_drift(usage)}",
            "calculate",
            "truth",
            partial(_truth, uid, usage),
            "whether the counters are right",
        ),
        ("Counter, documents, bucket", "balance", "sides", partial(_sides, uid, usage), "what is stored"),
        ("Plan and limits", "workspace_premium", "plan", partial(view.plan, usage.plan), "the limits"),
        ("Credits", "toll", "credits", partial(_credits, uid, usage), "the transactions"),
        ("Drafts", "draft", "drafts", partial(_drafts, uid), "which drafts there are"),
        ("What if", "experiment", "what_if", partial(_what_if, uid, usage), "what it would do"),
    )
    unfolded = {"drafts"} if params.read_or_none(DRAFT_ID) else set()
    if uid in st.session_state.get(_LISTED, ()):
        unfolded.add("sides")
    if uid in st.session_state.get(_WHOLE, ()):
        unfolded.add("truth")
    at_once = {"truth"} if any(counter.is_wrong for counter in usage.counters) else set[str]()
    for title, icon, name, body, unknown in parts:
        # Another key unfolds a part that the page has shown folded.
        mark = key(NAME, "fold", name, uid, *(["unfolded"] if name in unfolded else []))
        place = fold(title, icon, key=mark, expanded=name in unfolded)
        if not (place.open or name in at_once):
            continue
        with place:
            feedback.section(title.partition(":")[0].lower(), body, key=key(NAME, name), unknown=unknown)


def _drift(usage: Usage) -> str:
    wrong = sum(counter.is_wrong for counter in usage.counters)
    if wrong:
        return f"{wrong:,} wrong"
    return "all right" if any(counter.truth is not None for counter in usage.counters) else "not compared"


def _known(uid: str) -> problems.KnownProblems | None:
    """What is known of the videos, from what the page reads anyway; `None` where the list could not be read, which the
    list's own place then says."""
    try:
        some = _listed(uid).value
    except StorageError:
        return None
    scan, missing = None, "no scan is kept."
    try:
        scan = scan_loads.of_customer(uid).value
    except StorageError as error:
        why = away.words(error) if away.told(error) else error.message
        missing = f"the last scan could not be read ({why})"
    outages = last_outages()
    together = {video_id for outage in outages.found for owner, video_id in outage.videos if owner == uid}
    frame = some.table.frame.sort_values("created_at", ascending=False, na_position="first")
    found = standings(
        frame,
        scan,
        everything=some.everything,
        together=together,
        now=datetime.now(UTC),
        stale_after=timedelta(minutes=stores().settings.stale_after_minutes),
    )
    return problems.KnownProblems(found, some.everything, some.count, scan, missing, outages.read_at)


def _listed(uid: str) -> loads.Loaded[SomeVideos]:
    wanted = uid in st.session_state.get(_WHOLE, ())
    with feedback.loading("Reading the videos…", 320):
        return loads.all_videos(uid) if wanted else loads.some_videos(uid)


def _head(account: Account, usage: Usage, known: problems.KnownProblems | None) -> None:
    user = account.user
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.title(md(addresses.seen().who(user.email, account.uid), 80), width="content", anchor=False)
        status.tag(usage.plan.name, 30, icon=":material/workspace_premium:", colour="blue")
        status.badge("usage", usage.worst_state)
        if user.role:
            status.tag(user.role, 30, icon=":material/shield_person:", colour="violet")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(f"Customer id {md(account.uid, 120)}", width="content")
        copy_button(account.uid, key=key(NAME, "copy"), what="customer id", label="")
        now = datetime.now(UTC)
        created, touched = format.ago(user.created_at, now), format.ago(user.updated_at, now)
        st.caption(f"joined {created.text}", help=created.help, width="content")
        st.caption(f"changed {touched.text}", help=touched.help, width="content")
        if known is not None:
            state = status.look("usage", usage.worst_state).word.lower()
            told = problems.summary(known, account.uid, [f"plan {usage.plan.name}, {state}", f"joined {created.text}"])
            copy_button(told, key=key(NAME, "copy_summary"), what="summary for a ticket", label="Copy summary")
        addresses.reveal_button(account.uid, user.email, page=NAME)
        asked.buttons(account.uid, name=addresses.seen().who(user.email, account.uid), page=NAME)
        _ways_on(account.uid)
    if not user.exists:
        st.warning(
            "This customer has no document, but documents below it still exist: videos, clips or transactions "
            "that were left behind. Plan and counters are therefore unknown.",
            title="A customer without their own document",
            icon=":material/person_off:",
        )


def _ways_on(uid: str) -> None:
    """Draws links to the other pages about this user that the person may open, and to a purge."""
    for page, action, label in (
        ("uploads", "verify", "Check the uploads"),
        ("audit", "audit.read", "What was done"),
    ):
        if allowed(cast(Action, action)):
            icon = f":material/{SCREENS[page].icon}:"
            st.page_link(SCREENS[page].file, label=label, icon=icon, query_params={UID: uid})
    stop = stopped_by("purge.plan")
    st.page_link(
        SCREENS["purge"].file,
        label="Plan a purge",
        icon=f":material/{SCREENS['purge'].icon}:",
        query_params={UID: uid},
        disabled=bool(stop),
        help=stop or None,
    )


def _videos(uid: str, usage: Usage, known: problems.KnownProblems | None) -> None:
    loaded = _listed(uid)
    some = loaded.value
    frame = some.table.frame.sort_values("created_at", ascending=False, na_position="first")
    phantoms = int((~frame["exists"]).sum())
    if phantoms:
        st.warning(f"{phantoms:,} of these have no video document, only clips or highlights below it.")
    known = known or _known(uid)  # the list may have come only now
    clips = _read_clips(uid, usage, part="videos")
    if known is not None:
        problems.videos(
            frame,
            known,
            clips,
            page=NAME,
            uid=uid,
            csv_name=f"videos-{uid[:40]}",
            posters=posters.by_video(uid, clips, shown=frame["video_id"]),
            unread_clips=partial(_unread_clips, uid, usage),
        )
    if some.table.error:
        feedback.incomplete("videos", error=some.table.error, shown=len(frame), key=key(NAME, "part"))
    elif not some.everything:
        hidden = f" {some.hidden:,} more have no creation time, so this order leaves them out." if some.hidden else ""
        st.caption(
            f"These are the newest {len(frame):,} of {some.count:,} by creation; the search, filters and charts cover "
            f"only these.{hidden}"
        )
        if st.button("Read all videos", key=key(NAME, "all"), icon=":material/unfold_more:"):
            _read_whole(uid)
    freshness(
        loaded.read_at,
        key=key(NAME, "videos_fresh"),
        cost=loaded.cost,
        complete=some.everything,
        on_refresh=partial(loads.refresh_user, uid),
    )


def _read_clips(uid: str, usage: Usage, *, part: str) -> pd.DataFrame | None:
    """The clips where the page reads them, for pictures, the search and sums; `None` where it does not, or could not.

    Draws why they are not there, or not all; `part` is the part of the page that wants them.
    """
    if not (uid in st.session_state.get(_WHOLE, ()) or _few(usage)):
        return None
    try:
        clips = loads.full_usage(uid).value.clips
    except StorageError as error:
        unknown = "which clips there are"
        feedback.failed(error, what="the clips", unknown=unknown, key=key(NAME, part, "clips_failed"))
        return None
    if clips.error:
        feedback.incomplete("clips", error=clips.error, shown=len(clips.frame), key=key(NAME, part, "clips_part"))
    return clips.frame


def _unread_clips(uid: str, usage: Usage) -> None:
    count = _clips(usage)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption("Titles and file names of clips were not searched: they were not read.", width="content")
        label = "Read all clips" if count is None else f"Read all {number(count, 'clip')}"
        if st.button(label, key=key(NAME, "search_clips"), icon=":material/unfold_more:", type="tertiary"):
            _read_whole(uid)


def _storage(uid: str, usage: Usage) -> None:
    frame = _listed(uid).value.table.frame
    if (frame["total_size_bytes"] > 0).any():
        st.markdown("**Storage by video** :small[by the videos' own counters]")
        view.largest(frame)
    clips = _read_clips(uid, usage, part="storage")
    if clips is None:
        st.caption("Storage by style needs every clip document: see the stored counters.")
        return
    st.markdown("**Storage by style**")
    view.by_style(clips)


def _drafts(uid: str) -> None:
    """Draws the newest drafts, or the one that the address names and these where somebody asks: each costs a read."""
    draft_id = params.read_or_none(DRAFT_ID)
    if draft_id:
        with feedback.loading("Reading the draft…", 240):
            one = loads.draft(uid, draft_id)
        if one.value is None:
            st.caption(f"There is no draft {md(draft_id, 80)} of this customer.")
        else:
            drafts.one(one.value, page=NAME)
    if draft_id and not st.toggle(
        "Show the other drafts",
        key=key(NAME, "with_drafts"),
        help="A draft is an analysis from which the customer has not made a video yet. One read for each draft.",
    ):
        return
    with feedback.loading("Reading the drafts…", 240):
        loaded = loads.drafts(uid)
    if loaded.value:
        drafts.table(loaded.value, page=NAME, name="drafts_table")
    else:
        st.caption("This customer has no drafts.")
    freshness(
        loaded.read_at, key=key(NAME, "drafts_fresh"), cost=loaded.cost, on_refresh=partial(loads.refresh_user, uid)
    )


def _truth(uid: str, usage: Usage) -> None:
    count = _clips(usage)
    wanted = uid in st.session_state.get(_WHOLE, ()) or _few(usage)
    if not wanted:
        view.draw_counters(uid, usage.counters, page=NAME)
        repairs.recount(uid, usage.counters, page=NAME)
        number = "all" if count is None else f"all {count:,}"
        st.caption("Wrong counters of videos, and storage by style, need every clip document.")
        if st.button(f"Read {number} clips", key=key(NAME, "clips"), icon=":material/functions:"):
            _read_whole(uid)
        return
    with feedback.loading("Reading every clip…"):
        loaded = loads.full_usage(uid)
    full = loaded.value
    broken = full.videos.error or full.clips.error
    if broken:
        feedback.incomplete("clips", error=broken, shown=len(full.clips.frame), key=key(NAME, "clips_part"))
    titles = dict(zip(full.videos.frame["video_id"], full.videos.frame["video_title"], strict=True))
    view.draw_counters(uid, full.usage.counters, page=NAME, titles=titles)
    repairs.recount(uid, full.usage.counters, page=NAME)
    ledger.crossed(full.usage, full.clips)
    freshness(
        loaded.read_at,
        key=key(NAME, "truth_fresh"),
        cost=loaded.cost,
        complete=broken is None,
        on_refresh=partial(loads.refresh_user, uid),
    )


def _clips(usage: Usage) -> int | None:
    return next((c.truth for c in usage.counters if c.truth is not None and c.name.endswith("_count")), None)


def _few(usage: Usage) -> bool:
    """Whether there are so few clips that the page reads all of them by itself."""
    count = _clips(usage)
    return count is not None and count <= READ_ALL_UP_TO


def _compares(uid: str, usage: Usage) -> bool:
    """Whether the bucket is asked: where somebody wants it, and for a customer who is over the limit by the documents,
    since one of them may have a size that only its object shows to be wrong."""
    storage = usage.storage
    over = storage.state == "exceeded" and not over_by_mistake(storage.used, storage.limit, usage.actual_bytes)
    if over and _few(usage):
        st.session_state[_LISTED] = {*st.session_state.get(_LISTED, ()), uid}
    return uid in st.session_state.get(_LISTED, ())


def _ledger(uid: str, usage: Usage) -> Ledger | None:
    """The ledger where the bucket is asked and it could be read; its own section says why it could not."""
    if not _compares(uid, usage):
        return None
    try:
        with feedback.loading("Comparing with the bucket…", 120):
            return loads.ledger(uid).value
    except StorageError:
        return None


def _sides(uid: str, usage: Usage) -> None:
    """It reads every clip document and lists the customer's objects, so mostly somebody has to ask for it."""
    if not _compares(uid, usage):
        st.caption("To compare the documents with the bucket, the desk lists the customer's objects.")
        if st.button("Compare with the bucket", key=key(NAME, "compare"), icon=":material/balance:"):
            st.session_state[_LISTED] = {*st.session_state.get(_LISTED, ()), uid}
            st.rerun()
        return
    with feedback.loading("Listing the objects…"):
        loaded = loads.ledger(uid)
    ledger.draw(usage, loaded.value)
    freshness(
        loaded.read_at,
        key=key(NAME, "sides_fresh"),
        cost=loaded.cost,
        complete=loaded.value.stored_bytes is not None,
        on_refresh=partial(loads.refresh_user, uid),
    )


def _read_whole(uid: str) -> None:
    st.session_state[_WHOLE] = {*st.session_state.get(_WHOLE, ()), uid}
    st.rerun()


def _what_if(uid: str, usage: Usage) -> None:
    """Draws what may be supposed, about the videos that the page has read."""
    frame = _listed(uid).value.table.frame
    named = frame["video_title"].fillna(frame["video_id"])
    titles = dict(zip(frame["video_id"], named, strict=True))
    what_if.section(uid, titles, page=NAME, whole=uid in st.session_state.get(_WHOLE, ()) or _few(usage))


def _credits(uid: str, usage: Usage) -> None:
    loaded = loads.transactions(uid)
    credits.draw(credits_of(loaded.value, usage, loaded.read_at), loaded.read_at)
    view.draw_transactions(loaded.value, uid, page=NAME)
    freshness(
        loaded.read_at,
        key=key(NAME, "credits_fresh"),
        cost=loaded.cost,
        complete=loaded.value.error is None,
        on_refresh=partial(loads.refresh_user, uid),
    )


if __name__ == "__main__":
    show(NAME, page)
