"""User tokens over HTTP: what they open, what they do not, and those that only look like one."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from guarded import ADA, BOB, Guarded, mint

from app.services.api_keys import id_of, make_key, token_secret_of
from app.services.user_tokens import TokenReader, TokenRefused

pytestmark = pytest.mark.anyio

RATING = {"user_id": ADA, "item_id": "x", "value": 4}
EVENT = {"user_id": ADA, "item_id": "x", "kind": "like"}


async def test_a_user_token_reads_and_writes_what_is_of_its_user(guarded: Guarded) -> None:
    token = mint(guarded.full, BOB)
    user = "/v1/users/bob%2F%C3%A9"
    for method, path, body in [
        ("PUT", f"{user}/ratings/x", {"value": 3}),
        ("POST", "/v1/ratings", RATING | {"user_id": BOB}),
        ("POST", "/v1/ratings:batch", {"ratings": [RATING | {"user_id": BOB}]}),
        ("POST", "/v1/events", EVENT | {"user_id": BOB, "event_id": "bob-1"}),
        ("POST", "/v1/events:batch", {"events": [EVENT | {"user_id": BOB}]}),
        ("DELETE", "/v1/events/bob-1", None),
        ("GET", f"{user}/ratings", None),
        ("GET", f"{user}/recommendations", None),
        ("POST", "/v1/recommendations", {"history": [{"item_id": "x", "value": 5}]}),
        ("GET", "/v1/popular", None),
        ("GET", "/v1/items/x", None),
        ("DELETE", f"{user}/ratings/x", None),
    ]:
        answer = await guarded.send(method, path, token, json=body)
        assert answer.is_success, (path, answer.text)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/users/ada/recommendations", None),
        ("GET", "/v1/users/ada/predictions?item_id=x", None),
        ("GET", "/v1/search?q=item&user_id=ada", None),
        ("GET", "/v1/search?q=item&user_id=bob%2F%C3%A9&user_id=ada", None),
        ("GET", "/v1/users/ada/ratings", None),
        ("GET", "/v1/users/ada/ratings/x", None),
        ("PUT", "/v1/users/ada/ratings/x", {"value": 1}),
        ("DELETE", "/v1/users/ada/ratings/x", None),
        ("GET", "/v1/users/bob%252F%C3%A9/ratings", None),
        ("POST", "/v1/ratings", RATING),
        ("POST", "/v1/ratings", {"item_id": "x", "value": 4}),
        ("POST", "/v1/ratings:batch", {"ratings": [RATING | {"user_id": BOB}, RATING]}),
        ("POST", "/v1/ratings:batch", {"ratings": [RATING | {"user_id": BOB}, {"item_id": "x", "value": 4}]}),
        ("POST", "/v1/ratings:batch", {"ratings": [RATING | {"user_id": [BOB]}]}),
        ("POST", "/v1/events", EVENT),
        ("POST", "/v1/events", {"session_id": "s", "item_id": "x", "kind": "like"}),
        ("POST", "/v1/events:batch", {"events": [EVENT | {"user_id": BOB}, {"session_id": "s", "item_id": "x", "kind": "like"}]}),
        ("PUT", "/v1/items/x", {"title": "Changed"}),
        ("DELETE", "/v1/items/x", None),
        ("POST", "/v1/items:batch", {"items": []}),
        ("POST", "/v1/training-runs", None),
        ("GET", "/v1/releases", None),
        ("POST", "/v1/releases/any:activate", None),
        ("GET", "/metrics", None),
    ],
)  # fmt: skip
async def test_a_user_token_goes_no_further(guarded: Guarded, method: str, path: str, body: Any) -> None:
    before = await guarded.send("GET", "/v1/users/ada/ratings", guarded.full)
    answer = await guarded.send(method, path, mint(guarded.full, BOB), json=body)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert "insufficient_scope" in answer.headers["WWW-Authenticate"]
    assert (await guarded.send("GET", "/v1/users/ada/ratings", guarded.full)).json() == before.json()


async def test_a_user_takes_back_their_own_events_only(guarded: Guarded) -> None:
    await guarded.send("POST", "/v1/events", guarded.full, json=EVENT | {"event_id": "adas"})
    bob, ada = mint(guarded.full, BOB), mint(guarded.full, ADA)
    assert [(await guarded.send("DELETE", "/v1/events/adas", each)).status_code for each in (bob, ada, ada)] == [
        404,
        204,
        404,
    ]


async def test_a_token_has_no_more_than_its_key_and_its_scope_give(guarded: Guarded) -> None:
    post = ("POST", "/v1/ratings")
    assert (await guarded.send(*post, mint(guarded.full, ADA, "read"), json=RATING)).status_code == 403
    assert (await guarded.send(*post, mint(guarded.read, ADA, "read", "write"), json=RATING)).status_code == 403
    assert (await guarded.send("GET", "/v1/releases", mint(guarded.full, ADA, "read", "admin"))).status_code == 403
    assert (await guarded.send("GET", "/v1/items", mint(guarded.full, ADA, "admin"))).status_code == 403


def test_the_derivation_that_is_documented_makes_the_token_that_the_command_makes() -> None:
    key = make_key()
    secret = hmac.new(key.encode(), b"medley-user-token", hashlib.sha256).digest()
    claims = jwt.decode(mint(key), secret, algorithms=["HS256"])
    assert claims["sub"] == ADA
    assert jwt.get_unverified_header(mint(key))["kid"] == key.split("_")[1]


def forged(guarded: Guarded) -> dict[str, str]:
    """Tokens that look right and are not, by what is wrong with them."""
    secret, kid = token_secret_of(guarded.full), {"kid": id_of(guarded.full)}
    now = int(time.time())
    good = {"sub": ADA, "scope": "read", "exp": now + 60}

    def sign(claims: dict[str, Any], key: bytes = secret, algorithm: str = "HS256", **header: Any) -> str:
        return jwt.encode(claims, key, algorithm, headers=kid | header)

    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    sound = sign(good)
    return {
        "without a signature": jwt.encode(good, None, "none", headers=kid),
        "signature cut off": sound.rpartition(".")[0] + ".",
        "other claims under the same signature": f"{sound.split('.')[0]}.{part(good | {'sub': BOB})}.{sound.split('.')[2]}",
        "another algorithm": sign(good, secret * 2, "HS512"),
        "the same secret by another algorithm": sign(good, secret + secret[:16], "HS384"),
        "another key's secret": sign(good, token_secret_of(guarded.read)),
        "signed with the key itself": sign(good, guarded.full.encode()),
        "signed with the digest": sign(good, hashlib.sha256(guarded.full.encode()).digest()),
        "an unknown key": sign(good, kid="nobody"),
        "a kid that is no text": f"{part({'alg': 'HS256', 'kid': [1]})}.{part(good)}.AAAA",
        "no key named": jwt.encode(good, secret, "HS256"),
        "expired": sign(good | {"exp": now - 60}),
        "without an end": sign({"sub": ADA, "scope": "read"}),
        "an end that is no number": jwt.PyJWS().encode(
            json.dumps(good | {"exp": "soon"}).encode(), secret, "HS256", headers=kid
        ),
        "no signature at all": f"{part({'alg': 'HS256'} | kid)}.{part(good)}.x",
        "good for too long": sign(good | {"exp": now + 10 * 86_400}),
        "good for ever": sign(good | {"exp": 10**400}),
        "not yet": sign(good | {"nbf": now + 600}),
        "without a user": sign({"scope": "read", "exp": now + 60}),
        "of nobody": sign(good | {"sub": ""}),
        "of nobody who can be stored": sign(good | {"sub": "a\0b"}),
        "of half a character": sign(good | {"sub": "\ud800"}),
        "of an id that is too long": sign(good | {"sub": "x" * 257}),
        "for somebody else": sign(good | {"aud": "another service"}),
        "too long": sign(good | {"more": "x" * 5_000}),
    }


async def test_forged_tokens_are_refused(guarded: Guarded) -> None:
    sound = jwt.encode(
        {"sub": ADA, "scope": "read", "exp": int(time.time()) + 60}, token_secret_of(guarded.full), "HS256",
        headers={"kid": id_of(guarded.full)},
    )  # fmt: skip
    for _ in range(2):  # the second time, the good one is remembered
        assert (await guarded.send("GET", "/v1/users/ada/ratings", sound)).status_code == 200
        for fault, token in forged(guarded).items():
            answer = await guarded.send("GET", "/v1/users/ada/ratings", token)
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), fault
            assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


async def test_a_token_that_was_good_ends_when_it_says(guarded: Guarded) -> None:
    token, times = mint(guarded.full, minutes=1), [time.time(), time.time() + 60, time.time() + 75]
    reader = TokenReader(guarded.ring, 3_600, lambda: times[0])
    assert reader.read(token) is reader.read(token)
    times.pop(0)  # a few seconds are allowed for clocks that differ
    assert reader.read(token).user_id == ADA
    times.pop(0)
    with pytest.raises(TokenRefused, match="expired"):
        reader.read(token)


async def test_a_token_of_a_visitor_does_not_open_the_account_they_were_merged_into(guarded: Guarded) -> None:
    token, path = mint(guarded.full, "token visitor"), "/v1/users/token%20visitor"
    assert (await guarded.send("PUT", f"{path}/ratings/x", token, json={"value": 3})).is_success
    assert (await guarded.send("GET", f"{path}/recommendations", token)).is_success
    merge = {"from_user_id": "token visitor"}
    assert (await guarded.send("POST", "/v1/users/token%20owner:merge", guarded.full, json=merge)).is_success
    for method, rest, body in [
        ("GET", f"{path}", None),
        ("GET", f"{path}/recommendations", None),
        ("GET", f"{path}/ratings", None),
        ("DELETE", f"{path}/ratings/x", None),
        ("PUT", f"{path}/ratings/x", {"value": 1}),
        ("POST", "/v1/ratings", RATING | {"user_id": "token visitor"}),
        ("POST", "/v1/ratings:batch", {"ratings": [RATING | {"user_id": "token visitor"}]}),
        ("POST", "/v1/events", EVENT | {"user_id": "token visitor"}),
    ]:
        answer = await guarded.send(method, rest, token, json=body)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), (method, rest)
        assert "invalid_token" in answer.headers["WWW-Authenticate"]
    assert (await guarded.send("GET", f"{path}/ratings/x", guarded.full)).json()["value"] == 3
    owner = mint(guarded.full, "token owner")
    assert (await guarded.send("GET", "/v1/users/token%20owner/ratings/x", owner)).is_success
