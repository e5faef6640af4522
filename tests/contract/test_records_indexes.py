"""Every query that reading makes, held against `firestore.indexes.json` by a server that demands as production does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from storage.domain.layout import Layout
from storage.errors import MissingIndex
from storage.repositories.clock import utc_now
from storage.repositories.deployment import DeploymentRecords
from storage.repositories.records import Records
from storage.repositories.successes import success_records
from storage.services.search import find
from tests.rigs.firestore import EmbeddedFirestore
from tests.rigs.questions import QUESTIONS
from tests.rigs.records import NOON, World, clip, user, video

DEFINED: dict[str, Any] = json.loads((Path(__file__).parents[2] / "firestore.indexes.json").read_text())
OVERRIDES = DEFINED["fieldOverrides"]
QUERIES = {
    **QUESTIONS,
    "users_by_email": lambda records: records.users_by_email("u1@example.com"),
    "share_slugs of a video": lambda records: records.share_slugs("u1", "v"),
    "find_videos by youtube_id": lambda records: records.find_videos(youtube_id="y"),
    "find_videos by video_url": lambda records: records.find_videos(video_url="https://example.com"),
    "find_clips by filename": lambda records: records.find_clips(filename="f"),
    "find_clips by r2_key": lambda records: records.find_clips(r2_key="k"),
    "videos_by_status before": lambda records: records.videos_by_status(["failed", "processing"], NOON),
    "pages": lambda records: records.clips("u1"),
    "newest delivered": lambda records: DeploymentRecords(records._handle, utc_now).newest_delivered(20),
    "completed last": lambda records: success_records(records).finished(5),
    "analysed last": lambda records: success_records(records).analysed(5),
    "changed here": lambda records: success_records(records).changed_here(["v", "w"]),
    "some videos": lambda records: list(DeploymentRecords(records._handle, utc_now).some_videos()),
}


def demanding(indexes: dict[str, Any]) -> Iterator[World]:
    """A world whose server refuses what `indexes` do not cover, with more clips than a page."""
    with EmbeddedFirestore(require_indexes=indexes) as rig, World(rig) as world:
        world.put({"users/u1": user("u1"), "users/u1/videos/v": video("v")})
        world.put({f"users/u1/videos/v/clips/c{n}": clip("v", n) for n in range(7)})
        world.put({f"users/u1/credit_transactions/t{n}": {"timestamp": NOON} for n in range(3)})
        yield world


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A server that demands the indexes of the repository's file."""
    yield from demanding(DEFINED)


@pytest.mark.parametrize("query", QUERIES)
def test_every_query_finds_its_index_in_the_file(world: World, query: str) -> None:
    records = Records(world.handle, bulk_page=3)

    QUERIES[query](records)

    assert records._refused == set(), "a ranged read was refused and hidden by going video by video"


@pytest.mark.parametrize(
    "left_out", OVERRIDES, ids=lambda override: f"{override['collectionGroup']}.{override['fieldPath']}"
)
def test_no_entry_of_the_file_is_without_a_query_that_needs_it(left_out: dict[str, Any]) -> None:
    fewer = {**DEFINED, "fieldOverrides": [override for override in OVERRIDES if override is not left_out]}
    missed: list[Any] = []
    for world in demanding(fewer):
        for ask in QUERIES.values():
            records = Records(world.handle)
            try:
                ask(records)
            except MissingIndex as error:
                missed.append(error.definition)
            if "totals" in records._refused:  # its fall-back hides the refusal
                missed.append({"collectionGroup": "clips", "fieldPath": "file_size_bytes"})

    assert missed
    assert {(entry["collectionGroup"], entry["fieldPath"]) for entry in missed} == {
        (left_out["collectionGroup"], left_out["fieldPath"])
    }


@pytest.mark.parametrize(
    "override", OVERRIDES, ids=lambda override: f"{override['collectionGroup']}.{override['fieldPath']}"
)
def test_every_override_keeps_the_automatic_indexes_that_it_replaces(override: dict[str, Any]) -> None:
    kept = [
        {key: value for key, value in index.items() if key != "queryScope"}
        for index in override["indexes"]
        if index["queryScope"] == "COLLECTION"
    ]

    assert kept == [{"order": "ASCENDING"}, {"order": "DESCENDING"}, {"arrayConfig": "CONTAINS"}]
    assert [index for index in override["indexes"] if index["queryScope"] == "COLLECTION_GROUP"]


def test_the_definition_that_an_error_carries_is_the_entry_that_is_missing() -> None:
    for world in demanding({"indexes": [], "fieldOverrides": []}):
        with pytest.raises(MissingIndex) as caught:
            world.records.find_clips(r2_key="k")

    assert caught.value.definition in OVERRIDES


def test_the_health_check_tries_every_index_of_the_file(world: World) -> None:
    named = [f"{override['collectionGroup']}.{override['fieldPath']}" for override in OVERRIDES]

    named += [
        ",".join([index["collectionGroup"], *[f["fieldPath"] for f in index["fields"]]]).replace(",", ".", 1)
        for index in DEFINED["indexes"]
    ]

    newest = DeploymentRecords(world.handle, utc_now).indexed_queries()
    steps = success_records(world.records).indexed_queries()
    assert [name for name, _ in chain(world.records.indexed_queries(), steps, newest)] == named


def test_a_word_that_may_be_a_slug_is_looked_for_without_the_index_and_a_link_says_that_it_is_lacking() -> None:
    fewer = [override for override in OVERRIDES if override["fieldPath"] != "share_slug"]
    for world in demanding({**DEFINED, "fieldOverrides": fewer}):
        assert find(world.records, "abcd12345678", Layout()).matches == ()
        with pytest.raises(MissingIndex) as caught:
            find(world.records, "https://viralclipai.io/c/abcd12345678", Layout())

    assert caught.value.definition in OVERRIDES
