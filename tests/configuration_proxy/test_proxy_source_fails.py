"""A source that is down, expired, tampered with or answers something else: nothing of it is published, what was stays in force."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from central_server.central_world import OTHER
from configuration_proxy.proxy_world import PROXY, ProxyWorld, Spoil
from sild.errors import PlatformError
from sild.xroad.globalconf import parse_anchor, render_anchor
from support.pki import Pki

VERSIONS = (6, 5, 4, 3, 2)


@pytest.fixture
async def mediated(world: ProxyWorld) -> AsyncIterator[ProxyWorld]:
    await world.proxy.mediate(PROXY)
    yield world


def served(world: ProxyWorld) -> list[bytes]:
    return [world.signed(version) for version in VERSIONS]


async def refused(world: ProxyWorld) -> str:
    """The code of a round in which nothing is published."""
    before = served(world)
    with pytest.raises(PlatformError) as error:
        await world.proxy.mediate(PROXY)
    assert served(world) == before
    return error.value.code


def changed(world: ProxyWorld) -> None:
    """Something new to publish, so that files have to be downloaded."""
    world.clock.advance(60)
    world.source.server.rename_member(OTHER, "Another name")
    world.source.server.set_system_parameter("timeStampingIntervalSeconds", "61")
    world.source.server.publish()


async def test_source_down(mediated: ProxyWorld) -> None:
    """The proxy's clients go on until what was published last expires, and from there on know why they stop."""
    mediated.source.wire.down = True
    mediated.clock.advance(300)
    assert await refused(mediated) == "global_conf_download_url_connection_failure"
    client = mediated.client()
    globalconf = await client.refresh()
    mediated.clock.advance(299)
    globalconf.ensure_valid(mediated.clock.at)
    await mediated.client().refresh()  # files of a directory in force are there for newcomers too
    mediated.clock.advance(2)
    with pytest.raises(PlatformError, match="global_conf_outdated"):
        await client.refresh()
    with pytest.raises(PlatformError, match="global_conf_outdated"):
        globalconf.ensure_valid(mediated.clock.at)
    mediated.source.wire.down = False
    mediated.source.server.publish()
    await mediated.proxy.mediate(PROXY)
    (await client.refresh()).ensure_valid(mediated.clock.at)


async def test_a_validity_longer_than_files_are_kept(mediated: ProxyWorld) -> None:
    """UG-CP 3.5.1: the reference removes files ten minutes old although they are in force; here they stay."""
    mediated.proxy.set_validity_interval(PROXY, 86_400)
    await mediated.pass_on()
    mediated.source.wire.down = True
    for _ in range(4):
        mediated.clock.advance(6 * 3600 - 60)
        await refused(mediated)
        await mediated.client().refresh()


async def test_a_restart_while_the_source_is_down(mediated: ProxyWorld) -> None:
    mediated.source.wire.down = True
    mediated.proxy = mediated.open_proxy()
    await mediated.proxy.log_in("1234")
    assert await refused(mediated) == "global_conf_download_url_connection_failure"
    await mediated.client().refresh()


async def test_source_expired(mediated: ProxyWorld) -> None:
    mediated.proxy.set_validity_interval(PROXY, 3600)
    await mediated.proxy.mediate(PROXY)
    mediated.clock.advance(601)
    assert await refused(mediated) == "global_conf_outdated"


def another(pattern: bytes) -> Spoil:
    """Another character in the place of the first match's last one."""

    def spoil(body: bytes) -> bytes:
        found = re.search(pattern, body, re.DOTALL)
        assert found is not None
        end = found.end() - 1
        return body[:end] + (b"B" if body[end : end + 1] == b"A" else b"A") + body[end + 1 :]

    return spoil


@pytest.mark.parametrize(
    ("target", "spoil", "code"),
    [
        ("conf", another(rb"Expire-date: 2"), "global_conf_signature_verification_failure"),
        ("conf", another(rb"SHARED-PARAMETERS; instance='D"), "global_conf_signature_verification_failure"),
        ("conf", another(rb"Verification-certificate-hash: ."), "global_conf_missing_verification_cert"),
        ("conf", lambda body: body[:200], "global_conf_missing_signed_data_expiration_date"),
        ("conf", lambda body: b"<html>404, says the wall</html>", None),
        ("conf", lambda body: b"", None),
        ("shared-params", another(rb"Another n"), "global_conf_part_downloaded_file_integrity_failure"),
        ("private-params", lambda body: body + b"\n", "global_conf_part_downloaded_file_integrity_failure"),
        ("shared-params", lambda body: body[:-1], "global_conf_part_downloaded_file_integrity_failure"),
    ],
)
async def test_source_tampered_with(
    mediated: ProxyWorld, target: str, spoil: Spoil, code: str | None
) -> None:
    changed(mediated)
    mediated.source.wire.spoil = {target: spoil}
    found = await refused(mediated)
    assert code is None or found == code
    assert b"Another name" not in b"".join(
        path.read_bytes() for path in (mediated.directory / "cp/public").rglob("*") if path.is_file()
    )
    mediated.source.wire.spoil = {}
    assert await mediated.proxy.mediate(PROXY) == VERSIONS


async def test_one_version_tampered_with(mediated: ProxyWorld) -> None:
    """Each version is its own affair, as in the reference."""
    before = mediated.signed(4)
    changed(mediated)
    mediated.source.wire.spoil = {"version=4|/V4/": lambda body: body.replace(b"0", b"1")}
    assert await mediated.proxy.mediate(PROXY) == (6, 5, 3, 2)
    assert mediated.signed(4) == before


async def test_source_signed_by_somebody_else(mediated: ProxyWorld, tmp_path: Path, pki: Pki) -> None:
    """Another central server that calls itself DEV answers at the source's address."""
    (tmp_path / "other").mkdir()
    async with ProxyWorld(tmp_path / "other", pki) as other:
        other.clock.at = mediated.clock.at
        other.clock.advance(1)
        other.source.server.publish()
        mediated.clock.advance(2)
        false = {v: other.source.site.get(f"/internalconf?version={v}").body for v in VERSIONS}
        mediated.source.wire.spoil = {
            f"conf.version={v}": lambda _body, answer=answer: answer  # type: ignore[misc]
            for v, answer in false.items()
        }
        assert await refused(mediated) == "global_conf_missing_verification_cert"


async def test_source_played_back(mediated: ProxyWorld) -> None:
    """Validly signed, not expired, and older than what is known: signing it anew would give it a new life."""
    old = {v: mediated.source.site.get(f"/internalconf?version={v}").body for v in VERSIONS}
    changed(mediated)
    await mediated.proxy.mediate(PROXY)
    mediated.source.wire.spoil = {
        f"conf.version={v}": lambda _body, answer=answer: answer  # type: ignore[misc]
        for v, answer in old.items()
    }
    mediated.clock.advance(60)
    assert await refused(mediated) == "global_conf_outdated"


async def test_source_answers_another_version(mediated: ProxyWorld) -> None:
    """An anchor that pins a version: the reference publishes what comes under every number, here under its own."""
    anchor = parse_anchor(mediated.source.anchor())
    sources = tuple(replace(s, download_url=f"{s.download_url}?version=3") for s in anchor.sources)
    await mediated.add_instance("PINNED", render_anchor(replace(anchor, sources=sources)))
    assert await mediated.proxy.mediate("PINNED") == (3,)
    assert (await mediated.client("PINNED").refresh()).version == 3


async def test_source_offers_a_version_no_longer(mediated: ProxyWorld) -> None:
    """Expired, the version goes, since clients take the highest there is; the others go on."""
    mediated.source.wire.missing = "version=6"
    mediated.clock.advance(300)
    mediated.source.server.publish()
    assert await mediated.proxy.mediate(PROXY) == (5, 4, 3, 2)
    assert (await mediated.client().refresh()).version == 6
    mediated.clock.advance(301)
    mediated.source.server.publish()
    assert await mediated.proxy.mediate(PROXY) == (5, 4, 3, 2)
    assert mediated.site.get(f"/{PROXY}/conf?version=6").status == 404
    assert (await mediated.client().refresh()).version == 5


async def test_rounds_go_on_after_a_failure_and_one_source_does_not_hold_up_another(
    mediated: ProxyWorld,
) -> None:
    mediated.proxy.create_instance("BROKEN")
    mediated.source.wire.down = True
    running = asyncio.create_task(mediated.proxy.run())
    try:
        await asyncio.sleep(0.2)
        mediated.source.wire.down = False
        changed(mediated)
        async with asyncio.timeout(20):
            while b"12:11:00.000Z" not in await asyncio.to_thread(mediated.signed, 6):
                await asyncio.sleep(0.05)
    finally:
        running.cancel()
        await asyncio.wait([running])
    assert (await mediated.client().refresh()).member_name(OTHER, mediated.clock.at) == "Another name"
