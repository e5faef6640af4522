"""The command line in live mode, over our Firestore and SeaweedFS, with a small world of its own.

That both kinds of Firestore are one to the desk is what `tests/contract` holds; here it is a command of each kind that
runs over both (`both_firestores`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from storage.actions.objects import ObjectWriter
from storage.cli.main import main
from storage.repositories.objects import Objects
from tests.rigs.firestore import FirestorePool, FirestoreRig, available_firestores
from tests.rigs.records import World
from tests.rigs.seaweed import SeaweedRig
from tests.rigs.shared_clients import shared_clients

MEDIA = Path(__file__).resolve().parents[2] / "storage" / "sandbox" / "media"


both_firestores = pytest.mark.parametrize("firestore_rig", available_firestores(), indirect=True)


@pytest.fixture(scope="module", autouse=True)
def same_clients() -> Iterator[None]:
    """The commands of all tests share their clients of R2."""
    with shared_clients():
        yield


@pytest.fixture(scope="session")
def firestore_rig(request: pytest.FixtureRequest, firestores: FirestorePool) -> FirestoreRig:
    """Our Firestore; with `both_firestores` Google's emulator too."""
    return firestores.rig(getattr(request, "param", "embedded"))


@dataclass
class Answer:
    """What a command gave: exit status and both streams."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The document on stdout, which must be the only thing there."""
        return json.loads(self.out)


@dataclass
class Desk:
    """A live desk: documents and objects to put in, commands to run."""

    world: World
    objects: Objects
    writer: ObjectWriter
    bucket: str
    run: Callable[..., Answer]

    def put(self, key: str, content: bytes | Path, content_type: str = "video/mp4") -> int:
        """Stores an object; its size in bytes."""
        return self.writer.put(key, content, content_type).size_bytes


@pytest.fixture
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes every setting of a backend out of the environment."""
    import os

    for name in list(os.environ):
        if name.startswith(("R2_", "FIREBASE_", "FIRESTORE_EMULATOR_HOST")):
            monkeypatch.delenv(name)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Runs a command in this process."""

    def call(*arguments: str) -> Answer:
        capsys.readouterr()
        status = main(list(arguments))
        captured = capsys.readouterr()
        assert "Traceback" not in captured.out + captured.err
        return Answer(status, captured.out, captured.err)

    return call


@pytest.fixture
def desk(
    firestore_rig: FirestoreRig,
    r2_rig: SeaweedRig,
    run: Callable[..., Answer],
    no_settings: None,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Desk]:
    """An empty project and an empty bucket, configured as a machine would be."""
    bucket = r2_rig.fresh_bucket()
    with World(firestore_rig) as world:
        values = r2_rig.values(bucket) | world.values()
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        objects, writer = Objects(r2_rig.reader(bucket), bucket), ObjectWriter(r2_rig.writer(bucket), bucket)
        yield Desk(world, objects, writer, bucket, run)
