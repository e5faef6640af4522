"""Draws a kept scan: when it was made and what is new, the findings by harm to the customer, and how they develop.

A row can be checked again now, alone or with all of its customer; the answer stands beside what was kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, cast

import altair as alt
import pandas as pd
import streamlit as st

from pages._ui.copying import copy_button
from pages._ui.kit import charts, feedback, format, session, status, tables
from pages._ui.kit.session import UID, VIDEO_ID, key, url_for
from pages._ui.kit.text import md, plain
from pages._ui.nav import SCREENS
from pages._ui.views import verify
from storage.domain.integrity import OF_CONTENTS, Finding, Kind, Report, Severity
from storage.domain.scans.comparison import finding_of
from storage.domain.scans.harm import HARMS, Harm
from storage.domain.scans.kept import KeptScan, ScanHead, ScanUnderWay, harms_of, identities
from storage.services.verify import Rechecked, standing_in
from storage.text import number

WORDS: Final[Mapping[Harm, str]] = {
    "disclosure": "Disclosure",
    "not_playable": "Cannot be played",
    "processing": "Customer sees “processing”",
    "flawed": "Plays with a fault",
    "leftover": "Leftovers",
    "cache": "Caches",
    "unknown": "Not known",
}
_COLOURS: Final[Mapping[Harm, status.Colour]] = {
    "disclosure": "red",
    "not_playable": "orange",
    "processing": "yellow",
    "flawed": "blue",
    "leftover": "gray",
    "cache": "green",
    "unknown": "violet",
}
ONE, EVERYBODY = "One customer", "All customers"  # the page's scopes
_PAGE: Final = "uploads"
HARM = "harm"  # query parameter: the classes that are shown
SINCE = {"New": None, "24 h": timedelta(days=1), "7 days": timedelta(days=7), "All": None}
NEW, ALL = "New", "All"
OLD = timedelta(hours=26)
QUIET = timedelta(minutes=15)  # without another range: a cluster whose scan goes on keeps one every few seconds
_DAYS = 30
_DAY: Final = "length(datum.label) == 10 ? timeFormat(toDate(datum.label + 'T00:00'), '%b %d') : datum.label"
_COLUMNS: Final = alt.ExprRef("width < 400 ? 2 : width < 800 ? 3 : 5")  # of the legend
_LINES = 50  # of a list for a ticket


@dataclass(frozen=True, slots=True)
class Live:
    """A customer who was checked again now."""

    report: Report

    def standing(self, finding: Finding) -> Rechecked:
        """What became of a kept finding."""
        return standing_in(finding, self.report)


def headline(head: ScanHead, *, compared: bool) -> None:
    """Draws when the scan was made, of how many customers, what it found, and what is new."""
    now = datetime.now(UTC)
    made = format.ago(head.finished_at, now)
    colour = "red" if head.doubt else "orange" if not head.complete or now - head.finished_at > OLD else "green"
    changes = ""
    if compared and head.before is not None:
        changes = f" · **{head.new:,} new**, {head.gone:,} gone, {head.still:,} still there since the scan before"
    elif compared:
        changes = " · the first scan that is kept"
    by = f" · started by {md(head.asked_by, 60)}" if head.asked_by else ""
    st.markdown(
        f":{colour}[:material/circle:] Checked **{format.utc(head.finished_at).text[:16]} UTC** ({made.text}), "
        f"{number(head.checked.get('users', 0), 'customer')}, **{number(head.findings, 'finding')}**{changes}{by}",
        help=made.help,
    )


def under_way(scan: ScanUnderWay) -> None:
    """Draws how far a scan on a cluster is; one that has kept no range for long may have ended before its end."""
    now = datetime.now(UTC)
    quiet = now - scan.kept_at > QUIET
    st.progress(
        min(1.0, scan.ranges / max(1, scan.of)),
        f":material/{'pause_circle' if quiet else 'sync'}: A scan of all customers on a cluster "
        f"{'stopped before its end' if quiet else 'is going on'}: **{scan.ranges:,} of {number(scan.of, 'range')}** "
        f"kept. It began {format.ago(scan.started_at, now).text}, the last range came "
        f"{format.ago(scan.kept_at, now).text}."
        f"{' The same command continues where it stopped, within a day of its start.' if quiet else ''}",
    )


def doubts(head: ScanHead) -> None:
    """Says above the findings why they may not hold, and what the scan did not look at."""
    if head.doubt:
        st.error(
            f"{md(head.doubt, 300)} **Do not act on any finding below** until the settings are checked: "
            "`python -m storage check`.",
            title="Implausible",
            icon=":material/gpp_maybe:",
        )
    if head.not_looked_at:
        lines = "\n".join(f"- {md(words, 200)}" for words in head.not_looked_at[:10])
        rest = f"\n- and {len(head.not_looked_at) - 10:,} more" if len(head.not_looked_at) > 10 else ""
        kept = f"\n\nKept from earlier scans, as last seen: {number(head.carried, 'finding')}." if head.carried else ""
        st.warning(
            f"This scan did not look at:\n\n{lines}{rest}{kept}",
            title="Not everything was looked at",
            icon=":material/hourglass_bottom:",
        )


def findings(
    kept: KeptScan, *, page: str, check_again: Callable[[Finding], None], check_customer: Callable[[str], None]
) -> None:
    """Draws the chips, the filters and the list, and below it the finding that is ticked, with the checks of now."""
    frame = kept.frame.assign(harm=harms_of(kept.frame))
    shown = _filtered(frame, kept.head, page=page)
    if not len(shown):
        words = "No finding matches the filters." if len(frame) else "All files are in place."
        feedback.empty(words, icon="filter_alt_off" if len(frame) else "task_alt")
        return
    order = shown["harm"].map(HARMS.index) * 10 + shown["severity"].map({"error": 0, "warning": 1, "info": 2}).fillna(3)
    shown = shown.assign(_order=order).sort_values(["_order", "first_seen"], ascending=[True, False], kind="stable")
    again: dict[str, Rechecked] = session.seed(key(page, "again"), dict)
    live: dict[str, Live] = session.seed(key(page, "live"), dict)
    rows = shown.head(tables.ROW_LIMIT)
    ticked = _table(rows, shown, kept.head, again, live, page=page)
    _copy(shown, page=page)
    chosen = next((row for row in rows.to_dict("records") if ticked and identity(row) == ticked[0]), None)
    if chosen is None:
        st.caption("Choose a row to see its details and to check it again; Ctrl-click opens the video in a new tab.")
        return
    with st.container(border=True, key=key(page, "detail")):
        if _detail(chosen, again, page=page):
            check_again(as_finding(chosen))
        uid = str(chosen["uid"])
        if st.button(
            "Check this customer now",
            key=key(page, "live-check"),
            icon=":material/person_search:",
            help="Compares all documents of the customer with the bucket, and says what became of each kept finding.",
        ):
            check_customer(uid)
        if uid in live:
            _beside(live[uid], kept, uid, page=page)


def identity(row: Mapping[str, Any]) -> str:
    """The id of a kept finding in tables: the same in the next scan."""
    return verify.identity(as_finding(row))


def as_finding(row: Mapping[str, Any]) -> Finding:
    """A kept row as the finding that it was."""
    told = finding_of(row)
    disclosure = told.get("disclosure") or {}
    return Finding(
        cast(Kind, told["kind"]),
        cast(Severity, told["severity"]),
        told["uid"],
        told["video_id"],
        told["clip_id"],
        told["key"],
        told["expected"],
        told["actual"],
        told["detail"],
        told["last_seen"],
        disclosure=bool(disclosure),
        owner=disclosure.get("owner") or "",
        since=disclosure.get("since"),
        links=tuple(disclosure.get("links") or ()),
    )


def _filtered(frame: pd.DataFrame, head: ScanHead, *, page: str) -> pd.DataFrame:
    counts = frame["harm"].value_counts()
    present = [harm for harm in HARMS if harm in counts]
    chip = key(page, HARM)
    asked, written = st.query_params.get(HARM, ""), key(page, "harm_written")
    if chip not in st.session_state or asked != st.session_state.get(written, asked):  # a link within the page
        st.session_state[chip] = [harm for harm in present if harm in asked.split(",")]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        chosen = st.pills(
            "By harm to the customer",
            present,
            selection_mode="multi",
            key=chip,
            format_func=lambda harm: f"{WORDS[harm]} {counts[harm]:,}",
            wrap=True,
        )
        since = st.segmented_control(
            "First seen",
            list(SINCE),
            default=ALL,
            required=True,
            key=key(page, "since"),
            bind="query-params",
            wrap=True,
        )
    if chosen:
        st.query_params[HARM] = ",".join(chosen)
    else:
        st.query_params.pop(HARM, None)
    st.session_state[written] = ",".join(chosen)
    kinds = [kind for kind in verify.WORDS if kind in set(frame["kind"])]
    styles = sorted(frame["style"].dropna().unique())
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        kind = st.multiselect(
            "What is wrong",
            [verify.WORDS[kind] for kind in kinds],
            key=key(page, "what"),
            bind="query-params",
            width=260,
            placeholder="Anything",
        )
        style = st.multiselect(
            "Style",
            styles,
            key=key(page, "style"),
            bind="query-params",
            width=200,
            placeholder="All styles",
            format_func=lambda name: plain(name, 40),
        )
        text = st.text_input(
            "Search",
            key=key(page, "find"),
            type="search",
            bind="query-params",
            width=260,
            placeholder="Customer, title, id, key or day made",
        )
    keep = pd.Series(True, index=frame.index)
    if chosen:
        keep &= frame["harm"].isin(chosen)
    if since == NEW:
        keep &= frame["first_scan"] == head.scan_id
    elif (span := SINCE.get(str(since))) is not None:
        keep &= frame["first_seen"] >= head.finished_at - span
    if kind:
        keep &= frame["kind"].isin([name for name in kinds if verify.WORDS[name] in kind])
    if style:
        keep &= frame["style"].isin(style)
    needle = (text or "").strip().casefold()
    if needle:
        columns = ("uid", "email", "title", "video_id", "clip_id", "key")
        found = [frame[name].fillna("").str.casefold().str.contains(needle, regex=False) for name in columns]
        found.append(frame["made_at"].dt.strftime("%Y-%m-%d").fillna("") == needle)
        keep &= pd.concat(found, axis=1).any(axis=1)
    return frame[keep.astype(bool)]


def _status(row: Mapping[str, Any], head: ScanHead, again: Mapping[str, Rechecked], live: Mapping[str, Live]) -> str:
    standing = again.get(identity(row))
    if standing is None and row["uid"] in live:
        standing = live[row["uid"]].standing(as_finding(row))
    if standing is not None:
        return {"still there": "Still there now", "gone": "Gone now", "unknown": "Unknown now"}[standing.standing]
    if row["doubted"] or head.doubt:
        return "In doubt"
    if not row["looked_at"]:
        return "Not looked at again"
    return "New" if head.before is not None and row["first_scan"] == head.scan_id else "Open"


def _table(
    rows: pd.DataFrame,
    whole: pd.DataFrame,
    head: ScanHead,
    again: Mapping[str, Rechecked],
    live: Mapping[str, Live],
    *,
    page: str,
) -> list[str]:
    records = rows.to_dict("records")
    statuses = [_status(row, head, again, live) for row in records]
    shown = pd.DataFrame(
        {
            "id": [identity(row) for row in records],
            "open": [_address(row) for row in records],
            "who": [row["email"] or row["uid"] for row in records],
            "title": [row["title"] or row["clip_id"] or row["video_id"] for row in records],
            "what": [verify.WORDS.get(row["kind"], row["kind"]) for row in records],
            "since": pd.to_datetime([row["first_seen"] for row in records], utc=True),
            "status": statuses,
            "style": [row["style"] for row in records],
            "detail": [row["detail"] for row in records],
            "key": [row["key"] for row in records],
            "uid": [row["uid"] for row in records],
        }
    )
    columns: Mapping[str, Any] = {
        "open": tables.link("Open", help="The video with the clip, or the customer."),
        "who": st.column_config.TextColumn("Customer", width=190),
        "title": st.column_config.TextColumn("Video / clip", width=230),
        "what": st.column_config.TextColumn("What is wrong", width=150),
        "since": tables.moment("Since", distance=True, help="When a scan first saw it. Point at a cell for the time."),
        "status": st.column_config.TextColumn(
            "Status", width=120, help="By the scan; “now” where it was checked again."
        ),
        "style": "Style",
        "detail": st.column_config.TextColumn("Detail", width="large"),
        "key": st.column_config.TextColumn("Key", width="medium"),
        "uid": "Customer id",
    }
    return tables.table(
        shown,
        key=key(page, "kept"),
        alt="Findings of the last scan, the gravest first",
        columns=columns,
        id_column="id",
        select="one",
        total=len(whole),
        height="content" if len(rows) <= 12 else 480,
        csv_name=f"findings-of-{head.finished_at:%Y-%m-%d}",
        csv_frame=lambda: _csv(whole, head),
        filters=False,
    )


def _csv(frame: pd.DataFrame, head: ScanHead) -> pd.DataFrame:
    """The rows that are shown, without links."""
    rows = [finding_of(row) | {"status": _status(row, head, {}, {})} for row in frame.to_dict("records")]
    names = (
        "harm", "severity", "kind", "uid", "email", "plan", "title", "style", "detail", "expected", "actual", "status",
        "first_seen", "last_seen", "made_at", "video_age_days", "video_id", "clip_id", "key",
    )  # fmt: skip
    return pd.DataFrame([{name: row[name] for name in names} for row in rows], columns=list(names))


def _copy(frame: pd.DataFrame, *, page: str) -> None:
    rows = frame.head(_LINES).to_dict("records")
    lines = [
        f"{row['email'] or row['uid']} · {row['title'] or row['video_id'] or '-'} · "
        f"{verify.WORDS.get(row['kind'], row['kind'])} · since {row['first_seen']:%Y-%m-%d}"
        for row in rows
    ]
    more = f"\nand {len(frame) - len(rows):,} more" if len(frame) > len(rows) else ""
    copy_button("\n".join(lines) + more, key=key(page, "copy-list"), what="list", label="Copy list for a ticket")


def _address(row: Mapping[str, Any]) -> str:
    if row["video_id"] is None:
        return url_for("user", uid=row["uid"])
    return url_for("video", uid=row["uid"], video_id=row["video_id"], clip_id=row["clip_id"])


def _detail(row: Mapping[str, Any], again: Mapping[str, Rechecked], *, page: str) -> bool:
    """Draws one kept finding; true when somebody wants it checked again."""
    facts = [
        md(row["email"] or row["uid"], 80),
        md(row["plan"], 30) if row["plan"] else "",
        md(row["title"] or "", 120),
    ]
    st.markdown(" · ".join(fact for fact in facts if fact))
    told = finding_of(row)
    age = f"the video was {number(told['video_age_days'], 'day')} old" if told["video_age_days"] is not None else ""
    seen = (md(format.utc(told[name]).text) for name in ("first_seen", "last_seen"))
    first = "first seen {}, last seen {}".format(*seen)
    st.caption("; ".join(part for part in (first, age) if part))
    return verify.draw_finding(as_finding(row), again.get(identity(row)), page=page)


def _beside(found: Live, kept: KeptScan, uid: str, *, page: str) -> None:
    """Draws what the customer's check of now says of the kept findings, and what it found besides."""
    report = found.report
    theirs = kept.frame[kept.frame["uid"] == uid]
    standings = pd.Series(
        [found.standing(as_finding(row)).standing for row in theirs.to_dict("records")], dtype="object"
    ).value_counts()
    known = {tuple(identity_of) for identity_of in identities(theirs)}
    besides = [one for one in report.findings if one.identity not in known]
    parts = [f"{count:,} {word}" for word, count in standings.items()]
    st.markdown(
        f"**Checked now** ({md(format.utc(report.read_at).text)}): of {number(len(theirs), 'kept finding')} "
        f"{', '.join(parts) or 'none'}; {number(len(besides), 'other finding')}."
    )
    if report.suspicion is not None:
        verify.suspicion(report.suspicion)
    if not report.complete:
        verify.incomplete(report.failures, report.unchecked)
    for one in besides[:10]:
        st.markdown(f"- {verify.WORDS[one.kind]}: {md(one.detail, 200)}")
    if len(besides) > 10:
        st.caption(f"and {len(besides) - 10:,} more")
    st.page_link(
        SCREENS["uploads"].file,
        label="All of this check",
        icon=":material/fact_check:",
        query_params={UID: uid, key(page, "scope"): ONE},
    )


def needs_looks(kept: KeptScan, uid: str) -> bool:
    """Whether the customer's clips must be looked into to check the kept findings again."""
    return bool(kept.frame[kept.frame["uid"] == uid]["kind"].isin(list(OF_CONTENTS)).any())


def offenders(found: Sequence[Mapping[str, Any]], kept: KeptScan) -> None:
    """Draws where findings come up again and again."""
    if not found:
        st.caption("No customer, folder, style or day has several findings.")
        return
    frame = pd.DataFrame(found)
    words = {"customer": "Customer", "key_prefix": "Folder", "style": "Style", "day": "Day made"}
    emails = dict(zip(kept.frame["uid"], kept.frame["email"], strict=True))
    shown = frame.assign(
        by=frame["by"].map(words),
        value=[
            emails.get(value) or value if by == "customer" else value
            for by, value in zip(frame["by"], frame["value"], strict=True)
        ],
        open=[
            _listed(style=value) if by == "style" else _listed(find=value)
            for by, value in zip(frame["by"], frame["value"], strict=True)
        ],
    )
    columns = {
        "open": tables.link("Open", help="These findings in the list above."),
        "by": "By",
        "value": st.column_config.TextColumn("Where", width="large"),
        "findings": st.column_config.NumberColumn("Findings", format="localized"),
        "new": st.column_config.NumberColumn("New", format="localized"),
        "scans": st.column_config.NumberColumn(
            "In scans", help="The number of scans that saw something there for the first time."
        ),
        "last_seen": tables.moment("Last seen", distance=True),
    }
    tables.table(shown, key="kept-offenders", alt="Repeated findings", columns=columns, height="content")


def _listed(**choices: str) -> str:
    """The address of the list with these choices."""
    return url_for(_PAGE, **{key(_PAGE, name): value for name, value in choices.items()})


def heat_map(kept: KeptScan) -> None:
    """Draws the number of findings by the day on which the clip was made and by the worker's style."""
    frame = kept.frame[(kept.frame["severity"] != "info") & kept.frame["made_at"].notna()]
    rest = int((kept.frame["severity"] != "info").sum()) - len(frame)
    if not len(frame):
        st.caption("The day on which the clip was made is not known for any finding.")
        return
    first = (kept.head.finished_at - timedelta(days=_DAYS)).date()
    older = f"before {first:%b %d}"
    counted = pd.DataFrame({"at": frame["made_at"].dt.floor("D"), "style": frame["style"].fillna("")}).value_counts()
    cells = [
        (
            f"{at.date():%Y-%m-%d}" if at.date() > first else older,
            plain(style, 40) if style else "whole video",
            count,
            _listed(style=style, find=f"{at.date():%Y-%m-%d}") if style and at.date() > first else "",
        )
        for (at, style), count in counted.items()
    ]
    counts = pd.DataFrame(cells, columns=["Day", "Style", "Findings", "open"])
    counts = counts.groupby(["Day", "Style", "open"], as_index=False, sort=False)["Findings"].sum()
    days, styles = set(counts["Day"]), set(counts["Style"])
    order = [older] if older in days else []
    known = sorted(date.fromisoformat(day) for day in days - {older})
    if known:  # also the days without a finding, so that equal widths are equal times
        order += [f"{known[0] + timedelta(days=after):%Y-%m-%d}" for after in range((known[-1] - known[0]).days + 1)]
    charts.draw(
        _heat(tuple(order), tuple(sorted(styles)), status.shade("orange"), status.text_colour()),
        counts,
        alt="Findings by the day on which the clip was made, and by style",
    )
    if rest:
        st.caption(f"{number(rest, 'finding')} not in the map: the day of the clip or video is not known.")


@charts.form
def _heat(days: tuple[str, ...], styles: tuple[str, ...], colour: str, words: str) -> Any:
    base = charts.rows().encode(
        x=alt.X(
            "Day:O",
            title=None,
            scale=alt.Scale(domain=list(days)),
            axis=alt.Axis(labelAngle=0, labelOverlap=True, labelExpr=_DAY, ticks=False),
        ),
        y=alt.Y("Style:N", sort=list(styles), title=None, axis=alt.Axis(labelLimit=160)),
        tooltip=["Day:N", "Style:N", alt.Tooltip("Findings:Q", format=",")],
        href="open:N",
    )
    said = alt.ExprRef("datum.Day + ', ' + datum.Style + ': ' + datum.Findings")
    faint = alt.Scale(range=[0.2, 0.6])  # never so strong that the number on it cannot be read
    cells = base.mark_rect(color=colour, description=said).encode(
        opacity=alt.Opacity("Findings:Q", scale=faint, legend=None)
    )
    fits = alt.ExprRef("bandwidth('x') < 12 ? 0 : 12")  # else it stands on hover
    text = base.mark_text(fontSize=fits, color=words).encode(text=alt.Text("Findings:Q", format=","))
    return (cells + text).properties(height=70 + 30 * len(styles), padding=charts.TIGHT)


def trend(heads: Sequence[ScanHead]) -> None:
    """Draws what each of the last scans left open, by harm."""
    rows = [
        {
            "Scan": f"{head.finished_at:%Y-%m-%d %H:%M}",
            "Harm": WORDS[harm],
            "Findings": count,
            "Order": HARMS.index(harm),
            "open": url_for(_PAGE, **{HARM: harm}) if head is heads[0] else "",  # the list has the last scan
        }
        for head in heads
        for harm in HARMS
        if (count := head.open.get(harm, 0))
    ]
    if not rows:
        st.caption("No scan found anything.")
        return
    names = tuple(f"{head.finished_at:%Y-%m-%d %H:%M}" for head in reversed(heads))
    words, colours = [WORDS[harm] for harm in HARMS], [status.shade(_COLOURS[harm]) for harm in HARMS]
    present = {str(row["Harm"]) for row in rows}
    charts.draw(
        _trend(names, tuple(words), tuple(colours), tuple(word for word in words if word in present)),
        pd.DataFrame(rows),
        alt="Findings of the last scans, by harm to the customer",
    )
    doubted = sum(bool(head.doubt) or not head.complete for head in heads)
    if doubted:
        st.caption(f"{number(doubted, 'scan')} of these did not look at everything, or cannot be right.")


@charts.form
def _trend(names: tuple[str, ...], words: tuple[str, ...], colours: tuple[str, ...], present: tuple[str, ...]) -> Any:
    return (
        charts.rows()
        .mark_bar(
            size=alt.ExprRef("min(56, 0.8 * bandwidth('x'))"),
            description=alt.ExprRef("datum.Scan + ', ' + datum.Harm + ': ' + datum.Findings"),
        )
        .encode(
            x=alt.X(
                "Scan:O",
                sort=list(names),
                title=None,
                axis=alt.Axis(labelAngle=0, labelOverlap=True, labelExpr="split(datum.label, ' ')"),
            ),
            y=alt.Y("Findings:Q", title=None, axis=alt.Axis(tickMinStep=1, format=",d", tickCount=5)),
            color=alt.Color(
                "Harm:N",
                scale=alt.Scale(domain=list(words), range=list(colours)),
                legend=alt.Legend(orient="bottom", title=None, values=list(present), columns=_COLUMNS),
            ),
            order=alt.Order("Order:Q"),
            tooltip=["Scan:N", "Harm:N", alt.Tooltip("Findings:Q", format=",")],
            href="open:N",
        )
        .properties(height=260, padding=charts.TIGHT)
    )


def disclosed(head: ScanHead, kept: KeptScan | None) -> None:
    """Draws the videos by which a customer may see another's file, as this scan found them; `None`: not to be read."""
    rows = kept.frame[kept.frame["disclosure"]].to_dict("records") if kept is not None else []
    videos = list(dict.fromkeys((row["uid"], row["video_id"], row["email"], row["title"]) for row in rows))
    count = number(len(videos), "video") if kept is not None else number(head.disclosures, "finding")
    at = format.ago(head.finished_at, datetime.now(UTC))
    st.error(
        f"By the scan of {format.utc(head.finished_at).text[:16]} UTC ({at.text}), documents name another customer's "
        "file, so it may be seen. End that before anything else.",
        title=f"Disclosure: {count}",
        icon=":material/privacy_tip:",
    )
    for uid, video_id, email, title in videos[:10]:
        if video_id is not None:
            st.page_link(
                SCREENS["video"].file,
                label=f"{md(email or uid, 60)} · {md(title or video_id, 80)}",
                icon=":material/movie:",
                query_params={UID: uid, VIDEO_ID: video_id},
            )
    if len(videos) > 10:
        st.caption(f"and {len(videos) - 10:,} more: in Uploads.")


def line(head: ScanHead | None) -> None:
    """Draws in one line of when the last scan is and what it found, with the way to the page Uploads."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if head is None:
            st.caption("No scan of the uploads of all customers is kept.", width="content")
        else:
            headline(head, compared=True)
        st.page_link(SCREENS["uploads"].file, label="Uploads", icon=f":material/{SCREENS['uploads'].icon}:")
