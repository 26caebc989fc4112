"""The filters on what an item says of itself and on what people think of it: one meaning, wherever the item stands."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from anyio import to_thread
from trained import NOUNS, TASTES, Service, ids, item_id, train_small

pytestmark = pytest.mark.anyio

Item = dict[str, Any]


def described() -> dict[str, Item]:
    """Items of every taste that differ in all they say, and one that says nothing."""
    durations, certificates, languages = (None, 80, 100, 140), (None, "G", "R"), (None, "pt", "pt-BR", "en")
    made: dict[str, Item] = {}
    for number, (duration, certificate, language) in enumerate(product(durations, certificates, languages)):
        taste = TASTES[number % 3]
        made[f"odd-{number:02}"] = {
            "title": f"{NOUNS[taste][number % 5]} {number}",
            "categories": [taste, "Odd"],
            "duration_minutes": duration,
            "certificate": certificate,
            "language": language,
            "tags": [f"tag {number % 4}", "t"],
            "people": [{"name": f"Actor {number % 5}", "role": "actor"}, {"name": "Al"}],
            "votes": None if number % 6 == 0 else 10 * number,
            "vote_mean": None if number % 6 < 2 else 2.0 + number % 7,
        }
    made["odd-bare"] = {"title": "-", "categories": ["Odd"]}
    return made


def rating_here(mean: float, votes: int, vote_mean: float) -> float:
    """The Bayesian mean of an item without ratings here, of which votes elsewhere are told."""
    trusted = min(votes, 50)
    return (20 * mean + trusted * vote_mean / 2) / (20 + trusted)


QUERIES: list[tuple[dict[str, Any], Callable[[Item], bool]]] = [
    ({"max_duration": 100}, lambda i: (i.get("duration_minutes") or 999) <= 100),
    ({"max_duration": 0}, lambda _: False),
    ({"certificate": "G"}, lambda i: i.get("certificate") == "G"),
    ({"certificate": ["G", "R"]}, lambda i: i.get("certificate") in {"G", "R"}),
    ({"language": "pt"}, lambda i: i.get("language") in {"pt", "pt-BR"}),
    ({"language": "PT-br"}, lambda i: i.get("language") == "pt-BR"),
    ({"language": ["en", "pt-BR"]}, lambda i: i.get("language") in {"en", "pt-BR"}),
    ({"person": "Actor 3"}, lambda i: "Actor 3" in [p["name"] for p in i.get("people", [])]),
    ({"person": ["Nobody", "Al"]}, lambda i: bool(i.get("people"))),
    ({"tag": "tag 1"}, lambda i: "tag 1" in i.get("tags", [])),
    ({"tag": ["tag 1", "tag 2"]}, lambda i: bool({"tag 1", "tag 2"} & set(i.get("tags", [])))),
    ({"min_ratings": 130}, lambda i: (i.get("votes") or 0) >= 130),
    ({"min_ratings": 0}, lambda _: True),
    (
        {"max_duration": 140, "certificate": "R", "language": "pt", "exclude_category": "Horror"},
        lambda i: (
            (i.get("duration_minutes") or 999) <= 140
            and i.get("certificate") == "R"
            and i.get("language") in {"pt", "pt-BR"}
            and "Horror" not in i["categories"]
        ),
    ),
]


async def lists(service: Service, **query: Any) -> list[dict[str, Any]]:
    """Every kind of list there is now."""
    asked: dict[str, Any] = {"limit": 100, "category": ["Odd"], **query}
    found = [await service.popular(**asked), await service.recommend("anybody", **asked)]
    if service.live.serving is not None:
        found.append(await service.recommend_for([{"item_id": item_id("Horror", 5), "value": 5}], **asked))
        found.append(await service.similar(item_id("Horror", 5), **asked))
    return found


async def check_filters(service: Service, items: dict[str, Item]) -> None:
    every = [{each["item_id"]: each["score"] for each in found["items"]} for found in await lists(service)]
    assert all(set(scores) == set(items) for scores in every)
    for query, passes in QUERIES:
        wanted = {item for item, fields in items.items() if passes(fields)}
        for found, scores in zip(await lists(service, **query), every, strict=True):
            assert set(ids(found)) == wanted, query
            assert all(each["score"] == scores[each["item_id"]] for each in found["items"])


async def check_ratings(service: Service, items: dict[str, Item]) -> None:
    told = {i: f for i, f in items.items() if f.get("votes") and f.get("vote_mean")}
    for least in (1.0, 3.0, 3.4, 3.6):
        for found in await lists(service, min_rating=least):
            assert set(ids(found)) <= set(told), "nobody has rated it"
            # The overall mean lies somewhere on the scale; what is far from the limit is on one side whatever it is.
            low = {i for i, f in told.items() if rating_here(5.0, f["votes"], f["vote_mean"]) < least}
            high = {i for i, f in told.items() if rating_here(0.5, f["votes"], f["vote_mean"]) >= least}
            assert high <= set(ids(found))
            assert not low & set(ids(found))


async def test_a_filter_means_the_same_before_during_and_after_a_release(service: Service) -> None:
    items = described()
    rows = [{"item_id": item, **fields} for item, fields in items.items()]
    answer = await service.client.post("/v1/items:batch", json={"items": rows})
    assert answer.json()["counts"]["created"] == len(rows)
    await check_filters(service, items)  # as rows that came after the release
    await check_ratings(service, items)

    artifacts: Path = service.settings.data_dir / "artifacts"
    await to_thread.run_sync(train_small, service.database_url, artifacts)
    await service.live.look()
    assert service.live.serving is not None
    assert service.live.serving.catalogue.n_overlay == 0
    await check_filters(service, items)  # as rows of the release
    await check_ratings(service, items)
    rated = await service.popular(limit=100, min_rating=0.5, exclude_category="Odd")
    assert len(rated["items"]) == 100
    assert len((await service.popular(limit=100, min_ratings=60, exclude_category="Odd"))["items"]) < 100

    for item, fields in list(items.items())[::3]:
        items[item] = {**fields, "certificate": "R", "language": "en", "tags": ["tag 2"], "duration_minutes": 90}
        await service.put_item(item, **items[item])
    await check_filters(service, items)  # as rows of the release that have changed since
    await check_ratings(service, items)

    service.live.serving = None
    await check_filters(service, items)  # straight from the database
    await check_ratings(service, items)


async def test_an_item_is_listed_within_its_times_alone(service: Service) -> None:
    now = datetime.now(UTC)
    clock = [now]
    object.__setattr__(service.app.state.services, "now", lambda: clock[0])
    await service.put_another("soon", "Horror", available_from=(now + timedelta(hours=1)).isoformat())
    await service.put_another("ends", "Horror", available_until=(now + timedelta(hours=2)).isoformat())
    expected = [({"ends"}, 0), ({"ends", "soon"}, 1), ({"soon"}, 2), ({"ends", "soon"}, 1.5), ({"ends"}, 0)]
    for serving in (service.live.serving, None):
        service.live.serving = serving
        for shown, hours in expected:
            clock[0] = now + timedelta(hours=hours)
            found = ids(await service.popular(limit=100, category="Horror"))
            assert {"soon", "ends"} & set(found) == shown
            assert {"soon", "ends"} & set(ids(await service.recommend("x", limit=100, category="Horror"))) == shown
