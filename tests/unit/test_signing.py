"""Signed tokens: what comes back is what went out, and nothing else is taken for it."""

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.config import Settings
from app.errors import ConfigurationError
from app.services.signing import SECRET_FILE, Signer, open_signer

SIGNER = Signer(b"0123456789abcdef0123456789abcdef")


@given(st.binary(max_size=300))
def test_a_token_gives_its_payload_back(payload: bytes) -> None:
    token = SIGNER.sign("cursor", payload)
    assert SIGNER.open("cursor", token) == payload
    assert SIGNER.sign("cursor", payload) == token
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_every_change_of_a_token_is_noticed() -> None:
    token = SIGNER.sign("cursor", b"318")
    others = "ABz09-_=+/. \n\x00é"
    changed = [token[:at] + each + token[at + 1 :] for at in range(len(token)) for each in others if each != token[at]]
    longer = [token[:at] + each + token[at:] for at in range(len(token) + 1) for each in others]
    shorter = [token[:at] for at in range(len(token))]
    assert {SIGNER.open("cursor", each) for each in (*changed, *longer, *shorter)} == {None}


def test_a_token_serves_one_purpose_and_one_secret() -> None:
    token = SIGNER.sign("cursor", b"318")
    assert SIGNER.open("recommendation", token) is None
    assert Signer(b"another" * 5).open("cursor", token) is None


def test_the_secret_of_the_settings_is_used_and_kept_to_itself(tmp_path: Path) -> None:
    secret = "s" * 32
    settings = Settings(secret_key=secret, data_dir=tmp_path / "none")
    assert open_signer(settings).open("cursor", Signer(secret.encode()).sign("cursor", b"1")) == b"1"
    assert not (tmp_path / "none").exists()
    assert secret not in repr(settings)
    with pytest.raises(ValidationError) as short:
        Settings(secret_key="short-and-secret")
    assert "short-and-secret" not in str(short.value)


def _sign(data_dir: Path) -> str:
    return open_signer(Settings(data_dir=data_dir)).sign("cursor", b"1")


def test_processes_that_start_together_share_one_secret(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    with ProcessPoolExecutor(4, get_context("spawn")) as processes:
        tokens = set(processes.map(_sign, [directory] * 8))
    assert tokens == {_sign(directory)}
    assert [each.name for each in directory.iterdir()] == [SECRET_FILE]
    assert (directory / SECRET_FILE).stat().st_mode & 0o777 == 0o600


def test_directories_have_secrets_of_their_own(tmp_path: Path) -> None:
    assert _sign(tmp_path / "a") != _sign(tmp_path / "b")


@pytest.mark.parametrize("content", ["", "00", "not hexadecimal", "é" * 32])
def test_a_file_that_holds_no_secret_is_told_without_its_words(tmp_path: Path, content: str) -> None:
    (tmp_path / SECRET_FILE).write_text(content)
    with pytest.raises(ConfigurationError, match="holds no secret: delete it"):
        _sign(tmp_path)


def test_where_no_secret_can_be_kept_the_setting_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="MEDLEY_SECRET_KEY"):
        _sign(tmp_path / "file")
    assert os.listdir(tmp_path) == ["file"]  # noqa: PTH208 - names are what is compared
