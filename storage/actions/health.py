"""Checks whether everything that the desk needs works: settings, Firestore, its indexes, the bucket, R2 permissions.

Each check catches its own errors, so that one refusal does not hide the results of the others. The checks of write and
delete permissions write small objects and documents of the desk's own and remove them again.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice
from typing import Any

import pandas as pd

from storage.actions.documents import Create, Delete, DocumentWriter
from storage.actions.object_conditions import Conditions
from storage.actions.objects import ObjectWriter
from storage.actions.writers import open_read_token_writer, open_writers
from storage.domain import sign_outs
from storage.domain.documents import Table
from storage.domain.integrity.findings import key_prefixes
from storage.domain.layout import OPS_PREFIX
from storage.errors import AccessDenied, BadCredentials, ConfigError, MissingIndex, StorageError, Unusable
from storage.repositories.clock import utc_now
from storage.repositories.deployment import DeploymentRecords
from storage.repositories.stores import Stores
from storage.repositories.successes import success_records
from storage.services.controls import own_objects

HEALTH_PREFIX = f"{OPS_PREFIX}health/"
HEALTH_COLLECTION = "ops_health"


SAMPLE_CHECKS = ("key_prefix", "right_bucket", "highlights_source")
CONDITIONS, TOKEN_SCOPE = "r2_conditions", "r2_read_token_scope"
AFTER_WRITING = (CONDITIONS, TOKEN_SCOPE)
CUSTOMERS_ASKED = 3  # the most customers whose objects are looked for until one is found: some 15 reads in all
MAX_SKEW_SECONDS = 300  # S3 refuses signatures beyond 15 minutes; beyond five a person should look


def try_document(writer: DocumentWriter) -> str:
    """Writes a document under a unique name and deletes it; returns its path. Raises Firestore's errors."""
    path = f"{HEALTH_COLLECTION}/canary-{secrets.token_hex(8)}"
    writer.commit([Create(path, {"canary": True})], operation="Writing a canary")
    writer.commit([Delete(path)], operation="Deleting the canary")
    return path


class Canary:
    """One object below `_ops/health/` with a unique name and a few random bytes."""

    def __init__(self, writer: ObjectWriter) -> None:
        self._writer = writer
        self.key = f"{HEALTH_PREFIX}canary-{secrets.token_hex(8)}.txt"
        self.content = secrets.token_hex(16).encode()

    @property
    def conditions(self) -> Conditions:
        """Which preconditions the store keeps."""
        return self._writer.conditions

    def write(self) -> None:
        """Puts the object; raises the store's errors."""
        self._writer.put(self.key, self.content, "text/plain")

    def delete(self) -> None:
        """Deletes the object; raises where the store refused it or did not confirm it."""
        result = self._writer.delete([self.key])
        failure = result.first_error()
        if failure is not None:
            raise failure

    def clean_up(self) -> StorageError | None:
        """Deletes without raising; returns the error that leaves the object behind, if any."""
        try:
            self.delete()
        except StorageError as error:
            return error
        return None


@dataclass(frozen=True, slots=True)
class Check:
    """One check. `error` is the backend's error that made it fail, where there was one."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    error: StorageError | None = None

    def as_dict(self) -> dict[str, Any]:
        """The form of `check --json`."""
        return {"name": self.name, "ok": self.ok, "detail": self.detail, "remedy": self.remedy}


@dataclass(frozen=True, slots=True)
class Health:
    """All checks of one run."""

    mode: str
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.checks)

    @property
    def error(self) -> StorageError | None:
        """The first error of a backend, if any: it decides the exit status."""
        return next((check.error for check in self.checks if check.error), None)


def refused_configuration(error: ConfigError) -> Health:
    """A run that ended at the settings: one check for each setting that is missing or malformed."""
    checks = tuple(Check(problem.name, False, problem.problem, problem.remedy) for problem in error.problems)
    return Health("live", (Check("configuration", False, error.message, error.remedy, error), *checks))


def backends(stores: Stores, now: Callable[[], datetime]) -> Health:
    """What every page needs: Firestore and the bucket answer. Cheap enough to run all day; writes nothing."""
    return Health(stores.settings.mode, (_firestore(stores), _list(stores), _clock(stores, now)))


def everything(stores: Stores, now: Callable[[], datetime]) -> Health:
    """All checks, with the canary written, read and deleted."""
    settings = stores.settings
    configured = Check("configuration", True, f"{settings.mode} mode, bucket {settings.r2.bucket}")
    listed = _list(stores)
    read = _firestore(stores)
    documents = (read, _firestore_write(stores), _sign_outs(stores), *_indexes(stores))
    sample = _sample_checks(stores, read, listed)
    checks: list[Check] = [configured, *documents, *sample, _clock(stores, now), listed]
    return Health(settings.mode, (*checks, *_permissions(stores, listed.error)))


def _probe(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, True, look())
    except StorageError as error:
        return Check(name, False, error.message, error.remedy, error)


def _firestore(stores: Stores) -> Check:
    target = stores.settings.firestore

    def look() -> str:
        users = stores.records.users(page_size=1)
        where = f"emulator {target.emulator_host}" if target.emulator_host else "production"
        return f"project {target.project_id} ({where}) answers; {'has' if len(users.frame) else 'has no'} customers"

    return _probe("firestore_read", look)


def _firestore_write(stores: Stores) -> Check:
    """The audit, jobs and repairs need it; a read-only service account is not enough."""

    def look() -> str:
        path = try_document(open_writers(stores).documents)
        return f"wrote and deleted {path}"

    check = _probe("firestore_write", look)
    if isinstance(check.error, AccessDenied) and not isinstance(check.error, BadCredentials):
        remedy = "Give the service account roles/datastore.user; with roles/datastore.viewer nothing goes on record."
        return Check(check.name, False, f"the service account may not write: {check.detail}", remedy, check.error)
    return check


def _sign_outs(stores: Stores) -> Check:
    """The document by which replicas share sign-outs: without it each replica knows only its own."""

    def look() -> str:
        found = stores.records.raw(sign_outs.PATH)
        known = len(sign_outs.from_fields(found.fields).ended) if found is not None and found.fields is not None else 0
        return f"{sign_outs.PATH} has the last sign-outs of {known:,} people; each replica reads it once a minute"

    return _probe("sign_outs", look)


def _indexes(stores: Stores) -> Iterable[Check]:
    """Runs each query that needs a declared index once, for at most one document."""
    newest = DeploymentRecords(stores.handle, utc_now).indexed_queries()
    steps = success_records(stores.records).indexed_queries()
    for name, query in chain(stores.records.indexed_queries(), steps, newest):

        def look(name: str = name, query: Callable[[], object] = query) -> str:
            query()
            return f"the query {name} has its index"

        check = _probe(f"firestore_index:{name}", look)
        if isinstance(check.error, MissingIndex):
            remedy = "Deploy firestore.indexes.json: firebase deploy --only firestore:indexes"
            check = Check(check.name, False, "the index is missing; the desk uses a slower way", remedy, check.error)
        yield check


def _sample_checks(stores: Stores, read: Check, listed: Check) -> tuple[Check, ...]:
    if not read.ok:
        remedy = "Fix firestore_read first."
        return tuple(Check(name, False, "not tried: Firestore does not answer", remedy) for name in SAMPLE_CHECKS)
    stores.deployment(fresh=True)  # a person who runs the checks wants the present state
    return sample_checks(stores, listed=listed.ok)


def sample_checks(stores: Stores, *, listed: bool = True) -> tuple[Check, ...]:
    """What some documents of a few customers say about R2_KEY_PREFIX, R2_BUCKET_NAME and HIGHLIGHTS_SOURCE.

    Costs 6 reads where all is well, some 24 where it is not. `listed`: the bucket answers, so it can be asked for
    objects.
    """
    sample = _Sample(stores.records.sample_clips())
    prefix = _caught("key_prefix", lambda: _key_prefix(stores, sample))
    source = _highlights_source(stores)
    if not listed:
        unlisted = Check("right_bucket", False, "not tried: the bucket does not answer", "Fix r2_list first.")
        return prefix, unlisted, source
    return prefix, _caught("right_bucket", lambda: _right_bucket(stores, sample)), source


def _highlights_source(stores: Stores) -> Check:
    """Where the product serves highlights from, and why the desk believes it."""
    name, found = "highlights_source", stores.deployment()
    if found.fault is not None and stores.settings.highlights_source == "auto":
        return Check(name, False, found.highlights_why, found.fault.remedy, found.fault)
    return Check(name, True, f"{found.highlights_source}: {found.highlights_why}")


def _caught(name: str, look: Callable[[], Check]) -> Check:
    try:
        return look()
    except StorageError as error:
        return Check(name, False, error.message, error.remedy, error)


class _Sample:
    """The pages of a sample. Each is read once however many checks use it, and only when a check needs it."""

    def __init__(self, pages: Iterator[Table]) -> None:
        self._pages = pages
        self._read: list[pd.DataFrame] = []
        self._fault: StorageError | None = None

    def __iter__(self) -> Iterator[pd.DataFrame]:
        yield from self._read
        if self._fault is not None:
            raise self._fault
        try:
            for table in self._pages:
                self._read.append(table.unbroken())
                yield self._read[-1]
        except StorageError as fault:
            self._fault = fault
            raise


def _key_prefix(stores: Stores, sample: _Sample) -> Check:
    """Whether documents of some customers name keys under the configured prefix: a typo is not visible otherwise.

    Reads further only until it finds such a key.
    """
    name, layout = "key_prefix", stores.layout
    named: list[tuple[str, str]] = []
    found = key_prefixes(layout, named)
    for page in sample:
        frame = page.dropna(subset=["r2_key"])
        named += zip(frame["uid"].tolist(), frame["r2_key"].tolist(), strict=True)
        found = key_prefixes(layout, named)
        if found.expected:
            break
    if found.doubtful:
        others = " or ".join(repr(prefix) for prefix in found.others[:3])
        remedy = f"Set R2_KEY_PREFIX to {others}, as the worker has it. Repair, upload and purge nothing before that."
        return Check(name, False, found.reason, remedy)
    begin = f"{layout.prefix!r} and their customer's id" if layout.prefix else "their customer's id, without a prefix"
    said = f"{found.expected:,} of {found.keys:,} keys of a sample begin with {begin}"
    said = said if found.keys else "no document of a sample names a key yet"
    if stores.settings.r2.key_prefix is None:
        prefix = repr(layout.prefix) if layout.prefix else "no prefix"
        said = f"{said}; R2_KEY_PREFIX is not set, the desk found {prefix}. {stores.deployment().key_prefix_why}"
    return Check(name, True, said)


def _right_bucket(stores: Stores, sample: _Sample) -> Check:
    """Whether the bucket holds objects that documents of some customers name: a wrong bucket answers just as well.

    Looks further than the sample's first customer only where none of that customer's objects was found. Without a
    completed clip the check cannot decide.
    """
    name, settings, objects = "right_bucket", stores.settings, stores.objects
    keys: list[str] = []
    there = 0
    for page in islice(sample, CUSTOMERS_ASKED):
        named = [key for _, key in own_objects(page, stores.layout)]
        keys += named
        there += sum(objects.head(key) is not None for key in named)
        if there:
            break
    looked = len(keys)
    if there:
        said = f"{there:,} of {looked:,} objects that a sample of documents names are in bucket {settings.r2.bucket}"
        return Check(name, True, said)
    if not keys:
        return Check(name, True, "no document of a sample names an object of a completed clip yet")
    detail = (
        f"none of {looked:,} objects that a sample of documents of project {settings.firestore.project_id} names is "
        f"in bucket {settings.r2.bucket}, for example {keys[0]}"
    )
    remedy = (
        "Compare R2_BUCKET_NAME, R2_ENDPOINT_URL (or R2_ACCOUNT_ID) and FIREBASE_PROJECT_ID with those of the worker. "
        "Repair, upload and purge nothing before that."
    )
    return Check(name, False, detail, remedy)


def _list(stores: Stores) -> Check:
    def look() -> str:
        stores.objects.list_all("", limit=1).unbroken()
        return f"bucket {stores.settings.r2.bucket} lists its keys to {_reading(stores)}"

    return _probe("r2_list", look)


def _clock(stores: Stores, now: Callable[[], datetime]) -> Check:
    def look() -> str:
        seconds = round((now() - stores.objects.server_time()).total_seconds())
        if abs(seconds) > MAX_SKEW_SECONDS:
            raise Unusable(
                f"this machine's clock is {abs(seconds):,} s {'ahead' if seconds > 0 else 'behind'}",
                remedy="Synchronise the clock (NTP); signatures fail beyond 15 minutes. Leases, plans and quarantines "
                "go by Firestore's time and are not affected; displayed ages are.",
            )
        return f"the bucket answers; clocks differ by {abs(seconds)} s"

    return _probe("clock_skew", look)


def _permissions(stores: Stores, unlisted: StorageError | None) -> Iterable[Check]:
    """Tries write, read and delete separately, on an object of the desk's own, which is removed again.

    It tries none where the listing failed because the bucket is missing or does not answer: some stores create a bucket
    of the name that the first object is written to. A token that may not list may still write.
    """
    if unlisted is not None and (isinstance(unlisted, BadCredentials) or not isinstance(unlisted, AccessDenied)):
        yield from _untried(
            stores, ("r2_write", "r2_read", "r2_delete", *AFTER_WRITING), "the bucket does not answer", "r2_list"
        )
        return
    canary = Canary(open_writers(stores).objects)

    def write() -> str:
        canary.write()
        return f"R2_ACCESS_KEY_ID wrote {canary.key}"

    def read() -> str:
        if stores.objects.get_bytes(canary.key, 1_024) != canary.content:
            raise Unusable("read back other bytes than were written", remedy="Check that no proxy changes answers.")
        return f"{_reading(stores)} read it back"

    def delete() -> str:
        canary.delete()
        if stores.objects.head(canary.key) is not None:
            raise Unusable(f"{canary.key} is still there after its deletion", remedy="Check the bucket's lock rules.")
        return "R2_ACCESS_KEY_ID deleted it, and it is gone"

    written = _probe("r2_write", write)
    yield written
    if not written.ok:
        listing = stores.objects.list_all("", limit=1)
        unread = listing.error
        yield Check("r2_read", unread is None, "could be tried only by listing", "", unread)
        yield from _untried(
            stores, ("r2_delete", *AFTER_WRITING), "no object of the desk's own could be written", "r2_write"
        )
        return
    yield _probe("r2_read", read)
    yield _probe("r2_delete", delete)
    yield _conditions(canary)
    if stores.settings.r2.read_is_separate:
        yield _read_token_is_read_only(stores)


def _untried(stores: Stores, names: Iterable[str], why: str, first: str) -> Iterable[Check]:
    """A line for each check that was not made, so that the list says why each is missing."""
    for name in names:
        if name != TOKEN_SCOPE or stores.settings.r2.read_is_separate:
            yield Check(name, False, f"not tried: {why}", f"Fix {first} first.")


def _conditions(canary: Canary) -> Check:
    """Whether the store can prevent a repair or an undo from overwriting what the product writes at the same moment."""
    name = CONDITIONS
    try:
        kept = canary.conditions.kept()
    except StorageError as error:
        return Check(name, False, error.message, error.remedy, error)
    missing = [what for what, well in kept.items() if not well]
    if not missing:
        return Check(name, True, f"the bucket keeps every condition on writes: {', '.join(kept)}")
    said = (
        f"the bucket does not keep: {', '.join(missing)}. There the desk looks before and after, and can promise less"
    )
    well = all(what.startswith("delete") for what in missing)
    remedy = "" if well else "Repair, upload and undo only while the product's worker is stopped; see docs/purge.md."
    return Check(name, well, said, remedy)


def _read_token_is_read_only(stores: Stores) -> Check:
    canary = Canary(open_read_token_writer(stores))
    name = TOKEN_SCOPE
    try:
        canary.write()
    except AccessDenied:
        return Check(name, True, "R2_READ_ACCESS_KEY_ID cannot write, as it should be")
    except StorageError as error:
        return Check(name, False, error.message, error.remedy, error)
    canary.clean_up()
    remedy = "Make R2_READ_* a token with 'Object Read only' for this bucket."
    what = "R2_READ_ACCESS_KEY_ID may write, which reading does not need"
    return Check(name, False, what, remedy)


def _reading(stores: Stores) -> str:
    return "R2_READ_ACCESS_KEY_ID" if stores.settings.r2.read_is_separate else "R2_ACCESS_KEY_ID"
