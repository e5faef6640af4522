"""A page with a gallery and a large player over the test's media server; links are numbered in the order of signing."""

import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import streamlit as st

from pages._ui.player import ClipCard, Purpose, gallery, player
from storage.domain.documents import SignedUrl
from storage.errors import AccessDenied, NotFound, NotPermitted

BASE = os.environ["MEDIA_BASE"]
CONTROL = Path(os.environ["MEDIA_CONTROL"])  # what the desk itself knows: {"absent": [names], "denied": [], "life": s}
FILES = {"clip-a": "clip_a", "clip-b": "clip_b", "clip-c": "clip_c", "odd": "odd"}


def control() -> dict:
    return json.loads(CONTROL.read_text(encoding="utf-8"))


def sign(clip_id: str, purpose: Purpose) -> SignedUrl:
    state = st.session_state
    state["signed"] = [*state.get("signed", []), f"{purpose} {clip_id}"]
    if clip_id in control().get("forbidden", []):
        raise NotPermitted("Your role may not play clips.")
    if purpose == "renew" and clip_id in control().get("absent", []):
        raise NotFound("no such key")
    if clip_id in control().get("denied", []):
        raise AccessDenied("HeadObject was refused")
    name = f"{FILES[clip_id]}.mp4"
    expires = datetime.now(UTC) + timedelta(seconds=control().get("life", 900))
    base = control().get("base", BASE)
    more = "&download=1" if purpose == "download" else ""
    return SignedUrl(f"{base}/{name}?token={len(state['signed'])}{more}", f"users/u1/{name}", expires, "video/mp4")


st.set_page_config(layout="wide")
if st.query_params.get("above"):
    st.button("Something above")
if st.toggle("Insert above"):
    st.info("An element that pushes the gallery down.")
hostile = '<img src=x onerror="window.hacked=1"><b>bold</b> ![p](' + BASE + "/leak.jpg)"
cards = [
    ClipCard("clip-a", "The first clip", "intelligent_split", 6.0, 33699, "completed", poster_url=f"{BASE}/clip_a.jpg"),
    ClipCard("clip-b", hostile, "split", 6.0, 29007, "processing", poster_url=f"{BASE}/clip_b.jpg"),
    ClipCard("clip-c", "A clip whose file is gone", "original", 6.0, 0, "completed", presence="absent"),
    ClipCard("odd", "שלום \u202eevil", "<i>style</i>", None, None, "weird", presence="unknown", reason="R2 refused."),
]
if st.query_params.get("own"):  # the page signs by itself, in the run after the one that was asked
    wanted = st.session_state.setdefault("wanted", {})
    events = gallery([replace(cards[0], **wanted.get("clip-a", {})), *cards[1:]], key="own")
    for ask in events.asked:
        link = sign(ask.clip_id, ask.purpose)
        wanted[ask.clip_id] = {"media_url": link.url, "expires_at": link.expires_at}
    if events.asked:
        st.rerun()
elif st.query_params.get("posters"):  # thumbnails whose links have ended, until the page is told
    number = st.session_state.setdefault("poster", 1)
    ended = datetime.now(UTC) - timedelta(seconds=1)
    posters = [replace(cards[0], poster_url=f"{BASE}/clip_a.jpg?token={number}", poster_expires_at=ended)]
    events = gallery(posters, key="posters", sign=sign)
    if events.posters_expired:
        st.session_state["poster"] = number + 1
        st.rerun()
elif st.query_params.get("single"):
    events = player(cards[0], key="single", sign=sign)
else:
    events = gallery(cards, key="clips", sign=sign, label="Clips of this video")
if st.button("Rerun"):
    st.session_state["reruns"] = st.session_state.get("reruns", 0) + 1
st.text(f"reruns {st.session_state.get('reruns', 0)}")
st.text(f"opened {events.opened}")
st.text(f"signed {st.session_state.get('signed', [])}")
