"""The question to the audit, kept in the address so that it can be passed on, and one page of its answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import pandas as pd
import streamlit as st

from pages._ui.data import loads
from pages._ui.kit import feedback, format, params, status, tables
from pages._ui.kit.feedback import freshness
from pages._ui.kit.session import UID, key
from pages._ui.kit.text import md
from pages._ui.views import audit_entry
from storage.audit_search import Answer, Question
from storage.domain.actor_and_reason import normal_email
from storage.errors import BadInput

PAGE: Final = "audit"
ACTOR, ACTION, OUTCOME, TEXT, FROM, TO, BEFORE, SIZE = (
    "actor", "action", "outcome", "text", "from", "to", "before", "rows",
)  # fmt: skip
SIZES = (50, 200, 900)
ACTIONS = (
    "media.look", "link.issue", "purge.plan", "purge.approve", "purge.decline", "purge.apply", "purge.cancel",
    "purge.resume", "purge.end", "purge.undo", "purge.undo.end", "purge.empty", "purge.quarantine.end", "recount",
    "set-status", "highlights", "upload", "undo-change",
)  # fmt: skip


def ask() -> Question | None:
    """The form, and the question that the address holds; `None` (and why) where it holds none that can be asked."""
    try:
        given = {name: params.read(name) or "" for name in (UID, ACTOR, ACTION, OUTCOME, TEXT, FROM, TO)}
        _form(given)
        return Question(
            uid=given[UID],
            actor=normal_email(given[ACTOR]) if given[ACTOR] else "",
            action=given[ACTION],
            outcome=given[OUTCOME],
            text=given[TEXT],
            since=_day(given[FROM], FROM),
            until=_end(given[TO]),
        )
    except BadInput as error:
        feedback.error_panel(error, key=key(PAGE, "address"))
        return None


def _form(given: Mapping[str, str]) -> None:
    mark = tables.fingerprint(list(given.values()))
    with st.form(key(PAGE, "form", mark), border=True):
        with st.grid("auto", min_column_width=260):
            uid = st.text_input("User id", given[UID], key=key(PAGE, "uid", mark))
            actor = st.text_input("Who", given[ACTOR], key=key(PAGE, "actor", mark), placeholder="e-mail address")
            action = _choice("What", ACTIONS, given[ACTION], key(PAGE, "action", mark), free=True)
            outcome = _choice("Outcome", tuple(status.FAMILIES["outcome"]), given[OUTCOME], key(PAGE, "out", mark))
            days = st.date_input("Days (UTC)", _days(given), key=key(PAGE, "days", mark), format="YYYY-MM-DD")
            text = st.text_input(
                "Text", given[TEXT], key=key(PAGE, "text", mark), type="search",
                placeholder="in reasons, keys, ids, details",
            )  # fmt: skip
        with st.container(horizontal=True, gap="small"):
            sent = st.form_submit_button("Search", type="primary", icon=":material/search:")
            cleared = st.form_submit_button("Clear", type="tertiary")
    if sent or cleared:
        first, last = _ends(days)
        wanted = {UID: uid, ACTOR: actor, ACTION: action, OUTCOME: outcome, TEXT: text, FROM: first, TO: last}
        kept = {name: " ".join((value or "").split()) for name, value in wanted.items() if sent}
        if sent and uid == given[UID]:
            kept[UID] = given[UID]  # as the address had it: a link may name an id that nobody would type
        st.query_params.from_dict({name: value for name, value in kept.items() if value})
        st.rerun()


def _choice(label: str, options: tuple[str, ...], chosen: str, name: str, *, free: bool = False) -> str | None:
    listed = (*options, *([chosen] if chosen and chosen not in options else []))
    index = listed.index(chosen) if chosen else None
    return st.selectbox(label, listed, index=index, key=name, placeholder="any", accept_new_options=free)


def _days(given: Mapping[str, str]) -> Any:
    """The days of the address; unusable ones are refused where the question is made."""
    ends: list[date] = []
    for name in (FROM, TO):
        try:
            ends.append(date.fromisoformat(given[name]))
        except ValueError:
            return ()
    return tuple(sorted(ends))


def _ends(days: Any) -> tuple[str, str]:
    """The first and the last day as the address holds them; a single day is both."""
    chosen = [day for day in (days if isinstance(days, tuple | list) else [days]) if isinstance(day, date)]
    return (chosen[0].isoformat(), chosen[-1].isoformat()) if chosen else ("", "")


def _day(text: str, name: str) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.combine(date.fromisoformat(text), time(), UTC)
    except ValueError:
        raise BadInput(f"{name} is no day", field_name=name, remedy="Give it as YYYY-MM-DD.") from None


def _end(text: str) -> datetime | None:
    """The last instant of the day."""
    day = _day(text, TO)
    return None if day is None else day + timedelta(days=1) - timedelta(microseconds=1)


def answer(question: Question) -> None:
    """One page of entries, the details of the one that is chosen, and the way to older ones."""
    size = _size()
    before = _before()
    with st.spinner("Searching the audit…"):
        loaded = loads.audit(question, size, before)
    found = loaded.value
    if not found.entries:
        _nothing(found, before)
    else:
        chosen = _table(found)
        if chosen:
            audit_entry.draw(next(entry for entry in found.entries if str(entry.get("sequence")) == chosen[0]))
    _turn(found, before)
    freshness(loaded.read_at, key=key(PAGE, "fresh"), cost=loaded.cost, on_refresh=loads.audit.clear)


def _size() -> int:
    chosen = st.session_state.get(key(PAGE, SIZE))
    return chosen if chosen in SIZES else SIZES[0]


def _before() -> int | None:
    text = params.read(BEFORE)
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:20]) < 10**12:
        raise BadInput(f"{BEFORE} is no number of an entry", field_name=BEFORE, remedy="Begin again with the newest.")
    return int(text)


def _nothing(found: Answer, before: int | None) -> None:
    if found.cut:
        feedback.empty(
            f"None of the {found.read:,} entries that were read fits.", icon="manage_search",
            hint="Older ones may: go on below, or narrow the question by user, person, action or day.",
        )  # fmt: skip
    elif before is not None:
        feedback.empty("Nothing older fits.", icon="last_page")
    else:
        feedback.empty("Nothing on record fits.", icon="history", hint="Proven: the whole audit was asked.")


def _table(found: Answer) -> list[str]:
    frame = audit_entry.frame(found.entries)
    return tables.table(
        frame.assign(shown=status.words("outcome", frame["outcome"])),
        key=key(PAGE, "table"),
        alt="Entries of the audit, the newest first",
        id_column="number",
        select="one",
        columns={
            "at": tables.moment("When"),
            "actor": st.column_config.TextColumn("Who"),
            "action": "What",
            "shown": status.column("outcome", frame["outcome"], "Outcome"),
            "subject": "About",
            "reason": st.column_config.TextColumn("Why", width="medium"),
            "origin": "From where",
            "number": st.column_config.TextColumn("Number", width="small"),
        },
        height=560 if len(frame) > 14 else "content",
        csv_name=f"audit-{datetime.now(UTC):%Y%m%d-%H%M%S}",
        csv_frame=lambda: pd.DataFrame(found.entries),
    )


def _turn(found: Answer, before: int | None) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if before is not None and st.button("Newest", icon=":material/first_page:", key=key(PAGE, "newest")):
            st.query_params.pop(BEFORE, None)
            st.rerun()
        if found.next_before is not None:
            label = "Go on searching" if found.cut else "Older"
            if st.button(label, icon=":material/arrow_forward:", key=key(PAGE, "older")):
                st.query_params[BEFORE] = str(found.next_before)
                st.rerun()
        st.segmented_control(
            "Rows", SIZES, default=SIZES[0], key=key(PAGE, SIZE), label_visibility="collapsed", required=True
        )
        read = format.count(found.read).text
        st.caption(f"{md(read)} entries read; the file has what is shown.", width="content")
