"""Reads the desk's lists in Streamlit's test runner, and chooses rows of them as a person does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from streamlit.testing.v1 import AppTest

from pages._ui.kit.session import component_key

_COMPONENT = "clipdesk_list"


@dataclass(frozen=True)
class ShownList:
    """One list as the browser gets it."""

    data: dict[str, Any]

    @property
    def label(self) -> str:
        """What a screen reader calls it."""
        return str(self.data["label"])

    @property
    def hrefs(self) -> list[str]:
        """What each row opens."""
        return list(self.data["hrefs"])

    @property
    def value(self) -> pd.DataFrame:
        """The values by column, with `open`, the address of each row, where there is one; times in UTC."""
        found: dict[str, Any] = {"open": self.hrefs} if self.hrefs else {}
        for column in self.data["columns"]:
            values = pd.Series(column["values"], dtype=None if column["values"] else "object")
            if column["kind"] in ("moment", "distance"):
                values = pd.to_datetime(values, unit="ms", utc=True)
            found[column["id"]] = values
        return pd.DataFrame(found)

    @property
    def texts(self) -> dict[str, list[str]]:
        """The texts that stand for numbers, by column."""
        return {column["id"]: column["texts"] for column in self.data["columns"] if "texts" in column}


def lists(app: AppTest) -> list[ShownList]:
    """Every list of the page and its dialogs, in the order of the page."""
    return [found for element in app.get("bidi_component") if (found := shown_list(getattr(element, "proto", None)))]


def shown_list(proto: Any) -> ShownList | None:
    """The list that this message of the server draws; `None` for anything else."""
    if getattr(proto, "component_name", None) != _COMPONENT:
        return None
    return ShownList(json.loads(proto.bytes))


def named(app: AppTest, label: str) -> ShownList:
    """The only list of this name."""
    (found,) = [one for one in lists(app) if one.label == label]
    return found


def with_column(app: AppTest, column: str) -> pd.DataFrame:
    """The values of the first list with this column."""
    return next(one.value for one in lists(app) if column in one.value)


def choose(app: AppTest, key: str, rows: Sequence[int]) -> AppTest:
    """Ticks the rows at these places, as the browser tells the server, and runs the page."""
    return _tell(app, key, "chosen", rows)


def open_row(app: AppTest, key: str, row: int) -> AppTest:
    """Clicks a row of a list that gives what was clicked to the page, and runs the page."""
    return _tell(app, key, "opened", [row])


def _tell(app: AppTest, key: str, what: str, rows: Sequence[int]) -> AppTest:
    name = component_key(key)
    mark = next(one.data["of"] for one in lists(app) if one.data["key"] == name)
    app.session_state[name] = {what: {"of": mark, "rows": list(rows)}}
    return app.run()
