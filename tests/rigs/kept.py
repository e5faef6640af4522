"""Worlds that an earlier version of the desk wrote, put into fresh stores as they were: `tests/kept` says which."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from google.protobuf import json_format

from storage.actions.scans import ScanKeeper
from storage.clients import firestore as pb
from storage.clients import r2
from tests.purge.world import LIMITS, PurgeWorld
from tests.rigs.firestore import EmbeddedFirestore
from tests.rigs.seaweed import SeaweedRig

FOLDER = Path(__file__).resolve().parents[1] / "kept"
AUDIT_KEY = b"kept-audit-key-0123456789"
LATER = timedelta(minutes=10)  # every lease has ended, and no plan has expired


class Kept:
    """One of the files: where and when it was made, its documents as messages, its objects, and other texts."""

    def __init__(self, name: str) -> None:
        rows = [json.loads(line) for line in gzip.decompress((FOLDER / f"{name}.jsonl.gz").read_bytes()).splitlines()]
        self.at = datetime.fromisoformat(rows[0]["at"])
        self.project: str = rows[0]["project"]
        self.bucket: str = rows[0]["bucket"]
        self.documents = [json_format.ParseDict(row["document"], pb.Document()) for row in rows if "document" in row]
        self.objects: list[dict[str, Any]] = [row["object"] for row in rows if "object" in row]
        self.texts: dict[str, str] = {row["file"]: row["text"] for row in rows if "file" in row}

    def before(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """What `PurgeWorld.snapshot` gave before the purge that the file is about."""
        said = json.loads(self.texts["before.json"])
        objects = {key: (base64.b64decode(body), kind) for key, (body, kind) in said["objects"].items()}
        documents = {
            path: {name: json_format.ParseDict(cell, pb.Value()) for name, cell in fields.items()}
            for path, fields in said["documents"].items()
        }
        return objects, documents

    @property
    def shown(self) -> dict[str, Any]:
        """What the version that made the file read out of it, as JSON."""
        return dict(json.loads(self.texts["shown.json"]))


def holds(now: Any, kept: Any) -> bool:
    """Whether everything that was kept is there now with the same value; there may be more."""
    if isinstance(kept, dict):
        return isinstance(now, dict) and all(name in now and holds(now[name], value) for name, value in kept.items())
    if isinstance(kept, list):
        return isinstance(now, list) and len(now) == len(kept) and all(map(holds, now, kept))
    return bool(now == kept)


def as_shown(value: Any) -> Any:
    """A value in the JSON of `shown`."""
    return json.loads(json.dumps(value, default=str))


class KeptWorld(PurgeWorld):
    """A world in which such a file was put; for every clock in it, Firestore's too, it is `later` after it was made."""

    def __init__(self, kept: Kept, firestore: _Rig, seaweed: SeaweedRig) -> None:
        self.kept = kept
        super().__init__(firestore, seaweed.values(kept.bucket), LIMITS)
        self.offset = firestore.offset


def scan_keeper(world: PurgeWorld) -> ScanKeeper:
    """Where scans of this world are kept."""
    stores = world.stores
    return ScanKeeper(stores.records, stores.objects, world.purging.writers, stores.layout, world.now, 90)


@contextmanager
def kept_world(seaweed: SeaweedRig, name: str, later: timedelta = LATER) -> Iterator[KeptWorld]:
    """The world of the file `name`; its bucket's name is as it was, so there is one such world at a time."""
    kept = Kept(name)
    with _Rig(kept, kept.at + later - datetime.now(UTC)) as firestore:
        world = KeptWorld(kept, firestore, seaweed)
        try:
            seaweed.bucket(kept.bucket)
            sdk = r2.write_client(world.settings.r2).sdk
            for key in world.own_keys(""):
                sdk.delete_object(Bucket=kept.bucket, Key=key)
            for item in kept.objects:
                body = base64.b64decode(item["base64"])
                about = {"ContentType": item["type"], "Metadata": item["metadata"]}
                sdk.put_object(Bucket=kept.bucket, Key=item["key"], Body=body, **about)
            firestore.server.put_back(kept.documents)
            yield world
        finally:
            world.close()


class _Rig(EmbeddedFirestore):
    """A Firestore that lives `offset` from the present, in whose only project the file's documents were written."""

    def __init__(self, kept: Kept, offset: timedelta) -> None:
        super().__init__()
        self._project = kept.project
        self.offset = offset

    def fresh_project(self) -> str:
        return self._project
