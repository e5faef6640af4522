"""Hostile strings: whatever stands in a document, the page shows it and does nothing with it."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pages._ui.kit.text import ABSENT, ELLIPSIS, EMPTY, MAX_MARKS, clusters, md, plain, prose, shorten, told_apart

ANYTHING = st.text(st.characters(exclude_categories=[]), max_size=120)
SIGNS = [
    *":@_[]()!`$*~<>-=#|{}\\",
    " ",
    "\n",
    "->",
    "--",
    "1.",
    "&amp;",
    ":red[",
    "<b>",
    "\u202e",
    "\u0301",
    "é",
    "ש",
    "👩",
]
WORDS = [
    "www.",
    "http://",
    "https://",
    "a",
    "b.c",
    "evil.com",
    "tada",
    "material/",
    "home",
    "material_home",
    "streamlit",
]
MARKUP = st.lists(st.sampled_from(SIGNS + WORDS), max_size=25).map("".join)
WRAPPED = re.compile(r":color\[\\?(.)\]", re.DOTALL)

# What Streamlit 1.67 looks for in the finished text (its StreamlitMarkdown bundle): each makes something of it.
LATE_PATTERNS = [
    re.compile(r"(https?://|www(?=\.))([-.\w]+)([^ \t\r\n]*)", re.IGNORECASE),
    re.compile(r"[-.\w+]+@[-\w]+(?:\.[-\w]+)+"),
    re.compile(r":material_(\w+):"),
    re.compile(r":streamlit:"),
    re.compile(r":\+1:|:-1:|:[\w-]+:"),
    re.compile(r"(^|\s)(<->|->|<-|--|>=|<=|~=)(\s|$)"),
]


def text_nodes(markdown: str) -> list[str]:
    """The pieces of text that a Markdown parser makes of what `md` wrote: cut at the wrappers, unescaped."""
    nodes: list[str] = []
    end = 0
    for match in WRAPPED.finditer(markdown):
        nodes += [unescaped(markdown[end : match.start()]), match[1]]
        end = match.end()
    return [*nodes, unescaped(markdown[end:])]


def unescaped(text: str) -> str:
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", text)


@settings(deadline=None)
@given(st.one_of(ANYTHING, MARKUP))
@example(":color[x]")
@example("a:color\\[@]b")
@example("https://evil.com and www.evil.com and a@b.com and :tada: and :material/home:")
def test_markdown_of_any_string_shows_exactly_that_string(value: str) -> None:
    assert "".join(text_nodes(md(value))) == plain(value)


@settings(deadline=None)
@given(st.one_of(ANYTHING, MARKUP))
@example("::tada::tada::")
@example("wWw.WWW.evil.com")
@example("-> -> <-> -- --")
def test_no_piece_of_text_holds_what_streamlit_makes_something_of_afterwards(value: str) -> None:
    for node in text_nodes(md(value)):
        for pattern in LATE_PATTERNS:
            assert not pattern.search(node), (node, pattern.pattern)


@settings(deadline=None)
@given(st.one_of(ANYTHING, MARKUP))
def test_every_sign_of_markdown_is_escaped(value: str) -> None:
    rest = WRAPPED.sub("", md(value))
    assert not re.search(r"[!-/:-@\[-`{-~]", re.sub(r"\\[!-/:-@\[-`{-~]", "", rest))


@settings(deadline=None)
@given(st.one_of(ANYTHING, MARKUP))
def test_plain_text_is_one_line_without_control_and_overriding_characters(value: str) -> None:
    shown = plain(value).removeprefix("\u2068").removesuffix("\u2069")
    for char in shown:
        assert unicodedata.category(char) not in {"Cc", "Cs", "Zl", "Zp"}
        assert char not in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b\ufeff"


@settings(deadline=None)
@given(ANYTHING)
def test_shown_text_can_always_be_sent_to_a_browser(value: str) -> None:
    plain(value, lines=True).encode()
    md(value).encode()


@settings(deadline=None)
@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"]), min_size=1, max_size=200))
def test_printable_ascii_is_unchanged_so_that_it_can_be_copied(value: str) -> None:
    assert plain(value) == value


def test_absent_and_empty_look_different() -> None:
    assert plain(None) == md(None) == ABSENT
    assert plain(" \n\t") == EMPTY
    assert unescaped(md("")) == EMPTY


def test_right_to_left_text_is_isolated_and_overrides_are_shown() -> None:
    assert plain("שלום.mp4") == "\u2068שלום.mp4\u2069"
    assert plain("\u202efdp.exe") == "\ufffdfdp.exe"
    assert plain("file\u2067name") == "file\ufffdname"


def test_control_characters_show_as_their_pictures() -> None:
    assert plain("a\x00b\x1bc\x7fd") == "a␀b␛c␡d"


def test_line_ends_are_kept_only_where_asked_for() -> None:
    assert plain("one\r\ntwo\n\n three") == "one two three"
    assert plain("one\r\ntwo\n\n three", lines=True) == "one\ntwo\n\n three"


def test_a_very_long_text_costs_what_is_shown_of_it() -> None:
    assert plain("x" * 1_000_000, 10) == "x" * 9 + ELLIPSIS
    assert plain("a" + " " * 100_000 + "b") == "a b"
    assert plain(" " * 100_000 + "b", 5) == "b"


def test_marks_that_pile_up_are_cut() -> None:
    shown = plain("e" + "\u0301" * 10_000)
    assert shown == "e" + "\u0301" * MAX_MARKS


@pytest.mark.parametrize("one", ["👨‍👩‍👧‍👦", "🇩🇪", "é", "👍🏽", "❤️"])
def test_shortening_never_cuts_within_what_reads_as_one_sign(one: str) -> None:
    assert list(clusters(one)) == [one]
    assert shorten(one * 5, 3) == one * 2 + ELLIPSIS
    assert shorten(one * 3, 3) == one * 3


def test_a_sentence_of_the_desk_keeps_its_code_and_nothing_else_acts() -> None:
    assert prose("only `python -m storage verify --all` looks.") == "only `python -m storage verify --all` looks\\."
    assert prose("a `half span") == md("a `half span")
    assert prose("**b** `x`") == f"{md('**b**')} `x`"


def test_names_that_begin_alike_are_told_apart_in_the_room_of_a_chart():
    long = "Sieben vor Mitternacht, Folge "
    names = [f"{long}{number}: {'x' * 40}" for number in range(1, 26)] + ["Short", "Short"]
    short = told_apart(names, 30)
    assert len(set(short)) == len(names)
    assert all(len(one) <= 30 for one in short)
    assert short[0].startswith("Sieben vor Mit")
    assert "12: x" in short[11]
    assert short[-2:] == ["Short", "Short (2)"]
