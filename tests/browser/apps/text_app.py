"""A page of hostile strings in every place that reads Markdown; `NASTY` and `EVIL` are given by the test."""

import json
import os
from pathlib import Path

import streamlit as st

from pages._ui import copying
from pages._ui.kit import status
from pages._ui.kit.text import md, plain

CASES: list[str] = json.loads(Path(os.environ["NASTY"]).read_text(encoding="utf-8"))
EVIL: str = os.environ["EVIL"]

for number, case in enumerate(CASES):
    with st.container(key=f"case-{number}"):
        st.markdown(md(case, 400))

attack = (
    f"![x]({EVIL}/leak.png) <img src='{EVIL}/leak2.png'> [click]({EVIL}) {EVIL}/auto www.evil.example a@evil.example"
)
with st.container(key="places"):
    st.caption(md(attack))
    st.button(md(attack, 60), key="button", help=md(attack))
    st.metric(md(attack, 60), md(attack, 60), help=md(attack))
    st.error(md(attack), title=md(attack, 60))
    st.badge(md(attack, 60))
    st.subheader(md(attack, 60))
    st.table({"name": [md(attack)]})
    st.dataframe({"name": [plain(attack)]})
    st.text(plain(attack))
    st.checkbox(md(attack, 60), key="checkbox")
    st.tabs([md(attack, 60)])
    with st.expander(md(attack, 60), expanded=True):
        st.markdown(status.badge_md("video", attack))
    st.toast(md(attack))

copying.copy_button("uid ✓ <b>*x*</b>", key="copy", what="customer id")
copying.copy_button("second", key="copy__second", label="")
