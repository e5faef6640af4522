"""One module for each group of commands; each registers its parsers and knows how to run them."""

from __future__ import annotations

import argparse

from storage.cli.commands import check as check
from storage.cli.commands import highlights as highlights
from storage.cli.commands import look as look
from storage.cli.commands import upload as upload

GROUPS = (check, look, highlights, upload)


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser) -> None:
    """Adds every command to the parser."""
    for group in GROUPS:
        group.register(subparsers, common)
