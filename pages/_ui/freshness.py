"""The quiet line that says how fresh a part of a page is and what it cost to read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from pages._ui import fmt
from storage.clients import circuit
from storage.clients.meter import Cost


def freshness(
    read_at: datetime | None,
    *,
    key: str,
    cost: Cost | None = None,
    complete: bool = True,
    now: datetime | None = None,
    on_refresh: Callable[[], Any] | None = None,
    on_anew: Callable[[], Any] | None = None,
) -> bool:
    """One quiet line on how fresh and how dear this is; true when its refresh button was pressed.

    `on_refresh` clears the caches before the rerun; without it there is no button, for one that changes nothing
    misleads. `on_anew`, for what a refresh only brings up to date, gets a button of its own, and drops even what it is
    brought up to date from.
    """
    now = now or datetime.now(UTC)
    parts = [*cost_words(cost)] if cost else []
    parts.append(fmt.as_of(read_at, now) if read_at else "not read yet")
    if not complete:
        parts.append(":orange[:material/warning: incomplete]")
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"{key}_fresh"):
        age = fmt.ago(read_at, now).text if read_at else ""
        st.caption("  ·  ".join(parts), width="content", help=f"Read {age}." if age else None)
        pressed = on_refresh is not None and st.button(
            "Refresh", key=f"{key}_refresh", icon=":material/refresh:", type="tertiary",
            on_click=_again, args=(on_refresh,),
            help="Reads what changed since." if on_anew else None,
        )  # fmt: skip
        if on_anew is not None:
            st.button(
                "Read anew", key=f"{key}_anew", icon=":material/restart_alt:", type="tertiary", on_click=on_anew,
                help="Reads everything again: for a change made past this desk that left no newer updated_at.",
            )  # fmt: skip
        return pressed


def _again(forget: Callable[[], Any]) -> None:
    """A store that hangs, and is not asked for a while, is asked once all the same: somebody waits for it knowingly."""
    circuit.ask_again()
    forget()


def cost_words(cost: Cost) -> list[str]:
    """What was billed, in words, leaving out zeros: `12 reads`, `1 list`, `3 heads or gets`."""
    named = (
        (cost.firestore_reads, "read", "reads"),
        (cost.firestore_writes, "write", "writes"),
        (cost.firestore_deletes, "delete", "deletes"),
        (cost.r2_class_a, "list", "lists"),
        (cost.r2_class_b, "head or get", "heads and gets"),
    )
    return [f"{number:,} {one if number == 1 else many}" for number, one, many in named if number] or ["from cache"]
