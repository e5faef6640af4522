"""Files are written in one place, which does it privately and in one step: `storage.files`."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WRITES = re.compile(
    r"\.write_(?:text|bytes)\(|(?<!fd)open\([^)]*[\"'][wax]b?\+?[\"']|O_CREAT|mkstemp|NamedTemporaryFile"
)
ELSEWHERE = {
    "storage/sandbox/demo_state.py",  # the lock, which is held and never written
}


def test_files_are_written_in_one_place() -> None:
    found = {
        str(path.relative_to(ROOT))
        for folder in ("storage", "pages")
        for path in (ROOT / folder).rglob("*.py")
        if WRITES.search(path.read_text(encoding="utf-8"))
    }
    assert found - ELSEWHERE == {"storage/files.py"}
