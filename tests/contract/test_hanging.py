"""A store that hangs is waited for once: what opens the circuit, what does not, and how it closes by itself."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from storage.actions.objects import ObjectWriter
from storage.clients import circuit as circuits
from storage.clients import r2
from storage.clients.circuit import Circuit, patiently, silence
from storage.clients.r2_deadlines import circuit_of
from storage.clients.r2_lease import asked_before_changes
from storage.clients.threads import ContextThreads
from storage.errors import AccessDenied, StorageError, Unreachable
from storage.repositories.objects import Objects
from storage.repositories.records import Records
from tests.contract.r2_fixtures import fill
from tests.rigs.firestore import EmbeddedFirestore
from tests.rigs.http_faults import Answer, Delay, FaultProxy, Hang, Reset
from tests.rigs.records import World, user
from tests.rigs.seaweed import SeaweedRig
from tests.rigs.tcp_faults import HangingRelay

KEYS = [f"users/u1/v1/{number}.json" for number in range(6)]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look is given up after half a second, an answer after one."""
    monkeypatch.setattr(r2, "LOOKING", {"connect_timeout": 0.5, "read_timeout": 0.5})
    monkeypatch.setattr("storage.clients.r2_deadlines.ANSWER_SECONDS", 1.0)


@pytest.fixture
def looking(quick: None, r2_rig: SeaweedRig, bucket: str, proxy: FaultProxy, writer: ObjectWriter) -> Objects:
    """Reading access through the proxy to a bucket with some objects."""
    fill(writer, KEYS)
    return Objects(r2.read_client(r2_rig.settings(bucket, endpoint_url=proxy.endpoint)), bucket)


def open_for(proxy: FaultProxy) -> bool:
    return circuit_of(proxy.endpoint).open


def test_after_one_listing_that_was_not_answered_nothing_is_asked_and_the_error_says_when_again(
    looking: Objects, proxy: FaultProxy
) -> None:
    proxy.on(Hang())
    first = looking.list_all("users/u1/").error
    second = looking.list_all("users/u1/").error
    assert isinstance(first, Unreachable)
    assert isinstance(second, Unreachable)
    assert "R2 did not answer within" in second.message
    assert "not asked again until" in second.message
    assert second.retryable
    assert proxy.count() == 1
    with pytest.raises(Unreachable):
        looking.head(KEYS[0])
    assert proxy.count() == 1


def test_one_slow_object_is_given_up_without_repeats_and_closes_nothing_to_the_others(
    looking: Objects, proxy: FaultProxy
) -> None:
    proxy.on(Hang(), path="0.json")
    for _ in range(3):
        with pytest.raises(Unreachable):
            looking.head(KEYS[0])
    assert proxy.count(path="0.json") == 3
    assert looking.head(KEYS[1]) is not None
    assert not open_for(proxy)


def test_objects_that_hang_beside_listings_that_answer_are_found_out_with_the_second(
    looking: Objects, proxy: FaultProxy
) -> None:
    proxy.on(Hang(), path=r"\.json$")
    for key in KEYS:
        assert looking.list_all("users/u1/").error is None or open_for(proxy)
        with pytest.raises(Unreachable):
            looking.get_bytes(key, 100)
    assert proxy.count(path=r"\.json$") == 2


@pytest.mark.parametrize(
    "hang",
    [Hang(after="headers"), Hang(after="headers", trickle_seconds=0.1)],
    ids=["headers and nothing more", "a byte now and then"],
)
def test_an_answer_that_begins_and_does_not_end_is_given_up(looking: Objects, proxy: FaultProxy, hang: Hang) -> None:
    proxy.on(hang)
    began = time.monotonic()
    for key in KEYS:
        with pytest.raises(Unreachable):
            looking.get_bytes(key, 10_000)
    assert isinstance(looking.list_all("users/u1/").error, Unreachable)
    assert open_for(proxy)
    assert proxy.count() == 2
    assert time.monotonic() - began < 10


def test_a_change_that_the_desk_itself_does_not_send_says_nothing_of_the_store(
    looking: Objects, proxy: FaultProxy, r2_rig: SeaweedRig, bucket: str
) -> None:
    """A worker asks Firestore before each change; that this has no answer does not mean that R2 has one."""

    def firestore_is_away() -> None:
        raise Unreachable("Firestore did not answer.")

    proxy.on(Hang())
    assert isinstance(looking.list_all("users/u1/").error, Unreachable)
    writer = ObjectWriter(r2.write_client(r2_rig.settings(bucket, endpoint_url=proxy.endpoint)), bucket)
    with patiently(), asked_before_changes(firestore_is_away), pytest.raises(Unreachable, match="Firestore"):
        writer.mark(KEYS[0])
    assert open_for(proxy)
    assert proxy.count(method="PUT") == 0


def test_refusals_and_resets_open_nothing(looking: Objects, proxy: FaultProxy) -> None:
    proxy.on(Answer(403, "AccessDenied"))
    with pytest.raises(AccessDenied):
        looking.head(KEYS[0])
    proxy.clear()
    proxy.on(Reset())
    assert isinstance(looking.list_all("users/u1/").error, Unreachable)
    assert not open_for(proxy)
    proxy.clear()
    assert looking.list_all("users/u1/").complete


@pytest.mark.parametrize(("seconds", "asked"), [(0.6, 1), (0.0, 3)], ids=["silence", "a quick no"])
def test_a_name_that_is_looked_up_for_too_long_is_waited_for_once(
    quick: None, r2_rig: SeaweedRig, bucket: str, monkeypatch: pytest.MonkeyPatch, seconds: float, asked: int
) -> None:
    usual, names, name = socket.getaddrinfo, [], f"r2-{asked}.invalid"  # a circuit of its own

    def slow(host: object, *arguments: object, **keywords: object) -> object:
        if host != name:
            return usual(host, *arguments, **keywords)  # type: ignore[arg-type]
        names.append(host)
        time.sleep(seconds)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    away = Objects(r2.read_client(r2_rig.settings(bucket, endpoint_url=f"https://{name}")), bucket)
    for _ in range(3):
        with pytest.raises(Unreachable):
            away.head(KEYS[0])
        assert isinstance(away.list_all("users/u1/").error, Unreachable)
    assert circuit_of(f"https://{name}").open == (asked == 1)
    assert (len(names) <= 2) == (asked == 1)


def test_answers_that_all_come_just_in_time_are_not_waited_for_one_after_the_other(
    looking: Objects, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(circuits, "SLOW_SECONDS", 1.0)
    monkeypatch.setattr(circuits, "SLOW_ANSWER_SECONDS", 0.2)
    proxy.on(Delay(0.3))
    with patiently():
        assert all(looking.head(key) is not None for key in KEYS)  # slow, and no reason to give up a long job
    assert not open_for(proxy)
    said = ""
    for key in KEYS:
        try:
            looking.head(key)
        except Unreachable as error:
            said = error.message
    assert "is very slow" in said
    assert "not asked again until" in said
    assert proxy.count() <= len(KEYS) + 4
    proxy.clear()
    circuits.ask_again()
    assert looking.head(KEYS[0]) is not None
    assert not open_for(proxy)


def test_slow_answers_side_by_side_count_once_and_those_about_one_thing_are_that_things_own() -> None:
    now = [0.0]
    circuit = Circuit("R2", clock=lambda: now[0])
    for _ in range(5):
        began = [circuit.ask("list", target) for target in "abcd"]
        now[0] += 3
        for at, target in zip(began, "abcd", strict=True):
            circuit.answered(at, target, 5)
        if circuit.open:
            break
    assert now[0] == 12
    now[0] += 30
    circuit.answered(circuit.ask("list", "a"), "a", 5)
    assert not circuit.open
    alone = Circuit("R2", clock=lambda: now[0])
    for _ in range(9):
        at = alone.ask("count", "videos")
        now[0] += 4
        alone.answered(at, "videos", 5)
    assert not alone.open


def test_the_circuit_is_the_stores_and_not_a_tokens_and_a_probe_closes_it(
    looking: Objects, proxy: FaultProxy, r2_rig: SeaweedRig, bucket: str
) -> None:
    rule = proxy.on(Hang())
    assert looking.list_all("users/u1/").error is not None
    writer = ObjectWriter(r2.write_client(r2_rig.settings(bucket, endpoint_url=proxy.endpoint)), bucket)
    with pytest.raises(Unreachable):
        writer.put("users/u1/v1/new.json", b"x", "application/json")
    assert proxy.count() == 1
    circuits.ask_again()
    assert looking.list_all("users/u1/").error is not None  # the probe: it hangs still
    assert looking.list_all("users/u1/").error is not None
    assert proxy.count() == 2
    rule.path = "no such path"
    circuits.ask_again()
    assert looking.list_all("users/u1/").complete
    assert writer.put("users/u1/v1/new.json", b"x", "application/json").size_bytes == 1


def test_patient_work_goes_on_beside_an_open_circuit_and_closes_it_for_all(looking: Objects, proxy: FaultProxy) -> None:
    proxy.on(Hang(), only={1, 2})
    assert looking.list_all("users/u1/").error is not None
    with patiently():
        assert looking.list_all("users/u1/").complete  # its first try hangs, its second is answered
    assert looking.list_all("users/u1/").complete


def test_one_probe_at_a_time_and_the_circuit_closes_by_itself() -> None:
    now = [0.0]
    circuit = Circuit("R2", clock=lambda: now[0], open_seconds=30)
    circuit.timed_out(circuit.ask("list", "a"), "a", 5)
    with pytest.raises(Unreachable):
        circuit.ask("list", "b")
    now[0] = 30
    probe = circuit.ask("list", "b")
    with pytest.raises(Unreachable):
        circuit.ask("list", "c")
    circuit.timed_out(probe, "b", 5)
    now[0] = 59
    with pytest.raises(Unreachable):
        circuit.ask("list", "c")
    now[0] = 60
    circuit.ask("list", "c")
    circuit.answered()
    assert not circuit.open
    circuit.ask("list", "d")


def test_a_time_out_beside_answers_to_others_needs_two_more() -> None:
    circuit = Circuit("R2")
    for target in ("a", "a", "b"):
        began = circuit.ask("list", target)
        circuit.answered()
        circuit.timed_out(began, target, 5)
        assert not circuit.open
    began = circuit.ask("list", "c")
    circuit.answered()
    circuit.timed_out(began, "c", 5)
    assert circuit.open


def test_a_store_is_silent_since_its_first_call_without_an_answer_and_until_its_next_answer() -> None:
    now = [0.0]
    circuit = Circuit("a store of this test", clock=lambda: now[0], open_seconds=30)
    assert silence(circuit.store) is None
    circuit.answered(usable=False)  # no connection
    first = silence(circuit.store)
    assert first is not None
    assert first.asked_again is None
    circuit.timed_out(circuit.ask("list", "a"), "a", 5)
    then = silence(circuit.store)
    assert then is not None
    assert then.since == first.since
    assert then.asked_again is not None
    now[0] = 30
    circuit.ask("list", "b")
    circuit.answered()
    assert silence(circuit.store) is None


def test_of_two_endpoints_under_one_name_the_one_asked_last_says_since_when_it_is_silent() -> None:
    left, used = Circuit("a store that moved"), Circuit("a store that moved")
    left.answered(usable=False)
    used.timed_out(used.ask("list", "a"), "a", 5)
    said = silence("a store that moved")
    assert said is not None
    assert said.asked_again is not None
    assert used.silence is not None
    assert said.since == used.silence.since
    used.answered()
    assert silence("a store that moved") is None  # whatever the one that nobody asks any more last did


@pytest.fixture
def relayed(embedded: EmbeddedFirestore, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[World, HangingRelay]]:
    """A user, read through a relay that can hang."""
    with World(embedded) as direct, HangingRelay(embedded.host) as relay:
        direct.put({f"users/u{number}": user(f"u{number}") for number in range(10)})
        monkeypatch.setattr(embedded, "host", relay.address)
        monkeypatch.setattr(embedded, "fresh_project", lambda: direct.project)
        with World(embedded) as world:
            yield world, relay


def read(records: Records, number: int) -> StorageError | None:
    try:
        records.user(f"u{number}")
    except StorageError as error:
        return error
    return None


@pytest.mark.parametrize("warm", [True, False], ids=["died under way", "never answered"])
def test_a_firestore_that_hangs_is_waited_for_once_by_all_who_read_at_that_moment(
    relayed: tuple[World, HangingRelay], warm: bool
) -> None:
    world, relay = relayed
    if warm:
        assert read(world.records, 0) is None
    relay.hang()
    began = time.monotonic()
    with ContextThreads(max_workers=8) as threads:
        errors = list(threads.map(lambda number: read(world.records, number), range(8)))
    for number in range(8):
        errors.append(read(world.records, number))
    assert all(isinstance(error, Unreachable) for error in errors)
    assert "Firestore did not answer within" in str(errors[-1])
    assert time.monotonic() - began < 16
    assert relay.calls <= 8
    relay.resume()
    circuits.ask_again()
    assert read(world.records, 1) is None
    assert read(world.records, 2) is None


def test_threads_started_from_patient_work_are_patient_only_in_its_context() -> None:
    seen: dict[str, bool] = {}
    with patiently():
        plain = threading.Thread(target=lambda: seen.update(plain=circuits.patient()))
        plain.start()
        plain.join()
        with ContextThreads(max_workers=1) as threads:
            threads.submit(lambda: seen.update(copied=circuits.patient())).result()
    assert seen == {"plain": False, "copied": True}
