"""From an item to its terms."""

from datetime import date

import pytest

from app.engine.terms import WORDS_OF_TEXT, Description, field_of, item_terms, weight_of, words


def test_every_field_gives_its_terms() -> None:
    item = Description(
        "The Third Man",
        text="A writer, in Vienna",
        categories=["Film-Noir", "", "Crime"],
        tags=["Zither"],
        people=[{"name": "Orson Welles", "role": "cast"}, {"name": "Nobody"}],
        released_on=date(1949, 9, 1),
        language="en",
        attributes={"mood": ["Dark", 3], "brand": "London Films", "price": 4.5, "nested": {"a": "b"}},
    )
    assert item_terms(item) == [
        "category:Film-Noir",
        "category:",
        "category:Crime",
        "pair:+Crime",
        "pair:+Film-Noir",
        "pair:Crime+Film-Noir",
        "tag:zither",
        "person.cast:Orson Welles",
        "person:Nobody",
        "title:the",
        "title:third",
        "title:man",
        "text:writer",
        "text:in",
        "text:vienna",
        *(f"year:{year}" for year in range(1945, 1954)),
        "language:en",
        "attribute:brand=london films",
        "attribute:mood=dark",
    ]
    assert field_of("person.cast:Orson Welles") == "person.cast"


def test_a_role_weighs_as_it_is_named_or_as_any_person() -> None:
    weights = {"person": 1.0, "person.director": 1.5}
    roles = [{"name": "A", "role": role} for role in ("Director", "editor", "", "a:b.c")]
    fields = [field_of(term) for term in item_terms(Description("", people=roles))]
    assert [weight_of(field, weights) for field in fields] == [1.5, 1.0, 1.0, 1.0]
    assert weight_of("other", weights) == 0.0


def test_an_item_in_very_many_categories_makes_few_pairs() -> None:
    terms = item_terms(Description("", categories=[f"c{i}" for i in range(100)]))
    assert sum(field_of(term) == "pair" for term in terms) == 28


def test_an_item_that_says_nothing_has_no_terms() -> None:
    assert item_terms(Description("—")) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Amélie Ünder", ["amelie", "under"]),
        ("AMÉLIE", ["amelie"]),
        ("Straße", ["strasse"]),
        ("千と千尋の神隠し", ["千と千尋の神隠し"]),
        ("snake_case 😀 a 42", ["snake", "case", "42"]),
        ("", []),
    ],
)
def test_words_are_folded(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_only_the_first_words_of_a_text_count() -> None:
    text = " ".join(f"word{i}" for i in range(WORDS_OF_TEXT + 50))
    terms = item_terms(Description("", text=text))
    assert len(terms) == WORDS_OF_TEXT
    assert terms[-1] == f"text:word{WORDS_OF_TEXT - 1}"


def test_an_attribute_that_is_a_sentence_counts_by_its_words() -> None:
    item = Description("", attributes={"tagline": "Fold, or be folded.", "studios": ["The House of the Four Winds"]})
    assert sorted(item_terms(item)) == [
        "attribute:studios=the house of the four winds",
        "text:be",
        "text:fold",
        "text:folded",
        "text:or",
    ]
