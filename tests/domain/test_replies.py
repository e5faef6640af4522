"""Replies to customers: every verdict has its text in each language, and all languages say it with the same values."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from string import Formatter
from typing import Any

import pytest

from storage.domain.diagnosis import VERDICTS, diagnose
from storage.domain.diagnosis.advice import permanent_reply
from storage.domain.diagnosis.failures import TEXTS
from storage.domain.diagnosis.outages import NOT_LOOKED, Outage, Standing
from storage.domain.replies import LANGUAGES, OWN, SPEECHES, Language, NamedClips, Reply, Size, Text, reply
from storage.domain.replies.speech import Plural
from tests.domain.test_diagnosis_verdict import SITUATIONS

OTHERS = [language for language in LANGUAGES if language != OWN]
AT = datetime(2026, 3, 1, 9, 5, tzinfo=UTC)
ENGLISH = SPEECHES[OWN].texts


def forms(text: str | Plural) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else (text.one, text.other)


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_verdict_is_without_its_text(language: Language) -> None:
    texts = SPEECHES[language].texts
    assert set(VERDICTS) <= set(texts)
    assert set(texts) == set(ENGLISH)
    assert {type(text) for text in texts.values()} == {str, Plural}


@pytest.mark.parametrize("language", OTHERS)
def test_a_text_has_the_same_values_and_forms_in_every_language_and_is_no_copy_of_the_english(
    language: Language,
) -> None:
    for name, english in ENGLISH.items():
        text = SPEECHES[language].texts[name]
        assert type(text) is type(english), name
        for one, own in zip(forms(text), forms(english), strict=True):
            assert fields(one) == fields(own), name
            assert one != own, name
            assert (one[-1] in ".:?") == (own[-1] in ".:?"), f"{name} ends otherwise"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_situation_is_told_in_whole_sentences_without_internals(language: Language) -> None:
    internal = re.compile(r"\bvid-0001\b|\bu1\b|users/|\.json|firestore|bucket|[_{}<>]", re.IGNORECASE)
    told: dict[str, str] = {}
    for name, cases in SITUATIONS.items():
        for _, facts in cases:
            words = diagnose(facts).answer.words(language)
            assert words.endswith((".", "?")), words
            assert not internal.search(words), words
            assert not re.search(r"  | \.", words), words
        told[name] = diagnose(cases[0][1]).answer.words(language)
    assert len(set(told.values())) == len(VERDICTS)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_cause_of_a_permanent_failure_that_is_recognised_is_told_to_the_customer(language: Language) -> None:
    causes = {text.cause for text in TEXTS if text.kind == "permanent"}
    assert "private" in causes
    told = {permanent_reply(cause).words(language) for cause in causes | {"", "not a cause"}}
    assert len(told) == len(causes) + 1


@pytest.mark.parametrize(
    ("language", "none", "one", "many"),
    [
        ("en", "others ... them", "others ... it", "others ... them"),
        ("es", "pudieron", "pudo", "pudieron"),
        ("pt", "pôde", "pôde", "puderam"),
        ("de", "konnten", "konnte", "konnten"),
        ("fr", "n'a pas", "n'a pas", "n'ont pas"),
    ],
)
def test_plurals_follow_each_language_also_for_none(language: Language, none: str, one: str, many: str) -> None:
    for count, expected in ((0, none), (1, one), (2, many), (1_234, many)):
        words = reply("healthy.some_failed", count=count).words(language)
        for part in expected.split(" ... "):
            assert re.search(rf"\b{re.escape(part)}\b", words), words


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", "“a b” (split), one without a title and 2 other clips | 1,234 | 14.1 MiB | 1 March 2026, 09:05 UTC"),
        ("es", "«a b» (split), uno sin título y 2 clips más | 1.234 | 14,1 MiB | 1 de marzo de 2026, 09:05 (UTC)"),
        ("pt", "“a b” (split), um sem título e mais 2 clipes | 1.234 | 14,1 MiB | 1 de março de 2026, 09:05 (UTC)"),
        (
            "de",
            "„a b“ (split), einer ohne Titel und 2 weitere Clips | 1.234 | 14,1 MiB | 1. März 2026, 09:05 Uhr (UTC)",
        ),
        ("fr", "« a b » (split), un clip sans titre et 2 autres clips | 1 234 | 14,1 MiB | 1er mars 2026, 09:05 (UTC)"),
    ],
)
def test_titles_numbers_sizes_and_times_are_written_as_the_language_does(language: Language, expected: str) -> None:
    clips = NamedClips((("a\nb", "split"), (" ", "")), more=2)
    parts = (
        Text("clips_missing.named", {"clips": clips}),
        Text("figure.bare", {"used": 1_234, "limit": Size(14_784_921)}),
        Text("purged.video.at", {"at": AT}),
    )
    words = Reply(parts, between="\n").words(language).replace("\u202f", " ")
    for part in expected.split(" | "):
        assert part in words
    assert SPEECHES[language].on(date(2026, 12, 31)).endswith("2026")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("stage", ["analysis", "render", "finish", "delivery", "none"])
def test_an_outage_has_one_text_for_all_its_customers(language: Language, stage: Any) -> None:
    told = set()
    for standing in (NOT_LOOKED, Standing(True, ""), Standing(False, "")):
        outage = Outage(stage, "analysis_stalled", AT, AT, (("u1", "v1"), ("u2", "v2")), standing=standing)
        words = outage.answer.words(language)
        assert SPEECHES[language].time(AT) in words
        assert not {"u1", "v1"} & set(re.findall(r"\w+", words))
        told.add(words)
    assert len(told) == 3, "whether it goes on is said only where it is known"
