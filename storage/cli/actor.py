"""Who acts in the shell: as `--actor` says, which is recorded and not authenticated."""

from __future__ import annotations

from storage.domain.policy import ROLES, Actor
from storage.domain.purge.guards import normal_email


def shell_actor(email: str) -> Actor:
    """The actor for a command that changes something; `BadInput` unless it is an e-mail address."""
    return Actor(normal_email(email, "--actor"), frozenset(ROLES), "shell")


def shell_reader(email: str | None) -> Actor:
    """The actor for a command that only looks: may be left out."""
    return shell_actor(email) if email else Actor("", frozenset(ROLES), "shell")
