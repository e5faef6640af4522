"""Takes a picture from a clip, where a decoder is installed (PyAV, the extra `frames`)."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

from storage.errors import BadInput, Refused

SECONDS = 60.0
_DECODER = Path(__file__).with_name("frame_decoder.py")
_OTHERWISE = "Give a picture as a file."


def can_take_frames() -> bool:
    """Whether this machine has the decoder."""
    return find_spec("av") is not None


def check_decoder() -> None:
    """`BadInput` where this machine has no decoder."""
    if not can_take_frames():
        raise BadInput(
            "This machine has no decoder to take a picture from a clip",
            field_name="file",
            remedy=f"Install the extra frames (pip install av), or: {_OTHERWISE.lower()}",
        )


def frame_of(film: BinaryIO, seconds: float) -> bytes:
    """The frame at this time (else the last before it) as a JPEG, 480 pixels wide; `film` is a real file.

    `BadInput` without a decoder, `Refused` where the film gives no picture.
    """
    check_decoder()
    film.seek(0)
    command = [sys.executable, "-I", str(_DECODER), f"{seconds:.3f}"]
    try:
        done = subprocess.run(command, stdin=film, capture_output=True, timeout=SECONDS, env={}, check=False)
    except subprocess.TimeoutExpired:
        raise Refused("The clip gave no picture within a minute.", remedy=_OTHERWISE) from None
    if done.returncode or not done.stdout:
        why = done.stderr.decode(errors="replace").strip().rpartition("\n")[2][:200]
        raise Refused(f"The clip gives no picture: {why or 'the decoder ended without one'}.", remedy=_OTHERWISE)
    return done.stdout
