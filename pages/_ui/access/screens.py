"""Draws the screens that replace a page: sign-in, no access, or a machine that is not configured. None shows data.

The side bar's part is here too: the person's name and roles, signing out, and the role that a local user plays.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import streamlit as st

from pages._ui.access import identity
from pages._ui.access.sessions import SessionEnded, sessions
from pages._ui.access.settings import current
from pages._ui.kit.text import md
from storage import logs
from storage.domain.policy import LEAST_ROLE, MEANING, Action, Actor
from storage.errors import ConfigError, StorageError

FAILED: Final = "sign_in"  # query parameter of the address that a sign-in without success returns to
_WHY: Final = {
    "refused": "The sign-in was cancelled or refused by the provider.",
    "unreachable": "The sign-in provider cannot be reached, or does not answer as it should. Try again in a moment.",
    "unconfirmed": "The sign-in provider did not confirm the sign-in. Try again in a moment.",
}
_ACCESS_SIGN_OUT: Final = "/cdn-cgi/access/logout"  # answered by Cloudflare in front of the desk


def sign_in(ended: SessionEnded) -> None:
    """Says why nobody is signed in, and offers to sign in. The address stays, so the person returns to this page."""
    with _middle(), st.container(border=True, width=460):
        st.title("Clip Desk", anchor=False)
        if why := _WHY.get(st.query_params.get(FAILED, "")):
            st.warning(why, icon=":material/block:")
        if ended.reason in ("idle", "too_long", "signed_out"):
            st.info(md(ended.message), icon=":material/logout:")
        elif ended.reason == "refused":
            st.warning(f"{md(ended.message)} {md(ended.remedy)}", icon=":material/lock:")
        settings = current()
        if not settings.signs_in:
            return
        if settings.oidc is None:
            st.markdown("This desk is reached through Cloudflare Access: open it at its usual address.")
            st.markdown(f"[Sign in again]({_ACCESS_SIGN_OUT}), or reload this page.")
            return
        st.markdown("Support and operations of Viral Clip AI. Sign in with your work account.")
        for provider in settings.oidc.providers:
            label = f"Sign in with {md(provider)}" if provider else "Sign in"
            if st.button(label, type="primary", icon=":material/login:", key=f"access__sign_in_{provider}"):
                st.login(provider or None)
        st.caption(f"No account, no access, or it keeps failing? Ask {md(settings.contact)}.")


def no_access(actor: Actor, action: Action, title: str) -> None:
    """Says that the person's roles do not permit this page, which role does, and whom to ask."""
    named = ", ".join(sorted(actor.roles))
    roles = f"with the role{'' if len(actor.roles) == 1 else 's'} {named}" if named else "without a role"
    st.title(title, anchor=False)
    with st.container(width=720):
        st.warning(
            f"**{md(title)}** needs the role **{LEAST_ROLE[action]}** (to {MEANING[action].lower()}). "
            f"You are signed in as {md(actor.email)}, {roles}.",
            title="No access",
            icon=":material/lock:",
        )
        st.markdown(f"Ask {md(current().contact)} for it. The role works at once: reload this page when you have it.")


def no_role(actor: Actor) -> None:
    """Says that the person is signed in and has no role."""
    with _middle():
        st.title("Clip Desk", anchor=False)
        st.warning(
            f"You are signed in as {md(actor.email)}. That address has no role here, so there is nothing to see.",
            title="No access",
            icon=":material/lock:",
        )
        st.markdown(
            f"Ask {md(current().contact)} for a role. The role works at once: reload this page when you have it."
        )


def not_configured(error: ConfigError) -> None:
    """Shows the settings to correct before the desk serves anything: names and remedies, never values."""
    with _middle():
        st.title("Clip Desk", anchor=False)
        st.error(
            "The desk serves nothing until its configuration is complete: it does not guess, and it does not fall back "
            "to sample data.",
            title="Not configured",
            icon=":material/settings_alert:",
        )
        for problem in error.problems:
            with st.container(border=True):
                st.markdown(f"**`{problem.name}`** {md(problem.problem)}.")
                if problem.remedy:
                    st.caption(md(problem.remedy))
        st.caption("README, Configuration, lists every setting. `python -m storage check` tests them from a shell.")


def _middle() -> st.delta_generator.DeltaGenerator:
    """A column in the middle of the page."""
    outer = st.container(horizontal_alignment="center")
    return outer.container(width=640, horizontal_alignment="center", key="access__screen")


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
    """Lets a local user choose a role: the demo and a local emulator have no sign-in."""
    st.selectbox(
        "See the desk as",
        list(identity.PERSONAS),
        key=identity.PERSONA,
        format_func=lambda email: email.partition("@")[0].replace("-", " ").capitalize(),
        help="Only without sign-in, on this machine. With live data every person signs in.",
        persist_state="session",
        on_change=identity.chosen,
    )


def _sign_out() -> None:
    """Ends the sign-in for every tab, then removes it from the browser and tells the provider."""
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
