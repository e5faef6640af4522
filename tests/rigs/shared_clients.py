"""One client of R2 for each token and endpoint, whoever opens one: to make one takes as long as many a command.

A process of the desk makes one or two. Tests that play hundreds of processes in one share them, from test to test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from storage.clients import r2
from storage.settings.backends import R2Settings
from tests.rigs.seaweed import straight

_made: dict[tuple[Any, ...], r2.R2Client] = {}


@contextmanager
def shared_clients() -> Iterator[None]:
    """Within the block `read_client` and `write_client` give what they gave before for such settings."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(r2, "read_client", _sharing(r2.read_client, "LOOKING"))
        patch.setattr(r2, "write_client", _sharing(r2.write_client, "CHANGING"))
        yield


def _sharing(make: Callable[[R2Settings], r2.R2Client], timeouts: str) -> Callable[[R2Settings], r2.R2Client]:
    def shared(settings: R2Settings) -> r2.R2Client:
        if not straight(settings):  # a proxy goes up and down with its test, and the connections to it must too
            return make(settings)
        tokens = [
            text.reveal()
            for pair in (settings.read, settings.write)
            for text in (pair.access_key_id, pair.secret_access_key)
        ]
        bounds = sorted(getattr(r2, timeouts).items())
        key = (timeouts, settings.endpoint_url, settings.region, settings.read_is_separate, *tokens, *bounds)
        if key not in _made:
            _made[key] = make(settings)
        return _made[key].at(settings.bucket)

    return shared
