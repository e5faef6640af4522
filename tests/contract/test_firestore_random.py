"""Random queries over random documents: our server, Google's emulator and a plain model must agree."""

from __future__ import annotations

import uuid

import pytest
from google.api_core import exceptions
from google.cloud import firestore
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract import query_model
from tests.contract.query_model import Documents, Spec
from tests.rigs.firestore import FirestorePool, available_firestores


@pytest.fixture(scope="module")
def clients(firestores: FirestorePool) -> list[firestore.Client]:
    """A client for each kind of Firestore there is."""
    rigs = [firestores.rig(kind) for kind in available_firestores()]
    return [rig.client(rig.fresh_project()) for rig in rigs]


def written(client: firestore.Client, name: str, documents: Documents) -> firestore.CollectionReference:
    """A collection that holds exactly `documents`."""
    batch = client.batch()
    for identity, fields in documents.items():
        batch.set(client.collection(name).document(identity), dict(fields))
    batch.commit()
    return client.collection(name)


def outcome(collection: firestore.CollectionReference, spec: Spec) -> list[str] | str:
    """The ids found, in order, or the class of the refusal."""
    try:
        return [snapshot.id for snapshot in spec.on(collection).stream(retry=None)]
    except exceptions.GoogleAPICallError as error:
        return type(error).__name__


@settings(max_examples=20, deadline=None, derandomize=True)
@given(documents=query_model.documents, specs=st.lists(query_model.specs(), min_size=1, max_size=6))
def test_all_agree_on_what_a_query_finds(
    clients: list[firestore.Client], documents: Documents, specs: list[Spec]
) -> None:
    name = uuid.uuid4().hex
    collections = [written(client, name, documents) for client in clients]

    for spec in specs:
        answers = [outcome(collection, spec) for collection in collections]
        assert answers == [answers[0]] * len(answers)
        if not isinstance(answers[0], str):
            assert answers[0] == query_model.expected(documents, spec)
