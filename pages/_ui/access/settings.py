"""Reads the settings of sign-in and roles again at each question, so that a change takes effect at once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import streamlit as st

from pages._ui.access.sessions import Limits
from storage.errors import ConfigError, Problem
from storage.settings import access as access_settings
from storage.settings import backends, reader
from storage.settings.access import AccessSettings


def current(values: Mapping[str, str] | None = None) -> AccessSettings:
    """The settings at this moment, from `values` where the caller has just read them.

    Raises `ConfigError`: then nobody may do anything.
    """
    return access_settings.load(reader.read() if values is None else values, reader.auth_table(), root=reader.ROOT)


def limits(settings: AccessSettings) -> Limits:
    return Limits(timedelta(minutes=settings.idle_minutes), timedelta(hours=settings.session_hours))


def refuse_to_serve(settings: AccessSettings, values: Mapping[str, str]) -> None:
    """Raises `ConfigError` for live data without a way to sign in, where one person could not be told from another.

    The demo and an emulator on this machine need no sign-in. The setting that makes Streamlit believe a proxy's headers
    is always refused: they are not signed.
    """
    problems: list[Problem] = []
    if st.get_option("server.trustedUserHeaders"):
        problems.append(
            Problem(
                "server.trustedUserHeaders",
                "would let an unsigned header say who asks",
                "Remove it; set ACCESS_TEAM_DOMAIN and ACCESS_AUDIENCE for Cloudflare Access.",
            )
        )
    if not settings.signs_in and not backends.is_demo(values) and not access_settings.is_local_emulator(values):
        problems += [
            Problem(
                "OIDC_METADATA_URL",
                "is not set, and neither is Cloudflare Access: with live data people must be able to sign in",
                "Set OIDC_METADATA_URL, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET, OIDC_REDIRECT_URI, OIDC_COOKIE_SECRET.",
            ),
            Problem(
                "ACCESS_TEAM_DOMAIN",
                "is not set either: it is the other way to sign in, behind Cloudflare Access",
                "Set ACCESS_TEAM_DOMAIN and ACCESS_AUDIENCE, or the OIDC_ settings above.",
            ),
            Problem(
                "ROLE_ADMIN", "or ROLES_FILE must name at least one person", "For example ROLE_ADMIN=ada@example.com."
            ),
        ]
    if problems:
        raise ConfigError(problems)


def check(values: Mapping[str, str]) -> None:
    """Raises `ConfigError` with every problem of the settings of stores and access, in one list."""

    def access() -> None:
        refuse_to_serve(current(), values)

    def stores() -> None:
        if not backends.is_demo(values):
            backends.load(values)

    problems: list[Problem] = []
    for part in (stores, access):
        try:
            part()
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
