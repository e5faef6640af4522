"""Handlers of queries: documents, aggregations, and the points to cut a collection group at."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import ceil
from typing import Any

from grpc import StatusCode

from storage.domain.indexes import Definition, missing_index
from storage.sandbox.firestore import field_paths
from storage.sandbox.firestore.aggregating import aggregate, figures
from storage.sandbox.firestore.answers import Answer, consistency, reply
from storage.sandbox.firestore.names import name_of, parent_named
from storage.sandbox.firestore.protos import (
    Cursor,
    Document,
    Message,
    PartitionQueryResponse,
    RunAggregationQueryResponse,
    RunQueryResponse,
    Value,
    embedded,
    set_time,
)
from storage.sandbox.firestore.querying import Plan, count, plan, run
from storage.sandbox.firestore.refusals import Refused, invalid, unimplemented
from storage.sandbox.firestore.rows import Row, Rows
from storage.sandbox.firestore.transactions import Transactions

ENTRIES_PER_READ = 1_000  # index entries that an aggregation is billed one document read for

Demand = Callable[[Message, Sequence[str]], Definition | None]
"""Of a StructuredQuery and the fields aggregated: the index to refuse it for, or None to run it."""


def demand_of(indexes: Mapping[str, Any] | Demand | None) -> Demand | None:
    """What to refuse queries by: the content of `firestore.indexes.json`, a rule of one's own, or nothing."""
    if indexes is None or callable(indexes):
        return indexes
    return lambda query, aggregated: missing_index(query, indexes, aggregated)


class Queries:
    """Handlers of the calls that run a StructuredQuery."""

    def __init__(self, rows: Rows, transactions: Transactions, demand: Demand | None) -> None:
        self._rows = rows
        self._transactions = transactions
        self._demand = demand

    def run_query(self, request: Message) -> Answer:
        """RunQuery: a message for each document, or one without any; first the id of a new transaction."""
        _refuse_explain(request)
        query = _structured_query(request)
        parent = parent_named(request.parent)
        planned = plan(parent, query)
        self._require_index(query)
        transaction, begun = consistency(request, parent.database, self._transactions)
        with self._rows.reading() as now:
            found = run(self._rows, planned)
            skipped = min(planned.offset, count(self._rows, _unpaged(planned))) if planned.offset else 0
            if transaction is not None:
                transaction.saw(lambda: _versions(run(self._rows, planned)), _versions(found))
        reads = max(1, len(found) + skipped)
        return Answer(_responses(found, planned, begun, now), documents=len(found), reads=reads)

    def run_aggregation_query(self, request: Message) -> Answer:
        """RunAggregationQuery: one message with all figures, and the id of a transaction begun with it."""
        _refuse_explain(request)
        query = _structured_query(request.structured_aggregation_query)
        parent = parent_named(request.parent)
        wanted = figures(list(request.structured_aggregation_query.aggregations))
        planned = plan(parent, query)
        self._require_index(query, [".".join(figure.path) for figure in wanted if figure.path])
        transaction, begun = consistency(request, parent.database, self._transactions)
        response = RunAggregationQueryResponse(transaction=begun)
        with self._rows.reading() as now:
            values, entries = aggregate(self._rows, planned, wanted)
            if transaction is not None:
                transaction.saw(lambda: aggregate(self._rows, planned, wanted), (values, entries))
        set_time(response.read_time, now)
        for alias, value in values.items():
            response.result.aggregate_fields[alias].CopyFrom(value)
        return Answer((response.SerializeToString(),), reads=max(1, ceil(entries / ENTRIES_PER_READ)))

    def partition_query(self, request: Message) -> Answer:
        """PartitionQuery: up to `partition_count` names, in order, that cut a group into equal parts."""
        query = _structured_query(request)
        if request.partition_count <= 0:
            raise invalid("partition_count must be positive.")
        planned = plan(parent_named(request.parent), query)
        if not query.from_ or not query.from_[0].all_descendants or not planned.is_scan:
            raise invalid("Only unfiltered collection groups, ordered by __name__, can be partitioned.")
        if query.HasField("limit") or query.offset or query.HasField("start_at") or query.HasField("end_at"):
            raise invalid("A query with a limit, an offset or cursors cannot be partitioned.")
        with self._rows.reading():
            paths = self._rows.paths(planned.scope)
        parts = request.partition_count + 1
        cuts = sorted({len(paths) * part // parts for part in range(1, parts)} - {0, len(paths)})
        first = int(request.page_token) if request.page_token.isdecimal() else 0
        last = first + request.page_size if request.page_size > 0 else len(cuts)
        response = PartitionQueryResponse(next_page_token=str(last) if last < len(cuts) else "")
        for cut in cuts[first:last]:
            reference = Value(reference_value=str(name_of(paths[cut])))
            response.partitions.append(Cursor(values=[reference], before=True))
        return reply(response, reads=1)

    def _require_index(self, query: Message, aggregated: Sequence[str] = ()) -> None:
        missing = self._demand(query, aggregated) if self._demand is not None else None
        if missing is not None:
            raise Refused(
                StatusCode.FAILED_PRECONDITION,
                f"The query requires an index. Define it in firestore.indexes.json: {json.dumps(missing)}",
            )


def _structured_query(request: Message) -> Message:
    if request.WhichOneof("query_type") != "structured_query":
        raise invalid("only structured queries are supported")
    return request.structured_query


def _refuse_explain(request: Message) -> None:
    if request.HasField("explain_options"):
        raise unimplemented("Query explain")


def _responses(found: list[Row], planned: Plan, begun: bytes, now: int) -> Iterator[bytes]:
    """Serialized RunQueryResponses; without a mask the stored bytes go out as they are."""
    if begun:
        yield RunQueryResponse(transaction=begun).SerializeToString()
    stamp = RunQueryResponse()
    set_time(stamp.read_time, now)
    tail = stamp.SerializeToString()
    if not found:
        yield RunQueryResponse(read_time=stamp.read_time, done=True).SerializeToString()
    for row in found:
        body = row.body
        if planned.mask is not None:
            body = field_paths.masked(Document.FromString(body), planned.mask).SerializeToString()
        yield embedded(1, body) + tail


def _unpaged(planned: Plan) -> Plan:
    return replace(planned, offset=0, limit=None)


def _versions(found: list[Row]) -> list[tuple[bytes, int]]:
    return [(row.path, row.updated) for row in found]
