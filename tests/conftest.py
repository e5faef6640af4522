"""The backends that one contract is held against."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from google.cloud import firestore

from tests.contract.r2_fixtures import (  # noqa: F401 - pytest finds fixtures by their names here
    bucket,
    far_objects,
    far_writer,
    near,
    objects,
    proxy,
    r2_rig,
    writer,
)
from tests.rigs.firestore import (
    EmbeddedFirestore,
    FirestorePool,
    FirestoreRig,
    available_firestores,
    firestore_pool,
)


@pytest.fixture(scope="session")
def firestores() -> Iterator[FirestorePool]:
    """Each kind of Firestore, started when first asked for."""
    with firestore_pool() as pool:
        yield pool


@pytest.fixture(scope="session", params=available_firestores())
def firestore_rig(request: pytest.FixtureRequest, firestores: FirestorePool) -> FirestoreRig:
    """Every kind of Firestore in turn."""
    return firestores.rig(request.param)


@pytest.fixture
def db(firestore_rig: FirestoreRig) -> firestore.Client:
    """A client for an empty project, on every kind of Firestore in turn."""
    return firestore_rig.client(firestore_rig.fresh_project())


@pytest.fixture
def embedded() -> Iterator[EmbeddedFirestore]:
    """A Firestore of our own for one test alone: its faults and counts are nobody else's."""
    with EmbeddedFirestore() as rig:
        yield rig


@pytest.fixture
def embedded_db(embedded: EmbeddedFirestore) -> firestore.Client:
    """A client for an empty project of `embedded`."""
    return embedded.client(embedded.fresh_project())
