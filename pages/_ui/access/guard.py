"""The guard: every page, and every change behind a button, passes here and learns who asks.

In a page: `show("NAME", page)` at its end (see `pages._ui.nav`). Inside the page's fragments, dialogs and whatever a
button does: `require(ACTION)`, which gives the `Actor` to hand to `storage.actions` or raises; these parts run again
without the page around them, long after it was drawn, and what was permitted then may not be now. For an `on_click` or
`on_change`: `guarded(ACTION)`, as an exception there would leave the page empty. `allowed(ACTION)` decides what is
drawn, and protects nothing.
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
from pages._ui.kit import feedback
from pages._ui.nav import SCREENS
from storage import logs
from storage.clients.meter import metering
from storage.domain.audit_chain import Event
from storage.domain.policy import Action, Actor, Role, authorise, permitted
from storage.errors import ConfigError, NotPermitted, StorageError
from storage.settings import backends, reader

P = ParamSpec("P")
_REFUSED: Final = "access__refused"  # session key: what a callback was refused, until the page has said so


def actor(*, active: bool = True) -> Actor:
    """Who asks, with the roles that configuration gives them at this moment (perhaps none).

    Raises `SessionEnded` (nobody is signed in, or not any more) or `ConfigError` (who may sign in is not settled).
    What a page does by itself passes `active=False`: it must not keep a session alive.
    """
    settings = current()
    values = reader.read()
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
    """A local user as whom they play: in the demo from anywhere, beside an emulator from this machine alone."""
    if not demo and not identity.is_local():
        raise SessionEnded(
            "refused",
            "With an emulator and no sign-in, the desk answers only this machine.",
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
    """The actor, who may do this now. Raises as `actor`, or `NotPermitted`; the refusal is logged and put on record."""
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
    """True when the person may do this: for what to draw. Asks nothing of the session, and protects nothing."""
    try:
        return permitted(actor(active=False).roles, action)
    except (SessionEnded, ConfigError):
        return False


def guarded(action: Action) -> Callable[[Callable[Concatenate[Actor, P], None]], Callable[P, None]]:
    """For callbacks: calls the function with the actor in front, or notes the refusal for the page to show.

    Any other `StorageError` of the function is noted in the same way, so that the page is drawn around it.
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
    """Draws the page for somebody who may see it, and for anybody else says why not; the last line of a page's file."""
    screen = SCREENS[name]
    try:
        # Who may not see a page at all causes no request to a store, not even one for the record: the log has it.
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
            page()
        feedback.say(meter.cost())
    except SessionEnded as error:  # it ended while the page was being drawn
        screens.sign_in(error)
    except StorageError as error:
        feedback.error_panel(error, key=f"{name}__page")
