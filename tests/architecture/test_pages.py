"""Every page's file has one shape, so that no way to a page's body avoids the guard."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Collection
from pathlib import Path

import pytest

from pages._ui import nav
from storage.domain.policy import ACTIONS, LEAST_ROLE, ROLES

VIEWS = sorted((nav.FOLDER / "_ui" / "views").rglob("*.py"))
PRESSED = {"button", "popover", "form_submit_button", "download_button"}
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


@pytest.mark.parametrize("path", [*FILES, *VIEWS], ids=lambda path: path.stem)
def test_what_a_role_may_not_press_is_greyed_with_the_rule_and_does_not_vanish(path: Path) -> None:
    """What every role may do is no matter of a role, nor what the maker of a plan may do beside one. A link to a page
    that is not in the menu may be left out."""
    assert vanishing(ast.parse(path.read_text(encoding="utf-8"))) == [], "draw it greyed, with guard.stopped_by"


@pytest.mark.parametrize(
    "source",
    [
        'if allowed("fix"):\n    st.button("x")',
        'if found and allowed("fix"):\n    with st.container():\n        st.popover("x")',
        'if not allowed("fix"):\n    return\nst.button("x")',
        'if found is None or not allowed("fix"):\n    return\nfor one in found:\n    st.button("x")',
        'may = allowed("fix")\nif may:\n    st.button("x")',
        'may = allowed("fix")\nif not may:\n    return\nst.button("x")',
    ],
)
def test_what_vanishes_is_seen(source: str) -> None:
    assert vanishing(ast.parse(f"def draw():\n    {source.replace(chr(10), chr(10) + '    ')}"))


@pytest.mark.parametrize(
    "source",
    [
        'if allowed("request"):\n    st.button("x")',
        'if mine or allowed("fix"):\n    st.button("x")',
        'if not allowed("fix"):\n    denied("see this")\n    return\nst.button("x")',
        'st.button("x", disabled=not allowed("fix"))',
    ],
)
def test_what_every_role_or_its_maker_may_do_or_is_told_of_does_not_vanish(source: str) -> None:
    assert vanishing(ast.parse(f"def draw():\n    {source.replace(chr(10), chr(10) + '    ')}")) == []


def vanishing(tree: ast.Module) -> list[int]:
    """The lines of what is pressed and drawn only where a role may do a thing: behind the question or its answer, in
    the branch, or after a return without a word."""
    found: list[int] = []
    for scope in ast.walk(tree):
        if not isinstance(scope, ast.FunctionDef):
            continue
        answers = {
            ast.unparse(target)
            for node in ast.walk(scope)
            if isinstance(node, ast.Assign) and _asks_for_a_role(node.value)
            for target in node.targets
        }
        for node in ast.walk(scope):
            for block in (getattr(node, "body", None), getattr(node, "orelse", None)):
                for place, one in enumerate(block if isinstance(block, list) else []):
                    if not isinstance(one, ast.If):
                        continue
                    refused = any(
                        isinstance(part, ast.UnaryOp) and _asks_for_a_role(part.operand, answers)
                        for part in _or(one.test)
                    )
                    if refused:
                        drawn = block[place + 1 :] if isinstance(one.body[0], ast.Return) else one.orelse
                    else:
                        drawn = one.body if _asks_for_a_role(one.test, answers) else []
                    found += [pressed.lineno for stmt in drawn for pressed in ast.walk(stmt) if _is_pressed(pressed)]
    return found


def _or(test: ast.expr) -> list[ast.expr]:
    return test.values if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or) else [test]


def _asks_for_a_role(test: ast.expr, answers: Collection[str] = ()) -> bool:
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or):
        return False
    if any(isinstance(one, ast.Name) and one.id in answers for one in ast.walk(test)):
        return True
    calls = [one for one in ast.walk(test) if isinstance(one, ast.Call) and ast.unparse(one.func) == "allowed"]
    return any(LEAST_ROLE.get(getattr(one.args[0], "value", None)) != ROLES[0] for one in calls)


def _is_pressed(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in PRESSED


def test_a_choice_between_words_wraps_where_the_window_is_narrow() -> None:
    """Else Streamlit keeps one line inside a row or a column: on a phone the last words are out of sight."""
    calls = [
        (path, node)
        for path in nav.FOLDER.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"st.segmented_control", "st.pills"}
    ]
    assert calls
    for path, call in calls:
        given = [ast.unparse(option.value) for option in call.keywords if option.arg == "wrap"]
        assert given == ["True"], f"{path.name}:{call.lineno}"
