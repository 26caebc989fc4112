"""API keys: their form, and making, listing and revoking them. What is stored is never the key itself.

A key is ``medley_<id>_<secret>``: the id is public and finds the row, the secret is random. Beside the key's digest stands the
secret with which its holder signs user tokens, derived from the key in a way that cannot be turned back.
"""

import hashlib
import hmac
import re
import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

import psycopg
from psycopg.rows import class_row

from app.errors import Conflict, InvalidInput, NotFound

Scope = Literal["read", "write", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
PREFIX = "medley_"
TOKEN_LABEL = b"medley-user-token"
LONGEST_NAME = 200
_ID_CHARACTERS = 12
_SECRET_CHARACTERS = 43  # 256 bits
_LETTERS = string.ascii_letters + string.digits
_KEY = re.compile(r"medley_([a-z0-9]{1,32})_([A-Za-z0-9]{32,128})")
_DIFFERENT_CHARACTERS = 10

_INSERT = """
INSERT INTO api_keys (id, name, digest, scopes, token_secret) VALUES (%(id)s, %(name)s, %(digest)s, %(scopes)s, %(token_secret)s)
"""
_LIST = "SELECT id, name, scopes, created_at, last_used_at, revoked_at FROM api_keys ORDER BY key"
_REVOKE = "UPDATE api_keys SET revoked_at = now() WHERE id = %s AND revoked_at IS NULL"
# A new secret under the same id takes the place of the old one; what was revoked by hand stays so.
_ENSURE = (
    _INSERT
    + """
ON CONFLICT (id) DO UPDATE SET digest = excluded.digest, token_secret = excluded.token_secret, scopes = excluded.scopes,
    name = excluded.name, revoked_at = NULL
WHERE api_keys.digest <> excluded.digest OR (api_keys.revoked_at IS NULL AND api_keys.scopes <> excluded.scopes)
"""
)


@dataclass(frozen=True, slots=True)
class ListedKey:
    """What may be told of a key."""

    id: str
    name: str
    scopes: Sequence[str]
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


def make_key() -> str:
    """A new random key."""
    key_id = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(_ID_CHARACTERS))
    return f"{PREFIX}{key_id}_" + "".join(secrets.choice(_LETTERS) for _ in range(_SECRET_CHARACTERS))


def id_of(key: str) -> str | None:
    """The public id in a key; None for what has not the form of one."""
    found = _KEY.fullmatch(key)
    return found[1] if found else None


def digest_of(key: str) -> bytes:
    """What is stored of a key. It is random and long, so that a plain hash keeps it."""
    return hashlib.sha256(key.encode()).digest()


def token_secret_of(key: str) -> bytes:
    """The secret of 32 bytes that signs the user tokens of a key: HMAC-SHA256 with the key as the key."""
    return hmac.digest(key.encode(), TOKEN_LABEL, "sha256")


def create_key(connection: psycopg.Connection, name: str, scopes: Sequence[Scope]) -> str:
    """Store a new key and return it: this once, for it cannot be had again."""
    key = make_key()
    connection.execute(_INSERT, _row(key, name, scopes))
    return key


def ensure_key(connection: psycopg.Connection, key: str, name: str, scopes: Sequence[Scope]) -> bool:
    """See to it that this very key is stored, in place of another with its id; says whether anything had to be done.

    Raises InvalidInput for a key that is not of the form or too weak, and Conflict for one that has been revoked.
    """
    check_strength(key)
    row = _row(key, name, scopes)
    changed = connection.execute(_ENSURE, row).rowcount > 0
    revoked = connection.execute("SELECT FROM api_keys WHERE id = %(id)s AND revoked_at IS NOT NULL", row).fetchone()
    if revoked is not None:
        raise Conflict(f"The key {row['id']} has been revoked: take another secret.", code="key_revoked")
    return changed


def check_strength(key: str) -> None:
    """Raise InvalidInput for a key that nobody should trust, without saying it."""
    found = _KEY.fullmatch(key)
    if found is None:
        raise InvalidInput(
            f"A key is {PREFIX}<id>_<secret>: an id of lower-case letters and digits, and a secret of 32 to 128 letters"
            " and digits.",
            code="malformed_key",
        )
    if len(set(found[2])) < _DIFFERENT_CHARACTERS:
        raise InvalidInput("The secret of the key is too easy to guess: make a random one.", code="weak_key")


def list_keys(connection: psycopg.Connection) -> list[ListedKey]:
    """Every key, in the order they were made, those too that are revoked."""
    return connection.cursor(row_factory=class_row(ListedKey)).execute(_LIST).fetchall()


def revoke_key(connection: psycopg.Connection, key_id: str) -> None:
    """Revoke a key, and with it the user tokens that it signed. Raises NotFound where there is none that is valid."""
    if connection.execute(_REVOKE, [key_id]).rowcount == 0:
        raise NotFound(f"There is no valid key with the id {key_id!r}: `medley keys list` shows them.")


def _row(key: str, name: str, scopes: Sequence[Scope]) -> dict[str, object]:
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        raise InvalidInput(f"A key's name is a printable line of up to {LONGEST_NAME} characters.", code="invalid_name")
    if not scopes:
        raise InvalidInput(f"A key has at least one scope of {', '.join(SCOPES)}.", code="no_scope")
    ordered = [scope for scope in SCOPES if scope in scopes]
    return {
        "id": id_of(key),
        "name": name,
        "digest": digest_of(key),
        "scopes": ordered,
        "token_secret": token_secret_of(key),
    }
