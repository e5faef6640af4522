"""The index of addresses and titles at the size of a large product: what a look-up reads is worked out, not stored."""

from __future__ import annotations

import random
from base64 import urlsafe_b64encode
from collections import Counter

import pytest

from storage.domain.pasted import folded, title_words
from storage.domain.search_index import (
    MAX_PARTS,
    PART_BYTES,
    bucket_count,
    bucket_of,
    buckets_of,
    key_of,
    line_of,
    packed,
    rows_of,
    title_row,
    titles_with,
    users_with,
)

USERS = 100_000
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def test_100_000_users_are_read_in_under_10_documents() -> None:
    chance = random.Random(7)
    names = ["".join(chance.choices(LETTERS, k=chance.randint(3, 9))) for _ in range(2_000)]
    hosts = ["gmail.com", "outlook.com", *(f"{name}.example" for name in names[:300])]
    lines = [
        line_of(
            [
                urlsafe_b64encode(chance.randbytes(21)).decode(),
                f"{chance.choice(names)}.{chance.choice(names)}{n % 97}@{host}",
            ]
        )
        for n, host in enumerate(chance.choices(hosts, k=USERS))
    ]
    bodies = packed(lines)
    assert max(map(len, bodies)) <= PART_BYTES
    assert 1 + len(bodies) < 10  # with the head
    rows = [row for body in bodies for row in rows_of({"version": 1, "body": body})]
    assert [line_of(row) for row in rows] == lines
    wanted = rows[USERS // 2]
    assert wanted in list(users_with(rows, wanted[1][1:-3].upper()))


def test_the_commonest_word_of_the_titles_of_100_000_users_is_read_in_under_20_documents() -> None:
    chance = random.Random(7)
    words = ["".join(chance.choices(LETTERS, k=chance.randint(3, 10))) for _ in range(5_000)]
    weights = [1 / (rank + 1) for rank in range(len(words))]
    drawn = chance.choices(words, weights, k=5 * USERS)
    titles = [" ".join(drawn[start : start + 5]) for start in range(0, len(drawn), 5)]
    keys = Counter(key_of(word) for word in drawn)
    assert bucket_count(100 * len(drawn)) > 16
    count = bucket_count(100 * len(drawn))
    load = Counter[int]()
    for key, number in keys.items():
        load[bucket_of(key, count)] += number
    fullest = load.most_common(1)[0][0]
    inside = {key for key in keys if bucket_of(key, count) == fullest}
    lines = [
        line_of(title_row(f"{n:028}", f"3f2504e0-4f89-11d3-9a0c-{n:012}", "", title))
        for n, title in enumerate(titles)
        if any(key_of(word) in inside for word in title.split())
    ]
    assert len(lines) > USERS // 5, "a word that a fifth of all titles have"
    assert 1 + len(packed(lines)) <= 1 + MAX_PARTS <= 20


@pytest.mark.parametrize(
    ("title", "asked"),
    [
        ("Best Café Moments", "CAFE"), ("Best Café Moments", "mom best"), ("Лучшие моменты: Ёлка", "елка"),
        ("東京タワーの夜景", "夜景"), ("최고의 순간", "최고"), ("Straße", "STRASSE"), ("أفضل اللحظات", "اللحظات"),
        ("Łódź nights", "lodz"), ("ความสุข", "สุข"),
    ],
)  # fmt: skip
def test_each_word_asked_for_leads_to_a_bucket_that_has_the_title(title: str, asked: str) -> None:
    words = title_words(asked)
    assert {bucket_of(key_of(word), 64) for word in words} <= buckets_of(title, 64)
    row = title_row("u", "v", "", title)
    assert titles_with([row, title_row("u", "w", "", "another")], words) == [row]


def test_a_shorter_beginning_than_a_key_finds_words_as_short_alone() -> None:
    assert bucket_of(key_of("ai"), 64) in buckets_of("AI tricks", 64)
    assert folded("É") == "e"
