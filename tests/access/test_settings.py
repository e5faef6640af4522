"""Settings of sign-in and roles: all problems by name at once, no value of a secret, denied by default."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pages._ui.access import settings
from storage.errors import ConfigError
from storage.settings.access import is_local_emulator, load

OIDC = {
    "OIDC_METADATA_URL": "https://id.corp.test/.well-known/openid-configuration",
    "OIDC_CLIENT_ID": "desk",
    "OIDC_CLIENT_SECRET": "client-secret-value",
    "OIDC_REDIRECT_URI": "https://desk.corp.test/oauth2callback",
    "OIDC_COOKIE_SECRET": "0123456789abcdef0123456789abcdef",
    "ROLE_ADMIN": "ada@corp.test",
}
ACCESS = {
    "ACCESS_TEAM_DOMAIN": "corp.cloudflareaccess.com",
    "ACCESS_AUDIENCE": "4714c1358e65fe4b408ad6d432a5f878",
    "ROLE_ADMIN": "ada@corp.test",
}


def problems(values: dict[str, str], auth: dict[str, Any] | None = None, root: Path = Path()) -> set[str]:
    with pytest.raises(ConfigError) as caught:
        load(values, auth, root=root)
    for name, value in values.items():
        if "SECRET" in name and value.strip():
            assert value not in str(caught.value)
            assert value not in str(caught.value.as_dict())
    return {problem.name for problem in caught.value.problems}


def test_nothing_set_means_that_nobody_signs_in_and_nobody_has_a_role() -> None:
    loaded = load({})
    assert not loaded.signs_in
    assert loaded.book.roles_of("ada@corp.test") == frozenset()


def test_a_provider_is_handed_to_streamlit_and_shown_to_nobody() -> None:
    loaded = load(OIDC)
    assert loaded.oidc is not None
    section = loaded.oidc.reveal()
    assert section["client_secret"] == "client-secret-value"
    assert section["client_kwargs"] == {"scope": "openid email profile", "prompt": "select_account"}
    assert loaded.https_only
    assert "client-secret-value" not in repr(loaded)
    assert OIDC["OIDC_COOKIE_SECRET"] not in repr(loaded)


@pytest.mark.parametrize("missing", [name for name in OIDC if name != "ROLE_ADMIN"])
def test_each_setting_of_the_provider_that_is_missing_is_named(missing: str) -> None:
    assert missing in problems({**OIDC, missing: " "})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OIDC_METADATA_URL", "http://id.corp.test/.well-known/openid-configuration"),
        ("OIDC_METADATA_URL", "https://id.corp.test/"),
        ("OIDC_REDIRECT_URI", "https://desk.corp.test/callback"),
        ("OIDC_REDIRECT_URI", "http://desk.corp.test/oauth2callback"),
        ("OIDC_REDIRECT_URI", "https://user:pass@desk.corp.test/oauth2callback"),
        ("OIDC_REDIRECT_URI", "desk/oauth2callback"),
        ("OIDC_COOKIE_SECRET", "short"),
        ("SESSION_IDLE_MINUTES", "0"),
        ("SESSION_MAX_HOURS", "all day"),
        ("METRICS_TOKEN", "short"),
        ("ROLE_ADMIN", "ada"),
        ("ROLE_SUPPORT", "ada@corp.test, *"),
        ("ROLE_SUPPORT", "group:"),
        ("ROLES_FILE", "no-such-file.toml"),
    ],
)
def test_each_malformed_setting_is_named(name: str, value: str) -> None:
    assert name in problems({**OIDC, name: value})


def test_all_problems_come_at_once() -> None:
    found = problems({"OIDC_CLIENT_ID": "x", "ACCESS_AUDIENCE": "y", "ROLE_ADMIN": "z", "SESSION_MAX_HOURS": "-1"})
    assert {"OIDC_CLIENT_SECRET", "ACCESS_TEAM_DOMAIN", "ACCESS_AUDIENCE", "ROLE_ADMIN", "SESSION_MAX_HOURS"} <= found


def test_sign_in_without_anybody_who_has_a_role_is_a_mistake() -> None:
    assert problems({**OIDC, "ROLE_ADMIN": ""}) == {"ROLES_FILE"}


def test_streamlits_own_table_counts_and_is_checked_by_the_same_rules() -> None:
    roles = {"ROLE_ADMIN": "ada@corp.test"}
    good = {
        "redirect_uri": "https://desk.corp.test/oauth2callback",
        "cookie_secret": OIDC["OIDC_COOKIE_SECRET"],
        "staff": {"client_id": "a", "client_secret": "b", "server_metadata_url": OIDC["OIDC_METADATA_URL"]},
    }
    loaded = load(roles, good)
    assert loaded.oidc is not None
    assert loaded.oidc.providers == ("staff",)
    assert problems(roles, {"cookie_secret": "short", "client_id": "a"}) == {
        "auth.redirect_uri",
        "auth.cookie_secret",
        "auth.client_secret",
        "auth.server_metadata_url",
    }


def test_cloudflare_access_needs_a_team_and_an_audience() -> None:
    loaded = load(ACCESS)
    assert loaded.assertion is not None
    assert loaded.assertion.keys_url == "https://corp.cloudflareaccess.com/cdn-cgi/access/certs"
    assert problems({**ACCESS, "ACCESS_AUDIENCE": ""}) == {"ACCESS_AUDIENCE"}
    assert problems({**ACCESS, "ACCESS_TEAM_DOMAIN": "http://evil.test"}) == {"ACCESS_TEAM_DOMAIN"}


def test_roles_come_by_address_without_case_and_by_group_exactly(tmp_path: Path) -> None:
    (tmp_path / "roles.toml").write_text('support = ["Sam@Corp.test", "group:Clip Support"]\n')
    book = load({"ROLE_ADMIN": "ADA@corp.test bob@corp.test", "ROLES_FILE": "roles.toml"}, root=tmp_path).book
    assert book.roles_of(" ada@CORP.test ") == {"admin"}
    assert book.roles_of("sam@corp.test") == {"support"}
    assert book.roles_of("zoe@corp.test", ["Clip Support"]) == {"support"}
    assert book.roles_of("zoe@corp.test", ["clip support", "admin"]) == frozenset()
    assert book.roles_of("sam@corp.test.evil.test") == frozenset()
    assert book.roles_of("") == frozenset()


@pytest.mark.parametrize("content", ["admin = 'ada@corp.test'", "boss = ['a@b.c']", "admin = [1]", "[", "\udcff"])
def test_a_malformed_file_of_roles_gives_nobody_anything(tmp_path: Path, content: str) -> None:
    (tmp_path / "roles.toml").write_bytes(content.encode("utf-8", "surrogateescape"))
    assert "ROLES_FILE" in problems({**OIDC, "ROLES_FILE": "roles.toml"}, root=tmp_path)


@given(st.dictionaries(st.sampled_from([*OIDC, *ACCESS, "ROLES_FILE", "GROUPS_CLAIM"]), st.text(max_size=80)))
@example({"ROLES_FILE": "~nobody-of-this-name/roles.toml"})
@example({"ROLES_FILE": "roles\0.toml"})
def test_no_text_in_any_setting_makes_anything_but_settings_or_named_problems(values: dict[str, str]) -> None:
    named: list[bool] = []
    try:
        load(values, root=Path("/nonexistent"))
    except ConfigError as error:
        named = [bool(problem.name and problem.problem) for problem in error.problems]
    assert all(named)


@pytest.mark.parametrize(
    ("firestore", "endpoint", "local"),
    [
        ("127.0.0.1:8080", "http://127.0.0.1:9000", True),
        ("localhost:8080", "http://localhost:9000/", True),
        ("[::1]:8080", "http://[::1]:9000", True),
        ("127.0.0.1:8080", "https://acc.r2.cloudflarestorage.com", False),
        ("10.0.0.5:8080", "http://127.0.0.1:9000", False),
        ("127.0.0.1:8080", "", False),
        ("", "http://127.0.0.1:9000", False),
        ("127.0.0.1.evil.test:80", "http://127.0.0.1:9000", False),
        ("127.0.0.1:8080", "http://127.0.0.1.evil.test:9000", False),
        ("127.0.0.1:8080", "http://127.0.0.1@evil.test", False),
    ],
)
def test_an_emulator_counts_as_local_with_both_stores_on_this_machine_only(
    firestore: str, endpoint: str, local: bool
) -> None:
    assert is_local_emulator({"FIRESTORE_EMULATOR_HOST": firestore, "R2_ENDPOINT_URL": endpoint}) is local


def test_live_data_without_a_way_to_sign_in_is_refused_and_the_page_says_what_to_set() -> None:
    with pytest.raises(ConfigError) as caught:
        settings.refuse_to_serve(load({}), {"R2_BUCKET_NAME": "clips"})
    text = str(caught.value.as_dict())
    for name in ("OIDC_METADATA_URL", "OIDC_COOKIE_SECRET", "ACCESS_TEAM_DOMAIN", "ACCESS_AUDIENCE", "ROLE_ADMIN"):
        assert re.search(rf"\b{name}\b", text)
    settings.refuse_to_serve(load({}), {})
    settings.refuse_to_serve(load(ACCESS), {"R2_BUCKET_NAME": "clips"})


def test_a_role_in_a_file_changes_with_the_file(no_settings: Callable[..., None], tmp_path: Path) -> None:
    roles = tmp_path / "roles.toml"
    roles.write_text('admin = ["ada@corp.test"]')
    no_settings(**{**OIDC, "ROLE_ADMIN": "", "ROLES_FILE": "roles.toml"})
    assert settings.current().book.roles_of("ada@corp.test") == {"admin"}
    roles.write_text('admin = ["bob@corp.test"]')
    assert settings.current().book.roles_of("ada@corp.test") == frozenset()
