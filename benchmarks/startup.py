"""What starting a command costs beside importing the libraries that it cannot do without.

    python -m benchmarks.startup [--rounds 9]

Each is a process of its own, in turn; what is compared is the CPU of the whole process. The stores are the embedded
ones on this machine, which answer at once.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.purge import base_environment, stores
from benchmarks.timing import Measured, times

LIBRARIES = {
    "two": ("-c", "import pandas, boto3"),
    "three": ("-c", "import pandas, boto3, google.cloud.firestore"),
}
UID, VIDEO = "u1", "video-aaa"
HELP = {"--help": ("-m", "storage", "--help"), "usage --help": ("-m", "storage", "usage", "--help")}
READS = {
    "find": ("-m", "storage", "find", UID, "--json"),
    "usage": ("-m", "storage", "usage", UID, "--json"),
    "url": ("-m", "storage", "url", UID, VIDEO, f"{VIDEO}_0_split", "--json"),
}


def measure(rounds: int) -> dict[str, Measured]:
    """CPU seconds of each process, by its name."""
    with tempfile.TemporaryDirectory() as folder, stores(Path(folder)) as make:
        world = make()
        world.add_user(UID, {VIDEO: 2})
        environment = world.values | base_environment()
        variants = {**LIBRARIES, **HELP, **READS}
        taken: dict[str, list[float]] = {name: [] for name in variants}
        for number in range(rounds + 1):
            for name, words in variants.items():
                seconds = cpu_seconds(words, environment)
                if number:  # the first round fills caches of files
                    taken[name].append(seconds)
        world.close()
    return {name: Measured(name, tuple(seconds)) for name, seconds in taken.items()}


def cpu_seconds(words: Sequence[str], environment: Mapping[str, str]) -> float:
    """The CPU of a run of Python, with the system's part."""
    process = subprocess.Popen([sys.executable, *words], env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{words} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Prints the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    found = measure(parser.parse_args().rounds)
    for name, taken in found.items():
        two, three = (times(taken, found[base]) for base in LIBRARIES)
        sys.stdout.write(f"{name:<14} {taken.text:<36} of two {two:<22} of three {three}\n")


if __name__ == "__main__":
    main()
