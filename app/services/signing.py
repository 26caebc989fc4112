"""Signed opaque tokens: what a client keeps for us and gives back, such as a cursor, and cannot change or make up.

A token is base64url(MAC | payload) without padding. The MAC is keyed BLAKE2b (RFC 7693) of 16 bytes, which takes a microsecond
where HMAC takes five. Each purpose signs with a key of its own, so that a token of one kind is never taken for one of another.
The payload can be read by anybody: it holds no secret.
"""

import hmac
import os
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

from app.config import Settings
from app.errors import ConfigurationError

SECRET_FILE = "secret.key"  # noqa: S105 - its name
MAC_BYTES = 16
_SECRET_BYTES = 32


class Signer:
    """Signs and checks tokens with one secret, which all workers share."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._keyed: dict[str, blake2b] = {}

    def sign(self, purpose: str, payload: bytes) -> str:
        """The token of ``payload`` for one purpose; the same payload gives the same token."""
        return urlsafe_b64encode(self._mac(purpose, payload) + payload).rstrip(b"=").decode()

    def open(self, purpose: str, token: str) -> bytes | None:
        """The payload of a token that was signed for this purpose; None for anything else."""
        try:
            encoded = token.encode("ascii")
            raw = urlsafe_b64decode(encoded + b"=" * (-len(encoded) % 4))
        except ValueError:
            return None
        mac, payload = raw[:MAC_BYTES], raw[MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(purpose, payload)):
            return None
        # The decoder passes over foreign characters and loose bits: one payload has one token.
        return payload if hmac.compare_digest(urlsafe_b64encode(raw).rstrip(b"="), encoded) else None

    def _mac(self, purpose: str, payload: bytes) -> bytes:
        keyed = self._keyed.get(purpose)
        if keyed is None:
            key = hmac.digest(self._secret, purpose.encode(), "sha256")
            keyed = self._keyed[purpose] = blake2b(key=key, digest_size=MAC_BYTES)
        mac = keyed.copy()
        mac.update(payload)
        return mac.digest()


def open_signer(settings: Settings) -> Signer:
    """The signer of a process: with the secret of the settings, else with that of ``secret.key`` in the data directory.

    Raises ConfigurationError where there is neither a secret nor a place to keep one, or where the file holds none.
    """
    if settings.secret_key is not None:
        return Signer(settings.secret_key.get_secret_value().encode())
    path = settings.data_dir / SECRET_FILE
    try:
        return Signer(_read_secret(path) or _make_secret(path))
    except OSError as error:
        raise ConfigurationError(
            f"{path} can be neither read nor made ({error.strerror}): set MEDLEY_SECRET_KEY, or another MEDLEY_DATA_DIR"
        ) from error


def _read_secret(path: Path) -> bytes | None:
    try:
        text = path.read_text(encoding="ascii").strip()
        secret = bytes.fromhex(text)
    except FileNotFoundError:
        return None
    except ValueError:
        secret = b""
    if len(secret) != _SECRET_BYTES:
        raise ConfigurationError(f"{path} holds no secret: delete it, and a new one is made")
    return secret


def _make_secret(path: Path) -> bytes:
    """A new secret, or that of another process that was quicker: the file appears whole or not at all, and never changes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(_SECRET_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(unfinished, path)
    finally:
        unfinished.unlink()
    made = _read_secret(path)
    if made is None:
        raise FileNotFoundError(2, "it has vanished", str(path))
    return made
