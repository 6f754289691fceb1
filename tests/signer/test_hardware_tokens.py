"""Tokens behind PKCS#11, with SoftHSM in their place."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pkcs11
import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pkcs11 import Attribute, ObjectClass

from sild.errors import CallerError, PlatformError, Unavailable
from sild.pki import SignatureAlgorithm, verify_bytes
from sild.signer import (
    AutoLogin,
    HardwareTokens,
    KeyAlgorithm,
    KeyNotFound,
    PinIncorrect,
    Pkcs11Device,
    Token,
    TokenNotActive,
    TokenNotAvailable,
)
from support.pki import name
from support.softhsm import PIN, SoftHsm

DATA = b"what is signed"
ALGORITHMS = {
    KeyAlgorithm.RSA_2048: [
        SignatureAlgorithm.RSA_SHA256,
        SignatureAlgorithm.RSA_SHA384,
        SignatureAlgorithm.RSA_SHA512,
    ],
    KeyAlgorithm.EC_P256: [
        SignatureAlgorithm.ECDSA_SHA256,
        SignatureAlgorithm.ECDSA_SHA384,
        SignatureAlgorithm.ECDSA_SHA512,
    ],
    KeyAlgorithm.EC_P384: [SignatureAlgorithm.ECDSA_SHA256, SignatureAlgorithm.ECDSA_SHA512],
}
PSS = [
    SignatureAlgorithm.RSA_PSS_SHA256,
    SignatureAlgorithm.RSA_PSS_SHA384,
    SignatureAlgorithm.RSA_PSS_SHA512,
]


@pytest.fixture
def hsm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SoftHsm:
    hsm = SoftHsm.begin(tmp_path, monkeypatch)
    hsm.make_token("first")
    return hsm


@asynccontextmanager
async def opened(
    devices: Mapping[str, Pkcs11Device], pins: Mapping[str, str] | None = None
) -> AsyncIterator[HardwareTokens]:
    async def known() -> Mapping[str, str]:
        return pins or {}

    found: list[Token] = []
    hardware = HardwareTokens(devices, found=found.append, auto_login=AutoLogin(known))
    await hardware.open()
    assert found == list(hardware.tokens)
    try:
        yield hardware
    finally:
        await hardware.close()


@pytest_asyncio.fixture
async def hardware(hsm: SoftHsm) -> AsyncIterator[HardwareTokens]:
    async with opened({"hsm": hsm.device()}, {"first": PIN}) as hardware:
        yield hardware


@pytest.mark.parametrize("kind", ALGORITHMS)
async def test_a_key_made_in_the_token_signs(hardware: HardwareTokens, kind: KeyAlgorithm) -> None:
    (token,) = hardware.tokens
    key = await token.generate_key(kind, "for signing")
    assert isinstance(key.public_key, rsa.RSAPublicKey if kind.curve is None else ec.EllipticCurvePublicKey)
    assert (key.label, token.public_keys) == ("for signing", (key,))
    for algorithm in ALGORITHMS[kind]:
        verify_bytes(key.public_key, algorithm, await token.sign(key.key_id, algorithm, DATA), DATA)


async def test_a_key_cannot_be_read_or_taken_out(hsm: SoftHsm, hardware: HardwareTokens) -> None:
    (token,) = hardware.tokens
    await token.generate_key(KeyAlgorithm.RSA_2048, "rsa")
    await token.generate_key(KeyAlgorithm.EC_P256, "ec")
    await hardware.close()
    library = pkcs11.lib(hsm.library)
    with library.get_token(token_label="first").open(user_pin=PIN) as session:
        keys = list(session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY}))
        assert len(keys) == 2
        for key in keys:
            said = {a: key[a] for a in (Attribute.SENSITIVE, Attribute.ALWAYS_SENSITIVE, Attribute.SIGN)}
            assert all(said.values())
            assert key[Attribute.NEVER_EXTRACTABLE]
            assert not (key[Attribute.EXTRACTABLE] or key[Attribute.DECRYPT] or key[Attribute.UNWRAP])
        for secret in (Attribute.VALUE, Attribute.PRIVATE_EXPONENT):
            for key in keys:
                with pytest.raises((pkcs11.AttributeSensitive, pkcs11.AttributeTypeInvalid)):
                    key[secret]
    library.finalize()


async def test_pss_is_the_devices_choice(hsm: SoftHsm) -> None:
    async with opened({"hsm": hsm.device(sign_mechanism="CKM_RSA_PKCS_PSS")}, {"first": PIN}) as hardware:
        (token,) = hardware.tokens
        assert token.signs_with_pss
        key = await token.generate_key(KeyAlgorithm.RSA_2048, "pss")
        for algorithm in PSS:
            verify_bytes(key.public_key, algorithm, await token.sign(key.key_id, algorithm, DATA), DATA)
        with pytest.raises(Unavailable) as refused:
            await token.sign(key.key_id, SignatureAlgorithm.RSA_SHA512, DATA)
        assert refused.value.code == "unsupported_sign_algorithm"


@pytest.mark.parametrize("mechanism", ["CKM_RSA_PKCS", "CKM_RSA_PKCS_PSS"])
@pytest.mark.parametrize("kind", [KeyAlgorithm.RSA_2048, KeyAlgorithm.EC_P256])
async def test_certificate_request(hsm: SoftHsm, kind: KeyAlgorithm, mechanism: str, tmp_path: Path) -> None:
    async with opened({"hsm": hsm.device(rsa_sign_mechanism=mechanism)}, {"first": PIN}) as hardware:
        (token,) = hardware.tokens
        key = await token.generate_key(kind, "csr")
        subject = name(C="FI", O="Õigus " * 20, CN="1234", SERIALNUMBER="DEV/SS1/COM")
        request = await token.certificate_request(key.key_id, subject, ["ss1.example", "other.example"])

    parsed = x509.load_der_x509_csr(request)
    assert parsed.is_signature_valid
    assert (parsed.subject, parsed.public_key()) == (subject, key.public_key)
    names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["ss1.example", "other.example"]
    (tmp_path / "request.der").write_bytes(request)
    second_opinion = subprocess.run(
        ["openssl", "req", "-inform", "DER", "-in", str(tmp_path / "request.der"), "-verify", "-noout"],
        capture_output=True,
    )
    assert second_opinion.returncode == 0, second_opinion.stderr


async def test_several_tokens_and_keys_at_once(hsm: SoftHsm) -> None:
    hsm.make_token("second", "999999")
    async with opened({"hsm": hsm.device()}, {"first": PIN, "second": "999999"}) as hardware:
        tokens = {token.token_id: token for token in hardware.tokens}
        assert sorted(tokens) == ["first", "second"]
        keys = [
            (token, await token.generate_key(kind, f"key {number}"))
            for number, kind in enumerate([KeyAlgorithm.EC_P256, KeyAlgorithm.RSA_2048])
            for token in tokens.values()
        ]
        work = [(token, key, b"message %d" % number) for number in range(10) for token, key in keys]

        async def sign(token: Token, key_id: str, kind: object, data: bytes) -> bytes:
            rsa_key = isinstance(kind, rsa.RSAPublicKey)
            algorithm = SignatureAlgorithm.RSA_SHA512 if rsa_key else SignatureAlgorithm.ECDSA_SHA512
            return await token.sign(key_id, algorithm, data)

        signatures = await asyncio.gather(*(sign(t, k.key_id, k.public_key, data) for t, k, data in work))
        for (_, key, data), signature in zip(work, signatures, strict=True):
            rsa_key = isinstance(key.public_key, rsa.RSAPublicKey)
            algorithm = SignatureAlgorithm.RSA_SHA512 if rsa_key else SignatureAlgorithm.ECDSA_SHA512
            verify_bytes(key.public_key, algorithm, signature, data)


async def test_slot_ids_and_names(hsm: SoftHsm) -> None:
    hsm.make_token("second")
    async with opened({"hsm": hsm.device(token_id_format="{moduleType}:{slotIndex}:{label}")}) as hardware:
        slots = {token.label: int(token.token_id.split(":")[1]) for token in hardware.tokens}
        assert all(token.token_id.startswith("hsm:") for token in hardware.tokens)
    async with opened({"hsm": hsm.device(slot_ids=(slots["second"],))}) as hardware:
        assert [token.label for token in hardware.tokens] == ["second"]
        assert hardware.tokens[0].serial_number


async def test_public_keys_are_seen_before_login(hsm: SoftHsm, hardware: HardwareTokens) -> None:
    (token,) = hardware.tokens
    key = await token.generate_key(KeyAlgorithm.EC_P256, "k")
    await hardware.close()
    async with opened({"hsm": hsm.device()}) as again:
        (token,) = again.tokens
        assert (token.public_keys, token.is_active, token.is_available) == ((key,), False, True)
        with pytest.raises(TokenNotActive):
            await token.sign(key.key_id, SignatureAlgorithm.ECDSA_SHA256, DATA)
        await token.login(PIN)
        verify_bytes(
            key.public_key,
            SignatureAlgorithm.ECDSA_SHA256,
            await token.sign(key.key_id, SignatureAlgorithm.ECDSA_SHA256, DATA),
            DATA,
        )
        await token.logout()
        assert token.public_keys == (key,)
        with pytest.raises(TokenNotActive):
            await token.sign(key.key_id, SignatureAlgorithm.ECDSA_SHA256, DATA)


async def test_a_wrong_pin(hsm: SoftHsm) -> None:
    async with opened({"hsm": hsm.device()}, {"first": "0000"}) as hardware:
        (token,) = hardware.tokens
        assert not token.is_active
        for wrong in ("0000", "", "x" * 500):
            with pytest.raises(PinIncorrect):
                await token.login(wrong)
        await token.login(PIN)
        assert token.is_active
        with pytest.raises(PinIncorrect):
            await token.login("0000")
        assert not token.is_active


async def test_what_is_refused(hsm: SoftHsm, hardware: HardwareTokens) -> None:
    (token,) = hardware.tokens
    with pytest.raises(KeyNotFound):
        await token.sign("00" * 20, SignatureAlgorithm.ECDSA_SHA256, DATA)
    with pytest.raises(KeyNotFound):
        await token.delete_key("00" * 20)
    key = await token.generate_key(KeyAlgorithm.EC_P256, "k")
    with pytest.raises(Unavailable) as refused:
        await token.sign(key.key_id, SignatureAlgorithm.RSA_SHA256, DATA)
    assert refused.value.code == "unsupported_sign_algorithm"
    with pytest.raises(CallerError) as no_tls:
        token.load_tls_key(key.key_id, (), None)  # type: ignore[arg-type]
    assert no_tls.value.code == "wrong_cert_usage"
    await token.delete_key(key.key_id)
    assert token.public_keys == ()
    with pytest.raises(KeyNotFound):
        await token.sign(key.key_id, SignatureAlgorithm.ECDSA_SHA256, DATA)


async def test_a_read_only_device(hsm: SoftHsm) -> None:
    async with opened({"hsm": hsm.device(read_only=True)}, {"first": PIN}) as hardware:
        for refused in (
            hardware.tokens[0].generate_key(KeyAlgorithm.EC_P256, "k"),
            hardware.tokens[0].delete_key("0"),
        ):
            with pytest.raises(CallerError) as error:
                await refused
            assert error.value.code == "token_readonly"


async def test_the_pin_for_every_signature(hsm: SoftHsm, hardware: HardwareTokens) -> None:
    key = await hardware.tokens[0].generate_key(KeyAlgorithm.EC_P256, "k")
    await hardware.close()
    async with opened({"hsm": hsm.device(sign_verify_pin=True)}, {"first": PIN}) as again:
        (token,) = again.tokens
        for _ in range(2):
            signature = await token.sign(key.key_id, SignatureAlgorithm.ECDSA_SHA256, DATA)
            verify_bytes(key.public_key, SignatureAlgorithm.ECDSA_SHA256, signature, DATA)
        other = await token.generate_key(KeyAlgorithm.EC_P256, "other")
        assert {k.key_id for k in token.public_keys} == {key.key_id, other.key_id}


async def test_a_token_pulled_out_and_put_back(hsm: SoftHsm, hardware: HardwareTokens) -> None:
    (token,) = hardware.tokens
    key = await token.generate_key(KeyAlgorithm.EC_P256, "k")
    hsm.pull_out()
    with pytest.raises(TokenNotAvailable):
        await token.sign(key.key_id, SignatureAlgorithm.ECDSA_SHA256, DATA)
    assert not token.is_active
    assert not token.is_available
    await hardware.refresh()
    assert (token.is_active, token.public_keys) == (False, (key,))
    hsm.put_back()
    await hardware.refresh()
    assert token.is_active
    signature = await token.sign(key.key_id, SignatureAlgorithm.ECDSA_SHA256, DATA)
    verify_bytes(key.public_key, SignatureAlgorithm.ECDSA_SHA256, signature, DATA)


async def test_it_is_looked_for_by_itself(hsm: SoftHsm, hardware: HardwareTokens) -> None:
    (token,) = hardware.tokens
    key = await token.generate_key(KeyAlgorithm.EC_P256, "k")
    running = asyncio.create_task(hardware.run())
    hsm.pull_out()
    with pytest.raises(TokenNotAvailable):
        await token.sign(key.key_id, SignatureAlgorithm.ECDSA_SHA256, DATA)
    hsm.put_back()
    async with asyncio.timeout(10):
        while not token.is_active:
            await asyncio.sleep(0.05)
    await token.sign(key.key_id, SignatureAlgorithm.ECDSA_SHA256, DATA)
    running.cancel()


async def test_a_library_begun_anew_changes_nothing(hardware: HardwareTokens, hsm: SoftHsm) -> None:
    """Handles of the older sessions may mean other keys by now."""
    hsm.make_token("second")
    await hardware.close()
    async with opened({"hsm": hsm.device()}, {"first": PIN, "second": PIN}) as hardware:
        keys = [(token, await token.generate_key(KeyAlgorithm.EC_P256, "k")) for token in hardware.tokens]
        module = hardware.tokens[0]._module
        await module.run(module.found_anew)
        for token, key in reversed(keys):
            signature = await token.sign(key.key_id, SignatureAlgorithm.ECDSA_SHA256, DATA)
            verify_bytes(key.public_key, SignatureAlgorithm.ECDSA_SHA256, signature, DATA)


async def test_a_pin_changed_while_the_token_was_out_is_tried_once(
    hsm: SoftHsm, hardware: HardwareTokens
) -> None:
    (token,) = hardware.tokens
    hsm.pull_out()
    await hardware.refresh()
    hsm.put_back()
    change = f"""
import pkcs11
token = pkcs11.lib({hsm.library!r}).get_token(token_label="first")
with token.open(rw=True, user_pin="{PIN}") as session:
    session.set_pin("{PIN}", "777777")
"""
    subprocess.run([sys.executable, "-c", change], check=True)  # by its owner, elsewhere
    await hardware.refresh()
    assert (token.is_available, token.is_active) == (True, False)
    await hardware.refresh()
    assert not token.is_logged_in
    await token.login("777777")


async def test_a_token_that_comes_later(hsm: SoftHsm, hardware: HardwareTokens) -> None:
    await hardware.close()
    hsm.pull_out()
    pins = {"first": PIN}

    async def known() -> Mapping[str, str]:
        return pins

    found: list[Token] = []
    later = HardwareTokens({"hsm": hsm.device()}, found=found.append, auto_login=AutoLogin(known))
    await later.open()
    assert found == []
    hsm.put_back()
    module = later._modules["hsm"]
    await module.run(module.found_anew)  # SoftHSM notices new tokens only so; other libraries at once
    await later.refresh()
    assert [token.is_active for token in found] == [True]
    await later.close()


async def test_a_library_that_is_not_there(tmp_path: Path) -> None:
    pytest.importorskip("pkcs11")
    async with opened({"hsm": Pkcs11Device(library=str(tmp_path / "none.so"))}) as hardware:
        assert hardware.tokens == ()


async def test_what_is_no_token_of_ours_is_passed_over(hsm: SoftHsm, tmp_path: Path) -> None:
    """A key without a public half, an AES key: such things live on real tokens too."""
    async with opened({"hsm": hsm.device()}, {"first": PIN}) as hardware:
        (token,) = hardware.tokens
        key = await token.generate_key(KeyAlgorithm.EC_P256, "k")
        other = await token.generate_key(KeyAlgorithm.EC_P256, "half")
    library = pkcs11.lib(hsm.library)
    with library.get_token(token_label="first").open(rw=True, user_pin=PIN) as session:
        session.generate_key(pkcs11.KeyType.AES, 128, store=True, label="aes")
        for item in list(
            session.get_objects({Attribute.CLASS: ObjectClass.PUBLIC_KEY, Attribute.LABEL: "half"})
        ):
            item.destroy()
    library.finalize()
    async with opened({"hsm": hsm.device()}, {"first": PIN}) as hardware:
        assert [found.key_id for found in hardware.tokens[0].public_keys] == [key.key_id]
        assert other.key_id != key.key_id


async def test_errors_carry_no_pin(hsm: SoftHsm, caplog: pytest.LogCaptureFixture) -> None:
    async with opened({"hsm": hsm.device()}, {"first": "24680135"}) as hardware:
        with pytest.raises(PlatformError) as error:
            await hardware.tokens[0].login("24680135")
        assert "24680135" not in repr(error.value) + caplog.text + repr(vars(error.value))


async def test_one_of_two_tokens_goes_the_other_signs_on(hsm: SoftHsm, tmp_path: Path) -> None:
    before = set((tmp_path / "tokens").iterdir())
    hsm.make_token("second")
    (added,) = set((tmp_path / "tokens").iterdir()) - before
    async with opened({"hsm": hsm.device()}, {"first": PIN, "second": PIN}) as hardware:
        tokens = {token.label: token for token in hardware.tokens}
        keys = {
            label: await token.generate_key(KeyAlgorithm.EC_P256, label) for label, token in tokens.items()
        }
        added.rename(tmp_path / "out")

        async def sign(label: str) -> None:
            algorithm, key = SignatureAlgorithm.ECDSA_SHA256, keys[label]
            verify_bytes(
                key.public_key, algorithm, await tokens[label].sign(key.key_id, algorithm, DATA), DATA
            )

        with pytest.raises(TokenNotAvailable):
            await sign("second")
        await sign("first")
        await hardware.refresh()
        await sign("first")
        assert {label: token.is_active for label, token in tokens.items()} == {"first": True, "second": False}


async def test_a_card_that_wants_its_pin_comes_back(hsm: SoftHsm) -> None:
    async with opened({"hsm": hsm.device(sign_verify_pin=True)}, {"first": PIN}) as hardware:
        (token,) = hardware.tokens
        key = await token.generate_key(KeyAlgorithm.EC_P256, "k")
        hsm.pull_out()
        with pytest.raises(Unavailable):
            await token.sign(key.key_id, SignatureAlgorithm.ECDSA_SHA256, DATA)
        await hardware.refresh()
        hsm.put_back()
        await hardware.refresh()
        await token.sign(key.key_id, SignatureAlgorithm.ECDSA_SHA256, DATA)


async def test_calls_from_many_tasks_while_it_is_looked_for(hsm: SoftHsm, hardware: HardwareTokens) -> None:
    """Whatever comes between, every call ends in a signature or in a refusal of ours."""
    (token,) = hardware.tokens
    key = await token.generate_key(KeyAlgorithm.EC_P256, "k")
    outcomes: list[str] = []

    async def sign() -> None:
        for _ in range(40):
            try:
                signature = await token.sign(key.key_id, SignatureAlgorithm.ECDSA_SHA256, DATA)
                verify_bytes(key.public_key, SignatureAlgorithm.ECDSA_SHA256, signature, DATA)
                outcomes.append("signed")
            except Unavailable as error:
                outcomes.append(error.code)
                await asyncio.sleep(0.005)

    async def disturb() -> None:
        for _ in range(3):
            await asyncio.sleep(0.01)
            hsm.pull_out()
            await asyncio.gather(hardware.refresh(), hardware.refresh())
            hsm.put_back()
            await asyncio.gather(hardware.refresh(), hardware.refresh())

    await asyncio.gather(disturb(), *(sign() for _ in range(6)))
    assert set(outcomes) <= {"signed", "token_not_available", "hsm_non_operational"}
    assert "signed" in outcomes
    assert token.is_active
    await token.sign(key.key_id, SignatureAlgorithm.ECDSA_SHA256, DATA)
