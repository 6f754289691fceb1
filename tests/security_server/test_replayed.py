"""A signed message sent again (docs/failures.md): X-Road has no memory of messages, so what bounds a replay is who may send it
to whom, and for how long its OCSP responses are fresh."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from forger import OCSP, STALE, FalseProvider, Forger, Part, Sealer, fault_in
from world import CLIENT, Pair, World, make_pair, subsystem

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_again_by_the_same_server(shared_pair: Pair) -> None:
    """Taken as a new message, as by the reference; each time is evidence of its own."""
    forger = Forger(shared_pair.world, shared_pair.consumer, shared_pair.provider)
    message = forger.message(body=b"once")
    for times in (1, 2):
        assert b"application/x-road-rest-response" in await forger.send(message)
        assert len(shared_pair.echo.requests) == times
    assert len(shared_pair.records(shared_pair.provider)) == 4


async def test_by_another_members_server(shared_pair: Pair) -> None:
    world = shared_pair.world
    recorded = Forger(world, shared_pair.consumer, shared_pair.provider).message(body=b"once")
    other = world.sites.get("ss3") or await world.add_server(
        "ss3", "3", [subsystem("3", "Other")], start=False
    )
    await other.server.configuration.refresh()
    await other.server.token.login("1234")
    await other.server.registration_follower.follow()
    await shared_pair.provider.server.configuration.refresh()
    await other.server.signer.ocsp.refresh()
    thief = Forger(world, other, shared_pair.provider, "3")
    replayed = [thief.tls_ocsp(), *(part for part in recorded if part[0] != OCSP)]
    fault = fault_in(await thief.send(replayed))
    assert fault.code == "server.serverproxy.service_failed.ssl_authentication_failed"
    assert shared_pair.echo.requests == []
    assert shared_pair.records(shared_pair.provider) == []


async def test_after_its_time(shared_pair: Pair) -> None:
    """Its signature holds a statement of three hours ago."""
    forger = Forger(shared_pair.world, shared_pair.consumer, shared_pair.provider)
    then = datetime.now(UTC) - STALE
    forger.sealer = Sealer.of(shared_pair.world, shared_pair.consumer, CLIENT.member_code, at=then)
    fault = fault_in(await forger.send(forger.message(body=b"long ago")))
    assert fault.code.endswith("signature_verification.invalid_cert_path.incorrect_validation_info")
    assert shared_pair.echo.requests == []


async def test_an_answer_to_another_request(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The provider's server gives the signed answer of the request before, to the same question by the same client."""
    async with World(tmp_path_factory.mktemp("replay")) as world:
        pair = await make_pair(world)
        await pair.provider.server.stop(grace=0.5)
        false = FalseProvider(world, pair.provider)
        await false.start()
        kept: list[list[Part]] = []

        async def answer(self: FalseProvider, request, responder) -> None:  # type: ignore[no-untyped-def]
            parts = self.message(await self.read(request))
            kept.append(parts)
            await self.send(responder, kept[0])

        false.answer = answer
        try:
            first = await pair.call(path="/same")
            again = await pair.call(path="/same")
        finally:
            await false.stop()
        assert first.status == 200, first.body
        assert again.header(b"x-road-error") == b"server.clientproxy.inconsistent_response"
