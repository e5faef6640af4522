"""Draws the list of videos that need a person: outages as cards, the table worst first, and what was not checked.

`strip` draws when videos stopped and at which step, so that videos that stopped together stand out as one column.
`draw_filters` keeps the chosen filters in the address, so that a link shows the same rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import altair as alt
import pandas as pd
import streamlit as st

from pages._ui.kit import charts, format, status, tables
from pages._ui.kit.session import UID, VIDEO_ID, key, url_for
from pages._ui.kit.text import md, plain, prose
from pages._ui.nav import SCREENS
from pages._ui.views import replies
from storage.domain.diagnosis import Outage, Stage, StuckVideo
from storage.domain.diagnosis.outages import Standing, named
from storage.services.diagnose import StuckList
from storage.text import capitalised, number

STAGES: dict[Stage, tuple[str, str]] = {
    "analysis": ("Analysis", "neurology"),
    "render": ("Rendering", "movie_edit"),
    "finish": ("Finishing", "flag"),
    "delivery": ("Delivery", "inventory_2"),
    "none": ("No step", "help"),
}


OUTAGE = "outage"  # query parameter: the outage that is shown alone
ALONE = "none"  # its value for the videos that belong to no outage
UNJUDGED = "access_denied"  # the verdict that is about a store and not about the video


_ROW_PIXELS = 64
_COLUMNS = alt.ExprRef("width < 480 ? 2 : width < 900 ? 4 : 8")  # of the legend
_TICKS = alt.ExprRef("width < 480 ? 3 : 8")
_COLOURS: Final[dict[str, status.Colour]] = {
    "analysis": "blue",
    "render": "violet",
    "finish": "orange",
    "delivery": "red",
    "none": "gray",
}


def stage_word(stage: str) -> str:
    """The step in words; an unknown step under its own name."""
    return next((word for name, (word, _) in STAGES.items() if name == stage), plain(stage, 30))


def outage_id(outage: Outage) -> str:
    """The id of an outage in an address and in commands."""
    return outage.id


def outages(
    found: Sequence[Outage],
    *,
    chosen: str = "",
    choose: Callable[[str], None] | None = None,
    below: Callable[[Outage], None] | None = None,
) -> None:
    """Draws a card for each outage, the largest first, with a way to its videos alone.

    With `choose`, a button passes it the id of the outage; without, a link leads to the page Processing.
    """
    now = datetime.now(UTC)
    for outage in found:
        identity = outage_id(outage)
        with st.container(border=True, horizontal=True, vertical_alignment="center", key=key("outage", identity)):
            with st.container():
                word, icon = STAGES[outage.stage]
                st.markdown(
                    ":red[:material/crisis_alert:] **Probably one outage:** "
                    f"{number(len(outage.videos), 'video')} of {number(outage.users, 'customer')} stopped at "
                    f":material/{icon}: **{word.lower()}** {_when(outage, now)}. "
                    f"{status.badge_md('verdict', outage.verdict)}"
                )
                st.markdown(
                    f"{going_on(outage.standing)} :small[:gray[{md(capitalised(f'{outage.usual_words}.'), 160)}]]"
                )
            if choose is None:
                st.page_link(
                    SCREENS["processing"].file,
                    label="Show these",
                    icon=":material/arrow_forward:",
                    query_params={OUTAGE: identity},
                )
            else:
                choice(identity, chosen, choose)
            if below is not None:
                below(outage)
        if choose is not None:
            _reply(outage)


def _reply(outage: Outage) -> None:
    """Draws the one reply to all customers of the outage, closed at first."""
    identity = outage_id(outage)
    count = number(outage.users, "customer")
    with st.expander(f"Reply to send to {count}", icon=":material/forum:", key=key("outage", identity, "replying")):
        replies.draw(
            outage.answer,
            whose=identity,
            page="outage",
            name="reply",
            title="The same text to each of them",
            # Without colons, for which Streamlit would load its emoji.
            about=f" about {stage_word(outage.stage).lower()}, {outage.first_at:%Y-%m-%d %H.%M} UTC",
        )


def going_on(standing: Standing) -> str:
    """Whether an outage or a group of failures goes on, as a badge, and what tells it."""
    badge = {
        True: ":red-badge[:material/local_fire_department: Goes on]",
        False: ":green-badge[:material/check_circle: Over]",
        None: ":gray-badge[:material/help: Not known whether it goes on]",
    }[standing.goes_on]
    return f"{badge} {md(standing.by, 300)}"


def choice(identity: str, chosen: str, choose: Callable[[str], None]) -> None:
    """Draws the button that shows the videos of one group alone, or all videos again."""
    label = "Show all videos" if chosen == identity else "Show only these"
    st.button(
        label,
        key=key("outage", identity, "show"),
        icon=":material/filter_alt:",
        on_click=choose,
        args=("" if chosen == identity else identity,),
    )


def disclosures(found: StuckList) -> None:
    """Draws the videos through which another customer's file may be seen, before anything else."""
    shown = [video for video in found.videos if video.diagnosis.verdict == "disclosure"]
    if not shown:
        return
    st.error(
        "These videos name another customer's file, so it may be seen. End that before anything else.",
        title=f"Disclosure: {number(len(shown), 'video')}",
        icon=":material/privacy_tip:",
    )
    for video in shown[:10]:
        uid, video_id = video.diagnosis.uid, video.diagnosis.video_id
        st.page_link(
            SCREENS["video"].file,
            label=f"{md(video.email or uid, 60)} · {md(video_id, 60)}",
            icon=":material/movie:",
            query_params={UID: uid, VIDEO_ID: video_id},
        )


def alone(found: StuckList) -> list[StuckVideo]:
    """The videos that belong to no outage, in their order."""
    together = {pair for outage in found.outages for pair in outage.videos}
    return [one for one in found.videos if (one.diagnosis.uid, one.diagnosis.video_id) not in together]


def apart(found: StuckList, *, chosen: str, choose: Callable[[str], None]) -> None:
    """Draws a line for the videos outside the outages, below the outages, which would hide them."""
    own = alone(found)
    if not found.outages or not own:
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=key("outage", ALONE)):
        with st.container():
            st.markdown(f":material/person_alert: **{number(len(own), 'other stuck video')}** outside these outages.")
        choice(ALONE, chosen, choose)


def burning(found: StuckList) -> None:
    """Draws disclosures, and each outage as one card; nothing where there is none."""
    disclosures(found)
    outages(found.outages)


def summary(found: StuckList, *, page: str, shown: int = 10) -> None:
    """Draws what no store answered for, and the worst videos of those that are in no outage."""
    refused(found)
    own = alone(found) if found.outages else list(found.videos)
    if own and found.outages:
        st.markdown(f"**{number(len(own), 'other stuck video')}** :small[:gray[outside the outages above]]")
    if own or not found.outages:
        table(own[:shown], page=page)
    if found.drafts:
        st.caption(f"{number(len(found.drafts), 'draft')} with a stalled or failed analysis: see Processing.")
    first = f"The worst {shown:,} of {len(own):,}; " if len(own) > shown else ""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if found.videos:
            st.caption(f"{first}{number(len(found.videos), 'video')} in all, on Processing.", width="content")
        st.page_link(SCREENS["processing"].file, label="Open Processing", icon=":material/arrow_forward:")
    st.caption("Delivered videos were not checked; the switch on Processing includes them.")


def _when(outage: Outage, now: datetime) -> str:
    first, last = format.utc(outage.first_at).text, format.utc(outage.last_at).text
    same_day = outage.first_at.date() == outage.last_at.date()
    span = format.span(outage.span.total_seconds())
    until = f"{outage.last_at:%H:%M:%S} UTC" if same_day else last
    during = md(f"{first.removesuffix(' UTC')} to {until}")
    return f"within {span}, {format.ago(outage.last_at, now).text} :small[({during})]"


def frame(videos: Sequence[StuckVideo]) -> pd.DataFrame:
    """The videos as rows, in the order given; times in UTC, unknown values absent."""
    rows: list[dict[str, Any]] = [
        {
            "id": f"{video.diagnosis.uid}/{video.diagnosis.video_id}",
            "uid": video.diagnosis.uid,
            "video_id": video.diagnosis.video_id,
            "verdict": video.diagnosis.verdict,
            "severity": video.diagnosis.severity,
            "step": video.diagnosis.stage,
            "since": video.diagnosis.since,
            "owner": video.email,
            "title": video.title,
            "plan": video.plan,
            "summary": video.diagnosis.summary,
        }
        for video in videos
    ]
    columns = ["id", "uid", "video_id", "verdict", "severity", "step", "since", "owner", "title", "plan", "summary"]
    made = pd.DataFrame(rows, columns=columns)
    made["since"] = pd.to_datetime(made["since"], utc=True)
    return made


def table(
    videos: Sequence[StuckVideo],
    *,
    page: str,
    select: tables.SelectionMode = "none",
    on_open: Callable[[str], None] | None = None,
    csv_name: str = "",
) -> list[str]:
    """Draws the videos as a table, in the order given; returns `uid/video_id` of the rows that are ticked.

    `on_open` as in `tables.table`; the page that gives it has filters of its own above the list.
    """
    if not videos:
        st.markdown(":green[:material/check_circle:] Nothing needs a person.")
        return []
    rows = frame(videos)
    shown = rows.assign(
        open=[url_for("video", uid=u, video_id=v) for u, v in zip(rows["uid"], rows["video_id"], strict=True)],
        user=[url_for("user", uid=u) for u in rows["uid"]],
        verdict_word=status.words("verdict", rows["verdict"]),
        step=[stage_word(step) for step in rows["step"]],
        owner=rows["owner"].fillna(rows["uid"]),
    ).head(tables.ROW_LIMIT)
    columns = {
        "open": tables.link("Video", help="Open the video."),
        "verdict_word": status.column("verdict", rows["verdict"], "Verdict"),
        "owner": "Customer",
        "title": st.column_config.TextColumn("Title", width="medium"),
        "step": "Stopped at",
        "since": tables.moment("Since", distance=True, help="When it stopped. Point at a cell for the time."),
        "plan": "Plan",
        "summary": st.column_config.TextColumn("What is wrong", width="large"),
        "user": tables.link("Account", help="Open the customer."),
        "video_id": "Video id",
    }
    return tables.table(
        shown,
        key=key(page, "stuck"),
        alt="Videos that need a person, worst first",
        columns=columns,
        id_column="id",
        select=select,
        total=len(rows),
        height="content" if len(shown) <= 10 else 420,
        csv_name=csv_name,
        csv_frame=lambda: rows.drop(columns=["id"]),
        filters=on_open is None,
        on_open=on_open,
    )


def refused(found: StuckList) -> None:
    """Says above the list that a store refused or was away, so that some verdicts are about the store."""
    if found.error is None:
        return
    unjudged = sum(video.diagnosis.verdict == UNJUDGED for video in found.videos)
    st.warning(
        f"{number(unjudged, 'video').capitalize()} of this list could not be read now: the verdict there is about the "
        f"store and not about the video. {md(found.error.message, 500)} "
        f"{prose(found.error.remedy, 500)}",
        title="Incomplete",
        icon=":material/hourglass_bottom:",
    )


def gaps(found: StuckList, *, page: str) -> None:
    """Says what the list lacks: a missing index with its definition, and what was not checked."""
    if found.missing_index is not None:
        with st.container(key=key(page, "missing-index")):
            st.warning(
                "The query across all customers needs an index that is missing. The desk made this list one by one, "
                "which reads every video. Deploy the definition below; `python -m storage check` confirms it.",
                title="A Firestore index is missing",
                icon=":material/database_off:",
            )
            st.json(dict(found.missing_index), expanded=False)
    if found.notes:
        st.caption("Not checked: " + " ".join(prose(note, 400) for note in found.notes))


def strip(videos: Sequence[StuckVideo], outages: Sequence[Outage]) -> None:
    """Draws a mark for each video whose time is known, with outages shaded. Says how many videos have no time."""
    timed = [video for video in videos if video.diagnosis.since is not None]
    if not timed:
        st.caption("None of these videos has a time at which it stopped.")
        return
    present = {video.diagnosis.stage for video in timed}
    steps = [word for name, (word, _) in STAGES.items() if name in present]
    colours = [status.shade(_COLOURS[name]) for name in STAGES if name in present]
    marks = _marks(timed)
    form = _strip(
        tuple(steps),
        tuple(colours),
        tuple(dict.fromkeys(marks["Verdict"])),
        charts.moments(_seconds(marks["since"], outages)),
        red=status.shade("red") if outages else None,
        grey=status.shade("gray"),
    )
    more = {"outages": _bands(outages)} if outages else {}
    charts.draw(form, marks, alt="When the videos stopped, and at which step", **more)
    if len(timed) < len(videos):
        st.caption(
            f"Of {len(videos):,} videos, {len(videos) - len(timed):,} have no usable time and are not in the chart."
        )


@charts.form
def _strip(
    steps: tuple[str, ...],
    colours: tuple[str, ...],
    verdicts: tuple[str, ...],
    ticks: str,
    *,
    red: str | None,
    grey: str,
) -> Any:
    """Marks by time and step; bands behind them, from the rows named `outages`, where there is a `red` for them."""
    marks = (
        charts.rows()
        .mark_point(filled=True, size=70, opacity=0.75)
        .encode(
            x=alt.X(
                "since:T",
                scale=alt.Scale(type="utc", padding=16),
                title=None,
                axis=alt.Axis(grid=True, tickCount=_TICKS, labelFontSize=11, format=ticks, labelOverlap=True),
            ),
            y=alt.Y("Step:N", sort=list(steps), title=None, axis=alt.Axis(ticks=False, domain=False, grid=True)),
            yOffset=alt.YOffset("lane:Q", scale=alt.Scale(domain=[-5, 5])),
            color=alt.Color("Step:N", scale=alt.Scale(domain=list(steps), range=list(colours)), legend=None),
            shape=alt.Shape(
                "Verdict:N",
                scale=alt.Scale(domain=list(verdicts)),
                legend=alt.Legend(orient="bottom", title=None, columns=_COLUMNS, symbolFillColor=grey),
            ),
            tooltip=["Customer:N", "Verdict:N", "Step:N", "Since (UTC):N"],
        )
    )
    layers = [marks]
    if red:
        bands = charts.rows("outages").mark_rect(opacity=0.18, color=red, stroke=red, strokeWidth=3)
        layers.insert(0, bands.encode(x=alt.X("from:T"), x2="to:T", tooltip=["Outage:N"]))
    return alt.layer(*layers).properties(height=50 + _ROW_PIXELS * len(steps), padding=charts.TIGHT)


def _seconds(marks: pd.Series[Any], outages: Sequence[Outage]) -> float:
    """How long the time axis is."""
    ends = [marks.min(), marks.max(), *(at for outage in outages for at in (outage.first_at, outage.last_at))]
    return float((max(ends) - min(ends)).total_seconds())


def _marks(videos: Sequence[StuckVideo]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "since": [video.diagnosis.since for video in videos],
            "Step": [stage_word(video.diagnosis.stage) for video in videos],
            "Verdict": [status.look("verdict", video.diagnosis.verdict).word for video in videos],
            "Customer": [plain(video.email or video.diagnosis.uid, 60) for video in videos],
            "Since (UTC)": [format.utc(video.diagnosis.since).text for video in videos],
            "lane": _lanes(videos),
        }
    )


def _lanes(videos: Sequence[StuckVideo]) -> list[int]:
    """Small offsets, the same at each drawing, so that marks of one minute do not hide each other."""
    return [(number * 4) % 9 - 4 for number, _ in enumerate(videos)]


def _bands(outages: Sequence[Outage]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "from": [outage.first_at for outage in outages],
            "to": [outage.last_at for outage in outages],
            "Outage": [
                f"{number(len(outage.videos), 'video')} of {number(outage.users, 'customer')} stopped at "
                f"{stage_word(outage.stage).lower()}"
                for outage in outages
            ],
        }
    )


def outage() -> str:
    """The outage that the address chooses, or an empty text."""
    return str(st.query_params.get(OUTAGE, ""))


def choose_outage(identity: str) -> None:
    """For the button of an outage: shows its videos alone, or all videos for an empty text."""
    if identity:
        st.query_params[OUTAGE] = identity
    else:
        st.query_params.pop(OUTAGE, None)


def draw_filters(videos: Sequence[StuckVideo], outages: Sequence[Outage], *, page: str) -> list[StuckVideo]:
    """Draws the filters, and returns the videos that pass them, in their order."""
    verdicts = list(dict.fromkeys(status.look("verdict", video.diagnosis.verdict).word for video in videos))
    steps = list(dict.fromkeys(stage_word(video.diagnosis.stage) for video in videos))
    plans = sorted({_plan(video) for video in videos})
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        verdict = st.pills(
            "Verdict", verdicts, selection_mode="multi", key=key(page, "verdict"), bind="query-params", wrap=True
        )
        step = st.pills("Step", steps, selection_mode="multi", key=key(page, "step"), bind="query-params", wrap=True)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        plan = st.multiselect(
            "Plan",
            plans,
            key=key(page, "plan"),
            bind="query-params",
            width=260,
            placeholder="All plans",
            label_visibility="collapsed",
        )
        text = st.text_input(
            "Search",
            key=key(page, "text"),
            type="search",
            bind="query-params",
            width=320,
            placeholder="Customer, id or words of the verdict",
            label_visibility="collapsed",
        )
    chosen = named(outages, outage())
    if outage() not in ("", ALONE) and chosen is None:
        st.caption("The outage in this address is over, or its videos have moved on. The list shows all videos.")
    members = set(chosen.videos) if chosen else None
    together = {pair for found in outages for pair in found.videos} if outage() == ALONE else set()
    return [
        video
        for video in videos
        if (members is None or (video.diagnosis.uid, video.diagnosis.video_id) in members)
        and (video.diagnosis.uid, video.diagnosis.video_id) not in together
        and (not verdict or status.look("verdict", video.diagnosis.verdict).word in verdict)
        and (not step or stage_word(video.diagnosis.stage) in step)
        and (not plan or _plan(video) in plan)
        and _holds(video, text or "")
    ]


def _plan(video: StuckVideo) -> str:
    """The plan as the filter compares it, without case and beyond 40 characters: documents may hold any text."""
    return (video.plan or "unknown").strip().lower()[:40] or "unknown"


def _holds(video: StuckVideo, text: str) -> bool:
    needle = text.strip().casefold()
    found = video.diagnosis
    texts = (video.email or "", found.uid, found.video_id, found.summary, found.cause)
    return not needle or any(needle in part.casefold() for part in texts)
