"""Plots and people are added to the movies they belong to."""

import zipfile
from pathlib import Path

import pytest

from app.engine.terms import Description
from app.errors import InvalidInput
from training.data import ItemRecord
from training.evaluation.item_text import with_item_text

LINES = """1::Toy Story::1995::G::22 Nov 1995::Animation, Comedy::John Lasseter::Joss Whedon (screenplay), Joss Whedon (story)\
::Tom Hanks, Tim Allen::A boy's toys come to life.::https://example.org/1.jpg
2::Jumanji::1995::N/A::N/A::N/A::N/A::N/A::N/A::N/A
too::short
"""


def items() -> list[ItemRecord]:
    return [
        ItemRecord(0, b"1", Description("Toy Story", categories=["Comedy"])),
        ItemRecord(1, b"2", Description("Jumanji", text="A game.")),
        ItemRecord(2, b"3", Description("Heat")),
    ]


@pytest.mark.parametrize("zipped", [True, False])
def test_what_the_file_knows_is_added(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / ("text.zip" if zipped else "text.dat")
    if zipped:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("movies.dat", LINES)
    else:
        path.write_text(LINES)
    toy_story, jumanji, heat = (item.description for item in with_item_text(items(), path))
    assert toy_story.text == "A boy's toys come to life."
    assert [(person["role"], person["name"]) for person in toy_story.people] == [
        ("director", "John Lasseter"), ("writer", "Joss Whedon"), ("cast", "Tom Hanks"), ("cast", "Tim Allen"),
    ]  # fmt: skip
    assert toy_story.attributes == {"certificate": "G"}
    assert toy_story.categories == ["Comedy"]
    assert toy_story.tags == ["Animation", "Comedy"]
    assert (jumanji.text, list(jumanji.people), dict(jumanji.attributes)) == ("A game.", [], {})
    assert heat == items()[2].description


def test_a_file_about_other_items_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.dat").write_text(LINES.replace("1::Toy", "7::Toy").replace("2::Jum", "8::Jum"))
    with pytest.raises(InvalidInput, match="none of its lines"):
        with_item_text(items(), tmp_path / "text.dat")
