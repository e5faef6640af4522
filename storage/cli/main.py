"""Runs one command, and turns every outcome into the exit status of the contract."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import sys
from collections.abc import Sequence
from typing import TextIO

import click

from storage.cli.commands import ROOT
from storage.cli.output import progress, report_error
from storage.errors import BadInput, StorageError

PROGRAM = "python -m storage"


def main(argv: Sequence[str]) -> int:
    """Runs the command; returns its exit status. Never raises, and never prints a traceback."""
    as_json = "--json" in argv
    if sys.stderr is None:  # closed: the next file to be opened would get its number
        sys.stderr = _nowhere(2)
    if sys.stdout is None:
        sys.stdout = _nowhere(1)
        return _untold(OSError(errno.EBADF, os.strerror(errno.EBADF)))
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        try:
            status = _run([_checked(text) for text in argv])
        except StorageError as error:
            report_error(error, as_json=as_json)
            status = error.exit_status
        except KeyboardInterrupt:
            progress("interrupted")
            status = 130
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough
        _discard_output()
        return 0
    except OSError as error:
        _discard_output()
        return _untold(error)
    return status


def _untold(error: OSError) -> int:
    """Says that an answer, or a file of this process, could not be written; on stderr, since stdout may be the one."""
    place = error.filename if isinstance(error.filename, str) else "the standard output"
    progress(f"error: {place} cannot be written or read: {error.strerror or type(error).__name__}")
    progress("  -> Make room on that disk, or send the answer elsewhere. The command does not undo what it had done.")
    return BadInput.exit_status


def _discard_output() -> None:
    """Discards the output that stdout still holds: writing it at the interpreter's end would fail again."""
    with contextlib.suppress(OSError, ValueError):
        descriptor = os.open(os.devnull, os.O_WRONLY)
        os.dup2(descriptor, sys.stdout.fileno())
        os.close(descriptor)


def _nowhere(number: int) -> TextIO:
    """A stream that discards everything, under the number of a closed standard stream."""
    descriptor = os.open(os.devnull, os.O_WRONLY)
    if descriptor != number:
        os.dup2(descriptor, number)
        os.close(descriptor)
    return os.fdopen(number, "w", encoding="utf-8", errors="replace")


def _run(words: list[str]) -> int:
    """Runs the command; turns every usage error of click into `BadInput`, so that `--json` prints it as JSON too.

    `ROOT.main` would handle Ctrl-C and a closed pipe itself, even with `standalone_mode=False`.
    """
    try:
        with ROOT.make_context(PROGRAM, words) as ctx:
            status: int = ROOT.invoke(ctx)
            return status
    except click.exceptions.Exit as done:  # after help
        return done.exit_code
    except click.exceptions.NoArgsIsHelpError as nothing:
        sys.stderr.write(nothing.format_message() + "\n")
        return BadInput.exit_status
    except click.UsageError as error:
        asked = error.ctx.command_path if error.ctx else PROGRAM
        raise BadInput(
            error.format_message().removesuffix("."), field_name="arguments", remedy=f"See: {asked} --help"
        ) from None


def _checked(text: str) -> str:
    """The argument as text. Bytes that are not UTF-8 reach Python as lone surrogates, which no backend takes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadInput(
            "An argument is not valid UTF-8", field_name="arguments", remedy="Give the text in UTF-8."
        ) from None
    return text
