"""Whether the audit's chain holds: asked for by a click, since every entry is read; the answer says as of when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import pandas as pd
import streamlit as st

from pages._ui.access.guard import require
from pages._ui.data.resources import stores
from pages._ui.kit import feedback, format, tables
from pages._ui.kit.feedback import cost_words
from pages._ui.kit.session import key
from storage.audit_search import audit_log
from storage.clients.meter import Cost, metering
from storage.errors import StorageError
from storage.repositories.audit_log import ChainReport

PAGE: Final = "audit"
_KEPT: Final = key(PAGE, "chain")  # session key: the last answer, until the page is left
_WORDS = {
    "missing": "Missing",
    "altered": "Altered",
    "unlinked": "Not linked to the next",
    "cut_off": "Cut off at the end",
    "foreign": "Does not belong to the chain",
    "unsealed": "Not sealed with the key",
    "uncopied": "Its copy is missing",
    "replaced": "Another is known from the bucket",
}


@dataclass(frozen=True, slots=True)
class _Answer:
    report: ChainReport
    read_at: datetime
    cost: Cost
    keyed: bool


def draw() -> None:
    """What is checked, the button, and the last answer of this visit."""
    st.caption(
        "Each entry carries the hash of the one before, and the bucket keeps copies of what weighs. A check reads "
        "every entry, recomputes every hash and compares the copies; on a long record this takes a while."
    )
    if st.button("Check the whole chain", icon=":material/link:", key=key(PAGE, "check")):
        _check()
    kept = st.session_state.get(_KEPT)
    if isinstance(kept, _Answer):
        _show(kept)


def _check() -> None:
    st.session_state.pop(_KEPT, None)
    try:
        require("audit.read")
        read_at = datetime.now(UTC)
        with st.spinner("Reading every entry…"), metering() as meter:
            report = audit_log(stores()).verify_chain()
        keyed = bool(stores().settings.audit_key.reveal())
        st.session_state[_KEPT] = _Answer(report, read_at, meter.cost(), keyed)
    except StorageError as error:
        feedback.error_panel(error, key=key(PAGE, "check_failed"), unknown="whether the record is whole")


def _show(answer: _Answer) -> None:
    report = answer.report
    if report.whole:
        st.success(
            f"{report.entries:,} entries follow one another without a gap, each fits its hash, and {report.copies:,} "
            f"copies and {report.ends:,} ends kept in the bucket agree.",
            title="The chain is whole",
            icon=":material/verified:",
        )
    else:
        number = len(report.breaks)
        st.error(
            f"It does not hold in {number:,} place{'' if number == 1 else 's'}. Somebody or something wrote to the "
            "record past this desk; compare with the copies under _ops/audit/ and with the backups.".replace(
                "_", "\\_"
            ),
            title="The chain does not hold",
            icon=":material/link_off:",
        )
        rows = [{"number": b.sequence, "kind": _WORDS.get(b.kind, b.kind), "detail": b.detail} for b in report.breaks]
        columns = {"number": st.column_config.NumberColumn("Number"), "kind": "What", "detail": "Detail"}
        shown = pd.DataFrame(rows)
        tables.table(
            shown.head(tables.ROW_LIMIT), key=key(PAGE, "breaks"), alt="Where the chain does not hold", columns=columns,
            total=len(shown), csv_name="audit-breaks", csv_frame=lambda: shown,
        )  # fmt: skip
    if not answer.keyed:
        st.caption(
            ":material/key_off: The chain is sealed without a key (AUDIT\\_HMAC\\_KEY): whoever may write every entry "
            "could forge all of it anew. The copies, and a lock on them, are what stands against that."
        )
    now = datetime.now(UTC)
    st.caption("  ·  ".join([*cost_words(answer.cost), format.as_of(answer.read_at, now)]))
