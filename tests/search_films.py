"""Films whose titles and people are awkward to find, and what finds them."""

from typing import Any

import httpx
from trained import Service

from app.api.schemas.search import SearchResults

FILMS: dict[str, dict[str, Any]] = {
    "matrix": {"title": "The Matrix", "people": [{"name": "Keanu Reeves"}, {"name": "Carrie-Anne Moss"}]},
    "reloaded": {"title": "Matrix Reloaded, The", "people": [{"name": "Keanu Reeves", "role": "actor"}]},
    "amelie": {"title": "Am\u00e9lie", "people": [{"name": "Audrey Tautou"}]},
    "schindler": {"title": "Schindler's List", "people": [{"name": "Liam Neeson"}]},
    "et": {"title": "E.T. the Extra-Terrestrial"},
    "wolf": {"title": "\u0412\u043e\u043b\u043a \u0438 \u0437\u0430\u044f\u0446"},
    "spirited": {"title": "\u5343\u3068\u5343\u5c0b\u306e\u795e\u96a0\u3057"},
    "emoji": {"title": "\U0001f3ac Movie"},
    "percent": {"title": "100% Wolf_Pack"},
    "it": {"title": "It"},
    "hidden": {"title": "Matrix Hidden", "hidden": True},
    "gone": {"title": "Matrix Gone", "people": [{"name": "Keanu Reeves"}]},
    "later": {"title": "Matrix Later", "available_from": "2999-01-01T00:00:00Z"},
}
VISIBLE_MATRIX = {"matrix", "reloaded"}

FINDINGS = [
    ("matrix", "matrix", "title", "exact"),
    ("the matrix", "matrix", "title", "exact"),
    ("MATRIX, the", "matrix", "title", "exact"),
    ("matrix reloaded", "reloaded", "title", "exact"),
    ("mat", "matrix", "title", "prefix"),
    ("relo", "reloaded", "title", "words"),
    ("matirx", "matrix", "title", "similar"),
    ("mtarix", "matrix", "title", "similar"),
    ("thematrix", "matrix", "title", "similar"),
    ("keanu reeves", "matrix", "person", "exact"),
    ("kea", "matrix", "person", "prefix"),
    ("reeves", "reloaded", "person", "words"),
    ("kaenu reves", "matrix", "person", "similar"),
    ("carrie anne", "matrix", "person", "prefix"),
    ("amelie", "amelie", "title", "exact"),
    ("AME\u0301LIE", "amelie", "title", "exact"),
    ("schindlers list", "schindler", "title", "exact"),
    ("shindler's", "schindler", "title", "similar"),
    ("et", "et", "title", "prefix"),
    ("extra terr", "et", "title", "words"),
    ("\u0432\u043e\u043b\u043a", "wolf", "title", "prefix"),
    ("\u0412\u041e\u041b\u041a \u0418", "wolf", "title", "prefix"),
    ("\u5343\u3068", "spirited", "title", "prefix"),
    ("\U0001f3ac", "emoji", "title", "prefix"),
    ("100%", "percent", "title", "prefix"),
    ("wolf_pack", "percent", "title", "words"),
    ("it", "it", "title", "exact"),
]


async def store_films(service: Service) -> None:
    for film, fields in FILMS.items():
        await service.put_item(film, **{"categories": ["Film", "Loan"]} | fields)
    await service.delete_item("gone")


def found_in(answer: httpx.Response) -> dict[str, Any]:
    """What was found, once it is as documented."""
    assert answer.status_code == 200, answer.text
    SearchResults.model_validate_json(answer.content, strict=True)
    found: dict[str, Any] = answer.json()
    ranks = [item["rank"] for item in found["items"]]
    assert ranks == list(range(ranks[0], ranks[0] + len(ranks))) if ranks else True
    assert len(set(ids(found))) == len(ranks)
    assert all((item["match"]["by"] == "person") == (item["match"]["person"] is not None) for item in found["items"])
    return found


def ids(found: dict[str, Any]) -> list[str]:
    """The items that were found, in their order."""
    return [item["item_id"] for item in found["items"]]
