"""Whatever people paste is found, or it is told why it is not: each text of the corpus, in one world over the wire."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from storage.domain.layout import Layout
from storage.domain.search import ParsedQuery, SearchResult, recognise
from storage.errors import BadInput
from storage.services.search import find
from tests.rigs.firestore import FirestorePool
from tests.rigs.pasted import CORPUS, WORLD, Pasted
from tests.rigs.records import World

LAYOUT = Layout("users/")
PLACES = {"bucket": "media", "public_url": "https://cdn.example.com/m"}


@pytest.fixture(scope="module")
def world(firestores: FirestorePool) -> Iterator[World]:
    with World(firestores.rig("embedded")) as world:
        world.put(WORLD)
        yield world


@pytest.fixture(scope="module")
def answers() -> dict[tuple[object, ...], SearchResult]:
    """What was found already: two texts that are read alike are looked up once."""
    return {}


def read(pasted: Pasted) -> ParsedQuery:
    return recognise(pasted.text, LAYOUT, **PLACES)


def test_the_corpus_is_large() -> None:
    assert len({pasted.text for pasted in CORPUS}) >= 200


@pytest.mark.parametrize("pasted", CORPUS, ids=[f"{number}" for number in range(len(CORPUS))])
def test_what_is_pasted_is_found_or_told(
    world: World, answers: dict[tuple[object, ...], SearchResult], pasted: Pasted
) -> None:
    outcome, _, words = pasted.found.partition(":")
    if outcome == "refused":
        with pytest.raises(BadInput, match=words) as caught:
            read(pasted)
        assert caught.value.remedy
        return
    reading = read(pasted)
    assert reading.kind == pasted.kind, pasted.text
    assert "deadbeef" not in repr(reading)
    if reading.guesses not in answers:
        answers[reading.guesses] = find(world.records, pasted.text, LAYOUT, **PLACES)
    found = answers[reading.guesses]
    assert not found.gaps
    ids = ["/".join(filter(None, (match.uid, match.video_id, match.clip_id))) for match in found.matches]
    if outcome == "told":
        assert (ids, bool(found.searched)) == ([], True)
        assert words in "; ".join(found.cannot)
    else:
        assert pasted.found in ids, (pasted.text, ids, found.searched)
        assert found.cannot == ()
