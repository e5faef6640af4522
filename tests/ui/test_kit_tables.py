"""Tables: what is selected is a list of ids, what is shown is harmless."""

from __future__ import annotations

import csv
import io

import pandas as pd
import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from pages._ui.kit import tables
from tests.rigs.waiting import PATIENCE_SECONDS

SCRIPT = """
import pandas as pd
import streamlit as st
from pages._ui.kit import session, status, tables
rows = st.session_state.get("rows", ["v-1", "v-2", "v-3"])
frame = pd.DataFrame({
    "video_id": pd.array(rows, dtype="string"),
    "title": ["<b>![x](http://h/p.png)\\u202e"] * len(rows),
    "size": pd.array([2048] * len(rows), dtype="Int64"),
    "secret": ["hidden"] * len(rows),
    "open": [session.url_for("video", video_id=one) for one in rows],
    "status": status.words("video", ["completed"] * len(rows)),
})
chosen = tables.table(
    frame, key="videos", alt="Videos", id_column="video_id", select="many", total=st.session_state.get("total"),
    columns={
        "video_id": "Video", "title": "Title", "size": tables.size("Size"), "open": tables.link("Open"),
        "status": status.column("video", pd.Series(["completed"]), "Status"),
    },
    csv_name="videos",
)
st.text(str(chosen))
"""


def key_of(rows: list[str]) -> str:
    return f"videos__{tables.fingerprint(rows)}"


def start(**given: object) -> AppTest:
    app = AppTest.from_string(SCRIPT, default_timeout=PATIENCE_SECONDS)
    for name, value in given.items():
        app.session_state[name] = value
    return app.run()


def select(app: AppTest, rows: list[str], positions: list[int]) -> AppTest:
    app.session_state[key_of(rows)] = {"selection": {"rows": positions, "columns": [], "cells": []}}
    return app.run()


def test_a_selection_is_a_list_of_ids() -> None:
    app = select(start(), ["v-1", "v-2", "v-3"], [0, 2])
    assert app.text[0].value == "['v-1', 'v-3']"
    assert "3 shown · 2 selected" in [caption.value for caption in app.caption]


def test_a_selection_never_moves_to_other_records_when_the_rows_change() -> None:
    app = select(start(), ["v-1", "v-2", "v-3"], [0, 2])
    app.session_state["rows"] = ["v-9", "v-8", "v-7"]
    app.run()
    assert app.text[0].value == "[]"


def test_a_selection_that_reaches_past_the_rows_is_left_out() -> None:
    assert select(start(), ["v-1", "v-2", "v-3"], [1, 7]).text[0].value == "['v-2']"


def test_only_the_named_columns_reach_the_browser_and_texts_are_harmless() -> None:
    shown = start().dataframe[0].value
    assert list(shown.columns) == ["video_id", "title", "size", "open", "status"]
    assert shown["title"].iloc[0] == "<b>![x](http://h/p.png)\ufffd"
    assert shown["open"].iloc[0] == "./video?video_id=v-1"
    assert shown["size"].iloc[0] == 2048


def test_a_limit_is_said_in_words() -> None:
    assert "first 3 of 5,102 shown" in [caption.value for caption in start(total=5102).caption]


def test_a_page_of_rows_says_which_ones_they_are() -> None:
    captions = [caption.value for caption in start(total=tables.RowPage(2, 3, 6, 40)).caption]
    assert "4 to 6 of 40" in captions


def test_more_rows_than_a_person_reads_are_refused() -> None:
    with pytest.raises(ValueError, match="page it"):
        tables.table(pd.DataFrame({"a": range(3_000)}), key="t", alt="t", columns={"a": "A"})


def test_the_download_is_the_whole_frame_and_is_made_when_pressed() -> None:
    made: list[int] = []

    def frame() -> pd.DataFrame:
        made.append(1)
        return pd.DataFrame({"title": ["=1+1"]})

    app = AppTest.from_function(_downloading, args=(frame,), default_timeout=PATIENCE_SECONDS).run()
    button = app.get("download_button")[0]
    assert not app.exception
    assert made == []
    assert button.proto.deferred_file_id


def _downloading(frame: object) -> None:
    from pages._ui.kit import tables

    tables.download("a/../b", frame, key="d")  # type: ignore[arg-type]


def test_a_fingerprint_depends_on_the_ids_and_their_order_and_on_nothing_else() -> None:
    assert tables.fingerprint(["a", "b"]) == tables.fingerprint(("a", "b"))
    different = [["a", "b"], ["b", "a"], ["ab"], ["a", "b", ""], ["a|b"], []]
    assert len({tables.fingerprint(ids) for ids in different}) == len(different)
    assert tables.fingerprint(["\ud800"])


def test_pages_cover_every_row_once() -> None:
    app = AppTest.from_string(
        "import streamlit as st\nfrom pages._ui.kit import tables\npage = tables.paged(120, key='p', size=50)\n"
        "st.text(f'{page.start} {page.stop}')\n",
        default_timeout=PATIENCE_SECONDS,
    ).run()
    assert app.text[0].value == "0 50"
    app.session_state["p__page3"] = 3
    app.run()
    assert app.text[0].value == "100 120"


def test_few_rows_need_no_pages() -> None:
    app = AppTest.from_string(
        "import streamlit as st\nfrom pages._ui.kit import tables\nst.text(str(tables.paged(0, key='p')))\n",
        default_timeout=PATIENCE_SECONDS,
    ).run()
    assert app.text[0].value == "RowPage(number=1, start=0, stop=0, total=0)"


def test_bytes_are_shown_in_binary_units_and_stay_numbers_that_sort() -> None:
    app = start()
    table = app.dataframe[0]
    shown = pa.ipc.open_stream(table.proto.arrow_data.styler.display_values).read_pandas()
    assert list(shown["size"]) == ["2.00 KiB"] * 3
    assert table.value["size"].dtype.kind == "i"
    assert [tables._size_text(value) for value in (0, 1, 1536, pd.NA)] == ["0 B", "1 B", "1.50 KiB", "—"]


def test_a_table_is_the_same_one_in_the_next_run() -> None:
    app = start()
    before = app.dataframe[0].proto.SerializeToString(deterministic=True)
    app.run()
    assert app.dataframe[0].proto.SerializeToString(deterministic=True) == before


def test_lists_and_maps_in_cells_are_shortened_texts() -> None:
    cells = tables.cells(pd.DataFrame({"list": [["a\x00", "b"]], "map": [{"k": "v" * 1000}], "flag": [True]}))
    assert cells["list"].iloc[0] == ["a␀", "b"]
    assert len(cells["map"].iloc[0]) == 300
    assert cells["flag"].iloc[0]


def test_the_csv_of_a_table_can_be_read_again() -> None:
    from storage.export import safe_csv

    content = safe_csv(pd.DataFrame({"video_id": ["v-1"], "size": [5]}))
    assert list(csv.DictReader(io.StringIO(content.decode("utf-8-sig")))) == [{"video_id": "v-1", "size": "5"}]
