"""One gRPC connection to one database, and the one way to call on it: deadlines, repeats, translated errors."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from grpc import StatusCode

from storage.clients.circuit import Circuit, patient
from storage.clients.firestore_channel import call_metadata
from storage.clients.firestore_errors import SDK_ERRORS, TRANSIENT, status_of, translate
from storage.domain.indexes import missing_index
from storage.errors import Unreachable

T = TypeVar("T")

DATABASE = "(default)"
TRIES = 3
PAUSE_SECONDS = 0.1  # before the second try; doubled before the third, and spread by chance

_SERVICE = "/google.firestore.v1.Firestore/"
_log = logging.getLogger(__name__)


class Connection:
    """Safe to share between threads; open one for each process, after any fork."""

    def __init__(self, project_id: str, channel: Any, *, emulator: bool) -> None:
        self.project_id = project_id
        self.database = f"projects/{project_id}/databases/{DATABASE}"
        self.documents = f"{self.database}/documents"
        self.metadata = call_metadata(self.database, emulator=emulator)
        self._channel = channel
        self._closed = threading.Event()
        self.circuit = Circuit("Firestore")

    def close(self) -> None:
        """Ends the channel and every call on it."""
        self._closed.set()
        self._channel.close()

    def name(self, path: str) -> str:
        """The full resource name of `users/U`; the root of all documents for an empty path."""
        return f"{self.documents}/{path}" if path else self.documents

    def stream(self, method: str, request: Any, response: Any) -> Any:
        """The call of a method that streams its answer, on raw message classes."""
        return self._channel.unary_stream(_SERVICE + method, request.SerializeToString, response.FromString)

    def unary(self, method: str, request: Any, response: Any) -> Any:
        """The call of a method with a single answer, on raw message classes."""
        return self._channel.unary_unary(_SERVICE + method, request.SerializeToString, response.FromString)

    def attempt(
        self,
        once: Callable[[float], T],
        *,
        operation: str,
        target: str,
        seconds: float,
        tries: int = TRIES,
        change: bool = False,
        query: Any = None,
        summed: Sequence[str] = (),
        single: bool = False,
    ) -> T:
        """Calls `once` with the seconds it has, and again after a transient fault; ends after twice `seconds`.

        Raises what `translate` makes of the last fault. `query` and `summed` name the index that a query needs.
        `single`: it is one that may be slow by itself, so that it alone does not say that Firestore hangs.
        """
        end = time.monotonic() + 2 * seconds
        number = 0
        while True:
            number += 1
            if self._closed.is_set():
                raise Unreachable(f"{operation}: the connection was closed.", operation=operation, target=target)
            began = self.circuit.ask(operation, target)
            limit = min(seconds, end - time.monotonic())
            try:
                result = once(limit)
                self.circuit.answered()
                return result
            except SDK_ERRORS as error:
                silent = status_of(error) is StatusCode.DEADLINE_EXCEEDED and time.monotonic() - began >= limit * 0.9
                if silent:
                    self.circuit.timed_out(began, f"{operation} {target}", limit, single=single)
                else:
                    self.circuit.answered()
                pause = PAUSE_SECONDS * 2 ** (number - 1) * random.uniform(0.5, 1.5)
                late = time.monotonic() + pause >= end or (silent and not patient())
                if late or number >= tries or status_of(error) not in TRANSIENT:
                    known = {} if query is None else {"definition": missing_index(query, {}, summed)}
                    raise translate(
                        error, operation=operation, target=target, change=change, query=query is not None, **known
                    ) from error
                _log.info("%s: try %d ended with %s; trying again", operation, number, status_of(error))
            except Exception:  # of whoever reads the answer: there is one
                self.circuit.answered()
                raise
            self._closed.wait(pause)
