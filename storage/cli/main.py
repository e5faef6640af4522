"""Parses the command line, runs one command, and turns every outcome into the exit status of the contract.

One module for each group of commands; each registers its parsers and knows how to run them.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import logging
import os
import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn, TextIO

from storage.cli.context import Context
from storage.cli.diagnose import register_diagnose
from storage.cli.look import register_audit, register_check, register_look
from storage.cli.output import cost_line, progress, report_error
from storage.cli.purge import register_purge
from storage.cli.repair import (
    register_highlights,
    register_recount,
    register_set_status,
    register_undo_change,
    register_upload,
)
from storage.cli.rollup import register_rollup
from storage.cli.verify import register_verify
from storage.clients.meter import billed
from storage.errors import BadInput, Refused, StorageError
from storage.ids import check_id, check_stored_id

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


# Arguments that are ids of a customer's things, and of the desk's own, which nobody has to give exactly.
_IDS = {"uid": "UID", "video_id": "VIDEO_ID", "video": "VIDEO_ID", "clip_id": "CLIP_ID", "clip": "CLIP_ID"}
_OWN_IDS = {"job_id": "JOB_ID", "job": "JOB_ID", "change_id": "CHANGE_ID"}
EPILOG = """\
exit status:
  0  done, nothing wrong found
  1  done, and something is wrong (findings), or the thing asked for does not exist
  2  bad usage or configuration
  3  a backend could not be reached or refused
  4  refused by a guard; nothing was changed

Without any R2_*, FIREBASE_* or FIRESTORE_EMULATOR_HOST setting the commands work on the demo's sample data.
"""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser) -> None:
    """Adds every command to the parser."""
    for add in COMMANDS:
        add(subparsers, common)


class _Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are ours, so that `--json` gets them as JSON too.

    Options are not to be shortened: `--er` for `--erase` is a slip that should not count.
    """

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        raise BadInput(message[:1].upper() + message[1:], field_name="arguments", remedy=f"See: {self.prog} --help")


def parser() -> argparse.ArgumentParser:
    """The parser with every command."""
    root: argparse.ArgumentParser = _Parser(
        prog="python -m storage",
        description="Look up, check and repair what Viral Clip AI keeps in Cloudflare R2 and Firestore.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    common = _Parser(add_help=False)
    common.add_argument("--json", action="store_true", help="print one JSON document on stdout, and nothing else there")
    common.add_argument(
        "--read-budget",
        metavar="N",
        type=_budget,
        help="stop after this many document reads; 0: never (default: READ_BUDGET, 100,000)",
    )
    common.add_argument(
        "--exact-ids",
        action="store_true",
        help="take UID, VIDEO_ID and CLIP_ID as a store gave them, also with blanks at an end or control characters",
    )
    subparsers: argparse._SubParsersAction[argparse.ArgumentParser] = root.add_subparsers(
        title="commands", dest="command", metavar="COMMAND", required=True
    )
    register(subparsers, common)
    return root


def main(argv: Sequence[str]) -> int:
    """Runs the command; returns its exit status. Never raises, and never prints a traceback."""
    as_json = "--json" in argv
    if not argv:
        parser().print_help(sys.stderr)
        return BadInput.exit_status
    if sys.stderr is None:  # closed: whatever is opened next would get its number
        sys.stderr = _nowhere(2)
    if sys.stdout is None:
        sys.stdout = _nowhere(1)
        return _untold(OSError(errno.EBADF, os.strerror(errno.EBADF)))
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        try:
            arguments = parser().parse_args([_checked(text) for text in argv])
            _check_ids(arguments)
            status = _run(arguments)
        except StorageError as error:
            report_error(error, as_json=as_json)
            status = error.exit_status
        except KeyboardInterrupt:
            progress("interrupted")
            status = 130
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read it has seen enough
        _discard_output()
        return 0
    except OSError as error:
        _discard_output()
        return _untold(error)
    return status


def _untold(error: OSError) -> int:
    """Tells of an answer, or a file of this process's own, that could not be written; on stderr: stdout may be it."""
    place = error.filename if isinstance(error.filename, str) else "the standard output"
    progress(f"error: {place} cannot be written or read: {error.strerror or type(error).__name__}")
    progress("  -> Make room on that disk, or send the answer elsewhere. What the command had done by then is done.")
    return BadInput.exit_status


def _discard_output() -> None:
    """What is still to be written to stdout goes nowhere: at the interpreter's end it would fail once more."""
    with contextlib.suppress(OSError, ValueError):
        descriptor = os.open(os.devnull, os.O_WRONLY)
        os.dup2(descriptor, sys.stdout.fileno())
        os.close(descriptor)


def _nowhere(number: int) -> TextIO:
    """A stream that goes nowhere, under the number of a standard stream that was closed."""
    descriptor = os.open(os.devnull, os.O_WRONLY)
    if descriptor != number:
        os.dup2(descriptor, number)
        os.close(descriptor)
    return os.fdopen(number, "w", encoding="utf-8", errors="replace")


def _run(arguments: argparse.Namespace) -> int:
    context = Context(as_json=arguments.json, read_budget=arguments.read_budget)
    try:
        status: int = arguments.run(arguments, context)
    except Refused as refused:
        context.put_on_record(refused, arguments)
        raise
    finally:
        cost = billed()
        if cost is not None and not arguments.json:
            progress(cost_line(cost.as_dict()))
        context.close()
    return status


def _check_ids(arguments: argparse.Namespace) -> None:
    """Refuses what cannot be an id, before any command begins: by name, as the command's own help has it."""
    check = check_stored_id if arguments.exact_ids else check_id
    for name, shown in _IDS.items():
        given = getattr(arguments, name, None)
        for value in given if isinstance(given, list) else [given]:
            if value is not None:
                check(value, shown)
    for name, shown in _OWN_IDS.items():
        if getattr(arguments, name, None) is not None:
            check_id(getattr(arguments, name), shown)


def _budget(text: str) -> int:
    """A number of reads, as `--read-budget` takes it."""
    if not re.fullmatch(r"[0-9]{1,12}", text):
        raise argparse.ArgumentTypeError("must be a whole number from 0")
    return int(text)


def _checked(text: str) -> str:
    """An argument that is text: bytes that are no UTF-8 reach Python as lone surrogates, which no backend takes."""
    if text.startswith("--") and text.endswith("=--"):  # argparse makes an empty list of this value
        name = text.removesuffix("=--")
        raise BadInput(f"{name} cannot be --", field_name=name, remedy="Give another value.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadInput(
            "An argument is not valid UTF-8", field_name="arguments", remedy="Give the text in UTF-8."
        ) from None
    return text
