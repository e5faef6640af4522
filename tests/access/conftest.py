"""Settings for tests of access: this machine's own environment and files never reach them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pages._ui.access import identity
from storage.settings import reader
from tests.rigs.components import packages_looked_through_once  # noqa: F401 - a fixture, found by name

NAMES = ("R2_", "FIREBASE_", "FIRESTORE_", "OIDC_", "ACCESS_", "ROLE", "GROUPS_", "SESSION_", "METRICS_")


@pytest.fixture
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Gives a function that sets the settings of this test, and no others."""

    def only(**values: str) -> None:
        for name in list(os.environ):
            if name.startswith(NAMES):
                monkeypatch.delenv(name)
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    monkeypatch.setattr(identity, "ip", lambda: "127.0.0.1")  # the test runner has no browser whose address it knows
    monkeypatch.setattr(reader, "ROOT", tmp_path)
    monkeypatch.setattr(reader.read, "__defaults__", (tmp_path, None))
    monkeypatch.setattr(reader.auth_table, "__defaults__", (tmp_path,))
    return only
