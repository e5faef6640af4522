"""Translates every way in which Firestore can refuse or fail into this package's errors, in one place.

A refusal never counts as "missing": Firestore reports a missing document as an ordinary answer, so NOT_FOUND means the
database or the project, or (for a change) a document that had to exist. Sources: `google.rpc.Code`, the exceptions of
the Firestore and Google authentication libraries.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import grpc
from google.api_core.exceptions import GoogleAPICallError
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, TransportError

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

Code = grpc.StatusCode

TRANSIENT = frozenset({Code.UNAVAILABLE, Code.INTERNAL, Code.DEADLINE_EXCEEDED, Code.ABORTED})
"""The statuses after which the same read deserves another try."""

SDK_ERRORS = (grpc.RpcError, GoogleAPICallError, GoogleAuthError)
"""What a call of the SDK can raise; nothing else is translated, so that faults of our own stay visible."""

STORE = "Firestore"  # its name in messages
ROLE_TO_READ, ROLE_TO_CHANGE = "roles/datastore.viewer", "roles/datastore.user"
DETAIL_LENGTH = 400
_PLUGIN = "Getting metadata from plugin failed"  # gRPC's words for an error of google.auth while it fetches a token
_NETWORK = ("TransportError", "ConnectionError", "Max retries exceeded", "timed out", "Failed to resolve")


@dataclass(frozen=True, slots=True)
class _Meaning:
    error: type[StorageError]
    message: str
    remedy: str


_NETWORK_REMEDY = (
    "Check the network and Google Cloud's status page, or, where FIRESTORE_EMULATOR_HOST is set, that an emulator "
    "answers there; then try again."
)
_CREDENTIALS_REMEDY = (
    "Check FIREBASE_CREDENTIALS_PATH: the key may be revoked, of another project, or its service account deleted. "
    "Without it, run `gcloud auth application-default login`."
)
_SETTINGS_REMEDY = "Check FIREBASE_PROJECT_ID, and that its Firestore database '(default)' is in Native mode."
_REPORT_REMEDY = "Report it with the text of the detail: this version and the backend do not fit together."
_LOOK_AGAIN = "Look at the present state, and repeat the change if it is still wanted."

MEANINGS: Mapping[grpc.StatusCode, _Meaning] = {
    Code.OK: _Meaning(Unusable, "Firestore reported a fault without a status", _REPORT_REMEDY),
    Code.CANCELLED: _Meaning(Unreachable, "the call was cancelled before Firestore answered", _NETWORK_REMEDY),
    Code.UNKNOWN: _Meaning(Unusable, "Firestore failed without saying how", _NETWORK_REMEDY),
    Code.INVALID_ARGUMENT: _Meaning(Unusable, "Firestore does not accept the request", _REPORT_REMEDY),
    Code.DEADLINE_EXCEEDED: _Meaning(Unreachable, "Firestore did not answer in time", _NETWORK_REMEDY),
    Code.NOT_FOUND: _Meaning(BackendError, "the project or its Firestore database does not exist", _SETTINGS_REMEDY),
    Code.ALREADY_EXISTS: _Meaning(Stale, "a document that was to be created exists already", _LOOK_AGAIN),
    Code.PERMISSION_DENIED: _Meaning(AccessDenied, "Firestore refused: no permission", ""),
    Code.RESOURCE_EXHAUSTED: _Meaning(
        Throttled, "Firestore's quota or rate limit is used up", "Wait, and check the project's quota and billing."
    ),
    Code.FAILED_PRECONDITION: _Meaning(BackendError, "Firestore refused in its present state", _SETTINGS_REMEDY),
    Code.ABORTED: _Meaning(
        Unreachable, "Firestore gave up the call because of other writers", "Try again in a moment."
    ),
    Code.OUT_OF_RANGE: _Meaning(Unusable, "Firestore does not accept a value of the request", _REPORT_REMEDY),
    Code.UNIMPLEMENTED: _Meaning(Unusable, "this backend does not know the call", _REPORT_REMEDY),
    Code.INTERNAL: _Meaning(Unreachable, "Firestore failed internally", _NETWORK_REMEDY),
    Code.UNAVAILABLE: _Meaning(Unreachable, "Firestore could not be reached", _NETWORK_REMEDY),
    Code.DATA_LOSS: _Meaning(Unusable, "Firestore reports lost or damaged data", _REPORT_REMEDY),
    Code.UNAUTHENTICATED: _Meaning(BadCredentials, "Firestore does not accept the credentials", _CREDENTIALS_REMEDY),
}

# For a change, these statuses say that the documents differ from what the change was decided on.
_CHANGED = {
    Code.NOT_FOUND: "a document that was to be changed no longer exists",
    Code.ALREADY_EXISTS: "a document that was to be created exists already",
    Code.FAILED_PRECONDITION: "another writer changed a document meanwhile",
    Code.ABORTED: "other writers were changing the same documents; nothing was changed",
}


def status_of(error: BaseException) -> grpc.StatusCode | None:
    """The gRPC status of an SDK error, or `None` where it has none."""
    if isinstance(error, GoogleAPICallError):
        return error.grpc_status_code
    code = getattr(error, "code", None)
    found = code() if callable(code) else None
    return found if isinstance(found, grpc.StatusCode) else None


def unanswered(error: BaseException) -> bool:
    """Whether Firestore gave no usable answer, as its own service is meant; contention is an answer."""
    code = status_of(error)
    return code is not Code.ABORTED and code in MEANINGS and MEANINGS[code].error is Unreachable


def was_contention(error: StorageError) -> bool:
    """Whether Firestore gave up because others were changing the same documents: nothing was done, so try again."""
    return error.__cause__ is not None and status_of(error.__cause__) is Code.ABORTED


def translate(
    error: BaseException,
    *,
    operation: str,
    target: str,
    change: bool = False,
    query: bool = False,
    definition: Mapping[str, Any] | None = None,
) -> StorageError:
    """This package's error for one of `SDK_ERRORS`.

    `change`: the call was to change something, so a failed precondition is `Stale`. `query`: the call was a query, so a
    failed precondition is a missing index, also where the text is empty; `definition` is the index that it needs.
    """
    detail = _safe(_details(error))
    where = {"operation": operation, "target": target, "detail": detail}
    if isinstance(error, GoogleAuthError) or detail.startswith(_PLUGIN):
        return _auth(error, detail, where)
    code = status_of(error) or Code.UNKNOWN
    if change and (stale := _as_stale(code, detail)):
        return Stale(f"{operation}: {stale}.", remedy=_LOOK_AGAIN, reasons=[stale], operation=operation, target=target)
    if change and code is Code.INVALID_ARGUMENT:
        return BadInput(f"{operation}: Firestore does not accept this content: {detail}", field_name=target)
    if query and code is Code.FAILED_PRECONDITION and "atastore mode" not in detail.lower():
        return _missing_index(definition, where)
    meaning = MEANINGS[code]
    remedy = _permission_remedy(detail, change) if code is Code.PERMISSION_DENIED else meaning.remedy
    store = STORE if unanswered(error) else ""
    return meaning.error(f"{operation}: {meaning.message}.", remedy=remedy, store=store, **where)


def _details(error: BaseException) -> str:
    details = getattr(error, "details", None)
    found = details() if callable(details) else getattr(error, "message", None)
    return found if isinstance(found, str) else str(error)


def _safe(text: str) -> str:
    printable = "".join(char if char.isprintable() else " " for char in text[: 2 * DETAIL_LENGTH])
    return printable.strip()[:DETAIL_LENGTH]


def _auth(error: BaseException, detail: str, where: Mapping[str, str]) -> StorageError:
    operation = where["operation"]
    if isinstance(error, DefaultCredentialsError):
        message = "no usable Google credentials were found"
    elif isinstance(error, TransportError) or any(word in detail for word in _NETWORK):
        return Unreachable(
            f"{operation}: Google's sign-in service could not be reached.", remedy=_NETWORK_REMEDY, store=STORE, **where
        )
    else:
        message = "Google does not accept the credentials"
    return BadCredentials(f"{operation}: {message}.", remedy=_CREDENTIALS_REMEDY, **where)


def _as_stale(code: grpc.StatusCode, detail: str) -> str:
    """What moved; empty when the status means something else. A missing database is no missing document."""
    lowered = detail.lower()
    if "atastore mode" in lowered or (code is Code.NOT_FOUND and ("database" in lowered or "project" in lowered)):
        return "" if "no document to update" not in lowered else _CHANGED[code]
    return _CHANGED.get(code, "")


def _missing_index(definition: Mapping[str, Any] | None, where: Mapping[str, str]) -> MissingIndex:
    return MissingIndex(
        f"{where['operation']}: Firestore needs an index that does not exist.",
        definition=definition,
        remedy="Deploy the project's firestore.indexes.json: `firebase deploy --only firestore:indexes`.",
        **where,
    )


def _permission_remedy(detail: str, change: bool) -> str:
    if "SERVICE_DISABLED" in detail or "has not been used in project" in detail:
        return "Enable the Cloud Firestore API for the project of FIREBASE_PROJECT_ID."
    role = ROLE_TO_CHANGE if change else ROLE_TO_READ
    return (
        f"Grant the service account of FIREBASE_CREDENTIALS_PATH the role {role} on the project of FIREBASE_PROJECT_ID."
    )
