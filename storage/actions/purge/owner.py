"""Names the process that holds a job, so that another one on the same machine can tell that it is gone."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import secrets
from pathlib import Path

_DEAD_STATES = {"Z", "X", "x"}


def this_process() -> str:
    """`machine:pid:start:token`. The token tells apart two workers in one process."""
    return f"{_machine()}:{os.getpid()}:{_start_of(os.getpid())}:{secrets.token_hex(4)}"


def surely_gone(owner: str) -> bool:
    """Whether the process that this names has ended for certain: only where it ran on this very machine."""
    parts = owner.split(":")
    if len(parts) != 4 or parts[0] != _machine() or not parts[1].isdigit():
        return False
    return _start_of(int(parts[1])) != parts[2]


def _machine() -> str:
    """This boot of this machine, and its space of process ids (containers have their own)."""
    boot = space = ""
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        space = str(Path("/proc/self/ns/pid").readlink())
    return hashlib.sha256(f"{platform.node()}|{boot}|{space}".encode()).hexdigest()[:16]


def _start_of(pid: int) -> str:
    """When the process began, in the kernel's ticks; `gone` when there is none, `unknown` where that is not told."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except FileNotFoundError:
        return "gone" if Path("/proc/self/stat").exists() else "unknown"
    except OSError:
        return "unknown"
    return "gone" if after_name[0] in _DEAD_STATES else after_name[19]
