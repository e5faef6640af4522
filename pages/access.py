"""Access: who may do what here, and what may I do?"""

import pandas as pd
import streamlit as st

from pages._ui.access.guard import actor, show
from pages._ui.access.settings import current
from pages._ui.kit import tables
from pages._ui.kit.text import md
from storage.domain.policy import ACTIONS, CHANGES, MEANING, ROLES, Actor, permitted
from storage.settings.access import AccessSettings

_SOURCES = {
    "oidc": "Signed in through your identity provider.",
    "access": "Signed in through Cloudflare Access.",
    "local": "Not signed in: a demo or an emulator on this machine.",
    "shell": "Not signed in: the shell.",
}


def page() -> None:
    """Draws the policy, the person's own place in it, and the rules of sessions."""
    st.title("Access", anchor=False)
    who, settings = actor(), current()
    _you(who, settings)
    st.subheader("The policy", anchor=False)
    st.caption("Everything is denied by default. Every action checks the policy again, whatever a page shows.")
    policy = _table()
    columns = {name: name for name in policy.columns}
    tables.table(policy, key="access__policy", alt="Which role may do what", columns=columns, height="content")
    st.caption(f"To get or lose a role, ask {md(settings.contact)}. A change takes effect at the next action.")
    if who.source != "local":
        _sessions(settings)


def _you(who: Actor, settings: AccessSettings) -> None:
    roles = ", ".join(role for role in ROLES if role in who.roles)
    st.markdown(f"You are **{md(who.email)}**, with the role **{roles}**. {_SOURCES[who.source]}")
    if who.sign_in_expires_at is not None:
        st.caption(f"Your sign-in is valid for changes until {who.sign_in_expires_at:%Y-%m-%d %H:%M} UTC.")


def _table() -> pd.DataFrame:
    """The table by which `storage.domain.policy` decides: a row for each action, a column for each role."""
    rows = [
        {
            "May": MEANING[action],
            "Action": action,
            "Changes something": action in CHANGES,
            **{role.capitalize(): permitted({role}, action) for role in ROLES},
        }
        for action in ACTIONS
    ]
    return pd.DataFrame(rows)


def _sessions(settings: AccessSettings) -> None:
    st.subheader("Sessions", anchor=False)
    st.markdown(
        f"A session ends after {settings.idle_minutes} minutes without use, and after {settings.session_hours} hours "
        "in any case. Signing out ends it in every tab. A change needs a sign-in that has not expired."
    )


if __name__ == "__main__":
    show("access", page)
