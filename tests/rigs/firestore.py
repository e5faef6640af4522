"""Two Firestores with one surface: our own server, and Google's emulator as its referee.

The emulator is Java and takes two to three seconds to start, so one serves a whole session; a fresh project
id for each test keeps tests apart at no cost. It locks what a transaction has read, and never demands an index.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import uuid
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import timedelta
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from subprocess import DEVNULL
from types import TracebackType
from typing import Any, Self
from unittest.mock import patch

from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore

from storage.sandbox.firestore import FirestoreServer
from storage.sandbox.firestore.names import Name
from storage.sandbox.firestore.storage import now_micros, subtree_scope
from storage.sandbox.firestore.wire import Document
from tests.rigs.firestore_faults import Faults
from tests.rigs.waiting import started

STOP_SECONDS = 60.0

_JAR = Path("platform/cloud-firestore-emulator/cloud-firestore-emulator.jar")
_SDK_FOLDERS = (
    "/usr/lib/google-cloud-sdk",
    "/usr/local/google-cloud-sdk",
    "/opt/google-cloud-sdk",
    "/snap/google-cloud-cli/current",
    "~/google-cloud-sdk",
)
_MAIN_CLASS = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"
_JAVA_OPTIONS = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx768m", "-Duser.language=en")


class FirestoreRig(AbstractContextManager["FirestoreRig"]):
    """A running Firestore: where it listens, real clients for it, and projects that nobody else uses."""

    kind: str
    host: str

    def __init__(self) -> None:
        self._open = ExitStack()
        self._api: Any = None

    def start(self) -> None:
        """Start it; `host` is `127.0.0.1:PORT` from then on."""
        self.host = self._open.enter_context(self._running())

    def stop(self) -> None:
        """Close the clients that came from here, and stop it."""
        self._open.close()

    def client(self, project: str) -> firestore.Client:
        """A real client for `project`, on the one channel. The environment is as before once this returns."""
        with patch.dict(os.environ, {"FIRESTORE_EMULATOR_HOST": self.host}):
            nobody = AnonymousCredentials()  # type: ignore[no-untyped-call]
            client: Any = firestore.Client(project=project, credentials=nobody)
        if self._api is None:
            self._api = client._firestore_api
            self._open.callback(self._api.transport.close)
        client._firestore_api_internal = self._api
        return client

    def fresh_project(self) -> str:
        """A project id that is empty because it has never been used."""
        return f"t-{uuid.uuid4().hex[:16]}"

    @abstractmethod
    def _running(self) -> AbstractContextManager[str]: ...

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class EmbeddedFirestore(FirestoreRig):
    """Our own server, in this process. `options` are those of `FirestoreServer`. Its time is `offset` from ours; it may
    be set forward at any moment, and back only before the first commit: no commit is earlier than the one before."""

    kind = "embedded"

    def __init__(self, path: Path | None = None, **options: Any) -> None:
        super().__init__()
        self.faults = Faults()
        self.offset = timedelta()
        options.setdefault("clock", lambda: now_micros() + self.offset // timedelta(microseconds=1))
        self.server = FirestoreServer(path, around=self.faults.around, **options)

    @contextmanager
    def _running(self) -> Iterator[str]:
        with self.server as server:
            yield server.host

    def documents(self, project: str) -> dict[str, Any]:
        """Every document of a project as it is stored, by path: a message, so that nothing is lost in comparing."""
        rows = self.server._rows
        with rows.reading():
            stored = [row.body for row in rows.scan(subtree_scope(Name(f"projects/{project}/databases/(default)")))]
        found = map(Document.FromString, stored)
        return {document.name.partition("/documents/")[2]: document for document in found}


class EmulatorFirestore(FirestoreRig):
    """Google's emulator, in a Java process that ends with this object."""

    kind = "emulator"
    pid: int

    @contextmanager
    def _running(self) -> Iterator[str]:
        jar, java = emulator_jar(), shutil.which("java")
        if jar is None or java is None:
            raise FileNotFoundError("The Firestore emulator needs its jar (CLIPDESK_FIRESTORE_JAR) and java.")
        with tempfile.TemporaryFile() as log:
            command = [java, *_JAVA_OPTIONS, "-cp", str(jar), _MAIN_CLASS, "--host=127.0.0.1"]
            process, port = started(
                lambda port: subprocess.Popen([*command, f"--port={port}"], stdin=DEVNULL, stdout=log, stderr=log),
                _answers,
                "the Firestore emulator",
            )
            self.pid = process.pid
            try:
                yield f"127.0.0.1:{port}"
            finally:
                _end(process)


def emulator_jar() -> Path | None:
    """The emulator's jar: as `CLIPDESK_FIRESTORE_JAR` says, beside `gcloud`, or in a usual folder."""
    named = os.environ.get("CLIPDESK_FIRESTORE_JAR")
    gcloud = shutil.which("gcloud")
    beside = [Path(os.path.realpath(gcloud)).parent.parent] if gcloud else []
    folders = [*beside, *(Path(folder).expanduser() for folder in _SDK_FOLDERS)]
    candidates = [Path(named)] if named else [folder / _JAR for folder in folders]
    return next((jar for jar in candidates if jar.is_file()), None)


def available_firestores() -> list[str]:
    """The kinds of Firestore that tests run against here.

    Raises:
        FileNotFoundError: where referees are required (`CI` or `CLIPDESK_REQUIRE_REFEREES` is set) and the
            emulator is missing: it must never drop out unnoticed.
    """
    if emulator_jar() is not None and shutil.which("java"):
        return ["embedded", "emulator"]
    if os.environ.get("CI") or os.environ.get("CLIPDESK_REQUIRE_REFEREES"):
        raise FileNotFoundError("Referees are required here; Google's Firestore emulator or java is missing.")
    return ["embedded"]


class FirestorePool:
    """Opens each kind of Firestore when first asked for, and keeps it; the body of a session fixture."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._rigs: dict[str, FirestoreRig] = {}

    def rig(self, kind: str) -> FirestoreRig:
        """The running rig of a kind out of `available_firestores()`."""
        if kind not in self._rigs:
            made = EmbeddedFirestore() if kind == EmbeddedFirestore.kind else EmulatorFirestore()
            self._rigs[kind] = self._open.enter_context(made)
        return self._rigs[kind]

    def close(self) -> None:
        """Stop all of them."""
        self._open.close()


@contextmanager
def firestore_pool() -> Iterator[FirestorePool]:
    """A pool that is closed at the end."""
    pool = FirestorePool()
    try:
        yield pool
    finally:
        pool.close()


def _answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read().strip() == b"Ok"
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
