"""The guards: phrase, reason, addresses, seal, scope, second person; each says its ground."""

from __future__ import annotations

from datetime import timedelta

import pytest

from storage.domain.actor_and_reason import checked_reason, normal_email
from storage.domain.layout import Layout
from storage.domain.purge.guards import (
    Approval,
    check_confirmation,
    check_seal,
    second_person_needed,
    strays,
)
from storage.domain.purge.plan import PlannedDocument, PlannedObject, PlanTarget, PurgePlan
from storage.domain.purge.scope import GIB, ClipRef, PurgeLimits, Scope, all_prefixes, in_scope
from storage.errors import BadInput, Refused, Stale
from tests.domain.test_purge_scope_and_plan import NOW, plan

LIMITS = PurgeLimits()
TARGET = PlanTarget("bucket", "project", "users/")
ADA, BOB, EVE = "ada@example.com", "bob@example.com", "eve@example.com"


def good(**changes: object) -> PurgePlan:
    """A plan that nothing stands against, but for the changes."""
    return plan(**{"objects": (PlannedObject("users/u1/video-1/clips/x.mp4", 5, "abc"),), **changes})


def confirm(
    made: PurgePlan, *approvals: Approval, phrase: str = "", actor: str = EVE, erase: bool = False
) -> tuple[Approval, ...]:
    return check_confirmation(
        made, phrase=phrase or made.scope.spelled, actor=actor, erase=erase, approvals=approvals, limits=LIMITS
    )


@pytest.mark.parametrize("text", [" Ada@Example.com ", "ADA@EXAMPLE.COM", "ada @ example . com", "ａｄａ@example.com"])
def test_addresses_are_compared_without_case_and_blanks(text: str) -> None:
    assert normal_email(text) == ADA


@pytest.mark.parametrize("text", ["", " ", "ada", "@", "a@", "@b", "a@b@c", "a\u202eb@c", "a" * 400 + "@b"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        normal_email(text)


def test_a_reason_is_kept_in_one_line() -> None:
    assert checked_reason("  asked by\n customer\t4711 ") == "asked by customer 4711"


@pytest.mark.parametrize(
    "text", ["", " \n", "x" * 2_001, "see https://h/k?X-Amz-Signature=abc", "-----BEGIN PRIVATE KEY-----"]
)
def test_a_reason_that_cannot_be_recorded_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        checked_reason(text)


def test_a_plan_in_order_passes() -> None:
    check_seal(good(), TARGET, LIMITS, NOW + timedelta(minutes=29))
    assert confirm(good()) == ()


@pytest.mark.parametrize(
    "target",
    [PlanTarget("b2", "project", "users/"), PlanTarget("bucket", "p2", "users/"), PlanTarget("bucket", "project", "")],
)
def test_a_plan_of_another_place_is_refused(target: PlanTarget) -> None:
    with pytest.raises(Refused, match="made for bucket"):
        check_seal(good(), target, LIMITS, NOW)


def test_a_plan_has_its_time_and_cannot_claim_more() -> None:
    with pytest.raises(Stale, match="expired"):
        check_seal(good(), TARGET, LIMITS, NOW + timedelta(minutes=30))
    with pytest.raises(Stale, match="longer life"):
        check_seal(good(expires_at=NOW + timedelta(days=2)), TARGET, LIMITS, NOW)
    with pytest.raises(Stale, match="longer life"):
        check_seal(good(), TARGET, LIMITS, NOW - timedelta(hours=1))


@pytest.mark.parametrize(
    "key", ["users/u10/video-1/clips/x.mp4", "users/u1/video-10/clips/x.mp4", "_ops/plans/x", "x", "users/u1/video-1"]
)
def test_a_key_outside_the_scope_is_a_stray(key: str) -> None:
    with pytest.raises(Refused, match="does not belong"):
        check_seal(plan(objects=(PlannedObject(key, 1, "e"),)), TARGET, LIMITS, NOW)


@pytest.mark.parametrize(
    "path",
    [
        "users/u1",
        "users/u1/videos/video-2",
        "users/u1/videos/video-10/clips/c",
        "storage_accounting/u1",
        "plans/pro",
        "ops_jobs/j",
    ],
)
def test_a_document_outside_the_scope_is_a_stray(path: str) -> None:
    assert strays(good(documents=(PlannedDocument(path, NOW),)))


def test_a_user_has_the_accounting_and_all_layouts_have_the_users_keys() -> None:
    user = Scope.of("u1")
    mine = good(
        scope=user, documents=(PlannedDocument("storage_accounting/u1", NOW), PlannedDocument("share_slugs/s", NOW))
    )
    assert strays(mine) == ()
    layout = Layout("users/")
    for key in ("users/u1/v/x", "u1/v/x", "sources/u1/v/source.mp4", "clips/u1/v/raw/x.mp4", "u1/transcripts/t"):
        assert in_scope(key, user, layout)
    for key in ("users/u10/v/x", "u10/v", "users/u", "u1", "clips/u10/v/raw/x.mp4"):
        assert not in_scope(key, user, layout)
    assert all(prefix.endswith("/") for prefix in all_prefixes(user, layout))
    assert all(prefix.count("/") >= 2 or prefix == "u1/" for prefix in all_prefixes(user, layout))


@pytest.mark.parametrize("phrase", ["u1", "U1/video-1", "u1/video-1 ", " u1/video-1", "u1/video", "u1／video-1"])
def test_the_phrase_must_be_the_scope_to_the_letter(phrase: str) -> None:
    with pytest.raises(Refused, match="not the scope's name"):
        confirm(good(), phrase=phrase)


def test_a_blocked_plan_is_refused_with_every_ground() -> None:
    with pytest.raises(Refused) as refused:
        confirm(good(blocked=("a video is processed", "a foreign key")), phrase="wrong")
    assert len(refused.value.reasons) == 3


def test_a_reserved_scope_is_refused_even_if_somebody_made_a_plan_of_it() -> None:
    with pytest.raises(Refused, match="reserved"):
        confirm(good(scope=Scope.of("users", "video-1")))


def test_when_a_second_person_is_needed() -> None:
    few, many = (PlannedObject("k", 1, "e"),), tuple(PlannedObject(f"k{n}", 1, "e") for n in range(501))
    assert second_person_needed(good(objects=few), LIMITS, erase=False) == ()
    assert second_person_needed(good(objects=many[:500]), LIMITS, erase=False) == ()
    assert "501 objects" in second_person_needed(good(objects=many), LIMITS, erase=False)[0]
    assert second_person_needed(good(objects=(PlannedObject("k", 5 * GIB, "e"),)), LIMITS, erase=False) == ()
    assert second_person_needed(good(objects=(PlannedObject("k", 5 * GIB + 1, "e"),)), LIMITS, erase=False)
    assert second_person_needed(good(scope=Scope.of("u1")), LIMITS, erase=False)
    assert second_person_needed(good(), LIMITS, erase=True)


def test_an_approval_counts_for_exactly_this_plan_and_from_a_third_pair_of_eyes() -> None:
    made = good(scope=Scope.of("u1"))
    counts = Approval(made.fingerprint, BOB, NOW)
    assert confirm(made, counts) == (counts,)
    for useless in (
        Approval(good(scope=Scope.of("u1"), warnings=()).fingerprint, BOB, NOW),
        Approval(made.fingerprint, made.maker, NOW),
        Approval(made.fingerprint, EVE, NOW),
    ):
        with pytest.raises(Refused, match="second person"):
            confirm(made, useless)


def test_a_maker_who_is_not_known_does_not_weaken_the_rest() -> None:
    made = good(scope=Scope.of("u1"), maker="")
    with pytest.raises(Refused, match="second person"):
        confirm(made, Approval(made.fingerprint, EVE, NOW))
    assert confirm(made, Approval(made.fingerprint, BOB, NOW))


def test_clips_of_several_videos_stay_within_them() -> None:
    scope = Scope.of_clips("u1", [ClipRef("v1", "c1"), ClipRef("v2", "c2")])
    mine = good(scope=scope, documents=(PlannedDocument("users/u1/videos/v1/clips/c1/shares/config", NOW),), uploads=(),
                counters=())  # fmt: skip
    assert strays(mine) == ("key outside the scope: users/u1/video-1/clips/x.mp4",)
    other = good(scope=scope, objects=(), uploads=(), documents=(PlannedDocument("users/u1/videos/v1/clips/c2", NOW),))
    assert strays(other) == ("document outside the scope: users/u1/videos/v1/clips/c2",)
