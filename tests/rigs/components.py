"""What Streamlit's test runner looks for with each page that it opens, and finds the same each time."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import local_script_runner
from streamlit.testing.v1.local_script_runner import LocalScriptRunner

_look_again_and_again = local_script_runner.require_widgets_deltas


@pytest.fixture(scope="session", autouse=True)
def packages_looked_through_once() -> Iterator[None]:
    """Keeps what the first look through all installed packages for components found: it takes half of a page's time.

    The test runner waits for the end of a page instead of looking for it a thousand times a second.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        patch.setattr(local_script_runner, "require_widgets_deltas", _until_ended)
        yield


def _until_ended(runner: LocalScriptRunner, timeout: float) -> None:
    assert runner._script_thread is not None
    runner._script_thread.join(timeout)
    _look_again_and_again(runner, timeout=1)
