"""The command line in a forked process."""

from __future__ import annotations

import sys

from storage.cli import main as command_line


def main() -> None:
    """As `python -m storage`."""
    sys.exit(command_line.main(sys.argv[1:]))
