"""Faults on purpose, and counts: what tests need to see how the desk behaves when Firestore misbehaves.

They stand around every call of our own server (`FirestoreServer(around=faults.around)`), on this side of the wire.

Rules are added while the server runs and may come from any thread. A rule applies to calls of one method
(`"*"`: of every method) whose request satisfies `when`; of these it lets the first `skip` pass, strikes the
next `times` (None: all that follow) and is spent. The calls are counted whether or not they fail.

    faults = Faults()
    faults.refuse("Commit", UNAVAILABLE)                     # the next commit fails and does nothing
    faults.lose_reply("Commit", UNAVAILABLE)                 # the next commit is done, and then fails
    faults.break_stream("RunQuery", UNAVAILABLE, after=100)  # 100 documents, then the error
    faults.delay("ListDocuments", seconds=0.2, times=None)   # every one, until lifted
    with faults.outage():                                    # nothing works in here
        ...
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from grpc import StatusCode

from storage.sandbox.firestore.transactions import Replies
from storage.sandbox.firestore.wire import CallRefused, Message

When = Callable[[Message], bool]
"""Of a request, as a raw protobuf message: whether the rule means it."""

EVERY_METHOD = "*"


@dataclass(eq=False, slots=True)
class FaultRule:
    """A fault in waiting. `moment` is when in the call it strikes; `after` counts messages of a stream; `act` is done
    meanwhile."""

    method: str
    moment: Literal["before", "after reply", "in stream"]
    refusal: CallRefused | None = None
    seconds: float = 0.0
    after: int = 0
    when: When | None = None
    skip: int = 0
    times: int | None = 1
    act: Callable[[], object] | None = None

    def means(self, method: str, request: Message) -> bool:
        """Whether the call is one of those that the rule counts."""
        return self.method in (EVERY_METHOD, method) and (self.when is None or self.when(request))

    def is_due(self) -> bool:
        """Count one call that the rule means; whether it strikes this one."""
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.times is None:
            return True
        self.times -= 1
        return self.times >= 0


class Faults:
    """The rules in force, and what the server did.

    All three count by method name as in the protocol (`"RunQuery"`): `calls` the calls, `documents` the documents sent
    back, `reads` the document reads that production would bill (`transactions.Replies`).
    """

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.documents: Counter[str] = Counter()
        self.reads: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._rules: list[FaultRule] = []

    def refuse(
        self, method: str, code: StatusCode, message: str = "", *, when: When | None = None, skip: int = 0,
        times: int | None = 1,
    ) -> FaultRule:  # fmt: skip
        """Fail the call before anything is done."""
        return self.add(FaultRule(method, "before", _refusal(code, message), when=when, skip=skip, times=times))

    def lose_reply(
        self, method: str, code: StatusCode, message: str = "", *, when: When | None = None, skip: int = 0,
        times: int | None = 1,
    ) -> FaultRule:  # fmt: skip
        """Do what is asked, and then fail as if the reply had been lost on the way."""
        refusal = _refusal(code, message)
        return self.add(FaultRule(method, "after reply", refusal, when=when, skip=skip, times=times))

    def break_stream(
        self, method: str, code: StatusCode, message: str = "", *, after: int, when: When | None = None,
        skip: int = 0, times: int | None = 1,
    ) -> FaultRule:  # fmt: skip
        """Send the first `after` messages of a streamed answer, or all if it is shorter, and then fail."""
        refusal = _refusal(code, message)
        return self.add(FaultRule(method, "in stream", refusal, after=after, when=when, skip=skip, times=times))

    def delay(
        self, method: str, seconds: float, *, when: When | None = None, skip: int = 0, times: int | None = 1
    ) -> FaultRule:
        """Wait before the call is done."""
        return self.add(FaultRule(method, "before", seconds=seconds, when=when, skip=skip, times=times))

    def meanwhile(
        self, method: str, act: Callable[[], object], *, when: When | None = None, skip: int = 0, times: int | None = 1
    ) -> FaultRule:
        """Have something else happen while the call is on its way: it is done after `act` has returned."""
        return self.add(FaultRule(method, "before", act=act, when=when, skip=skip, times=times))

    @contextmanager
    def outage(self, code: StatusCode = StatusCode.UNAVAILABLE, message: str = "") -> Iterator[FaultRule]:
        """Refuse every call while the context lasts."""
        rule = self.refuse(EVERY_METHOD, code, message, times=None)
        try:
            yield rule
        finally:
            self.lift(rule)

    def add(self, rule: FaultRule) -> FaultRule:
        """Put a rule in force; keep what is returned to lift it later."""
        with self._lock:
            self._rules.append(rule)
        return rule

    def lift(self, rule: FaultRule) -> None:
        """Take a rule away, spent or not."""
        with self._lock:
            self._rules = [other for other in self._rules if other is not rule]

    def in_force(self) -> list[FaultRule]:
        """The rules that are neither lifted nor cleared, spent ones too."""
        with self._lock:
            return list(self._rules)

    def lift_all_but(self, kept: list[FaultRule]) -> None:
        """Take every other rule away; the counts stay."""
        with self._lock:
            self._rules = [rule for rule in self._rules if rule in kept]

    def clear(self) -> None:
        """Take every rule away and set the counts back to nothing."""
        with self._lock:
            self._rules = []
            for counts in (self.calls, self.documents, self.reads):
                counts.clear()

    def meet(self, method: str, request: Message) -> list[FaultRule]:
        """Count a call; the rules that strike it, in the order in which they were added."""
        with self._lock:
            self.calls[method] += 1
            return [rule for rule in self._rules if rule.means(method, request) and rule.is_due()]

    def around(self, method: str, request: Message, call: Callable[[], Replies]) -> Iterator[bytes]:
        """What our server has done around each of its calls."""
        rules = self.meet(method, request)
        strike(rules, "before")
        replies = call()
        with self._lock:
            self.documents[method] += replies.documents
            self.reads[method] += replies.reads
        strike(rules, "after reply")
        yield from broken(iter(replies.messages), rules)


def strike(rules: list[FaultRule], moment: Literal["before", "after reply"]) -> None:
    """Let the rules of one moment take effect.

    Raises:
        Refused: with the status of the first rule that fails the call.
    """
    for rule in rules:
        if rule.moment == moment:
            time.sleep(rule.seconds)
            if rule.act is not None:
                rule.act()
            if rule.refusal is not None:
                raise rule.refusal


def broken(messages: Iterator[bytes], rules: list[FaultRule]) -> Iterator[bytes]:
    """A stream that the first rule for streams cuts short; as it is when there is none.

    Raises:
        Refused: while it is read, after the messages that the rule lets through.
    """
    rule = next((rule for rule in rules if rule.moment == "in stream"), None)
    if rule is None or rule.refusal is None:
        yield from messages
        return
    for _ in range(rule.after):
        message = next(messages, None)
        if message is None:
            break
        yield message
    raise rule.refusal


def _refusal(code: StatusCode, message: str) -> CallRefused:
    return CallRefused(code, message or f"A fault on purpose: {code.name}.")
