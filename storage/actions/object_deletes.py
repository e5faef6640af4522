"""Deletes objects in batches and reads the answer for every single key: a 200 for a batch is no proof for its keys."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from storage.actions.object_lanes import LANES, Lanes
from storage.clients.r2 import R2Client
from storage.clients.r2_batches import batch_of
from storage.clients.r2_errors import code_of, told, wait_asked
from storage.clients.r2_listing import DELETED_KEYS
from storage.clients.r2_transfer import ContextThreads
from storage.errors import BadCredentials, ClockSkew, NotFound, StorageError, Throttled, Unreachable, Unusable

BATCH_KEYS = 1_000  # the most that the store takes; more is an error
ROUNDS = 5  # how often a throttled or faulty key is tried
FIRST_PAUSE_SECONDS = 0.5
THREADS = 16  # for keys one by one
_NOT_XML = re.compile("[\x00-\x1f\ufffe\uffff]")
_ONE_BY_ONE = frozenset({"NotImplemented", "InvalidRequest", "MalformedXML", "501"})


@dataclass(frozen=True, slots=True)
class DeleteFailure:
    """One key that is still there as far as is known: the store's code (or `not_tried`), and the error behind it."""

    key: str
    code: str
    error: StorageError

    @property
    def message(self) -> str:
        """The error in words."""
        return self.error.message


@dataclass(frozen=True, slots=True)
class DeleteResult:
    """What became of every key: each stands in exactly one of the three.

    `deleted`: the store said so. It says so as well for keys that were never there, so this is no count of objects.
    `failed`: refused, or never tried (`not_tried`) because of `error`. `unknown`: the answer was lost or left the
    key out; it may be gone. A listing afterwards tells.
    """

    deleted: tuple[str, ...] = ()
    failed: tuple[DeleteFailure, ...] = ()
    unknown: tuple[str, ...] = ()
    error: StorageError | None = None

    @property
    def complete(self) -> bool:
        """Whether the store confirmed every key."""
        return not self.failed and not self.unknown

    def first_error(self) -> StorageError | None:
        """Why not every key was confirmed, or `None` when all were."""
        if self.complete:
            return None
        if self.error is not None:
            return self.error
        return self.failed[0].error if self.failed else _left_out()


def delete_keys(client: R2Client, keys: Sequence[str], sleep: Callable[[float], None]) -> DeleteResult:
    """Deletes `keys` (checked, without repeats). Never raises for what a backend does: it is in the result.

    The first batch goes alone, so that a refused token is refused once; the others go side by side, fewer at a time
    as soon as the store asks to slow down.
    """
    run = _Run(client, sleep)
    plain = [key for key in keys if _fits_xml(key)]
    batches = [plain[start : start + BATCH_KEYS] for start in range(0, len(plain), BATCH_KEYS)]
    done = [run.delete(batches[0])] if batches else []
    if run.one_by_one or len(batches) < 3:
        done += [run.delete(batch) for batch in batches[1:]]
    else:
        with ContextThreads(max_workers=LANES) as threads:
            done += threads.map(run.delete, batches[1:])
    run.one_by_one = True
    done.append(run.delete([key for key in keys if not _fits_xml(key)]))
    return DeleteResult(
        tuple(key for part in done for key in part.deleted),
        tuple(failure for part in done for failure in part.failed),
        tuple(key for part in done for key in part.unknown),
        run.error,
    )


def _fits_xml(key: str) -> bool:
    """Whether a batch, which is XML, carries the key unchanged; control characters do not survive there."""
    return _NOT_XML.search(key) is None


def _left_out() -> Unusable:
    return Unusable(
        "The store's answer to a deletion leaves out keys that were asked for.",
        remedy="List what is there now, then delete the rest.",
        operation="delete_objects",
    )


class _Run:
    """What all batches share: whether batches work with this store, how many go at once, and why it stopped."""

    def __init__(self, client: R2Client, sleep: Callable[[float], None]) -> None:
        self.client = client
        self.sleep = sleep
        self.lanes = Lanes()
        self.error: StorageError | None = None
        self.one_by_one = False

    def delete(self, keys: list[str]) -> _Batch:
        """Deletes some keys, at most a batch of them."""
        batch = _Batch(self)
        batch.delete(keys)
        return batch


class _Batch:
    """What became of the keys of one batch."""

    def __init__(self, run: _Run) -> None:
        self.deleted: list[str] = []
        self.failed: list[DeleteFailure] = []
        self.unknown: list[str] = []
        self._run = run

    def delete(self, keys: list[str]) -> None:
        """Deletes some keys, again and again where the store is busy or away, at most `ROUNDS` times."""
        pending: dict[str, StorageError] = {}
        for turn in range(ROUNDS):
            if not keys or self._run.error is not None:
                break
            if turn:
                pause = FIRST_PAUSE_SECONDS * 2 ** (turn - 1) * random.uniform(1.0, 1.5)
                self._run.sleep(max(pause, *map(wait_asked, set(pending.values()))))
            with self._run.lanes.lane():
                if self._run.error is not None:
                    break  # another batch met what stops them all
                pending = self._once(keys)
                keys = list(pending)
            if any(isinstance(error, Throttled) for error in pending.values()):
                self._run.lanes.slower()
            elif not pending:
                self._run.lanes.faster()
        for key in keys:
            self._give_up(key, pending.get(key))

    def _give_up(self, key: str, last: StorageError | None) -> None:
        if isinstance(last, Unreachable):
            self.unknown.append(key)
            self._run.error = self._run.error or last
        elif last is not None:
            self._fail(key, last)
        else:
            self._fail(key, self._run.error or _left_out(), "not_tried")

    def _once(self, keys: list[str]) -> dict[str, StorageError]:
        """One attempt for each key; returns those that are worth another, with the reason."""
        if not self._run.one_by_one:
            try:
                return self._batch(keys)
            except (Throttled, Unreachable) as error:
                return dict.fromkeys(keys, error)
            except StorageError as error:
                if code_of(error) not in _ONE_BY_ONE:
                    return self._stop(keys, error)
                self._run.one_by_one = True
        return self._singly(keys)

    def _batch(self, keys: list[str]) -> dict[str, StorageError]:
        with batch_of(keys):
            first = {"Objects": [{"Key": keys[0]}]}  # the body that is sent names them all
            reply = self._run.client.call("delete_objects", f"{len(keys)} objects", Delete=first)
        gone = {*reply.get(DELETED_KEYS, ()), *(item.get("Key") for item in reply.get("Deleted", []))}
        errors = {item.get("Key"): str(item.get("Code") or "") for item in reply.get("Errors", [])}
        again: dict[str, StorageError] = {}
        for key in keys:
            if key in errors:
                error = told(errors[key], "delete_objects", key, self._run.client.variables)
                if error.retryable:
                    again[key] = error
                elif errors[key] == "NoSuchKey":
                    self.deleted.append(key)
                else:
                    self._fail(key, error, errors[key])
            elif key in gone:
                self.deleted.append(key)
            else:
                self.unknown.append(key)
        return again

    def _singly(self, keys: list[str]) -> dict[str, StorageError]:
        again: dict[str, StorageError] = {}
        with ContextThreads(max_workers=THREADS) as threads:
            for key, error in zip(keys, threads.map(self._single, keys), strict=True):
                if error is None or isinstance(error, NotFound):
                    self.deleted.append(key)
                elif error.retryable:
                    again[key] = error
                else:
                    self._fail(key, error)
                    if isinstance(error, BadCredentials | ClockSkew) or code_of(error) == "NoSuchBucket":
                        self._run.error = error
        return again

    def _single(self, key: str) -> StorageError | None:
        try:
            self._run.client.call("delete_object", key, Key=key)
        except StorageError as error:
            return error
        return None

    def _stop(self, keys: list[str], error: StorageError) -> dict[str, StorageError]:
        """The store refused a whole batch: its keys failed, and going on would only be refused again."""
        self._run.error = error
        for key in keys:
            self._fail(key, error)
        return {}

    def _fail(self, key: str, error: StorageError, code: str = "") -> None:
        self.failed.append(DeleteFailure(key, code or code_of(error) or error.code, error))
