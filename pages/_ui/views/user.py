"""Draws the parts of a user's page: usage, counters, plan, credit transactions and videos.

Usage is a card for each quota, with a text for the customer; the plan shows where each limit comes from. Counters stand
beside the truth, with the drift in words, and a link to each video whose counters drift. Videos are a table with
filters, and charts of storage by video and by style.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import streamlit as st

from pages._ui.access import addresses
from pages._ui.kit import charts, format, status, tables
from pages._ui.kit.session import key, url_for
from pages._ui.kit.text import md, plain
from pages._ui.views import replies
from storage.domain.amounts import exact_sum, whole_column
from storage.domain.documents import Table
from storage.domain.ledger import Ledger
from storage.domain.usage import (
    LIMIT_NAMES,
    NEVER_READ,
    Counter,
    EffectivePlan,
    Quota,
    Usage,
    usage_notes,
    usage_reply,
    worker_refusal,
)
from storage.text import number

_VIDEO = "video."
_FIELDS = {"total_size_bytes": "Size", "clips_count": "Clips"}


_LIMIT_WORDS = {
    "storage_limit_bytes": "Storage",
    "max_clips_per_month": "Clips a month",
    "monthly_credits_included": "Credits a month",
    "max_highlights_per_video": "Highlights a video",
    "max_styles_per_video": "Styles a video",
}
_BAR = "usage-bar"
_SAME = timedelta(minutes=1)  # between an event and its entry


def draw_counters(uid: str, found: Sequence[Counter], *, page: str, titles: Mapping[str, object] | None = None) -> None:
    """Draws the user's own counters beside the truth, and below them the counters of videos that drift.

    `titles` maps the ids of the videos to their titles, where these were read.
    """
    own = [counter for counter in found if not counter.name.startswith(_VIDEO)]
    videos = [counter for counter in found if counter.name.startswith(_VIDEO)]
    drifting = [counter for counter in videos if counter.is_wrong]
    if own:
        tables.table(
            _frame(own),
            key=key(page, "counters"),
            alt="The customer's stored counters beside their actual values",
            columns={"name": "Counter", **_columns()},
            height="content",
        )
    else:
        st.caption(
            "There is neither a customer document nor an accounting document, so there are no counters to compare."
        )
    if drifting:
        st.markdown(f"**{number(len(drifting), 'wrong counter')} of videos**")
        _videos(uid, drifting, titles or {}, page)
    elif videos:
        st.caption(":green[:material/check_circle:] The counters of all videos are right.")


def drift_word(row: Counter) -> str:
    """The drift in words: `1.25 MiB too high`, `1 too low`, `none`; a dead counter has none."""
    if row.dead:
        return "dead: no longer kept"
    if row.drift is None:
        return "unknown" if row.truth is None else "no counter"
    if row.drift == 0:
        return "none"
    amount = abs(row.drift)
    shown = format.size(amount).text if row.name.endswith("_bytes") else f"{amount:,}"
    return f"{shown} too {'high' if row.drift > 0 else 'low'}"


def _frame(rows: Sequence[Counter]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "name": [row.name for row in rows],
            "counter": whole_column([row.counter for row in rows]),
            "truth": whole_column([row.truth for row in rows]),
            "state": [drift_word(row) for row in rows],
        }
    )


def _columns() -> dict[str, object]:
    return {
        "counter": st.column_config.NumberColumn("Stored", format="localized"),
        "truth": st.column_config.NumberColumn("Actual", format="localized", help="What the clip documents add up to."),
        "state": st.column_config.TextColumn("Difference", help="Stored minus actual; sizes in bytes on the left."),
    }


def _videos(uid: str, rows: Sequence[Counter], titles: Mapping[str, object], page: str) -> None:
    total, rows = len(rows), rows[: tables.ROW_LIMIT]
    ids = [row.name.removeprefix(_VIDEO).rpartition(".")[0] for row in rows]
    frame = _frame(rows).assign(
        open=[url_for("video", uid=uid, video_id=video_id) for video_id in ids],
        video=[_named(titles.get(video_id), video_id) for video_id in ids],
        field=[_FIELDS.get(row.name.rpartition(".")[2], row.name) for row in rows],
    )
    tables.table(
        frame,
        key=key(page, "video_counters"),
        alt="Wrong counters of videos",
        columns={"open": tables.link("Open"), "video": "Video", "field": "What", **_columns()},
        total=total if total > len(rows) else None,
    )


def _named(title: object, video_id: str) -> str:
    return title if isinstance(title, str) and title.strip() else video_id


def cards(usage: Usage, *, page: str, read_at: datetime, ledger: Ledger | None = None) -> None:
    """Draws a card for each quota of the user, and the usage in words to send, as of `read_at`.

    `ledger` where the bucket was asked: the words then know of a wrong number that only the objects show.
    """
    st.html(_bar_colours())
    quotas: list[tuple[str, str, Quota, bool]] = [("Storage", "database", usage.storage, True)]
    if usage.clips is not None:
        quotas.append(("Clips this month", "content_cut", usage.clips, False))
    if usage.credits is not None:
        quotas.append(("Credits this month", "toll", usage.credits, False))
    for column, (name, icon, quota, is_bytes) in zip(st.columns(len(quotas)), quotas, strict=True):
        with column:
            _card(name, icon, quota, is_bytes)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(" ".join(_notes(usage)), width="stretch")
    _enforced_drift(usage)
    _worker(usage)
    replies.draw(
        usage_reply(usage, read_at, ledger.stored_bytes if ledger else None),
        whose=usage.uid,
        page=page,
        name="usage-reply",
        title=":material/forum: **Usage, to send**",
        copy="Copy usage reply",
        what="usage for the customer",
    )


def _notes(usage: Usage) -> list[str]:
    if usage.actual_bytes is None:
        sums = ""
    elif usage.actual_bytes == usage.storage.used:
        sums = ", which matches the clips"
    else:
        sums = f"; the clips add up to {format.size(usage.actual_bytes).text}"
    notes = [f"The limit is checked against the stored counter (`{usage.enforced_by}`){sums}."]
    if usage.unsized_clips:
        has = "1 clip has" if usage.unsized_clips == 1 else f"{usage.unsized_clips:,} clips have"
        notes.append(f"{has} no usable size, so the sum of the clips is a lower bound.")
    monthly = [quota for quota in (usage.clips, usage.credits) if quota is not None]
    if not monthly:
        notes.append("Neither the customer's document nor the plan's has a monthly quota.")
    elif not usage.month_is_current and any(quota.used is not None for quota in monthly):
        notes.append("The monthly counters are from an earlier month (UTC), so nothing counts in this month yet.")
    return notes


def _worker(usage: Usage) -> None:
    """Draws what limits the worker has, beside what the customer sees, and warns where it makes no more clips."""
    refusal = worker_refusal(usage)
    if refusal:
        st.warning(md(refusal, 600), title="The worker makes no clips for this customer", icon=":material/block:")
    notes = [note for note in usage_notes(usage) if note != refusal]
    st.caption("  \n".join(md(note, 600) for note in notes))


def _enforced_drift(usage: Usage) -> None:
    """Warns, above everything else, where the enforced counter differs from the sum of the clips."""
    wrong = next((c for c in usage.counters if c.name == usage.enforced_by and c.drift), None)
    if wrong is None:
        return
    too_high = (wrong.drift or 0) > 0
    held = "the product counts more than is stored" if too_high else "the product counts less than is stored"
    st.warning(
        f"The counter that the limit is checked against is {drift_word(wrong)}: {held}. The table of counters below "
        "shows both, and Recount corrects them.",
        icon=":material/calculate:",
    )


def _card(name: str, icon: str, quota: Quota, is_bytes: bool) -> None:
    shown = format.size if is_bytes else format.count
    used = shown(quota.used, "The counter holds no usable number.")
    limit = shown(quota.limit)
    with st.container(border=True, height="stretch", vertical_alignment="distribute"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.markdown(f":material/{icon}: **{name}**", width="content")
            status.badge("usage", quota.state)
        fraction = 0.0 if quota.percent is None else min(max(quota.percent / 100, 0.0), 1.0)
        percent = format.percent(quota.percent, "There is no percentage of a limit of 0.")
        share = f"{percent.text} of {limit.text}" if quota.percent is not None else f"limit {limit.text}"
        text = f"**{used.text}** · {share}"
        with st.container(key=f"{_BAR}-{icon}-{quota.state}"):
            st.progress(1.0 if quota.state == "exceeded" else fraction, text=text)


def _bar_colours() -> str:
    """Styles that give each bar the colour of its badge; Streamlit's own bars have one colour."""
    rules = [
        f"[class*='st-key-{_BAR}-'][class*='-{state}'] [data-testid=stProgressBarTrack] > div "
        f"{{ background-color: {status.shade(status.look('usage', state).colour)}; }}"
        for state in ("near_limit", "exceeded")
    ]
    return f"<style>{' '.join(rules)}</style>"


def plan(found: EffectivePlan) -> None:
    """Draws the plan, each limit and its source."""
    if not found.known:
        written = "no plan" if not found.written else f"the plan “{md(found.written, 60)}”"
        st.warning(
            f"The customer's document names {written}, which is unknown. It counts as **free**, with the limits that "
            "the plan's document gives, where there is one.",
            icon=":material/help:",
        )
    rows = []
    for name in LIMIT_NAMES:
        value: int = getattr(found.limits, name)
        shown = format.size(value).text if name == "storage_limit_bytes" else f"{value:,}"
        source = "constant; the product reads it from no document" if name in NEVER_READ else found.sources[name]
        rows.append({"Limit": _LIMIT_WORDS[name], "Value": shown, "From": source})
    price = found.price_monthly_cents
    title = f"Plan **{md(found.name, 60)}**" + (f" · ${price / 100:,.2f} a month" if price is not None else "")
    st.markdown(title)
    tables.table(
        pd.DataFrame(rows),
        key="plan-limits",
        alt="The plan's limits and their sources",
        columns={"Limit": "Limit", "Value": "Value", "From": "From"},
    )


def draw_transactions(table: Table, uid: str, *, page: str) -> None:
    """Draws the transactions, newest first, and says where there are more."""
    if not len(table.frame):
        st.caption("No credit transactions.")
        return
    columns: dict[str, Any] = {
        "timestamp": tables.moment("When", distance=True),
        "operation": "Operation",
        "credits_amount": st.column_config.NumberColumn("Credits", format="localized"),
        "balance_after": st.column_config.NumberColumn(
            "Used this month",
            format="localized",
            help="Credits used this month after this entry, not the credits left.",
        ),
        "description": "Description",
    }
    seen = addresses.seen()
    frame = table.frame.assign(
        operation=[_word(value) for value in table.frame["operation_type"]],
        description=[_shown(value, uid, seen) for value in table.frame["description"]],
        details=[_shown(_details(value), uid, seen) for value in table.frame["metadata"]],
    )
    beside = {"video_id": "Video id", "draft_id": "Draft id", "details": "Details"}
    columns |= {name: label for name, label in beside.items() if frame[name].notna().any()}
    if (frame["created_at"] - frame["timestamp"]).abs().gt(_SAME).any():
        columns["created_at"] = tables.moment("Written", help="When the entry was written, where that is another time.")
    if {"video_id", "draft_id"} & set(columns):
        frame["open"] = [_charged(uid, *pair) for pair in zip(frame["video_id"], frame["draft_id"], strict=True)]
        columns = {"open": tables.link("Open", help="The video or draft that was charged."), **columns}
    tables.table(frame, key=key(page, "credits"), alt="The newest credit transactions", columns=columns)
    if not table.complete and table.error is None:
        st.caption(f"These are the newest {len(table.frame):,}; there are more.")
    st.caption("Credits are not refunded by deleting clips.")


def _charged(uid: str, video_id: Any, draft_id: Any) -> str | None:
    """The address of what a transaction names."""
    if isinstance(video_id, str):
        return url_for("video", uid=uid, video_id=video_id)
    return url_for("user", uid=uid, draft_id=draft_id) if isinstance(draft_id, str) else None


def _shown(text: Any, uid: str, seen: addresses.Seen) -> str | None:
    return seen.text(text, uid) if isinstance(text, str) else None


def _word(operation: Any) -> str | None:
    """`clip_render` as `Clip render`; `None` for a value that is no text."""
    return operation.replace("_", " ").capitalize() if isinstance(operation, str) else None


def _details(metadata: Any) -> str | None:
    """The metadata of a transaction as `name: text`; `None` for a value that is no map."""
    if not isinstance(metadata, Mapping) or not metadata:
        return None
    return ", ".join(f"{name}: {value}" for name, value in sorted(metadata.items()))


def largest(videos: pd.DataFrame, count: int = 10) -> None:
    """Draws storage by video, from the videos' counters, the largest first, and the sum of all others."""
    known = videos[videos["total_size_bytes"].notna() & (videos["total_size_bytes"] > 0)]
    known = known.sort_values("total_size_bytes", ascending=False)
    rows, others = known.head(count), known.iloc[count:]
    titles = [
        plain(title if pd.notna(title) else video, 120)
        for title, video in zip(rows["video_title"], rows["video_id"], strict=True)
    ]
    bars = [
        _Bar(title, int(size), None if pd.isna(clips) else int(clips))
        for title, size, clips in zip(titles, rows["total_size_bytes"], rows["clips_count"], strict=True)
    ]
    _bars(bars, "Video", number(len(others), "other video"), exact_sum(others["total_size_bytes"]))


def by_style(clips: pd.DataFrame, count: int = 20) -> None:
    """Draws storage by style over all clips that were read, the largest first."""
    clips = clips[clips["exists"].to_numpy(dtype=bool, na_value=False)]  # remains of deleted clips do not count
    styles = clips.assign(style=clips["style"].fillna("(none)")).groupby("style")["file_size_bytes"]
    found = [_Bar(plain(str(style), 40), exact_sum(sizes), len(sizes)) for style, sizes in styles]
    bars = sorted(found, key=lambda bar: bar.size, reverse=True)
    rest = bars[count:]
    _bars(bars[:count], "Style", number(len(rest), "other style"), sum(bar.size for bar in rest))


@dataclass(frozen=True, slots=True)
class _Bar:
    name: str
    size: int
    clips: int | None  # `None` where it is unknown


def _bars(bars: Sequence[_Bar], heading: str, others: str, others_bytes: int) -> None:
    """Draws the bars, each with its size and its share of the whole as text.

    A line below gives the sum of the others: as a bar it would dwarf all that are shown.
    """
    total = sum(bar.size for bar in bars) + others_bytes
    if not total:
        st.caption("Nothing here has a size.")
        return
    frame = pd.DataFrame(
        {
            heading: [bar.name for bar in bars],
            "bytes": [float(bar.size) for bar in bars],  # the length of a bar; the words say the exact size
            "Size": [format.size(bar.size).text for bar in bars],
            "Share": [format.percent(round(bar.size * 100 / total, 1)).text for bar in bars],
            "Clips": [format.count(bar.clips).text for bar in bars],
        }
    )
    frame["label"] = frame["Size"] + " · " + frame["Share"]
    charts.bars(
        frame,
        heading,
        "bytes",
        colour="blue",
        label="label",
        more=("Size", "Share", "Clips"),
        pixels=24,
        alt=f"Storage by {heading.lower()}, the largest first",
    )
    rest = f", {format.size(others_bytes).text} of it in {others}" if others_bytes else ""
    st.caption(f"{format.size(total).text} in all{rest}.")
