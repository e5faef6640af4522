"""Files on this machine that the desk reads and writes: every failure in words, nothing half written.

New content first goes into a file beside the target (in the same folder, readable by this user alone from its first
byte), is synced to the disk, and then replaces the target in one step. A full disk leaves the old file whole.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from storage.errors import BadInput

PRIVATE = 0o600
_AS_IT_IS = getattr(os, "O_BINARY", 0)  # where a system would otherwise change line ends


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


def read_stdin(name: str, most: int) -> bytes:
    """What is written into the process; `BadInput` where it is more than `most` bytes."""
    content = sys.stdin.buffer.read(most + 1)
    if len(content) > most:
        raise BadInput(f"{name} - is larger than {most:,} bytes", field_name=name, remedy="Send less into it.")
    return content


def write_file(path: Path, content: bytes, name: str) -> None:
    """Writes the whole file or nothing; `BadInput` names the argument `name` and leaves the old file unchanged.

    Through a symbolic link it writes the file behind the link. Power may fail at any time: the name then leads to the
    old content or to the new.
    """
    check_writable(path, name)
    try:
        replace_file(path, content)
    except OSError as error:
        raise cannot_write(name, path, error) from error


def replace_file(path: Path, content: bytes) -> None:
    """As `write_file`, for the desk's own files; raises `OSError`."""
    place = Path(os.path.realpath(path))
    descriptor, beside = tempfile.mkstemp(prefix=".clip-desk-", suffix=".new", dir=place.parent)  # 0600, and new
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(beside).replace(place)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(beside).unlink()
        raise
    _sync_folder(place.parent)


@contextlib.contextmanager
def private_log(path: Path) -> Iterator[BinaryIO]:
    """An empty file for a program's output, readable by this user alone from its first byte."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _AS_IT_IS
    with os.fdopen(os.open(path, flags, PRIVATE), "wb") as file:
        _make_private(path)
        yield file


class GrowingFile:
    """A file of lines that grows for a long time and is read back. Each line is in it whole or not at all.

    Opening cuts the file after `whole` bytes: the rest is a line that an earlier run did not finish.
    """

    def __init__(self, path: Path, whole: int, name: str) -> None:
        self._path, self._name, self._whole = path, name, whole
        try:
            self._descriptor = os.open(path, os.O_WRONLY | _AS_IT_IS)
            try:
                _make_private(path)
                os.ftruncate(self._descriptor, whole)
                os.lseek(self._descriptor, whole, os.SEEK_SET)
            except BaseException:
                os.close(self._descriptor)
                raise
        except OSError as error:
            raise cannot_write(name, path, error) from error

    def add(self, line: bytes) -> None:
        """Writes the line; `BadInput` where it does not fit, and then no part of it is in the file."""
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self._whole)
                os.lseek(self._descriptor, self._whole, os.SEEK_SET)
            raise cannot_write(self._name, self._path, error) from error
        self._whole += len(line)

    def close(self) -> None:
        """Syncs the file to the disk and closes it; the file stays. May be called twice."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor == -1:
            return
        try:
            os.fsync(descriptor)
        except OSError as error:
            raise cannot_write(self._name, self._path, error) from error
        finally:
            os.close(descriptor)


def check_writable(path: Path, name: str) -> None:
    """Raises `BadInput` where the path names something other than a file, or can never be a file."""
    _is_there(path, name)


def cannot_write(name: str, path: Path, error: OSError) -> BadInput:
    """The error for a file that cannot be written."""
    return BadInput(
        f"{name} cannot be used: {path} cannot be written: {error.strerror or 'the system refused'}",
        field_name=name,
        remedy="Make room on that disk, or give a file in a folder that you may write to. The old file is unchanged.",
    )


def _make_private(path: Path) -> None:
    """Makes a file of an earlier version private, which all may be able to read; leaves another user's file alone."""
    with contextlib.suppress(OSError):
        path.chmod(PRIVATE)


def _sync_folder(folder: Path) -> None:
    """Lets the new name survive a power failure too, where the system can do that."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


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
