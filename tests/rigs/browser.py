"""Runs a Streamlit script as its own server, and a headless Chromium to look at it with."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 40.0
STOP_SECONDS = 10.0
LAUNCH_ARGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


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


def free_port() -> int:
    """A port of this machine that nothing listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def streamlit_app(
    script: Path, log_dir: Path, *, env: Mapping[str, str] | None = None, args: tuple[str, ...] = ()
) -> Iterator[RunningApp]:
    """Serves the script with the project's own settings until the block ends; the server is then gone for certain.

    The environment is this one without any `R2_`, `FIREBASE_` or `FIRESTORE_` variable, plus `env`.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    log = log_dir / f"{script.stem}-{port}.log"
    command = [sys.executable, "-m", "streamlit", "run", str(script), f"--server.port={port}", *args]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=_environment(env or {}), stdout=output, stderr=output, stdin=subprocess.DEVNULL
        )
        try:
            _wait_until_healthy(process, url, log)
            yield RunningApp(url, log)
        finally:
            _stop(process)


def _environment(extra: Mapping[str, str]) -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("R2_", "FIREBASE_", "FIRESTORE_"))
    }
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **extra}


def _wait_until_healthy(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(
                f"the server ended with {process.returncode}:\n{log.read_text(errors='replace')[-4000:]}"
            )
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise RuntimeError(f"the server was not ready in {START_SECONDS:.0f} s:\n{_tail(log)}")


def _tail(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-4000:]


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def settled(page: Page, timeout_ms: float = 20_000) -> None:
    """Waits until the browser is connected and the script has run to its end."""
    page.wait_for_selector(
        '[data-testid="stApp"][data-test-script-state="notRunning"][data-test-connection-state="CONNECTED"]',
        timeout=timeout_ms,
        state="attached",
    )


def open_page(page: Page, url: str) -> None:
    """Goes to the address and waits until the page is drawn."""
    page.goto(url)
    settled(page)


def screenshot(page: Page, path: Path) -> Path:
    """The whole page as a PNG file: Streamlit scrolls an inner element, so the window is made as tall as that."""
    height = page.evaluate("document.querySelector('[data-testid=\"stMain\"]')?.scrollHeight ?? 900")
    size = page.viewport_size or {"width": 1400, "height": 900}
    page.set_viewport_size({"width": size["width"], "height": max(size["height"], int(height) + 80)})
    page.wait_for_timeout(300)
    page.screenshot(path=path)
    page.set_viewport_size(size)
    return path
