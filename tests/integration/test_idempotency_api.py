"""`Idempotency-Key`: what is sent twice is done once, and answered with the same words."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from anyio import to_thread
from guarded import Guarded, bearer, mint
from trained import Service, address, item_id, problem
from workers import wait_until

from app.db import open_sync_engine
from app.services import stored_answers
from app.services.conversions import Conversions
from training.retention import delete_old_answers

pytestmark = pytest.mark.anyio
REPLAYED = "idempotent-replayed"


async def post(service: Service, path: str, key: str, body: Any, **headers: str) -> httpx.Response:
    return await service.client.post(path, json=body, headers={"Idempotency-Key": key} | headers)


def count(service: Service, statement: str, *parameters: Any) -> Any:
    with psycopg.connect(service.database_url) as connection:
        row = connection.execute(statement, parameters).fetchone()  # pyright: ignore[reportArgumentType] - ours
    assert row is not None
    return row[0]


def answers(service: Service) -> int:
    return count(service, "SELECT count(*) FROM stored_answers")


def play(user: str, number: int = 0) -> dict[str, Any]:
    return {"user_id": user, "item_id": item_id("Comedy", number), "kind": "play", "value": 0.9}


async def test_a_rating_that_is_sent_twice_is_answered_alike_and_stored_once(service: Service) -> None:
    body = {"user_id": "ada", "item_id": item_id("Comedy", 1), "value": 4}
    first = await post(service, "/v1/ratings", "r-1", body)
    assert (first.status_code, first.json()["outcome"], first.headers.get(REPLAYED)) == (201, "created", None)
    # Meanwhile they think otherwise: the late retry does not bring the old value back.
    await service.rate("ada", item_id("Comedy", 1), value=1.0)
    again = await post(service, "/v1/ratings", "r-1", body)
    assert (again.status_code, again.content, again.headers[REPLAYED]) == (201, first.content, "true")
    assert again.headers["content-type"] == "application/json"
    stored = await service.client.get(address("users", "ada", "ratings", item_id("Comedy", 1)))
    assert stored.json()["value"] == 1.0


async def test_an_event_without_an_id_counts_once(service: Service) -> None:
    first = await post(service, "/v1/events", "e-1", play("ada"))
    again = await post(service, "/v1/events", "e-1", play("ada"))
    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    other = await post(service, "/v1/events", "e-2", play("ada"))
    assert other.status_code == 201
    assert count(service, "SELECT count(*) FROM events") == 2


async def test_every_kind_of_write_is_replayed(service: Service) -> None:
    rated = {"user_id": "ada", "item_id": item_id("Horror", 1), "value": 5}
    calls: list[tuple[str, Any]] = [
        ("/v1/ratings:batch", {"ratings": [rated, {**rated, "value": 99}]}),
        ("/v1/events:batch", {"events": [play("ada", 1), play("ada", 2)]}),
        ("/v1/items:batch", {"items": [{"item_id": "new", "title": "New"}]}),
        ("/v1/users/ada%2F1:merge", {"from_user_id": "visitor"}),
        ("/v1/training-runs", {}),
    ]
    for number, (path, body) in enumerate(calls):
        first = await post(service, path, f"k-{number}", body)
        assert first.is_success, first.text
        again = await post(service, path, f"k-{number}", body)
        assert (again.status_code, again.content, again.headers[REPLAYED]) == (first.status_code, first.content, "true")
        assert again.headers.get("location") == first.headers.get("location")
    assert count(service, "SELECT count(*) FROM events") == 2
    # What is new in the catalogue is served at once, as without a key.
    assert (await service.client.get("/v1/items/new/similar")).status_code == 200


async def test_a_key_goes_with_one_request(service: Service) -> None:
    body = play("ada")
    assert (await post(service, "/v1/events", "k", body)).status_code == 201
    for path, other in (("/v1/events", play("bob")), ("/v1/events:batch", {"events": [body]})):
        answer = await post(service, path, "k", other)
        assert answer.status_code == 422
        assert problem(answer) == [("/header/idempotency-key", "idempotency_key_reused")]
    assert count(service, "SELECT count(*) FROM events") == 1


async def test_a_refusal_is_not_kept(service: Service) -> None:
    body = {"user_id": "ada", "item_id": "later", "value": 4}
    assert (await post(service, "/v1/ratings", "k", body)).status_code == 422
    assert answers(service) == 0
    await service.put_item("later", title="Later")
    assert (await post(service, "/v1/ratings", "k", body)).status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "two words", "tab\there", "é"])
async def test_what_is_no_key_is_refused(reading_service: Service, key: str) -> None:
    answer = await reading_service.client.post(
        "/v1/ratings",
        json={"user_id": "ada", "item_id": item_id("Comedy", 1), "value": 4},
        headers=[(b"Idempotency-Key", key.encode("latin-1"))],
    )
    assert answer.status_code == 422
    assert problem(answer) == [("/header/idempotency-key", "malformed")]


async def test_two_keys_are_refused_and_none_is_heeded_where_nothing_is_posted(reading_service: Service) -> None:
    two = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    answer = await reading_service.client.post("/v1/events", json=play("ada"), headers=two)
    assert problem(answer) == [("/header/idempotency-key", "malformed")]
    url = address("users", "ada", "ratings", item_id("Comedy", 1))
    for value in (1, 2):
        answer = await reading_service.client.put(url, json={"value": value}, headers={"Idempotency-Key": "k"})
        assert answer.json()["rating"]["value"] == value
    history = {"history": []}
    lists = [await post(reading_service, "/v1/recommendations", "k", history, **{"X-N": str(n)}) for n in range(2)]
    assert [REPLAYED in each.headers for each in lists] == [False, False]


async def test_of_two_at_once_one_is_carried_out(service: Service) -> None:
    sent = [post(service, "/v1/events", "k", play("ada")) for _ in range(4)]  # fewer than the pool has connections
    got = await asyncio.gather(*sent)
    assert {each.status_code for each in got} <= {201, 409}
    assert {each.json()["code"] for each in got if each.status_code == 409} <= {"idempotency_key_in_use"}
    assert sum(REPLAYED not in each.headers for each in got if each.status_code == 201) == 1
    assert count(service, "SELECT count(*) FROM events") == 1


async def test_an_answer_is_kept_for_a_day(service: Service) -> None:
    assert (await post(service, "/v1/events", "k", play("ada"))).status_code == 201

    def deleted(hours: int) -> int:
        with open_sync_engine(service.database_url) as engine:
            return delete_old_answers(engine, now=datetime.now(UTC) + timedelta(hours=hours))

    assert await to_thread.run_sync(deleted, 23) == 0
    with psycopg.connect(service.database_url) as connection:
        connection.execute("UPDATE stored_answers SET expires_at = now() - interval '1 second'")
    # Another request, too: an answer that has expired says nothing.
    other = await post(service, "/v1/events", "k", play("bob"))
    assert (other.status_code, REPLAYED in other.headers, answers(service)) == (201, False, 1)
    assert await to_thread.run_sync(deleted, 25) == 1


async def test_what_was_answered_about_a_user_is_erased_with_them(service: Service) -> None:
    rows = [play("bob", 1), play("visitor", 2), {**play("ignored", 3), "user_id": 7}]
    await post(service, "/v1/events:batch", "b", {"events": rows})
    await post(service, "/v1/ratings", "r", {"user_id": "ada", "item_id": item_id("Comedy", 1), "value": 4})
    await post(service, "/v1/users/ada:merge", "m", {"from_user_id": "visitor"})
    assert answers(service) == 3
    # The batch goes with the one who was the visitor.
    assert (await service.client.delete("/v1/users/ada")).status_code == 204
    assert answers(service) == 0
    again = await post(service, "/v1/ratings", "r", {"user_id": "ada", "item_id": item_id("Comedy", 1), "value": 4})
    assert again.json()["outcome"] == "created"


async def test_a_merge_under_way_is_waited_for_before_a_user_is_erased(service: Service) -> None:
    await service.rate("ada", item_id("Comedy", 1))
    await post(service, "/v1/events", "e", play("visitor"))
    blocked = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0"
    )
    with psycopg.connect(service.database_url) as merging:
        merging.execute("SELECT FROM users WHERE id = 'ada' FOR NO KEY UPDATE")
        erasing = asyncio.create_task(service.client.delete("/v1/users/ada"))
        await to_thread.run_sync(
            wait_until, lambda: count(service, blocked) > 0 or erasing.done(), lambda: "nobody waits"
        )
        merging.execute("DELETE FROM users WHERE id = 'visitor'")
        merging.execute(
            "INSERT INTO user_aliases SELECT 'visitor', key, now() + interval '1 day' FROM users WHERE id = 'ada'"
        )
    assert (await asyncio.wait_for(erasing, 120)).status_code == 204
    assert answers(service) == 0


async def test_a_rating_that_was_not_kept_is_no_conversion(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    noted: list[str] = []
    monkeypatch.setattr(Conversions, "note", lambda _, *noting: noted.append(noting[0]))
    body = {"user_id": "ada", "item_id": item_id("Comedy", 1), "value": 5}
    with monkeypatch.context() as shorter:
        shorter.setattr(stored_answers, "MOST_BYTES", 10)
        assert problem(await post(service, "/v1/ratings", "k", body))[0][1] == "answer_too_long"
    assert noted == []
    assert (await post(service, "/v1/ratings", "k", body)).status_code == 201
    assert noted == ["ada"]
    await post(service, "/v1/ratings", "k", body)
    assert (await service.client.post("/v1/ratings", json={**body, "value": 4.5})).status_code == 200
    assert noted == ["ada"] * 2


async def test_an_answer_that_is_too_long_to_be_kept_stores_nothing(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_answers, "MOST_BYTES", 100)
    answer = await post(service, "/v1/events:batch", "k", {"events": [play("ada", n) for n in range(3)]})
    assert problem(answer) == [("/header/idempotency-key", "answer_too_long")]
    assert count(service, "SELECT count(*) FROM events") + answers(service) == 0


async def test_keys_are_of_who_sends_them(guarded: Guarded) -> None:
    body = {"user_id": "ada", "item_id": "heat", "value": 4}
    assert (await guarded.send("PUT", "/v1/items/heat", guarded.full, json={"title": "Heat"})).status_code == 201
    token = mint(guarded.full)
    told: list[str | None] = []
    for credentials in (guarded.full, guarded.write, token, guarded.full, token):
        headers = bearer(credentials) | {"Idempotency-Key": "k"}
        answer = await guarded.client.post("/v1/ratings", json=body, headers=headers)
        assert answer.is_success, answer.text
        told.append(answer.headers.get(REPLAYED))
    assert told == [None, None, None, "true", "true"]
    # Somebody else's answer is not given to a user, and a body about another user is refused before anything is looked up.
    headers = bearer(mint(guarded.full, "bob")) | {"Idempotency-Key": "k"}
    assert (await guarded.client.post("/v1/ratings", json=body, headers=headers)).status_code == 403
