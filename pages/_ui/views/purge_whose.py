"""Says whose it is that a purge is about: ids tell a person nothing, an address and a title let a slip be noticed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import streamlit as st

from pages._ui.data import loads
from pages._ui.kit import feedback
from pages._ui.kit.session import key
from pages._ui.kit.text import md
from storage.domain.purge.scope import Scope

PAGE: Final = "purge"
TITLES: Final = 3


def draw(scope: Scope) -> None:
    """The customer's address and plan, and the titles of the videos, as Firestore has them now."""
    feedback.section("whose it is", partial(_draw, scope), key=key(PAGE, "whose"), unknown="whose it is")


def _draw(scope: Scope) -> None:
    user = _fields(f"users/{scope.uid}")
    parts = [f":material/person: {_customer(user)}"]
    parts += [f":material/movie: {_video(scope.uid, video_id)}" for video_id in scope.video_ids[:TITLES]]
    if len(scope.video_ids) > TITLES:
        parts.append(f"and {len(scope.video_ids) - TITLES:,} more videos")
    st.markdown("\u2003".join(parts))


def _customer(user: Mapping[str, Any] | None) -> str:
    if user is None:
        return "a user without a document of their own"
    email, plan = user.get("email"), user.get("plan")
    who = f"**{md(email, 160)}**" if isinstance(email, str) and email else "a customer without an address"
    return f"{who} :gray[plan {md(plan, 40)}]" if isinstance(plan, str) and plan else who


def _video(uid: str, video_id: str) -> str:
    video = _fields(f"users/{uid}/videos/{video_id}")
    if video is None:
        return "a video without a document of its own"
    title = video.get("video_title")
    return f"**{md(title, 160)}**" if isinstance(title, str) and title else "a video without a title"


def _fields(path: str) -> Mapping[str, Any] | None:
    document = loads.raw(path).value
    return None if document is None else document.fields or {}
