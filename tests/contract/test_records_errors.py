"""How every fault of Firestore, gRPC and Google's sign-in is told: class, remedy, and nothing that is secret."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from google.api_core import exceptions
from google.auth.exceptions import DefaultCredentialsError, RefreshError, TransportError
from grpc import StatusCode

from storage.clients.firestore_errors import MEANINGS, status_of, translate, was_contention
from storage.errors import (
    AccessDenied,
    BackendError,
    BadCredentials,
    BadInput,
    MissingIndex,
    Stale,
    StorageError,
    Throttled,
    Unreachable,
    Unusable,
)
from tests.rigs.waiting import PATIENCE_SECONDS

READ: dict[StatusCode, type[StorageError]] = {
    StatusCode.OK: Unusable,
    StatusCode.CANCELLED: Unreachable,
    StatusCode.UNKNOWN: Unusable,
    StatusCode.INVALID_ARGUMENT: Unusable,
    StatusCode.DEADLINE_EXCEEDED: Unreachable,
    StatusCode.NOT_FOUND: BackendError,
    StatusCode.ALREADY_EXISTS: Stale,
    StatusCode.PERMISSION_DENIED: AccessDenied,
    StatusCode.RESOURCE_EXHAUSTED: Throttled,
    StatusCode.FAILED_PRECONDITION: BackendError,
    StatusCode.ABORTED: Unreachable,
    StatusCode.OUT_OF_RANGE: Unusable,
    StatusCode.UNIMPLEMENTED: Unusable,
    StatusCode.INTERNAL: Unreachable,
    StatusCode.UNAVAILABLE: Unreachable,
    StatusCode.DATA_LOSS: Unusable,
    StatusCode.UNAUTHENTICATED: BadCredentials,
}
CHANGE = {
    **READ,
    StatusCode.INVALID_ARGUMENT: BadInput,
    StatusCode.NOT_FOUND: Stale,
    StatusCode.ALREADY_EXISTS: Stale,
    StatusCode.FAILED_PRECONDITION: Stale,
    StatusCode.ABORTED: Stale,
}


class Fault(grpc.RpcError):
    """An RPC error as gRPC raises it: with a status and a text."""

    def __init__(self, code: StatusCode, details: str = "server's words") -> None:
        super().__init__()
        self._code, self._details = code, details

    def code(self) -> StatusCode:
        """The status."""
        return self._code

    def details(self) -> str:
        """The text."""
        return self._details


def told(error: BaseException, **how: Any) -> StorageError:
    """The translation, with an operation and a target."""
    return translate(error, operation="Reading the customer", target="users/u1", **how)


def test_every_status_that_grpc_knows_has_a_meaning() -> None:
    assert set(MEANINGS) == set(StatusCode) == set(READ) == set(CHANGE)


@pytest.mark.parametrize("code", StatusCode, ids=lambda code: code.name)
def test_each_status_is_told_by_its_class_with_a_remedy(code: StatusCode) -> None:
    error = told(Fault(code))

    assert type(error) is READ[code]
    assert error.message.startswith("Reading the customer: ")
    assert error.remedy
    assert "server's words" in error.detail or isinstance(error, Stale)


@pytest.mark.parametrize("code", StatusCode, ids=lambda code: code.name)
def test_a_change_that_came_too_late_is_stale(code: StatusCode) -> None:
    error = told(Fault(code), change=True)

    assert type(error) is CHANGE[code]
    if isinstance(error, Stale):
        assert error.reasons


@pytest.mark.parametrize("code", [code for code in StatusCode if code is not StatusCode.OK], ids=lambda code: code.name)
def test_the_client_librarys_own_exceptions_are_told_alike(code: StatusCode) -> None:
    error = exceptions.from_grpc_status(code, "server's words")

    assert status_of(error) is code
    assert type(told(error)) is READ[code]


@pytest.mark.parametrize(
    ("change", "role"), [(False, "roles/datastore.viewer"), (True, "roles/datastore.user")], ids=["read", "change"]
)
def test_a_denial_names_the_role_and_the_variables(change: bool, role: str) -> None:
    error = told(Fault(StatusCode.PERMISSION_DENIED), change=change)

    assert role in error.remedy
    assert "FIREBASE_CREDENTIALS_PATH" in error.remedy
    assert "FIREBASE_PROJECT_ID" in error.remedy


def test_an_api_that_is_switched_off_is_told_apart_from_a_missing_role() -> None:
    text = "Cloud Firestore API has not been used in project 123 before or it is disabled."

    assert "Enable the Cloud Firestore API" in told(Fault(StatusCode.PERMISSION_DENIED, text)).remedy


@pytest.mark.parametrize("text", ["The query requires an index. You can create it here: https://...", ""])
def test_a_query_without_its_index_carries_the_definition_even_when_the_text_is_empty(text: str) -> None:
    definition = {"collectionGroup": "videos", "fieldPath": "status"}

    error = told(Fault(StatusCode.FAILED_PRECONDITION, text), query=True, definition=definition)

    assert isinstance(error, MissingIndex)
    assert error.definition == definition
    assert "firebase deploy --only firestore:indexes" in error.remedy


@pytest.mark.parametrize("how", [{"query": True}, {"change": True}, {}])
def test_a_database_in_the_wrong_mode_is_neither_a_missing_index_nor_stale(how: dict[str, bool]) -> None:
    text = "The Cloud Firestore API is not available for Firestore in Datastore Mode database (default)."

    error = told(Fault(StatusCode.FAILED_PRECONDITION, text), **how)

    assert type(error) is BackendError
    assert "Native mode" in error.remedy


@pytest.mark.parametrize("change", [False, True])
def test_a_missing_database_is_no_missing_document(change: bool) -> None:
    text = "The database (default) does not exist for project demo Please visit https://console.cloud.google.com/"

    error = told(Fault(StatusCode.NOT_FOUND, text), change=change)

    assert type(error) is BackendError
    assert "FIREBASE_PROJECT_ID" in error.remedy


def test_a_document_that_is_gone_is_stale_though_its_name_holds_the_words() -> None:
    text = "No document to update: projects/demo/databases/(default)/documents/users/u1"

    assert type(told(Fault(StatusCode.NOT_FOUND, text), change=True)) is Stale


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (DefaultCredentialsError("Your default credentials were not found."), BadCredentials),
        (RefreshError("invalid_grant: Invalid JWT Signature."), BadCredentials),
        (TransportError("connection refused"), Unreachable),
        (
            Fault(StatusCode.UNAVAILABLE, "Getting metadata from plugin failed with error: invalid_grant"),
            BadCredentials,
        ),
        (
            Fault(StatusCode.UNAVAILABLE, "Getting metadata from plugin failed with error: Max retries exceeded"),
            Unreachable,
        ),
    ],
)
def test_a_failed_sign_in_is_told_apart_from_a_network_that_is_down(
    fault: BaseException, error: type[StorageError]
) -> None:
    found = told(fault)

    assert type(found) is error
    assert ("FIREBASE_CREDENTIALS_PATH" in found.remedy) == (error is BadCredentials)


def test_a_sign_in_that_fails_inside_grpc_is_told_as_what_it_is() -> None:
    class Plugin(grpc.AuthMetadataPlugin):  # type: ignore[misc]
        def __call__(self, context: Any, callback: Any) -> None:
            callback((), RefreshError("invalid_grant: Invalid grant: account not found"))

    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_secure_port("127.0.0.1:0", grpc.local_server_credentials())
    server.start()
    credentials = grpc.composite_channel_credentials(
        grpc.local_channel_credentials(), grpc.metadata_call_credentials(Plugin())
    )
    with grpc.secure_channel(f"127.0.0.1:{port}", credentials) as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary("/google.firestore.v1.Firestore/Commit")(b"", timeout=PATIENCE_SECONDS)
    server.stop(None).wait()

    assert type(told(caught.value)) is BadCredentials


def test_the_servers_text_is_cut_and_cleaned_before_it_is_kept() -> None:
    error = told(Fault(StatusCode.UNKNOWN, "a\x1b[31m\nb\u202e" + "x" * 5_000))

    assert error.detail.startswith("a [31m b ")
    assert len(error.detail) <= 400
    assert error.detail.isprintable()


def test_contention_is_known_from_the_fault_that_caused_it() -> None:
    error = told(Fault(StatusCode.ABORTED), change=True)
    assert not was_contention(error)

    error.__cause__ = Fault(StatusCode.ABORTED)
    assert was_contention(error)


def test_only_a_fault_without_an_answer_names_the_store_that_is_away() -> None:
    away = {code for code in READ if told(Fault(code)).store}

    assert away == {
        StatusCode.CANCELLED,
        StatusCode.DEADLINE_EXCEEDED,
        StatusCode.INTERNAL,
        StatusCode.UNAVAILABLE,
    }
