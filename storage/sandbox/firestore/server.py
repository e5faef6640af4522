"""The server as one object: start it, point the real client at it, stop it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import grpc

from storage.sandbox.firestore.encoding import document
from storage.sandbox.firestore.faults import Faults
from storage.sandbox.firestore.names import document_named
from storage.sandbox.firestore.protos import Message, micros_of
from storage.sandbox.firestore.queries import Demand, demand_of
from storage.sandbox.firestore.rows import Rows, now_micros
from storage.sandbox.firestore.service import Service
from storage.sandbox.firestore.writing import put_new

_WORKERS = 16
_OPTIONS = [
    ("grpc.so_reuseport", 0),  # a taken port is an error, not a share of somebody else's calls
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),  # larger than the limit, which answers for itself
]


class FirestoreServer:
    """A Firestore on 127.0.0.1 that the real client reaches through `FIRESTORE_EMULATOR_HOST`.

    With a `path` the documents live in that file and an acknowledged commit survives even the kill of the
    process; without one they live in memory until `stop`. Databases of different projects never see each
    other. With `require_indexes`, queries that production would refuse for a missing index are refused: give
    the content of `firestore.indexes.json`, or a function of query and aggregated fields that returns the
    missing definition. Its time is its own: `clock` gives it, in microseconds since 1970.
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        port: int = 0,
        faults: Faults | None = None,
        require_indexes: Mapping[str, Any] | Demand | None = None,
        clock: Callable[[], int] = now_micros,
    ) -> None:
        self.faults = faults or Faults()
        self._port = port
        self._rows = Rows(path, clock)
        self._workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="firestore")
        self._grpc: Any = grpc.server(
            self._workers,
            handlers=[Service(self._rows, self.faults, demand_of(require_indexes))],
            options=_OPTIONS,
        )

    def start(self) -> str:
        """Listen, and return `127.0.0.1:PORT`. Port 0 takes a free one.

        Raises:
            RuntimeError: when the port is taken.
        """
        port = self._grpc.add_insecure_port(f"127.0.0.1:{self._port}")
        self._grpc.start()
        return f"127.0.0.1:{port}"

    def stop(self) -> None:
        """Cut off what is under way and close the file; a stopped server stays stopped."""
        self._grpc.stop(None).wait()
        self._workers.shutdown()
        self._rows.close()

    def load(self, project_id: str, documents: Mapping[str, Mapping[str, Any]], *, dated_by: str = "") -> None:
        """Write whole documents (path such as `users/u1` -> fields as Python values) in one transaction.

        They replace what is there under the same paths. Far quicker than writing through a client. With
        `dated_by`, the time in that field is when Firestore says that the document was written, as it is with
        documents of some age.

        Raises:
            Refused: INVALID_ARGUMENT for a path or document that Firestore would not take; nothing is
            written. TypeError: for a value of a type that Firestore does not have.
        """
        root = f"projects/{project_id}/databases/(default)/documents/"
        names = {path: document_named(root + path) for path in documents}
        with self._rows.writing() as now:
            encoded = ((name, document(name, documents[path])) for path, name in names.items())
            put_new(self._rows, encoded, now, dated_by)

    def put_back(self, documents: Iterable[Message]) -> None:
        """Write whole `Document` messages as they are, create and update times included, in one transaction."""
        with self._rows.writing():
            self._rows.put(
                (document_named(one.name), micros_of(one.update_time), one.SerializeToString(deterministic=True))
                for one in documents
            )

    def __enter__(self) -> Self:
        self.host = self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
