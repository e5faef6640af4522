"""Who acts in the shell: as `--actor` says, which is recorded and not authenticated, from this account and machine."""

from __future__ import annotations

import getpass
import platform

from storage.domain.actor_and_reason import normal_email
from storage.domain.policy import ROLES, Actor

MAX_PLACE_CHARS = 200


def shell_actor(email: str) -> Actor:
    """The actor for a command that changes something; `BadInput` unless it is an e-mail address."""
    return _shell(normal_email(email, "--actor"))


def shell_reader(email: str | None) -> Actor:
    """The actor for a command that only looks: may be left out."""
    return shell_actor(email) if email is not None else _shell("")


def _shell(email: str) -> Actor:
    return Actor(email, frozenset(ROLES), "shell", place=_place())


def _place() -> str:
    """`account@machine`, as far as the system tells; what cannot be printed is left out, as it goes on record."""
    try:
        account = getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container's account may have no name
        account = ""
    place = f"{account}@{platform.node()}"
    return "".join(char for char in place if char.isprintable())[:MAX_PLACE_CHARS]
