"""The context of a command: the stores of this machine's configuration, opened on first use, the clock and the actor.

The actor of a shell is the address in `--actor`. The audit records it with this account and machine; nothing
authenticates it.
"""

from __future__ import annotations

import contextlib
import getpass
import platform
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from storage import connect
from storage.cli.output import cost_line, progress
from storage.clients.meter import billed, metering
from storage.domain.actor_and_reason import MAX_REASON_CHARS, checked_reason, normal_email
from storage.domain.policy import ROLES, Actor
from storage.domain.purge.removed import removal_of
from storage.errors import BadInput, NotFound, Refused, StorageError
from storage.repositories.jobs import jobs_of
from storage.repositories.stores import Stores
from storage.text import without_secrets

if TYPE_CHECKING:  # only the commands that change something import the modules for changes
    from storage.actions.repair import RepairContext
    from storage.actions.writers import Writers

MAX_PLACE_CHARS = 200
_ACTIONS = {"url": "link.issue"}  # commands that the audit gives another name than the shell


def shell_actor(email: str) -> Actor:
    """The actor for a command that changes something; `BadInput` unless it is an e-mail address."""
    return _shell(normal_email(email, "--actor"))


def shell_reader(email: str | None) -> Actor:
    """The actor for a command that only reads; the address is optional there."""
    return shell_actor(email) if email is not None else _shell("")


def applying(apply: bool, actor: str | None, reason: str | None, option: str = "--apply") -> tuple[Actor, str]:
    """The actor and the reason of a command that writes only with this option, which needs both; `BadInput` names
    one."""
    if not apply:
        return shell_reader(None), ""
    for name, given in (("reason", reason), ("actor", actor)):
        if not (given or "").strip():
            raise BadInput(f"--{name} is needed with {option}", field_name=f"--{name}", remedy=f"Give --{name}.")
    return shell_actor(actor or ""), checked_reason(reason or "")


def _shell(email: str) -> Actor:
    return Actor(email, frozenset(ROLES), "shell", place=_place())


def _place() -> str:
    """`account@machine`, as far as the system knows them, without unprintable characters, since the audit keeps it."""
    try:
        account = getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container's account may have no name
        account = ""
    place = f"{account}@{platform.node()}"
    return "".join(char for char in place if char.isprintable())[:MAX_PLACE_CHARS]


class Context:
    """Opens the stores when a command first asks for them, and closes them all, the demo's stand-ins included.

    From then on `read_budget` bounds the document reads of the command (0: no bound; `None`: the settings' budget).
    `action` is the audit's name of the command, and `given` the values that a refusal records (`None`: none).
    """

    def __init__(
        self, *, as_json: bool, read_budget: int | None = None, action: str = "", given: Mapping[str, Any] | None = None
    ) -> None:
        self.as_json = as_json
        self._read_budget = read_budget
        self._action = _ACTIONS.get(action, action)
        self._given = given
        self._stack = contextlib.ExitStack()
        self._stores: Stores | None = None

    def run(self, function: Callable[..., int], **values: Any) -> int:
        """Runs the command, prints its cost, and closes the stores that it opened; returns its exit status."""
        try:
            return function(self, **values)
        except Refused as refused:
            self._put_on_record(refused)
            raise
        except NotFound as absent:
            self._tell_of_purge(absent, values)
            raise
        finally:
            cost = billed()
            if cost is not None and not self.as_json:
                progress(cost_line(cost.as_dict()))
            self._stack.close()

    @property
    def stores(self) -> Stores:
        """The readers."""
        if self._stores is None:
            self._stores = self._stack.enter_context(connect.opened())
            settings = self._stores.settings
            budget = settings.read_budget if self._read_budget is None else self._read_budget or None
            self._stack.enter_context(metering(read_budget=budget, whole=True))
        return self._stores

    def writers(self) -> Writers:
        """The writers, for commands that call `storage.actions`."""
        from storage.actions.writers import open_writers

        return open_writers(self.stores)

    def bench(self) -> RepairContext:
        """The context of a repair."""
        from storage.actions import audit
        from storage.actions.repair import RepairContext

        writers = self.writers()
        return RepairContext(self.stores, writers, audit.open_audit(self.stores, writers), self.now)

    def _put_on_record(self, refused: Refused) -> None:
        """Records that a command which changes something was refused, at any point after it first asked a store."""
        if self._stores is None or self._given is None:
            return
        from storage.actions import audit
        from storage.domain.audit_chain import Event

        given = self._given
        event = Event(
            self._action,
            "-",
            reason=without_secrets(str(given.get("reason") or ""))[:MAX_REASON_CHARS],
            uid=str(given.get("uid") or ""),
            video_id=str(given.get("video_id") or ""),
            clip_id=str(given.get("clip_id") or ""),
            detail={"status": str(given["status"])} if "status" in given else {},
        )
        try:
            trail, actor = audit.open_audit(self.stores, self.writers()), shell_reader(given["actor"])
        except StorageError:
            refused.note_unrecorded()
        else:
            audit.record_refusal(trail, audit.attributed(actor, event), refused)

    def _tell_of_purge(self, absent: NotFound, values: Mapping[str, Any]) -> None:
        """Puts what a purge took into the remedy: a thing is not just not there while the desk knows better."""
        uid, video_id, clip_id = (str(values.get(name) or "") for name in ("uid", "video_id", "clip_id"))
        if self._stores is None or not uid:
            return
        with contextlib.suppress(StorageError):  # what is not there is not there, whoever took it
            found = removal_of(jobs_of(self._stores.records).of_user(uid), video_id, clip_id)
            if found is not None:
                absent.remedy = found.told(full=True)

    def now(self) -> datetime:
        """The present time, aware, UTC."""
        return datetime.now(UTC)
