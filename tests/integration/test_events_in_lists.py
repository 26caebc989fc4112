"""What events do to the next list, by a service that was really trained; and a service that has nothing but events."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from databases import fresh_database
from trained import Service, ids, item_id, problem, share_of, train_small

pytestmark = pytest.mark.anyio


async def send(service: Service, user: str, kind: str, *items: str, **fields: Any) -> None:
    rows = [{"user_id": user, "kind": kind, "item_id": item} | fields for item in items]
    answer = await service.client.post("/v1/events:batch", json={"events": rows})
    assert answer.json()["counts"]["created"] == len(items), answer.text


def of(taste: str, count: int = 3) -> list[str]:
    return [item_id(taste, number) for number in range(count)]


@pytest.mark.parametrize(("kind", "seen"), [("purchase", True), ("like", False), ("click", False), ("view", False)])
async def test_events_make_the_next_list_personal(reading_service: Service, kind: str, seen: bool) -> None:
    user = f"newcomer who would {kind}"
    before = await reading_service.recommend(user, limit=100)
    await send(reading_service, user, kind, *of("Horror"))
    after = await reading_service.recommend(user, limit=10)
    assert (before["fallback"], after["fallback"], after["history_size"]) == ("popularity", None, 3)
    assert share_of(after, "Horror") > share_of(before, "Horror") + 0.2
    shown = set(ids(await reading_service.recommend(user, limit=100)))
    assert bool(shown & set(of("Horror"))) != seen


async def test_a_play_counts_by_its_share(reading_service: Service) -> None:
    [whole, part, silent] = of("Western")
    await send(reading_service, "listener", "play", whole, value=0.51)
    await send(reading_service, "listener", "play", part, value=0.5)
    await send(reading_service, "listener", "play", silent)
    listed = await reading_service.recommend("listener", limit=100)
    assert listed["history_size"] == 3
    assert {whole, part, silent} & set(ids(listed)) == {part, silent}


async def test_impressions_never_enter_the_history(reading_service: Service) -> None:
    await send(reading_service, "passer-by", "impression", *of("Comedy", 5))
    listed = await reading_service.recommend("passer-by", limit=100)
    assert (listed["fallback"], listed["history_size"]) == ("popularity", 0)


async def test_a_dismissal_hides_for_90_days_and_speaks_against(reading_service: Service) -> None:
    [fresh, expired, _] = of("Comedy")
    now = datetime.now(UTC)
    await send(reading_service, "dismissive", "dismiss", fresh, occurred_at=(now - timedelta(days=89)).isoformat())
    await send(reading_service, "dismissive", "dismiss", expired, occurred_at=(now - timedelta(days=91)).isoformat())
    listed = await reading_service.recommend("dismissive", limit=100, category="Comedy")
    assert listed["history_size"] == 1
    assert {fresh, expired} & set(ids(listed)) == {expired}
    assert share_of(await reading_service.recommend("dismissive", limit=10), "Comedy") <= 0.34


async def test_a_dislike_speaks_against_its_kind_beside_a_dismissal_and_a_click(reading_service: Service) -> None:
    nobody = await reading_service.recommend("who has done nothing", limit=40)
    await reading_service.rate("choosy", item_id("Horror", 3), value=0.5)
    await send(reading_service, "choosy", "dismiss", item_id("Horror", 4))
    listed = await reading_service.recommend("choosy", limit=40, explain="true")
    horror = [each for each in listed["items"] if "Horror" in each["item"]["categories"]]
    assert all(each["contributions"].get(name, 0) <= 0 for each in horror for name in ("item_to_item", "next_item"))
    await send(reading_service, "choosy", "click", item_id("Comedy", 0))
    listed = await reading_service.recommend("choosy", limit=40)
    assert share_of(listed, "Horror") < share_of(nobody, "Horror")


async def test_an_undone_event_is_as_if_it_had_never_been(reading_service: Service) -> None:
    await send(reading_service, "undoer", "purchase", item_id("Comedy", 0), event_id="undo/me")
    assert (await reading_service.recommend("undoer"))["history_size"] == 1
    assert (await reading_service.client.delete("/v1/events/undo%2Fme")).status_code == 204
    listed = await reading_service.recommend("undoer", limit=100)
    assert (listed["history_size"], item_id("Comedy", 0) in ids(listed)) == (0, True)


async def test_a_rating_beats_the_events_of_its_item_and_reasons_name_the_event(reading_service: Service) -> None:
    await send(reading_service, "both", "purchase", *of("Horror", 2))
    await reading_service.rate("both", item_id("Horror", 0), value=4.5)
    listed = await reading_service.recommend("both", limit=50, explain="true")
    assert listed["history_size"] == 2
    reasons = {reason["item_id"]: reason for each in listed["items"] for reason in each["reasons"]}
    assert reasons[item_id("Horror", 0)]["kind"] == "because_you_rated"
    reason = reasons[item_id("Horror", 1)]
    assert (reason["kind"], reason["event"], reason["value"]) == ("because_of_event", "purchase", None)
    assert reason["text"] == f"Because you bought {reason['title']}"
    for each in listed["items"]:
        assert sum(each["contributions"].values()) == pytest.approx(each["score"], rel=1e-4, abs=1e-5)


async def test_that_an_item_was_opened_is_no_reason_for_itself(reading_service: Service) -> None:
    opened = of("Horror")
    await send(reading_service, "looker", "click", *opened)
    listed = await reading_service.recommend("looker", limit=50, explain="true")
    reasons = {each["item_id"]: {reason["item_id"] for reason in each["reasons"]} for each in listed["items"]}
    assert set(opened) <= set(reasons)
    assert {item for item, causes in reasons.items() if item in causes} == set()
    assert set.union(*reasons.values()) & set(opened)


async def test_posted_events_rank_as_stored_ones_do(reading_service: Service) -> None:
    await send(reading_service, "twin of events", "like", *of("Western"), occurred_at="2026-11-20T00:00:00Z")
    known = await reading_service.recommend("twin of events", limit=50)
    posted = [{"item_id": i, "kind": "like", "occurred_at": "2026-11-20T00:00:00Z"} for i in of("Western")]
    assert (await reading_service.recommend_for(posted, limit=50))["items"] == known["items"]
    for entry, error in [
        ({"kind": "stare"}, ("/history/0/kind", "unknown_kind")),
        ({"kind": "like", "rated_at": "2026-11-20T00:00:00Z"}, ("/history/0/rated_at", "unknown_field")),
        ({"value": 4, "occurred_at": "2026-11-20T00:00:00Z"}, ("/history/0/occurred_at", "unknown_field")),
        ({}, ("/history/0/value", "required")),
    ]:
        body = {"history": [{"item_id": item_id("Comedy", 1)} | entry]}
        assert problem(await reading_service.client.post("/v1/recommendations", json=body)) == [error]


async def test_a_service_with_events_alone_trains_and_serves(
    server_url: str, trained_template: str, trained_settings: Any, tmp_path: Any, start_service: Any
) -> None:
    with fresh_database(server_url, trained_template) as url:
        with psycopg.connect(url) as connection:
            connection.execute(
                "INSERT INTO events (user_key, item_key, kind, occurred_at)"
                " SELECT user_key, item_key, 'purchase', rated_at FROM ratings WHERE value >= 4"
            )
            connection.execute("DELETE FROM ratings")
        published = train_small(url, tmp_path / "artifacts")
        assert (published.counts["ratings"], published.counts["events"] > 1_000) == (0, True)
        figures = published.metrics["next_item"]
        assert figures["blend"]["ndcg_at_10"] > figures["popularity"]["ndcg_at_10"]
        settings = trained_settings.model_copy(
            update={"database_url": type(trained_settings)(database_url=url).database_url}
        )
        async with start_service(settings) as service:
            popular = await service.popular(limit=9)
            assert {taste for taste in ("Comedy", "Horror", "Western") if share_of(popular, taste) > 0} == {
                "Comedy", "Horror", "Western",
            }  # fmt: skip
            await send(service, "shopper", "purchase", *of("Western"))
            assert share_of(await service.recommend("shopper", limit=10), "Western") >= 0.8
