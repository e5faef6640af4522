"""Files that somebody names on a command line: opened only where they are files, every failure in words."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import BinaryIO

from storage.errors import BadInput


def open_file(path: Path, name: str) -> BinaryIO:
    """The file for reading; `BadInput` that names the argument `name`. A pipe or a device could block for ever."""
    if not _is_there(path, name):
        raise _bad(name, "there is no such file")
    try:
        return path.open("rb")
    except OSError as error:
        raise _bad(name, error.strerror or "it cannot be opened") from None


def read_file(path: Path, name: str, most: int) -> bytes:
    """The content of a file of at most `most` bytes; `BadInput` as `open_file`."""
    with open_file(path, name) as file:
        try:
            content = file.read(most + 1)
        except OSError as error:
            raise _bad(name, error.strerror or "it cannot be read") from None
    if len(content) > most:
        raise _bad(name, f"it is larger than {most:,} bytes")
    return content


def check_writable(path: Path, name: str) -> None:
    """`BadInput` where the path names something other than a file, or nothing that could be one."""
    _is_there(path, name)


def _is_there(path: Path, name: str) -> bool:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return False
    except ValueError:
        raise _bad(name, "a NUL character cannot be in a file's name") from None
    except OSError as error:
        raise _bad(name, error.strerror or "it cannot be looked at") from None
    if stat.S_ISDIR(mode):
        raise _bad(name, "it is a folder")
    if not stat.S_ISREG(mode):
        raise _bad(name, "it is not a file but a pipe, a device or the like")
    return True


def _bad(name: str, why: str) -> BadInput:
    return BadInput(f"{name} cannot be used: {why}", field_name=name, remedy="Give the path of a file on this machine.")
