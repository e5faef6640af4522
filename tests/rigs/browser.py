"""Runs a Streamlit script as its own server, and a headless Chromium to look at it with."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, ViewportSize

from tests.rigs import forked
from tests.rigs.waiting import started, until

ROOT = Path(__file__).resolve().parents[2]
SERVED = "tests.rigs.served"
STOP_SECONDS = 60.0
BEGINS_MS = 100  # a click's message to the server is on its way by then; what is asserted afterwards waits by itself
LAUNCH_ARGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# For tests, which look at what a page does and not at how fast: it does not live long enough for its scripts to be
# compiled once more with profit, and what moves would be drawn sixty times a second.
SPARING_ARGS = ("--js-flags=--no-opt --no-maglev",)
SIZE: ViewportSize = {"width": 1400, "height": 900}
PROFILE: Mapping[str, Any] = {"viewport": SIZE, "reduced_motion": "reduce"}


@dataclass(frozen=True, slots=True)
class RunningApp:
    """A server that answers. `log` is the file with all that it printed."""

    url: str
    log: Path

    def output(self) -> str:
        """What the server printed up to now."""
        return self.log.read_text(encoding="utf-8", errors="replace")


def chromium() -> str | None:
    """The path of a Chromium on this machine, or `None`."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def browser_required() -> bool:
    """Whether a missing browser must fail the run instead of leaving its tests out."""
    return bool(os.environ.get("CI") or os.environ.get("CLIPDESK_REQUIRE_REFEREES"))


@contextmanager
def streamlit_app(
    script: Path,
    log_dir: Path,
    *,
    env: Mapping[str, str] | None = None,
    by_command: bool = False,
    args: Sequence[str] = (),
) -> Iterator[RunningApp]:
    """Serves the script with the project's own settings until the block ends; the server is then gone for certain.

    The environment is this one without any `R2_`, `FIREBASE_` or `FIRESTORE_` variable, plus `env`. The server is
    forked from a process that has the libraries imported; `by_command` starts it as `make run` does. `args` are
    further options of Streamlit's, for a start by command.
    """

    def log_of(port: int) -> Path:
        return log_dir / f"{script.stem}-{port}.log"

    def spawn(port: int) -> subprocess.Popen[bytes] | forked.Forked:
        command = ["streamlit", "run", str(script), f"--server.port={port}", *args]
        values = _environment(env or {})
        if not by_command:
            log_of(port).touch()
            return forked.Forked(
                forked.processes.Process(target=forked.run, args=(log_of(port), ROOT, values, command, SERVED))
            )
        with log_of(port).open("wb") as output:
            streams = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output}
            return subprocess.Popen([sys.executable, "-m", *command], cwd=ROOT, env=values, **streams)

    process, port = started(
        spawn,
        lambda port: _answers(port, log_of(port)),
        f"the server (its logs are in {log_dir})",
        lambda port: log_of(port).read_text(errors="replace"),
    )
    try:
        yield RunningApp(f"http://127.0.0.1:{port}", log_of(port))
    finally:
        _stop(process)


def _environment(extra: Mapping[str, str]) -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("R2_", "FIREBASE_", "FIRESTORE_"))
    }
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **extra}


def _answers(port: int, log: Path) -> bool:
    if f":{port}" not in log.read_text(errors="replace"):  # not listening yet: whoever answers there is another program
        return False
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=10) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _stop(process: subprocess.Popen[bytes] | forked.Forked) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
    if process.poll() is None:
        process.kill()
        process.wait()


def settled(page: Page) -> None:
    """Waits until the browser is connected and the script has run to its end."""
    page.wait_for_selector(
        '[data-testid="stApp"][data-test-script-state="notRunning"][data-test-connection-state="CONNECTED"]',
        state="attached",
    )


def until_script(locator: Locator, function: str) -> None:
    """Waits until the script's function of the element (`node => ...`) gives true; this process looks again and again.

    Playwright's own `wait_for_function` looks again inside the page, where the content policy refuses to make a script
    of a text: only what holds at its first look would ever pass.
    """
    until(lambda: locator.evaluate(function), f"`{function}` of {locator}")


def press(page: Page, label: str) -> None:
    """Clicks the button of this name and waits until what the script then drew is there."""
    page.get_by_role("button", name=label, exact=True).click()
    ran(page)


def ran(page: Page) -> None:
    """Waits until the script has run for what was just done: the browser is given its turn to begin, then its end."""
    page.wait_for_timeout(BEGINS_MS)
    settled(page)


def open_page(page: Page, url: str) -> None:
    """Goes to the address and waits until the page is drawn."""
    page.goto(url)
    settled(page)


def see_all(page: Page) -> None:
    """Makes the window as tall as the page, and as it was again: Streamlit scrolls an inner element."""
    height = page.evaluate("() => document.querySelector('[data-testid=\"stMain\"]')?.scrollHeight ?? 900")
    size = page.viewport_size or SIZE
    page.set_viewport_size({"width": size["width"], "height": max(size["height"], int(height) + 80)})
    page.wait_for_load_state("networkidle")
    page.set_viewport_size(size)
