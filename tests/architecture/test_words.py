"""One word for one thing in the texts that people read, as the README's glossary has it."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator

import pytest

from tests.architecture.test_layers import ROOT, SOURCES, name_of, tree_of

# The person of the product is a customer in every text. `users/{uid}`, `user.total_clips_count` and `/user` stay names.
PERSON = re.compile(r"(?<![\w/.`'-])[Uu]sers?(?!\w|-\w|/|\.\w|`)")
# Texts that mean something else: an account of this machine, the head of an address, the words of the downloader,
# former words of choices in links that were kept.
MEANT = {
    "storage/settings/reader.py": {"names the home of a user who is not known here", "has a user or a password in it"},
    "storage/domain/diagnosis/failures.py": {"inappropriate for some users"},
    "pages/_ui/kit/params.py": {"Users", "Drifting", "Orphan object", "Phantom parent"},
}
# Words of the code that a page says in others: summary, wrong counter, file or customer without a document, again.
JARGON = re.compile(r"(?<!storage )\b(rollups?|drift\w*|stand-ins?|anew|orphans?|phantoms?|whoever)\b", re.IGNORECASE)
IN_CODE = ("pages/_ui/server/",)  # the help of /metrics names what a monitor's owner runs
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "docs/*.md", "pages/_ui/access/README.md")
GENERATED = "## User\n"  # docs/documents.md is made of the classes, whose names stay


def texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Each literal that a person may read, with its line: it has a blank or begins like a label. No docstrings."""
    unread = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name("number"), args=[_, ast.Constant(str(noun)), *_]):
                yield node.lineno, f"1 {noun}"
            case ast.Constant(str(text)) if node not in unread and (" " in text or text.istitle()):
                yield node.lineno, text


def strays(tree: ast.Module, meant: Collection[str] = (), words: re.Pattern[str] = PERSON) -> list[str]:
    found = [(line, text) for line, text in texts(tree) if words.search(text)]
    return [f"{line}: {text}" for line, text in found if not any(other in text for other in meant)]


def test_texts_of_the_desk_say_customer() -> None:
    read = [path for path in SOURCES if "sandbox" not in path.parts]
    found = {name_of(path): strays(tree_of(path), MEANT.get(name_of(path), ())) for path in read}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_pages_say_no_words_of_the_code() -> None:
    read = [path for path in SOURCES if name_of(path).startswith("pages/") and not name_of(path).startswith(IN_CODE)]
    found = {name_of(path): strays(tree_of(path), MEANT.get(name_of(path), ()), JARGON) for path in read}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_documents_say_customer() -> None:
    for path in sorted(path for pattern in DOCUMENTS for path in ROOT.glob(pattern)):
        prose = re.sub(r"```.*?```|`[^`]*`|\]\([^)]*\)", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        lines = [line for line in prose.replace(GENERATED, "").splitlines() if PERSON.search(line)]
        assert lines == [], name_of(path)


@pytest.mark.parametrize("source", ['say("no user")', 'tables.text("User")', 'f"{n} users"', 'number(n, "user")'])
def test_a_stray_word_is_seen(source: str) -> None:
    assert strays(ast.parse(source))


@pytest.mark.parametrize("source", ['"users/{uid}"', 'f"users/{uid} of it"', '"of user.total_clips_count"', '"user"'])
def test_a_name_is_no_word(source: str) -> None:
    assert strays(ast.parse(f"x({source})")) == []
