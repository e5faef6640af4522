"""Who is signed in, in the side bar: name and roles, signing out, and for a local user whom to play."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from pages._ui.access import identity
from pages._ui.access.sessions import sessions
from pages._ui.access.settings import current
from pages._ui.text import md
from storage import logs
from storage.domain.policy import Actor
from storage.errors import StorageError


def panel(actor: Actor) -> None:
    """Draws the account's part of the side bar."""
    with st.sidebar, st.container(key="access__account", border=True):
        if actor.source == "local":
            _switcher()
            return
        roles = ", ".join(sorted(actor.roles)) or "no role"
        st.markdown(f"**{md(actor.name or actor.email, 60)}**  \n:small[{md(actor.email, 80)} · {roles}]")
        st.button("Sign out", icon=":material/logout:", key="access__sign_out", on_click=_sign_out)


def _switcher() -> None:
    """The demo and a local emulator have no sign-in; here a local user sees what each role sees."""
    st.selectbox(
        "See the desk as",
        list(identity.PERSONAS),
        key=identity.PERSONA,
        format_func=lambda email: email.partition("@")[0].replace("-", " ").capitalize(),
        help="Without sign-in, on this machine alone. With live data everybody signs in.",
        persist_state="session",
    )


def _sign_out() -> None:
    """Ends the sign-in for every tab, then lets the browser forget it and tells the provider."""
    settings = current()
    now = datetime.now(UTC)
    try:
        person = identity.who(settings, now)
    except StorageError:
        return
    sessions.sign_out(person.sign_in, now=now)
    logs.event("sign_out", actor=person.email, outcome="done", source=person.source, ip=identity.ip())
    if person.source == "oidc":
        st.logout()
