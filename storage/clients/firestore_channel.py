"""Opens the gRPC channel to Firestore: Google's own for a live project, an open one for an emulator."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import google.auth
import grpc
from google.api_core.gapic_v1 import routing_header
from google.api_core.gapic_v1.client_info import METRICS_METADATA_KEY, ClientInfo
from google.auth.exceptions import GoogleAuthError
from google.cloud.firestore_v1 import __version__ as client_version
from google.cloud.firestore_v1.services.firestore.transports.grpc import FirestoreGrpcTransport
from google.oauth2 import service_account

from storage.clients import firestore_messages
from storage.clients.firestore_errors import translate
from storage.config import FirestoreSettings
from storage.errors import BadCredentials

_OPERATION = "Signing in to Firestore"
_log = logging.getLogger(__name__)
_auth: Any = google.auth  # these four are typed in part only
_service_account: Any = service_account.Credentials
_routing_header: Any = routing_header
_client_info: Any = ClientInfo

Metadata = tuple[tuple[str, str], ...]


def open_channel(settings: FirestoreSettings, *, single_threaded: bool = True) -> Any:
    """A channel that connects at its first call. Raises `BadCredentials` when there are none to be used.

    `single_threaded`: takes away the hand-off of every streamed message between two threads, which costs more than
    reading it. The option is experimental in gRPC; where this version does not know it, reads are merely slower.
    """
    if not firestore_messages.runs_on_upb():
        _log.warning("protobuf runs without its C implementation: reading Firestore takes some thirty times longer")
    options, path = _options(single_threaded), settings.credentials_path
    if settings.emulator_host:
        # An emulator is local: a proxy that the environment names for the internet must not be asked.
        return grpc.insecure_channel(settings.emulator_host, options=[*options, ("grpc.enable_http_proxy", 0)])
    credentials = _default_credentials(settings) if path is None else _credentials_of(path)
    return FirestoreGrpcTransport.create_channel(credentials=credentials, options=options)


def _options(single_threaded: bool) -> list[tuple[str, Any]]:
    # No limit on messages and the keepalive are the client library's own defaults; a page of documents may be large.
    options: list[tuple[str, Any]] = [
        ("grpc.max_send_message_length", -1),
        ("grpc.max_receive_message_length", -1),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.initial_reconnect_backoff_ms", 200),  # so that a second try finds a channel that tries again too
        ("grpc.max_reconnect_backoff_ms", 10_000),
    ]
    experimental = getattr(grpc, "experimental", None)
    known = getattr(getattr(experimental, "ChannelOptions", None), "SingleThreadedUnaryStream", None)
    if single_threaded and known is not None:
        options.append((known, 1))
    return options


def _default_credentials(settings: FirestoreSettings) -> Any:
    try:
        return _auth.default(default_scopes=FirestoreGrpcTransport.AUTH_SCOPES)[0]
    except GoogleAuthError as error:
        raise translate(error, operation=_OPERATION, target=settings.project_id) from None
    except (OSError, ValueError, LookupError, TypeError, AttributeError):  # what lies on this machine is malformed
        raise BadCredentials(
            f"{_OPERATION}: this machine's default Google credentials cannot be used.",
            remedy="Set FIREBASE_CREDENTIALS_PATH to the service account's JSON key file, or mend the credentials of "
            "gcloud (gcloud auth application-default login).",
            operation=_OPERATION,
            target="FIREBASE_CREDENTIALS_PATH",
        ) from None


def _credentials_of(path: Path) -> Any:
    """The credentials in a key file. What the file holds is never quoted, so neither are the libraries' errors."""
    scopes = FirestoreGrpcTransport.AUTH_SCOPES
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        if content["type"] == "service_account":
            return _service_account.from_service_account_info(content, default_scopes=scopes)
        return _auth.load_credentials_from_dict(content, default_scopes=scopes)[0]
    except (GoogleAuthError, OSError, ValueError, LookupError, TypeError, AttributeError):
        raise BadCredentials(
            f"{_OPERATION}: the credentials file cannot be used.",
            remedy="Point FIREBASE_CREDENTIALS_PATH at the service account's JSON key file.",
            operation=_OPERATION,
            target="FIREBASE_CREDENTIALS_PATH",
        ) from None


def call_metadata(database: str, *, emulator: bool) -> Metadata:
    """The headers of every call: which database it is for, who is calling, and an emulator's open door."""
    metadata: list[tuple[str, str]] = [
        ("google-cloud-resource-prefix", database),
        _routing_header.to_grpc_metadata((("database", database),)),
        (METRICS_METADATA_KEY, _client_info(client_library_version=client_version).to_user_agent()),
    ]
    if emulator:
        metadata.append(("authorization", "Bearer owner"))  # as the client library does: past the security rules
    return tuple(metadata)
