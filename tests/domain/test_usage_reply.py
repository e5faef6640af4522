"""The usage in words for a customer: true at the edges, silent about systems, and honest where nothing is known."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from storage.domain import usage
from storage.domain.usage import GIB, Quota, Usage, WorkerQuota, quota, usage_reply

NOW = datetime(2026, 12, 31, 23, 59, tzinfo=UTC)


def said(storage: Quota, clips: Quota | None = None, credits: Quota | None = None, *, plan: str = "pro") -> str:
    known = usage.Plans({}).of(plan)
    return usage_reply(
        Usage("u1", "a@example.com", known, storage, None, "storage_accounting.x", clips, credits, True, (), None), NOW
    ).words()  # fmt: skip


def test_each_quota_says_what_is_used_what_is_left_and_when_the_month_ends():
    text = said(quota(12 * GIB, 30 * GIB), clips=quota(499, 500))
    assert "limits of the Pro plan" in text
    assert "- Storage: 12.0 GiB of 30.0 GiB used (40 %), 18.0 GiB left." in text
    assert "- Clips this month: 499 of 500 used (99 %), 1 left." in text
    assert "start again on 1 January 2027 (UTC)" in text
    assert "Credits" not in text


def test_what_is_over_a_limit_says_by_how_much_and_what_helps():
    text = said(quota(36 * GIB, 30 * GIB), clips=quota(23, 20), credits=quota(10, 200))
    assert "(120 %), 6.00 GiB over the limit" in text
    assert "Deleting clips that you no longer need makes room" in text
    assert "This month's clips are used up; deleting clips does not give them back." in text


@pytest.mark.parametrize(("used", "percent"), [(99_999, "99 %"), (79_999, "79 %")])
def test_just_below_a_limit_never_reads_as_having_reached_it(used, percent):
    assert f"({percent})" in said(quota(1, 10), clips=quota(used, 100_000))


def test_a_figure_that_cannot_be_read_is_unknown_and_a_limit_of_nothing_has_no_percentage():
    text = said(quota(None, 30 * GIB), clips=quota(8, 0))
    assert "- Storage: we cannot read this figure at the moment" in text
    assert "- Clips this month: 8 of 0 used." in text
    assert "0 B" not in text


def test_a_plan_nobody_knows_is_told_as_the_free_one_and_no_system_is_named():
    text = said(quota(1, 10), plan="enterprise-2023")
    assert "limits of the Free plan" in text
    assert not [word for word in ("enterprise", "storage_accounting", "u1", "example.com") if word in text]


def test_where_no_clip_can_be_made_though_the_plan_has_room_the_customer_is_told_what_helps():
    worker = WorkerQuota("free", GIB, 30 * 1024**2, True)
    found = Usage(
        "u1",
        None,
        usage.Plans({}).of("free"),
        quota(994 * 1024**2, GIB),
        None,
        "storage_accounting.x",
        None,
        None,
        True,
        (),
        None,
        worker,
    )
    text = usage_reply(found, NOW).words()
    assert "A new clip needs more room than is left, so no clip can be made until some room is freed." in text
    assert "worker" not in text
