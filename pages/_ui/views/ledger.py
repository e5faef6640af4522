"""Draws the three sides of a user's storage as one picture: the counter, the clip documents and the bucket."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages._ui.kit import charts, format, status
from pages._ui.kit.text import md
from storage.domain.documents import Table
from storage.domain.ledger import Ledger, cause_words, crossing, only_sizes_mend, over_by_mistake
from storage.domain.usage import Usage
from storage.text import number


def wrong_limit(usage: Usage, ledger: Ledger | None) -> None:
    """Says above the bar that the customer is over the limit by a wrong number; `ledger` where the bucket was asked."""
    storage = usage.storage
    stored = ledger.stored_bytes if ledger is not None else None
    said = over_by_mistake(storage.used, storage.limit, usage.actual_bytes, stored)
    if not said:
        return
    box = only_sizes_mend(storage.limit, usage.actual_bytes)
    how = "Recount, with the box for sizes ticked, corrects it." if box else "Recount corrects it."
    st.error(f"{md(said, 400)} {how}", title="Over the limit by a wrong number", icon=":material/rule:")


def crossed(usage: Usage, clips: Table) -> None:
    """Says with which clip the limit was reached, where every clip was read."""
    found = crossing(clips.frame, usage.storage.limit) if clips.complete else None
    if found is not None:
        st.caption(md(found.sentence(usage.plan.name, usage.storage.limit), 600))


def draw(usage: Usage, ledger: Ledger) -> None:
    """The sides as bars, then what makes them differ, then what lies beside the clips."""
    for note in ledger.notes:
        st.warning(md(note, 400), icon=":material/help:")
    rows: list[tuple[str, int | None, str, status.Colour]] = [
        ("Counter", usage.storage.used, "the product checks the limit against it", "blue"),
        ("Clip documents", ledger.actual_bytes, "their sizes, added up", "blue"),
        ("Bucket", ledger.stored_bytes, "the objects that they name, each once", "blue"),
    ]
    rows += [
        (cause_words(one.cause, ledger).capitalize(), one.bytes, number(one.clips, "clip"), "orange")
        for one in ledger.differences or ()
    ]
    rows += [
        (cause_words(one.cause, ledger).capitalize(), one.bytes, number(one.objects or 0, "object"), "gray")
        for one in ledger.beside
    ]
    charts.bars(
        pd.DataFrame(
            {
                "Side": [name for name, *_ in rows],
                "bytes": [float(abs(size or 0)) for _, size, *_ in rows],  # a bar's length; the words say exact sizes
                "Size": [_signed(size, colour == "orange") for _, size, _, colour in rows],
                "About": [about if size is not None else "unknown" for _, size, about, _ in rows],
                "colour": [status.shade(colour) for *_, colour in rows],
            }
        ),
        "Side",
        "bytes",
        label="Size",
        more=("Size", "About"),
        pixels=26,
        alt="Counter, clip documents and bucket, with what makes them differ and what lies beside the clips",
    )
    st.caption(_sentence(ledger))


def _signed(size: int | None, signed: bool) -> str:
    if size is None:
        return "unknown"
    shown = format.size(abs(size)).text
    return f"{'−' if size < 0 else '+'}{shown}" if signed else f"{'−' if size < 0 else ''}{shown}"


def _sentence(ledger: Ledger) -> str:
    said = "Orange: why the bucket differs from the documents. Grey: what else lies there and counts against no limit."
    if ledger.differences is None:
        return f"{said} The bucket's side is unknown."
    if not ledger.differences:
        return "Documents and bucket agree to the byte. Grey: what else lies there and counts against no limit."
    total = sum(one.bytes for one in ledger.differences)
    parts = " ".join(f"{cause_words(one.cause, ledger)}: {one.bytes:+,} bytes." for one in ledger.differences)
    return f"The bucket differs from the documents by {total:+,} bytes: {parts} {said}"
