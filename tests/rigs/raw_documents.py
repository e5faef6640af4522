"""Raw Firestore documents made by hand, and what the fast decoder makes of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pandas as pd

from storage.clients import firestore
from storage.domain.documents import Schema
from storage.errors import FieldProblem
from storage.repositories.columns import TableBuilder
from storage.repositories.decode import encode_value
from tests.rigs.records import NOON

ROOT = "projects/demo/databases/(default)/documents"
WHERE = {"users": "users/u1", "videos": "users/u1/videos/v1", "clips": "users/u1/videos/v1/clips/c1"}
CREATED, UPDATED = NOON, NOON + timedelta(days=1, microseconds=1)


def message(path: str, fields: dict[str, Any], *, there: bool = True) -> Any:
    """A raw document, built past the code under test where values allow it."""
    document = firestore.Document(name=f"{ROOT}/{path}")
    for name, value in fields.items():
        document.fields[name].CopyFrom(value if isinstance(value, firestore.Value) else encode_value(value))
    if there:
        document.create_time.FromDatetime(CREATED)
        document.update_time.FromDatetime(UPDATED)
    return document


def decoded(schema: Schema, *documents: Any) -> tuple[pd.DataFrame, tuple[FieldProblem, ...]]:
    """The frame and the oddities of these documents, as one page."""
    builder = TableBuilder(schema)
    builder.add(builder.page(documents))
    table = builder.table(read_at=NOON, reads=0)
    return table.frame, table.oddities


def cell(schema: Schema, name: str, value: Any) -> tuple[Any, list[tuple[str, str]]]:
    """One field's cell in the frame, and the kind and description of its oddities."""
    frame, oddities = decoded(schema, message(WHERE[schema.name], {name: value}))
    return frame[name].iloc[0], [(odd.kind, odd.found) for odd in oddities if odd.field_name == name]


def value(**content: Any) -> Any:
    """A raw value of any kind."""
    made = firestore.Value()
    for kind, part in content.items():
        if part is None:
            getattr(made, kind).SetInParent()
        else:
            setattr(made, kind, part)
    return made


def stamp(seconds: int, nanos: int = 0) -> Any:
    """A raw time, also one that Firestore would refuse."""
    made = firestore.Value()
    made.timestamp_value.seconds, made.timestamp_value.nanos = seconds, nanos
    made.timestamp_value.SetInParent()
    return made
