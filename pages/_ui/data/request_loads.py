"""Loads the requests to the team, asks and answers them."""

from __future__ import annotations

import streamlit as st

from pages._ui.data.loads import MINUTE, Loaded, measured
from pages._ui.data.resources import repair_context, stores
from pages._ui.kit import away
from storage.actions import requests
from storage.actions.requests import Answer
from storage.domain.policy import Actor
from storage.domain.requests import Kind, TeamRequest
from storage.repositories.requests import Requests


@away.noticed
@st.cache_data(ttl=30, max_entries=1, refresh_mode="background", show_spinner=False)
def waiting() -> Loaded[tuple[TeamRequest, ...]]:
    """Those that wait for an answer, the oldest first."""
    return measured(lambda: tuple(one.request for one in Requests(stores().handle).open()))


@away.noticed
@st.cache_data(ttl=30, max_entries=100, show_spinner=False)
def of_person(email: str) -> Loaded[tuple[TeamRequest, ...]]:
    """What this person asked, the newest first."""
    return measured(lambda: tuple(one.request for one in Requests(stores().handle).of_person(email)))


@away.noticed
@st.cache_data(ttl=MINUTE, max_entries=200, show_spinner=False)
def of_user(uid: str) -> Loaded[tuple[TeamRequest, ...]]:
    """What was asked about a customer, the newest first."""
    return measured(lambda: tuple(one.request for one in Requests(stores().handle).of_user(uid)))


def ask(
    actor: Actor, kind: Kind, uid: str, video_id: str, clip_id: str, *, reason: str, request_id: str
) -> TeamRequest:
    """Keeps the request; a second click on the same form returns the first."""
    context = repair_context()
    try:
        return requests.ask(context, actor, kind, uid, video_id, clip_id, reason=reason, request_id=request_id)
    finally:
        forget()


def answer(actor: Actor, request_id: str, state: Answer, words: str) -> TeamRequest:
    """Keeps the answer."""
    try:
        return requests.answer(repair_context(), actor, request_id, state, words)
    finally:
        forget()


def forget() -> None:
    """For a refresh button, and after a change."""
    for load in (waiting, of_person, of_user):
        load.clear()
