"""A desk with a world to purge in, and somebody who uses its pages: for the tests of Purge and Audit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from storage.actions.purge import worker
from storage.actions.purge.plans import store_plan
from storage.domain.policy import Actor
from storage.domain.purge.job import ENDED, Job
from storage.domain.purge.plan import PurgePlan
from storage.domain.purge.scope import Scope
from tests.conftest import close_the_pages
from tests.purge.world import PurgeWorld
from tests.rigs import forked
from tests.rigs.firestore import EmbeddedFirestore
from tests.rigs.seaweed import SeaweedRig
from tests.rigs.waiting import until
from tests.ui.conftest import begin_without_settings, open_page, words

MAKER = Actor("admin@demo.local", frozenset({"admin"}), "local")
SECOND = Actor("second-admin@demo.local", frozenset({"admin"}), "local")
CLIP = Scope.of("u1", "video-aaa", ["video-aaa_0_split"])
VIDEO = Scope.of("u1", "video-aaa")
USER = Scope.of("u1")
WHY = "customer asked"


@dataclass
class PurgeDesk:
    """The world, and the pages over it."""

    world: PurgeWorld

    def plan(self, scope: Scope, maker: Actor = MAKER) -> PurgePlan:
        """A plan that the pages can open."""
        plan = self.world.plan(scope, maker)
        store_plan(self.world.purging, plan)
        return plan

    def open(self, role: str = "admin", **query: str) -> AppTest:
        """The page Purge as somebody sees it first."""
        return open_page("purge", role=role, **query)

    def audit(self, role: str = "admin", **query: str) -> AppTest:
        """The page Audit."""
        return open_page("audit", role=role, **query)

    def ended(self, job_id: str) -> Job:
        """The job once its worker, a process of its own, is done with it."""

        def job() -> Job:
            return self.world.purging.jobs.get(job_id)

        until(lambda: job().state in ENDED or job().failure, f"the end of job {job_id}", every_seconds=0.1)
        st.cache_data.clear()  # the pages remember for a moment how far the job was
        return job()


@pytest.fixture(name="desk")
def a_desk(r2_rig: SeaweedRig, monkeypatch: pytest.MonkeyPatch) -> Iterator[PurgeDesk]:
    """An empty world, configured as a machine would be, on loopback, where a local user may play any role."""
    with live_desk(r2_rig, monkeypatch) as made:
        yield made


@contextmanager
def live_desk(r2_rig: SeaweedRig, patch: pytest.MonkeyPatch) -> Iterator[PurgeDesk]:
    """Such a desk; `patch` sets it up and outlives it."""
    begin_without_settings(patch)
    patch.setattr(worker, "start_worker", forked.start_worker)
    with EmbeddedFirestore() as firestore:
        world = PurgeWorld(firestore, r2_rig.values(r2_rig.fresh_bucket()))
        for name, value in world.values.items():
            patch.setenv(name, value)
        yield PurgeDesk(world)
        close_the_pages()
        world.close()


@pytest.fixture(name="before")
def a_customer(desk: PurgeDesk) -> Any:
    """A customer and a neighbour, as they are in both stores."""
    desk.world.add_user("u1", {"video-aaa": 2, "video-bbb": 1})
    desk.world.add_user("u10", {"video-aaa": 1})
    return desk.world.snapshot()


def at(app: AppTest, name: str) -> str:
    """The whole key of the one widget whose key contains this; what draws an error again does not count."""
    kinds = (app.button, app.text_input, app.checkbox, app.toggle)
    keys = [str(widget.key) for kind in kinds for widget in kind]
    found = [one for one in keys if name in one and not one.endswith("_retry")]
    assert len(found) == 1, (name, found)
    return found[0]


def has(app: AppTest, name: str) -> bool:
    """Whether a button of this name is drawn."""
    return any(name in (button.key or "") for button in app.button)


def fill(app: AppTest, plan: PurgePlan, *, phrase: str | None = None, ticket: str = "T-1") -> AppTest:
    """Fills the confirmation, opening it first where it has to be."""
    if has(app, "purge-open"):
        app.button(at(app, "purge-open")).click().run()
    app.text_input(at(app, "purge-reason")).set_value(WHY)
    app.text_input(at(app, "purge-ticket")).set_value(ticket)
    for tick in app.checkbox:
        if "purge-tick" in (tick.key or ""):
            tick.check()
    return app.text_input(at(app, "purge-phrase")).set_value(plan.scope.spelled if phrase is None else phrase).run()


def press(app: AppTest, name: str = "purge-apply") -> AppTest:
    """Presses a button."""
    return app.button(at(app, name)).click().run()


def read(app: AppTest) -> str:
    """Everything that a page shows; an uncaught exception fails the test."""
    return words(app)
