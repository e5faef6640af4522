"""Every setting that the code reads can be found where an operator looks for it."""

from __future__ import annotations

import ast
import re
from contextlib import suppress
from dataclasses import fields
from pathlib import Path

import pytest

from storage.domain.policy import ROLES
from storage.domain.purge.scope import PurgeLimits
from storage.errors import ConfigError
from storage.settings import access, backends
from storage.settings.reader import Reader

ROOT = Path(__file__).resolve().parents[2]
READERS = (
    "storage/settings/backends.py",
    "storage/settings/access.py",
    "storage/sandbox/demo.py",
)
DOCUMENTED = "".join((ROOT / page).read_text(encoding="utf-8") for page in ("README.md", "pages/_ui/access/README.md"))
NAME = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")


def names() -> set[str]:
    """Every text in the code that reads settings that looks like one's name."""
    found = {f"ROLE_{role.upper()}" for role in ROLES}
    for reader in READERS:
        for node in ast.walk(ast.parse((ROOT / reader).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and NAME.fullmatch(node.value):
                found.add(node.value)
    return found


def test_the_example_file_names_every_setting_and_no_other() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    named = {match[1] for line in lines if (match := re.fullmatch(r"#([A-Z0-9_]+)=.*", line))}
    assert named == names()


def test_the_example_file_sets_nothing_by_itself() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == []


def test_what_the_example_file_proposes_is_well_formed() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    proposed = {m[1]: m[2] for line in lines if (m := re.fullmatch(r"#([A-Z0-9_]+)=(.+)", line))}
    for load in (backends.load, access.load):
        with pytest.raises(ConfigError) as caught:
            load(proposed)
        problems = {(problem.name, problem.problem) for problem in caught.value.problems}
        assert {problem for name, problem in problems} == {"is not set"}, problems


def test_the_documentation_names_every_setting() -> None:
    assert {name for name in names() if not re.search(rf"\b{name}\b", DOCUMENTED)} == set()


@pytest.fixture
def defaults(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The default of every setting that is a whole number, by its name, as the readers ask for it."""
    found: dict[str, str] = {}

    def whole(_: Reader, name: str, default: int, low: int, high: int) -> int:
        assert low <= default <= high
        found[name] = str(default)
        return default

    monkeypatch.setattr(Reader, "whole", whole)
    for load in (backends.load, access.load):
        with suppress(ConfigError):  # what must be set is not
            load({})
    return found


def test_the_documentation_and_the_example_file_say_the_defaults_that_the_code_has(defaults: dict[str, str]) -> None:
    told: dict[str, str] = {}
    for cell, values in re.findall(r"^\| (`[A-Z].*?) \| (.*?) \|", DOCUMENTED, flags=re.MULTILINE):
        told |= zip(re.findall(r"`(\w+)`", cell), values.split(", "), strict=False)
    assert {name: told.get(name) for name in defaults} == defaults
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    proposed = dict(re.findall(r"^#([A-Z0-9_]+)=(.+)$", example, flags=re.MULTILINE))
    assert {name: value for name, value in proposed.items() if name in defaults} == {
        name: value for name, value in defaults.items() if name in proposed
    }


@pytest.mark.parametrize("declared", [backends.Settings, backends.R2Settings, PurgeLimits, access.AccessSettings])
def test_every_setting_that_is_read_is_used(declared: type) -> None:
    used = set()
    for folder in ("storage", "pages"):
        for path in (ROOT / folder).rglob("*.py"):
            used.update(re.findall(r"\.(\w+)", path.read_text(encoding="utf-8")))
    assert {field.name for field in fields(declared)} - used == set()


def test_files_with_secrets_are_kept_out_of_the_repository() -> None:
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {".env", ".streamlit/secrets.toml", ".demo/"} <= set(ignored)
