"""Our own server as a process and a store: durable, and loaded in one commit."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore

from storage.sandbox.firestore import CallRefused, FirestoreServer, queries
from tests.rigs.firestore import EmbeddedFirestore
from tests.rigs.waiting import PATIENCE_SECONDS


@contextmanager
def process(data: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The server alone in a process of its own, and its address."""
    command = [sys.executable, "-m", "storage.sandbox.firestore", "--data", str(data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        try:
            yield running, running.stdout.readline().strip()
        finally:
            running.kill()


def test_a_killed_process_loses_no_acknowledged_commit_and_one_that_is_asked_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "deep" / "demo.sqlite3"
    with process(data) as (running, host):
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", host)
        client = firestore.Client(project="p", credentials=AnonymousCredentials())
        written = [client.document(f"c/{number}").set({"n": number}).update_time for number in range(20)]
        os.kill(running.pid, signal.SIGKILL)
        running.wait()
        client._firestore_api.transport.close()

    with process(data) as (running, host):
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", host)
        client = firestore.Client(project="p", credentials=AnonymousCredentials())
        found = client.collection("c").order_by("n").get()
        client._firestore_api.transport.close()
        running.terminate()
        assert running.wait(timeout=PATIENCE_SECONDS) == 0
    assert [(snapshot.create_time, snapshot.update_time) for snapshot in found] == [(at, at) for at in written]


def test_a_taken_port_is_an_error(embedded: EmbeddedFirestore) -> None:
    other = FirestoreServer(port=int(embedded.host.rpartition(":")[2]))
    with pytest.raises(RuntimeError):
        other.start()
    other.stop()


def test_projects_do_not_see_each_other(embedded: EmbeddedFirestore) -> None:
    one, other = embedded.client("one"), embedded.client("other")
    one.document("c/d").set({"v": 1})

    assert not other.document("c/d").get().exists
    assert list(other.collection_group("c").stream()) == []
    assert list(other.collections()) == []


def test_a_write_stays_in_the_database_of_its_request(embedded_db: firestore.Client) -> None:
    write = {"delete": "projects/another/databases/(default)/documents/c/d"}

    with pytest.raises(exceptions.InvalidArgument):
        embedded_db._firestore_api.commit(database=embedded_db._database_string, writes=[write])


SAMPLE: dict[str, Any] = {
    "text": "é",
    "none": None,
    "flag": True,
    "whole": 7,
    "part": 0.5,
    "at": dt.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=dt.UTC),
    "raw": b"\x00",
    "place": firestore.GeoPoint(1, -2),
    "list": [1, {"x": []}],
    "map": {"a": {"b": None}, "empty": {}},
}


def test_loaded_documents_are_as_if_written_by_the_client(
    embedded: EmbeddedFirestore, embedded_db: firestore.Client
) -> None:
    fields = {**SAMPLE, "ref": embedded_db.document("a/b")}
    naive = SAMPLE["at"].replace(tzinfo=None)
    embedded.server.load(
        embedded_db.project, {"users/u/c/loaded": {**fields, "at": naive}, "users/u/c/other": {"v": 1}}
    )
    assert not embedded.faults.calls
    loaded = embedded_db.document("users/u/c/loaded").get()
    assert loaded.update_time == embedded_db.document("users/u/c/other").get().update_time
    written = embedded_db.document("users/u/c/written")
    written.set(fields)

    assert loaded.to_dict() == written.get().to_dict()
    again = loaded.reference.set(fields)
    assert again.update_time == loaded.update_time


@pytest.mark.parametrize(
    ("documents", "refusal"),
    [
        ({"c/good": {"v": 1}, "c": {"v": 1}}, CallRefused),
        ({"c/good": {"v": 1}, "c/bad": {"v": [[1]]}}, CallRefused),
        ({"c/good": {"v": 1}, "c/bad": {"v": object()}}, TypeError),
    ],
)
def test_a_load_is_checked_and_all_or_nothing(
    embedded: EmbeddedFirestore,
    embedded_db: firestore.Client,
    documents: dict[str, Any],
    refusal: type[Exception],
) -> None:
    with pytest.raises(refusal):
        embedded.server.load(embedded_db.project, documents)
    assert not embedded_db.document("c/good").get().exists


def test_a_plain_scan_and_a_count_never_look_into_a_document(
    embedded: EmbeddedFirestore, embedded_db: firestore.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedded.server.load(embedded_db.project, {f"users/u/c/{n}": {"n": n} for n in range(10)})

    class Unreadable:
        @staticmethod
        def FromString(_: bytes) -> NoReturn:  # noqa: N802 - the name is protobuf's
            raise AssertionError("a document was parsed")

    monkeypatch.setattr(queries, "Document", Unreadable)

    assert len(list(embedded_db.collection("users/u/c").stream())) == 10
    group = embedded_db.collection_group("c").order_by("__name__")
    page = group.start_after({"__name__": embedded_db.document("users/u/c/3")}).limit(4)
    assert [snapshot.id for snapshot in page.stream()] == ["4", "5", "6", "7"]
    assert group.count().get()[0][0].value == 10


def test_a_request_over_ten_mebibytes_is_refused(embedded_db: firestore.Client) -> None:
    batch = embedded_db.batch()
    for number in range(11):
        batch.set(embedded_db.document(f"c/{number}"), {"v": "x" * 1_000_000})

    with pytest.raises(exceptions.InvalidArgument, match="payload size"):
        batch.commit()
    assert list(embedded_db.collection("c").list_documents()) == []
