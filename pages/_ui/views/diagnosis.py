"""Draws the diagnosis of one video: for support what the customer sees and the reply, for engineers all of it.

`draw_timeline` draws the times of both stores on two lanes and as a list, with the silence marked. `draw_anchors` draws
the links to the parts of a long page, and `advice` names the repairs that the diagnosis advises.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import pairwise
from typing import Any, Final

import altair as alt
import pandas as pd
import streamlit as st

from pages._ui.copying import copy_button, shell
from pages._ui.data import loads, resources
from pages._ui.kit import away, charts, feedback, format, status
from pages._ui.kit.session import key
from pages._ui.kit.text import md, plain, prose
from pages._ui.views import replies
from pages._ui.views.repair.kinds import KINDS
from pages._ui.views.stuck import stage_word
from storage.clients.meter import Cost, OverBudget
from storage.domain.diagnosis import Diagnosis, Entry, Evidence, Known, NextStep, as_json
from storage.domain.diagnosis.confidence import Confidence, Level
from storage.domain.diagnosis.handover import as_words
from storage.domain.diagnosis.timeline import Usual, durations, said, timeline
from storage.domain.diagnosis.verdict import NO_ANSWER
from storage.errors import StorageError
from storage.services.diagnose import Case

_STORES: Final[dict[str, tuple[str, str, status.Colour]]] = {
    "firestore": ("Firestore", "database", "blue"),
    "bucket": ("Bucket", "cloud", "violet"),
    "person": ("The team", "person", "green"),
    "desk": ("Now", "visibility", "gray"),
}


# What each check looks at, in words; the bundle keeps the ids of the evidence.
_CHECKS: Final = {
    "settings": "Settings",
    "key_prefix": "Key prefix",
    "clocks": "Clocks",
    "firestore": "Firestore",
    "bucket": "Bucket",
    "video_document": "Video document",
    "user_document": "Customer document",
    "status": "Status",
    "last_touch": "Last touch",
    "progress": "Progress",
    "error_message": "Error message",
    "record": "The video's record",
    "draft": "Made from a draft",
    "scenes": "Scenes of the draft",
    "expiry": "Expiry",
    "charged": "Credits charged",
    "highlights_object": "highlights.json",
    "highlights_document": "Highlights document",
    "clip_documents": "Clip documents",
    "clip_objects": "Clip objects",
    "counters": "Counters",
    "quota": "Quota",
    "source_video": "Source video",
    "highlights_agree": "Both highlights",
    "highlights_source": "Source of highlights",
    "purge": "Purge",
    "in_flight": "Still being written",
}
_MARKS: Final[dict[bool | None, str]] = {
    True: ":green-badge[:material/check_circle: Passed]",
    False: ":red-badge[:material/error: Failed]",
    None: ":gray-badge[:material/help: Unknown]",
}


_SURE: Final[dict[Level, tuple[str, status.Colour, str]]] = {
    "high": ("Confidence high", "green", "verified"),
    "medium": ("Confidence medium", "orange", "rule"),
    "low": ("Confidence low", "red", "question_mark"),
}


def draw_timeline(entries: Sequence[Entry], now: datetime) -> None:
    """Draws the chart, where there are at least two times, and the list, oldest first."""
    drawn = [entry for entry in entries if not entry.planned]  # a distant expiry would squeeze the rest
    if not _gaps(drawn):
        drawn = [entry for entry in drawn if entry.store != "desk"]  # so would the present, where nothing waits
    if len({entry.at for entry in drawn}) > 1:
        _timeline_chart(drawn)
    st.markdown("  \n".join(_timeline_line(entry, now) for entry in entries))


def _timeline_line(entry: Entry, now: datetime) -> str:
    name, icon, colour = _STORES[entry.store]
    at = format.utc(entry.at)
    marks = ""
    if entry.gap_before:
        marks += " :orange-badge[:material/hourglass_disabled: silence before]"
    if entry.ahead:
        marks += " :red-badge[:material/schedule: in the future: a clock is wrong]"
    if entry.planned:
        marks += f" :gray-badge[:material/event: {'planned' if entry.at > now else 'past'}]"
    ago = "" if entry.store == "desk" else f" :small[:gray[{format.ago(entry.at, now).text} · {name}]]"
    return f":{colour}[:material/{icon}:] **{md(at.text)}** {md(said(entry), 400)}{marks}{ago}"


def _timeline_chart(entries: Sequence[Entry]) -> None:
    frame = pd.DataFrame(
        {
            "at": [entry.at for entry in entries],
            "Store": [_STORES[entry.store][0] for entry in entries],
            "What": [entry.event for entry in entries],
            "Time (UTC)": [format.utc(entry.at).text for entry in entries],
        }
    )
    present = {entry.store for entry in entries}
    lanes = tuple((name, status.shade(colour)) for store, (name, _, colour) in _STORES.items() if store in present)
    gaps = _gaps(entries)
    more = {"silence": _silences(gaps)} if gaps else {}
    ticks = charts.moments((frame["at"].max() - frame["at"].min()).total_seconds())
    form = _lanes(lanes, ticks, silence=status.shade("orange") if gaps else None)
    charts.draw(form, frame, alt="Times of events, by the store that records them", **more)


def _silences(gaps: Sequence[tuple[datetime, datetime]]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "from": [begun for begun, _ in gaps],
            "to": [ended for _, ended in gaps],
            "Silence": [format.span((ended - begun).total_seconds()) for begun, ended in gaps],
        }
    )


@charts.form
def _lanes(lanes: tuple[tuple[str, str], ...], ticks: str, *, silence: str | None) -> Any:
    """Points by time and store, each store in its colour; a band behind them, from the rows named `silence`."""
    names, colours = [name for name, _ in lanes], [colour for _, colour in lanes]
    axis = alt.Axis(
        title=None,
        labelFontSize=11,
        tickCount=5,
        grid=False,
        format=ticks,
        labelOverlap=True,
    )
    points = (
        charts.rows()
        .mark_point(size=90, filled=True, opacity=0.85)
        .encode(
            x=alt.X("at:T", axis=axis, scale=alt.Scale(type="utc", padding=12)),
            y=alt.Y("Store:N", sort=names, title=None, axis=alt.Axis(ticks=False, domain=False)),
            color=alt.Color("Store:N", scale=alt.Scale(domain=names, range=colours), legend=None),
            tooltip=["What:N", "Time (UTC):N", "Store:N"],
        )
    )
    layers: list[Any] = [points]
    if silence is not None:
        band = charts.rows("silence").mark_rect(opacity=0.22, color=silence)
        layers.insert(0, band.encode(x=alt.X("from:T"), x2="to:T", tooltip=["Silence:N"]))
    return alt.layer(*layers).properties(height=48 + 28 * len(names), padding=charts.TIGHT)


def _gaps(entries: Sequence[Entry]) -> list[tuple[datetime, datetime]]:
    """The start and end of each marked silence: the sign of the worker before it, and the entry that ended it."""
    signs = [entry for entry in entries if not entry.ahead and not entry.planned and entry.store != "person"]
    return [(before.at, after.at) for before, after in pairwise(signs) if after.gap_before]


def explain(case: Case, *, page: str) -> None:
    """Draws what the customer sees now, and a reply in plain words with a button that copies it.

    Where the video stopped in an outage that this process knows of, the reply is the one to all of its customers.
    """
    found = case.diagnosis
    with st.container(border=True, height="stretch", key=key(page, "case", "explain")):
        st.markdown(":material/visibility: **What the customer sees**")
        st.markdown(md(found.customer_sees, 600))
        _reply(found, page)


def _reply(found: Diagnosis, page: str) -> None:
    outage = resources.last_outages().of(found.uid, found.video_id, found.verdict, found.looked_at)
    title = replies.TITLE
    if outage is not None:
        title += " :small[:gray[the same to all customers of this outage]]"
    replies.draw(
        found.answer if outage is None else outage.answer,
        whose=found.uid,
        page=page,
        name="case-reply",
        title=title,
    )


def verdict(case: Case, *, page: str, buttons: Callable[[], None] | None = None) -> None:
    """Draws the verdict in one line, its evidence, timeline, next steps and bundle: for people who may diagnose.

    `buttons` draws the steps that this person may take, below their words.
    """
    found = case.diagnosis
    with st.container(border=True, key=key(page, "case", "verdict")):
        _headline(found)
        if found.suspicion is not None:
            st.error(
                f"{md(found.suspicion.reason, 500)}\n\n"
                + "\n".join(f"{n}. {prose(way, 400)}" for n, way in enumerate(found.suspicion.how_to_check, start=1)),
                title="The bucket's answer is not reliable",
                icon=":material/gpp_maybe:",
            )
        if case.error is not None and case.error.remedy and not away.told(case.error):
            st.markdown(f"**What to do:** {md(case.error.remedy, 600)}")
        _steps(found.actions, page)
        if buttons is not None:
            buttons()
        st.markdown(":material/fact_check: **Evidence**")
        _evidence(found.evidence)
        feedback.section("the timeline", partial(history, case, page=page), key=key(page, "case", "timeline"))
        _hand_over(case, page)


def history(case: Case, *, page: str, everything: bool = True) -> None:
    """Draws the timeline with what persons did, and how long each step took beside the usual.

    Without `everything` it names nobody of the team and no reason, and compares nothing.
    """
    uid, video_id = case.diagnosis.uid, case.diagnosis.video_id
    st.markdown(":material/timeline: **Timeline** :small[:gray[UTC]]")
    if not isinstance(case.facts.video, Known):
        draw_timeline(case.diagnosis.timeline, case.diagnosis.looked_at)
        return
    read_at, cost, missed = None, Cost(), []
    entries: tuple[Entry, ...] = ()
    usual = Usual()
    try:
        done = loads.deeds(uid, video_id)
        entries, read_at, cost = done.value, done.read_at, cost + done.cost
    except OverBudget:
        raise
    except StorageError as error:
        missed.append(_missed("what persons did", error))
    if everything:
        try:
            others = loads.usual()
            usual, cost = others.value, cost + others.cost
        except OverBudget:
            raise
        except StorageError as error:
            missed.append(_missed("what other videos took", error))
    shown = timeline(case.facts, entries if everything else [entry.reduced for entry in entries])
    draw_timeline(shown, case.diagnosis.looked_at)
    if everything:
        for one in durations(case.facts, usual):
            mark = ":orange[:material/speed:]" if one.slow else ":gray[:material/speed:]"
            st.markdown(f"{mark} {md(one.words, 200)}")
    if missed:
        st.caption(f"Not known: {md('; '.join(missed), 500)}")
    feedback.freshness(read_at, key=key(page, "case", "history"), cost=cost, complete=not missed)


def _missed(what: str, error: StorageError) -> str:
    return f"{what} ({away.words(error).removesuffix('.') if away.told(error) else error.message})"


def _headline(found: Diagnosis) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        status.badge("verdict", found.verdict)
        status.badge("severity", "ok" if found.verdict == "healthy" and found.severity == "info" else found.severity)
        if found.stage != "none":
            st.badge(f"Stopped at: {stage_word(found.stage).lower()}", color="gray", icon=":material/step:")
        if found.since is not None and found.verdict != "healthy":
            since = format.ago(found.since, found.looked_at)
            st.caption(f"since {since.text}", help=since.help, width="content")
    summary(found)
    if found.cause:
        st.caption(f"Cause: {md(found.cause.replace('_', ' '), 200)}")
    sureness(found.confidence)


def summary(found: Diagnosis) -> None:
    """Draws the verdict in a sentence. It quotes no error of a store that the top of the page names."""
    if found.verdict == "access_denied" and found.cause == NO_ANSWER and away.named():
        away.gap("whether this video is well")
        return
    st.markdown(f"**{md(found.summary, 500)}**")


def sureness(found: Confidence) -> None:
    """Draws how sure the verdict is, the facts that carry it, what lowers the confidence, and what would change it."""
    word, colour, icon = _SURE[found.level]
    carrying = ", ".join(_check_word(name).lower() for name in found.carried_by)
    lines = [f":{colour}-badge[:material/{icon}: {word}] :small[Based on: {carrying or 'no fact'}.]"]
    lines += [f":small[:material/trending_down: {md(reason, 300)}]" for reason in found.lowered_by]
    lines.append(f":small[What would change it: {md(found.would_change, 300)}]")
    st.markdown("  \n".join(lines))


def _evidence(evidence: Sequence[Evidence]) -> None:
    """Draws failed checks first, then unknown ones; counts the passed checks, in an expander that shows them."""
    doubts = [item for wanted in (False, None) for item in evidence if item.ok is wanted]
    well = [item for item in evidence if item.ok]
    if doubts:
        evidence_table(doubts)
    if well:
        with st.expander(f"{len(well):,} check{'' if len(well) == 1 else 's'} passed", icon=":material/check_circle:"):
            evidence_table(well)


def evidence_table(items: Sequence[Evidence]) -> None:
    """Draws a table with a line for each piece of evidence: the check, its result, and what it found."""
    st.table(
        {
            "Check": [_check_word(item.check) for item in items],
            "Result": [_MARKS[item.ok] for item in items],
            "Found": [md(item.observed, 600) for item in items],
        },
        border="horizontal",
        hide_index=True,
    )


def _check_word(check: str) -> str:
    return md(_CHECKS.get(check, check.replace("_", " ").capitalize()), 60)


def steps_list(steps: Sequence[NextStep]) -> None:
    """Draws the next steps in words, in their order."""
    if not steps:
        st.markdown(":green[:material/check_circle:] Nothing needs to be done.")
        return
    st.markdown(":material/checklist: **Next, in this order**")
    lines = []
    for number, step in enumerate(steps, start=1):
        mark = " :orange-badge[:material/edit: changes data]" if step.changes else ""
        because = f"  \n:small[:gray[{md(step.because, 300)}]]" if step.because else ""
        lines.append(f"{number}. {md(step.text, 400)}{mark}{because}")
    st.markdown("\n".join(lines))


def _steps(steps: Sequence[NextStep], page: str) -> None:
    steps_list(steps)
    commands = [
        f"# {number}. {plain(step.text, 100)}\n{plain(step.command, 1_000)}"
        for number, step in enumerate(steps, start=1)
        if step.command
    ]
    if commands:
        with st.expander("The same in a shell", icon=":material/terminal:", key=key(page, "case", "shell")):
            shell("\n\n".join(commands), key=key(page, "case", "commands"))


def _hand_over(case: Case, page: str) -> None:
    """Draws the diagnosis as text for a chat or a ticket, and as a file with every fact."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        text = as_words(case.diagnosis, resources.stores().settings.alerts.desk_url)
        copy_button(text, key=key(page, "case", "hand_over"), what="hand-over", label="Copy the hand-over")
        _bundle(case, page)


def _bundle(case: Case, page: str) -> None:
    found = case.diagnosis
    st.download_button(
        "Bundle to hand over (JSON)",
        data=lambda: as_json(case.diagnosis, case.facts).encode(),
        file_name=f"case-{plain(found.video_id, 64)}.json",
        mime="application/json",
        key=key(page, "case", "bundle"),
        icon=":material/work_history:",
        on_click="ignore",
        help="Verdict, facts and timeline for another engineer, without secrets, links and addresses.",
    )


def draw_anchors(parts: Mapping[str, str]) -> None:
    """Draws a line of links, by anchor: `{"clips": "Clips"}`."""
    st.caption("On this page: " + " · ".join(f"[{name}](#{anchor})" for anchor, name in parts.items()))


def advice(case: Case) -> str:
    """The repairs that the diagnosis advises, in words; empty where there is none."""
    steps = {step.id for step in case.diagnosis.actions}
    return ", ".join(kind.title.lower() for kind in KINDS if kind.advised_by & steps)
