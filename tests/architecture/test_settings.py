"""Every setting that the code reads can be found where an operator looks for it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from storage.domain.policy import ROLES
from storage.errors import ConfigError
from storage.settings import access, backends

ROOT = Path(__file__).resolve().parents[2]
READERS = (
    "storage/settings/backends.py",
    "storage/settings/access.py",
    "storage/settings/access.py",
    "storage/settings/backends.py",
    "storage/sandbox/demo.py",
)
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
    pages = [ROOT / "README.md", ROOT / "pages" / "_ui" / "access" / "README.md"]
    text = "".join(path.read_text(encoding="utf-8") for path in pages)
    assert {name for name in names() if not re.search(rf"\b{name}\b", text)} == set()


def test_files_with_secrets_are_kept_out_of_the_repository() -> None:
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {".env", ".streamlit/secrets.toml", ".demo/"} <= set(ignored)
