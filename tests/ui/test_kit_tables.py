"""Lists: what is selected is a list of ids, what is shown is harmless."""

from __future__ import annotations

import csv
import io
import json

import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pages._ui.kit import tables
from pages._ui.kit.columns import drawn
from pages._ui.kit.tables import fingerprint
from tests.rigs.lists import choose, lists
from tests.rigs.waiting import PATIENCE_SECONDS

ROWS = ["v-1", "v-2", "v-3"]
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


def start(**given: object) -> AppTest:
    app = AppTest.from_string(SCRIPT, default_timeout=PATIENCE_SECONDS)
    for name, value in given.items():
        app.session_state[name] = value
    return app.run()


def test_a_selection_is_a_list_of_ids() -> None:
    app = choose(start(), "videos", [2, 0])
    assert app.text[0].value == "['v-1', 'v-3']"
    assert "3 rows · 2 selected" in [caption.value for caption in app.caption]
    assert lists(app)[0].data["chosen"] == [0, 2]


def test_a_selection_never_moves_to_other_records_when_the_rows_change() -> None:
    app = choose(start(), "videos", [0, 2])
    app.session_state["rows"] = ["v-9", "v-8", "v-7"]
    app.run()
    assert app.text[0].value == "[]"
    assert lists(app)[0].data["chosen"] == []


@pytest.mark.parametrize(
    "sent",
    [
        {"of": "other", "rows": [0]},
        {"rows": [0]},
        {"of": fingerprint(ROWS), "rows": "0"},
        {"of": fingerprint(ROWS), "rows": [7, -1, True, "0", None, 1.0]},
        ["x"],
        None,
    ],
    ids=repr,
)
def test_what_no_browser_of_ours_would_send_chooses_nothing(sent: object) -> None:
    app = start()
    app.session_state["videos"] = {"chosen": sent}
    assert app.run().text[0].value == "[]"


def test_only_the_named_columns_reach_the_browser_and_texts_are_harmless() -> None:
    shown = lists(start())[0]
    assert list(shown.value.columns) == ["open", "video_id", "title", "size", "status"]
    assert shown.value["title"].iloc[0] == "<b>![x](http://h/p.png)\ufffd"
    assert shown.hrefs[0] == "./video?video_id=v-1"
    assert (shown.value["size"].iloc[0], shown.texts["size"][0]) == (2048, "2.00 KiB")
    assert "hidden" not in json.dumps(shown.data)


def test_a_limit_is_said_in_words() -> None:
    assert "first 3 of 5,102 rows" in [caption.value for caption in start(total=5102).caption]


def test_more_rows_than_a_person_reads_are_refused() -> None:
    with pytest.raises(ValueError, match="cut it at 50,000"):
        tables.table(pd.DataFrame({"a": range(50_001)}), key="t", alt="t", columns={"a": "A"})


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


def test_a_table_is_the_same_one_in_the_next_run() -> None:
    app = start()
    before = lists(app)[0].data
    assert lists(app.run())[0].data == before


AT = pd.Timestamp("2025-11-22 10:02:13.5", tz="UTC")


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        ("T", ["a\x00", None, 7], {"kind": "text", "values": ["a␀", None, "7"]}),
        ("T", ["v" * 1000], {"kind": "text", "values": ["v" * 299 + "…"]}),
        ("T", [["a\x00", "b"], None], {"kind": "words", "values": [["a␀", "b"], []]}),
        ("T", [{"k": "v"}], {"kind": "text", "values": ["{'k': 'v'}"]}),
        ("T", [True, False], {"kind": "flag", "values": [True, False]}),
        ("T", [AT, None], {"kind": "moment", "values": [1_763_805_733_500, None]}),
        (tables.moment("T", distance=True), [AT], {"kind": "distance", "values": [1_763_805_733_500]}),
        ("T", pd.array([1, None], dtype="Int64"), {"kind": "number", "values": [1, None]}),
        ("T", [1.5, float("nan"), float("inf")], {"kind": "number", "values": [1.5, None, None]}),
        (tables.share("T"), [99.95], {"kind": "number", "values": [99.95], "digits": 1, "after": " %"}),
        (
            tables.size("T"),
            [0, 1536, None],
            {"kind": "size", "values": [0, 1536, None], "texts": ["0 B", "1.50 KiB", None]},
        ),
        (st.column_config.NumberColumn("T"), ["no number", 3], {"kind": "number", "values": [None, 3]}),
    ],
    ids=str,
)
def test_a_cell_is_plain_data_of_its_kind(column: object, values: object, expected: dict[str, object]) -> None:
    (made,) = drawn(pd.DataFrame({"t": values}), {"t": column}).columns
    assert {name: made[name] for name in expected} == expected
    assert (made["id"], made["label"]) == ("t", "T")
    json.dumps(made, allow_nan=False)


def test_a_row_opens_an_address_of_the_desk_and_no_other() -> None:
    frame = pd.DataFrame({"open": ["./user?uid=1", None], "more": ["./video", None], "n": [1, 2]})
    columns = {"open": tables.link("Open"), "more": tables.link("More"), "n": "N"}
    made = drawn(frame, columns)
    assert made.hrefs == ["./user?uid=1", None]
    assert [(one["id"], one["kind"]) for one in made.columns] == [("more", "link"), ("n", "number")]
    for address in ("https://evil.example/", "javascript:alert(1)", "//evil.example", "/x"):
        with pytest.raises(ValueError, match="url_for"):
            drawn(frame.assign(open=address), columns)


def test_a_column_that_no_list_draws_is_refused() -> None:
    with pytest.raises(ValueError, match="progress"):
        drawn(pd.DataFrame({"t": [1]}), {"t": st.column_config.ProgressColumn("T")})


def test_the_csv_of_a_table_can_be_read_again() -> None:
    from storage.export import safe_csv

    content = safe_csv(pd.DataFrame({"video_id": ["v-1"], "size": [5]}))
    assert list(csv.DictReader(io.StringIO(content.decode("utf-8-sig")))) == [{"video_id": "v-1", "size": "5"}]
