"""Keys over HTTP: who is let in, to what, and what the others are told."""

from typing import TYPE_CHECKING

import psycopg
import pytest
from guarded import ADA, BOB, Guarded, bearer, mint

from app.config import Settings
from app.db import driver_url
from app.services.api_keys import id_of, make_key, revoke_key
from app.services.key_ring import KeyRing

if TYPE_CHECKING:
    from trained import ServiceStarter

pytestmark = pytest.mark.anyio

OPEN = {"get_liveness", "get_readiness"}
RATING = {"user_id": ADA, "item_id": "x", "value": 4}


def address(path: str) -> str:
    """A path with something in the place of each parameter."""
    return path.replace("{user_id}", ADA).replace("{item_id}", "x").replace("{", "").replace("}", "")


async def test_every_operation_but_the_health_checks_needs_a_key(guarded: Guarded) -> None:
    description = guarded.service.app.openapi()
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            answer = await guarded.client.request(method, address(path))
            if operation["operationId"] in OPEN:
                assert (answer.status_code, operation["security"]) == (200, [])
                continue
            assert answer.status_code == 401, operation["operationId"]
            assert answer.headers["WWW-Authenticate"] == 'Bearer realm="medley"'
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["code"] == "unauthenticated"
            assert operation["security"]


async def test_what_an_operation_is_said_to_need_is_what_it_needs(guarded: Guarded) -> None:
    """Each one refuses a key with every other scope, and a user token unless the description lists it."""
    description = guarded.service.app.openapi()
    others = {
        "read": guarded.make("write", "admin"),
        "write": guarded.make("read", "admin"),
        "admin": guarded.make("read", "write"),
    }
    await guarded.look()
    token = mint(guarded.full)
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            if not operation["security"]:
                continue
            schemes = {name: scopes for scheme in operation["security"] for name, scopes in scheme.items()}
            (scope,) = schemes["serverKey"]
            refused = await guarded.send(method, address(path), others[scope])
            assert (refused.status_code, refused.json()["code"]) == (403, "forbidden"), operation["operationId"]
            assert f'scope="{scope}"' in refused.headers["WWW-Authenticate"]
            if "userToken" not in schemes:
                assert (await guarded.send(method, address(path), token)).status_code == 403, operation["operationId"]
            assert {"401", "403", "429"} <= operation["responses"].keys()


async def test_the_pages_and_the_description_need_no_key(guarded: Guarded) -> None:
    for path in ("/docs", "/docs/docs.js", "/openapi.json"):
        assert (await guarded.client.get(path)).status_code == 200


async def test_a_key_opens_what_its_scopes_name(guarded: Guarded) -> None:
    assert (await guarded.send("GET", "/v1/items/x", guarded.read)).status_code == 200
    assert (await guarded.send("POST", "/v1/ratings", guarded.write, json=RATING)).status_code in {200, 201}
    assert (await guarded.send("GET", "/v1/users/ada/ratings", guarded.full)).json()["ratings"]
    assert (await guarded.send("GET", "/v1/releases", guarded.full)).status_code == 200
    lower = await guarded.client.get("/v1/items", headers={"authorization": f"bEARER  {guarded.read}"})
    assert lower.status_code == 200


async def test_what_is_no_key_is_told_apart_from_none_and_no_more(guarded: Guarded) -> None:
    key_id = id_of(guarded.full)
    with psycopg.connect(driver_url(guarded.url), autocommit=True) as connection:
        row = connection.execute("SELECT digest, token_secret FROM api_keys WHERE id = %s", [key_id]).fetchone()
    assert row is not None
    other = make_key()
    wrong = [other, other.replace(str(id_of(other)), str(key_id)), guarded.full[:-1], guarded.full + "a", "medley_", "x",
             "a.b.c", "é", row[0].hex(), row[1].hex(), "", "medley_" + "a" * 20_000]  # fmt: skip
    answers = [
        await guarded.client.get("/v1/items/x", headers={"Authorization": f"Bearer {each}".encode()}) for each in wrong
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert {answer.json()["detail"] for answer in answers} <= {
        "The key or token is not valid.",
        "The token is not valid.",
    }
    # Of two nobody knows which one a proxy has looked at.
    for pair in ((guarded.full, "x"), ("x", guarded.full), (guarded.full, guarded.read)):
        answer = await guarded.client.get("/v1/items", headers=[("Authorization", f"Bearer {each}") for each in pair])
        assert answer.status_code == 401
    for header in ("Basic eDp5", guarded.full, "Bearer"):
        answer = await guarded.client.get("/v1/items/x", headers={"Authorization": header})
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) in [
            (401, 'Bearer realm="medley"'), (401, 'Bearer realm="medley", error="invalid_token"')]  # fmt: skip


async def test_a_refusal_says_nothing_of_what_is_there(guarded: Guarded) -> None:
    token = mint(guarded.full, BOB)
    for credentials in ("nothing", token):
        answers = [
            (await guarded.send("DELETE", f"/v1/items/{item}", credentials)).json() | {"request_id": ""}
            for item in ("x", "nobody-knows")
        ] + [
            (await guarded.send("GET", f"/v1/users/{user}/ratings/x", credentials)).json() | {"request_id": ""}
            for user in (ADA, "nobody")
        ]
        assert answers[0] == answers[1]
        assert answers[2] == answers[3]


async def test_a_revoked_key_takes_its_tokens_along(guarded: Guarded) -> None:
    key = guarded.make("read")
    token = mint(key)
    assert (await guarded.send("GET", "/v1/items", key)).status_code == 401
    await guarded.look()
    for credentials in (key, token):
        assert (await guarded.send("GET", "/v1/items", credentials)).status_code == 200
    with psycopg.connect(driver_url(guarded.url), autocommit=True) as connection:
        revoke_key(connection, str(id_of(key)))
    await guarded.look()
    for credentials in (key, token):
        assert (await guarded.send("GET", "/v1/items", credentials)).status_code == 401


async def test_the_last_use_is_noted_now_and_then(guarded: Guarded) -> None:
    key = guarded.make("read")
    await guarded.look()
    await guarded.send("GET", "/v1/items", key)
    sessions = guarded.service.app.state.services.database.sessions
    await guarded.ring.tell_use(sessions)
    with psycopg.connect(driver_url(guarded.url)) as connection:
        find = "SELECT last_used_at FROM api_keys WHERE id = %s"
        used = connection.execute(find, [id_of(key)]).fetchone()
        assert used is not None
        assert used[0] is not None
        await guarded.send("GET", "/v1/items", key)
        await guarded.ring.tell_use(sessions)
        assert connection.execute(find, [id_of(key)]).fetchone() == used


async def test_without_the_database_known_keys_count_and_unknown_ones_do_not(
    guarded: Guarded, settings: Settings, start_service: "ServiceStarter"
) -> None:
    away = {"database_url": "postgresql://nobody@127.0.0.1:1/nothing", "history_timeout_ms": 50}
    stay = Settings.model_validate(guarded.service.settings.model_dump() | away)
    async with start_service(stay) as restarted:  # it finds the note of the one that runs
        path = "/v1/users/ada/recommendations"
        answer = await restarted.client.get(path, headers=bearer(guarded.read))
        assert (answer.status_code, answer.json()["degraded"]) == (200, ["no_release", "database"])
        token = await restarted.client.get(path, headers=bearer(mint(guarded.full)))
        assert token.status_code == 200
        assert (await restarted.client.get(path, headers=bearer(make_key()))).status_code == 401
        assert (await restarted.client.get(path)).status_code == 401
    new = Settings.model_validate(settings.model_dump() | away)
    async with start_service(new) as unknowing:
        answer = await unknowing.client.get(path, headers=bearer(guarded.read))
        assert (answer.status_code, answer.json()["code"]) == (503, "keys_unknown")
        assert (await unknowing.client.get("/health/live")).status_code == 200


def test_the_note_is_for_its_owner_and_holds_no_key(guarded: Guarded) -> None:
    note = guarded.service.settings.data_dir / "keys.json"
    assert note.stat().st_mode & 0o777 == 0o600
    assert guarded.full not in note.read_text()
    assert guarded.full.rpartition("_")[2] not in note.read_text()


@pytest.mark.parametrize("note", [b"", b"{}", b"[]", b'{"configured": true, "keys": [{"id": 1}]}'])
async def test_a_note_that_cannot_be_read_is_no_note(note: bytes, settings: Settings) -> None:
    (settings.data_dir / "keys.json").write_bytes(note)
    ring = KeyRing(settings.data_dir)
    ring._recall()
    assert ring.configured is None


async def test_without_any_key_the_service_is_open_and_after_one_it_never_is(
    settings: Settings, start_service: "ServiceStarter", connection: psycopg.Connection
) -> None:
    from app.services.api_keys import create_key  # noqa: PLC0415

    async with start_service(settings) as service:
        assert (await service.client.get("/v1/items")).status_code == 200
        assert (await service.client.get("/v1/items", headers=bearer("anything"))).status_code == 200
        key = create_key(connection, "first", ["read"])
        sessions = service.app.state.services.database.sessions
        await service.app.state.key_ring.look(sessions)
        assert (await service.client.get("/v1/items")).status_code == 401
        revoke_key(connection, str(id_of(key)))
        await service.app.state.key_ring.look(sessions)
        assert (await service.client.get("/v1/items")).status_code == 401


async def test_where_strangers_can_reach_it_a_service_without_keys_is_shut(
    settings: Settings, start_service: "ServiceStarter"
) -> None:
    async with start_service(settings.model_copy(update={"host": "0.0.0.0"})) as service:  # noqa: S104
        assert (await service.client.get("/v1/items")).status_code == 401
