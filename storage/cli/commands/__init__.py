"""One module for each group of commands; each registers its parsers and knows how to run them."""

from __future__ import annotations

import argparse

from storage.cli.commands.audit import register as register_audit
from storage.cli.commands.check import register as register_check
from storage.cli.commands.diagnose import register as register_diagnose
from storage.cli.commands.highlights import register as register_highlights
from storage.cli.commands.look import register as register_look
from storage.cli.commands.purge import register as register_purge
from storage.cli.commands.recount import register as register_recount
from storage.cli.commands.rollup import register as register_rollup
from storage.cli.commands.set_status import register as register_set_status
from storage.cli.commands.undo_change import register as register_undo_change
from storage.cli.commands.upload import register as register_upload
from storage.cli.commands.verify import register as register_verify

COMMANDS = (
    register_check,
    register_look,
    register_verify,
    register_diagnose,
    register_set_status,
    register_highlights,
    register_upload,
    register_undo_change,
    register_recount,
    register_purge,
    register_rollup,
    register_audit,
)


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser) -> None:
    """Adds every command to the parser."""
    for add in COMMANDS:
        add(subparsers, common)
