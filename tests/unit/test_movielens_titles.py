"""How MovieLens titles become what people read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.importers.movielens_titles import move_article, split_title


@pytest.mark.parametrize(
    ("text", "title", "year"),
    [
        ("Paper Kingdom (1995)", "Paper Kingdom", 1995),
        ("Paper Kingdom, The (1995)", "The Paper Kingdom", 1995),
        ("Winter in Delft, A (1951)", "A Winter in Delft", 1951),
        ("Aventure bleue, L' (Blue Adventure, The) (1960)", "L'Aventure bleue (The Blue Adventure)", 1960),
        ("Salt, the Sea and the Sky, The (1966)", "The Salt, the Sea and the Sky", 1966),
        ("Paper Kingdom (1995) ", "Paper Kingdom", 1995),
        ("Paper Kingdom III (1995) (V)", "Paper Kingdom III", 1995),
        ("Long Series (2006\u20132007)", "Long Series", 2006),
        ("Endless Series (2010-)", "Endless Series", 2010),
        ("1984 (1984)", "1984", 1984),
        ("unknown", "unknown", None),
        ("Babel 7", "Babel 7", None),
        ("(1995)", "(1995)", None),
        ("Vault 4077 (4077)", "Vault 4077 (4077)", None),
        ("I, Teapot (2004)", "I, Teapot", 2004),
        ("", "", None),
    ],
)
def test_titles_and_years_are_told_apart(text: str, title: str, year: int | None) -> None:
    assert split_title(text) == (title, year)


words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).map(str.strip).filter(bool)


@given(title=words, year=st.integers(1800, 2099))
def test_a_year_that_was_added_comes_off_again(title: str, year: int) -> None:
    assert split_title(f"{title} ({year})") == (move_article(title), year)


@given(title=words)
def test_an_article_moves_once_and_no_letter_is_lost(title: str) -> None:
    moved = move_article(title)
    assert move_article(moved) == moved or ", " in moved
    assert sorted(moved.replace(",", "").replace(" ", "")) == sorted(title.replace(",", "").replace(" ", ""))


@given(title=st.text())
def test_a_title_is_never_left_empty(title: str) -> None:
    found, _ = split_title(title)
    assert bool(found) == bool(title.strip())
