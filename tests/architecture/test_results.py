"""A part that is measured alone replaces its section of the results, and no other."""

from __future__ import annotations

from benchmarks.results import RESULTS, Row, report, section

PARTS = ["decode", "emulator", "objects", "fleet", "cluster", "billed", "purge", "sessions", "start", "felt"]


def test_the_file_is_what_its_sections_make_of_it() -> None:
    before = RESULTS.read_text(encoding="utf-8")
    assert report(before, {}, PARTS) == before


def test_one_section_is_replaced_or_put_at_its_place() -> None:
    before = RESULTS.read_text(encoding="utf-8")
    row = Row("what", "against", "9 s", "3 s", "3.0 ×", "2 ×", True)
    for name in ("decode", "sessions", "cluster"):
        made = section(name, "as measured now", [row], 12.0, 0.5)
        after = report(before, {name: made}, PARTS)
        assert f"## {name}: as measured now" in after
        assert "Measured on 20" in made
        assert after.count("| what | against | 9 s | 3 s | 3.0 × | 2 × | yes |") == 1
        assert report(after, {}, PARTS) == after
        at = [after.index(f"## {one}: ") for one in PARTS if f"## {one}: " in after]
        assert at == sorted(at)
        others = [one for one in before.split("\n## ") if not one.startswith(f"{name}: ")]
        assert [one for one in after.split("\n## ") if not one.startswith(f"{name}: ")] == others
