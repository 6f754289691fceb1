"""Whole exchanges whose sign keys live in a hardware token (SoftHSM stands for it)."""

from __future__ import annotations

import asyncio
import io
import zipfile
from pathlib import Path
from urllib.parse import urlencode

import pytest
from world import CLIENT, Issuing, Pair, Site, World, make_pair

from sild.configuration_client import load_globalconf
from sild.errors import CallerError
from sild.http1 import fetch
from sild.pki import SignatureAlgorithm
from sild.signatures import parse_signature, read_asice
from sild.signer import KeyAlgorithm, KeyUsage
from sild.xroad.evidence import verify_container
from support.softhsm import PIN, SoftHsm

KINDS = [
    (KeyAlgorithm.RSA_2048, "CKM_RSA_PKCS", SignatureAlgorithm.RSA_SHA512),
    (KeyAlgorithm.RSA_2048, "CKM_RSA_PKCS_PSS", SignatureAlgorithm.RSA_PSS_SHA512),
    (KeyAlgorithm.EC_P256, "CKM_RSA_PKCS", SignatureAlgorithm.ECDSA_SHA512),
]


@pytest.fixture
def hsm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SoftHsm:
    hsm = SoftHsm.begin(tmp_path, monkeypatch)
    for label in ("consumer", "provider"):
        hsm.make_token(label)
        (tmp_path / f"{label}.pins").write_text(f"{label}:{PIN}\n")
    return hsm


async def hardware_pair(
    world: World, hsm: SoftHsm, kind: KeyAlgorithm = KeyAlgorithm.EC_P256, **device: object
) -> Pair:
    """Each side has a token of its own, which it logs in to by itself."""
    sides = {
        label: {
            "sign": Issuing(token_id=label, algorithm=kind),
            "devices": {"hsm": hsm.device(**device).model_dump()},
            "token_pins_file": hsm.directory / f"{label}.pins",
        }
        for label in ("consumer", "provider")
    }
    return await make_pair(world, consumer=sides["consumer"], provider=sides["provider"])


async def containers(site: Site, query_id: str) -> list[bytes]:
    await site.server.timestamper.tick()
    query = urlencode(
        {
            "queryId": query_id,
            "xRoadInstance": CLIENT.instance_identifier,
            "memberClass": CLIENT.member_class,
            "memberCode": CLIENT.member_code,
            "subsystemCode": CLIENT.subsystem_code or "",
        }
    )
    answer = await fetch(f"{site.url}/asic?{query}", max_bytes=10_000_000)
    assert answer.status == 200, answer.body
    with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        return [archive.read(name) for name in archive.namelist()]


@pytest.mark.parametrize(("kind", "mechanism", "algorithm"), KINDS)
async def test_an_exchange_signed_by_hardware(
    world: World, hsm: SoftHsm, kind: KeyAlgorithm, mechanism: str, algorithm: SignatureAlgorithm
) -> None:
    pair = await hardware_pair(world, hsm, kind, rsa_sign_mechanism=mechanism)
    for site in (pair.consumer, pair.provider):
        assert {token.token_id for token in site.server.hardware.tokens} == {"consumer", "provider"}
        assert [token.is_active for token in site.server.hardware.tokens].count(True) == 1
    answer = await pair.call("POST", "/x", body=b"question", headers=[(b"X-Road-Id", b"q1")])
    assert (answer.status, answer.body) == (200, b"question")
    globalconf = load_globalconf(pair.consumer.server.configuration.directory)
    packed = await containers(pair.consumer, "q1")
    assert len(packed) == 2
    for data in packed:
        container = read_asice(io.BytesIO(data))
        verify_container(container, globalconf)
        assert parse_signature(container.signature).algorithm is algorithm


async def test_messages_at_the_same_time_share_signatures(world: World, hsm: SoftHsm) -> None:
    """Chosen by the token's measured time, with no setting: X-Road's default for hardware."""
    pair = await hardware_pair(world, hsm, KeyAlgorithm.RSA_2048)
    count = 40

    async def exchange(number: int) -> int:
        header = (b"X-Road-Id", b"q%d" % number)
        return (await pair.call("POST", "/x", body=b"%d" % number, headers=[header])).status

    assert set(await asyncio.gather(*map(exchange, range(count)))) == {200}
    globalconf = load_globalconf(pair.consumer.server.configuration.directory)
    signatures = set()
    for number in range(count):
        for data in await containers(pair.consumer, f"q{number}"):
            container = read_asice(io.BytesIO(data))
            verify_container(container, globalconf)
            signatures.add(parse_signature(container.signature).signature_value)
    assert len(signatures) < 2 * count * 0.8


async def test_a_device_without_batches(world: World, hsm: SoftHsm) -> None:
    pair = await hardware_pair(world, hsm, batch_signing_enabled=False)
    headers = [[(b"X-Road-Id", b"q%d" % number)] for number in range(10)]
    answers = await asyncio.gather(*(pair.call(headers=header) for header in headers))
    assert {answer.status for answer in answers} == {200}
    signatures = {
        parse_signature(read_asice(io.BytesIO(data)).signature).signature_value
        for number in range(10)
        for data in await containers(pair.consumer, f"q{number}")
    }
    assert len(signatures) == 20


async def test_the_token_is_pulled_out_and_put_back(world: World, hsm: SoftHsm) -> None:
    pair = await hardware_pair(world, hsm)
    assert (await pair.call()).status == 200
    hsm.pull_out()
    refused = await pair.call()
    assert refused.status == 500
    assert (b"x-road-error", b"server.clientproxy.cannot_create_signature.token_not_available") in [
        (name.lower(), value) for name, value in refused.headers
    ]
    refused = await pair.call()
    assert b"cannot_create_signature" in refused.body
    hsm.put_back()
    async with asyncio.timeout(20):
        while (await pair.call()).status != 200:
            await asyncio.sleep(0.1)


async def test_another_certificate_takes_over_while_the_token_is_out(world: World, hsm: SoftHsm) -> None:
    """A member with a second key, in the software token, goes on."""
    pair = await hardware_pair(world, hsm)
    for site, code in ((pair.consumer, "1"), (pair.provider, "2")):
        await world.certify(site.server, KeyUsage.SIGNING, world.member(code), None)
        await site.server.signer.ocsp.refresh()
    assert (await pair.call()).status == 200
    hsm.pull_out()
    statuses = [(await pair.call()).status for _ in range(6)]
    assert statuses == [200] * 6


async def test_the_authentication_key_stays_in_the_software_token(world: World, hsm: SoftHsm) -> None:
    site = await world.add_server(
        "ss1",
        "1",
        start=False,
        devices={"hsm": hsm.device().model_dump()},
        token_pins_file=hsm.directory / "consumer.pins",
    )
    with pytest.raises(CallerError) as refused:
        await world.certify(
            site.server, KeyUsage.AUTHENTICATION, world.member("1"), Issuing(token_id="consumer")
        )
    assert refused.value.code == "wrong_cert_usage"


async def test_a_process_with_devices_ini_and_a_command_for_pins(
    world: World, hsm: SoftHsm, tmp_path: Path
) -> None:
    """As X-Road's administrators set it up; the software token's PIN comes from there too."""
    pair = await hardware_pair(world, hsm)
    devices = tmp_path / "devices.ini"
    devices.write_text(f"[hsm]\nlibrary = {hsm.library}\ntoken_id_format = {{label}}\n")
    await pair.consumer.server.hardware.close()
    spawned = await world.spawn(
        pair.consumer,
        pin=None,
        devices={},
        devices_file=devices,
        token_pins_file=None,
        token_pins_command=("/bin/sh", "-c", f"echo 0:1234; echo consumer:{PIN}"),
    )
    answer = await fetch(
        f"{spawned.url}/r1/DEV/COM/2/Register/echo/x",
        headers=[(b"X-Road-Client", CLIENT.encode().encode())],
    )
    assert answer.status == 200, answer.body
    assert await spawned.end() == 0
