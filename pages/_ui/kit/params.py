"""Reads ids and the search text from the address bar, and refuses unusable ones."""

from __future__ import annotations

import streamlit as st

from pages._ui.kit import feedback
from pages._ui.kit.session import IDS, QUERY, url_for
from storage.errors import BadInput
from storage.ids import check_stored_id

_HINT = "Open this page from a search result, or give the id in the address."
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


def _question(value: str, name: str) -> str | None:
    if len(value) > MAX_QUERY:
        raise BadInput(
            f"{name} is longer than {MAX_QUERY:,} characters", field_name=name, remedy="Search for an id or a name."
        )
    if any(ord(char) < 32 or ord(char) == 127 or 0xD800 <= ord(char) <= 0xDFFF for char in value):
        raise BadInput(f"{name} contains a control character", field_name=name, remedy="Type it again.")
    return value or None
