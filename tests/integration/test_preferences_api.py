"""What users state themselves and what it does to the next list, by a service that was really trained."""

from typing import Any

import httpx
import pytest
from trained import Service, address, ids, item_id, problem, share_of

pytestmark = pytest.mark.anyio

EMPTY: dict[str, Any] = {
    "liked": {"categories": [], "people": [], "items": []},
    "disliked": {"categories": [], "people": [], "items": []},
    "limits": {"max_duration": None, "certificates": [], "languages": [], "exclude_categories": []},
    "updated_at": None,
}


async def prefer(service: Service, user: str, **preferences: Any) -> httpx.Response:
    answer = await service.client.put(address("users", user, "preferences"), json=preferences)
    assert answer.status_code == 200, answer.text
    return answer


async def stored(service: Service, user: str) -> dict[str, Any]:
    answer = await service.client.get(address("users", user, "preferences"))
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_preferences_are_stored_in_full_and_taken_back(reading_service: Service) -> None:
    assert await stored(reading_service, "nobody ever") == EMPTY
    limits = {"max_duration": 120, "certificates": ["G"], "languages": ["en", "pt-BR"], "exclude_categories": ["War"]}
    given = {"liked": {"categories": ["Horror", "Horror"], "items": [item_id("Horror", 1)]}, "limits": limits}
    answer = await prefer(reading_service, "stater", **given)
    found = await stored(reading_service, "stater")
    assert found == answer.json()
    assert found["liked"] == {"categories": ["Horror"], "people": [], "items": [item_id("Horror", 1)]}
    assert (found["disliked"], found["limits"]) == (EMPTY["disliked"], limits)
    await prefer(reading_service, "stater", disliked={"people": ["Ann"]})
    assert (await stored(reading_service, "stater"))["limits"] == EMPTY["limits"]
    for _ in range(2):
        assert (await reading_service.client.delete(address("users", "stater", "preferences"))).status_code == 204
        assert await stored(reading_service, "stater") == EMPTY


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({"liked": {"items": ["no-such"]}}, [("/liked/items/0", "unknown_item")]),
        ({"likes": {}}, [("/likes", "unknown_field")]),
        ({"liked": {"genres": []}}, [("/liked/genres", "unknown_field")]),
        ({"liked": {"categories": ["a"] * 101}}, [("/liked/categories", "too_long")]),
        ({"liked": {"categories": ["x" * 101]}}, [("/liked/categories/0", "too_long")]),
        ({"limits": {"max_duration": 0}}, [("/limits/max_duration", "too_small")]),
        ({"limits": {"max_duration": True}}, [("/limits/max_duration", "not_an_integer")]),
        ({"limits": {"languages": ["e"]}}, [("/limits/languages/0", "wrong_form")]),
        ({"limits": None}, [("/limits", "not_an_object")]),
        ({"liked": {"categories": ["A"]}, "disliked": {"categories": ["A"]}}, [("", "liked_and_disliked")]),
    ],
)
async def test_preferences_that_cannot_be_are_refused(reading_service: Service, body: Any, errors: Any) -> None:
    answer = await reading_service.client.put(address("users", "refused", "preferences"), json=body)
    assert problem(answer) == errors


async def test_a_liked_category_gives_a_newcomer_a_list_of_their_own(reading_service: Service) -> None:
    plain = await reading_service.recommend("says nothing", limit=10)
    await prefer(reading_service, "likes westerns", liked={"categories": ["Western"]})
    listed = await reading_service.recommend("likes westerns", limit=10, explain="true")
    assert (plain["fallback"], listed["fallback"], listed["history_size"]) == ("popularity", "preferences", 0)
    assert share_of(listed, "Western") >= 0.8 > share_of(plain, "Western")
    first = listed["items"][0]
    assert [(r["kind"], r["name"], r["text"]) for r in first["reasons"]] == [
        ("preferred_category", "Western", "Because you like Western")
    ]
    for item in listed["items"]:
        assert sum(item["contributions"].values()) == pytest.approx(item["score"], abs=1e-4)
        assert item["contributions"]["preferences"] > 0 or "Western" not in item["item"]["categories"]


async def test_a_disliked_category_goes_down_and_stays_in_the_list(reading_service: Service) -> None:
    await prefer(reading_service, "no comedies please", disliked={"categories": ["Comedy"]})
    top = await reading_service.recommend("no comedies please", limit=10)
    everything = await reading_service.recommend("no comedies please", limit=100)
    assert share_of(top, "Comedy") == 0
    assert share_of(everything, "Comedy") > 0


async def test_liked_items_stand_for_a_history_and_are_not_shown_again(reading_service: Service) -> None:
    liked = [item_id("Horror", number) for number in range(3)]
    await prefer(reading_service, "names three", liked={"items": liked})
    listed = await reading_service.recommend("names three", limit=10, explain="true")
    assert (listed["fallback"], listed["history_size"]) == ("preferences", 0)
    assert share_of(listed, "Horror") >= 0.9
    assert not set(liked) & set(ids(await reading_service.recommend("names three", limit=100)))
    assert set(liked) <= set(ids(await reading_service.recommend("names three", limit=100, include_seen="true")))
    reasons = [reason for item in listed["items"] for reason in item["reasons"]]
    assert {reason["kind"] for reason in reasons} == {"preferred_item"}
    assert {reason["item_id"] for reason in reasons} <= set(liked)


async def test_what_is_done_soon_tells_more_than_what_was_said(reading_service: Service) -> None:
    await prefer(reading_service, "changes", liked={"categories": ["Comedy"], "items": [item_id("Comedy", 0)]})
    shares = []
    for done in range(0, 40, 10):
        if done:
            await reading_service.like("changes", "Horror", range(done - 10, done))
        listed = await reading_service.recommend("changes", limit=10, explain="true", category="Comedy")
        assert listed["history_size"] == done
        assert listed["fallback"] == (None if done else "preferences")
        shares.append(max(item["contributions"].get("preferences", 0) for item in listed["items"]))
    assert shares[0] > 0 < shares[1] > shares[2] > shares[3] == 0
    without = await reading_service.like("never said a word", "Horror", range(30))
    same = await reading_service.recommend("never said a word", limit=10, exclude_item=item_id("Comedy", 0))
    now = await reading_service.recommend("changes", limit=10)
    assert without
    assert [(item["item_id"], item["score"]) for item in now["items"]] == [
        (item["item_id"], item["score"]) for item in same["items"]
    ]


async def test_a_category_never_to_be_shown_is_never_shown(reading_service: Service) -> None:
    await prefer(reading_service, "child", limits={"exclude_categories": ["Horror", "Comedy"]})
    await reading_service.like("child", "Horror")
    for query in ({}, {"include_seen": "true"}, {"diversity": "0.8"}, {"category": "Horror"}, {"popularity": "-1"}):
        listed = await reading_service.recommend("child", limit=100, **query)
        assert share_of(listed, "Western") == 1 if listed["items"] else query == {"category": "Horror"}


async def test_limits_change_who_is_shown_and_no_score(reading_service: Service) -> None:
    await reading_service.like("measured", "Horror")
    before = await reading_service.recommend("measured", limit=100)
    await prefer(reading_service, "measured", limits={"exclude_categories": ["Western"]})
    after = await reading_service.recommend("measured", limit=100)
    kept = [(item["item_id"], item["score"]) for item in before["items"] if not item["item_id"].startswith("western")]
    assert 0 < len(kept) < len(before["items"])
    assert [(item["item_id"], item["score"]) for item in after["items"]][: len(kept)] == kept


async def test_limits_and_suppressions_hold_without_a_release(new_service: Service) -> None:
    for taste in ("Comedy", "Horror", "Western"):
        for number in range(3):
            await new_service.put_another(item_id(taste, number), taste)
    await prefer(new_service, "child", limits={"exclude_categories": ["Horror"]})
    where = address("users", "child", "suppressions", "items", item_id("Comedy", 0))
    assert (await new_service.client.put(where)).status_code == 200
    where = address("users", "child", "suppressions", "categories", "Western")
    assert (await new_service.client.put(where, json={"days": 2})).status_code == 200
    listed = await new_service.recommend("child", include_seen="true")
    assert (listed["release"], listed["degraded"]) == (None, ["no_release"])
    assert set(ids(listed)) == {item_id("Comedy", 1), item_id("Comedy", 2)}
    assert len(ids(await new_service.recommend("anybody"))) == 9


async def test_every_kind_of_limit_holds_and_what_is_not_known_does_not_pass(service: Service) -> None:
    fits = {"duration_minutes": 90, "certificate": "PG", "language": "en-GB"}
    await service.put_another("fits", "Comedy", **fits)
    for name, other in {
        "long": {"duration_minutes": 91},
        "rough": {"certificate": "R"},
        "foreign": {"language": "fr"},
    }.items():
        await service.put_another(name, "Comedy", **(fits | other))
        await service.put_another(f"un{name}", "Comedy", **(fits | dict.fromkeys(other)))
    await prefer(service, "child", limits={"max_duration": 90, "certificates": ["G", "PG"], "languages": ["en"]})
    assert ids(await service.recommend("child", limit=100)) == ["fits"]
    await service.put_another("fits", "Comedy", **(fits | {"certificate": "R"}))
    assert ids(await service.recommend("child", limit=100)) == []


async def test_a_liked_person_is_a_reason(service: Service) -> None:
    for number in range(3):
        await service.put_another(f"by ann {number}", "Western", people=[{"name": "Ann Lee", "role": "director"}])
    await prefer(service, "fan", liked={"people": ["Ann Lee", "Nobody"]})
    listed = await service.recommend("fan", limit=100, explain="true")
    fans, strangers = ids(listed), ids(await service.recommend("a stranger", limit=100))
    for by_ann in (f"by ann {number}" for number in range(3)):
        place = fans.index(by_ann)
        assert place < strangers.index(by_ann)
        reasons = listed["items"][place]["reasons"]
        assert ("preferred_person", "Ann Lee") in [(reason["kind"], reason["name"]) for reason in reasons]


async def test_a_home_page_has_a_row_of_a_category_that_is_stated_to_be_liked(service: Service) -> None:
    async def categories(**wishes: Any) -> list[str]:
        answer = await service.client.put(address("users", "host", "preferences"), json=wishes)
        assert answer.status_code == 200, answer.text
        page = (await service.client.get(address("users", "host", "home"), params={"limit": 5})).json()
        return [row["category"] for row in page["rows"] if row["kind"] == "category"]

    assert await categories() == ["Comedy", "Horror"]
    assert await categories(liked={"categories": ["Western"]}) == ["Western"]
    assert await categories(liked={"categories": ["No such category"]}) == ["Comedy", "Horror"]
    assert "Horror" not in await categories(disliked={"categories": ["Horror"]})
    await service.like("host", "Comedy")
    assert await categories(liked={"categories": ["Western"]}) == ["Western"]
    assert await categories() == ["Comedy"]
    assert "Comedy" not in await categories(limits={"exclude_categories": ["Comedy"]})
