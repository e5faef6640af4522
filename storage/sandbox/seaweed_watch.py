"""Runs one command, ends it when the process that started this script is gone, and then removes its files.

It is a separate script, run by path with `python -I -S FILES COMMAND...`: the starter may be one thread of a web
server, where neither a fork hook nor the kernel's parent-death signal (which follows the *thread*) works. The starter
holds the other end of standard input; when that closes, by intent or by a crash, the script asks the command to stop,
then kills it. SIGTERM asks the command to stop, SIGINT ends it at once. `FILES` are paths, joined as in PATH, to remove
at the end.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

GRACE_SECONDS = 20  # a stop on request takes about 2.5 s, several times as long on a busy machine
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(files: list[str], command: list[str]) -> int:
    """Runs the command to its end, or ends it; returns its exit status."""
    child = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, preexec_fn=_die_with_parent if sys.platform == "linux" else None
    )
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    signal.signal(signal.SIGINT, lambda *_: child.kill())
    threading.Thread(target=_stop_at_end_of_input, args=(child,), daemon=True).start()
    status = child.wait()
    for path in files:
        with contextlib.suppress(OSError):
            Path(path).unlink()
    return status


def _die_with_parent() -> None:
    """Linux: if this watcher is killed, the kernel ends the command. This works because there is only one thread."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _stop_at_end_of_input(child: subprocess.Popen[bytes]) -> None:
    while sys.stdin.buffer.read(1):
        pass
    child.terminate()
    try:
        child.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1].split(os.pathsep), sys.argv[2:]))
