"""``medley keys``, run as a person would: make, list, revoke, ensure; and tokens that a service takes."""

import re

import jwt
import psycopg
import pytest
from commands import Command, Done, run_medley

from app.db import driver_url
from app.services.api_keys import id_of, make_key, token_secret_of


@pytest.fixture
def medley_keys(database_url: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Runs ``medley keys`` on a fresh database, with what it prints."""
    monkeypatch.setenv("MEDLEY_DATABASE_URL", database_url)

    def run(*arguments: str, stdin: str = "") -> Done:
        return run_medley(monkeypatch, capfd, "keys", *arguments, stdin=stdin)

    return run


def test_a_key_is_made_listed_and_revoked(medley_keys: Command, database_url: str) -> None:
    assert "no keys" in medley_keys("list").err
    made = medley_keys("create", "--name", "shop", "--scope", "read", "--scope", "write")
    key = made.out.strip()
    key_id = id_of(key)
    assert (made.code, key_id is not None) == (0, True)
    assert key not in made.err, "what tells of it does not tell it"
    listed = medley_keys("list").out
    assert re.search(rf"^{key_id} +shop +read write +\S+ \S+ +- +-$", listed, re.MULTILINE)
    with psycopg.connect(driver_url(database_url)) as connection:
        rows = connection.execute("SELECT row_to_json(api_keys)::text FROM api_keys").fetchall()
    for text in (listed, str(rows)):
        assert key.rpartition("_")[2] not in text
    assert medley_keys("revoke", str(key_id)).out == f"Revoked {key_id}.\n"
    assert not re.search(rf"^{key_id} .* -$", medley_keys("list").out, re.MULTILINE)
    unknown = medley_keys("revoke", "nobody")
    assert (unknown.code, "nobody" in unknown.err) == (1, True)


def test_a_key_needs_a_scope_that_there_is(medley_keys: Command) -> None:
    for arguments in (["--name", "shop"], ["--name", "shop", "--scope", "all"], ["--scope", "read"]):
        refused = medley_keys("create", *arguments)
        assert (refused.code, refused.out) == (2, "")


def test_the_key_of_a_setup_is_stored_once(medley_keys: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = medley_keys("ensure")
    assert missing.code == 1
    assert "MEDLEY_BOOTSTRAP_KEY" in missing.err
    key = make_key()
    monkeypatch.setenv("MEDLEY_BOOTSTRAP_KEY", key)
    assert medley_keys("ensure").out == f"The key {id_of(key)} is stored.\n"
    assert medley_keys("ensure").out == f"The key {id_of(key)} is there already.\n"
    medley_keys("revoke", str(id_of(key)))
    again = medley_keys("ensure")
    assert again.code == 1
    assert "revoked" in again.err
    assert key not in again.err
    monkeypatch.setenv("MEDLEY_BOOTSTRAP_KEY", "password")
    weak = medley_keys("ensure")
    assert (weak.code, "password" in weak.err) == (1, False)


def test_a_token_is_signed_with_the_key_and_asks_no_database(
    medley_keys: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDLEY_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    key = make_key()
    token = medley_keys("token", "--user", "ada", "--scope", "read", "--minutes", "5", stdin=key).out.strip()
    claims = jwt.decode(token, token_secret_of(key), ["HS256"])
    assert (claims["sub"], claims["scope"]) == ("ada", "read")
    assert jwt.get_unverified_header(token)["kid"] == id_of(key)
    monkeypatch.setenv("MEDLEY_API_KEY", key)
    both = jwt.decode(medley_keys("token", "--user", "ada").out.strip(), token_secret_of(key), ["HS256"])
    assert both["scope"] == "read write"
    for arguments in (["--user", ""], ["--user", "x" * 257]):
        assert medley_keys("token", *arguments).code == 1
    monkeypatch.delenv("MEDLEY_API_KEY")
    assert medley_keys("token", "--user", "ada", stdin="no key").code == 1
