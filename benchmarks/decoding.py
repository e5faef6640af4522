"""Firestore to a frame: recorded answers decoded, one user read from Google's emulator, memory of a bulk read."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

import pandas as pd
from google.cloud.firestore_v1 import FieldFilter, types
from google.cloud.firestore_v1.base_query import _collection_group_query_response_to_snapshot

from benchmarks import sample
from benchmarks.timing import Measured, interleaved, once
from storage.clients import firestore
from storage.domain.documents import CLIPS, Schema
from storage.repositories.columns import TableBuilder
from storage.repositories.decode import encode_value
from tests.rigs.firestore import EmulatorFirestore
from tests.rigs.records import World

PAGE = 5_000
NOW = datetime(2026, 3, 1, tzinfo=UTC)
_ROOT = "projects/bench/databases/(default)/documents"
SMALL = replace(
    CLIPS, columns=tuple(c for c in CLIPS.columns if c.from_path or c.name in sample.TWELVE)
)  # what a select of twelve fields brings


class _Group:
    """What the library's snapshots ask of their collection: a client, and where documents lie."""

    class _client:  # noqa: N801 - named as the library reads it
        @staticmethod
        def document(*path: str) -> str:
            return "/".join(path)


@cache
def recorded(twelve: bool, count: int = sample.CLIPS) -> list[bytes]:
    """The answers of a query for so many clips, as they come over the wire."""
    answers = []
    for path, fields in sample.clips(count).items():
        answer = firestore.RunQueryResponse()
        answer.document.name = f"{_ROOT}/{path}"
        for name, value in fields.items():
            if not twelve or name in sample.TWELVE:
                answer.document.fields[name].CopyFrom(encode_value(value))
        for stamp in (answer.document.create_time, answer.document.update_time, answer.read_time):
            stamp.FromDatetime(NOW)
        answers.append(answer.SerializeToString())
    return answers


def usual(answers: Iterable[bytes]) -> pd.DataFrame:
    """`pd.DataFrame([d.to_dict() for d in q.stream()])`, from where the stream has the bytes."""
    rows = []
    for answer in answers:
        response = types.RunQueryResponse.deserialize(answer)
        snapshot = _collection_group_query_response_to_snapshot(response, _Group)
        rows.append(snapshot.to_dict())
    return pd.DataFrame(rows)


def ours(answers: list[bytes], schema: Schema = CLIPS) -> pd.DataFrame:
    """The desk's way: raw messages into typed columns, page by page."""
    builder = TableBuilder(schema)
    for start in range(0, len(answers), PAGE):
        builder.add(builder.page(answers[start : start + PAGE]))
    return builder.table(read_at=NOW, reads=0).frame


def decode(rounds: int) -> dict[str, Mapping[str, Measured]]:
    """Client time (CPU) of decoding 20,000 recorded documents."""
    found = {}
    for name, twelve, schema in (("22 fields", False, CLIPS), ("12 fields", True, SMALL)):
        answers = recorded(twelve)
        slow, fast = usual(answers), ours(answers, schema)
        assert slow["r2_key"].tolist() == fast["r2_key"].tolist()
        assert slow["created_at"].tolist() == fast["created_at"].tolist()
        found[name] = interleaved(
            {"usual": lambda a=answers: usual(a), "ours": lambda a=answers, s=schema: ours(a, s)},  # type: ignore[misc]
            rounds,
            clock=time.process_time,
        )
    return found


def end_to_end(rounds: int) -> dict[str, Measured]:
    """One user's 20,000 clips of 200 videos, from Google's emulator into a frame."""
    with EmulatorFirestore() as rig, World(rig) as world:
        world.put({f"users/{sample.UID}/videos/{video}": {"video_id": video} for video in sample.video_ids()})
        world.put(sample.clips())
        db = world.client

        def naive() -> pd.DataFrame:
            query = db.collection_group("clips").where(filter=FieldFilter("user_id", "==", sample.UID))
            return pd.DataFrame([document.to_dict() for document in query.stream()])

        def by_video() -> pd.DataFrame:
            rows = []
            for video in db.collection("users", sample.UID, "videos").stream():
                rows += [document.to_dict() for document in video.reference.collection("clips").stream()]
            return pd.DataFrame(rows)

        def desk() -> pd.DataFrame:
            return world.records.clips(sample.UID).frame

        assert len(naive()) == len(desk()) == sample.CLIPS
        found = interleaved({"usual": naive, "ours": desk}, rounds)
        return {**found, "by video": once("by video", by_video)}


def memory(documents: int) -> dict[str, float]:
    """Peak bytes a document above what the process had before, each in a process of its own."""
    found = {}
    for name in ("usual", "ours"):
        answer = subprocess.run(
            [sys.executable, "-m", "benchmarks.decoding", name, str(documents)],
            capture_output=True,
            text=True,
            check=True,
        )
        found[name] = float(answer.stdout)
    return found


def _peak(name: str, documents: int) -> float:
    answers = recorded(False)
    (usual if name == "usual" else ours)(answers[:500])
    many = answers * (documents // len(answers))  # the same bytes again: what is fed costs no memory
    _write("/proc/self/clear_refs", "5")
    before = _status("VmRSS")
    frame = usual(many) if name == "usual" else ours(many)
    return (_status("VmHWM") - before) * 1024 / len(frame)


def _status(name: str) -> int:
    with open("/proc/self/status", encoding="ascii") as lines:  # noqa: PTH123
        return next(int(line.split()[1]) for line in lines if line.startswith(name))


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:  # noqa: PTH123
        file.write(text)


if __name__ == "__main__":
    sys.stdout.write(f"{_peak(sys.argv[1], int(sys.argv[2]))}\n")
