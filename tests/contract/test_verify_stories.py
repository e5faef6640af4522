"""Every situation of the sample data, through real stores: the findings and the verdict that its story promises."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from storage.clients import r2
from storage.clients.firestore import open_firestore
from storage.domain.deployment import set_to
from storage.domain.diagnosis import VERDICTS
from storage.domain.integrity import KINDS, Report
from storage.repositories.objects import Objects
from storage.repositories.records import Records
from storage.sandbox import seeding, world
from storage.sandbox.world.builder import Story
from storage.services.diagnose import LOOKING, diagnose, stuck
from storage.services.fleet_scan import verify_all
from storage.services.verify import IN_DEPTH, VerifyContext
from storage.settings.backends import FirestoreSettings
from tests.rigs.firestore import EmbeddedFirestore
from tests.rigs.seaweed import SeaweedRig

NOW = datetime.now(UTC)
SAMPLE = world.build(NOW, seeding.SEED)
STORIES = [story for story in SAMPLE.cast.values() if story.video_id]


@pytest.fixture(scope="module")
def checker(r2_rig: SeaweedRig) -> Iterator[VerifyContext]:
    """The sample data in both stores, looked at at the moment for which they were made."""
    r2_rig.process.create_bucket(seeding.BUCKET)
    with EmbeddedFirestore() as rig:
        handle = open_firestore(FirestoreSettings(seeding.PROJECT, None, rig.host))
        seeding.store(r2_rig.process, rig.server, SAMPLE)
        objects = Objects(r2.read_client(r2_rig.settings(seeding.BUCKET)), seeding.BUCKET)
        yield VerifyContext(Records(handle), objects, set_to("document", ""), lambda: NOW, timedelta(minutes=15))
        handle.close()


@pytest.fixture(scope="module")
def reports(checker: VerifyContext) -> dict[str, Report]:
    """What is said of every customer, after a look into each clip."""
    return {report.uid: report for report in verify_all(checker, scope=IN_DEPTH)}


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_each_story_has_the_findings_that_it_promises(reports: dict[str, Report], story: Story) -> None:
    report = reports[story.uid]
    about = {story.video_id, None} if story.findings == ("phantom_parent",) else {story.video_id}
    found = [
        finding.kind
        for finding in report.findings
        if finding.video_id in about and (finding.severity != "info" or finding.kind in story.findings)
    ]
    assert Counter(found) == Counter(story.findings)
    assert report.complete
    assert report.suspicion is None


def test_nothing_is_found_beyond_what_the_stories_promise(reports: dict[str, Report]) -> None:
    told: dict[str, Counter[str]] = defaultdict(Counter)
    for story in SAMPLE.cast.values():
        told[story.uid].update(story.findings)
    found = {uid: Counter(finding.kind for finding in report.findings) for uid, report in reports.items()}
    assert found == {uid: told[uid] for uid in reports}
    assert all(report.complete and report.suspicion is None for report in reports.values())


@pytest.mark.parametrize("story", [story for story in STORIES if story.verdict], ids=lambda story: story.name)
def test_each_story_has_the_verdict_that_it_promises(checker: VerifyContext, story: Story) -> None:
    case = diagnose(checker, story.uid, str(story.video_id), scope=LOOKING)
    assert case.diagnosis.verdict == story.verdict, case.diagnosis.summary


def test_the_stories_reach_every_finding_and_verdict_that_data_alone_can_cause() -> None:
    assert {kind for story in STORIES for kind in story.findings} == set(KINDS) - {"unreadable"}
    assert {story.verdict for story in STORIES if story.verdict} == set(VERDICTS) - {"access_denied", "purged"}


def test_all_that_is_stuck_in_the_sample_is_listed_worst_first_and_each_outage_is_one_group(
    checker: VerifyContext,
) -> None:
    found = stuck(checker)
    listed = {(video.diagnosis.uid, video.diagnosis.video_id): video for video in found.videos}
    quiet = {"healthy", "waiting", "rendering", "failed_permanent", "not_found", None}
    for story in STORIES:
        is_listed = (story.uid, str(story.video_id)) in listed
        seen_inside_only = bool({"not_media", "truncated_media"} & set(story.findings))  # the list looks into no clip
        assert is_listed == (story.verdict not in quiet and not seen_inside_only), story.name
    assert all(video.email for video in found.videos)
    assert {frozenset(outage.videos) for outage in found.outages} == {
        frozenset(videos) for videos in SAMPLE.outages.values()
    }
    severities = [video.diagnosis.severity for video in found.videos]
    assert severities == sorted(severities)
    assert found.missing_index is None
