"""Pages of a listing as frames of the declared schema, column by column: a user can have tens of thousands of keys."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from storage.clients.r2_listing import PageColumns
from storage.domain.documents import OBJECTS
from storage.errors import Unusable


def page_frame(columns: PageColumns, prefix: str) -> pd.DataFrame:
    """The page as an `OBJECTS` frame, in the store's order; `Unusable` where a key, a size or a time is not one."""
    keys = columns.keys
    if any(not key for key in keys):
        raise _unusable(prefix, "an object without a key")
    if not all(key.startswith(prefix) for key in keys if key):
        raise _unusable(prefix, "a key outside the prefix that was asked for")
    return pd.DataFrame(
        {
            "key": pd.array(keys, dtype="string"),
            "size_bytes": _sizes(columns.sizes, prefix),
            "etag": pd.array([_bare(etag) for etag in columns.etags], dtype="string"),
            "last_modified": _times(columns.modified, prefix),
            "storage_class": pd.array([name or None for name in columns.storage_classes], dtype="string"),
        }
    )


def joined(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """All pages as one frame with a plain index."""
    if not frames:
        return OBJECTS.empty()
    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)


def _sizes(texts: Sequence[str | None], prefix: str) -> pd.api.extensions.ExtensionArray:
    try:
        return pd.array(np.array([int(text or "") for text in texts], dtype="int64"), dtype="Int64")
    except (ValueError, OverflowError):
        raise _unusable(prefix, "a size that is no number") from None


def _times(texts: Sequence[str | None], prefix: str) -> pd.Series:
    try:
        stamps = pa.array(texts, type=pa.string()).cast(pa.timestamp("us", tz="UTC"))
    except pa.ArrowInvalid:
        raise _unusable(prefix, "a time that is none") from None
    if stamps.null_count:
        raise _unusable(prefix, "an object without a time")
    return pd.Series(stamps.to_numpy(zero_copy_only=False).astype("datetime64[us]")).dt.tz_localize("UTC")


def _bare(etag: str | None) -> str | None:
    return etag.strip('"') if etag else None


def _unusable(prefix: str, what: str) -> Unusable:
    return Unusable(
        f"The store's listing holds {what}.",
        remedy="Check that R2_ENDPOINT_URL is an R2 endpoint.",
        operation="list_objects_v2",
        target=prefix,
    )
