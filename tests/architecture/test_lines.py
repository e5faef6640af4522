"""Lines of anything on disk or in the bucket end at LF and nowhere else: `storage.domain.json_lines` says why."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOR_PEOPLE = {  # text that is shown, where a line may end wherever a person sees one end
    "storage/cli/replies.py",
    "storage/sandbox/seaweed.py",
    "pages/_ui/views/replies.py",
}


def test_nothing_that_is_kept_is_cut_where_json_does_not_cut() -> None:
    found = {
        str(path.relative_to(ROOT))
        for folder in ("storage", "pages")
        for path in (ROOT / folder).rglob("*.py")
        if any(name in path.read_text(encoding="utf-8") for name in (".splitlines(", ".readlines(", ".readline("))
    }
    assert found <= FOR_PEOPLE
