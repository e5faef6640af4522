"""One SeaweedFS for a test run: tokens with different rights, settings that reach it, a bucket for each test.

`rig_of` finds the store of a bucket; `put` and `contents` go past whatever lies between it and the desk. An object's
bytes are asked of the store once for each digest: a look at a bucket of thirty objects costs 2 ms, and not 60.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from google.protobuf.unknown_fields import UnknownFieldSet

from storage.actions import object_conditions
from storage.clients import r2
from storage.sandbox import seaweed
from storage.sandbox.seaweed import HOST, Filer, Identity, SeaweedFS
from storage.settings.backends import KeyPair, R2Settings
from storage.text import Secret

ADMIN = ("AKIDRIGADMIN00000001", "rig-admin-secret-7d1f0c")
READER = ("AKIDRIGREADER0000002", "rig-reader-secret-93be2a")
UNLISTING = ("AKIDRIGUNLIST0000003", "rig-unlisting-secret-c40e51")
NOBODY = ("AKIDRIGNOBODY0000004", "rig-nobody-secret-5a77d8")
SECRETS = tuple(value for pair in (ADMIN, READER, UNLISTING, NOBODY) for value in pair)
R2_DESTINATION = "cf-copy-destination-"
CONDITIONS = frozenset({"if-match", "if-none-match", f"{R2_DESTINATION}if-match", f"{R2_DESTINATION}if-none-match"})


MOST_INSIDE = 65_536  # bytes of an object that its own entry holds
_MIME, _DIGEST = 7, 14  # the numbers of these attributes in SeaweedFS's `filer.proto`

_numbers = itertools.count(1)
_rigs: dict[str, SeaweedRig] = {}


def rig_of(bucket: str) -> SeaweedRig:
    """The store that made this bucket."""
    return _rigs[bucket]


def straight(settings: R2Settings) -> bool:
    """Whether nothing lies between these settings and a store of the rigs."""
    return any(rig.endpoint == settings.endpoint_url for rig in _rigs.values())


def writer_of(settings: R2Settings) -> r2.R2Client:
    """A handle for writing: the store's own where these settings reach it straight, as the administrator."""
    there = (rig for rig in _rigs.values() if rig.endpoint == settings.endpoint_url)
    rig = next(there, None) if settings.write == pair(ADMIN) else None
    return rig.writer(settings.bucket) if rig else r2.write_client(settings)


def pair(token: tuple[str, str]) -> KeyPair:
    """A token as settings hold it."""
    return KeyPair(Secret(token[0]), Secret(token[1]))


def _signed(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:
    """The headers of a request with a signature for just these."""
    dropped = {"authorization", "x-amz-date", "connection", "expect"}
    kept = {name: value for name, value in headers.items() if name.lower() not in dropped}
    host = next(value for name, value in headers.items() if name.lower() == "host")
    request = AWSRequest(method, f"http://{host}{path}", headers=kept, data=body)
    S3SigV4Auth(Credentials(*ADMIN), "s3", "auto").add_auth(request)
    return dict(request.headers.items())


class SeaweedRig:
    """The running store. `ADMIN` may do all; `READER` read and list; `UNLISTING` read only; `NOBODY` nothing."""

    def __init__(self, directory: Path) -> None:
        self.process = SeaweedFS(
            directory,
            *ADMIN,
            identities=(
                Identity(*READER, ("Read", "List")),
                Identity(*UNLISTING, ("Read",)),
                Identity(*NOBODY, ("Read:no-such-bucket",)),
            ),
        )
        self._reader, self._writer = r2.read_client(self.settings()), r2.write_client(self.settings())
        self._bytes: dict[bytes, bytes] = {}
        self._patterns: dict[tuple[bytes, str], Any] = {}
        self._filer = Filer(f"{HOST}:{self.process.filer_port}")

    @property
    def endpoint(self) -> str:
        """The S3 endpoint."""
        return self.process.endpoint

    def settings(self, bucket: str = "desk", **over: Any) -> R2Settings:
        """Settings that reach `bucket` as the administrator; `over` replaces fields of `R2Settings`."""
        base = R2Settings(bucket, self.endpoint, "auto", "users/", "", pair(ADMIN), pair(ADMIN), read_is_separate=False)
        return replace(base, **over)

    def reader(self, bucket: str) -> r2.R2Client:
        """The rig's own handle for reading, as the administrator."""
        return self._reader.at(bucket)

    def writer(self, bucket: str) -> r2.R2Client:
        """The rig's own handle for writing, as the administrator."""
        return self._writer.at(bucket)

    def values(self, bucket: str) -> dict[str, str]:
        """The same as environment variables."""
        return {
            "R2_ENDPOINT_URL": self.endpoint,
            "R2_BUCKET_NAME": bucket,
            "R2_ACCESS_KEY_ID": ADMIN[0],
            "R2_SECRET_ACCESS_KEY": ADMIN[1],
            "R2_KEY_PREFIX": "users/",
        }

    def without_conditions(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:
        """For a proxy: a request as a store sees it that knows no condition on what it may overwrite."""
        return _signed(method, path, {name: v for name, v in headers.items() if name.lower() not in CONDITIONS}, body)

    def as_r2_words_it(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:
        """For a proxy: a request as R2's documents say it sees it. A copy's destination has conditions of R2's own; a
        deletion has none.
        """
        lower = {name.lower(): value for name, value in headers.items()}
        if method == "PUT" and "x-amz-copy-source" not in lower:
            return headers
        own = {n.removeprefix(R2_DESTINATION): v for n, v in lower.items() if n.startswith(R2_DESTINATION)}
        return _signed(method, path, {**{n: v for n, v in lower.items() if n not in CONDITIONS}, **own}, body)

    def fresh_bucket(self) -> str:
        """The name of a new, empty bucket."""
        return self.bucket(f"desk-{next(_numbers):04d}")

    def bucket(self, name: str) -> str:
        """The bucket of this name, made unless it exists. Which conditions on writes it keeps is known already."""
        self.process.create_bucket(name)
        _rigs[name] = self
        for asked, kept in self._conditions.items():
            object_conditions._known[self.endpoint, name, *asked] = kept
        return name

    @cached_property
    def _conditions(self) -> dict[tuple[object_conditions.Write, bool], object_conditions.Dialect]:
        """What the store keeps, as the desk finds it out: 20 calls, which each test would make for its bucket."""
        self.process.create_bucket("conditions")
        object_conditions.Conditions(self.writer("conditions")).kept()
        return {
            (write, nothing): kept
            for (endpoint, bucket, write, nothing), kept in object_conditions._known.items()
            if (endpoint, bucket) == (self.endpoint, "conditions")
        }

    def put(self, bucket: str, objects: Mapping[str, tuple[bytes, str]]) -> None:
        """Writes objects: bytes and content type by key."""
        client = self._writer.at(bucket)
        for key, (body, kind) in objects.items():
            client.call("put_object", key, Key=key, Body=body, ContentType=kind, Metadata={"made": "by the rig"})

    def fill(self, bucket: str, objects: Mapping[str, tuple[bytes, str]]) -> None:
        """As `put`, but past the S3 interface where the store has had such an object: at a seventh of the cost.

        Each object keeps its bytes in its own entry, as those of the demo do.
        """
        known = []
        for key, (body, kind) in objects.items():
            pattern = self._patterns.get((body, kind))
            if pattern is not None:
                known.append((key, datetime.now(UTC), pattern))
                continue
            self.put(bucket, {key: (body, kind)})
            if len(body) <= MOST_INSIDE:
                self._patterns[body, kind] = self._filer.pattern(bucket, key, body)
        self._filer.like(bucket, known)

    def copies(self, bucket: str, original: str, keys: Sequence[str]) -> None:
        """Writes thousands of objects that share the bytes of one, past the S3 interface: ten times as fast as puts.

        Once one of them is deleted, the bytes of the others are gone too.
        """
        folder, _, name = f"/buckets/{bucket}/{original}".rpartition("/")
        entry = self._filer._look_up(folder, name)
        put, outcome = seaweed._CLASSES["Put"], seaweed._CLASSES["Outcome"]
        create = self._filer._channel.unary_unary(
            "/filer_pb.SeaweedFiler/CreateEntry", put.SerializeToString, outcome.FromString
        )
        for start in range(0, len(keys), 64):
            under_way = []
            for key in keys[start : start + 64]:
                folder, _, entry.name = f"/buckets/{bucket}/{key}".rpartition("/")
                under_way.append(create.future(put(directory=folder, entry=entry)))
            assert not any(each.result().error for each in under_way)

    def contents(self, bucket: str, *, leave_out: str = ".uploads/") -> dict[str, tuple[bytes, str | None]]:
        """Every object with its bytes and content type, but for those whose keys begin with `leave_out`."""
        root, client = f"/buckets/{bucket}/", self._writer.at(bucket)
        found: dict[str, tuple[bytes, str | None]] = {}
        for folder, entry in self._filer.tree(f"/buckets/{bucket}"):
            key = f"{folder}/{entry.name}".removeprefix(root)
            attributes = {field.field_number: field.data for field in UnknownFieldSet(entry.attributes)}
            digest = attributes.get(_DIGEST)
            if digest is None or key.startswith((".uploads/", leave_out)):
                continue
            if digest not in self._bytes:
                self._bytes[digest] = client.call("get_object", key, Key=key)["Body"].read()
            kind = attributes.get(_MIME)
            found[key] = (self._bytes[digest], kind.decode() if kind else None)
        return found

    def stop(self) -> None:
        """Ends the process; its data are not needed again."""
        self._filer.close()
        self.process.stop(at_once=True)
