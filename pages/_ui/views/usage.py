"""Draws a user's usage: a card for each quota, what may be said of it to the customer, where each limit comes from."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
import streamlit as st

from pages._ui.copying import copy_button
from pages._ui.kit import format, status
from pages._ui.kit.session import key
from pages._ui.kit.text import md
from pages._ui.views.counters import drift_word
from storage.domain.plans import LIMIT_NAMES, EffectivePlan
from storage.domain.usage import Quota, Usage
from storage.domain.usage_reply import usage_reply

_LIMIT_WORDS = {
    "storage_limit_bytes": "Storage",
    "max_clips_per_month": "Clips a month",
    "monthly_credits_included": "Credits a month",
    "max_highlights_per_video": "Highlights a video",
    "max_styles_per_video": "Styles a video",
}
_BAR = "usage-bar"


def cards(usage: Usage, *, page: str, read_at: datetime) -> None:
    """One card for each quota that applies to the user, and a button that copies it in words, as of `read_at`."""
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
        reply = usage_reply(usage, read_at)
        copy_button(reply, key=key(page, "usage_reply"), what="usage for the customer", label="Copy for the customer")
    _enforced_drift(usage)
    with st.expander("The usage in words, as it is copied for the customer", icon=":material/forum:"):
        st.markdown("  \n".join(md(line, 300) for line in reply.splitlines()))


def _notes(usage: Usage) -> list[str]:
    notes = [f"The product enforces `{usage.enforced_by}`."]
    if usage.actual_bytes is not None:
        notes.append(f"The clips add up to {format.size(usage.actual_bytes).text}.")
    if usage.unsized_clips:
        has = "1 clip has" if usage.unsized_clips == 1 else f"{usage.unsized_clips:,} clips have"
        notes.append(f"{has} no usable size, so that sum is a lower bound.")
    monthly = [quota for quota in (usage.clips, usage.credits) if quota is not None]
    if not monthly:
        notes.append("Neither the user nor the plan's document carries a monthly quota.")
    elif not usage.month_is_current and any(quota.used is not None for quota in monthly):
        notes.append("The monthly counters are of an earlier month (UTC), so nothing counts yet in this one.")
    return notes


def _enforced_drift(usage: Usage) -> None:
    """Says above all else where the customer is held to a number that the clips do not add up to."""
    wrong = next((c for c in usage.counters if c.name == usage.enforced_by and c.drift), None)
    if wrong is None:
        return
    too_high = (wrong.drift or 0) > 0
    held = "the customer is held to more than there is" if too_high else "more is stored than the plan is charged with"
    st.warning(
        f"The enforced counter is {drift_word(wrong)}: {held}. The counters stand beside the truth below, with the "
        "recount that mends them.",
        icon=":material/calculate:",
    )


def _card(name: str, icon: str, quota: Quota, is_bytes: bool) -> None:
    shown = format.size if is_bytes else format.count
    used = shown(quota.used, "The counter holds no usable number.")
    limit = shown(quota.limit)
    with st.container(border=True, height="stretch"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.markdown(f":material/{icon}: **{name}**", width="content")
            status.badge("usage", quota.state)
        st.metric(name, used.text, label_visibility="collapsed", help=used.help or None)
        fraction = 0.0 if quota.percent is None else min(max(quota.percent / 100, 0.0), 1.0)
        percent = format.percent(quota.percent, "There is no percentage of a limit of 0.")
        text = f"**{percent.text}** of {limit.text}" if quota.percent is not None else f"limit {limit.text}"
        with st.container(key=f"{_BAR}-{icon}-{quota.state}"):
            st.progress(1.0 if quota.state == "exceeded" else fraction, text=text)


def _bar_colours() -> str:
    """A bar says by its colour what the badge says in words; Streamlit's own has one colour."""
    rules = [
        f"[class*='st-key-{_BAR}-'][class*='-{state}'] [data-testid=stProgressBarTrack] > div "
        f"{{ background-color: {status.shade(status.look('usage', state).colour)}; }}"
        for state in ("near_limit", "exceeded")
    ]
    return f"<style>{' '.join(rules)}</style>"


def plan(found: EffectivePlan) -> None:
    """The plan, each limit and the source of each."""
    if not found.known:
        written = "no plan" if not found.written else f"the plan “{md(found.written, 60)}”"
        st.warning(
            f"The user's document names {written}, which is not one that is known; it counts as **free**.",
            icon=":material/help:",
        )
    rows = []
    for name in LIMIT_NAMES:
        value: int = getattr(found.limits, name)
        shown = format.size(value).text if name == "storage_limit_bytes" else f"{value:,}"
        rows.append({"Limit": _LIMIT_WORDS[name], "Value": shown, "From": found.sources[name]})
    price = found.price_monthly_cents
    title = f"Plan **{md(found.name, 60)}**" + (f" · ${price / 100:,.2f} a month" if price is not None else "")
    st.markdown(title)
    st.dataframe(pd.DataFrame(rows), hide_index=True, alt="The plan's limits and their sources")
