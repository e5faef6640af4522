"""Switches SeaweedFS's own housekeeping off: it would abort unfinished uploads after a day, which R2 keeps for seven.

No option of the program does that. This is the file in which its administrator keeps the setting, and which it takes
as it finds it.
"""

from __future__ import annotations

from pathlib import Path

from storage.files import replace_file

# A protobuf message: the job's name, version 1, its run settings with enabled = 0, and who wrote it.
_OFF = (
    b"\n\x0cadmin_script\x10\x01*\x15\x08\x00\x10\x11\x18\xac\x02 \x01(\x010\x01@\x1eH\x88\x0eP\x88\x0e:\x09clip-desk"
)


def switch_off(directory: Path) -> None:
    """Writes the setting below the store's directory; to be called before each start."""
    place = directory / "admin" / "plugin" / "job_types" / "admin_script"
    place.mkdir(parents=True, exist_ok=True)
    replace_file(place / "config.pb", _OFF)
