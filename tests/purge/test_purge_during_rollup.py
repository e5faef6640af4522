"""A customer who is purged while a rollup or a scan runs is in nothing that it writes afterwards."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest

from storage.actions.purge.meanwhile import OF_ROLLUPS, OF_SCANS, take_purged
from storage.actions.rollup import run_rollup
from storage.actions.scans import ScanKeeper, keep_scan
from storage.domain.purge.scope import Scope
from storage.domain.scans.coverage import Coverage
from storage.domain.scans.kept import ScanOutcome
from storage.domain.search_index import HEAD
from storage.repositories.customers import read_customers
from storage.repositories.records import Records
from storage.repositories.rollups import read_fleet
from storage.repositories.scans import read_kept, scan_records
from storage.repositories.search_index import read_head, read_rows
from tests.purge.world import VIDEO, PurgeWorld, when_done
from tests.rigs.firestore_faults import FaultRule

Ending = Callable[[PurgeWorld, Scope], None]


def purged(world: PurgeWorld, scope: Scope) -> None:
    assert world.purge(scope).state == "done"


def cut_off_after_its_rows(world: PurgeWorld, scope: Scope) -> None:
    """A worker that is gone once it has taken its rows: nobody has brought the job to its end."""

    def stop() -> None:
        raise KeyboardInterrupt

    before, world.purging = world.purging, world.open(progress=when_done("take rows", stop))
    try:
        with pytest.raises(KeyboardInterrupt):
            world.purge(scope)
    finally:
        world.purging = before


def roll_up(world: PurgeWorld) -> None:
    stores, writers = world.stores, world.purging.writers
    run_rollup(
        Records(stores.handle),
        writers.documents,
        world.settings.plan_limits,
        world.now,
        stale_after=timedelta(minutes=15),
        bucket=(stores.objects, writers),
        take_purged=lambda since: take_purged(world.purging, since, OF_ROLLUPS),
    )


def ids_kept(world: PurgeWorld) -> dict[str, set[str]]:
    """The customers and videos in the index, the figures and the table."""
    stores = world.stores
    head = read_head(stores.records)
    assert head is not None
    view = read_fleet(stores.records)
    titles = list(read_rows(stores.records, [path for path in head.paths if "-titles-" in path]))
    return {
        "users": {row[0] for row in read_rows(stores.records, head.user_paths)},
        "titles": {f"{row[0]}/{row[1]}" for row in titles if row[1]},
        "figures": {uid for frame in (view.near, view.biggest, view.drifting) for uid in frame["uid"]},
        "table": set(read_customers(stores.objects, view.tables).column("uid").to_pylist()),
    }


@pytest.fixture
def titled(filled: PurgeWorld) -> PurgeWorld:
    """An index of addresses and titles, and figures, of before."""
    for uid, video in (("u1", VIDEO), ("u1", "video-bbb"), ("u10", VIDEO)):
        path = f"users/{uid}/videos/{video}"
        document = filled.stores.records.raw(path)
        assert document is not None
        filled.put_documents({path: {**(document.fields or {}), "video_title": "Opening night"}})
    roll_up(filled)
    return filled


ALL = {f"u1/{VIDEO}", "u1/video-bbb", f"u10/{VIDEO}"}


@pytest.mark.parametrize(
    ("written", "scope", "ending", "users", "titles"),
    [
        ("/ops_rollups/", Scope.of("u1"), purged, {"u10"}, {f"u10/{VIDEO}"}),
        ("/ops_rollups/", Scope.of("u1"), cut_off_after_its_rows, {"u10"}, {f"u10/{VIDEO}"}),
        (HEAD, Scope.of("u1"), purged, {"u10"}, {f"u10/{VIDEO}"}),
        (HEAD, Scope.of("u1", VIDEO), purged, {"u1", "u10"}, ALL - {f"u1/{VIDEO}"}),
    ],
    ids=["user, before the figures", "cut off", "user", "video"],
)
def test_who_is_purged_between_the_reads_of_a_rollup_and_its_end_is_in_nothing_that_it_wrote(
    titled: PurgeWorld, written: str, scope: Scope, ending: Ending, users: set[str], titles: set[str]
) -> None:
    """The purge comes just before the figures are written, or before readers are to use the new index."""

    def writes(request: object) -> bool:
        return any(written in one.update.name for one in request.writes)  # type: ignore[attr-defined]

    faults = titled.firestore.faults  # type: ignore[attr-defined]
    rule = faults.add(FaultRule("Commit", "before", when=writes, act=partial(ending, titled, scope)))
    try:
        roll_up(titled)
    finally:
        faults.lift(rule)
    found = ids_kept(titled)
    assert found["users"] == users
    assert found["titles"] == titles
    assert found["figures"] <= users
    assert found["table"] == users


def test_who_is_purged_while_a_scan_runs_is_not_in_what_is_kept_of_it(filled: PurgeWorld) -> None:
    stores, at = filled.stores, filled.now()
    keeper = ScanKeeper(stores.records, stores.objects, filled.purging.writers, stores.layout, filled.now, 90)
    key = f"users/u1/{VIDEO}/clips/a.mp4"
    row = {"kind": "missing_object", "severity": "error", "uid": "u1", "video_id": VIDEO, "clip_id": "c", "key": key,
           "detail": "as found", "last_seen_at": at}  # fmt: skip
    purged(filled, Scope.of("u1"))
    keep_scan(keeper, ScanOutcome(at, filled.now(), Coverage(), True, {"users": 2}), [row])
    assert take_purged(filled.purging, at, OF_SCANS) == 1
    (head,) = scan_records(stores.records).heads(9)
    assert read_kept(stores.objects, head).frame.empty
