"""One module for each group of commands; each registers its parsers and knows how to run them."""

from __future__ import annotations

import argparse

from storage.cli.commands import audit as audit
from storage.cli.commands import check as check
from storage.cli.commands import diagnose as diagnose
from storage.cli.commands import highlights as highlights
from storage.cli.commands import look as look
from storage.cli.commands import purge as purge
from storage.cli.commands import recount as recount
from storage.cli.commands import rollup as rollup
from storage.cli.commands import set_status as set_status
from storage.cli.commands import undo_change as undo_change
from storage.cli.commands import upload as upload
from storage.cli.commands import verify as verify

GROUPS = (check, look, verify, diagnose, set_status, highlights, upload, undo_change, recount, purge, rollup, audit)


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser) -> None:
    """Adds every command to the parser."""
    for group in GROUPS:
        group.register(subparsers, common)
