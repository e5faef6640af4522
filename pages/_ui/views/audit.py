"""Draws the audit: its search, a page of entries, one entry whole, the check of the chain, and Undo for a change.

The address holds the search, so that a link shows the same entries. The check reads every entry and therefore waits for
a click; its answer shows its time. Undo shows what it would put back and asks for a reason; the action then checks the
role again, and the precondition of every document.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, Literal

import pandas as pd
import streamlit as st

from pages._ui.access import addresses
from pages._ui.access.guard import actor, allowed, require
from pages._ui.copying import copy_button
from pages._ui.data import loads
from pages._ui.data.resources import stores
from pages._ui.kit import feedback, format, params, status, tables
from pages._ui.kit.feedback import cost_words, freshness
from pages._ui.kit.session import UID, VIDEO_ID, key, url_for
from pages._ui.kit.text import ABSENT, md, plain
from pages._ui.nav import SCREENS
from pages._ui.views import acts, elsewhere
from pages._ui.views.repair import take_back
from storage.actions.addresses import REVEAL
from storage.actions.orphans import CHANGE
from storage.actions.repair import undo_needs
from storage.clients.meter import Cost, metering
from storage.domain.actor_and_reason import normal_email
from storage.domain.audit_chain import LOOKS
from storage.domain.places import place_of
from storage.domain.policy import Action
from storage.domain.purge.plan import moment
from storage.errors import BadInput, StorageError
from storage.ids import is_id, is_stored_id
from storage.repositories.audit_log import ChainReport
from storage.services.audit_search import AuditPage, AuditQuery, audit_log

PAGE: Final = "audit"
CHANGES: Final = frozenset(
    {"set-status", "highlights", "recount", "upload", "end-disclosure", "orphan.adopt", "orphan.remove"}
)
WITH_OBJECTS: Final = frozenset({"highlights", "upload"})  # the audit records these before they are made


MAX_KEYS = 200
MOST_LINES, DETAIL_PIXELS = 16, 360  # longer details are scrolled in their place
ACTOR, ACTION, OUTCOME, TEXT, FROM, TO, BEFORE, SIZE = (
    "actor",
    "action",
    "outcome",
    "text",
    "from",
    "to",
    "before",
    "rows",
)
SIZES = (50, 200, 900)
KIND, RANGE = "audit-kind", "audit-range"  # also the names in the address
CHANGED, LINKED, VIEWED, EVERYTHING = "Changes", "Links", "Views", "Everything"
KINDS: Final = (CHANGED, LINKED, VIEWED, EVERYTHING)
RANGES: Final[dict[str, timedelta | None]] = {
    "24 h": timedelta(days=1),
    "7 days": timedelta(days=7),
    "30 days": timedelta(days=30),
    "All time": None,
}
_OF_KIND: Final[dict[str, dict[str, Any]]] = {
    CHANGED: {"without": LOOKS | {REVEAL}},
    LINKED: {"actions": ("link.issue",)},
    VIEWED: {"actions": tuple(sorted(LOOKS - {"link.issue"} | {REVEAL}))},
}
_KEPT: Final = key(PAGE, "chain")  # session key: the last answer, until the page is left
_WORDS = {
    "missing": "Missing",
    "altered": "Altered",
    "unlinked": "Not linked to the next",
    "cut_off": "Cut off at the end",
    "foreign": "Does not belong to the chain",
    "unsealed": "Not sealed with the key",
    "uncopied": "Its copy is missing",
    "replaced": "The bucket holds another version",
}


def draw_undo(entry: Mapping[str, Any]) -> None:
    """Draws each change of an entry that changed fields, with the button that takes it back."""
    action = str(entry.get("action") or "")
    if not _undoable(entry, _mine()):
        return
    for change_id in change_ids(entry):
        with st.container(border=True, key=key(PAGE, "undo", change_id)):
            _change(change_id, needs(action))


def _mine() -> frozenset[str]:
    """The actions whose changes this person may take back."""
    return frozenset(action for action in CHANGES if allowed(needs(action)))


def _undoable(entry: Mapping[str, Any], mine: Collection[str]) -> bool:
    """Whether the entry names changes by one of these actions."""
    action = str(entry.get("action") or "")
    outcomes = {"done", "begun", "failed"} if action in WITH_OBJECTS else {"done"}
    return action in mine and entry.get("outcome") in outcomes and bool(change_ids(entry))


def change_ids(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """The ids of the entry's changes, the last one first. An entry is only text: a text that is no id is left out."""
    detail = entry.get("detail")
    if not isinstance(detail, Mapping):
        return ()
    several = detail.get("change_ids")
    found = [*(several if isinstance(several, list | tuple) else ()), detail.get("change_id")]
    return tuple(reversed([one for one in found if isinstance(one, str) and is_id(one)]))


def needs(action: str) -> Action:
    """The permission that taking back what this entry records needs."""
    return undo_needs(CHANGE["remove"] if action == "orphan.remove" else action)


def _change(change_id: str, needed: Action) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f":material/edit: Change {md(change_id, 60)}", width="content")
        take_back.control(change_id, needed, page=PAGE)
    take_back.form(change_id, needed, page=PAGE)


def entries_frame(entries: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> pd.DataFrame:
    """One row for each entry, with `names` by path. An entry that was damaged in the database is shown as it is."""
    mine = _mine()
    return pd.DataFrame(
        {
            "number": [str(entry.get("sequence")) for entry in entries],
            "at": pd.to_datetime([_at(entry) for entry in entries], utc=True),
            "actor": [str(entry.get("actor") or "") for entry in entries],
            "action": [acts.verb(str(entry.get("action") or "")) for entry in entries],
            "outcome": [str(entry.get("outcome") or "") for entry in entries],
            "subject": [acts.about(entry, names) for entry in entries],
            "undo": ["Yes" if _undoable(entry, mine) else None for entry in entries],
            "reason": [str(entry.get("reason") or ABSENT) for entry in entries],
            "origin": [str(entry.get("origin") or ABSENT) for entry in entries],
            "uid": [str(entry.get("uid") or ABSENT) for entry in entries],
            "video_id": [str(entry.get("video_id") or ABSENT) for entry in entries],
        }
    )


def draw_entry(entry: Mapping[str, Any], names: Mapping[str, str]) -> None:
    did = acts.verb(str(entry.get("action") or ABSENT))
    with st.container(border=True, key=key(PAGE, "entry")):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(
                f"**{md(str(entry.get('actor') or ABSENT), 80)} {md(did, 80)}** {md(acts.about(entry, names), 200)}",
                width="content",
            )
            status.badge("outcome", str(entry.get("outcome") or ""))
            _ways(entry)
        left, right = st.columns(2, gap="medium")
        with left:
            st.markdown("  \n".join(f":gray[{name}] {md(value, 2_000)}" for name, value in _facts(entry)))
        with right:
            _keys(entry.get("keys"))
            _detail(entry.get("detail"))
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            text = str(entry.get("hash") or "")
            st.caption(f"sealed by {md(str(entry.get('sealed')), 30)}: {md(text[:24])}…", help=text, width="content")
            copy_button(text, key=key(PAGE, "copy_hash"), what="hash", label="")
    draw_undo(entry)


def _facts(entry: Mapping[str, Any]) -> list[tuple[str, str]]:
    named = (
        ("When", format.utc(_at(entry)).text),
        ("Who", "actor"),
        ("What", "action"),
        ("From where", "origin"),
        ("Customer", "uid"),
        ("Video", "video_id"),
        ("Clip", "clip_id"),
        ("Why", "reason"),
        ("Plan's fingerprint", "fingerprint"),
        ("Job", "job_id"),
        ("Number", "sequence"),
    )
    rows = [(name, value if name == "When" else str(entry.get(value) or "")) for name, value in named]
    return [(name, value) for name, value in rows if value]


def _ways(entry: Mapping[str, Any]) -> None:
    uid, video_id, job_id = (str(entry.get(name) or "") for name in ("uid", "video_id", "job_id"))
    if is_stored_id(uid):
        st.page_link(SCREENS["user"].file, label="Customer", icon=":material/person:", query_params={UID: uid})
        if is_stored_id(video_id):
            ids = {UID: uid, VIDEO_ID: video_id}
            st.page_link(SCREENS["video"].file, label="Video", icon=":material/movie:", query_params=ids)
    if (place := place_of(job_id)) is not None:
        elsewhere.link(place, job_id, "Job")


def _keys(keys: Any) -> None:
    if isinstance(keys, list | tuple) and keys:
        st.caption("Keys")
        st.code("\n".join(plain(str(one), 1_100) for one in keys[:MAX_KEYS]), language=None, wrap_lines=True)


def _detail(detail: Any) -> None:
    if detail:
        st.caption("Details")
        shown = json.dumps(detail, ensure_ascii=False, indent=1, default=str)
        height: int | Literal["content"] = DETAIL_PIXELS if shown.count("\n") > MOST_LINES else "content"
        st.code(plain(shown, 20_000, lines=True), language="json", wrap_lines=True, height=height)


def _at(entry: Mapping[str, Any]) -> datetime | None:
    try:
        return moment(str(entry.get("at")))
    except ValueError:
        return None


def ask() -> AuditQuery | None:
    """Draws the form and returns the question of the address; where that is unusable, draws why and returns `None`."""
    try:
        given = {name: params.read(name) or "" for name in (UID, ACTOR, ACTION, OUTCOME, TEXT, FROM, TO)}
        kind, span = _kind_and_range(given)
        _form(given)
        who = normal_email(given[ACTOR]) if given[ACTOR] else ""
        return AuditQuery(
            uid=given[UID],
            actor=who if allowed("audit.read") else actor(active=False).email,
            action=given[ACTION],
            outcome=given[OUTCOME],
            text=given[TEXT],
            since=_day(given[FROM], FROM) or _ago(span),
            until=_end(given[TO]),
            **_OF_KIND.get(kind, {}),
        )
    except BadInput as error:
        feedback.error_panel(error, key=key(PAGE, "address"))
        return None


def _kind_and_range(given: Mapping[str, str]) -> tuple[str, timedelta | None]:
    """Draws what is listed, of which time. An address that asks for more than a customer or a person gets everything
    that answers it, of all time, until somebody chooses."""
    asked = any(given[name] for name in (ACTION, OUTCOME, TEXT))
    days = bool(given[FROM] or given[TO])
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        kind = st.segmented_control(
            "List",
            KINDS,
            default=EVERYTHING if asked else CHANGED,
            required=True,
            key=KIND,
            bind="query-params",
            label_visibility="collapsed",
            wrap=True,
        )
        span = st.segmented_control(
            "Time",
            list(RANGES),
            default="All time" if asked or given[UID] or days else "7 days",
            required=True,
            key=RANGE,
            bind="query-params",
            label_visibility="collapsed",
            disabled=days,
            wrap=True,
        )
    return (EVERYTHING if given[ACTION] else str(kind)), None if days else RANGES.get(str(span))


def _ago(span: timedelta | None) -> datetime | None:
    """The beginning of the time, at a full hour, so that one question stays the same for a while."""
    return None if span is None else datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - span


def _customer(text: str) -> str:
    """The id of the customer that was typed as an address; a text without an @ is an id already."""
    if "@" not in text:
        return text
    searched = loads.find(text, masked=not addresses.seen().whole).value
    found = {match.uid for match in searched.matches if match.type in {"user", "purged"}}
    if len(found) != 1:
        why = "No customer has this address" if not found else f"{len(found):,} customers have this address"
        raise BadInput(why, field_name="customer", remedy="Give the customer's id; Find lists it.")
    return found.pop()


def _form(given: Mapping[str, str]) -> None:
    mark = tables.fingerprint(list(given.values()))
    with st.form(key(PAGE, "form", mark), border=True):
        everybody = allowed("audit.read")
        with st.grid(3 if everybody else 2, min_column_width=200):
            uid = st.text_input("Customer", given[UID], key=key(PAGE, "uid", mark), placeholder="e-mail address or id")
            who = None
            if everybody:
                who = st.text_input("Who", given[ACTOR], key=key(PAGE, "actor", mark), placeholder="e-mail address")
            text = st.text_input(
                "Text",
                given[TEXT],
                key=key(PAGE, "text", mark),
                type="search",
                placeholder="in reasons, keys, ids, details",
            )
        with st.container(horizontal=True, gap="small"):
            sent = st.form_submit_button("Search", type="primary", icon=":material/search:")
            cleared = any(given.values()) and st.form_submit_button("Clear", type="tertiary")
            # The browser makes what is in a popover when it is opened.
            with st.popover(_more(given), icon=":material/tune:", key=key(PAGE, "more", mark)):
                action = _choice(
                    "What", tuple(acts.VERBS), given[ACTION], key(PAGE, "action", mark), free=True, words=acts.verb
                )
                outcome = _choice("Outcome", tuple(status.FAMILIES["outcome"]), given[OUTCOME], key(PAGE, "out", mark))
                days = st.date_input("Days (UTC)", _days(given), key=key(PAGE, "days", mark), format="YYYY-MM-DD")
    if sent or cleared:
        first, last = _ends(days)
        customer = _customer(" ".join(uid.split())) if sent and uid != given[UID] else uid
        wanted = {
            UID: customer,
            ACTOR: who,
            ACTION: action,
            OUTCOME: outcome,
            TEXT: text,
            FROM: first,
            TO: last,
        }
        kept = {name: " ".join((value or "").split()) for name, value in wanted.items() if sent}
        if sent and uid == given[UID]:
            kept[UID] = given[UID]  # as the address had it: a link may name an id that nobody would type
        shown = {name: value for name in (KIND, RANGE) if (value := st.query_params.get(name)) and sent}
        st.query_params.from_dict({name: value for name, value in (kept | shown).items() if value})
        st.rerun()


def _more(given: Mapping[str, str]) -> str:
    """The label of the folded fields: what they ask for, or which they are."""
    days = "–".join(dict.fromkeys(given[name] for name in (FROM, TO) if given[name]))
    asked = [acts.verb(given[ACTION]) if given[ACTION] else "", given[OUTCOME], days]
    return " · ".join(md(one, 40) for one in asked if one) or "What, outcome, days"


def _choice(
    label: str,
    options: tuple[str, ...],
    chosen: str,
    name: str,
    *,
    free: bool = False,
    words: Callable[[str], str] = str,
) -> str | None:
    listed = (*options, *([chosen] if chosen and chosen not in options else []))
    index = listed.index(chosen) if chosen else None
    return st.selectbox(
        label, listed, index=index, key=name, placeholder="any", accept_new_options=free, format_func=words
    )


def _days(given: Mapping[str, str]) -> Any:
    """The days of the address, or none where they are unusable; `ask` then refuses them."""
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
        raise BadInput(f"{name} is not a day", field_name=name, remedy="Give it as YYYY-MM-DD.") from None


def _end(text: str) -> datetime | None:
    """The last instant of the day."""
    day = _day(text, TO)
    return None if day is None else day + timedelta(days=1) - timedelta(microseconds=1)


def answer(question: AuditQuery) -> None:
    """Draws one page of entries, the details of the chosen one, and the way to older ones."""
    size = _size()
    before = _before()
    with st.spinner("Searching the audit…"):
        loaded = loads.audit(question, size, before)
    found = loaded.value
    if not found.entries:
        _nothing(found, before, question)
    else:
        names = acts.named(found.entries)
        chosen = _table(found, names)
        if chosen:
            draw_entry(next(entry for entry in found.entries if str(entry.get("sequence")) == chosen[0]), names)
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
        raise BadInput(
            f"{BEFORE} is not the number of an entry", field_name=BEFORE, remedy="Begin again with the newest."
        )
    return int(text)


def _nothing(found: AuditPage, before: int | None, question: AuditQuery) -> None:
    if found.cut:
        feedback.empty(
            f"None of the {found.read:,} entries read so far matches.",
            icon="manage_search",
            hint="Older entries may match: continue below, or narrow the search by customer, person, action or day.",
        )
    elif before is not None:
        feedback.empty("No older entry matches.", icon="last_page")
    else:
        more = question.since or question.without
        hint = "Choose Everything and All time to search more." if more else "All of it was searched."
        feedback.empty("No entry matches.", icon="history", hint=hint)


def _table(found: AuditPage, names: Mapping[str, str]) -> list[str]:
    frame = entries_frame(found.entries, names)
    return tables.table(
        frame.assign(shown=status.words("outcome", frame["outcome"]), open=[_subject(one) for one in found.entries]),
        key=key(PAGE, "table"),
        alt="Entries of the audit, the newest first",
        id_column="number",
        select="one",
        columns={
            "open": tables.link("Open"),
            "at": tables.moment("When"),
            "actor": st.column_config.TextColumn("Who"),
            "action": "What",
            "subject": st.column_config.TextColumn("About", width=300),
            "reason": st.column_config.TextColumn("Why", width="medium"),
            "shown": status.column("outcome", frame["outcome"], "Outcome"),
            "undo": st.column_config.TextColumn("Can be undone", help="The entry opens below the list, with its Undo."),
            "uid": "Customer id",
            "video_id": "Video id",
            "origin": "From where",
            "number": st.column_config.TextColumn("Number", width="small"),
        },
        height=560 if len(frame) > 14 else "content",
        csv_name="audit",
        csv_frame=lambda: pd.DataFrame(found.entries),
        filters=False,
    )


def _subject(entry: Mapping[str, Any]) -> str | None:
    """What the entry is about: the video or the customer."""
    uid, video_id = (str(entry.get(name) or "") for name in (UID, VIDEO_ID))
    if not is_stored_id(uid):
        return None
    return url_for("video", uid=uid, video_id=video_id) if is_stored_id(video_id) else url_for("user", uid=uid)


def _turn(found: AuditPage, before: int | None) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if before is not None and st.button("Newest", icon=":material/first_page:", key=key(PAGE, "newest")):
            st.query_params.pop(BEFORE, None)
            st.rerun()
        if found.next_before is not None:
            label = "Continue searching" if found.cut else "Older"
            if st.button(label, icon=":material/arrow_forward:", key=key(PAGE, "older")):
                st.query_params[BEFORE] = str(found.next_before)
                st.rerun()
        if found.entries:
            st.segmented_control(
                "Rows",
                SIZES,
                default=SIZES[0],
                key=key(PAGE, SIZE),
                label_visibility="collapsed",
                required=True,
                wrap=True,
            )
            read = format.count(found.read).text
            st.caption(f"{md(read)} entries read; the CSV has the entries shown.", width="content")


@dataclass(frozen=True, slots=True)
class _Answer:
    report: ChainReport
    read_at: datetime
    cost: Cost
    keyed: bool


def draw_chain() -> None:
    """Draws the button that checks, what it does on hover, and its last answer in this visit."""
    what = (
        "Each entry carries the hash of the entry before it, and the bucket keeps copies of the important entries. A "
        "check reads every entry, recomputes every hash and compares the copies; with many entries this takes a while."
    )
    if st.button("Check the integrity of all entries", icon=":material/link:", key=key(PAGE, "check"), help=what):
        _check()
    kept = st.session_state.get(_KEPT)
    if isinstance(kept, _Answer):
        _show_chain(kept)


def _check() -> None:
    st.session_state.pop(_KEPT, None)
    try:
        require("audit.read")
        read_at = datetime.now(UTC)
        with st.spinner("Reading every entry…"), metering() as meter:
            report = audit_log(stores()).verify_chain()
        keyed = bool(stores().settings.audit_key.reveal())
        st.session_state[_KEPT] = _Answer(report, read_at, meter.cost(), keyed)
    except StorageError as error:
        feedback.error_panel(error, key=key(PAGE, "check_failed"), unknown="whether the record is whole")


def _show_chain(answer: _Answer) -> None:
    report = answer.report
    if report.whole:
        st.success(
            f"{report.entries:,} entries follow one another without a gap, each matches its hash, and "
            f"{report.copies:,} copies and {report.ends:,} ends kept in the bucket agree.",
            title="The chain is whole",
            icon=":material/verified:",
        )
    else:
        number = len(report.breaks)
        st.error(
            f"The chain is broken in {number:,} place{'' if number == 1 else 's'}. Somebody or something wrote to the "
            "audit without this desk; compare with the copies under _ops/audit/ and with the backups.".replace(
                "_", "\\_"
            ),
            title="The chain is broken",
            icon=":material/link_off:",
        )
        rows = [{"number": b.sequence, "kind": _WORDS.get(b.kind, b.kind), "detail": b.detail} for b in report.breaks]
        columns = {"number": st.column_config.NumberColumn("Number"), "kind": "What", "detail": "Detail"}
        shown = pd.DataFrame(rows)
        tables.table(
            shown.head(tables.ROW_LIMIT),
            key=key(PAGE, "breaks"),
            alt="Where the chain is broken",
            columns=columns,
            total=len(shown),
            csv_name="audit-breaks",
            csv_frame=lambda: shown,
        )
    if not answer.keyed:
        st.caption(
            ":material/key_off: The chain is sealed without a key (AUDIT\\_HMAC\\_KEY): a person who may write every "
            "entry could forge the whole chain. Only the copies, and a lock on them, protect against that."
        )
    now = datetime.now(UTC)
    st.caption("  ·  ".join([*cost_words(answer.cost), format.as_of(answer.read_at, now)]))
