"""What is true of every list, whatever a user has rated."""

from typing import Any
from uuid import uuid4

import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trained import ITEMS_A_TASTE, TASTES, Service, ServiceStarter, ids, item_id

from app.config import Settings

ITEMS = st.builds(item_id, st.sampled_from(TASTES), st.integers(0, ITEMS_A_TASTE - 1))
RATINGS = st.dictionaries(ITEMS, st.integers(1, 10).map(lambda half_stars: half_stars / 2), max_size=60)


async def ask(service: Service, ratings: dict[str, float], limit: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The list of a new user with these ratings, and of a visitor with the same; `checked` looks at ranks and scores."""
    user = uuid4().hex
    rated_at = "2026-11-01T00:00:00Z"
    batch = [{"user_id": user, "item_id": i, "value": v, "rated_at": rated_at} for i, v in ratings.items()]
    if batch:
        assert (await service.client.post("/v1/ratings:batch", json={"ratings": batch})).status_code == 200
    history = [{"item_id": i, "value": v, "rated_at": rated_at} for i, v in ratings.items()]
    known = await service.recommend(user, limit=limit, explain="true")
    return known, await service.recommend_for(history, limit=limit, explain="true")


def test_every_list_is_unseen_unrepeated_ordered_and_explained(
    trained_settings: Settings, start_service: ServiceStarter
) -> None:
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(start_service(trained_settings)) as service,
    ):

        @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(ratings=RATINGS, limit=st.integers(1, 100))
        def check(ratings: dict[str, float], limit: int) -> None:
            known, visitor = portal.call(ask, service, ratings, limit)
            assert known["items"] == visitor["items"]
            assert not set(ratings) & set(ids(known))
            assert len(known["items"]) == min(limit, len(TASTES) * ITEMS_A_TASTE - len(ratings))
            assert known["history_size"] == len(ratings)
            assert known["fallback"] == (None if ratings else "popularity")
            for each in known["items"]:
                assert sum(each["contributions"].values()) == pytest.approx(each["score"], rel=1e-4, abs=1e-5)
                for reason in each["reasons"]:
                    if reason["kind"] == "because_you_rated":
                        assert ratings[reason["item_id"]] == reason["value"]
                    else:
                        assert reason["kind"] in {"popular", "related_to_history"}

        check()
