"""The pages that the desk's are held against, as a Streamlit app of its own: a title, and a title, a table and a chart.

Streamlit serves it as it serves any app: without what the desk's server adds.
"""

import pandas as pd
import streamlit as st

ROWS = 50


def first() -> None:
    st.title("First")


def second() -> None:
    st.title("Second")


def charted() -> None:
    st.title("Charted")
    days = pd.date_range("2026-01-01", periods=ROWS)
    numbers = range(ROWS)
    frame = pd.DataFrame({"day": days, "clips": numbers, "bytes": numbers, "style": "split", "title": "A title"})
    st.dataframe(frame)
    st.bar_chart(frame, x="day", y="clips")


if __name__ == "__main__":
    drawn = {"first": first, "second": second, "charted": charted}
    shown = [st.Page(page, title=name.title(), url_path=name, default=name == "first") for name, page in drawn.items()]
    st.navigation(shown).run()
