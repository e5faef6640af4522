"""What a command works with: the stores of this machine's configuration, opened on first use, and the clock.

Who acts in the shell: as `--actor` says, which is recorded and not authenticated, from this account and machine.
"""

from __future__ import annotations

import argparse
import contextlib
import getpass
import platform
from datetime import UTC, datetime

from storage import connect
from storage.actions import audit
from storage.actions.repair import RepairContext
from storage.actions.writers import Writers, open_writers
from storage.clients.meter import metering
from storage.domain.actor_and_reason import MAX_REASON_CHARS, normal_email
from storage.domain.audit_chain import Event
from storage.domain.policy import ROLES, Actor
from storage.errors import Refused, StorageError
from storage.repositories.stores import Stores
from storage.text import without_secrets

MAX_PLACE_CHARS = 200


_ACTIONS = {"url": "link.issue"}  # where the audit calls it otherwise than the shell


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


class Context:
    """Opens the stores when a command first asks; `close` gives everything back, the demo's stand-ins included.

    From then on the command's document reads are bounded by `read_budget` (0: by nothing), else by the settings'.
    """

    def __init__(self, *, as_json: bool, read_budget: int | None = None) -> None:
        self.as_json = as_json
        self._read_budget = read_budget
        self._stack = contextlib.ExitStack()
        self._stores: Stores | None = None

    @property
    def stores(self) -> Stores:
        """The readers."""
        if self._stores is None:
            self._stores = self._stack.enter_context(connect.opened())
            settings = self._stores.settings
            budget = settings.read_budget if self._read_budget is None else self._read_budget or None
            self._stack.enter_context(metering(read_budget=budget))
        return self._stores

    def writers(self) -> Writers:
        """The writers; for commands that call `storage.actions`."""
        return open_writers(self.stores)

    def bench(self) -> RepairContext:
        """What a repair works with."""
        writers = self.writers()
        return RepairContext(self.stores, writers, audit.open_audit(self.stores, writers), self.now)

    def put_on_record(self, refused: Refused, arguments: argparse.Namespace) -> None:
        """That a command which changes something was refused, wherever in it; for one that asked nothing yet: no."""
        if self._stores is None or not hasattr(arguments, "actor") or arguments.command == "audit":
            return
        verb = getattr(arguments, "verb", None)
        event = Event(
            f"{arguments.command}.{verb}" if verb else _ACTIONS.get(arguments.command, arguments.command),
            "-",
            reason=without_secrets(str(getattr(arguments, "reason", None) or ""))[:MAX_REASON_CHARS],
            uid=str(getattr(arguments, "uid", None) or ""),
            video_id=str(getattr(arguments, "video_id", None) or ""),
            clip_id=str(getattr(arguments, "clip_id", None) or ""),
            detail={"status": str(arguments.status)} if hasattr(arguments, "status") else {},
        )
        try:
            trail, actor = audit.open_audit(self.stores, self.writers()), shell_reader(arguments.actor)
        except StorageError:
            refused.note_unrecorded()
        else:
            audit.record_refusal(trail, audit.attributed(actor, event), refused)

    def now(self) -> datetime:
        """The time of this moment, aware, UTC."""
        return datetime.now(UTC)

    def close(self) -> None:
        """Closes what was opened."""
        self._stack.close()
