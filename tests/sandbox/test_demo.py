"""The demo starts once, is shared, survives the kill of its owner, and is dated anew when it has grown old.

One demo serves the whole module, in the order of the tests: a process starts it, this one attaches to it meanwhile, the
owner is killed, and this process goes on with the same data, thirteen hours later. That each story has its findings and
its verdict is tested in `tests/contract/test_verify_stories.py`.
"""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage.actions.writers import open_read_token_writer, open_writers
from storage.connect import connect
from storage.errors import AccessDenied, Refused
from storage.repositories.rollups import read_fleet
from storage.repositories.scans import read_kept, scan_records
from storage.repositories.stores import Stores
from storage.sandbox import demo
from storage.sandbox.demo import Demo, open_demo, reset
from storage.sandbox.demo_state import DemoFolder
from storage.sandbox.seeding import update_times
from storage.sandbox.world import SampleWorld, build
from storage.settings import backends
from storage.settings.reader import ROOT
from tests.rigs.waiting import PATIENCE_SECONDS, until
from tests.sandbox.sample import WORLD

LATER = timedelta(hours=13)
CAST = WORLD.cast  # ids and keys do not depend on the time


@dataclass
class Shared:
    """The folder, the process that owns its demo, and what this one attached to while the other was still starting."""

    directory: Path
    owner: subprocess.Popen[str]
    attached: Demo


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    directory = tmp_path_factory.mktemp("shared") / "demo"
    command = [sys.executable, "-m", "storage.sandbox.demo", "--directory", str(directory)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as owner:
        until(lambda: DemoFolder(directory).running())
        yield Shared(directory, owner, open_demo(directory))
        owner.kill()


@pytest.fixture(scope="module")
def attached(shared: Shared) -> Demo:
    return shared.attached


@pytest.fixture(scope="module")
def stores(attached: Demo) -> Iterator[Stores]:
    with closing(connect(backends.load(attached.values(), mode="demo"))) as stores:
        yield stores


@pytest.fixture(scope="module")
def dated(shared: Shared) -> SampleWorld:
    """The sample as it was put in."""
    return _sample_of(shared.directory)


def test_who_comes_while_a_demo_starts_attaches_to_it_and_runs_none(
    shared: Shared, attached: Demo, capsys: pytest.CaptureFixture[str]
) -> None:
    assert demo.main(["--directory", str(shared.directory)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert shared.owner.stdout is not None
    assert [shared.owner.stdout.readline().strip() for _ in range(2)] == said[:2]
    assert "Another process runs it" in said[2]
    assert not attached.owned
    assert shared.owner.poll() is None


def test_attaching_gives_the_same_endpoints_and_stopping_ends_nothing(shared: Shared, attached: Demo) -> None:
    second = open_demo(shared.directory)
    second.stop()
    assert not attached.owned
    assert second.values() == attached.values()
    assert shared.owner.poll() is None


def test_every_object_is_there_with_its_size_and_age(stores: Stores, dated: SampleWorld) -> None:
    frame = stores.objects.list_all("").frame
    frame = frame[~frame["key"].str.startswith("_ops/")]  # the desk's own: kept scans
    found = {row.key: (row.size_bytes, row.last_modified.to_pydatetime()) for row in frame.itertuples()}
    expected = {o.key: (o.size, o.modified.replace(microsecond=0)) for o in dated.objects}
    assert found == expected


def test_every_document_is_there(stores: Stores, dated: SampleWorld) -> None:
    assert update_times(stores.handle).keys() == dated.documents.keys()
    story = CAST["healthy"]
    path = f"users/{story.uid}/videos/{story.video_id}"
    found = stores.records.raw(path)
    assert found is not None
    assert found.fields == dated.documents[path]


def test_the_figures_about_all_customers_are_there_with_a_month_of_growth_that_says_how_it_is_known(
    stores: Stores, dated: SampleWorld
) -> None:
    view = read_fleet(stores.records)
    users = {path.split("/")[1] for path in dated.documents if path.startswith("users/")}
    assert (view.complete, view.totals.users, view.read_at) == (True, len(users), dated.now)
    days = view.growth[view.growth["users"].notna()]
    assert (len(days), view.counted_since) == (30, dated.now.date())
    born = [fields["created_at"] for path, fields in dated.documents.items() if path.count("/") == 1
            and path.startswith("users/") and isinstance(fields.get("created_at"), datetime)]  # fmt: skip
    first = days.iloc[0]
    assert first["users"] == sum(at.date() <= first["day"].date() for at in born)
    assert days[["users", "videos", "clips", "clip_bytes"]].apply(lambda column: column.is_monotonic_increasing).all()


def test_unfinished_uploads_are_as_old_as_their_stories_say(stores: Stores, dated: SampleWorld) -> None:
    found = stores.objects.multipart_uploads("").uploads
    begun = {upload.key: upload.initiated_at for upload in found}
    assert begun == {each.key: (dated.now - each.age).replace(microsecond=0) for each in dated.uploads}


def test_a_signed_url_of_an_unusual_key_gives_the_clip(stores: Stores, dated: SampleWorld) -> None:
    contents = {each.key: each.content() for each in dated.objects}
    for number in range(1, 8):
        key = str(CAST[f"key_{number}"].key)
        with urllib.request.urlopen(stores.objects.presign(key, 60).url, timeout=PATIENCE_SECONDS) as answer:
            assert answer.headers["Content-Type"] == "video/mp4"
            assert answer.read() == contents[key]


def test_the_reading_token_may_not_write(stores: Stores) -> None:
    with pytest.raises(AccessDenied):
        open_read_token_writer(stores).put("_ops/health/probe", b"x", "text/plain")


def test_what_is_being_rendered_was_touched_just_now(stores: Stores) -> None:
    story = CAST["rendering"]
    video = stores.records.video(story.uid, str(story.video_id))
    assert video is not None
    assert video.updated_at is not None
    assert datetime.now(UTC) - video.updated_at < timedelta(minutes=2)


def test_a_running_demo_is_not_reset(shared: Shared) -> None:
    with pytest.raises(Refused, match=f"process {shared.owner.pid}"):
        reset(shared.directory)
    assert shared.owner.poll() is None


def test_two_scans_are_kept_of_which_the_newer_has_more(stores: Stores) -> None:
    newer, older = scan_records(stores.records).heads(2, parts=False)
    assert (newer.before, newer.complete) == (older.scan_id, True)
    assert newer.new > 0
    assert newer.still == older.findings == len(read_kept(stores.objects, older).frame)
    assert newer.disclosures == 1


def test_the_data_survive_the_kill_of_the_owner_and_are_dated_anew(
    shared: Shared, attached: Demo, dated: SampleWorld
) -> None:
    changed, gone = CAST["analysis_stalled"], CAST["orphan_object"]
    path = f"users/{changed.uid}/videos/{changed.video_id}"
    with closing(connect(backends.load(attached.values(), mode="demo"))) as stores:
        writers = open_writers(stores)
        writers.documents.update(path, {"status": "failed"})
        writers.documents.delete(f"users/{CAST['share_live'].uid}")
        writers.objects.delete([str(gone.key)])
        mine = stores.records.raw(path)
    assert attached.alive()
    shared.owner.kill()
    shared.owner.wait()
    assert not attached.alive()

    ahead = LATER
    with open_demo(shared.directory, clock=lambda: datetime.now(UTC) + ahead) as own:
        assert own.owner is not None
        assert "dates were moved" in own.note
        with closing(connect(backends.load(own.values(), mode="demo"))) as stores:
            first = _sample_of(shared.directory)
            assert first.now - dated.now >= LATER
            _assert_redated(stores, first, str(gone.key))
            ahead += LATER
            own.owner.tick()
            second = _sample_of(shared.directory)
            assert second.now - first.now >= LATER
            _assert_redated(stores, second, str(gone.key))
            assert stores.records.raw(path) == mine
            assert stores.records.raw(f"users/{CAST['share_live'].uid}") is None
    reset(shared.directory)
    assert not shared.directory.exists()


def _sample_of(directory: Path) -> SampleWorld:
    sample = DemoFolder(directory).sample()
    assert sample is not None
    return build(sample.dated, sample.seed)


def _assert_redated(stores: Stores, after: SampleWorld, gone: str) -> None:
    frame = stores.objects.list_all("").frame
    frame = frame[~frame["key"].str.startswith("_ops/")]  # the desk's own: kept scans
    found = {row.key: row.last_modified.to_pydatetime() for row in frame.itertuples()}
    assert found == {o.key: o.modified.replace(microsecond=0) for o in after.objects if o.key != gone}
    begun = {upload.key: upload.initiated_at for upload in stores.objects.multipart_uploads("").uploads}
    assert begun == {each.key: (after.now - each.age).replace(microsecond=0) for each in after.uploads}
    statuses: Counter[bool] = Counter()
    for story in after.cast.values():
        path = f"users/{story.uid}/videos/{story.video_id}"
        if story.verdict not in {None, "waiting", "rendering", "not_found"} and story.name != "analysis_stalled":
            document = stores.records.raw(path)
            assert document is not None
            statuses[document.fields == after.documents[path]] += 1
    assert statuses[True] > 40
    assert not statuses[False]
