"""What a recipe of `docs/architecture.md` names is not forgotten: tables of the README, and files that are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from pages._ui.kit import status
from pages._ui.nav import SCREENS
from pages._ui.views import clips, verify
from storage.cli import commands
from storage.domain.diagnosis.verdict import BREAKING, VERDICTS
from storage.domain.integrity import KINDS, OF_CONTENTS

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def table(heading: str) -> str:
    """The first cells of the table below a heading."""
    part = re.split(r"^#{2,3} ", README.partition(heading)[2], maxsplit=1, flags=re.MULTILINE)[0]
    return "\n".join(line.split("|")[1] for line in part.splitlines() if line.startswith("|"))


@pytest.mark.parametrize("name", [screen.title for screen in SCREENS.values()])
def test_a_page_stands_in_the_table_of_pages(name: str) -> None:
    assert re.search(rf"^ {name} $", table("\n## Pages\n"), flags=re.MULTILINE)


@pytest.mark.parametrize("name", commands.ROOT.commands)
def test_a_command_stands_in_the_table_of_commands(name: str) -> None:
    assert re.search(rf"`{name}\b", table("\n## Commands\n"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_finding_stands_in_its_table_and_has_words_on_the_page(kind: str) -> None:
    assert f"`{kind}`" in table("\n### Findings of `verify`\n")
    assert verify.WORDS[kind]
    assert verify.MEANING[kind]


def test_a_finding_that_only_a_look_inside_makes_is_checked_again_by_one() -> None:
    tree = ast.parse((ROOT / "storage/domain/integrity/contents.py").read_text(encoding="utf-8"))
    named = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    assert named & set(KINDS) == set(OF_CONTENTS)


def test_a_finding_that_keeps_a_clip_from_its_customer_has_words_on_the_card_of_the_clip() -> None:
    others = {"foreign_key"} | OF_CONTENTS  # told by whose key it is, and by what was seen
    assert set(BREAKING) - others <= set(clips.REASONS)


@pytest.mark.parametrize("name", VERDICTS)
def test_a_verdict_stands_in_its_table_and_has_a_style_on_the_page(name: str) -> None:
    assert f"`{name}`" in table("\n### Verdicts of `diagnose`\n")
    assert status.look("verdict", name).known


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/media.md", "docs/purge.md"]
)
def test_what_the_documentation_names_is_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:storage|pages|tests|docs|benchmarks)/[\w./-]+)`", text))
    assert {name for name in named if not (ROOT / name).exists()} - {"pages/NAME.py"} == set()
