"""Reads the alerts that the desk keeps in `ops_alerts`, and what lies in the bucket while Firestore is away."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from storage.clients.firestore import FirestoreHandle
from storage.domain.alerts import COLLECTION, KeptAlert
from storage.domain.layout import OPS_PREFIX
from storage.repositories.decode import raw_document
from storage.repositories.queries import build

RUN: Final = f"{COLLECTION}/run"  # the lease of the run that sends; the other documents are alerts
LOOKED_AT: Final = "looked_at"  # of that document: when the last run that read the kept scans began
AWAY_KEY: Final = f"{OPS_PREFIX}alerts/firestore-away.json"  # keeps the alert about Firestore while it is away
MOST: Final = 500  # documents of one reading; alerts that have ended are removed after a month


@dataclass(frozen=True, slots=True)
class StoredAlert:
    """An alert with the update time of its document, for preconditions."""

    kept: KeptAlert
    update_time: datetime | None


def read_alerts(handle: FirestoreHandle) -> tuple[StoredAlert, ...]:
    """The kept alerts, a read for each, the last changed first. Raises Firestore's errors."""
    query = build(COLLECTION, order_by="changed_at", descending=True)
    query.limit.value = MOST
    documents = handle.run_query(query, lambda found: [raw_document(one) for one in found], operation="Reading alerts")
    kept = ((KeptAlert.from_fields(one.fields or {}), one.update_time) for one in documents)
    return tuple(StoredAlert(alert, update_time) for alert, update_time in kept if alert is not None)
