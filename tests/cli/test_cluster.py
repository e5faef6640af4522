"""`verify --all --on`: the same scan on a scheduler and workers of their own, of which anything may be killed.

One world and one cluster serve the whole file: a scheduler here, its workers in processes of their own, forked from one
that has Dask and the desk imported.
"""

from __future__ import annotations

import copyreg
import os
import random
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import pytest
from grpc import StatusCode

from storage.actions.objects import ObjectWriter
from storage.clients import cluster
from storage.clients.cluster import workers_at
from storage.domain.integrity import Failure
from storage.domain.ranges import shard_range
from storage.domain.scans.kept import FOLDER
from storage.repositories.objects import Objects
from storage.repositories.scans import scan_records
from tests.cli.conftest import Answer, Desk
from tests.cli.test_scans import customer
from tests.rigs import forked
from tests.rigs.firestore import EmbeddedFirestore
from tests.rigs.records import World
from tests.rigs.seaweed import SECRETS, SeaweedRig
from tests.rigs.waiting import until

ROOT = Path(__file__).resolve().parents[2]
PRELOADED = (
    "dask.__main__",
    "distributed.cli.dask_worker",
    "distributed.nanny",
    "storage.worker",
    "tests.rigs.command",
)
RANGES = 16
LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@pytest.fixture(scope="module", autouse=True)
def no_causes_in_pickles() -> Iterator[None]:
    """Dask has every exception of a process pickle its causes too, SDK's locks included; the desk never loads Dask."""
    before = dict(copyreg.dispatch_table)
    yield
    copyreg.dispatch_table.clear()
    copyreg.dispatch_table.update(before)


@pytest.fixture(scope="module", autouse=True)
def own_forks() -> Iterator[None]:
    """Processes are forked here from one with these modules, and not from that of other files."""
    server = forkserver.ForkServer()
    server.set_forkserver_preload(list(PRELOADED))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forkserver, "connect_to_new_process", server.connect_to_new_process)
        patch.setattr(forkserver, "set_forkserver_preload", lambda names: None)  # Dask asks that of all files' server
        yield
        server._stop()


class Recorder:
    """Passes on what a scheduler and its clients and workers say to each other, and remembers it."""

    def __init__(self, upstream: str) -> None:
        host, _, port = upstream.rpartition("//")[2].rpartition(":")
        self._upstream = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        self.said = bytearray()
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            there = socket.create_connection(self._upstream)
            for one, other in ((client, there), (there, client)):
                threading.Thread(target=self._pass, args=(one, other), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while piece := source.recv(65_536):
                self.said += piece
                target.sendall(piece)
        except OSError:
            pass
        finally:
            target.close()

    def close(self) -> None:
        self._listener.close()


class Fleet:
    """A cluster: a scheduler, and workers that are told where the stores are by their own environment."""

    def __init__(self, scheduler: str, environment: dict[str, str], folder: Path) -> None:
        self.relay = Recorder(scheduler)
        self._environment = {**os.environ, **environment}
        self._folder = folder
        self.workers: list[forked.Forked] = []

    def add(self) -> None:
        """A worker more."""
        command = ["dask", "worker", self.relay.address, "--no-nanny", "--nthreads", "2", "--no-dashboard"]
        command += ["--memory-limit", "0", "--local-directory", str(self._folder)]
        self.workers.append(self.start(command, "dask.__main__"))

    def start(self, command: list[str], module: str) -> forked.Forked:
        """A process with the workers' settings that runs `python -m` with this command."""
        log = self._folder / f"process-{len(self.workers)}.log"
        arguments = (log, ROOT, self._environment, command, module)
        return forked.Forked(forked.processes.Process(target=forked.run, args=arguments))

    def stop(self) -> None:
        for worker in self.workers:
            worker.kill()
            worker.wait()
        self.relay.close()


@pytest.fixture(scope="module")
def world(r2_rig: SeaweedRig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Desk, Fleet]]:
    """20 customers, of whom a few are not well, and a cluster of two workers."""
    from distributed import LocalCluster

    with ExitStack() as stack:
        rig = stack.enter_context(EmbeddedFirestore())
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        held = stack.enter_context(World(rig))
        bucket = r2_rig.fresh_bucket()
        values = r2_rig.values(bucket) | held.values() | {"HIGHLIGHTS_SOURCE": "document"}
        for name in list(os.environ):
            if name.startswith(("R2_", "FIREBASE_", "FIRESTORE_EMULATOR_HOST")):
                patch.delenv(name)
        for name, value in values.items():
            patch.setenv(name, value)
        writer = ObjectWriter(r2_rig.writer(bucket), bucket)
        desk = Desk(held, Objects(r2_rig.reader(bucket), bucket), writer, bucket, lambda *_: None)
        chance = random.Random(4)
        for place in range(20):
            uid = "".join(chance.choices(LETTERS, k=28))
            customer(desk, uid, clips=1, missing=(1,) if place % 5 == 0 else ())
        with patch.context() as allowed:
            allowed.setenv("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "2")
            scheduler = stack.enter_context(
                LocalCluster(
                    n_workers=0, processes=False, protocol="tcp", dashboard_address="127.0.0.1:0", host="127.0.0.1"
                )
            )
        fleet = Fleet(scheduler.scheduler_address, values, tmp_path_factory.mktemp("workers"))
        stack.callback(fleet.stop)
        for _ in range(2):
            fleet.add()
        yield desk, fleet


@pytest.fixture
def desk(world: tuple[Desk, Fleet], run: Any) -> Iterator[Desk]:
    desk, _ = world
    desk.run = run
    yield desk
    desk.world.faults.clear()


@pytest.fixture
def fleet(world: tuple[Desk, Fleet]) -> Fleet:
    return world[1]


def findings(answer: Answer) -> list[tuple[Any, ...]]:
    names = ("kind", "severity", "uid", "video_id", "clip_id", "key", "expected", "actual", "detail")
    return sorted(tuple(str(one[name]) for name in names) for one in answer.json["findings"])


def same(answer: Answer, alone: Answer) -> None:
    """Both scans found the same, finding by finding, and counted the same."""
    assert findings(answer) == findings(alone)
    for name in ("checked", "summary", "complete", "implausible", "implausible_users"):
        assert answer.json[name] == alone.json[name], name
    assert answer.status == alone.status == 1


def first_range(message: Any) -> bool:
    """Whether a request reads the first range and no other."""
    raw, first, second = message.SerializeToString(), shard_range(1, RANGES).end, shard_range(2, RANGES).end
    return f"/users/{first}".encode() in raw and f"/users/{second}".encode() not in raw


def test_workers_find_what_one_process_finds_and_no_secret_reaches_the_scheduler(desk: Desk, fleet: Fleet) -> None:
    alone = desk.run("verify", "--all", "--json")
    answer = desk.run("verify", "--all", "--on", fleet.relay.address, "--json")
    same(answer, alone)
    assert len(findings(alone)) == 4
    assert answer.json["not_looked_at"] == []
    assert answer.json["cost"]["firestore_reads"] >= alone.json["checked"]["clips"]
    assert f"{RANGES} of {RANGES} ranges, 20 customers" in answer.err
    said = bytes(fleet.relay.said)
    assert findings(alone)[0][5].encode() in said  # it is readable, and the findings are in it
    assert [secret for secret in SECRETS if secret.encode() in said] == []


def test_a_killed_worker_costs_nothing_but_time(desk: Desk, fleet: Fleet) -> None:
    alone = desk.run("verify", "--all", "--json")
    fleet.add()
    victim = fleet.workers[0]
    desk.world.faults.meanwhile("RunQuery", lambda: (victim.kill(), victim.wait()), when=first_range)
    same(desk.run("verify", "--all", "--on", fleet.relay.address, "--json"), alone)
    assert victim.returncode is not None


def test_a_killed_client_is_followed_by_one_that_goes_on_where_it_stood(desk: Desk, fleet: Fleet) -> None:
    alone = desk.run("verify", "--all", "--json")
    release = threading.Event()
    desk.world.faults.meanwhile("RunQuery", release.wait, when=first_range, times=None)
    heads = scan_records(desk.world.records)
    client = fleet.start(["storage", "verify", "--all", "--keep", "--on", fleet.relay.address], "tests.rigs.command")
    try:
        until(lambda: client.poll() is not None or len(heads.heads(50)) == RANGES - 1, "all ranges but the first")
    finally:
        client.kill()
        client.wait()
        release.set()
    desk.world.faults.clear()
    assert {head.part and head.part[1] for head in heads.heads(50)} == {RANGES}
    assert "no parts to join" in desk.run("scans", "join", "--json").json["error"]["message"]
    answer = desk.run("verify", "--all", "--keep", "--on", fleet.relay.address, "--json")
    same(answer, alone)
    assert f"{RANGES - 1} of {RANGES} ranges are kept already" in answer.err
    assert "1 of 1 range," in answer.err
    (head,) = heads.heads(50)
    assert (head.scan_id, head.part, head.complete, head.checked["users"]) == (answer.json["scan_id"], None, True, 20)
    assert len(desk.objects.list_all(FOLDER).frame) == 1
    shown = desk.run("scans", "show", head.scan_id, "--json").json["findings"]
    assert sorted((one["uid"], one["key"]) for one in shown) == [(one[2], one[5]) for one in findings(alone)]


def test_a_range_that_fails_thrice_is_said_to_be_not_looked_at(desk: Desk, fleet: Fleet) -> None:
    alone = desk.run("verify", "--all", "--keep", "--json")
    lost = {uid for uid in {one[2] for one in findings(alone)} if shard_range(1, RANGES).holds(uid)}
    rule = desk.world.faults.refuse("RunQuery", StatusCode.PERMISSION_DENIED, when=first_range, times=3)
    answer = desk.run("verify", "--all", "--keep", "--on", fleet.relay.address, "--json")
    assert answer.status == 3
    assert rule.times == 0
    (words,) = answer.json["not_looked_at"]
    assert words.startswith(f"range 1/{RANGES} (ids from the first to ")
    assert answer.json["error"]["code"] == "access_denied"
    assert answer.json["complete"] is False
    assert findings(answer) == [one for one in findings(alone) if one[2] not in lost]
    found = desk.run("scans", "diff", "--json").json
    assert (found["new_findings"], found["gone_findings"], found["complete"]) == ([], [], False)
    assert found["not_looked_at_because"] == [words]
    assert found["not_looked_at"] == len(lost)
    assert f"NOT LOOKED AT: range 1/{RANGES}" in _refused_once_more(desk, fleet).out


def _refused_once_more(desk: Desk, fleet: Fleet) -> Answer:
    desk.world.faults.refuse("RunQuery", StatusCode.PERMISSION_DENIED, when=first_range, times=None)
    return desk.run("verify", "--all", "--on", fleet.relay.address)


def test_a_worker_of_other_stores_scans_nothing(desk: Desk, fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("R2_BUCKET_NAME", f"{desk.bucket}-other")
    answer = desk.run("verify", "--all", "--on", fleet.relay.address, "--json")
    assert (answer.status, answer.json["error"]["code"]) == (3, "configuration")
    assert "R2_BUCKET_NAME" in answer.json["error"]["message"]
    assert len(answer.json["not_looked_at"]) == RANGES
    assert answer.json["checked"]["users"] == 0


def ends_its_process(what: str) -> str:
    """Work that kills whatever runs it."""
    if what == "die":
        os._exit(9)
    return what


def test_work_that_kills_its_workers_is_given_up_and_the_rest_is_done() -> None:
    with workers_at("local") as workers:
        answers = dict(workers.run(ends_its_process, {"1": "die", "2": "well"}))
    assert answers["2"] == "well"
    assert isinstance(answers["1"], Failure)
    assert answers["1"].code == "worker_died"


def waits_while_held(hold: str) -> int:
    """Work that waits as long as a file is there, and tells which process did it."""
    until(lambda: not Path(hold).exists())
    return os.getpid()


def test_an_answer_that_was_lost_with_its_worker_is_worked_out_again(tmp_path: Path) -> None:
    hold = tmp_path / "hold"
    with workers_at("local") as workers:
        answers = workers.run(waits_while_held, dict.fromkeys("123456", str(hold)))
        next(answers)
        known = workers._client.futures
        until(lambda: all(one.status == "finished" for one in known.values()))
        processes = set(workers._client.run(os.getpid).values())
        hold.touch()  # what is worked out again does not end at once
        for process in processes:
            os.kill(process, signal.SIGKILL)
        until(lambda: all(one.status != "finished" for one in known.values()))
        resumed = threading.Event()
        release = threading.Thread(target=lambda: resumed.wait() and hold.unlink())
        release.start()
        resumed.set()
        left = dict(answers)
        release.join()
    assert len(left) == 5
    assert not processes & set(left.values())


def test_on_local_starts_processes_here_and_finds_the_same(desk: Desk) -> None:
    alone = desk.run("verify", "--all", "--json")
    same(desk.run("verify", "--all", "--on", "local", "--json"), alone)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("verify", "u1", "--on", "local"), "--on need --all"),
        (("verify", "--all", "--on", "here"), "address of a Dask scheduler"),
        (("verify", "--all", "--on", "http://h:1"), "address of a Dask scheduler"),
        (("verify", "--all", "--on", "tcp://[::1"), "address of a Dask scheduler"),
        (("verify", "--all", "--on", "local", "--shard", "1/2"), "cannot be combined with --on"),
    ],
)
def test_what_cannot_be_done_is_said(run: Any, arguments: tuple[str, ...], words: str) -> None:
    answer = run(*arguments, "--json")
    assert (answer.status, answer.json["error"]["code"]) == (2, "bad_input")
    assert words in answer.json["error"]["message"]


def test_without_dask_it_says_what_to_do(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "find_spec", lambda name: None)
    answer = run("verify", "--all", "--on", "local", "--json")
    assert answer.status == 2
    assert "make cluster" in answer.json["error"]["remedy"]


def test_a_scheduler_that_is_not_there_is_named(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_CONNECT_SECONDS", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    answer = desk.run("verify", "--all", "--on", f"tcp://127.0.0.1:{port}", "--json")
    assert (answer.status, answer.json["error"]["code"]) == (3, "unreachable")
    assert str(port) in answer.json["error"]["message"]
