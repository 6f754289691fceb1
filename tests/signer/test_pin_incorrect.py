"""A wrong PIN opens nothing, changes nothing, and stands nowhere in the logs."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12

from sild.errors import CallerError
from sild.pki import SignatureAlgorithm, verify_bytes
from sild.signer import KeyAlgorithm, KeyNotFound, PinIncorrect, SoftwareToken, TokenNotActive
from support.signer_world import PIN

ECDSA = SignatureAlgorithm.ECDSA_SHA512


async def new_token(directory: Path) -> SoftwareToken:
    token = SoftwareToken(directory)
    await token.initialize(PIN)
    await token.login(PIN)
    return token


@pytest.mark.parametrize("pin", ["", "secret1234", PIN + " ", PIN[:-1]])
@pytest.mark.parametrize("has_key", [False, True])
async def test_wrong_pin(tmp_path: Path, pin: str, has_key: bool, caplog: pytest.LogCaptureFixture) -> None:
    first = await new_token(tmp_path)
    if has_key:
        await first.generate_key(KeyAlgorithm.EC_P256, "key")
    token = SoftwareToken(tmp_path)

    with caplog.at_level(logging.DEBUG), pytest.raises(PinIncorrect) as caught:
        await token.login(pin)

    assert caught.value.code_path == "pin_incorrect"
    assert not token.is_active
    await token.login(PIN)
    assert token.is_active
    for text in (caplog.text, repr(token), repr(caught.value), str([vars(r) for r in caplog.records])):
        assert PIN not in text


async def test_a_wrong_pin_does_not_end_an_open_session(tmp_path: Path) -> None:
    token = await new_token(tmp_path)
    key = await token.generate_key(KeyAlgorithm.EC_P256, "key")
    with pytest.raises(PinIncorrect):
        await token.login("0000")
    assert await token.sign(key.key_id, ECDSA, b"data")


async def test_without_the_pin_a_token_shows_only_what_is_public(tmp_path: Path) -> None:
    key = await (await new_token(tmp_path)).generate_key(KeyAlgorithm.EC_P256, "the label")
    token = SoftwareToken(tmp_path)

    assert [(k.key_id, k.label) for k in token.public_keys] == [(key.key_id, "the label")]
    with pytest.raises(TokenNotActive) as caught:
        await token.sign(key.key_id, ECDSA, b"data")
    assert caught.value.code_path == "token_not_active"
    with pytest.raises(TokenNotActive):
        await token.generate_key(KeyAlgorithm.EC_P256, "another")
    with pytest.raises(TokenNotActive):
        await token.delete_key(key.key_id)

    await token.login(PIN)
    verify_bytes(
        token.public_keys[0].public_key, ECDSA, await token.sign(key.key_id, ECDSA, b"data"), b"data"
    )
    await token.logout()
    with pytest.raises(TokenNotActive):
        await token.sign(key.key_id, ECDSA, b"data")


async def test_files_are_pkcs12_and_nobody_elses(tmp_path: Path) -> None:
    token = await new_token(tmp_path / "token")
    key = await token.generate_key(KeyAlgorithm.RSA_2048, "key")
    path = tmp_path / "token" / f"{key.key_id}.p12"

    private, _, _ = pkcs12.load_key_and_certificates(path.read_bytes(), PIN.encode())
    assert private is not None and private.public_key() == key.public_key
    assert {p.stat().st_mode & 0o077 for p in path.parent.iterdir()} == {0}
    assert path.parent.stat().st_mode & 0o077 == 0


async def test_unknown_keys_and_uninitialised_tokens(tmp_path: Path) -> None:
    with pytest.raises(CallerError) as caught:
        await SoftwareToken(tmp_path).login(PIN)
    assert caught.value.code_path == "token_not_initialized"
    token = await new_token(tmp_path)
    with pytest.raises(KeyNotFound):
        await token.sign("00", ECDSA, b"data")
    with pytest.raises(CallerError, match="initialized already"):
        await token.initialize("other")
    key = await token.generate_key(KeyAlgorithm.EC_P256, "key")
    await token.delete_key(key.key_id)
    assert SoftwareToken(tmp_path).public_keys == ()
    with pytest.raises(KeyNotFound):
        await token.sign(key.key_id, ECDSA, b"data")
