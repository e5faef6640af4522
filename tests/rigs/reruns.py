"""Tells, at the end of a run, of every test that was tried again, with its first failure: none passes unseen.

A hook of pytest's; `tests/conftest.py` takes it in. Under xdist the reports of all workers come to the one that prints.
"""

from __future__ import annotations

from typing import Any

import pytest


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Prints the first failure of each test that was tried again, whether it passed afterwards or not."""
    first: dict[str, pytest.TestReport] = {}
    for report in terminalreporter.stats.get("rerun", ()):
        first.setdefault(report.nodeid, report)
    if not first:
        return
    passed = {report.nodeid for report in terminalreporter.stats.get("passed", ())}
    terminalreporter.section("tried again: the first failure of each", yellow=True)
    for nodeid, report in first.items():
        ending = "passed when tried again" if nodeid in passed else "failed again"
        terminalreporter.write_sep("_", f"{nodeid} ({report.when}; {ending})")
        terminalreporter.write_line(report.longreprtext)
