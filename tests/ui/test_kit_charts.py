"""Charts: their form is built once for each appearance and never holds a row, and the rows come along each time."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from pages._ui.kit import charts
from tests.rigs.waiting import PATIENCE_SECONDS

SCRIPT = """
import pandas as pd
import streamlit as st
from pages._ui.kit import charts
frame = pd.DataFrame({"Video": ["secret title", "other"], "Clips": st.session_state.get("counts", [3, 1])})
charts.bars(frame, "Video", "Clips", colour="blue", alt="Clips by video")
parts = pd.DataFrame({"Quota": ["b", "b", "a"], "State": ["near", "over", "over"], "Users": [2, 1, 4]})
charts.stacked(parts, "Quota", "State", "Users", scale=(["near", "over", "unknown"], ["#111111", "#222222", "#333333"]),
               order=["a", "b", "c"], alt="Users by quota")
"""


def drawn(**given: object) -> list[tuple[dict[str, Any], list[dict[str, Any]], str]]:
    """Of each chart: its form, its rows, and what a screen reader says."""
    app = AppTest.from_string(SCRIPT, default_timeout=PATIENCE_SECONDS)
    for name, value in given.items():
        app.session_state[name] = value
    assert not app.run().exception
    found = []
    for one in app.get("vega_lite_chart"):
        (dataset,) = one.proto.datasets
        rows = pa.ipc.open_stream(dataset.data.data).read_all().to_pylist()
        found.append((json.loads(one.proto.spec), rows, one.proto.alt))
    return found


def test_rows_come_along_and_are_no_part_of_the_form() -> None:
    (first, rows, alt), _ = drawn()
    (again, others, _), _ = drawn(counts=[30, 10])
    assert [row["Clips"] for row in rows] == [3, 1]
    assert [row["Clips"] for row in others] == [30, 10]
    assert first == again
    assert "secret title" not in json.dumps(first)
    assert alt == "Clips by video"


def test_parts_stand_in_the_order_given_and_the_legend_names_those_there_are() -> None:
    _, (form, _, _) = drawn()
    bars = form["layer"][0]["encoding"]
    assert bars["y"]["sort"] == ["a", "b"]
    assert bars["color"]["legend"]["values"] == ["near", "over"]
    assert bars["color"]["scale"] == {"domain": ["near", "over", "unknown"], "range": ["#111111", "#222222", "#333333"]}


def test_a_form_is_built_once_for_equal_arguments_and_can_be_written_into() -> None:
    built = []

    @charts.form
    def bar(colour: str) -> Any:
        built.append(colour)
        return charts.rows().mark_bar(color=colour).encode(x="n:Q")

    for colour in ("#000000", "#ffffff", "#000000"):
        found = bar(colour)
        assert found["mark"] == {"type": "bar", "color": colour}
        found["mark"]["color"] = "written over by whoever drew it"
    assert built == ["#000000", "#ffffff"]


def test_a_column_without_its_type_is_refused_when_the_form_is_built() -> None:
    @charts.form
    def bar() -> Any:
        return charts.rows().mark_bar().encode(x="n")

    with pytest.raises(ValueError, match="without a type"):
        bar()
