"""The guard: every page, and every change behind a button, asks here who the person is and what they may do.

A page ends with `show("NAME", page)` (see `pages._ui.nav`). Fragments, dialogs and the functions of buttons call
`require(ACTION)`, which returns the `Actor` to hand to `storage.actions` or raises: they run again without the page
around them, long after it was drawn, and the permission may be gone by then. `guarded(ACTION)` wraps each `on_click`
and `on_change`, because an exception there would leave the page empty. `allowed(ACTION)` only decides what is drawn; it
protects nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Concatenate, Final, ParamSpec

import streamlit as st

from pages._ui.access import identity, screens
from pages._ui.access.sessions import SessionEnded, sessions
from pages._ui.access.settings import current, limits, refuse_to_serve
from pages._ui.data import audit_looks
from pages._ui.kit import away, feedback, params, session
from pages._ui.nav import SCREENS
from storage import logs
from storage.clients.meter import metering
from storage.domain.audit_chain import Event
from storage.domain.policy import LEAST_ROLE, MEANING, Action, Actor, Role, authorise, permitted
from storage.errors import ConfigError, NotPermitted, StorageError
from storage.settings import backends, reader

P = ParamSpec("P")
_REFUSED: Final = "access__refused"  # session key: the refusal of a callback, until the page has shown it


def actor(*, active: bool = True) -> Actor:
    """The person who asks, with the roles that the configuration gives them at this moment (perhaps none).

    Raises `SessionEnded` (nobody is signed in, or the session ended) or `ConfigError` (the settings of sign-in are
    incomplete). A call that a page makes by itself passes `active=False`: it must not keep a session alive.
    """
    values = reader.read()
    settings = current(values)
    refuse_to_serve(settings, values)
    now = datetime.now(UTC)
    person = identity.who(settings, now)
    if person.source == "local":
        return _local(person, backends.is_demo(values))
    new = sessions.admit(person.sign_in, limits(settings), now=now, active=active)
    who = _as_actor(person, settings.book.roles_of(person.email, person.groups))
    if new:
        logs.event("sign_in", actor=who, outcome="done", roles=sorted(who.roles))
    return who


def _local(person: identity.Person, demo: bool) -> Actor:
    """The persona that a local user plays: the demo allows it from anywhere, an emulator only from this machine."""
    if not demo and not identity.is_local():
        raise SessionEnded(
            "refused",
            "With an emulator and no sign-in, the desk answers only on its own machine.",
            remedy="Open it at http://localhost on the machine where it runs, or set up sign-in.",
        )
    return _as_actor(person, identity.PERSONAS[person.email])


def _as_actor(person: identity.Person, roles: frozenset[Role]) -> Actor:
    return Actor(
        email=person.email,
        roles=roles,
        source=person.source,
        name=person.name,
        ip=identity.ip(),
        sign_in_expires_at=person.expires_at,
    )


def require(action: Action, *, active: bool = True, on_record: bool = True) -> Actor:
    """The actor, if they may do this now. Raises as `actor` does, or `NotPermitted`.

    A refusal is logged, and with `on_record` also recorded in the audit.
    """
    who = actor(active=active)
    try:
        authorise(who, action, now=datetime.now(UTC))
    except NotPermitted as error:
        logs.event(action, actor=who, outcome="refused", code=error.code)
        if on_record:
            audit_looks.refused(who, Event(action, "-"), error)
        raise
    return who


def allowed(action: Action) -> bool:
    """True if the person may do this. Only decides what to draw: it protects nothing and keeps no session alive."""
    try:
        return permitted(actor(active=False).roles, action)
    except (SessionEnded, ConfigError):
        return False


def stopped_by(action: Action) -> str:
    """The rule that keeps this person from it and who can lift it, for the help of a greyed button; empty for none."""
    if allowed(action):
        return ""
    return (
        f"This needs the role {LEAST_ROLE[action]} (“{MEANING[action]}”). An admin of the desk can give it; "
        "the page Access shows who may do what."
    )


def guarded(action: Action) -> Callable[[Callable[Concatenate[Actor, P], None]], Callable[P, None]]:
    """Wraps a callback: it gets the actor as its first argument, or the page shows why it was refused.

    The page shows any other `StorageError` of the callback in the same way, and is drawn around it.
    """

    def around(function: Callable[Concatenate[Actor, P], None]) -> Callable[P, None]:
        @wraps(function)
        def checked(*arguments: P.args, **keywords: P.kwargs) -> None:
            try:
                function(require(action), *arguments, **keywords)
            except StorageError as error:
                st.session_state[_REFUSED] = error

        return checked

    return around


def show(name: str, page: Callable[[], None]) -> None:
    """Draws the page, or says why this person may not see it. The last line of each page's file calls it."""
    screen = SCREENS[name]
    try:
        # A person who may not see a page causes no request to a store, not even for the audit: the log has it.
        require(screen.action, on_record=False)
    except SessionEnded as error:
        screens.sign_in(error)
        return
    except ConfigError as error:
        screens.not_configured(error)
        return
    except NotPermitted:
        screens.no_access(actor(active=False), screen.action, screen.title)
        return
    refused = st.session_state.pop(_REFUSED, None)
    if isinstance(refused, StorageError):
        feedback.error_panel(refused, key=f"{name}__refused")
    try:
        with metering(read_budget=feedback.allowed(name)) as meter:
            feedback.begin()
            with params.choices(name, arrived=session.current() != name), away.noticing():
                _drawn(name, page)
        feedback.say(meter.cost())
    except SessionEnded as error:  # the session ended while the page was drawn
        screens.sign_in(error)


def _drawn(name: str, page: Callable[[], None]) -> None:
    try:
        page()
    except SessionEnded:
        raise
    except StorageError as error:
        feedback.failed(error, what="the rest of this page", key=f"{name}__page")
