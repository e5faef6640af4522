"""Everything that a plan lists, page by page: by kind, objects, documents, counters, uploads; and its downloads."""

from __future__ import annotations

from typing import Any, Final

import pandas as pd
import streamlit as st

from pages._ui.data.purges import Sheet, collection_of
from pages._ui.data.resources import stores
from pages._ui.kit import format, tables
from pages._ui.kit.session import key
from storage.actions.purge.planning import to_text
from storage.domain.purge.plan import CounterValue, PurgePlan

PAGE: Final = "purge"
ROWS = 100
UNKNOWN = "Of no known shape"
OBJECT_KINDS = {
    "clip": "Clips",
    "thumbnail": "Thumbnails",
    "highlights": "Highlights",
    "source": "Source videos (cache)",
    "raw_segment": "Raw segments (cache)",
    "neural_cache": "Neural cache",
    "transcript": "Transcripts",
    "unrecognised": UNKNOWN,
}
_COLLECTIONS = {
    "users": "Users",
    "videos": "Videos",
    "clips": "Clips",
    "highlights": "Highlights",
    "shares": "Share configurations",
    "share_slugs": "Public share links",
    "credit_transactions": "Credit transactions",
    "storage_accounting": "Accounting",
}


def draw(shown: Sheet) -> None:
    """The choice of a list, the list, and the downloads. The plan's JSON is what the shell applies, too."""
    plan = shown.plan
    lists = {
        f"Objects {len(plan.objects):,}": _objects,
        f"Documents {len(plan.documents):,}": _documents,
        f"Counters {len(plan.counters):,}": _counters,
        f"Open uploads {len(plan.uploads):,}": _uploads,
    }
    with st.container(
        horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key=key(PAGE, "sheet_head")
    ):
        chosen = st.segmented_control(
            "List", ["By kind", *lists], default="By kind", key=key(PAGE, "list", plan.plan_id),
            label_visibility="collapsed", required=True,
        )  # fmt: skip
        with st.container(horizontal=True, width="content"):
            _downloads(plan)
    if chosen in lists:
        lists[str(chosen)](plan)
    else:
        _by_kind(shown)


def _downloads(plan: PurgePlan) -> None:
    st.download_button(
        "Plan as JSON",
        data=lambda: to_text(plan).encode(),
        file_name=f"{plan.plan_id}.json",
        mime="application/json",
        key=key(PAGE, "json", plan.plan_id),
        on_click="ignore",
        icon=":material/download:",
        type="tertiary",
        help="The sealed plan, as the command line takes it. Keys and paths, no links.",
    )
    tables.download(plan.plan_id, lambda: everything(plan), key=key(PAGE, "csv", plan.plan_id), label="List as CSV")


def everything(plan: PurgePlan) -> pd.DataFrame:
    """One row for each thing of the plan, for a spreadsheet."""
    rows: list[dict[str, Any]] = [
        {"what": "object", "name": item.key, "bytes": item.size_bytes, "version": item.etag} for item in plan.objects
    ]
    rows += [{"what": "document", "name": item.path, "version": str(item.update_time)} for item in plan.documents]
    rows += [{"what": "open upload", "name": item.key, "version": item.upload_id} for item in plan.uploads]
    return pd.DataFrame(rows, columns=["what", "name", "bytes", "version"]).convert_dtypes()


def _by_kind(shown: Sheet) -> None:
    left, right = st.columns(2, gap="large")
    largest = sorted(shown.objects.items(), key=lambda item: -item[1][1])
    most = sorted(shown.documents.items(), key=lambda item: -item[1])
    with left:
        st.markdown("**Objects in the bucket**")
        objects = [{"kind": OBJECT_KINDS.get(kind, UNKNOWN), "count": n, "bytes": size} for kind, (n, size) in largest]
        columns = {"kind": "Kind", "count": _number("Objects"), "bytes": tables.size("Size")}
        _plain(pd.DataFrame(objects), "Objects by kind", columns)
    with right:
        st.markdown("**Documents in Firestore**")
        documents = [{"kind": _COLLECTIONS.get(name, name), "count": number} for name, number in most]
        _plain(pd.DataFrame(documents), "Documents by kind", {"kind": "Kind", "count": _number("Documents")})


def _objects(plan: PurgePlan) -> None:
    part = tables.paged(len(plan.objects), key=key(PAGE, "objects", plan.plan_id), size=ROWS)
    parse = stores().layout.parse
    rows = [
        {
            "key": item.key,
            "kind": OBJECT_KINDS.get(parse(item.key).kind, UNKNOWN),
            "bytes": item.size_bytes,
            "etag": item.etag,
        }
        for item in plan.objects[part.start : part.stop]
    ]
    columns = {"key": st.column_config.TextColumn("Key", width="large"), "kind": "Kind", "bytes": tables.size("Size")}
    _plain(pd.DataFrame(rows), "Objects that go", {**columns, "etag": "ETag seen"}, part)


def _documents(plan: PurgePlan) -> None:
    part = tables.paged(len(plan.documents), key=key(PAGE, "documents", plan.plan_id), size=ROWS)
    rows = [
        {
            "path": item.path,
            "kind": _COLLECTIONS.get(collection_of(item.path), collection_of(item.path)),
            "written": item.update_time,
        }
        for item in plan.documents[part.start : part.stop]
    ]
    columns = {"path": st.column_config.TextColumn("Path", width="large"), "kind": "Kind"}
    _plain(pd.DataFrame(rows), "Documents that go", {**columns, "written": tables.moment("Last written")}, part)


def _counters(plan: PurgePlan) -> None:
    st.caption("Counters of documents that stay. Where nothing is listed, they are right as they are, or go too.")
    rows = [
        {"path": item.path, "field": item.field, "before": _shown(item.before), "after": _shown(item.after)}
        for item in plan.counters
    ]
    columns = {"path": st.column_config.TextColumn("Document", width="large"), "field": "Counter"}
    _plain(pd.DataFrame(rows), "Counters as they will be", {**columns, "before": "Now", "after": "Afterwards"})


def _uploads(plan: PurgePlan) -> None:
    st.caption("Uploads that were begun and never finished; they are aborted, which cannot be undone.")
    part = tables.paged(len(plan.uploads), key=key(PAGE, "uploads", plan.plan_id), size=ROWS)
    rows = [{"key": item.key, "id": item.upload_id} for item in plan.uploads[part.start : part.stop]]
    columns = {"key": st.column_config.TextColumn("Key", width="large"), "id": "Upload"}
    _plain(pd.DataFrame(rows), "Open uploads", columns, part)


def _shown(value: CounterValue) -> str:
    if value is None:
        return "not there"
    if isinstance(value, dict):
        return ", ".join(f"{name}: {count:,}" for name, count in value.items()) or "empty"
    return format.count(value).text if isinstance(value, int) else value


def _number(label: str) -> Any:
    return st.column_config.NumberColumn(label, format="localized")


def _plain(frame: pd.DataFrame, alt: str, columns: dict[str, Any], part: tables.Page | None = None) -> None:
    """A table without selection, or a word where there is nothing."""
    if not len(frame):
        st.caption("None.")
        return
    tables.table(frame.reset_index(drop=True), key=key(PAGE, "sheet"), alt=alt, columns=columns, total=part)
