"""Settings: all problems at once, by name, with the remedy, and never a secret's value."""

from __future__ import annotations

import json
import pickle

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from storage.clients.firestore import open_channel
from storage.errors import ConfigError
from storage.settings import backends, reader
from storage.settings.backends import FirestoreSettings, load
from storage.text import Secret

PRIVATE_KEY = (
    rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    .decode()
)

GOOD = {
    "R2_ACCOUNT_ID": "0123456789abcdef0123456789abcdef",
    "R2_BUCKET_NAME": "viral-media",
    "R2_ACCESS_KEY_ID": "the-key-id",
    "R2_SECRET_ACCESS_KEY": "the-secret-value",
    "FIREBASE_PROJECT_ID": "viral-clip-prod",
}


def problems(**changes: str) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        load({**GOOD, **changes})
    assert all(problem.remedy for problem in caught.value.problems)
    return {problem.name: problem.problem for problem in caught.value.problems}


def test_the_defaults_are_those_of_the_contract():
    settings = load(GOOD)
    assert settings.r2.endpoint_url == "https://0123456789abcdef0123456789abcdef.r2.cloudflarestorage.com"
    assert (settings.r2.region, settings.r2.key_prefix, settings.r2.public_url) == ("auto", None, "")
    assert settings.highlights_source == "auto"
    assert (settings.playback_url_expiry_seconds, settings.download_url_expiry_seconds) == (900, 300)
    assert settings.stale_after_minutes == 15
    assert settings.r2.read == settings.r2.write
    assert not settings.r2.read_is_separate


def test_a_half_configured_machine_gets_the_whole_list():
    with pytest.raises(ConfigError) as caught:
        load({"R2_BUCKET_NAME": "viral-media"})
    assert {problem.name for problem in caught.value.problems} == {
        "R2_ACCOUNT_ID",
        "R2_ACCESS_KEY_ID",
        "R2_SECRET_ACCESS_KEY",
        "FIREBASE_PROJECT_ID",
    }
    assert caught.value.exit_status == 2


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("R2_ENDPOINT_URL", "https://acc.r2.cloudflarestorage.com/viral-media", "the bucket's name after the host"),
        ("R2_ENDPOINT_URL", "https://acc.r2.cloudflarestorage.com/other", "a path"),
        ("R2_ENDPOINT_URL", "https://viral-media.acc.r2.cloudflarestorage.com", "begins with the bucket's name"),
        ("FIREBASE_CREDENTIALS_PATH", "~nobody-of-this-name/key.json", "the home of a user"),
        ("FIREBASE_CREDENTIALS_PATH", "key\0.json", "a NUL character"),
        ("R2_ENDPOINT_URL", "acc.r2.cloudflarestorage.com", "not an absolute"),
        ("R2_ENDPOINT_URL", "http://acc.r2.cloudflarestorage.com", "not encrypted"),
        ("R2_ENDPOINT_URL", "https://user:pw@acc.r2.cloudflarestorage.com", "a user or a password"),
        ("R2_ENDPOINT_URL", "https://[::1", "not an absolute"),
        ("R2_PUBLIC_URL", "https://cdn.example.com/?token=1", "a query"),
        ("R2_PUBLIC_URL", "ftp://cdn.example.com", "not an absolute"),
        ("R2_ACCOUNT_ID", "my account", "not an account id"),
        ("R2_BUCKET_NAME", "Viral Media", "not a bucket name"),
        ("R2_ACCESS_KEY_ID", "two words", "blanks"),
        ("R2_REGION", "EU West", "not a region"),
        ("HIGHLIGHTS_SOURCE", "mixed", "auto, object or document"),
        ("R2_KEY_PREFIX", "users", "end with '/'"),
        ("R2_KEY_PREFIX", "/users/", "end with '/'"),
        ("R2_KEY_PREFIX", "a/../", "end with '/'"),
        ("R2_KEY_PREFIX", "_ops/", "another meaning"),
        ("FIREBASE_PROJECT_ID", "Viral Clip", "not a project id"),
        ("FIRESTORE_EMULATOR_HOST", "http://127.0.0.1:8080", "not host:port"),
        ("FIREBASE_CREDENTIALS_PATH", "no-such-file.json", "does not exist"),
        ("PLAYBACK_URL_EXPIRY_SECS", "0", "from 1 to 604,800"),
        ("PLAYBACK_URL_EXPIRY_SECS", "604801", "from 1 to 604,800"),
        ("DOWNLOAD_URL_EXPIRY_SECS", "5m", "from 1 to 604,800"),
        ("DOWNLOAD_URL_EXPIRY_SECS", "-1", "from 1 to 604,800"),
        ("STALE_AFTER_MINUTES", "soon", "whole number"),
        ("PLAN_LIMITS_JSON", "{", "not JSON"),
    ],
)
def test_a_malformed_setting_is_refused_by_name(name, value, words):
    found = problems(**{name: value})
    assert words in found[name]


@pytest.mark.parametrize("text", ["", "not json", "[]", '{"type": "service_account"}', '{"type": "other"}'])
def test_a_credentials_file_that_is_no_key_is_refused_without_quoting_it(tmp_path, text):
    path = tmp_path / "key.json"
    path.write_text(text)
    assert "FIREBASE_CREDENTIALS_PATH" in problems(FIREBASE_CREDENTIALS_PATH=str(path))


def key_file(tmp_path, **changes):
    content = {"type": "service_account", "client_email": "a@b", "token_uri": "https://t", "private_key": PRIVATE_KEY}
    path = tmp_path / "key.json"
    path.write_text(json.dumps(content | changes))
    return path


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_service_account_file_is_accepted(tmp_path, mark):
    path = key_file(tmp_path)
    path.write_text(mark + path.read_text(), encoding="utf-8")
    assert load({**GOOD, "FIREBASE_CREDENTIALS_PATH": str(path)}).firestore.credentials_path == path
    assert load({**GOOD, "GOOGLE_APPLICATION_CREDENTIALS": str(path)}).firestore.credentials_path == path
    open_channel(FirestoreSettings("demo-project", path, "")).close()


@pytest.mark.parametrize(
    ("changes", "words", "remedy"),
    [
        ({"private_key": PRIVATE_KEY.replace("\n", "\\n")}, "line ends written out as \\n", "replace \\\\n by \\n"),
        ({"private_key": PRIVATE_KEY.replace("\n", " ")}, "lost its line ends", "as it was downloaded"),
        ({"private_key": PRIVATE_KEY.partition("\n")[2]}, "does not begin with -----BEGIN", "without editing"),
        ({"private_key": PRIVATE_KEY.rpartition("-----END")[0]}, "cut off", "without editing"),
        ({"private_key": PRIVATE_KEY.replace("PRIVATE", "PUBLIC")}, "does not begin with", "without editing"),
        ({"private_key": PRIVATE_KEY.replace("PRIVATE", "ENCRYPTED PRIVATE")}, "is encrypted", "no passphrase"),
        ({"private_key": PRIVATE_KEY.replace("M", "N")}, "is damaged", "without editing"),
        ({"private_key": ["x"]}, "without private_key", "without editing"),
        ({"type": "authorized_user"}, "authorized user file without client_id", "new key"),
        ({"type": "elsewhere", "installed": {}}, "an OAuth client's file", "service account"),
        ({"type": "elsewhere"}, "is not a service account's key", "service account"),
    ],
)
@pytest.mark.parametrize("name", ["FIREBASE_CREDENTIALS_PATH", "GOOGLE_APPLICATION_CREDENTIALS"])
def test_what_is_wrong_with_a_key_is_told_by_name_with_the_remedy(tmp_path, name, changes, words, remedy):
    path = key_file(tmp_path, **changes)
    with pytest.raises(ConfigError) as caught:
        load({**GOOD, name: str(path)})
    (problem,) = caught.value.problems
    assert (problem.name, words in problem.problem, remedy in problem.remedy) == (name, True, True), problem
    assert PRIVATE_KEY.splitlines()[3] not in str(caught.value)


def test_a_folder_a_closed_file_and_another_encoding_are_told_apart(tmp_path):
    assert "folder" in problems(FIREBASE_CREDENTIALS_PATH=str(tmp_path))["FIREBASE_CREDENTIALS_PATH"]
    path = key_file(tmp_path)
    path.write_text(path.read_text(), encoding="utf-16")
    assert "UTF-8" in problems(FIREBASE_CREDENTIALS_PATH=str(path))["FIREBASE_CREDENTIALS_PATH"]
    assert load({**GOOD, "GOOGLE_APPLICATION_CREDENTIALS": "nowhere", "FIRESTORE_EMULATOR_HOST": "127.0.0.1:1"})


def test_the_prefix_may_be_set_to_empty():
    assert load({**GOOD, "R2_KEY_PREFIX": ""}).r2.key_prefix == ""
    assert load({**GOOD, "HIGHLIGHTS_SOURCE": "Document"}).highlights_source == "document"


def test_a_separate_reading_pair_is_used_for_reading_only():
    settings = load({**GOOD, "R2_READ_ACCESS_KEY_ID": "reader", "R2_READ_SECRET_ACCESS_KEY": "reader-secret"})
    assert settings.r2.read.access_key_id.reveal() == "reader"
    assert settings.r2.write.access_key_id.reveal() == "the-key-id"
    assert settings.r2.read_is_separate


def test_half_a_reading_pair_is_a_problem():
    assert "R2_READ_SECRET_ACCESS_KEY" in problems(R2_READ_ACCESS_KEY_ID="reader")


def test_no_secret_shows_itself_anywhere():
    settings = load(GOOD)
    for text in (repr(settings), str(settings), f"{settings.r2.write.secret_access_key}"):
        assert "the-secret-value" not in text
        assert "the-key-id" not in text
    with pytest.raises(TypeError):
        pickle.dumps(settings.r2.write.secret_access_key)
    with pytest.raises(ConfigError) as caught:
        load({**GOOD, "R2_SECRET_ACCESS_KEY": "the secret value", "R2_BUCKET_NAME": "?"})
    assert "the secret value" not in str(caught.value.as_dict())
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")


@pytest.mark.parametrize(
    "name", ["R2_BUCKET_NAME", "R2_KEY_PREFIX", "FIREBASE_PROJECT_ID", "FIRESTORE_EMULATOR_HOST", "R2_PUBLIC_URL"]
)
def test_any_setting_of_a_backend_ends_the_demo_even_an_empty_one(name):
    assert backends.is_demo({"PATH": "/bin", "STALE_AFTER_MINUTES": "20"})
    assert not backends.is_demo({name: ""})


def test_the_environment_wins_over_dotenv_and_dotenv_over_secrets(tmp_path):
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "secrets.toml").write_text(
        'R2_REGION = "a"\nR2_BUCKET_NAME = "b"\nN = 3\n[auth]\nx = "1"\n'
    )
    (tmp_path / ".env").write_text('R2_REGION=c\nR2_ACCOUNT_ID="d$HOME"\n')
    values = reader.read(tmp_path, {"R2_REGION": "e"})
    assert values == {"R2_REGION": "e", "R2_BUCKET_NAME": "b", "N": "3", "R2_ACCOUNT_ID": "d$HOME"}


def test_a_secrets_file_that_is_not_toml_is_a_problem_with_a_name(tmp_path):
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "secrets.toml").write_text("R2 = = secret-thing")
    with pytest.raises(ConfigError) as caught:
        reader.read(tmp_path, {})
    assert caught.value.problems[0].name == ".streamlit/secrets.toml"
    assert "secret-thing" not in str(caught.value)


@pytest.mark.parametrize("content", ["R2_REGION=caf\u00e9\n".encode("latin-1"), "R2_REGION=a\n".encode("utf-16")])
def test_a_dotenv_that_is_not_utf8_is_a_problem_with_a_name(tmp_path, content):
    (tmp_path / ".env").write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        reader.read(tmp_path, {})
    assert caught.value.problems[0].name == ".env"
    assert "caf" not in str(caught.value)
