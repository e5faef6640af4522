"""Two pages: lists whose rows open the other one, which says what it was asked for."""

import pandas as pd
import streamlit as st

from pages._ui.kit import params, session, status, tables

IDS = ["v 1&uid=x", "v-2", "é+3"]
HOSTILE = "=1+1 ![x](http://evil.example/p.png)"
MANY = 50_000


def listing() -> None:
    ids = IDS[::-1] if st.toggle("Other order") else IDS
    states = ["completed", "failed", "processing"]
    frame = pd.DataFrame(
        {
            "video_id": pd.array(ids, dtype="string"),
            "title": [HOSTILE, "<img src=x onerror=alert(1)>", "Ünïcode title"],
            "size": pd.array([0, 2048, None], dtype="Int64"),
            "status": status.words("video", states),
            "open": [session.url_for("target", uid="u/1", video_id=one) for one in ids],
        }
    )
    chosen = tables.table(
        frame,
        key="videos",
        alt="Videos",
        id_column="video_id",
        select="many",
        columns={
            "video_id": "Video",
            "open": tables.link("Open"),
            "title": "Title",
            "size": tables.size("Size"),
            "status": status.column("video", pd.Series(states), "Status"),
        },
        csv_name="videos",
    )
    st.text(f"chosen {chosen}")
    opened = st.session_state.setdefault("opened", [])
    ticked = tables.table(
        frame,
        key="cases",
        alt="Cases",
        id_column="video_id",
        select="many",
        columns={"video_id": "Case"},
        on_open=opened.append,
    )
    st.text(f"opened {opened}")
    st.text(f"ticked {ticked}")


def many() -> None:
    numbers = range(MANY)
    frame = pd.DataFrame(
        {
            "name": [f"customer{number}@example.com" for number in numbers],
            "size": [number * 7919 % 1_000_003 for number in numbers],
            "share": [number / 7 for number in numbers],
            "status": status.words("video", [("completed", "failed", "processing")[number % 3] for number in numbers]),
            "at": pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(numbers, unit="min"),
            "open": [session.url_for("target", uid=f"u{number}", video_id="v") for number in numbers],
        }
    )
    st.title("Many", anchor=False)
    tables.table(
        frame,
        key="many",
        alt="Customers",
        columns={
            "open": tables.link("Open"),
            "name": "Customer",
            "size": tables.size("Size"),
            "share": tables.share("Used"),
            "status": status.column("video", pd.Series(["failed"]), "Status"),
            "at": tables.moment("Since", distance=True),
        },
    )
    st.text("below the list")


def target() -> None:
    st.text(f"asked for {params.read('video_id')}")
    st.text(f"uid {st.query_params.get_all('uid')}")


st.set_page_config(layout="wide")
st.navigation([st.Page(listing, default=True), st.Page(many), st.Page(target, url_path="target")]).run()
