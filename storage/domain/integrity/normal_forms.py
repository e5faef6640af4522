"""Recognises a missing object that lies beside its key: the same letters in another Unicode normal form.

A bucket compares keys byte by byte, so an umlaut as one character and as a letter with a mark make two keys, which look
the same to everybody who reads the report.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Literal

from storage.domain.integrity.findings import Finding

_MISSING = frozenset({"missing_object", "missing_thumbnail"})
_FORMS: tuple[Literal["NFC", "NFD"], ...] = ("NFC", "NFD")


def with_hints(findings: Sequence[Finding]) -> Iterator[Finding]:
    """The findings, in their order; a missing and an orphaned object with equal letters name each other in `detail`."""
    missing = _by_letters(findings, lambda kind: kind in _MISSING)
    orphans = _by_letters(findings, lambda kind: kind == "orphan_object")
    for finding in findings:
        key = finding.key or ""
        if key and not key.isascii():
            if finding.kind in _MISSING and (there := orphans.get(_letters(key))):
                finding = _hinted(finding, f"An object without a document has the same letters {_pair(key, there)}.")
            elif finding.kind == "orphan_object" and (named := missing.get(_letters(key))):
                words = f"A document whose object is missing names the same letters {_pair(named, key)}."
                finding = _hinted(finding, words)
        yield finding


def _by_letters(findings: Sequence[Finding], wanted: Callable[[str], bool]) -> dict[str, str]:
    """The keys of such findings by their composed form; plain ASCII has only one form."""
    keys = (finding.key or "" for finding in findings if wanted(finding.kind))
    return {_letters(key): key for key in keys if not key.isascii()}


def _letters(key: str) -> str:
    return unicodedata.normalize("NFC", key)


def _pair(named: str, there: str) -> str:
    forms = f"the document's key is {_form(named)}, the object's {_form(there)}"
    return f"in another Unicode normal form ({forms}): they look alike and are two keys"


def _form(key: str) -> str:
    return next((form for form in _FORMS if unicodedata.is_normalized(form, key)), "neither NFC nor NFD")


def _hinted(finding: Finding, words: str) -> Finding:
    return replace(finding, detail=f"{finding.detail} {words}")
