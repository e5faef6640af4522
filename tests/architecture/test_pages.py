"""Every page's file has one shape, so that no way to a page's body avoids the guard."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

from pages._ui import nav
from storage.domain.policy import ACTIONS

FILES = sorted(path for path in nav.FOLDER.glob("*.py") if path.name != "__init__.py")
INERT = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)


def test_every_file_in_the_folder_is_a_registered_page_and_the_other_way_round() -> None:
    assert [path.stem for path in FILES] == sorted(nav.SCREENS)


def test_every_page_asks_for_an_action_of_the_policy() -> None:
    assert all(screen.action in ACTIONS for screen in nav.SCREENS.values())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_page_ends_with_the_guard_and_does_nothing_before_it(path: Path) -> None:
    body = ast.parse(path.read_text(encoding="utf-8")).body
    last = body[-1]
    assert isinstance(last, ast.If)
    assert ast.unparse(last.test) == "__name__ == '__main__'"
    assert [ast.unparse(node).partition("(")[0] for node in last.body] == ["show"]
    call = last.body[0].value  # type: ignore[attr-defined]
    module = importlib.import_module(f"pages.{path.stem}")  # harmless, which is what this is about
    given = call.args[0]
    assert (getattr(module, given.id) if isinstance(given, ast.Name) else ast.literal_eval(given)) == path.stem
    assert ast.unparse(call.args[1]) == "page"
    docstring, *rest = body[:-1]
    assert isinstance(docstring, ast.Expr)
    for node in rest:
        assert isinstance(node, INERT), f"{path.name}:{node.lineno} does something when the file is read"
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            drawing = [n for n in ast.walk(node.value) if isinstance(n, ast.Name) and n.id == "st"]
            assert drawing == [], f"{path.name}:{node.lineno} draws when the file is read"
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            assert all(
                ast.unparse(mark).startswith("st.")
                or "guarded" in ast.unparse(mark)
                or "dataclass" in ast.unparse(mark)
                for mark in node.decorator_list
            ), f"{path.name}:{node.lineno}"
    assert any(isinstance(node, ast.FunctionDef) and node.name == "page" for node in rest)
    assert "from pages._ui.access.guard import" in path.read_text(encoding="utf-8")
