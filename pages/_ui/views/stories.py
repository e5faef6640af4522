"""For somebody who tries the demo: what its start does, and three stories of five steps that show the desk."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Final

import streamlit as st

from pages._ui.access.identity import ROLE
from pages._ui.data import starting
from pages._ui.kit.session import QUERY, UID, VIDEO_ID, key
from pages._ui.kit.text import md
from pages._ui.nav import SCREENS

PAGE: Final = "stories"
_LOOK_SECONDS: Final = 0.25


@dataclass(frozen=True, slots=True)
class Leg:
    """What one does, on which page and as which role, and how one sees that it is done."""

    text: str
    page: str
    role: str
    seen: str
    query: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tale:
    title: str
    icon: str
    steps: tuple[Leg, ...]


@cache
def tales() -> tuple[Tale, ...]:
    """The three stories, with the ids and names of the sample data."""
    from storage.sandbox.world import build  # only here: live mode never imports the stand-ins

    world = build(datetime.now(UTC))
    broken, stuck = world.cast["clips_missing"], world.cast["outage_analysis"]
    address = str(world.documents[f"users/{broken.uid}"]["email"])
    title = str(world.documents[f"users/{broken.uid}/videos/{broken.video_id}"]["video_title"])
    clip = {UID: str(broken.uid), VIDEO_ID: str(broken.video_id)}
    outage = {UID: str(stuck.uid), VIDEO_ID: str(stuck.video_id)}
    ada = next(path.split("/") for path in sorted(world.documents, reverse=True) if path.startswith("users/u1/videos/"))
    gone = {UID: ada[1], VIDEO_ID: ada[3]}
    return (
        Tale(
            "A clip that does not play",
            "broken_image",
            (
                Leg(
                    f"{address} writes that a clip does not play. Find the address.",
                    "find",
                    "support",
                    "Find shows one customer.",
                    {QUERY: address},
                ),
                Leg(
                    "Open the customer.",
                    "user",
                    "support",
                    f"The page has the customer's videos, “{title}” among them.",
                    {UID: str(broken.uid)},
                ),
                Leg("Open that video.", "video", "support", "“What the customer sees” says what does not play.", clip),
                Leg("Copy the reply on the same page.", "video", "support", "The button says “Copied”.", clip),
                Leg(
                    "Look at the same video as an engineer.",
                    "video",
                    "engineer",
                    "The diagnosis names the missing file, and Repair what mends it.",
                    clip,
                ),
            ),
        ),
        Tale(
            "An outage",
            "crisis_alert",
            (
                Leg(
                    "Look at what needs a person.",
                    "overview",
                    "engineer",
                    "Overview shows videos that stopped together.",
                ),
                Leg(
                    "Open Processing.",
                    "processing",
                    "engineer",
                    "The outages stand first, with their times.",
                ),
                Leg("Open one of its videos.", "video", "engineer", "The verdict comes with its evidence.", outage),
                Leg("See it as support does.", "video", "support", "The page has the reply to send.", outage),
                Leg(
                    "Choose one repair for all videos of an outage, on Processing.",
                    "processing",
                    "engineer",
                    "The changes of each video stand there before anything is written.",
                ),
            ),
        ),
        Tale(
            "A purge and its undo",
            "delete_forever",
            (
                Leg("Look at a video that is to go.", "video", "admin", "Its clips play.", gone),
                Leg(
                    "Press “Plan a purge…” below Repair.",
                    "video",
                    "admin",
                    "The plan lists each file and each document.",
                    gone,
                ),
                Leg(
                    "Open the plan, continue to its confirmation, give a reason and the id, set the tick, and delete.",
                    "purge",
                    "admin",
                    "The job ends with a certificate: nothing is left.",
                    gone,
                ),
                Leg(
                    "Look for the video.",
                    "video",
                    "admin",
                    "It says “Removed”, and until when that can be undone.",
                    gone,
                ),
                Leg(
                    "Open the job from there, and undo it.",
                    "video",
                    "admin",
                    "After the undo the video has its clips again.",
                    gone,
                ),
            ),
        ),
    )


@st.fragment
def draw() -> None:
    """Draws the stories, folded away: a line at the top of the page. Their steps come when somebody unfolds it."""
    title, name = "New here? Three stories of five steps", key(PAGE, "all")
    place = st.expander(title, icon=":material/explore:", key=name, on_change="rerun")
    if not place.open:
        return
    with place:
        for tab, tale in zip(st.tabs([f":material/{one.icon}: {one.title}" for one in tales()]), tales(), strict=True):
            with tab:
                for number, step in enumerate(tale.steps, 1):
                    _step(number, step)


def _step(number: int, step: Leg) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{number}.** {md(step.text, 200)}  \n:small[Done when: {md(step.seen, 200)}]", width="stretch")
        screen = SCREENS[step.page]
        label = f"{screen.title}, as {step.role}"
        st.page_link(
            screen.file, label=label, icon=f":material/{screen.icon}:", query_params={**step.query, ROLE: step.role}
        )


def wait_for_the_start() -> None:
    """Shows what the start of the demo does, until the stores are open."""
    if starting.steps() is None:
        return
    place, shown = st.empty(), None
    while (steps := starting.steps()) is not None:
        if steps != shown:
            shown = steps
            with place.container():
                _started(steps)
        time.sleep(_LOOK_SECONDS)
    place.empty()


def _started(steps: tuple[str, ...]) -> None:
    st.title("The demo starts", anchor=False)
    st.caption("The page follows by itself: in some 5 s, and after 15 to 20 s where the sample data are made first.")
    for step in steps[:-1]:
        st.markdown(f":green[:material/check:] {md(step, 200)}")
    for step in steps[-1:]:
        st.markdown(f":material/hourglass_top: **{md(step, 200)}**")
    st.caption("Afterwards Overview offers three stories to try: a clip that does not play, an outage, and a purge.")
