"""Equal failures are one group over days; a group has a life: new, escalating, back, known, resolved, archived."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from storage.domain.diagnosis import Known, StuckVideo
from storage.domain.diagnosis.groups import (
    CUSTOMERS,
    FailedVideo,
    FailureGroup,
    Mark,
    failed_video,
    groups,
    life,
    normalised,
    stages,
)
from storage.domain.diagnosis.outages import NOT_LOOKED, Standing, outages
from tests.domain.diagnosis_world import NOW, STALE, ago, facts, video
from tests.domain.test_diagnosis_stuck import analysis, stuck

EQUAL = [
    "Job failed after {n} retries: AI analysis failed: HTTP 503 Service Unavailable (request 9f8a{n}b6c-1111)",
    "Transcript of https://youtu.be/abc{n}?t=1 timed out after {n}.5 s",
    "Cannot open /tmp/work-{n}/source.mp4: user{n}@example.com has no “My title {n}”",
    "video vid-000{n} of u{n} has no index at byte {n},{n}00",
]


@pytest.mark.parametrize("text", EQUAL)
def test_messages_that_differ_in_numbers_ids_links_and_titles_alone_are_equal(text: str) -> None:
    said = {normalised(text.format(n=n), (f"vid-000{n}", f"u{n}")) for n in (1, 23, 456)}
    assert len(said) == 1
    assert not any(character.isdigit() for character in said.pop())


def test_messages_with_other_words_are_not_equal() -> None:
    texts = ["Connection reset by peer", "Connection refused", "Private video", "", "out of memory"]
    assert len({normalised(text) for text in texts}) == len(texts)
    assert len(normalised("x" * 100_000)) <= 300


def errors(*hours: float, text: str = "HTTP {n} after {n} s") -> list[FailedVideo]:
    """Failed videos, that many hours ago."""
    return [
        failed_video(f"u{n}", f"vid-{n:04}", None, ago(hours=at), text.format(n=100 + n)) for n, at in enumerate(hours)
    ]


def made(failed: list[FailedVideo], others: list[StuckVideo] = [], **marks: Mark) -> list[FailureGroup]:  # noqa: B006
    """The groups, with marks by the text of their group."""
    known = groups(failed, others, marks={}, successes={}, now=NOW, stale_after=STALE)
    by_id = {one.id: marks[name] for one in known for name in marks if name in one.text}
    return list(groups(failed, others, marks=by_id, successes={}, now=NOW, stale_after=STALE))


def test_five_equal_errors_hours_apart_are_one_group_and_no_outage() -> None:
    (group,) = made(errors(2, 9, 20, 31, 50))
    assert (len(group.videos), group.users, group.last_day) == (5, 5, 3)
    assert (group.first_at, group.last_at) == (ago(hours=50), ago(hours=2))
    assert group.text == "http # after # s"
    failed = facts(video("failed", error_message="HTTP 503", failed_at=ago(hours=2)))
    assert outages([stuck(failed, f"v{n}") for n in range(2)]) == ()


def test_forty_stops_four_minutes_apart_are_one_group_that_says_how_many_and_no_outage() -> None:
    slow = [analysis(60 + 4 * n, f"v{n:02}", f"u{n}") for n in range(40)]
    assert outages(slow) == ()
    (group,) = made([], slow)
    assert (group.sort, group.stage, len(group.videos), group.life) == ("stop", "analysis", 40, "new")
    assert stages([], slow) == {"analysis"}


def test_the_id_of_a_group_is_the_same_on_another_day_and_machine() -> None:
    assert made(errors(2, 9))[0].id == made(errors(400))[0].id == "error-" + made(errors(1))[0].id.partition("-")[2]


DONE = Mark("resolved", ago(days=2), "a@b.test", "mended")
ASIDE = Mark("archived", ago(days=2), "a@b.test", "known upstream", until_more=3)
OVER = Standing(False, "It succeeded.")
LIVES: dict[str, tuple[list[float], Mark | None, Standing, str]] = {
    "the first today": ([1, 5], None, NOT_LOOKED, "new"),
    "now and then": ([30, 90, 100, 200], None, NOT_LOOKED, "known"),
    "two a day, as ever": ([*range(1, 700, 12)], None, NOT_LOOKED, "known"),
    "two a day, and twelve today": ([*range(25, 700, 12), *range(1, 13)], None, NOT_LOOKED, "escalating"),
    "one long ago, three today": ([50, 1, 2, 3], None, NOT_LOOKED, "escalating"),
    "nothing for three days, then today": ([100, 120, 2], None, NOT_LOOKED, "back"),
    "none for a week": ([170, 300], None, NOT_LOOKED, "resolved"),
    "the step succeeded since": ([30, 90], None, OVER, "resolved"),
    "it succeeded, but the last one is young": ([3, 60], None, OVER, "known"),
    "called resolved, none since": ([60, 90], DONE, NOT_LOOKED, "resolved"),
    "called resolved, and here again": ([40, 90], DONE, NOT_LOOKED, "back"),
    "archived until three more, two came": ([10, 20, 90], ASIDE, NOT_LOOKED, "archived"),
    "archived until three more, three came": ([10, 20, 30, 90], ASIDE, NOT_LOOKED, "back"),
    "of no known time": ([], None, NOT_LOOKED, "known"),
}


@pytest.mark.parametrize("case", LIVES)
def test_the_life_of_a_group(case: str) -> None:
    hours, mark, standing, expected = LIVES[case]
    times: list[datetime] = sorted(ago(hours=at) for at in hours)
    assert life(times, mark, standing, NOW) == expected


def test_what_needs_a_look_comes_first_and_what_waits_for_customers_later() -> None:
    found = made(
        [
            *errors(30, 90, 100),
            *errors(1, text="Zonk {n}"),
            *errors(60, text="Bad gateway"),
            *errors(1, 2, text="Video cannot be processed: Private video"),
        ],
        gateway=DONE,
    )
    assert [(one.life, one.customers) for one in found] == [
        ("new", False),
        ("new", True),
        ("known", False),
        ("resolved", False),
    ]
    assert found[3].as_dict()["life"] == "resolved"


@pytest.mark.parametrize(
    ("text", "customers"),
    [
        ("Video cannot be processed: Private video", True),
        ("Quota exceeded: Storage quota exceeded", True),
        ("Video cannot be processed: This video was deleted", True),
        ("Highlights not found in Firestore", False),
        ("Video cannot be processed: not available in your country", False),
        ("Job failed after 3 retries: HTTP 503", False),
        ("Zonk", False),
    ],
)
def test_what_waits_for_its_customer_only(text: str, customers: bool) -> None:
    assert failed_video("u1", "v1", None, None, text).customers is customers
    assert "region" not in CUSTOMERS


def test_a_group_says_whether_it_goes_on_by_the_step_of_its_videos() -> None:
    document = video("failed", error_message="HTTP 503", failed_at=ago(hours=30))
    diagnosed = [stuck(facts(document), f"vid-{n:04}", f"u{n}") for n in range(2)]
    step = diagnosed[0].diagnosis.stage
    failed = errors(30, 31)
    found = groups(
        failed, diagnosed, marks={}, successes={step: Known(ago(hours=1))}, now=NOW, stale_after=timedelta(minutes=15)
    )
    assert (found[0].stage, found[0].standing.goes_on, found[0].life) == (step, False, "resolved")
