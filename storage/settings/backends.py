"""The settings of the backends, of purges and of the audit as one frozen value.

`load` reads no environment, collects every problem and raises once. `storage.settings.reader` reads the process's
environment, `.env` and Streamlit's secrets.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from pathlib import Path
from types import MappingProxyType
from typing import Literal, get_args

from storage.domain.alerts import QuietHours
from storage.domain.deployment import Wanted
from storage.domain.purge.scope import GIB, PurgeLimits
from storage.domain.usage import DEFAULT_LIMITS, PlanLimits, parse_overrides
from storage.errors import BadInput, ConfigError
from storage.settings import reader as credentials_file
from storage.settings.reader import Reader
from storage.text import Secret

DEFAULTS = PurgeLimits()
LEAST_KEY_CHARS = 16


LIVE_MARKERS = ("R2_", "FIREBASE_", "FIRESTORE_EMULATOR_HOST")
MAX_EXPIRY_SECONDS = 604_800  # seven days: the limit of S3 signatures, which boto3 does not enforce
DEFAULT_READ_BUDGET = 100_000  # document reads of one page or command before it stops and asks; 0 sets no bound
_NOT_SET = "\0"  # no prefix holds this, so it tells an unset prefix from an empty one
_RESERVED_PREFIXES = ("_ops/", "sources/", "clips/")
Mode = Literal["demo", "live"]


def read_limits(reader: Reader, stale_minutes: int) -> PurgeLimits:
    """The bounds of purges; each has a default."""
    return PurgeLimits(
        most_objects=reader.whole("PURGE_SECOND_PERSON_OBJECTS", DEFAULTS.most_objects, 0, 999_999_999),
        most_bytes=reader.whole("PURGE_SECOND_PERSON_GIB", DEFAULTS.most_bytes // GIB, 0, 999_999) * GIB,
        most_repairs=reader.whole("REPAIR_SECOND_PERSON_ROWS", DEFAULTS.most_repairs, 0, 500),
        per_actor_hour=reader.whole("PURGES_PER_ACTOR_HOUR", DEFAULTS.per_actor_hour, 1, 10_000),
        quarantine_days=reader.whole("PURGE_QUARANTINE_DAYS", DEFAULTS.quarantine_days, 1, 365),
        plan_minutes=reader.whole("PURGE_PLAN_MINUTES", DEFAULTS.plan_minutes, 1, 1_440),
        lease_seconds=reader.whole("PURGE_LEASE_SECONDS", DEFAULTS.lease_seconds, 5, 3_600),
        shortest_id=reader.whole("PURGE_SHORTEST_ID", DEFAULTS.shortest_id, 1, 64),
        idle_hours=reader.whole("PURGE_IDLE_HOURS", DEFAULTS.idle_hours, 1, 8_760),
        stale_minutes=stale_minutes,
    )


def read_audit_key(reader: Reader) -> str:
    """`AUDIT_HMAC_KEY`; empty where the chain is sealed without a key. A short key is a problem."""
    key = reader.text("AUDIT_HMAC_KEY")
    if key and len(key) < LEAST_KEY_CHARS:
        reader.problem(
            "AUDIT_HMAC_KEY", f"has fewer than {LEAST_KEY_CHARS} characters", "Use a long random text, or leave it out."
        )
    return key


def read_former_keys(reader: Reader) -> tuple[str, ...]:
    """`AUDIT_HMAC_FORMER_KEYS`: the keys that sealed the chain before the present one, parted by blanks or commas."""
    keys = tuple(key for key in re.split(r"[\s,]+", reader.text("AUDIT_HMAC_FORMER_KEYS")) if key)
    if keys and not reader.has("AUDIT_HMAC_KEY"):
        reader.problem("AUDIT_HMAC_FORMER_KEYS", "is set without AUDIT_HMAC_KEY", "Set the key that seals from now on.")
    return keys


@dataclass(frozen=True, slots=True)
class KeyPair:
    """One R2 token in the form of S3: key id and secret."""

    access_key_id: Secret
    secret_access_key: Secret


@dataclass(frozen=True, slots=True)
class R2Settings:
    """The address of the bucket and its tokens: `read` reads and signs, `write` changes.

    `key_prefix` is `None` where it is not set; a sample of documents then tells it (`storage.services.deployment`).
    """

    bucket: str
    endpoint_url: str
    region: str
    key_prefix: str | None
    public_url: str
    read: KeyPair
    write: KeyPair
    read_is_separate: bool


@dataclass(frozen=True, slots=True)
class FirestoreSettings:
    """The Firebase project and its credentials; `emulator_host` redirects the client and drops the credentials."""

    project_id: str
    credentials_path: Path | None
    emulator_host: str


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """The addresses that alerts go to (Apprise's, secrets all), the hours of quiet, and the desk's own address.

    `desk_url` is empty where nothing tells it; the links of alerts are then left out.
    """

    urls: tuple[Secret, ...]
    quiet_hours: QuietHours | None
    desk_url: str


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of the desk but those of access. Names of durations end with the unit.

    `read_budget` is the number of documents that one page or command may read before it stops; `None` sets no bound.
    """

    mode: Mode
    r2: R2Settings
    firestore: FirestoreSettings
    playback_url_expiry_seconds: int
    download_url_expiry_seconds: int
    stale_after_minutes: int
    highlights_source: Wanted
    scan_retention_days: int
    read_budget: int | None
    plan_limits: Mapping[str, PlanLimits]
    purge: PurgeLimits
    audit_key: Secret
    audit_former_keys: tuple[Secret, ...]
    alerts: AlertSettings


def is_demo(values: Mapping[str, str]) -> bool:
    """True when no setting that points at a real or emulated backend is set.

    An empty `R2_KEY_PREFIX` counts as set: a half configured machine never falls back to the demo.
    """
    return not any(name.startswith(LIVE_MARKERS) for name in values)


def read_budget(values: Mapping[str, str]) -> int | None:
    """`Settings.read_budget` alone, before stores are opened. A bad value counts as unset, since `load` reports it."""
    return _read_budget(Reader(values))


def load(values: Mapping[str, str], *, mode: Mode = "live") -> Settings:
    """The settings, or `ConfigError` with every problem by name. Reads no environment; opens the credentials file."""
    reader = Reader(values)
    r2 = _r2(reader)
    firestore = _firestore(reader)
    stale_after = reader.whole("STALE_AFTER_MINUTES", 15, 1, 10_080)
    settings = Settings(
        mode=mode,
        r2=r2,
        firestore=firestore,
        playback_url_expiry_seconds=reader.whole("PLAYBACK_URL_EXPIRY_SECS", 900, 1, MAX_EXPIRY_SECONDS),
        download_url_expiry_seconds=reader.whole("DOWNLOAD_URL_EXPIRY_SECS", 300, 1, MAX_EXPIRY_SECONDS),
        stale_after_minutes=stale_after,
        highlights_source=_highlights_source(reader),
        scan_retention_days=reader.whole("SCAN_RETENTION_DAYS", 90, 1, 3_650),
        read_budget=_read_budget(reader),
        plan_limits=_plan_limits(reader),
        purge=read_limits(reader, stale_after),
        audit_key=Secret(read_audit_key(reader)),
        audit_former_keys=tuple(Secret(key) for key in read_former_keys(reader)),
        alerts=_alerts(reader),
    )
    if reader.problems:
        raise ConfigError(reader.problems)
    return settings


def _alerts(reader: Reader) -> AlertSettings:
    urls = reader.text("ALERT_URLS").split()
    if not all(re.fullmatch(r"[a-zA-Z][a-zA-Z0-9+.-]*://\S+", url) for url in urls):
        reader.problem(
            "ALERT_URLS", "has an entry that is not an address", "Separate addresses (scheme://…) by blanks."
        )
    return AlertSettings(tuple(Secret(url) for url in urls), _quiet_hours(reader), _desk_url(reader))


def _quiet_hours(reader: Reader) -> QuietHours | None:
    text = reader.text("ALERT_QUIET_HOURS")
    if not text:
        return None
    found = re.fullmatch(r"([01]?[0-9]|2[0-3])(?::([0-5][0-9]))?-([01]?[0-9]|2[0-3])(?::([0-5][0-9]))?", text)
    if found is None or (found[1], found[2] or "00") == (found[3], found[4] or "00"):
        remedy = "Give two different hours by UTC, such as 22-07 or 21:30-06:00."
        reader.problem("ALERT_QUIET_HOURS", "is not a span of hours", remedy)
        return None
    begin, end = (time(int(found[hour]), int(found[hour + 1] or 0)) for hour in (1, 3))
    return QuietHours(begin, end)


def _desk_url(reader: Reader) -> str:
    """`DESK_URL`, else the address before the path of `OIDC_REDIRECT_URI`, whose faults the settings of access name."""
    url = reader.text("DESK_URL")
    if url:
        return url.rstrip("/") if reader.url("DESK_URL", url) is not None else ""
    redirect = reader.text("OIDC_REDIRECT_URI")
    return "" if "{" in redirect else redirect.removesuffix("/oauth2callback")


def _read_budget(reader: Reader) -> int | None:
    return reader.whole("READ_BUDGET", DEFAULT_READ_BUDGET, 0, 999_999_999) or None


def _highlights_source(reader: Reader) -> Wanted:
    text = reader.text("HIGHLIGHTS_SOURCE", "auto").lower()
    for wanted in get_args(Wanted):
        if text == wanted:
            return wanted  # type: ignore[no-any-return]
    reader.problem("HIGHLIGHTS_SOURCE", "must be auto, object or document", "Leave it out: the desk finds it out.")
    return "auto"


def _r2(reader: Reader) -> R2Settings:
    bucket = reader.required("R2_BUCKET_NAME", "Set it to the bucket's name, as the R2 overview lists it.")
    if bucket and not re.fullmatch(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", bucket):
        reader.problem(
            "R2_BUCKET_NAME", "is not a bucket name", "Use 3 to 63 lower-case letters, digits and '-', without a path."
        )
    write = _pair(reader, "R2_ACCESS_KEY_ID", "R2_SECRET_ACCESS_KEY")
    separate = reader.has("R2_READ_ACCESS_KEY_ID") or reader.has("R2_READ_SECRET_ACCESS_KEY")
    read = _pair(reader, "R2_READ_ACCESS_KEY_ID", "R2_READ_SECRET_ACCESS_KEY") if separate else write
    region = reader.text("R2_REGION", "auto")
    if not re.fullmatch(r"[a-z0-9-]{2,32}", region):
        reader.problem("R2_REGION", "is not a region name", "Leave it out for the default, auto.")
    return R2Settings(
        bucket=bucket,
        endpoint_url=_endpoint(reader, bucket),
        region=region,
        key_prefix=_key_prefix(reader),
        public_url=_public_url(reader),
        read=read,
        write=write,
        read_is_separate=separate,
    )


def _pair(reader: Reader, id_name: str, secret_name: str) -> KeyPair:
    remedy = "Create an R2 API token for this bucket and copy the pair it shows once."
    key_id, secret = reader.required(id_name, remedy), reader.required(secret_name, remedy)
    for name, value in ((id_name, key_id), (secret_name, secret)):
        if re.search(r"\s", value) or not value.isascii():
            reader.problem(name, "contains blanks or characters that no key has", "Copy it again, without line breaks.")
    return KeyPair(Secret(key_id), Secret(secret))


def _endpoint(reader: Reader, bucket: str) -> str:
    account = reader.text("R2_ACCOUNT_ID")
    if account and not re.fullmatch(r"[0-9a-f]{32}", account):
        reader.problem("R2_ACCOUNT_ID", "is not an account id", "Copy the 32 hexadecimal digits of the R2 overview.")
    url = reader.text("R2_ENDPOINT_URL")
    if not url:
        if not account:
            reader.problem(
                "R2_ACCOUNT_ID", "is not set, and neither is R2_ENDPOINT_URL", "Set one of the two; the id is enough."
            )
        return f"https://{account}.r2.cloudflarestorage.com"
    parts = reader.url("R2_ENDPOINT_URL", url)
    if parts is None:
        return url
    if parts.path.strip("/"):
        what = "the bucket's name" if bucket and parts.path.strip("/") == bucket else "a path"
        reader.problem("R2_ENDPOINT_URL", f"has {what} after the host", f"Use {parts.scheme}://{parts.netloc} alone.")
    elif bucket and parts.hostname and parts.hostname.startswith(f"{bucket}."):
        reader.problem("R2_ENDPOINT_URL", "begins with the bucket's name", "Use the account's host, without bucket.")
    return f"{parts.scheme}://{parts.netloc}"


def _public_url(reader: Reader) -> str:
    url = reader.text("R2_PUBLIC_URL")
    if url and reader.url("R2_PUBLIC_URL", url) is not None:
        return url.rstrip("/")
    return ""


def _key_prefix(reader: Reader) -> str | None:
    prefix = reader.raw("R2_KEY_PREFIX", _NOT_SET)
    if prefix == _NOT_SET:
        return None
    bad = prefix.startswith("/") or "//" in prefix or any(part in {".", ".."} for part in prefix.split("/"))
    if prefix and (bad or not prefix.endswith("/") or any(ord(char) < 32 for char in prefix)):
        reader.problem("R2_KEY_PREFIX", "must be empty or end with '/', without '//' or '..'", "For example users/.")
    elif prefix.startswith(_RESERVED_PREFIXES):
        reader.problem("R2_KEY_PREFIX", "is a prefix with another meaning in this bucket", "For example users/.")
    return prefix


def _firestore(reader: Reader) -> FirestoreSettings:
    project = reader.required("FIREBASE_PROJECT_ID", "Set it to the project's id, as the Firebase console shows it.")
    if project and not re.fullmatch(r"[a-z][a-z0-9-]{2,62}(?::[a-z0-9-]+)?", project):
        reader.problem("FIREBASE_PROJECT_ID", "is not a project id", "Use the id (lower case), not the display name.")
    host = reader.text("FIRESTORE_EMULATOR_HOST")
    if host and not re.fullmatch(r"[A-Za-z0-9.\-]+:[0-9]{1,5}|\[[0-9a-fA-F:]+\]:[0-9]{1,5}", host):
        reader.problem("FIRESTORE_EMULATOR_HOST", "is not host:port", "For example 127.0.0.1:8080, without http://.")
    # Google's own libraries read the second variable; this checks it too, so that a problem names the variable.
    name = "FIREBASE_CREDENTIALS_PATH"
    if not reader.has(name) and not host and reader.has("GOOGLE_APPLICATION_CREDENTIALS"):
        name = "GOOGLE_APPLICATION_CREDENTIALS"
    path = reader.path(name)
    if path is not None and (trouble := credentials_file.trouble(path)):
        reader.problem(name, trouble.problem, trouble.remedy)
    return FirestoreSettings(project, path, host)


def _plan_limits(reader: Reader) -> Mapping[str, PlanLimits]:
    text = reader.text("PLAN_LIMITS_JSON")
    if not text:
        return DEFAULT_LIMITS
    try:
        return MappingProxyType({**DEFAULT_LIMITS, **parse_overrides(text)})
    except BadInput as error:
        reader.problem("PLAN_LIMITS_JSON", error.message, error.remedy)
        return DEFAULT_LIMITS
