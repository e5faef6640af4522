"""Makes samples of what this version of the desk writes, for `tests/kept`, which later versions must read.

    python -m tests.rigs.make_kept NAME...

A tool and no test. A sample is made once: where its file is there already, nothing is written. The desk's own code
makes what is in it, on the embedded Firestore and on SeaweedFS, and so does what the sample is compared with
(`shown.json`).
"""

from __future__ import annotations

import base64
import gzip
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from google.protobuf import json_format

from storage.actions import alerts, deployment, failure_groups, requests
from storage.actions.alerts import Sources
from storage.actions.joint_repair import apply_joint_plan, context_of, make_joint_plan, outcomes
from storage.actions.orphans import ORPHAN_PLANS, apply_orphan_plan, make_orphan_plan
from storage.actions.purge.jobs import Request, apply_plan, discard_plan
from storage.actions.purge.plan_ends import end_of
from storage.actions.purge.plans import store_plan
from storage.actions.purge.worker import run_job
from storage.actions.rollup import run_rollup
from storage.actions.scans import keep_range, keep_scan, ranges_to_go_on
from storage.actions.sign_outs import SharedSignOuts
from storage.actions.watches import look_again
from storage.clients import firestore as pb
from storage.clients.messengers import targets_of
from storage.domain.deployment import Deployment
from storage.domain.orphans import OrphanAction, OrphanPlan
from storage.domain.purge.scope import Scope
from storage.domain.scans.coverage import Coverage, ScanRange
from storage.domain.scans.kept import ScanOutcome, plain_row
from storage.domain.sign_outs import Ended, Shared, fields_of
from storage.repositories.alerts import AWAY_KEY, read_alerts
from storage.repositories.customers import read_customers
from storage.repositories.failure_groups import read_marks
from storage.repositories.requests import Requests
from storage.repositories.rollups import read_fleet
from storage.repositories.scans import read_kept, scan_records
from storage.repositories.watches import Watches
from storage.services.verify import checker
from storage.text import Secret
from tests.purge.victim import CountingProxy, Victims
from tests.purge.world import ADA, BOB, REASON, VIDEO, PurgeWorld
from tests.rigs.clips import original
from tests.rigs.desk import user, video
from tests.rigs.firestore import EmbeddedFirestore
from tests.rigs.kept import FOLDER, scan_keeper
from tests.rigs.seaweed import SeaweedRig, rig_of
from tests.rigs.sink import sink

BUCKET, PROJECT = "kept", "kept-project"
KILL_AT = 13  # the call of the worker of the joint repair in which it is killed: the third row is written, not recorded
FILM = original("x264_half_second")


class _Firestore(EmbeddedFirestore):
    def fresh_project(self) -> str:
        return PROJECT


class MakingWorld(PurgeWorld):
    """An empty world at the names that samples have."""

    firestore: _Firestore

    def __init__(self, firestore: _Firestore, seaweed: SeaweedRig, proxy: CountingProxy) -> None:
        values = {**seaweed.values(seaweed.bucket(BUCKET)), "R2_ENDPOINT_URL": proxy.endpoint}
        super().__init__(firestore, values)
        self.victims = Victims(self, proxy)


def finding(uid: str, clip_id: str, **more: Any) -> dict[str, Any]:
    key = f"users/{uid}/{VIDEO}/clips/{clip_id}.mp4"
    ids = {"uid": uid, "video_id": VIDEO, "clip_id": clip_id, "key": key}
    return {"kind": "missing_object", "severity": "error", **ids, "detail": "as found", **more}


def scans(world: MakingWorld) -> dict[str, Any]:
    """Two whole scans, of which the second has its own differences, a shard's part, and a range of a cluster's scan."""
    world.add_user("u1", {VIDEO: 2})
    world.add_user("u10", {VIDEO: 1})
    keeper = scan_keeper(world)
    world.add_user("u2", {VIDEO: 1})
    lost, beyond, small = (
        finding("u1", "a"),
        finding("u2", "d"),
        finding("u1", "b", kind="size_mismatch", expected=1_000, actual=7),
    )
    theirs = {"owner": "u1", "since": world.now() - timedelta(days=3), "links": ["s1"]}
    foreign = finding("u10", "c", kind="foreign_key", expected="own", actual="another's", disclosure=theirs)

    def outcome(coverage: Coverage, **more: Any) -> ScanOutcome:
        checked = {"users": 2, "videos": 2, "clips": 3, "objects": 8}
        return ScanOutcome(world.now(), world.now(), coverage, True, checked, **more)

    def rows(*found: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [{**one, "last_seen_at": world.now()} for one in found]

    keep_scan(keeper, outcome(Coverage(strangers=True)), rows(lost, small, beyond))
    world.pass_time(timedelta(minutes=1))
    looked = outcome(
        Coverage((ScanRange(until="u10"),), contents=25.0),
        looked_into={"clips": 1, "bytes": 900},
        not_looked_at=("the customers after the first 2: over_budget",),
        asked_by="ada@example.com",
    )
    keep_scan(keeper, looked, rows(lost, foreign))
    world.pass_time(timedelta(minutes=1))
    keep_scan(keeper, outcome(Coverage((ScanRange(1, 2),))), rows(lost))
    ranges = ranges_to_go_on(keeper, 2, 5.0, world.now())
    part = Coverage((ScanRange(1, 2),), contents=5.0)
    keep_range(keeper, ranges, outcome(part, claimed=3, found=2), rows(foreign))
    kept = [read_kept(world.stores.objects, head) for head in scan_records(world.stores.records).heads(9)]
    return {
        "heads": [one.head.as_dict() for one in kept],
        "coverages": [one.coverage.as_dict() for one in kept],
        "rows": [[plain_row(row) for row in one.frame.to_dict("records")] for one in kept],
    }


def stop(world: MakingWorld, *uids: str) -> None:
    """A video of each customer that stopped hours ago."""
    at = world.now() - timedelta(hours=6)
    for uid in uids:
        stuck = video(VIDEO, status="processing", created_at=at, updated_at=at, completed_at=None)
        world.put_documents({f"users/{uid}": user(uid), f"users/{uid}/videos/{VIDEO}": stuck})


def joint_repair(world: MakingWorld) -> dict[str, Any]:
    """A joint repair of four rows: one done, one refused, one written but not recorded when its worker was killed."""
    stop(world, "u1", "u2", "u3")
    before = world.snapshot()
    pairs = [(uid, VIDEO) for uid in ("u1", "nobody", "u2", "u3")]
    plan = make_joint_plan(world.purging, pairs, "set-status:failed", ADA)
    job = apply_joint_plan(world.purging, plan, REASON, ADA)
    world.victims.run(job.job_id, kill_at=KILL_AT)
    assert world.purging.jobs.get(job.job_id).state == "running"
    assert [row.outcome for row in outcomes(world.purging.jobs, job.job_id)] == ["done", "refused"]
    held = world.stores.records.raw(f"users/u2/videos/{VIDEO}")
    assert held is not None
    assert (held.fields or {})["status"] == "failed"
    return {"plan.json": plan.as_dict(), "before.json": snapshot_text(before)}


def orphans(world: MakingWorld) -> dict[str, Any]:
    """A clip that was adopted and one that was removed, and a plan for a third that a second person approved."""
    world.add_user("u1", {VIDEO: 1})
    keys = [f"users/u1/{VIDEO}/clips/clip_07_{scene}_left_over_split.mp4" for scene in (4, 5, 6)]
    world.put_objects(dict.fromkeys(keys, (FILM, "video/mp4")))
    world.pass_time(timedelta(days=2))
    before = world.snapshot()

    def planned(action: OrphanAction, key: str) -> OrphanPlan:
        return make_orphan_plan(world.purging, Scope("u1"), action, ADA, keys=[key])

    for action, key in zip(("adopt", "remove"), keys, strict=False):
        made = planned(action, key)
        assert run_job(world.purging, apply_orphan_plan(world.purging, made, REASON, ADA).job_id).state == "done"
    open_plan = planned("remove", keys[2])
    ORPHAN_PLANS.approve(world.purging, open_plan, BOB)
    return {"plan.json": open_plan.as_dict(), "before.json": snapshot_text(before)}


def told_and_asked(world: MakingWorld) -> dict[str, Any]:
    """Watches of every state that a look gives, alerts, requests, and what was said of groups of failures."""
    stop(world, "u1", "u2", "u3", "u4")
    world.add_user("u5", {VIDEO: 1})
    pairs = [(uid, VIDEO) for uid in ("u1", "u2", "u3")]
    plan = make_joint_plan(world.purging, pairs, "set-status:failed", ADA)
    run_job(world.purging, apply_joint_plan(world.purging, plan, REASON, ADA).job_id)
    world.purge(Scope("u5"))
    world.put_documents({f"users/u2/videos/{VIDEO}": video(VIDEO, status="processing")})
    world.put_documents({f"users/u3/videos/{VIDEO}": video(VIDEO, status="completed")})
    world.pass_time(timedelta(minutes=20))
    look_again(world.purging, world.now())

    context = context_of(world.purging)
    first = requests.ask(context, ADA, "tell", "u1", VIDEO, reason="T-9: silent")
    requests.answer(context, BOB, first.request_id, "done", "replaced the clip")
    requests.ask(context, ADA, "delete", "u4", reason="T-10: asked for it")
    said = failure_groups.mark
    said(context, ADA, "error-0123456789ab", "archived", "T-11: known", seen=None, until_more=20)
    said(context, BOB, "stop-ba9876543210", "resolved", "T-12: repaired", seen=None)

    sources = Sources(world.purging, lambda: checker(world.stores, world.now), world.now)
    with sink() as good, sink() as bad:
        bad.status = 500
        alerts.run(sources, targets_of((Secret(good.url), Secret(bad.url))))
    requests.answer(context, BOB, Requests(world.stores.handle).open()[0].request.request_id, "declined", "not now")
    requests.ask(context, ADA, "delete", "u4", reason="T-13: asked again")
    with sink() as good:
        alerts.run(sources, targets_of((Secret(good.url),)))
    handle = world.stores.handle
    return {
        "watches": {one.watch.name: one.watch.to_fields() for one in Watches(handle).newest()},
        "alerts": {one.kept.alert.alert_id: one.kept.to_fields() for one in read_alerts(handle)},
        "requests": {one.request.request_id: one.request.as_dict() for one in Requests(handle).newest(9)},
        "marks": {name: asdict(mark) for name, mark in read_marks(world.stores.records).items()},
    }


def rollup_table(world: MakingWorld) -> dict[str, Any]:
    """The table of all customers: one within each quota, one over, one whose counters drift, one of an unknown plan."""
    world.add_user("u1", {VIDEO: 2})
    spent = {"credits_used_this_month": 10_000, "usage_reset_month": f"{world.now():%Y-%m}"}
    drifting = {"total_storage_bytes": 7, "total_clips_count": 9}
    world.put_documents({"users/u2": user("u2", plan="free", **spent, **drifting)})
    world.put_documents({"users/u3": user("u3", plan="no-such-plan", email=None)})
    stores = world.stores
    run_rollup(
        stores.records,
        world.purging.writers.documents,
        stores.settings.plan_limits,
        world.now,
        stale_after=timedelta(minutes=30),
        bucket=(stores.objects, world.purging.writers),
    )
    table = read_customers(stores.objects, read_fleet(stores.records).tables)
    return {"rows": table.sort_by("uid").to_pylist()}


def small_notes(world: MakingWorld) -> dict[str, Any]:
    """Who signed out, which backend was found, and the alert that the bucket keeps while Firestore is away."""
    now = world.now()
    signed_out = Shared({"d1": Ended(now, now + timedelta(days=30))}, {"s1": now - timedelta(minutes=5)})
    SharedSignOuts(world.stores.records, world.purging.writers.documents, world.now).publish(
        signed_out, longest=timedelta(days=30)
    )
    found = Deployment("object", "as sampled", "users/", "as sampled", now, prefix_sampled=True)
    deployment.keep(world.stores.handle, found, None)
    sources = Sources(world.purging, lambda: checker(world.stores, world.now), world.now)
    with sink() as good, world.firestore.faults.outage():
        alerts.run(sources, targets_of((Secret(good.url),)))
    away = json.loads(world.stores.objects.get_bytes(AWAY_KEY, 10_000))
    return {"signed_out": fields_of(signed_out, now), "deployment": found.as_fields(), "away": away}


def plan_ends(world: MakingWorld) -> dict[str, Any]:
    """A plan that was applied, and one that its maker discarded."""
    world.add_user("u1", {VIDEO: 1})
    applied, discarded = world.plan(Scope("u1", VIDEO)), world.plan(Scope("u1", VIDEO))
    run_job(world.purging, apply_plan(world.purging, applied, Request(applied.scope.spelled, REASON), ADA).job_id)
    store_plan(world.purging, discarded)
    discard_plan(world.purging, discarded, ADA)
    ends = [end_of(world.purging, plan.plan_id) for plan in (applied, discarded)]
    return {"ends": [end.to_fields() for end in ends if end is not None]}


RECIPES: Mapping[str, Callable[[MakingWorld], dict[str, Any]]] = {
    "scans": scans,
    "joint-repair-cut": joint_repair,
    "orphans": orphans,
    "told-and-asked": told_and_asked,
    "rollup-table": rollup_table,
    "small-notes": small_notes,
    "plan-ends": plan_ends,
}


def snapshot_text(snapshot: tuple[Mapping[str, Any], Mapping[str, Any]]) -> dict[str, Any]:
    """What `Kept.before` reads."""
    objects, documents = snapshot
    return {
        "objects": {key: (base64.b64encode(body).decode(), kind) for key, (body, kind) in objects.items()},
        "documents": {
            path: {name: json_format.MessageToDict(cell) for name, cell in fields.items()}
            for path, fields in documents.items()
        },
    }


def lines(world: MakingWorld, name: str, texts: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """The rows of the file."""
    yield {"kept": name, "at": world.now().isoformat(), "project": PROJECT, "bucket": BUCKET}
    for _, document in sorted(world.firestore.documents(PROJECT).items()):
        yield {"document": json_format.MessageToDict(pb.Document.FromString(document.SerializeToString()))}
    client = rig_of(BUCKET).reader(BUCKET)
    for key in world.own_keys(""):
        found = client.call("get_object", key, Key=key)
        about = {"key": key, "type": found["ContentType"], "metadata": found["Metadata"]}
        yield {"object": {**about, "base64": base64.b64encode(found["Body"].read()).decode()}}
    for file, text in texts.items():
        yield {"file": file, "text": text}


def make(name: str) -> None:
    """Makes one file, unless it is there."""
    path = FOLDER / f"{name}.jsonl.gz"
    if path.exists():
        return
    with ExitStack() as opened:
        seaweed = SeaweedRig(Path(opened.enter_context(tempfile.TemporaryDirectory())))
        opened.callback(seaweed.stop)
        firestore, proxy = opened.enter_context(_Firestore()), opened.enter_context(CountingProxy(seaweed.endpoint))
        world = opened.enter_context(closing(MakingWorld(firestore, seaweed, proxy)))
        made = RECIPES[name](world)
        files = made if "plan.json" in made else {"shown.json": made}
        texts = {file: json.dumps(value, default=str) for file, value in files.items()}
        rows = [json.dumps(row) for row in lines(world, name, texts)]
    path.write_bytes(gzip.compress("\n".join(rows).encode(), mtime=0))


if __name__ == "__main__":
    for one in sys.argv[1:] or RECIPES:
        make(one)
