"""Counts, sums and averages."""

from __future__ import annotations

import math

import pytest
from google.cloud import firestore
from google.cloud.firestore_v1.aggregation import AggregationQuery
from google.cloud.firestore_v1.base_query import FieldFilter as Where
from google.cloud.firestore_v1.types import StructuredAggregationQuery


def figures(query: AggregationQuery) -> dict[str, object]:
    """What an aggregation query says, by alias."""
    return {result.alias: result.value for result in query.get()[0]}


@pytest.fixture
def clips(db: firestore.Client) -> firestore.CollectionReference:
    """Numbers, a text and a null in one field; the last has no such field."""
    for identity, size in enumerate((10, 5, 2.5, "text", None)):
        db.document(f"clips/{identity}").set({"size": size, "even": identity % 2 == 0})
    db.document("clips/without").set({"even": True})
    return db.collection("clips")


def test_a_count_counts_documents(clips: firestore.CollectionReference) -> None:
    assert figures(clips.count("n")) == {"n": 6}
    assert figures(clips.where(filter=Where("even", "==", True)).count("n")) == {"n": 4}
    assert figures(clips.where(filter=Where("size", ">", 3)).count("n")) == {"n": 2}


def test_a_count_honours_limit_offset_and_cursors(clips: firestore.CollectionReference) -> None:
    assert figures(clips.limit(4).count("n")) == {"n": 4}
    assert figures(clips.offset(4).count("n")) == {"n": 2}
    rest = clips.order_by("__name__").start_after({"__name__": clips.document("1")})
    assert figures(rest.count("n")) == {"n": 4}


def test_a_count_can_stop_early(db: firestore.Client, clips: firestore.CollectionReference) -> None:
    aggregation = StructuredAggregationQuery.Aggregation(
        alias="n", count=StructuredAggregationQuery.Aggregation.Count(up_to={"value": 4})
    )
    request = {
        "parent": f"{db._database_string}/documents",
        "structured_aggregation_query": {
            "structured_query": clips._query()._to_protobuf(),
            "aggregations": [aggregation],
        },
    }

    [answer] = db._firestore_api.run_aggregation_query(request=request, metadata=db._rpc_metadata)
    assert answer.result.aggregate_fields["n"].integer_value == 4


def test_sums_and_averages_skip_what_is_no_number(clips: firestore.CollectionReference) -> None:
    query = clips.sum("size", "total").avg("size", "mean")

    assert figures(query) == {"total": 17.5, "mean": 17.5 / 3}


def test_sums_leave_documents_without_the_field_uncounted(clips: firestore.CollectionReference) -> None:
    assert figures(clips.sum("size", "total").count("n")) == {"total": 17.5, "n": 5}


def test_a_group_can_be_aggregated(db: firestore.Client) -> None:
    for uid in ("a", "b"):
        db.document(f"users/{uid}/clips/c").set({"size": 4})

    assert figures(db.collection_group("clips").count("n").sum("size", "total")) == {"n": 2, "total": 8}


@pytest.mark.parametrize(
    ("numbers", "total"),
    [
        ([1, 2], 3),
        ([1, 2.0], 3.0),
        ([2**63 - 1, 1], float(2**63)),
        ([2**63 - 1, 2**63 - 1, -(2**63), -(2**63)], -2),
        ([math.inf, 1], math.inf),
    ],
    ids=str,
)
def test_a_sum_is_exact_for_integers_and_a_double_beyond(
    db: firestore.Client, numbers: list[object], total: float
) -> None:
    for identity, number in enumerate(numbers):
        db.document(f"c/{identity}").set({"v": number})

    found = figures(db.collection("c").sum("v", "total"))["total"]
    assert found == total
    assert type(found) is type(total)


def test_one_nan_makes_everything_nan(db: firestore.Client) -> None:
    for identity, number in enumerate((1, math.nan)):
        db.document(f"c/{identity}").set({"v": number})

    found = figures(db.collection("c").sum("v", "total").avg("v", "mean"))
    assert math.isnan(float(str(found["total"])))
    assert math.isnan(float(str(found["mean"])))


def test_over_nothing_the_client_says_zero(db: firestore.Client) -> None:
    assert figures(db.collection("none").count("n").sum("v", "total").avg("v", "mean")) == {
        "n": 0,
        "total": 0,
        "mean": 0,
    }


def test_figures_without_a_name_are_numbered(clips: firestore.CollectionReference) -> None:
    assert figures(clips.count().avg("size")) == {"field_1": 5, "field_2": 17.5 / 3}
