"""Puts the sample data into the stand-ins, and moves their dates when they have grown old.

A document belongs to the sample as long as its update time is that of one of the sample's loads; changes and deletions
by a person in the demo stay.

It also makes the figures about all customers, as the command does, so that their page is not empty at the first start.
Only the growth before today comes from the creation dates of the documents, because no counters exist for those days; a
view says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from storage.actions.documents import DocumentWriter
from storage.actions.objects import ObjectWriter
from storage.actions.rollup import run_rollup, write_shard
from storage.actions.writers import Writers
from storage.clients import firestore, r2
from storage.clients.firestore import PAGE_SECONDS, FirestoreHandle
from storage.domain.documents import MultipartUpload
from storage.domain.rollup import DAYS, Content
from storage.domain.usage import DEFAULT_LIMITS
from storage.repositories.objects import Objects
from storage.repositories.records import Records
from storage.sandbox import scanned, world
from storage.sandbox.demo_state import SampleData
from storage.sandbox.firestore import FirestoreServer
from storage.sandbox.scanned import BUCKET, keep_scans
from storage.sandbox.seaweed import SeaweedFS
from storage.sandbox.world.builder import MEDIA, SampleWorld

STALE_AFTER = timedelta(minutes=15)


PROJECT = "demo-clip-desk"
SEED = 7
OWN = "ops_"  # the prefix of the desk's own collections
DATED_BY = "updated_at"  # a loaded document counts as written at this time, as real documents of its age do
_PART = b"\0" * 65_536  # the bytes that an unfinished upload has sent


def write_rollup(seaweed: SeaweedFS, handle: FirestoreHandle, sample: SampleWorld, there: Collection[str]) -> None:
    """Makes the figures as of the sample's time. `there` are the paths of its documents that still exist."""
    records, writer = Records(handle), DocumentWriter(handle)
    settings = seaweed.settings(BUCKET)
    writers = Writers(ObjectWriter(r2.write_client(settings), BUCKET), writer)
    shard = run_rollup(
        records,
        writer,
        DEFAULT_LIMITS,
        lambda: sample.now,
        stale_after=STALE_AFTER,
        bucket=(Objects(r2.read_client(settings), BUCKET), writers),
    ).shard
    today = sample.now.astimezone(UTC).date()
    points = growth({path: sample.documents[path] for path in there if path in sample.documents}, today)
    write_shard(records, writer, replace(shard, points=[*points, *shard.points]))


def growth(documents: Mapping[str, Mapping[str, Any]], today: date) -> list[Content]:
    """A point for each day before today: the present documents that were created by the end of that day.

    The counters of that day are unknown.
    """
    born = [(path.split("/"), fields.get("created_at"), fields) for path, fields in documents.items()]
    days = [today - timedelta(days=back) for back in range(DAYS - 1, 0, -1)]
    return [_point(day, [(p, f) for p, at, f in born if isinstance(at, datetime) and at.date() <= day]) for day in days]


def _point(day: date, born: list[tuple[list[str], Mapping[str, Any]]]) -> Content:
    clips = [fields for parts, fields in born if len(parts) == 6 and parts[4] == "clips"]
    sizes = [fields.get("file_size_bytes") for fields in clips]
    return {
        "day": day.isoformat(),
        "users": sum(len(parts) == 2 and parts[0] == "users" for parts, _ in born),
        "videos": sum(len(parts) == 4 and parts[2] == "videos" for parts, _ in born),
        "clips": len(clips),
        "clip_bytes": sum(size for size in sizes if isinstance(size, int)),
        "used_bytes": None,
    }


def code_fingerprint() -> str:
    """A digest of the code and the media that make the sample data: when it changes, older data are replaced."""
    digest = hashlib.sha256()
    for path in [
        *sorted(Path(world.__file__).parent.glob("*.py")),
        *sorted(MEDIA.iterdir()),
        Path(__file__),
        Path(scanned.__file__),
    ]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def seed(
    seaweed: SeaweedFS,
    server: FirestoreServer,
    handle: FirestoreHandle,
    now: datetime,
    say: Callable[[str], None] = lambda _: None,
) -> SampleData:
    """Puts everything into empty stand-ins; the sample is complete when this returns. `say` gets each step's words."""
    sample = world.build(now, SEED)
    store(seaweed, server, sample, say)
    say("Making the figures of all customers, and checking their files.")
    write_rollup(seaweed, handle, sample, sample.documents)
    keep_scans(seaweed, handle, sample, days=(4, 0))
    return SampleData(code_fingerprint(), SEED, sample.now, _stamps(handle, sample.documents))


def store(
    seaweed: SeaweedFS, server: FirestoreServer, sample: SampleWorld, say: Callable[[str], None] = lambda _: None
) -> None:
    """Puts the sample's documents, objects and unfinished uploads into empty stand-ins."""
    say(f"Making the sample data, only this first time: {len(sample.documents):,} documents.")
    server.load(PROJECT, sample.documents, dated_by=DATED_BY)
    client = r2.write_client(seaweed.settings(BUCKET))
    say(f"Storing {len(sample.objects):,} files: clips, thumbnails and what lies beside them.")
    seaweed.fill(BUCKET, ((each.key, each.content(), each.content_type, each.modified) for each in sample.objects))
    for upload in sample.uploads:
        _begin_upload(client, upload.key, upload.content_type)
    _date_uploads(seaweed, client, sample)


def redate(
    seaweed: SeaweedFS, server: FirestoreServer, handle: FirestoreHandle, old: SampleData, now: datetime
) -> SampleData:
    """Moves the sample's dates to `now`: unchanged documents and objects get new times, all others stay."""
    before, after = world.build(old.dated, old.seed), world.build(now, old.seed)
    stamps = update_times(handle)
    dated = {path: _micros(fields.get(DATED_BY)) for path, fields in before.documents.items()}
    own = {
        path
        for path, stamp in stamps.items()
        if path in after.documents and (stamp in old.stamps or stamp == dated.get(path))
    }
    changed = {path: after.documents[path] for path in own if after.documents[path] != before.documents.get(path)}
    server.load(PROJECT, changed, dated_by=DATED_BY)
    written = {each.key: each.modified for each in before.objects}  # what has another age was changed by a person
    seaweed.backdate_objects(BUCKET, {each.key: each.modified for each in after.objects}, written)
    _date_uploads(seaweed, r2.write_client(seaweed.settings(BUCKET)), after)
    write_rollup(seaweed, handle, after, stamps)
    keep_scans(seaweed, handle, after, days=(0,))
    return SampleData(old.code, old.seed, after.now, (*old.stamps, *_stamps(handle, changed)))


def _micros(moment: object) -> int | None:
    """The stamp of a document that was loaded with this time."""
    if not isinstance(moment, datetime):
        return None
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def update_times(handle: FirestoreHandle) -> dict[str, int]:
    """The update time, in microseconds since 1970, of every document but the desk's own, by path."""
    query = firestore.StructuredQuery()
    query.from_.add(all_descendants=True)
    query.select.fields.add(field_path="__name__")
    root = handle.name("") + "/"

    def consume(documents: Iterable[Any]) -> dict[str, int]:
        found = {each.name.removeprefix(root): each.update_time.ToMicroseconds() for each in documents}
        return {path: stamp for path, stamp in found.items() if not path.startswith(OWN)}

    return handle.run_query(query, consume, operation="read the sample's documents", seconds=PAGE_SECONDS)


def _begin_upload(client: r2.R2Client, key: str, content_type: str) -> None:
    begun = client.call("create_multipart_upload", key, Key=key, ContentType=content_type)
    client.call("upload_part", key, Key=key, UploadId=begun["UploadId"], PartNumber=1, Body=_PART)


def _date_uploads(seaweed: SeaweedFS, client: r2.R2Client, sample: SampleWorld) -> None:
    ages: Mapping[str, datetime] = {each.key: sample.now - each.age for each in sample.uploads}
    for upload in client.call("list_multipart_uploads", BUCKET).get("Uploads", ()):
        if upload["Key"] in ages:
            begun = MultipartUpload(upload["Key"], upload["UploadId"], upload["Initiated"])
            seaweed.backdate_upload(BUCKET, begun, ages[upload["Key"]])


def _undated(documents: Mapping[str, Mapping[str, object]]) -> str | None:
    """The path of a document whose stamp is the time of its loading."""
    return next((path for path, fields in documents.items() if not isinstance(fields.get(DATED_BY), datetime)), None)


def _stamps(handle: FirestoreHandle, documents: Mapping[str, Mapping[str, object]]) -> tuple[int, ...]:
    """The update time that the last load gave to its documents without a time of their own."""
    path = _undated(documents)
    if path is None:
        return ()
    document = handle.batch_get([path], operation="read a document of the sample")[path]
    return (int(document.update_time.ToMicroseconds()),)
