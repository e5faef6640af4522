"""The one handle on Firestore: calls with deadlines, safe repeats, translated errors and metered reads and writes.

Messages are the API's raw ones (`firestore_messages`), because the client library's wrappers and snapshots take ten
times as long as the rest of a read. The library's own repeats are not used either: in this version a query's stream
that breaks in the middle ends in an unrelated error, or resumes wrongly. Here one call is one page, and a page is
repeated whole from its own cursor, so that a broken stream is never taken for a short one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from storage.clients import firestore_messages as pb
from storage.clients.firestore_channel import open_channel
from storage.clients.firestore_connection import TRIES, Connection
from storage.clients.meter import record
from storage.config import FirestoreSettings
from storage.errors import Unusable

T = TypeVar("T")
ReadTime = Callable[[Any], None]
"""Takes Firestore's own time of a read, a protobuf timestamp."""

READ_SECONDS = 8.0  # one try of a read that a person waits for
PAGE_SECONDS = 15.0  # one try of a page of thousands of documents


def open_firestore(settings: FirestoreSettings, *, single_threaded: bool = True) -> FirestoreHandle:
    """The handle for the configured project. Connects at the first call; raises `BadCredentials` for lack of them."""
    channel = open_channel(settings, single_threaded=single_threaded)
    return FirestoreHandle(settings.project_id, channel, emulator_host=settings.emulator_host)


class FirestoreHandle:
    """One channel to one database. May be shared between threads; open one for each process, after any fork."""

    def __init__(self, project_id: str, channel: Any, *, emulator_host: str = "") -> None:
        self.project_id = project_id
        self.emulator_host = emulator_host
        self.connection = connection = Connection(project_id, channel, emulator=bool(emulator_host))
        self._name, self._attempt, self._metadata = connection.name, connection.attempt, connection.metadata
        self._run_query = connection.stream("RunQuery", pb.RunQueryRequest, pb.RunQueryResponse)
        self._aggregate = connection.stream(
            "RunAggregationQuery", pb.RunAggregationQueryRequest, pb.RunAggregationQueryResponse
        )
        self._batch_get = connection.stream(
            "BatchGetDocuments", pb.BatchGetDocumentsRequest, pb.BatchGetDocumentsResponse
        )
        self._list_documents = connection.unary("ListDocuments", pb.ListDocumentsRequest, pb.ListDocumentsResponse)
        self._list_ids = connection.unary(
            "ListCollectionIds", pb.ListCollectionIdsRequest, pb.ListCollectionIdsResponse
        )

    def name(self, path: str) -> str:
        """The full resource name of `users/U`."""
        return self._name(path)

    def close(self) -> None:
        """Ends the connection and every call on it."""
        self.connection.close()

    def run_query(
        self,
        query: Any,
        consume: Callable[[Iterable[Any]], T],
        *,
        operation: str,
        parent: str = "",
        seconds: float = READ_SECONDS,
        read_time: ReadTime | None = None,
    ) -> T:
        """Runs one page of a query and returns what `consume` makes of its documents.

        `read_time` hears when the documents were so, before `consume` is given the first.
        `consume` starts afresh when it is called again: a stream that breaks is read anew. What it leaves unread is
        given up, and not asked for any more.
        Raises a `BackendError`; `MissingIndex` carries the index that the query needs.
        """
        request = pb.RunQueryRequest(parent=self._name(parent), structured_query=query)

        def once(deadline: float) -> T:
            count = 0

            def documents() -> Iterator[Any]:
                nonlocal count
                for response in call:
                    if read_time is not None and response.HasField("read_time"):
                        read_time(response.read_time)
                    if response.HasField("document"):
                        count += 1
                        yield response.document

            call = self._run_query(request, timeout=deadline, metadata=self._metadata)
            try:
                result = consume(documents())
            except BaseException:
                _record_reads(count)
                raise
            finally:
                call.cancel()  # nothing where it has ended
            _record_reads(max(count, 1))
            return result

        return self._attempt(once, operation=operation, target=parent, seconds=seconds, query=query)

    def aggregate(
        self,
        query: Any,
        aggregations: Mapping[str, str],
        *,
        operation: str,
        parent: str = "",
        up_to: int | None = None,
        seconds: float = READ_SECONDS,
    ) -> dict[str, Any]:
        """Counts and sums on the server: `{"count": "", "bytes": "file_size_bytes"}` counts, and sums that field.

        Gives the raw value of each alias. One read is metered for every started 1,000 documents counted, at least one.
        With `up_to`, counting stops there, and so does what it costs.
        """
        whole = pb.StructuredAggregationQuery(structured_query=query)
        for alias, field in aggregations.items():
            part = whole.aggregations.add(alias=alias)
            if field:
                part.sum.field.field_path = field
            else:
                part.count.SetInParent()
                if up_to is not None:
                    part.count.up_to.value = up_to
        request = pb.RunAggregationQueryRequest(parent=self._name(parent), structured_aggregation_query=whole)
        counted = next((alias for alias, field in aggregations.items() if not field), None)

        def once(deadline: float) -> dict[str, Any]:
            found: dict[str, Any] = {}
            for response in self._aggregate(request, timeout=deadline, metadata=self._metadata):
                found.update(response.result.aggregate_fields.items())
            if found.keys() != aggregations.keys():
                raise Unusable(f"{operation}: Firestore left out a result.", operation=operation, target=parent)
            count = found[counted].integer_value if counted else 0
            _record_reads(max(1, -(-count // 1_000)))
            return found

        summed = tuple(field for field in aggregations.values() if field)
        return self._attempt(
            once, operation=operation, target=parent, seconds=seconds, query=query, summed=summed, single=True
        )

    def batch_get(
        self,
        paths: Sequence[str],
        *,
        operation: str,
        transaction: bytes = b"",
        seconds: float = READ_SECONDS,
        read_time: ReadTime | None = None,
    ) -> dict[str, Any]:
        """The documents at these paths by path, `None` where Firestore says that there is none; in the order asked.

        `read_time` hears when that was so.
        """
        names = {self._name(path): path for path in paths}
        request = pb.BatchGetDocumentsRequest(database=self.connection.database, documents=list(names))
        if transaction:
            request.transaction = transaction

        def once(deadline: float) -> dict[str, Any]:
            answers: dict[str, Any] = {}
            try:
                for response in self._batch_get(request, timeout=deadline, metadata=self._metadata):
                    if read_time is not None and response.HasField("read_time"):
                        read_time(response.read_time)
                    kind = response.WhichOneof("result")
                    if kind == "found":
                        answers[response.found.name] = response.found
                    elif kind == "missing":
                        answers[response.missing] = None
            finally:
                _record_reads(len(answers))
            if answers.keys() != names.keys():
                raise Unusable(f"{operation}: Firestore left out a document.", operation=operation, target=paths[0])
            return {path: answers[name] for name, path in names.items()}

        tries = 1 if transaction else TRIES  # a transaction is repeated as a whole
        return self._attempt(
            once, operation=operation, target=paths[0], seconds=seconds, tries=tries, change=bool(transaction)
        )

    def list_documents(
        self,
        parent: str,
        collection_id: str,
        *,
        operation: str,
        page_size: int,
        page_token: str = "",
        show_missing: bool = True,
        fields: Sequence[str] | None = None,
        seconds: float = READ_SECONDS,
    ) -> tuple[Sequence[Any], str]:
        """One page of a collection by name, and the token of the next (empty: this was the last).

        `show_missing`: phantom parents come too, without fields and times. `fields`: only these (all when `None`).
        """
        request = pb.ListDocumentsRequest(
            parent=self._name(parent),
            collection_id=collection_id,
            page_size=page_size,
            page_token=page_token,
            show_missing=show_missing,
        )
        if fields is not None:
            request.mask.field_paths.extend(fields)

        def once(deadline: float) -> tuple[Sequence[Any], str]:
            response = self._list_documents(request, timeout=deadline, metadata=self._metadata)
            _record_reads(max(1, len(response.documents)))
            return response.documents, response.next_page_token

        return self._attempt(once, operation=operation, target=f"{parent}/{collection_id}", seconds=seconds)

    def list_collection_ids(self, path: str, *, operation: str, seconds: float = READ_SECONDS) -> list[str]:
        """The ids of all collections below a document (or below the database), whether the document exists or not."""
        found: list[str] = []
        request = pb.ListCollectionIdsRequest(parent=self._name(path), page_size=300)

        def once(deadline: float) -> Any:
            response = self._list_ids(request, timeout=deadline, metadata=self._metadata)
            _record_reads(1)
            return response

        while True:
            response = self._attempt(once, operation=operation, target=path, seconds=seconds)
            found.extend(response.collection_ids)
            if not response.next_page_token:
                return found
            request.page_token = response.next_page_token


def _record_reads(count: int) -> None:
    if count:
        record("firestore_reads", count)
