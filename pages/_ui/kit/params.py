"""Reads ids and the search text from the address bar, and refuses unusable ones.

The other parameters belong to the widgets that are bound to them: a word that a choice had once is put in its present
form, and one that no choice has is told to the person.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import streamlit as st

from pages._ui.kit import feedback
from pages._ui.kit.session import IDS, QUERY, key, url_for
from pages._ui.kit.text import md
from storage.errors import BadInput
from storage.ids import check_stored_id

_HINT = "Open this page from a search result, or give the id in the address."
_FINDINGS: Final = {
    "Orphan object": "File without a document",
    "Foreign key": "Key outside the account",
    "Phantom parent": "Missing parent document",
}
_FORMER: Final[Mapping[str, Mapping[str, str]]] = {
    "list": {"Drifting": "Wrong counters"},
    "growth": {"Users": "Customers"},
    "kind": _FINDINGS,
    "what": _FINDINGS,
}
"""By the end of a parameter's name: the words of choices in links that were kept, and what they are called now."""
MAX_QUERY = 2_000  # characters; longer than any presigned URL that could be pasted


def read(name: str) -> str | None:
    """The parameter, checked; `None` where the address has none or an empty one. `BadInput` names the field.

    An id is taken unchanged (`storage.ids.check_stored_id`), because a link of the desk names an id that a store holds.
    A question may hold anything but control characters, up to `MAX_QUERY` characters. A parameter that is given twice
    is refused, because two parts of a page could each use another of the two values.
    """
    values = st.query_params.get_all(name)
    if len(values) > 1:
        raise BadInput(
            f"{name} is given {len(values)} times in the address", field_name=name, remedy=f"Give {name} once."
        )
    value = values[0] if values else ""
    if not value:
        return None
    return check_stored_id(value, name) if name in IDS else _question(value.strip(), name)


def read_or_none(name: str) -> str | None:
    """The parameter where it is there and valid, else `None`: for a page that can do without it."""
    try:
        return read(name)
    except BadInput:
        return None


def ids(*names: str, title: str) -> list[str]:
    """The values of all named parameters; where one is missing or invalid, the page says which, below the title, and
    ends there."""
    found: list[str] = []
    for name in names:
        try:
            value = read(name)
            if value is None:
                raise BadInput(f"{name} is missing from the address", field_name=name, remedy=_HINT)
        except BadInput as error:
            st.title(title, anchor=False)
            feedback.error_panel(error, key=f"params__{name}")
            st.markdown(f":material/search: [Find the customer, video or clip]({url_for('find')})")
            st.stop()
        found.append(value)
    return found


def question() -> str:
    """The search text of the address (`q`), or an empty text; an invalid one is shown as an error, and is empty."""
    try:
        return read(QUERY) or ""
    except BadInput as error:
        feedback.error_panel(error, key=f"params__{QUERY}")
        return ""


@contextmanager
def choices(page: str, *, arrived: bool) -> Iterator[None]:
    """Around the drawing of a page: puts former words of choices in their present form, and, for somebody who has just
    `arrived`, says above the page which words of the address are no choice there."""
    asked = {name: st.query_params.get_all(name) for name in st.query_params if arrived and name.startswith(f"{page}-")}
    if _renewed(page, asked):
        st.rerun()  # widgets take their first value from the address as the run found it
    place = st.empty()
    yield
    ignored = [value for name, values in asked.items() for value in values if _ignored(name, value)]
    if ignored:
        words = ", ".join(f"“{md(value, 60)}”" for value in ignored[:5])
        place.info(
            f"The address asks for {words}, which is no choice here now. The page is shown without it.",
            icon=":material/link_off:",
        )


def _renewed(page: str, asked: Mapping[str, list[str]]) -> bool:
    changed = False
    for name, values in asked.items():
        former = _FORMER.get(name.removeprefix(key(page, "")), {})
        present = [former.get(value, value) for value in values]
        if present != values:
            st.query_params[name] = present
            changed = True
    return changed


def _ignored(name: str, value: str) -> bool:
    """Whether the widget of this parameter was drawn and did not take the value; the address has lost it then."""
    if name not in st.session_state or value in st.query_params.get_all(name):
        return False
    taken = st.session_state[name]
    return value not in (taken if isinstance(taken, list) else [taken])


def _question(value: str, name: str) -> str | None:
    if len(value) > MAX_QUERY:
        raise BadInput(
            f"{name} is longer than {MAX_QUERY:,} characters", field_name=name, remedy="Search for an id or a name."
        )
    if any(ord(char) < 32 or ord(char) == 127 or 0xD800 <= ord(char) <= 0xDFFF for char in value):
        raise BadInput(f"{name} contains a control character", field_name=name, remedy="Type it again.")
    return value or None
