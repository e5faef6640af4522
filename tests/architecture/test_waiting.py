"""How tests wait: on a condition, with one generous bound, and never by a script that a page's policy refuses.

A wall-clock assumption passes on a quiet machine and fails on a busy one, where nobody can tell it from a race of the
product; so does what is tried again unseen.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import TRIED_AGAIN

ROOT = Path(__file__).resolve().parents[2]
TESTS = {path.relative_to(ROOT).as_posix(): path for path in sorted((ROOT / "tests").rglob("*.py"))}
WAITING = "tests/rigs/waiting.py"
ALLOWED_TO_SLEEP = {
    # The second and third hold a call back when a test tells them to; the fourth is a resolver that takes its time.
    "sleep": {
        WAITING,
        "tests/rigs/http_faults.py",
        "tests/rigs/firestore_faults.py",
        "tests/contract/test_hanging.py",
    },
    "wait_for_timeout": {"tests/rigs/browser.py"},
}
# They look again from within the page, or put a script's text into it: the content policy refuses to run a text.
REFUSED_BY_POLICY = {"wait_for_function", "add_script_tag"}
SCRIPTS = {"evaluate", "evaluate_all", "evaluate_handle", "eval_on_selector", "eval_on_selector_all", "until_script"}
FUNCTION = re.compile(r"\s*(async\s*)?(\([^)]*\)|\w+)\s*=>")
TEXT_AS_SCRIPT = re.compile(r"\beval\(|new Function\(|set(Timeout|Interval)\(\s*['\"`]")


def calls(tree: ast.AST) -> Iterator[tuple[str, str, ast.Call]]:
    """Each call with its name as it is written, and the last part of that."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            full = dotted(node.func)
            yield full, full.rpartition(".")[2], node


def dotted(node: ast.AST) -> str:
    """A name with its parts, as it is written; what is no name before a dot is left out."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def offences(source: str, where: str = "") -> list[str]:
    """What a test file does that it should not, with the line."""
    tree = ast.parse(source)
    found = [
        f"{node.lineno}: a deadline of its own"
        for node in ast.walk(tree)
        if isinstance(node, ast.While) and where != WAITING and "monotonic" in ast.unparse(node.test)
    ]
    for full, name, call in calls(tree):
        texts = [part.value for part in call.args if isinstance(part, ast.Constant) and isinstance(part.value, str)]
        script = name in SCRIPTS and full != "usage.evaluate"
        if name in REFUSED_BY_POLICY:
            found.append(f"{call.lineno}: {name}")
        elif script and texts and not any(FUNCTION.match(text) for text in texts):
            found.append(f"{call.lineno}: an expression, not a function: {texts[-1][:40]}")
        elif (script or name == "add_init_script") and any(TEXT_AS_SCRIPT.search(text) for text in texts):
            found.append(f"{call.lineno}: a text run as a script")
        elif (full == "time.sleep" or name == "wait_for_timeout") and where not in ALLOWED_TO_SLEEP[name]:
            found.append(f"{call.lineno}: a sleep")
        elif re.fullmatch(r"AppTest\.from_\w+", full):
            given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
            if given.get("default_timeout") != "PATIENCE_SECONDS":
                found.append(f"{call.lineno}: Streamlit's own few seconds for a page")
    return found


@pytest.mark.parametrize("where", TESTS)
def test_a_test_waits_on_a_condition_and_with_patience(where: str) -> None:
    assert offences(TESTS[where].read_text(encoding="utf-8"), where) == []


@pytest.mark.parametrize(
    "wrong",
    [
        "page.wait_for_function('() => window.done')",
        "page.evaluate('window.done')",
        "page.evaluate('() => eval(window.text)')",
        "page.add_init_script('setTimeout(\"done()\", 5)')",
        "page.wait_for_timeout(200)",
        "time.sleep(1)",
        "while not done() and time.monotonic() < deadline:\n    pass",
        "AppTest.from_string(SCRIPT)",
        "AppTest.from_file(path, default_timeout=20)",
    ],
)
def test_each_kind_of_impatience_is_seen(wrong: str) -> None:
    assert len(offences(wrong)) == 1


def test_nothing_is_tried_again_but_what_runs_in_a_browser() -> None:
    assert TRIED_AGAIN == "tests/browser/"
    marked = [where for where, path in TESTS.items() if re.search(r"mark\.flaky\(", path.read_text(encoding="utf-8"))]
    assert marked == ["tests/architecture/test_waiting.py", "tests/conftest.py"]
    for name in ("Makefile", "pyproject.toml", ".ci/run"):
        assert "--reruns" not in (ROOT / name).read_text(encoding="utf-8")


NOW_AND_THEN = """
import pytest
seen = []

@pytest.mark.flaky(reruns=2)
@pytest.mark.parametrize("number", [1, 2])
def test_now_and_then(number):
    seen.append(number)
    assert seen.count(number) > 1, f"the race number {number}"

@pytest.mark.flaky(reruns=1)
def test_never():
    seen.append("never")
    raise AssertionError(f"failure {seen.count('never')} of never")
"""


def test_what_was_tried_again_is_told_at_the_end_with_its_first_failure(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(NOW_AND_THEN)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    plugins = [f"-p{name}" for name in ("xdist", "pytest_rerunfailures", "tests.rigs.reruns", "no:cacheprovider")]
    command = [sys.executable, "-m", "pytest", "-q", "-n", "1", *plugins, str(tmp_path)]
    run = subprocess.run(
        [*command, "--rootdir", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},  # the others take most of the time of a start
        capture_output=True,
        text=True,
        check=False,
    )
    told = run.stdout.partition("tried again: the first failure of each")[2]
    assert "the race number 1" in told, run.stdout + run.stderr
    assert "the race number 2" in told
    assert told.count("call; passed when tried again") == 2
    assert told.count("call; failed again") == 1
    assert "failure 1 of never" in told
    assert "failure 2 of never" not in told.partition("short test summary")[0]
