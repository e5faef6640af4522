"""Plays the worker in the demo: the few videos that are being processed keep being touched, as a live job would.

Without it, "rendering, touched 40 seconds ago" would turn into "rendering stalled" while one looks at it. A video whose
status somebody changes, or that is deleted, is left alone from then on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from storage.clients import firestore as pb
from storage.clients.firestore import FirestoreChanges, FirestoreHandle
from storage.errors import Stale


class Heartbeat:
    """Keeps fields at their age: by document path, by dotted field name, how long ago the time in it should lie."""

    def __init__(
        self, handle: FirestoreHandle, live: Mapping[str, Mapping[str, timedelta]], clock: Callable[[], datetime]
    ) -> None:
        self._handle = handle
        self._changes = FirestoreChanges(handle)
        self._live = live
        self._clock = clock

    def beat(self) -> None:
        """Touches every document that is still being processed; one that changed in between is left to the next."""
        found = self._handle.batch_get(list(self._live), operation="look at the sample's live videos")
        for path, document in found.items():
            if document is None or document.fields["status"].string_value != "processing":
                continue
            with contextlib.suppress(Stale):
                self._changes.commit([self._touch(path, document)], operation="touch a live video of the sample")

    def _touch(self, path: str, document: Any) -> Any:
        write = pb.Write()
        write.update.name = document.name
        write.current_document.update_time.CopyFrom(document.update_time)
        for name, age in self._live[path].items():
            write.update_mask.field_paths.append(name)
            fields, (*outer, last) = write.update.fields, name.split(".")
            for part in outer:
                fields = fields[part].map_value.fields
            fields[last].timestamp_value.FromDatetime(self._clock() - age)
        return write
