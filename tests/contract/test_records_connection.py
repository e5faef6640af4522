"""Opening the channel: credentials, an emulator, and what is told when there are none."""

from __future__ import annotations

import json
import logging
import socket
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import grpc
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from storage.clients import firestore
from storage.clients.firestore import open_firestore
from storage.errors import BadCredentials, Unreachable
from storage.repositories.records import Records
from storage.settings.backends import FirestoreSettings
from tests.rigs.firestore import FirestoreRig
from tests.rigs.records import World, user

SECRET = "not-to-be-seen-anywhere"


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A service account's key file as Google gives it out, for an account that does not exist."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    content = {
        "type": "service_account",
        "project_id": "demo-project",
        "private_key": key.decode(),
        "client_email": "reader@demo-project.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token",
    }
    path = tmp_path_factory.mktemp("keys") / "key.json"
    path.write_text(json.dumps(content))
    return path


def test_a_service_accounts_key_opens_a_live_channel_without_any_request(key_file: Path) -> None:
    handle = open_firestore(FirestoreSettings("demo-project", key_file, ""))

    assert (handle.project_id, handle.emulator_host) == ("demo-project", "")
    assert handle.connection.database == "projects/demo-project/databases/(default)"
    assert all(name != "authorization" for name, _ in handle.connection.metadata)
    handle.close()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        json.dumps({"type": "service_account", "private_key": SECRET, "client_email": "a@b", "token_uri": "x"}),
        json.dumps({"type": "service_account", "client_email": SECRET}),
        json.dumps({"type": "authorized_user", "refresh_token": SECRET}),
        json.dumps({"type": "external_account", "audience": SECRET}),
        json.dumps({"type": SECRET}),
    ],
)
def test_a_key_file_that_cannot_be_used_is_named_and_never_quoted(tmp_path: Path, content: str) -> None:
    path = tmp_path / "key.json"
    path.write_text(content)

    with pytest.raises(BadCredentials) as caught:
        open_firestore(FirestoreSettings("demo-project", path, ""))

    assert "FIREBASE_CREDENTIALS_PATH" in caught.value.remedy
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value.as_dict()) + caught.value.detail
    assert SECRET not in shown


def test_without_a_key_file_and_without_default_credentials_the_variable_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)

    with pytest.raises(BadCredentials, match="no usable Google credentials") as caught:
        open_firestore(FirestoreSettings("demo-project", None, ""))

    assert "FIREBASE_CREDENTIALS_PATH" in caught.value.remedy


@pytest.mark.parametrize(
    "content",
    [
        "not json",
        "[]",
        '{"type": "service_account", "client_email": "a@b", "token_uri": "https://t", "private_key": "k"}',
        '{"type": "service_account", "client_email": "a@b", "token_uri": "https://t", "private_key": ["k"]}',
        '{"type": "authorized_user", "client_id": 1}',
    ],
)
@pytest.mark.parametrize("project", ["", "other"])
def test_default_credentials_of_the_machine_that_are_malformed_are_told_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, project: str
) -> None:
    path = tmp_path / "application_default_credentials.json"
    path.write_text(content)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", project)
    for broken in (str(path), str(tmp_path), ""):  # by variable, a folder, and where gcloud keeps them
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", broken)
        with pytest.raises(BadCredentials) as caught:
            open_firestore(FirestoreSettings("demo-project", None, ""))
        assert "FIREBASE_CREDENTIALS_PATH" in caught.value.remedy


def test_an_emulator_needs_no_credentials_and_opens_every_door(firestore_rig: FirestoreRig) -> None:
    with World(firestore_rig) as world:
        world.put({"users/u1": user("u1")})

        assert ("authorization", "Bearer owner") in world.handle.connection.metadata
        assert world.records.user("u1") is not None


def test_a_proxy_of_the_environment_is_not_asked_for_an_emulator(
    firestore_rig: FirestoreRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    with World(firestore_rig) as world:
        assert world.records.user("u1") is None


def test_without_the_experimental_option_reading_gives_the_same(
    firestore_rig: FirestoreRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(firestore, "grpc", SimpleNamespace(insecure_channel=grpc.insecure_channel))

    with World(firestore_rig) as world:
        world.put({f"users/u{n}": user(f"u{n}") for n in range(3)})

        assert len(world.records.users_by_email_prefix("u", 9).frame) == 3


def test_protobuf_runs_on_its_c_implementation() -> None:
    assert firestore.runs_on_upb()


def test_a_slow_protobuf_is_warned_of(
    firestore_rig: FirestoreRig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(firestore.api_implementation, "Type", lambda: "python")

    with caplog.at_level(logging.WARNING, firestore.__name__), World(firestore_rig):
        assert "C implementation" in caplog.text


def test_one_handle_serves_many_threads(firestore_rig: FirestoreRig) -> None:
    with World(firestore_rig) as world, ThreadPoolExecutor(8) as pool:
        world.put({f"users/u{n}": user(f"u{n}") for n in range(20)})
        records: Records = world.records
        found = list(pool.map(lambda n: records.user(f"u{n % 20}"), range(100)))

    assert [user.uid for user in found if user is not None] == [f"u{n % 20}" for n in range(100)]


def test_nobody_listening_is_out_of_reach() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    handle = open_firestore(FirestoreSettings("demo-project", None, f"127.0.0.1:{port}"))

    with pytest.raises(Unreachable) as caught:
        Records(handle).user("u1")

    assert "network" in caught.value.remedy
    handle.close()


def test_a_closed_handle_says_so(firestore_rig: FirestoreRig) -> None:
    with World(firestore_rig) as world:
        world.handle.close()

        with pytest.raises(Unreachable, match="closed"):
            world.records.user("u1")
