"""Draws the states of a part of a page that are not its content: loading, empty, incomplete, denied, failed.

`section` runs one part and shows its state, so that one failure does not take the page with it. That a store does not
answer stands once, at the top of the page (`pages/_ui/kit/away.py`), and each part that lacks it is one line. Beside
the content stand the time and the cost of its reading; a part that reaches the budget of document reads stops and asks.
An unexpected error becomes an incident number on the page, and the log holds the traceback under that number.
"""

from __future__ import annotations

import logging
import secrets
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pages._ui.kit import away, format, session
from pages._ui.kit.session import key, url_for
from pages._ui.kit.text import md, plain
from storage.clients import meter
from storage.clients.meter import Cost, OverBudget
from storage.errors import (
    AccessDenied,
    BadInput,
    ClockSkew,
    ConfigError,
    MissingIndex,
    NotFound,
    NotPermitted,
    Refused,
    StorageError,
    Throttled,
    Unreachable,
)
from storage.logs import redacted
from storage.settings import backends, reader
from storage.text import capitalised

_TOLD = "desk__told"  # session key: the times and the refreshes that the open page has shown, with the part's key
_OWED = "desk__owed"  # session key: the cost of the run before, which ended before it could show it
_ONE_LINE = 100  # characters; a longer text in the middle has no edge that the eye returns to
MORE = 10  # times as many reads, each time that somebody allows more


_log = logging.getLogger("clipdesk.pages")
T = TypeVar("T")


def allowed(page: str = "") -> int | None:
    """How many documents one run of the page (default: the open page) may read; `None`: no bound.

    A load in the background has no page, so nobody can have allowed it more.
    """
    budget = backends.read_budget(reader.read())
    if budget is None or get_script_run_ctx(suppress_warning=True) is None:
        return budget
    return budget * _times(page or session.current())


def ask(name: str) -> None:
    """Draws the button that lets the open page read more, until it is left; the next run begins again."""
    page = session.current()
    budget = allowed(page)
    if budget is None:
        return
    st.button(
        f"Continue, up to {budget * MORE:,} documents",
        key=f"{name}_more",
        icon=":material/payments:",
        on_click=partial(_allow_more, page),
        help="Every document read is billed. The new limit holds until you leave this page.",
    )


def draw_again() -> None:
    """Runs the script again; the new run also shows the cost of this one."""
    st.session_state[_OWED] = meter.billed()
    st.rerun()


def say(cost: Cost) -> None:
    """Shows below the menu the cost of drawing the page just now, with the process's total on hover."""
    owed = session.take(_OWED)
    cost = cost + owed if isinstance(owed, Cost) else cost
    words = cost_words(cost)
    since = meter.total.cost()
    with st.sidebar:
        st.caption(
            f":material/receipt_long: Cost of this page: {', '.join(words) if cost != Cost() else 'nothing billed'}",
            help=f"Billed for drawing this page just now. Since the desk started: {since.firestore_reads:,} reads, "
            f"{since.firestore_writes:,} writes, {since.firestore_deletes:,} deletes, {since.r2_class_a:,} class A and "
            f"{since.r2_class_b:,} class B operations.",
        )


def _times(page: str) -> int:
    return int(st.session_state.get(key(page, "reads-times"), 1))


def _allow_more(page: str) -> None:
    st.session_state[key(page, "reads-times")] = _times(page) * MORE


def record(error: BaseException, doing: str) -> str:
    """Logs the traceback, without secrets, under a new number, and returns the number."""
    number = secrets.token_hex(4)
    trace = "".join(traceback.format_exception(error))
    _log.error("incident %s while %s\n%s", number, doing, redacted(trace))
    return number


@dataclass(frozen=True, slots=True)
class _Face:
    title: str
    icon: str
    grave: bool = True
    retry: bool = True


_FACES: tuple[tuple[type[StorageError], _Face], ...] = (
    (ConfigError, _Face("The configuration is incomplete", "settings_alert")),
    (BadInput, _Face("This cannot be used", "edit_off", grave=False, retry=False)),
    (NotFound, _Face("Not found", "search_off", grave=False)),
    (AccessDenied, _Face("Access denied", "lock")),
    (ClockSkew, _Face("The clocks disagree", "schedule")),
    (Throttled, _Face("Too many requests", "speed")),
    (Unreachable, _Face("No answer", "cloud_off")),
    (MissingIndex, _Face("A Firestore index is missing", "database_off")),
    (NotPermitted, _Face("Not permitted", "block", grave=False, retry=False)),
    (OverBudget, _Face("Stopped at the budget of document reads", "savings", grave=False)),
    (Refused, _Face("Refused, and nothing was changed", "shield", grave=False)),
    (StorageError, _Face("An answer could not be used", "error")),
)


def section(
    what: str, body: Callable[[], T], *, key: str, unknown: str = "", title: str = "", apart: bool = False
) -> T | None:
    """Runs `body`, which loads and draws one part of a page; where it fails, its place shows why, and the page goes on.

    A `StorageError` shows as `failed` says (with `unknown`: what is not known because of it; `apart`: the part stands
    in a dialog, over the page); any other error shows a number under which the log has the traceback. Everything that
    `body` had drawn disappears, so no half of a table stays; where that is the title of the page, `title` (Markdown)
    takes its place. Returns the result of `body`, or `None` where it failed. Streamlit's own control flow passes
    through.
    """
    place = st.empty()
    try:
        with place.container():
            return body()
    except StorageError as error:
        with place.container():
            _title(title)
            failed(error, what=what, unknown=unknown, key=key, apart=apart)
    except Exception as error:
        with place.container():
            _title(title)
            _incident(record(error, f"showing {what}"), what, key)
    return None


def _title(words: str) -> None:
    if words:
        st.title(words, anchor=False)


def failed(error: StorageError, *, key: str, what: str, unknown: str = "", apart: bool = False) -> None:
    """Shows that a part is not known: in one line where the top of the page says that the store does not answer, and
    else, as for any other failure, by `error_panel`."""
    if apart or not away.told(error):
        error_panel(error, what=what, unknown=unknown, key=key)
        return
    away.line(unknown or what, error)


def error_panel(error: StorageError, *, key: str, what: str = "", unknown: str = "") -> None:
    """Shows what failed, what is therefore not known, what to do, and a button that tries again."""
    face = next(face for kind, face in _FACES if isinstance(error, kind))
    title = f"{face.title}: {md(what)}" if what else face.title
    draw = st.error if face.grave else st.warning
    with st.container(border=True, key=f"{key}_failed"):
        draw(_message(error), title=title, icon=f":material/{face.icon}:")
        if unknown:
            st.markdown(f"**Not known because of it:** {md(unknown)}")
        _details(error)
        if isinstance(error, OverBudget):
            ask(key)
        elif face.retry:
            _retry(key)


def _message(error: StorageError) -> str:
    if isinstance(error, ConfigError):
        number = len(error.problems)
        return f"{number} setting{'' if number == 1 else 's'} must be put right before the desk can work."
    return md(error.message, 1_000)


def _details(error: StorageError) -> None:
    if isinstance(error, ConfigError):
        rows = [(f"`{_code(p.name)}`", md(p.problem), md(p.remedy)) for p in error.problems]
        st.table({"Setting": [r[0] for r in rows], "Problem": [r[1] for r in rows], "Remedy": [r[2] for r in rows]})
        return
    if isinstance(error, Refused) and error.reasons:
        st.markdown("\n".join(f"- {md(reason)}" for reason in error.reasons))
    if error.remedy:
        st.markdown(f"**What to do:** {md(error.remedy, 1_000)}")
    if isinstance(error, Unreachable) and backends.is_demo(reader.read()):
        st.markdown(away.DEMO)
    if isinstance(error, NotFound) and error.target:
        st.markdown(f":material/search: [Look for it with Find]({url_for('find', q=error.target)})")
    if isinstance(error, MissingIndex) and error.definition:
        st.json(error.definition, expanded=False)
    facts = [("Operation", error.operation), ("Target", error.target), ("Detail", error.detail), ("Code", error.code)]
    st.caption("  ·  ".join(f"{name}: {md(value, 200)}" for name, value in facts if value))


def _code(name: str) -> str:
    return plain(name, 80).replace("`", "'")


def _incident(number: str, what: str, key: str) -> None:
    with st.container(border=True, key=f"{key}_failed"):
        st.error(
            f"Nothing is known about {md(what)}: the desk made a mistake here. The log has the details under "
            f"incident `{number}`.",
            title="Something went wrong",
            icon=":material/bug_report:",
        )
        _retry(key)


def _retry(key: str) -> None:
    """Draws a button. Any button runs the script again, and so the part that failed: errors are never cached.

    This button also lets the next run ask a store once that is not asked at present, because it hung, and reads again
    what was cached with gaps.
    """
    st.button("Try again", key=f"{key}_retry", icon=":material/refresh:", on_click=away.ask_again)


def empty(sentence: str, *, icon: str = "inbox", hint: str = "") -> None:
    """Shows a proven absence: an icon, one sentence (ours, or through `md`), and what to do next."""
    with st.container(border=True, horizontal_alignment="center"):
        st.markdown(f":gray[:material/{icon}:]  \n{sentence}", text_alignment="center")
        if hint:
            st.caption(hint, text_alignment="center" if len(hint) <= _ONE_LINE else "left")


def denied(action: str, *, role: str = "", needed: str = "") -> None:
    """Says that this person's role does not permit the page or part."""
    yours = f" Your role is {md(role)}." if role else ""
    wanted = f" It needs the role {md(needed)}." if needed else ""
    st.warning(f"You may not {md(action)}.{wanted}{yours}", title="No access", icon=":material/lock:")


def incomplete(what: str, *, error: StorageError | None, shown: int, key: str) -> None:
    """Says that the content is only a part, how much and why, so that nobody takes it for the whole."""
    told = error is not None and away.told(error)
    why = "The limit that was asked for was reached."
    if error:
        why = away.words(error) if told else md(error.message)
    st.warning(
        f"Only the first {shown:,} {md(what)} are here. {why} Sums and counts over them are lower bounds.",
        title="Incomplete",
        icon=":material/hourglass_bottom:",
    )
    if error and error.retryable and not told:
        _retry(key)


@contextmanager
def loading(words: str, height: int = 220) -> Iterator[None]:
    """Shows `words` over a grey shape while the block reads; shows neither where the block is quick.

    Everything that the block draws stays. `height` is in pixels, about that of the part, so that the page below hardly
    moves.
    """
    with st.empty().spinner(words), st.skeleton(height=height):  # its own place: the shape would replace the words
        yield


def freshness(
    read_at: datetime | None,
    *,
    key: str,
    cost: Cost | None = None,
    complete: bool = True,
    now: datetime | None = None,
    on_refresh: Callable[[], Any] | None = None,
    on_read_all: Callable[[], Any] | None = None,
) -> bool:
    """Draws one quiet line with the time of the reading, its cost on hover; true when its refresh button was pressed.

    A page says each time once, and has one button for each refresh: the part that was read in the same minute as an
    earlier one has its button alone, with the time on hover, and where another part has the same button, nothing. The
    cost of the whole page stands below the menu.

    `on_refresh` clears the caches before the rerun; without it there is no button, because a button without effect
    misleads. A refresh may read only changes; `on_read_all` then gets its own button, which also drops the values that
    the changes are applied to.
    """
    now = now or datetime.now(UTC)
    # Through `md`, as Streamlit would load its emoji for the colons of a time of day.
    at = format.as_of(read_at, now) if read_at else "not read yet"
    parts = [] if on_refresh is not None and _before(at, key) else [md(at)]
    if not complete:
        parts.append(":orange[:material/warning: incomplete]")
    offers = on_refresh is not None and not _before(_action(on_refresh), key)
    if not parts and not offers and on_read_all is None:
        return False
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"{key}_fresh"):
        age = format.ago(read_at, now).text if read_at else ""
        told = [f"Read {age}."] if age else []
        told += [f"Cost: {', '.join(cost_words(cost))}."] if cost is not None else []
        if parts:
            st.caption("  ·  ".join(parts), width="content", help=" ".join(told) or None)
        else:
            told.insert(0, f"{capitalised(at)}.")
        effect = ["Reads what has changed since."] if on_read_all else []
        about = " ".join([*effect, *([] if parts else told)])
        pressed = offers and on_refresh is not None and _refresh_button(on_refresh, key, about)
        if on_read_all is not None:
            st.button(
                "Read everything again",
                key=f"{key}_anew",
                icon=":material/restart_alt:",
                type="tertiary",
                on_click=on_read_all,
                help="For a change that was made outside this desk and left updated_at as it was.",
            )
        return pressed


def refresh_page(on_refresh: Callable[[], Any], *, key: str) -> None:
    """Draws the one refresh button of a page, whose parts then give `freshness` the same `on_refresh`."""
    _before(_action(on_refresh), key)
    _refresh_button(on_refresh, key, "Reads the whole page again.")


def _refresh_button(on_refresh: Callable[[], Any], key: str, about: str) -> bool:
    return st.button(
        "Refresh",
        key=f"{key}_refresh",
        icon=":material/refresh:",
        type="tertiary",
        on_click=_again,
        args=(on_refresh,),
        help=about or None,
    )


def begin() -> None:
    """Forgets what the page before has said of the times of its readings; each run of a page begins with this."""
    st.session_state[_TOLD] = {}


def _action(on_refresh: Callable[[], Any]) -> object:
    """What a refresh does: equal for two of the same function and arguments."""
    return (on_refresh.func, on_refresh.args) if isinstance(on_refresh, partial) else on_refresh


def _before(what: object, part: str) -> bool:
    """Whether another part of the open page has said these words, or has the button that does this; if none has, this
    part has it from now on."""
    return bool(session.seed(_TOLD, dict[object, str]).setdefault(what, part) != part)


def _again(forget: Callable[[], Any]) -> None:
    """Clears the caches, and lets one call ask a store that hung: the person knows that it may take a while."""
    away.ask_again()
    forget()


def cost_words(cost: Cost) -> list[str]:
    """The billed operations in words, without zeros: `12 reads`, `1 list`, `3 object reads`."""
    named = (
        (cost.firestore_reads, "read", "reads"),
        (cost.firestore_writes, "write", "writes"),
        (cost.firestore_deletes, "delete", "deletes"),
        (cost.r2_class_a, "list", "lists"),
        (cost.r2_class_b, "object read", "object reads"),
    )
    return [f"{number:,} {one if number == 1 else many}" for number, one, many in named if number] or ["from cache"]
