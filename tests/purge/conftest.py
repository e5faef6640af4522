"""Worlds to purge in: our own Firestore and SeaweedFS; every test has a project and a bucket to itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.purge.world import VIDEO, PurgeWorld
from tests.rigs.firestore import EmbeddedFirestore, FirestorePool, available_firestores
from tests.rigs.http_faults import FaultProxy
from tests.rigs.seaweed import SeaweedRig
from tests.rigs.shared_clients import shared_clients


@pytest.fixture(scope="module", autouse=True)
def same_clients() -> Iterator[None]:
    """All worlds share their clients of R2: each would open two of its own."""
    with shared_clients():
        yield


@pytest.fixture(scope="session")
def seaweed(r2_rig: SeaweedRig) -> SeaweedRig:
    """The bucket store of the session."""
    return r2_rig


@pytest.fixture
def world(embedded: EmbeddedFirestore, seaweed: SeaweedRig) -> Iterator[PurgeWorld]:
    """An empty world."""
    made = PurgeWorld(embedded, seaweed.values(seaweed.fresh_bucket()))
    yield made
    made.close()


@pytest.fixture
def filled(world: PurgeWorld) -> PurgeWorld:
    """A user with two videos, and a neighbour."""
    world.add_user("u1", {VIDEO: 2, "video-bbb": 1}, caches=False)
    world.add_user("u10", {VIDEO: 1}, caches=False)
    return world


@pytest.fixture
def proxy(seaweed: SeaweedRig) -> Iterator[FaultProxy]:
    """A place for faults in front of the bucket store."""
    with FaultProxy(seaweed.endpoint) as made:
        yield made


@pytest.fixture
def far(embedded: EmbeddedFirestore, seaweed: SeaweedRig, proxy: FaultProxy) -> Iterator[PurgeWorld]:
    """An empty world whose bucket lies behind the proxy."""
    made = PurgeWorld(embedded, {**seaweed.values(seaweed.fresh_bucket()), "R2_ENDPOINT_URL": proxy.endpoint})
    yield made
    made.close()


@pytest.fixture(params=available_firestores())
def each_world(request: pytest.FixtureRequest, firestores: FirestorePool, seaweed: SeaweedRig) -> Iterator[PurgeWorld]:
    """An empty world on every kind of Firestore in turn."""
    made = PurgeWorld(firestores.rig(request.param), seaweed.values(seaweed.fresh_bucket()))
    yield made
    made.close()
