"""Texts found by words and by trigrams, against slow and obvious ways to find the same."""

import random

import numpy as np
import pytest
from rapidfuzz.distance import OSA

from app.services.trigram_index import TrigramIndex
from app.services.word_index import ONE_TYPO_FROM, TWO_TYPOS_FROM, TYPO_WEIGHTS, WordIndex
from benchmarks.library import make_library, misspelt

WORDS = sorted({word.lower() for title in make_library(300).titles for word in title.split()})


@pytest.mark.parametrize("typos", [0, 1, 2])
def test_every_word_that_so_many_typos_are_forgiven_for_is_found(typos: int) -> None:
    rng = random.Random(typos)  # noqa: S311 - no secret
    index = WordIndex(WORDS)
    for word in rng.sample(WORDS, 40):
        asked = misspelt(rng, word, typos)
        forgiven = (len(asked) >= ONE_TYPO_FROM) + (len(asked) >= TWO_TYPOS_FROM)
        counts = index.match([asked])
        for other, count in zip(WORDS, counts.tolist(), strict=True):
            distance = OSA.distance(asked, other)
            if distance == 0:
                assert count == 1
            elif distance <= forgiven and asked not in WORDS:
                assert count >= TYPO_WEIGHTS[distance] - 1e-6, (asked, other)
            elif not other.startswith(asked):
                assert count == 0, (asked, other)


def test_trigrams_are_counted_as_postgres_counts_them() -> None:
    index = TrigramIndex(["matrix reloaded", "the matter", "", "\u0432\u043e\u043b\u043a"])
    counts, n_trigrams = index.count_shared("matrix")  # "  m", " ma", "mat", "atr", "tri", "rix", "ix "
    assert (counts.tolist(), n_trigrams) == ([7, 3, 0, 0], 7)
    assert index.count_shared("\u0432\u043e\u043b\u043a")[0].tolist() == [0, 0, 0, 5]
    assert index.find("", 0.5)[0].tolist() == []
    found, shares = index.find("thematrix", 0.4)
    assert found.tolist() == [0, 1]
    assert np.allclose(shares, [0.5, 0.4])


def test_an_index_of_nothing_finds_nothing() -> None:
    assert TrigramIndex([]).find("matrix", 0.5)[0].tolist() == []
    assert WordIndex([]).match(["matrix"]).tolist() == []
