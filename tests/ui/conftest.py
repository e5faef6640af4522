"""The whole app under Streamlit's own test runner, live over our Firestore and SeaweedFS, with a world of its own."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from pages._ui.access import identity
from pages._ui.access.identity import PERSONA
from pages._ui.kit.session import key
from storage.actions.objects import ObjectWriter
from storage.repositories.objects import Objects
from tests.conftest import close_the_pages
from tests.rigs.components import packages_looked_through_once  # noqa: F401 - a fixture, found by name
from tests.rigs.firestore import EmbeddedFirestore
from tests.rigs.lists import shown_list
from tests.rigs.records import World
from tests.rigs.seaweed import SeaweedRig
from tests.rigs.shared_clients import shared_clients
from tests.rigs.waiting import PATIENCE_SECONDS

ROOT = Path(__file__).resolve().parents[2]
_DIALOGS = 2  # where the test runner puts dialogs: beside the page and the side bar


@dataclass
class LiveApp:
    """A configured desk: put documents and objects in, open pages as somebody."""

    world: World
    objects: Objects
    writer: ObjectWriter
    bucket: str
    open: Callable[..., AppTest]


@pytest.fixture(scope="module", autouse=True)
def same_clients() -> Iterator[None]:
    """The pages of all tests share their clients of R2."""
    with shared_clients():
        yield


@pytest.fixture
def app(r2_rig: SeaweedRig, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveApp]:
    """The desk in live mode against an emulator on loopback, where a local user may play any role."""
    with live_app(r2_rig, monkeypatch) as made:
        yield made


@contextmanager
def live_app(r2_rig: SeaweedRig, patch: pytest.MonkeyPatch) -> Iterator[LiveApp]:
    """Such a desk; `patch` sets it up and outlives it."""
    begin_without_settings(patch)
    bucket = r2_rig.fresh_bucket()
    with EmbeddedFirestore() as firestore, World(firestore) as world:
        for name, value in (r2_rig.values(bucket) | world.values()).items():
            patch.setenv(name, value)
        objects, writer = Objects(r2_rig.reader(bucket), bucket), ObjectWriter(r2_rig.writer(bucket), bucket)
        yield LiveApp(world, objects, writer, bucket, open_page)
        close_the_pages()


def begin_without_settings(patch: pytest.MonkeyPatch) -> None:
    """What a desk of a test begins with: no setting of a live one, no page of another, and a person on loopback."""
    close_the_pages()  # they may show the world of a whole file
    for name in list(os.environ):
        if name.startswith(("R2_", "FIREBASE_", "FIRESTORE_", "OIDC_", "ACCESS_", "ROLE", "PURGE", "AUDIT_")):
            patch.delenv(name)
    patch.setattr(identity, "is_local", lambda: True)  # the test runner has no browser whose address it knows
    patch.setattr(identity, "ip", lambda: "127.0.0.1")


def open_page(name: str, *, role: str = "admin", **query: str) -> AppTest:
    """A page as it is first drawn for somebody with this role."""
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE_SECONDS)
    app.session_state[PERSONA] = f"{role}@demo.local"
    app.switch_page(f"pages/{name}.py")
    for name_of, value in query.items():
        app.query_params[name_of] = value
    return app.run()


def unfold(shown: AppTest, *names: str, uid: str = "u1") -> AppTest:
    """The customer's page with these of its folded parts unfolded, such as `credits` or `truth`."""
    for name in names:
        shown.session_state[key("user", "fold", name, uid)] = True
    return shown.run()


def param(app: AppTest, name: str) -> str:
    """A parameter of the address as the page left it; empty where there is none."""
    value = app.query_params.get(name, "")
    return value[0] if isinstance(value, list) else str(value)


def words(app: AppTest) -> str:
    """Everything that a page and a dialog over it show, as a person reads it: escapes undone.

    An uncaught exception fails the test.
    """
    assert not app.exception, [block.value for block in app.exception]
    shown = [*_texts(app.main), *_texts(app._tree[_DIALOGS])]
    return re.sub(r"\\(.)", r"\1", re.sub(r":color\[(\\?.)\]", r"\1", "\n".join(shown)))


def _texts(block: Any) -> Iterator[str]:
    for child in getattr(block, "children", {}).values():
        for name in ("value", "label", "body", "title"):
            text = getattr(child, name, None)
            if isinstance(text, str) and text:
                yield text
        progress = getattr(getattr(child, "proto", None), "text", None)
        if isinstance(progress, str) and progress:
            yield progress
        frame = getattr(child, "value", None)
        if isinstance(frame, pd.DataFrame):
            yield frame.to_csv()
        if rows := shown_list(getattr(child, "proto", None)):
            yield rows.value.to_csv()
            yield "\n".join(str(text) for texts in rows.texts.values() for text in texts)
        yield from _texts(child)
