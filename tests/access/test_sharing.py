"""What replicas tell each other of sign-ins over one Firestore: at once, with one read a look, and through faults."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from grpc import StatusCode

from pages._ui.access import sharing
from pages._ui.access.sessions import Limits, SessionEnded, Sessions, SignIn
from pages._ui.access.sharing import Sharing
from storage.actions.documents import DocumentWriter
from storage.actions.sign_outs import SharedSignOuts
from storage.clients.meter import metering
from storage.domain import sign_outs
from storage.domain.sign_outs import KEPT, PATH, Ended, Shared, fields_of, from_fields
from tests.access.test_server import LIVE
from tests.access.test_settings import OIDC
from tests.rigs.firestore import EmbeddedFirestore, FirestoreRig
from tests.rigs.records import World
from tests.rigs.waiting import PATIENCE_SECONDS, until

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LIMITS = Limits(idle=timedelta(minutes=30), absolute=timedelta(hours=10))
ADA = SignIn("a" * 32, "ada" + "0" * 29, NOW, here=True)
BOB = SignIn("b" * 32, "bob" + "0" * 29, NOW, here=True)


@dataclass
class Replica:
    """A process of the desk, as far as sign-ins go."""

    world: World
    clock: Callable[[], datetime]
    sessions: Sessions = field(default_factory=Sessions)
    sharing: Sharing = field(init=False)

    def __post_init__(self) -> None:
        self.sharing = Sharing(self.sessions, self.document)

    def document(self) -> SharedSignOuts:
        return SharedSignOuts(self.world.records, DocumentWriter(self.world.handle), self.clock)

    def admits(self, sign_in: SignIn) -> str:
        """Why the sign-in is not let in, or nothing."""
        try:
            self.sessions.admit(sign_in, LIMITS, now=self.clock())
        except SessionEnded as error:
            return error.reason
        return ""


@dataclass
class Clock:
    """The time of all replicas."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock(no_settings: Callable[..., None]) -> Clock:
    no_settings(**LIVE, **OIDC)
    return Clock()


@pytest.fixture
def world(embedded: EmbeddedFirestore) -> Iterator[World]:
    with World(embedded) as made:
        yield made


@pytest.fixture
def two(world: World, clock: Clock) -> tuple[Replica, Replica]:
    return Replica(world, clock), Replica(world, clock)


def test_a_sign_out_on_one_replica_ends_the_sign_in_on_the_other_and_after_a_restart(
    firestore_rig: FirestoreRig, clock: Clock
) -> None:
    with World(firestore_rig) as world:
        one, other = Replica(world, clock), Replica(world, clock)
        assert one.admits(ADA) == other.admits(ADA) == other.admits(BOB) == ""
        assert one.sharing.once(look=True)
        one.sessions.sign_out(ADA, now=NOW)
        assert one.sharing.once(look=False)
        assert other.admits(ADA) == "", "it has not looked yet"
        assert other.sharing.once(look=True)
        assert other.admits(ADA) == "signed_out"
        assert not other.sessions.is_live(ADA, LIMITS, now=NOW)
        assert other.admits(BOB) == ""
        restarted = Replica(world, clock)
        assert restarted.sharing.once(look=True)
        assert restarted.admits(ADA) == "signed_out"
        assert restarted.admits(SignIn("new", ADA.subject, NOW + timedelta(seconds=9), here=True)) == ""


def test_a_look_costs_one_read_and_nothing_is_written_where_nothing_is_new(two: tuple[Replica, Replica]) -> None:
    one, other = two
    one.admits(ADA)
    one.sharing.once(look=True)
    for replica in two:
        with metering() as meter:
            assert replica.sharing.once(look=True)
        assert meter.cost().firestore_reads == 1
        assert meter.cost().firestore_writes == 0
    with metering() as meter:
        for _ in range(50):
            other.admits(ADA)
    assert meter.cost().firestore_reads == 0, "no request reads"
    one.sessions.sign_out(ADA, now=NOW)
    with metering() as meter:
        one.sharing.once(look=False)
    assert (meter.cost().firestore_reads, meter.cost().firestore_writes) == (0, 1)


def test_two_replicas_that_write_over_the_same_reading_both_end_up_in_it(two: tuple[Replica, Replica]) -> None:
    one, other = two
    people = [SignIn(str(number), str(number), NOW) for number in range(6)]
    for first, second in (people[:2], people[2:4], people[4:]):  # the document is made, then changed, then changed
        for replica in two:
            assert replica.sharing.once(look=True)
        other.sessions.sign_out(second, now=NOW)
        assert other.sharing.once(look=False)
        one.sessions.sign_out(first, now=NOW)
        assert one.sharing.once(look=False), "its write is refused by its precondition, and made again over a new look"
        assert one.admits(second) == "signed_out", "what the other one wrote was heard on the way"
    third = Replica(one.world, one.clock)
    third.sharing.once(look=True)
    assert {third.admits(person) for person in people} == {"signed_out"}


def test_while_firestore_does_not_answer_each_goes_by_what_it_knows_and_says_so_once(
    two: tuple[Replica, Replica], embedded: EmbeddedFirestore, caplog: pytest.LogCaptureFixture
) -> None:
    one, other = two
    one.sessions.sign_out(BOB, now=NOW)
    for replica in (one, other):
        assert replica.sharing.once(look=True)
    with embedded.faults.outage(StatusCode.PERMISSION_DENIED):
        one.sessions.sign_out(ADA, now=NOW)
        for _ in range(3):
            assert not one.sharing.once(look=False)
            assert not other.sharing.once(look=True)
        assert one.admits(ADA) == one.admits(BOB) == "signed_out", "the process itself ends it all the same"
        assert (other.admits(ADA), other.admits(BOB)) == ("", "signed_out")
    assert caplog.text.count("are not shared with the other replicas") == 2, "once each"
    assert one.sharing.once(look=False), "it is told as soon as it can be"
    assert other.sharing.once(look=True)
    assert other.admits(ADA) == "signed_out"
    assert caplog.text.count("are shared with the other replicas again") == 2


def test_a_service_account_that_may_only_look_still_hears_of_the_others(
    two: tuple[Replica, Replica], embedded: EmbeddedFirestore
) -> None:
    one, other = two
    other.sessions.sign_out(ADA, now=NOW)
    assert other.sharing.once(look=True)
    embedded.faults.refuse("Commit", StatusCode.PERMISSION_DENIED, times=None)
    one.admits(BOB)
    assert not one.sharing.once(look=True)
    assert one.admits(ADA) == "signed_out"


def test_use_on_one_replica_counts_on_the_other_and_idle_time_outlives_a_restart(
    two: tuple[Replica, Replica], clock: Clock
) -> None:
    one, other = two
    for minute in range(0, 50, 10):
        clock.now = NOW + timedelta(minutes=minute)
        assert one.admits(ADA) == ""
        assert one.sharing.once(look=True)
    assert other.sharing.once(look=True)
    clock.now = NOW + timedelta(minutes=65)
    assert other.admits(ADA) == "", "used 25 minutes ago, elsewhere"
    clock.now = NOW + timedelta(minutes=75)
    restarted = Replica(one.world, clock)
    assert restarted.sharing.once(look=True)
    assert restarted.admits(ADA) == "idle", "35 minutes after what the replicas know of"
    assert restarted.admits(BOB) == "idle", "issued long ago, and never used since"
    assert restarted.admits(SignIn("c", "cy", clock.now - timedelta(minutes=1), here=True)) == ""
    assert restarted.admits(SignIn("d", "dan", NOW)) == "", "signed in elsewhere: it may come late"


def test_who_came_before_a_process_heard_of_the_others_is_let_in_no_longer_than_until_it_has(
    two: tuple[Replica, Replica], clock: Clock
) -> None:
    one, _ = two
    assert one.admits(ADA) == one.admits(BOB) == ""
    assert one.sharing.once(look=True)
    clock.now = NOW + timedelta(minutes=25)
    assert one.admits(BOB) == ""
    assert one.sharing.once(look=True)
    clock.now = NOW + timedelta(minutes=40)
    started = Replica(one.world, clock)
    newcomer, elsewhere = SignIn("c", "cy", clock.now, here=True), SignIn("d", "dan", NOW)
    everybody = (ADA, BOB, newcomer, elsewhere)
    assert [started.admits(person) for person in everybody] == ["", "", "", ""], "it knows of nobody yet"
    clock.now += timedelta(minutes=2)
    assert started.admits(ADA) == ""
    assert started.sharing.once(look=True)
    assert [started.admits(person) for person in everybody] == ["idle", "", "", ""], "a cookie that was kept past it"
    assert not started.sessions.is_live(ADA, LIMITS, now=clock.now)
    clock.now += timedelta(minutes=20)
    assert started.sharing.once(look=True)
    assert [started.admits(person) for person in everybody] == ["idle", "", "", ""]


def test_the_end_of_the_server_does_not_wait_for_a_firestore_that_hangs(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch, embedded: EmbeddedFirestore
) -> None:
    monkeypatch.setattr(sharing, "STOP_SECONDS", 0.2)
    replica = Replica(world, clock)
    replica.sharing.start()
    assert replica.sharing.looked.wait(PATIENCE_SECONDS)
    embedded.faults.delay("Commit", 3.0)
    replica.sessions.sign_out(ADA, now=NOW)
    begun = time.monotonic()
    replica.sharing.stop()
    assert time.monotonic() - begun < 2.5
    assert replica.sessions.has_ended(ADA, LIMITS, now=NOW)
    replica.sharing._thread.join(PATIENCE_SECONDS)


def test_a_document_that_cannot_be_read_is_said_and_made_anew(
    two: tuple[Replica, Replica], caplog: pytest.LogCaptureFixture
) -> None:
    one, other = two
    for spoilt in (
        {"body": "{"},
        {"body": '{"ended": {"x": 7}, "seen": {}}'},
        {"body": 5},
        {},
        {"body": '{"ended": []}'},
    ):
        one.world.put({PATH: spoilt})
        caplog.clear()
        assert other.sharing.once(look=True)
        assert "cannot be read" in caplog.text
        one.sessions.forget()
        one.sessions.sign_out(ADA, now=NOW)
        assert one.sharing.once(look=True)
        assert other.sharing.once(look=True)
        assert other.admits(ADA) == "signed_out"
        other.sessions.forget()


def test_the_document_names_nobody_and_stays_far_below_what_firestore_takes() -> None:
    ended = {f"{number:032x}": Ended(NOW, NOW + KEPT) for number in range(sign_outs.MOST_ENDED + 50)}
    seen = {f"{number:032x}": NOW + timedelta(seconds=number) for number in range(sign_outs.MOST_SEEN + 50)}
    longest = timedelta(days=30)
    both = Shared().with_(Shared(ended, seen), NOW, longest=longest)
    assert (len(both.ended), len(both.seen)) == (sign_outs.MOST_ENDED, sign_outs.MOST_SEEN)
    assert f"{0:032x}" not in both.seen, "what was not used for longest goes first"
    fields = fields_of(both, NOW)
    assert len(fields["body"]) < 900_000
    assert from_fields(fields) == both
    assert both.with_(Shared(), NOW + KEPT, longest=longest) == Shared(), "past the cookies' life nothing is left"


def test_what_makes_no_difference_later_makes_none_at_once() -> None:
    early, late = Ended(NOW, NOW + KEPT), Ended(NOW + timedelta(hours=1), NOW + KEPT)
    one, other = Shared({"x": early}, {"k": NOW}), Shared({"x": late}, {"k": NOW + timedelta(minutes=1)})
    longest = timedelta(hours=10)
    assert one.with_(other, NOW, longest=longest) == other.with_(one, NOW, longest=longest) == other


def test_the_thread_looks_by_the_clock_tells_at_once_and_tells_the_last_at_its_end(
    two: tuple[Replica, Replica], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = two
    monkeypatch.setattr(sharing, "PAUSE_SECONDS", 0.01)
    other.sharing.start()  # it looks once, and then not before the interval is over
    assert other.sharing.looked.wait(PATIENCE_SECONDS)
    one.sharing.start()
    assert one.sharing.looked.wait(PATIENCE_SECONDS)
    one.sessions.sign_out(ADA, now=NOW)
    until(lambda: one.world.records.raw(PATH) is not None, "the sign-out in Firestore")
    assert other.admits(ADA) == ""
    other.sharing.stop()  # which hears nothing more
    one.sessions.sign_out(BOB, now=NOW)
    one.sharing.stop()
    third = Replica(one.world, one.clock)
    monkeypatch.setattr(sharing, "LOOK_SECONDS", 0.05)
    third.sharing.start()
    assert third.sharing.looked.wait(PATIENCE_SECONDS)
    assert third.admits(ADA) == third.admits(BOB) == "signed_out"
    newcomer = SignIn("c", "cy", NOW)
    one.sessions.sign_out(newcomer, now=NOW)
    one.sharing.once(look=True)
    until(lambda: third.admits(newcomer) == "signed_out", "the next look")
    third.sharing.stop()


def test_where_nobody_signs_in_nothing_is_asked(
    two: tuple[Replica, Replica], no_settings: Callable[..., None], embedded: EmbeddedFirestore
) -> None:
    no_settings()
    before = embedded.faults.calls.total()
    assert two[0].sharing.once(look=True)
    assert embedded.faults.calls.total() == before
