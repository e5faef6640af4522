"""Mounts the gallery in a page, serves the links that the browser asks for, and returns the other events."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import streamlit as st

from pages._ui import assets
from pages._ui.kit.session import component_key
from pages._ui.player import asks as asking
from pages._ui.player import cards as showing
from pages._ui.player.asks import Ask, LinkReply, Sign
from pages._ui.player.cards import ClipCard

Action = Literal["open", "copy", "download"]
ALL_ACTIONS: tuple[Action, ...] = ("open", "copy", "download")
_LATE = "-drawn-late"  # ends the key, which is a class: page.css hides what stands below until the gallery is drawn

_GALLERY = assets.component("clipdesk_gallery", html='<div class="gallery-root"></div>', css="gallery/gallery.css")


@dataclass(frozen=True, slots=True)
class GalleryEvents:
    """What happened since the last run: each field is empty in a run that had another cause.

    `opened`: the clip whose title was pressed. `asked`: the requests for links, which `sign`, if given, has served.
    `posters_expired`: clips whose thumbnail link had expired; the page must sign it again.
    """

    opened: str | None = None
    asked: tuple[Ask, ...] = ()
    posters_expired: tuple[str, ...] = ()


def gallery(
    cards: Sequence[ClipCard],
    *,
    key: str,
    sign: Sign | None = None,
    actions: Sequence[Action] = ALL_ACTIONS,
    label: str = "Clips",
    width: int = 190,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> GalleryEvents:
    """Draws a grid of the cards, each at least `width` pixels wide; a clip plays in its card, also through reruns.

    The browser fetches nothing of a clip before somebody asks for it, except thumbnails as they come into sight. With
    `sign`, this call signs the links that were asked for, so behind the page's guard. Without it the page gets the
    requests in `asked` and gives `media_url` in the next run; copying and downloading are then not offered.

    Inside a fragment, what the gallery causes reruns that fragment only.
    """
    return _mount(cards, key, sign, actions, label, "grid", width, now)


def player(
    card: ClipCard,
    *,
    key: str,
    sign: Sign | None = None,
    actions: Sequence[Action] = ("copy", "download"),
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> GalleryEvents:
    """Draws one clip large; it behaves as in the gallery."""
    return _mount([card], key, sign, actions, "Clip", "single", 320, now)


def _mount(
    cards: Sequence[ClipCard],
    key: str,
    sign: Sign | None,
    actions: Sequence[Action],
    label: str,
    layout: str,
    width: int,
    now: Callable[[], datetime],
) -> GalleryEvents:
    key = component_key(key) + _LATE
    known = {card.clip_id for card in cards}
    if len(known) < len(cards):
        raise ValueError("two cards of a gallery have the same clip_id")
    events = _events(st.session_state.get(key), known)
    answers = _answers(f"{key}__answers", events.asked, sign, now)
    offered = [action for action in actions if sign or action == "open"]
    _GALLERY(
        key=key,
        data={
            "key": key,
            "label": label,
            "layout": layout,
            "width": width,
            "actions": offered,
            "cards": [showing.payload(card) for card in cards],
            "answers": [asking.payload(answer) for answer in answers if answer.ask.clip_id in known],
        },
        on_ask_change=_nothing,
        on_open_change=_nothing,
        on_posters_change=_nothing,
    )
    return events


def _nothing() -> None:
    """Declares a trigger; `_events` reads its value before the gallery is mounted."""


def _events(sent: Any, known: Collection[str]) -> GalleryEvents:
    """The events that the browser sent, without those about clips that are not shown."""
    if not sent:
        return GalleryEvents()
    opened, posters = sent.get("open"), sent.get("posters")
    return GalleryEvents(
        opened=opened if isinstance(opened, str) and opened in known else None,
        asked=asking.parse_asks(sent.get("ask"), known),
        posters_expired=tuple(one for one in posters if isinstance(one, str) and one in known)
        if isinstance(posters, list)
        else (),
    )


def _answers(name: str, asks: tuple[Ask, ...], sign: Sign | None, now: Callable[[], datetime]) -> Collection[LinkReply]:
    kept: dict[tuple[str, str], LinkReply] = asking.alive(st.session_state.get(name, {}), now())
    if sign:
        for ask in asking.unserved(asks, kept):
            kept[ask.channel] = asking.serve(ask, sign, now)
    st.session_state[name] = kept
    return kept.values()
