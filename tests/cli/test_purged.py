"""What a purge took is never just not there: each command that misses it tells of the purge."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from grpc import StatusCode

from storage.domain.purge.job import JobTally
from storage.domain.purge.scope import Scope
from tests.cli.conftest import Desk
from tests.cli.test_alerts import a_job
from tests.rigs.records import user

NOW = datetime.now(UTC)
WHY = ("--reason", "ticket 9: it never ended", "--actor", "eng@example.com")


@pytest.fixture
def purged(desk: Desk) -> str:
    """A customer without the video that a purge took, and one whose whole account a purge took; the id of both."""
    desk.world.put({"users/u1": user("u1")})
    job_id = "purge-20260101-000000-0000000"
    for number, scope in enumerate((Scope("u1", "vid-0001"), Scope("gone"))):
        job = a_job(
            f"{job_id}{number}",
            "purge",
            scope=scope,
            actor="ada@example.com",
            tally=JobTally(objects=3, documents=1),
            finished_at=NOW,
            quarantine="kept",
            quarantine_until=NOW + timedelta(days=7),
        )
        desk.world.put({job.path: job.to_fields()})
    return job_id


@pytest.mark.parametrize(
    ("command", "number"),
    [
        (("url", "u1", "vid-0001", "vid-0001_1_split"), 0),
        (("highlights", "u1", "vid-0001"), 0),
        (("set-status", "u1", "vid-0001", "failed", *WHY), 0),
        (("verify", "u1", "vid-0001"), 0),
        (("usage", "gone"), 1),
        (("recount", "gone"), 1),
        (("verify", "gone"), 1),
        (("orphans", "plan", "gone", "--action", "remove", "--actor", "eng@example.com"), 1),
        (("purge", "plan", "gone"), 1),
    ],
)
def test_a_command_that_misses_it_tells_of_the_purge(desk: Desk, purged: str, command: tuple[str, ...], number: int):
    answer = desk.run(*command, "--json")
    assert answer.status == 1, answer.out
    assert f"{purged}{number}" in answer.json["error"]["remedy"]
    assert "ada@example.com" in answer.json["error"]["remedy"]
    assert "It can be put back until" in answer.json["error"]["remedy"]


def test_what_nobody_purged_or_nobody_can_ask_about_is_just_not_there(desk: Desk, purged: str) -> None:
    assert purged not in desk.run("url", "u1", "vid-0002", "c1", "--json").out
    desk.world.faults.refuse("RunQuery", StatusCode.PERMISSION_DENIED, times=None)
    answer = desk.run("url", "u1", "vid-0001", "c1", "--json")
    assert (answer.status, answer.json["error"]["code"]) == (1, "not_found")
