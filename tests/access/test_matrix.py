"""Every role and nobody against every action of the policy, through what does it and not through what checks it.

What changes something is called as pages and commands call it; what reads is a page, opened as this person. An action
of the policy, or a place that asks for permission, that is not tried here fails the last two tests.
"""

from __future__ import annotations

import ast
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest

from pages._ui.access import identity
from pages._ui.data import purges
from pages._ui.nav import SCREENS
from storage.actions import addresses, failure_groups, links, repair, requests
from storage.actions.alerts import try_target
from storage.actions.documents import Update
from storage.actions.highlights import plan_put
from storage.actions.joint_repair import JOINT_PLANS, apply_joint_plan, make_joint_plan, undo_joint_repair
from storage.actions.orphans import ORPHAN_PLANS, apply_orphan_plan, make_orphan_plan, undo_orphans
from storage.actions.purge import jobs, plan_ends, plans
from storage.actions.purge.worker import run_job
from storage.actions.repair import RepairContext, plan_recount
from storage.actions.upload import check_media
from storage.clients.messengers import targets_of
from storage.domain.orphans import OrphanAction
from storage.domain.policy import ACTIONS, CHANGES, LEAST_ROLE, Action, Actor, SignInExpired
from storage.domain.purge.job import job_path
from storage.domain.purge.plan import PurgePlan
from storage.domain.purge.scope import Scope
from storage.errors import BadInput, NotPermitted, Refused, Stale
from storage.repositories.failure_groups import read_marks
from storage.repositories.queries import Subtree
from storage.text import Secret
from tests.access.test_policy import MATRIX
from tests.cli.conftest import MEDIA
from tests.conftest import close_the_pages
from tests.purge.world import ADA, BOB, REASON, PurgeWorld
from tests.rigs.desk import LONG_AGO
from tests.rigs.firestore import EmbeddedFirestore
from tests.rigs.seaweed import SeaweedRig
from tests.rigs.sink import sink
from tests.ui.conftest import open_page, words

ROOT = Path(__file__).resolve().parents[2]
VIDEO = "video-aaa"
CLIP = sorted(MEDIA.rglob("*.mp4"))[0].read_bytes()
HIGHLIGHTS = json.dumps({"highlights": [{"id": 1, "title": "The hook", "start": "00:01", "end": "00:09"}]}).encode()
Attempt = Callable[[Actor], object]


@dataclass
class Desk:
    """One world for the whole module, in which each trial has a customer of its own."""

    world: PurgeWorld
    customers: int = 0

    def customer(self) -> str:
        """A new customer with one video and one clip."""
        self.customers += 1
        uid = f"user-{self.customers}"
        self.world.add_user(uid, {VIDEO: 1})
        return uid

    @property
    def bench(self) -> RepairContext:
        """What repairs work with."""
        purging = self.world.purging
        return RepairContext(self.world.stores, purging.writers, purging.trail, self.world.now)

    def plan(self, uid: str) -> PurgePlan:
        """A plan for the customer's clip, kept as pages keep it."""
        plan = self.world.plan(Scope.of(uid, VIDEO, [f"{VIDEO}_0_split"]))
        plans.store_plan(self.world.purging, plan)
        return plan

    def state(self, uid: str) -> Any:
        """Everything of the customer in both stores, by version, and the jobs about it."""
        handle, objects = self.world.stores.handle, self.world.stores.objects
        documents = {item.path: item.update_time for item in Subtree(handle).below(f"users/{uid}", ())}
        user = self.world.stores.records.raw(f"users/{uid}")
        listed = objects.list_all(f"users/{uid}/").frame
        jobs = [(job.job_id, job.state, job.update_time) for job in self.world.purging.jobs.of_user(uid)]
        return documents, user and user.update_time, listed[["key", "etag"]].values.tolist(), jobs

    def refusals(self, uid: str) -> list[str]:
        """Who was refused something about this customer, by the audit."""
        return sorted(e["actor"] for e in self.world.log.search(uid=uid, limit=50) if e["outcome"] == "refused")


@pytest.fixture(scope="module")
def desk(r2_rig: SeaweedRig) -> Iterator[Desk]:
    """The desk live over the world, as a local user sees it beside an emulator."""
    with EmbeddedFirestore() as firestore, pytest.MonkeyPatch.context() as patch:
        world = PurgeWorld(firestore, r2_rig.values(r2_rig.fresh_bucket()))
        for name, value in world.values.items():
            patch.setenv(name, value)
        patch.setattr(identity, "is_local", lambda: True)  # the test runner has no browser whose address it knows
        patch.setattr(identity, "ip", lambda: "127.0.0.1")
        yield Desk(world)
        close_the_pages()
        world.close()


def actor(role: str) -> Actor:
    """Somebody with one role, or with none."""
    roles = frozenset() if role == "nobody" else frozenset({role})
    return Actor(f"{role}@corp.test", roles, "oidc")  # type: ignore[arg-type]


def recount(desk: Desk, uid: str) -> Attempt:
    desk.world.put_documents({f"users/{uid}": {"uid": uid, "email": f"{uid}@example.com", "total_clips_count": 99}})
    plan = plan_recount(desk.world.stores, uid, desk.world.now())
    return lambda who: repair.apply(desk.bench, who, plan, REASON)


def undo_recount(desk: Desk, uid: str) -> Attempt:
    change = recount(desk, uid)(ADA).change_id  # type: ignore[attr-defined]
    return lambda who: repair.undo(desk.bench, who, change, REASON)


def put_highlights(desk: Desk, uid: str) -> Attempt:
    plan = plan_put(desk.bench, uid, VIDEO, HIGHLIGHTS)
    return lambda who: repair.apply(desk.bench, who, plan, REASON)


def undo_highlights(desk: Desk, uid: str) -> Attempt:
    change = put_highlights(desk, uid)(ADA).change_id  # type: ignore[attr-defined]
    return lambda who: repair.undo(desk.bench, who, change, REASON)


def set_status(desk: Desk, uid: str) -> Attempt:
    put_highlights(desk, uid)(ADA)
    video = {"video_id": VIDEO, "status": "processing", "created_at": LONG_AGO, "updated_at": LONG_AGO}
    desk.world.put_documents({f"users/{uid}/videos/{VIDEO}": video})
    plan = repair.plan_status(desk.bench, uid, VIDEO, "analyzed", REASON)
    return lambda who: repair.apply(desk.bench, who, plan, REASON)


def replace_clip(desk: Desk, uid: str) -> Attempt:
    media = check_media(io.BytesIO(CLIP), None)
    plan = repair.plan_replace(desk.bench, uid, VIDEO, media, scene=7, style="split", replace_intact=False)
    return lambda who: repair.apply(desk.bench, who, plan, REASON)


def make_plan(desk: Desk, uid: str) -> Attempt:
    return lambda who: plans.make_plan(desk.world.purging, Scope.of(uid, VIDEO), who, maker=who.email)


def approve(desk: Desk, uid: str) -> Attempt:
    return partial(plans.approve, desk.world.purging, desk.plan(uid))


def decline(desk: Desk, uid: str) -> Attempt:
    return partial(purges.decline, desk.plan(uid), "not this one")


def apply_plan(desk: Desk, uid: str) -> Attempt:
    return partial(desk.world.apply, desk.plan(uid))


def cancel(desk: Desk, uid: str) -> Attempt:
    return partial(jobs.cancel, desk.world.purging, desk.world.apply(desk.plan(uid)).job_id)


def resume(desk: Desk, uid: str) -> Attempt:
    job = desk.world.apply(desk.plan(uid)).job_id
    jobs.cancel(desk.world.purging, job, BOB)
    return partial(jobs.resume, desk.world.purging, job)


def undo_purge(desk: Desk, uid: str) -> Attempt:
    job = run_job(desk.world.purging, desk.world.apply(desk.plan(uid)).job_id).job_id
    return partial(jobs.undo, desk.world.purging, job, REASON)


def resume_undo(desk: Desk, uid: str) -> Attempt:
    job = undo_purge(desk, uid)(ADA).job_id  # type: ignore[attr-defined]
    jobs.cancel(desk.world.purging, job, BOB)
    return partial(jobs.resume, desk.world.purging, job)


def empty_quarantine(desk: Desk, uid: str) -> Attempt:
    purging = desk.world.purging
    job = run_job(purging, desk.world.apply(desk.plan(uid)).job_id).job_id
    purging.writers.documents.commit(
        [Update(job_path(job), {"quarantine_until": LONG_AGO})], operation="Letting it age"
    )
    return partial(jobs.empty_quarantine, purging, job, desk.world.purging.jobs.get(job).scope.spelled, REASON)


# What is tried: the action of the policy, what sets the scene, and the function that asks for permission.
CHANGED_BY: dict[Callable[[Desk, str], Attempt], tuple[Action, Callable[..., Any]]] = {
    recount: ("recount", repair.apply),
    undo_recount: ("recount", repair.undo),
    put_highlights: ("fix", repair.apply),
    undo_highlights: ("fix", repair.undo),
    set_status: ("fix", repair.apply),
    replace_clip: ("fix", repair.apply),
    make_plan: ("purge.plan", plans.make_plan),
    approve: ("purge.approve", plans.approve),
    decline: ("purge.approve", plans.decline),
    apply_plan: ("purge.apply", jobs.apply_plan),
    cancel: ("purge.apply", jobs.cancel),
    resume: ("purge.apply", jobs.resume),
    undo_purge: ("purge.undo", jobs.undo),
    resume_undo: ("purge.undo", jobs.resume),
    empty_quarantine: ("purge.apply", jobs.empty_quarantine),
}


@pytest.mark.parametrize("prepare", CHANGED_BY, ids=lambda prepare: prepare.__name__)
def test_a_change_is_made_for_those_of_the_table_and_refused_to_all_others(
    desk: Desk, prepare: Callable[[Desk, str], Attempt]
) -> None:
    action, _ = CHANGED_BY[prepare]
    uid = desk.customer()
    attempt = prepare(desk, uid)
    before, refused = desk.state(uid), [role for role in MATRIX if action not in MATRIX[role]]
    for role in refused:
        with pytest.raises(NotPermitted) as caught:
            attempt(actor(role))
        assert LEAST_ROLE[action] in caught.value.remedy
    if action in CHANGES:
        expired = replace(actor("admin"), email="late@corp.test", sign_in_expires_at=datetime.now(UTC) - timedelta(1))
        with pytest.raises(SignInExpired):
            attempt(expired)
        refused.append("late")
    assert desk.state(uid) == before
    assert desk.refusals(uid) == sorted(f"{role}@corp.test" for role in refused)
    for role in MATRIX:
        if action in MATRIX[role]:
            attempt(actor(role))
            attempt = prepare(desk, desk.customer())
    assert action == "purge.plan" or prepare in (approve, decline) or desk.state(uid) != before


# What is read: the page, and words that stand on it for whoever may do this.
READ_ON: dict[Action, tuple[str, dict[str, str], str]] = {
    "look": ("user", {"uid": "user-0"}, "@example.com"),
    "find": ("find", {"q": "user-0"}, "@example.com"),
    "preview": ("video", {"uid": "user-0", "video_id": VIDEO}, f"sees the pictures of {VIDEO}"),
    "explain": ("video", {"uid": "user-0", "video_id": VIDEO}, "Reply to send"),
    "access.read": ("access", {}, "Everything is denied by default"),
    "verify": ("uploads", {"uid": "user-0"}, "Findings by kind"),
    "diagnose": ("processing", {}, "Include delivered videos"),
    "purge.plan": ("purge", {"uid": "user-0"}, "Open plans"),
    "audit.own": ("audit", {}, "Entries are only ever added"),
    "audit.read": ("audit", {}, "Check the integrity of all entries"),
    "alerts.read": ("alerts", {}, "What was sent"),
}


@pytest.fixture(scope="module")
def read(desk: Desk) -> Callable[[str, str], str]:
    """Everything that a page of one customer shows to a role, each opened once; and what the audit says of pictures."""
    desk.world.add_user("user-0", {VIDEO: 1})
    desk.plan("user-0")

    @cache
    def opened(page: str, role: str) -> str:
        query = next(query for name, query, _ in READ_ON.values() if name == page)
        app = open_page(page, role=role, **query)
        if SCREENS[page].action not in MATRIX[role]:
            assert [title.value for title in app.title] == [SCREENS[page].title]
        text = words(app)
        looked = desk.world.log.search(uid="user-0", actor=f"{role}@demo.local", action="media.look")
        return "\n".join([text, *(f"sees the pictures of {entry['video_id']}" for entry in looked)])

    return opened


@pytest.mark.parametrize("action", READ_ON)
@pytest.mark.parametrize("role", MATRIX)
def test_a_page_tells_those_of_the_table_and_nobody_else(
    desk: Desk, read: Callable[[str, str], str], role: str, action: Action
) -> None:
    page, _, shown = READ_ON[action]
    asked = desk.world.firestore.faults.calls.total()  # type: ignore[attr-defined]
    text = read(page, role)
    assert (shown in text) is (action in MATRIX[role])
    if SCREENS[page].action not in MATRIX[role]:
        assert "needs the role" in text
        assert "user-0" not in text
        assert desk.world.firestore.faults.calls.total() - asked <= 1  # type: ignore[attr-defined]  the question above


@pytest.mark.parametrize("role", MATRIX)
def test_a_trial_of_where_alerts_go_is_sent_for_those_of_the_table_alone(desk: Desk, role: str) -> None:
    with sink() as hook:
        (target,) = targets_of((Secret(hook.url),))
        attempt = partial(try_target, desk.world.purging.trail, target, actor(role), datetime.now(UTC))
        if "alerts.try" in MATRIX[role]:
            assert attempt()
        else:
            with pytest.raises(NotPermitted):
                attempt()
        assert bool(hook.taken) is ("alerts.try" in MATRIX[role])


JOINT = (make_joint_plan, JOINT_PLANS.approve, apply_joint_plan, undo_joint_repair)


@pytest.mark.parametrize("role", MATRIX)
def test_a_joint_repair_is_for_those_of_the_table_alone(desk: Desk, role: str) -> None:
    uid, purging, may = desk.customer(), desk.world.purging, "fix" in MATRIX[role]
    stuck = {"video_id": VIDEO, "status": "processing", "created_at": LONG_AGO, "updated_at": LONG_AGO}
    desk.world.put_documents({f"users/{uid}/videos/{VIDEO}": stuck})
    pairs = ((uid, VIDEO),)
    plan = make_joint_plan(purging, pairs, "set-status:failed", ADA)
    assert plan.willing, plan.rows
    attempts: list[Callable[[Actor], object]] = [
        lambda who: make_joint_plan(purging, pairs, "set-status:failed", who),
        lambda who: JOINT_PLANS.approve(purging, plan, who),
        lambda who: apply_joint_plan(purging, plan, REASON, who),
    ]
    before = desk.state(uid)
    for attempt in attempts:
        if may:
            attempt(actor(role))
        else:
            with pytest.raises(NotPermitted):
                attempt(actor(role))
    assert desk.state(uid) == before
    if not may:
        apply_joint_plan(purging, plan, REASON, ADA)
    assert run_job(purging, plan.job_id).state == "done"
    if may:
        assert undo_joint_repair(purging, plan.job_id, REASON, actor(role)).state == "ready"
    else:
        with pytest.raises(NotPermitted):
            undo_joint_repair(purging, plan.job_id, REASON, actor(role))


ORPHANS = (make_orphan_plan, ORPHAN_PLANS.approve, apply_orphan_plan, undo_orphans)
ORPHANS_NEED: dict[OrphanAction, tuple[Action, ...]] = {
    "adopt": ("fix", "fix", "fix", "fix"),
    "remove": ("purge.plan", "purge.approve", "purge.apply", "purge.undo"),
}


@pytest.mark.parametrize("action", ORPHANS_NEED)
@pytest.mark.parametrize("role", MATRIX)
def test_files_without_a_document_are_for_those_of_the_table_alone(
    desk: Desk, r2_rig: SeaweedRig, role: str, action: OrphanAction
) -> None:
    uid, purging, bucket = desk.customer(), desk.world.purging, desk.world.stores.objects.bucket
    key = f"users/{uid}/{VIDEO}/clips/clip_03_7_left_split.mp4"
    desk.world.put_objects({key: (CLIP, "video/mp4")})
    r2_rig.process.backdate_objects(bucket, {key: datetime.now(UTC) - timedelta(days=2)})
    plan = make_orphan_plan(purging, Scope(uid), action, ADA, keys=[key])
    assert plan.willing, plan.rows

    def undone(who: Actor) -> object:
        if purging.jobs.find(plan.job_id) is None:
            apply_orphan_plan(purging, plan, REASON, ADA)
        assert run_job(purging, plan.job_id).state == "done"
        return undo_orphans(purging, plan.job_id, REASON, who)

    attempts: list[Callable[[Actor], object]] = [
        lambda who: make_orphan_plan(purging, Scope(uid), action, who, keys=[key]),
        lambda who: ORPHAN_PLANS.approve(purging, plan, who),
        lambda who: apply_orphan_plan(purging, plan, REASON, who),
        undone,
    ]
    who = replace(actor(role), email=f"{role}-files@corp.test")  # the audit counts the many refusals of one person
    for needed, attempt in zip(ORPHANS_NEED[action], attempts, strict=True):
        if needed in MATRIX[role]:
            attempt(who)
        else:
            before = desk.state(uid) if attempt is not undone else None
            with pytest.raises(NotPermitted):
                attempt(who)
            assert before in (None, desk.state(uid))


GROUP = "error-0123456789ab"


@pytest.mark.parametrize("role", MATRIX)
def test_a_group_of_failures_is_put_aside_by_those_of_the_table_alone(desk: Desk, role: str) -> None:
    records, log = desk.world.stores.records, desk.world.log
    before = read_marks(records).get(GROUP)
    ask = partial(failure_groups.mark, desk.bench, actor(role), GROUP, "archived", REASON, seen=before, until_more=5)
    if "fix" in MATRIX[role]:
        ask()
        after = read_marks(records)[GROUP]
        assert (after.state, after.until_more, after.by) == ("archived", 5, f"{role}@corp.test")
        with pytest.raises(Stale):
            ask()
        assert read_marks(records)[GROUP] == after, "what somebody said meanwhile stays"
    else:
        with pytest.raises(NotPermitted):
            ask()
        assert read_marks(records).get(GROUP) == before
    outcome = "done" if "fix" in MATRIX[role] else "refused"
    told = [(one["actor"], one["outcome"]) for one in log.search(action=failure_groups.ACTION, limit=4)]
    assert (f"{role}@corp.test", outcome) in told


def test_what_was_said_of_a_group_is_taken_back_and_nonsense_is_refused(desk: Desk) -> None:
    records, group = desk.world.stores.records, "stop-0123456789ab"
    for wanted in ("resolved", "open"):
        failure_groups.mark(desk.bench, actor("admin"), group, wanted, REASON, seen=read_marks(records).get(group))
    assert group not in read_marks(records)
    with pytest.raises(Refused):
        failure_groups.mark(desk.bench, actor("admin"), group, "open", REASON, seen=None)
    for bad in ({"identity": "../x"}, {"until_more": 0}, {"until_more": 10**9}, {"reason": ""}):
        asked = {"identity": group, "wanted": "archived", "reason": REASON, "until_more": 1, **bad}
        with pytest.raises(BadInput):
            failure_groups.mark(desk.bench, actor("admin"), seen=None, **asked)  # type: ignore[arg-type]
    assert group not in read_marks(records)


@pytest.mark.parametrize("role", MATRIX)
def test_a_request_is_made_and_answered_by_those_of_the_table_alone(desk: Desk, role: str) -> None:
    uid = desk.customer()
    for kind, action in requests.ANSWERED_WITH.items():
        if "request" not in MATRIX[role]:
            with pytest.raises(NotPermitted):
                requests.ask(desk.bench, actor(role), kind, uid, reason=REASON)
        asked = requests.ask(desk.bench, actor("support" if role == "nobody" else role), kind, uid, reason=REASON)
        held = desk.world.stores.records.raw(asked.path)
        if action in MATRIX[role]:
            assert requests.answer(desk.bench, actor(role), asked.request_id, "done", REASON).state == "done"
        else:
            with pytest.raises(NotPermitted):
                requests.answer(desk.bench, actor(role), asked.request_id, "done", REASON)
            assert desk.world.stores.records.raw(asked.path) == held


@pytest.mark.parametrize("role", MATRIX)
def test_an_address_is_revealed_for_those_of_the_table_alone_and_that_is_on_record(desk: Desk, role: str) -> None:
    uid = desk.customer()
    if "address.reveal" in MATRIX[role]:
        assert addresses.reveal(desk.bench, actor(role), uid) == f"{uid}@example.com"
    else:
        with pytest.raises(NotPermitted):
            addresses.reveal(desk.bench, actor(role), uid)
    told = desk.world.log.search(uid=uid, action=addresses.REVEAL, limit=5)
    done = [one["actor"] for one in told if one["outcome"] == "done"]
    assert done == ([f"{role}@corp.test"] if "address.reveal" in MATRIX[role] else [])
    assert "@example.com" not in json.dumps(told, default=str)


@pytest.mark.parametrize("role", MATRIX)
def test_a_link_to_send_is_made_for_those_of_the_table_alone(desk: Desk, role: str) -> None:
    uid = desk.customer()
    clip_id = desk.world.stores.records.clips(uid, VIDEO).frame["clip_id"].iloc[0]
    ask = partial(links.link_to_send, desk.bench, actor(role), uid, VIDEO, clip_id, reason=REASON, download=True)
    if "link.send" in MATRIX[role]:
        assert "X-Amz-Expires=86400" in ask(life=timedelta(hours=24)).signed.url
    else:
        with pytest.raises(NotPermitted):
            ask(life=timedelta(hours=24))
    for life in (timedelta(minutes=14), timedelta(hours=25)):
        with pytest.raises(BadInput):
            ask(life=life)
    told = [one for one in desk.world.log.search(uid=uid, action="link.issue", limit=9) if one["outcome"] == "done"]
    assert [one["actor"] for one in told] == ([f"{role}@corp.test"] if "link.send" in MATRIX[role] else [])
    assert all(one["reason"] == REASON and one["detail"]["expires_at"] for one in told)
    assert "X-Amz" not in json.dumps(told, default=str)


@pytest.mark.parametrize("role", MATRIX)
def test_a_plan_is_discarded_by_its_maker_and_by_admins_alone(desk: Desk, role: str) -> None:
    purging, uid, who = desk.world.purging, desk.customer(), actor(role)
    of_another = desk.plan(uid)
    if "purge.apply" in MATRIX[role]:
        assert jobs.discard_plan(purging, of_another, who).by == who.email
    else:
        with pytest.raises(NotPermitted):
            jobs.discard_plan(purging, of_another, who)
        assert plan_ends.end_of(purging, of_another.plan_id) is None
    if "purge.plan" in MATRIX[role]:
        own = plans.make_plan(purging, Scope.of(uid, VIDEO), who, maker=who.email)
        assert jobs.discard_plan(purging, own, who).discarded


def test_every_action_of_the_policy_is_tried() -> None:
    alone = {"link.send", "alerts.try", "request", "address.reveal"}
    alone |= {"address.see"}  # in tests/ui/test_addresses.py
    assert {action for action, _ in CHANGED_BY.values()} | set(READ_ON) | alone == set(ACTIONS)


ALONE = (
    try_target,
    failure_groups.mark,
    requests.ask,
    requests.answer,
    addresses.reveal,
    links.link_to_send,
    plan_ends.discard,
)


def test_every_place_that_asks_for_permission_is_tried() -> None:
    places = set()
    for path in [*(ROOT / "storage" / "actions").rglob("*.py"), *(ROOT / "pages").rglob("*.py")]:
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            calls = [node.func for node in ast.walk(function) if isinstance(node, ast.Call)]
            asks = any(isinstance(call, ast.Name) and call.id == "authorise" for call in calls)
            if isinstance(function, ast.FunctionDef) and asks:
                places.add(".".join((*path.relative_to(ROOT).with_suffix("").parts, function.name)))
    tried = {f"{function.__module__}.{function.__name__}" for _, function in CHANGED_BY.values()}
    others = {f"{function.__module__}.{function.__name__}" for function in (*ALONE, *JOINT, *ORPHANS)}
    assert places == tried | others | {"pages._ui.access.guard.require"}
