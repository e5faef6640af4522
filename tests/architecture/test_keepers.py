"""Every place where the desk keeps something has a keeper, which says what becomes of it in a purge."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from storage.actions.purge.keepers.declared import KEEPERS, NOTHING

ROOT = Path(__file__).resolve().parents[2]
COLLECTION = re.compile(r"[\"'`(/](ops_[a-z_]+)(?=[\"'`/)])")
FOLDER = re.compile(r"(?:OPS_PREFIX\}|\b_ops/)([a-z_-]+)/")
FIELDS = {"ops_reads"}  # names that only look like a collection


def places() -> set[str]:
    """The collections and folders that any code names."""
    found: set[str] = set()
    for folder in ("storage", "pages"):
        for path in (ROOT / folder).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            found |= {*COLLECTION.findall(text)} - FIELDS
            found |= {f"_ops/{name}/" for name in FOLDER.findall(text)}
    return found


def test_every_place_has_one_keeper_and_every_keeper_a_place() -> None:
    declared = Counter(place for keeper in KEEPERS for place in keeper.places)
    assert {place for place, count in declared.items() if count > 1} == set()
    missing = places() - set(declared)
    assert not missing, f"declare a keeper for {sorted(missing)} in storage/actions/purge/keepers/declared.py"
    assert set(declared) - places() == set()


@pytest.mark.parametrize("keeper", KEEPERS, ids=lambda keeper: keeper.name)
def test_a_keeper_says_what_becomes_of_what_it_holds(keeper: object) -> None:
    told = [getattr(keeper, name) for name in ("holds", "purged", "erased")]
    assert told[0]
    assert all(told) is not told[0].startswith(NOTHING), "what holds something says what a purge and an erasing do"


def test_the_documents_have_every_keeper() -> None:
    text = " ".join((ROOT / "docs/purge.md").read_text(encoding="utf-8").split())
    for keeper in KEEPERS:
        named = ", ".join(f"`{place}`" for place in keeper.places)
        row = f"| {named} | {keeper.holds} | {keeper.purged} | {keeper.erased} |"
        assert " ".join(row.split()) in text
