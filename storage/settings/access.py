"""The settings of access as one frozen value: who may sign in, how, and with which roles.

`load` reports every problem at once. Roles belong to e-mail addresses or groups; they come from settings and from a
file, which the desk reads again when it changes.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from storage.domain.policy import ROLES, Role
from storage.errors import ConfigError
from storage.settings.reader import LOOPBACK, Reader
from storage.text import Secret

_GROUP: Final = "group:"
_ADDRESS: Final = re.compile(r"[^@\s,;\"'<>()]+@[^@\s,;\"'<>()]+\.[^@\s,;\"'<>()]+")
_REMEDY: Final = "Write e-mail addresses, or group:NAME for a group of the identity provider."


_CALLBACK = "/oauth2callback"
_OIDC_NAMES: Final = (
    "OIDC_METADATA_URL",
    "OIDC_CLIENT_ID",
    "OIDC_CLIENT_SECRET",
    "OIDC_REDIRECT_URI",
    "OIDC_COOKIE_SECRET",
)
_COOKIE_SECRET_LENGTH: Final = 32  # characters; the secret signs the cookie that identifies a person


@dataclass(frozen=True, slots=True)
class RoleAssignments:
    """The roles by address and by group. A person without an entry has no role."""

    people: Mapping[str, frozenset[Role]]
    groups: Mapping[str, frozenset[Role]]

    def __bool__(self) -> bool:
        return bool(self.people or self.groups)

    def roles_of(self, email: str, groups: Collection[str] = ()) -> frozenset[Role]:
        """The roles of a person: the address is compared without case and blanks, group names exactly."""
        roles = self.people.get(address(email), frozenset())
        return roles.union(*(self.groups.get(group, frozenset()) for group in groups))


def address(email: str) -> str:
    """An e-mail address in the form for comparisons: without blanks around it, in lower case."""
    return email.strip().casefold()


def read_roles(reader: Reader, root: Path) -> RoleAssignments:
    """The roles of `ROLE_SUPPORT`, `ROLE_OPERATIONS`, `ROLE_ENGINEER`, `ROLE_ADMIN` and of the file at `ROLES_FILE`."""
    entries: list[tuple[Role, str]] = []
    for role in ROLES:
        name = f"ROLE_{role.upper()}"
        entries += _entries(reader, name, role, re.split(r"[\s,;]+", reader.text(name)))
    if (path := reader.path("ROLES_FILE")) is not None:
        entries += _file(reader, root / path)
    people: dict[str, frozenset[Role]] = {}
    groups: dict[str, frozenset[Role]] = {}
    for role, entry in entries:
        shelf, key = (groups, entry.removeprefix(_GROUP)) if entry.startswith(_GROUP) else (people, address(entry))
        shelf[key] = shelf.get(key, frozenset()) | {role}
    return RoleAssignments(people, groups)


def _entries(reader: Reader, where: str, role: Role, entries: list[str]) -> list[tuple[Role, str]]:
    good: list[tuple[Role, str]] = []
    for entry in (entry.strip() for entry in entries):
        if not entry:
            continue
        if _ADDRESS.fullmatch(entry) or (entry.startswith(_GROUP) and len(entry) > len(_GROUP)):
            good.append((role, entry))
        else:
            reader.problem(where, "names something that is neither an address nor a group", _REMEDY)
    return good


def _file(reader: Reader, path: Path) -> list[tuple[Role, str]]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        what = "is not TOML" if isinstance(error, tomllib.TOMLDecodeError) else "cannot be read"
        reader.problem("ROLES_FILE", what, 'It is TOML with lines such as admin = ["ada@example.com"].')
        return []
    entries: list[tuple[Role, str]] = []
    for name, members in content.items():
        if name not in ROLES:
            reader.problem("ROLES_FILE", "names a role that does not exist", f"The roles are {', '.join(ROLES)}.")
        elif not isinstance(members, list) or not all(isinstance(member, str) for member in members):
            reader.problem("ROLES_FILE", f"{name} is not a list of texts", _REMEDY)
        else:
            entries += _entries(reader, "ROLES_FILE", name, members)
    return entries


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """Sign-in with an OpenID Connect provider. `providers` are the names for `st.login`; "" stands for a single one.

    `section` is the `[auth]` section that Streamlit expects; its secrets are masked until `reveal`.
    """

    providers: tuple[str, ...]
    redirect_uri: str
    section: Mapping[str, Secret]
    nested: Mapping[str, Mapping[str, Secret]]

    def reveal(self) -> dict[str, Any]:
        """The `[auth]` section in the clear, for `st.App(secrets=...)` and nothing else."""
        plain: dict[str, Any] = {name: secret.reveal() for name, secret in self.section.items()}
        for name, table in self.nested.items():
            plain[name] = {key: secret.reveal() for key, secret in table.items()}
        return plain


@dataclass(frozen=True, slots=True)
class AssertionSettings:
    """Cloudflare Access: the `issuer` whose signed assertions count, and the applications for which they count."""

    issuer: str
    audiences: tuple[str, ...]

    @property
    def keys_url(self) -> str:
        """The address at which the issuer publishes its signing keys."""
        return f"{self.issuer}/cdn-cgi/access/certs"


@dataclass(frozen=True, slots=True)
class AccessSettings:
    """All settings that decide who a person is and what the person may do. Names of durations end with the unit."""

    oidc: OidcSettings | None
    assertion: AssertionSettings | None
    book: RoleAssignments
    groups_claim: str
    idle_minutes: int
    session_hours: int
    contact: str
    metrics_token: Secret | None

    @property
    def signs_in(self) -> bool:
        """True when people sign in; false when only a local user works with the demo or an emulator."""
        return self.oidc is not None or self.assertion is not None

    @property
    def https_only(self) -> bool:
        """True when browsers reach the desk over https, so that cookies may demand it."""
        return self.assertion is not None or (self.oidc is not None and self.oidc.redirect_uri.startswith("https://"))


def load(values: Mapping[str, str], auth: Mapping[str, Any] | None = None, *, root: Path = Path()) -> AccessSettings:
    """The settings, or `ConfigError` with every problem by name. `auth` is the `[auth]` table of Streamlit's secrets.

    Reads the file that `ROLES_FILE` names (relative paths start at `root`), and nothing else.
    """
    reader = Reader(values)
    token = reader.text("METRICS_TOKEN")
    settings = AccessSettings(
        oidc=_oidc(reader, auth or {}),
        assertion=_assertion(reader),
        book=read_roles(reader, root),
        groups_claim=reader.text("GROUPS_CLAIM", "groups"),
        idle_minutes=reader.whole("SESSION_IDLE_MINUTES", 30, 1, 1_440),
        session_hours=reader.whole("SESSION_MAX_HOURS", 10, 1, 720),
        contact=reader.text("ACCESS_CONTACT", "an admin of the desk"),
        metrics_token=Secret(token) if token else None,
    )
    if token and len(token) < 16:
        reader.problem("METRICS_TOKEN", "is too short to be a secret", "Use 16 or more random characters.")
    if settings.signs_in and not settings.book:
        reader.problem(
            "ROLES_FILE", "and ROLE_ADMIN name nobody, so nobody could do anything", "Give at least one person a role."
        )
    if reader.problems:
        raise ConfigError(reader.problems)
    return settings


def _oidc(reader: Reader, auth: Mapping[str, Any]) -> OidcSettings | None:
    named = any(reader.has(name) for name in _OIDC_NAMES)
    if not named and not auth:
        return None
    if not named:
        return _from_table(reader, auth)
    values = {
        name: reader.required(name, "All five OIDC_ settings belong together; see README, Sign-in.")
        for name in _OIDC_NAMES
    }
    section = {
        "client_id": Secret(values["OIDC_CLIENT_ID"]),
        "client_secret": Secret(values["OIDC_CLIENT_SECRET"]),
        "server_metadata_url": Secret(_metadata(reader, "OIDC_METADATA_URL", values["OIDC_METADATA_URL"])),
        "redirect_uri": Secret(_redirect(reader, "OIDC_REDIRECT_URI", values["OIDC_REDIRECT_URI"])),
        "cookie_secret": Secret(_cookie_secret(reader, "OIDC_COOKIE_SECRET", values["OIDC_COOKIE_SECRET"])),
    }
    kwargs = {
        "scope": Secret(reader.text("OIDC_SCOPE", "openid email profile")),
        "prompt": Secret(reader.text("OIDC_PROMPT", "select_account")),
    }
    return OidcSettings(("",), values["OIDC_REDIRECT_URI"], section, {"client_kwargs": kwargs})


def _from_table(reader: Reader, auth: Mapping[str, Any]) -> OidcSettings:
    """Checks Streamlit's own `[auth]` table, which Streamlit reads itself."""

    def text(table: Mapping[str, Any], where: str, key: str) -> str:
        value = str(table.get(key, "")).strip()
        if not value:
            reader.problem(f"{where}.{key}", "is not set", "README, Sign-in, lists the entries of [auth].")
        return value

    redirect = _redirect(reader, "auth.redirect_uri", text(auth, "auth", "redirect_uri"))
    _cookie_secret(reader, "auth.cookie_secret", text(auth, "auth", "cookie_secret"))
    tables = {name: table for name, table in auth.items() if isinstance(table, Mapping) and "client_id" in table}
    for name, table in tables.items() if tables else [("", auth)]:
        where = f"auth.{name}" if name else "auth"
        text(table, where, "client_id")
        text(table, where, "client_secret")
        _metadata(reader, f"{where}.server_metadata_url", text(table, where, "server_metadata_url"))
    return OidcSettings(tuple(tables) or ("",), redirect, {}, {})


def _metadata(reader: Reader, name: str, url: str) -> str:
    if url and reader.url(name, url) and not url.endswith("/.well-known/openid-configuration"):
        reader.problem(name, "is not a discovery address", "It ends in /.well-known/openid-configuration.")
    return url


def _redirect(reader: Reader, name: str, url: str) -> str:
    """Checks the address; Streamlit puts the server's own port in place of `{port}`."""
    if url and reader.url(name, url.replace("{port}", "8501")) and not url.endswith(_CALLBACK):
        remedy = f"Use the address people open, followed by {_CALLBACK}, as registered with the provider."
        reader.problem(name, f"does not end in {_CALLBACK}", remedy)
    return url


def _cookie_secret(reader: Reader, name: str, secret: str) -> str:
    if secret and len(secret) < _COOKIE_SECRET_LENGTH:
        remedy = "Make one: python -c 'import secrets; print(secrets.token_urlsafe(48))'."
        reader.problem(name, f"has fewer than {_COOKIE_SECRET_LENGTH} characters", remedy)
    return secret


def _assertion(reader: Reader) -> AssertionSettings | None:
    if not reader.has("ACCESS_TEAM_DOMAIN") and not reader.has("ACCESS_AUDIENCE"):
        return None
    team = reader.required("ACCESS_TEAM_DOMAIN", "Set it to the team's host, such as example.cloudflareaccess.com.")
    audience = reader.required("ACCESS_AUDIENCE", "Copy the application's audience (AUD) tag.")
    audiences = tuple(part for part in re.split(r"[\s,]+", audience) if part)
    if not all(re.fullmatch(r"[A-Za-z0-9_-]{16,128}", part) for part in audiences):
        reader.problem("ACCESS_AUDIENCE", "is not an audience tag", "Copy the application's audience (AUD) tag.")
    issuer = team if "://" in team else f"https://{team}"
    parts = reader.url("ACCESS_TEAM_DOMAIN", issuer) if team else None
    if parts is not None and parts.path.strip("/"):
        reader.problem("ACCESS_TEAM_DOMAIN", "has a path after the host", "Give the host alone.")
    return AssertionSettings(issuer.rstrip("/"), audiences)


def is_local_emulator(values: Mapping[str, str]) -> bool:
    """True when Firestore is an emulator on this machine and the bucket is on this machine too.

    Only then may a local user work without signing in: an emulator beside a real bucket could damage real data.
    """
    host = values.get("FIRESTORE_EMULATOR_HOST", "").strip().rpartition(":")[0].strip("[]")
    endpoint = re.fullmatch(r"https?://(\[[^\]]+\]|[^:/?#@]+)(?::\d+)?/?", values.get("R2_ENDPOINT_URL", "").strip())
    return host in LOOPBACK and endpoint is not None and endpoint[1].strip("[]") in LOOPBACK
