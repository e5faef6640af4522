"""Two pages: a table whose rows link to the other one, which says what it was asked for."""

import pandas as pd
import streamlit as st

from pages._ui import shell
from pages._ui.kit import params, session, tables

IDS = ["v 1&uid=x", "v-2", "é+3"]


def listing() -> None:
    ids = IDS[::-1] if st.toggle("Other order") else IDS
    frame = pd.DataFrame(
        {
            "video_id": pd.array(ids, dtype="string"),
            "title": ["=1+1 ![x](http://evil.example/p.png)"] * 3,
            "size": pd.array([0, 2048, None], dtype="Int64"),
            "open": [session.url_for("target", uid="u/1", video_id=one) for one in ids],
        }
    )
    chosen = tables.table(
        frame,
        key="videos",
        alt="Videos",
        id_column="video_id",
        select="many",
        columns={"video_id": "Video", "open": tables.link("Open"), "title": "Title", "size": tables.size("Size")},
        csv_name="videos",
    )
    st.text(f"chosen {chosen}")


def target() -> None:
    st.text(f"asked for {params.read('video_id')}")
    st.text(f"uid ok {st.query_params.get_all('uid') == ['u/1']}")


st.set_page_config(layout="wide")
shell.draw_styles()
st.navigation([st.Page(listing, default=True), st.Page(target, url_path="target")]).run()
