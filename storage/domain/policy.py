"""The policy: one table of roles and actions, and the check that every action makes. It denies by default."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final, Literal, get_args

from storage.errors import NotPermitted

Role = Literal["support", "operations", "engineer", "admin"]
Action = Literal[
    "look",
    "find",
    "preview",
    "link.send",
    "explain",
    "request",
    "address.reveal",
    "address.see",
    "access.read",
    "verify",
    "recount",
    "diagnose",
    "fix",
    "purge.plan",
    "purge.apply",
    "purge.approve",
    "purge.undo",
    "audit.own",
    "audit.read",
    "alerts.read",
    "alerts.try",
]
Source = Literal["oidc", "access", "local", "shell"]

ROLES: Final[tuple[Role, ...]] = get_args(Role)  # each role may also do everything that the earlier roles may
ACTIONS: Final[tuple[Action, ...]] = get_args(Action)

# Each action with the least role that may do it, and its meaning for the person who reads the table.
LEAST_ROLE: Final[MappingProxyType[Action, Role]] = MappingProxyType(
    {
        "look": "support",
        "find": "support",
        "preview": "support",
        "link.send": "support",
        "explain": "support",
        "request": "support",
        "address.reveal": "support",
        "address.see": "operations",
        "access.read": "support",
        "verify": "operations",
        "recount": "operations",
        "diagnose": "operations",
        "fix": "engineer",
        "purge.plan": "operations",
        "purge.apply": "admin",
        "purge.approve": "admin",
        "purge.undo": "admin",
        "audit.own": "engineer",
        "audit.read": "admin",
        "alerts.read": "operations",
        "alerts.try": "admin",
    }
)
MEANING: Final[MappingProxyType[Action, str]] = MappingProxyType(
    {
        "look": "See customers, their usage, videos and clips",
        "find": "Search by id, e-mail, file name, key or link",
        "preview": "Play and download clips, copy links",
        "link.send": "Make a link to send that lives up to a day, with a reason",
        "explain": "See what the customer sees, and the reply to send",
        "request": "Tell the team, ask for a deletion",
        "address.reveal": "Reveal one customer's address, on record",
        "address.see": "See customers' addresses everywhere",
        "access.read": "See this policy",
        "verify": "Compare documents with the bucket",
        "recount": "Correct counters",
        "diagnose": "See outages, failures and stuck videos, with verdict and evidence",
        "fix": "Set a status, write highlights, replace or adopt a clip",
        "purge.plan": "Make a purge plan for an admin to apply, and follow purges",
        "purge.apply": "Apply, cancel or resume a purge; remove files without a document",
        "purge.approve": "Approve another person's purge",
        "purge.undo": "Undo a purge",
        "audit.own": "Read the audit of what you did yourself",
        "audit.read": "Read the audit of everybody, and check its integrity",
        "alerts.read": "See what people were told, and what could not be sent",
        "alerts.try": "Send a message to try where alerts go",
    }
)
# Actions that change something, or let another person change something: they need a sign-in that is still valid.
CHANGES: Final[frozenset[Action]] = frozenset(
    {"request", "recount", "fix", "purge.apply", "purge.approve", "purge.undo", "alerts.try"}
)


class SignInExpired(NotPermitted):
    """The sign-in behind a change has expired, even in a young session."""

    code = "sign_in_expired"


@dataclass(frozen=True, slots=True)
class Actor:
    """The person who acts, as far as known; `email` is lower case. `sign_in_expires_at` is aware UTC, or `None`.

    `source` names the authority for the identity: an OIDC provider, Cloudflare Access, this machine (demo, emulator),
    or the shell, whose `--actor` is recorded and not authenticated. `place` is the account and machine of a shell.
    """

    email: str
    roles: frozenset[Role]
    source: Source
    name: str = ""
    ip: str = ""
    place: str = ""
    sign_in_expires_at: datetime | None = None


def permitted(roles: Collection[str], action: str) -> bool:
    """True when one of the roles may do the action. Unknown roles and unknown actions permit nothing."""
    least = LEAST_ROLE.get(action)  # type: ignore[call-overload]
    if least is None:
        return False
    return any(role in roles for role in ROLES[ROLES.index(least) :])


def allowed_actions(roles: Collection[str]) -> frozenset[Action]:
    """All actions that a person with these roles may do."""
    return frozenset(action for action in ACTIONS if permitted(roles, action))


def authorise(actor: Actor, action: Action, *, now: datetime) -> None:
    """Raises `NotPermitted` unless the actor may do this now; a change also needs a sign-in that is still valid.

    `storage.actions` calls this itself: a page that shows or hides a button decides nothing.
    """
    if not permitted(actor.roles, action):
        least = LEAST_ROLE.get(action, "admin")
        raise NotPermitted(
            f"Your roles do not allow this: {action}.",
            remedy=f"It needs the role {least}. Ask an admin of the desk for it.",
            operation=action,
        )
    if action in CHANGES and actor.sign_in_expires_at is not None and now >= actor.sign_in_expires_at:
        raise SignInExpired(
            "Your sign-in has expired; nothing was changed.",
            remedy="Sign in again, then repeat the change.",
            operation=action,
        )
