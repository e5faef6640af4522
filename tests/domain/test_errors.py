"""Errors are kept in caches and travel between processes: each comes back from a pickle with all its fields."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Iterator

import pytest

from storage.errors import BadInput, ConfigError, MissingIndex, Problem, Refused, StorageError, Unsettled

OWN = {
    BadInput: BadInput("no such field", field_name="status", remedy="See --help."),
    ConfigError: ConfigError([Problem("R2_BUCKET", "is missing", "Set it.")]),
    MissingIndex: MissingIndex("an index is missing", definition={"fields": [1]}, operation="Listing"),
    Unsettled: Unsettled("half way", change_id="20261126-1", target="users/u1"),
}


def kinds(parent: type[StorageError] = StorageError) -> Iterator[type[StorageError]]:
    """Those of the tree; what a page or a command derives from them has a test where it is."""
    yield parent
    for child in parent.__subclasses__():
        if child.__module__ == StorageError.__module__:
            yield from kinds(child)


def with_a_cause(error: StorageError) -> StorageError:
    """As a client raises it: from the SDK's error, which holds a lock."""
    cause = ConnectionError(threading.RLock())
    try:
        raise error from cause
    except StorageError as raised:
        return raised


def example(kind: type[StorageError]) -> StorageError:
    if kind in OWN:
        return OWN[kind]
    fields = {"remedy": "Try again.", "operation": "Listing the customers", "target": "users", "detail": "503"}
    return kind("no answer", **fields, reasons=["moved"]) if issubclass(kind, Refused) else kind("no answer", **fields)


@pytest.mark.parametrize("kind", sorted(set(kinds()), key=lambda kind: kind.__name__))
def test_every_error_comes_back_from_a_pickle(kind: type[StorageError]) -> None:
    error = with_a_cause(example(kind))
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(again) is kind
        assert vars(again) == vars(error)
        assert str(again) == str(error)
        assert again.as_dict() == error.as_dict()


def test_what_a_guard_noted_later_is_kept_as_well() -> None:
    error = Refused("not now")
    error.note_unrecorded()
    again = pickle.loads(pickle.dumps(error))
    assert again.unrecorded
    assert again.message == error.message
