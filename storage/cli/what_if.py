"""`usage UID --if-...`: what a purge, an undo, another plan or one more video would do, before it is done."""

from __future__ import annotations

from storage.cli.output import safe, say, say_table
from storage.domain.what_if import WhatIf, rows


def say_what_if(found: WhatIf) -> None:
    """Both states side by side, then what the worker would make, then the notes."""
    say(f"What if: {safe('; '.join(found.supposed), 600)}")
    say_table(("WHAT IF", "NOW", "THEN"), [(name.lower(), now, then) for name, now, then in rows(found)])
    for note in found.all_notes:
        say(safe(note, 600))
