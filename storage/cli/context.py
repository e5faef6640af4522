"""What a command works with: the stores of this machine's configuration, opened on first use, and the clock."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

from storage import connect
from storage.actions import audit
from storage.actions.fixes import Desk
from storage.cli.actor import shell_actor
from storage.connect import Stores, Writers


class Context:
    """Opens the stores when a command first asks; `close` gives everything back, the demo's stand-ins included."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self._stack = contextlib.ExitStack()
        self._stores: Stores | None = None

    @property
    def stores(self) -> Stores:
        """The readers."""
        if self._stores is None:
            self._stores = self._stack.enter_context(connect.opened())
        return self._stores

    def writers(self) -> Writers:
        """The writers; for commands that call `storage.actions`."""
        return connect.open_writers(self.stores)

    def desk(self, email: str) -> Desk:
        """What a repair works with, for somebody who is recorded and not authenticated: the shell is trusted."""
        writers = self.writers()
        return Desk(self.stores, writers, audit.open_audit(self.stores, writers), shell_actor(email), self.now())

    def now(self) -> datetime:
        """The time of this moment, aware, UTC."""
        return datetime.now(UTC)

    def close(self) -> None:
        """Closes what was opened."""
        self._stack.close()
