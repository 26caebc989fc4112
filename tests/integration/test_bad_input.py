"""Rubbish through the whole service: refused early, by name, and never with a failure of ours."""

import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from trained import Service, address, problem

pytestmark = pytest.mark.anyio

RATING = {"user_id": "ada", "item_id": "comedy-00", "value": 4.0}
BATCHES = {
    "ratings": ("/v1/ratings:batch", RATING),
    "events": ("/v1/events:batch", {"session_id": "s", "item_id": "comedy-00", "kind": "view"}),
    "items": ("/v1/items:batch", {"item_id": "new-one", "title": "New"}),
}


@pytest.mark.parametrize("name", BATCHES)
@pytest.mark.parametrize("text", [r"\u0000", r"\ud800", r"x\udfff\u0000"])
async def test_text_that_cannot_be_stored_costs_a_batch_one_row(service: Service, name: str, text: str) -> None:
    path, row = BATCHES[name]
    field = "title" if name == "items" else "item_id"
    bad = json.dumps(row | {field: "@@"}).replace("@@", text)
    body = f'{{"{name}": [{json.dumps(row)}, {bad}]}}'
    answer = await service.client.post(path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200, answer.text
    first, second = answer.json()["outcomes"]
    assert first["outcome"] != "rejected"
    assert (second["outcome"], second["errors"][0]["pointer"]) == ("rejected", f"/{name}/1/{field}")


async def test_ten_thousand_and_one_rows_are_too_many(reading_service: Service) -> None:
    for name, (path, row) in BATCHES.items():
        answer = await reading_service.client.post(path, json={name: [row] * 10_001})
        assert (answer.status_code, answer.json()["code"]) == (413, "batch_too_large")


@pytest.mark.parametrize("name", BATCHES)
async def test_of_rows_with_very_many_faults_few_are_told(service: Service, name: str) -> None:
    path, row = BATCHES[name]
    made_up = {f"no_such_{number}": number for number in range(60)}
    some = {f"no_such_{number}": number for number in range(12)}
    rows = [row | made_up] * 340 + [row, row | some] + [{name[:-1]: 1}]  # more fields than another body may have
    answer = await service.client.post(path, json={name: rows})
    assert answer.status_code == 200, answer.text
    outcomes = answer.json()["outcomes"]
    for position in (0, 249):
        assert [each["code"] for each in outcomes[position]["errors"]] == ["too_many_errors"]
        assert outcomes[position]["errors"][0]["pointer"] == f"/{name}/{position}"
    assert outcomes[340]["outcome"] != "rejected"
    assert {each["code"] for each in outcomes[341]["errors"]} == {"unknown_field"}
    assert max(len(each["errors"]) for each in outcomes) == 8
    assert outcomes[342]["errors"][-1]["pointer"] == f"/{name}/342/{name[:-1]}"


async def test_a_refusal_does_not_repeat_what_is_long(reading_service: Service) -> None:
    answer = await reading_service.client.post("/v1/ratings", json=RATING | {"x" * 1_000_000: 1})
    assert problem(answer) == [("/" + "x" * 256, "unknown_field")]
    many = RATING | {f"k{number}": 1 for number in range(10_001)}
    answer = await reading_service.client.post("/v1/ratings", json=many)
    assert (answer.status_code, answer.json()["code"]) == (422, "too_many_fields")
    history = [{f"k{number}": 1 for number in range(7_000)}] * 3
    answer = await reading_service.client.post("/v1/recommendations", json={"history": history})
    assert (answer.status_code, answer.json()["code"]) == (422, "too_many_fields")
    answer = await reading_service.client.post("/v1/recommendations", json={"history": history[:2]})
    assert (answer.status_code, len(answer.json()["errors"])) == (422, 100)


async def test_a_body_of_100_mb_is_refused_while_it_comes(reading_service: Service) -> None:
    sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1_600):
            sent += 65_536
            yield b" " * 65_536

    answer = await reading_service.client.post(
        "/v1/ratings:batch", content=body(), headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "content_too_large")
    declared = {"Content-Type": "application/json", "Content-Length": "100000000"}
    answer = await reading_service.client.post("/v1/ratings", content=b"{}", headers=declared)
    assert answer.status_code == 413


ODD_BODIES: list[tuple[bytes, dict[str, str], int]] = [
    (b"", {}, 400),
    (b"{", {}, 400),
    (b'{"user_id": "a"} x', {}, 400),
    (b"\xef\xbb\xbf{}", {}, 400),
    (b'{"user_id": "\xff"}', {}, 400),
    (b"[" * 100_000, {}, 422),
    (b"[" * 100 + b"]" * 100, {}, 422),
    (b'{"user_id": "a", "user_id": "b", "item_id": "c", "value": 1}', {}, 422),
    (b'{"user_id": "a", "item_id": "c", "value": 1e400}', {}, 422),
    (b'{"user_id": "a", "item_id": "c", "value": NaN}', {}, 422),
    (b'{"user_id": "a", "item_id": "c", "value": -1e308}', {}, 422),
    (b'{"user_id": "a", "item_id": "c", "value": ' + b"9" * 5_000 + b"}", {}, 422),
    (b"user_id=a", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
    (b"<a/>", {"Content-Type": "text/xml"}, 415),
    (json.dumps(RATING).encode("utf-16"), {"Content-Type": "application/json; charset=utf-16"}, 415),
    (gzip.compress(json.dumps(RATING).encode(), mtime=0)[:-9], {"Content-Encoding": "gzip"}, 400),
]


@pytest.mark.parametrize(("body", "headers", "status"), ODD_BODIES, ids=[repr(each[0][:24]) for each in ODD_BODIES])
async def test_an_odd_body_is_refused(
    reading_service: Service, body: bytes, headers: dict[str, str], status: int
) -> None:
    headers = {"Content-Type": "application/json"} | headers
    answer = await reading_service.client.post("/v1/ratings", content=body, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


ODD_IDS = [
    "popular",
    "a/b",
    "\U0001f3ac",
    "50%",
    "a%2Fb",
    "x" * 256,
    "é" * 256,
    "..x",
    "ratings:batch",
    "?#&",
    "\\N",
    " ",
]


@pytest.mark.parametrize("name", ODD_IDS, ids=lambda name: ascii(name)[:20])
async def test_an_id_may_be_anything(reading_service: Service, name: str) -> None:
    listed = await reading_service.recommend(name, limit=3)
    assert len(listed["items"]) == 3
    body = RATING | {"user_id": name}
    assert (await reading_service.client.post("/v1/ratings", json=body)).status_code == 201
    stored = await reading_service.client.get(address("users", name, "ratings", "comedy-00"))
    assert stored.json()["user_id"] == name
    assert (await reading_service.client.get(address("items", name))).status_code == 404
    assert (await reading_service.client.get(address("items", name, "similar"))).status_code == 404


ODD_TIMES: list[tuple[Any, str]] = [
    ("9999-12-31T23:59:59Z", "in_the_future"),
    ("9999-12-31T23:59:59-14:00", "not_an_instant"),
    ("0001-01-01T00:00:00+14:00", "not_an_instant"),
    ("0001-01-01T00:00:00Z", "too_early"),
    ("2026-02-30T00:00:00Z", "not_an_instant"),
    (1763719200, "not_an_instant"),
]


@pytest.mark.parametrize(("when", "code"), ODD_TIMES, ids=str)
async def test_an_odd_time_is_refused(reading_service: Service, when: Any, code: str) -> None:
    answer = await reading_service.client.post("/v1/ratings", json=RATING | {"rated_at": when})
    assert problem(answer) == [("/rated_at", code)]
