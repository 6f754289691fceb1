"""Evidence of a call: fetched, bound to the answer, judged; and everything that must not pass for it."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha512
from pathlib import Path

import pytest
import pytest_asyncio
from world import CLIENT, ECHO, REGISTER, Pair, subsystem

from sild.adapter import (
    AsyncXRoadClient,
    CallerError,
    Evidence,
    EvidenceContainer,
    EvidenceHandle,
    PeerError,
    PlatformError,
    ServiceId,
    TrustError,
    Unavailable,
)
from sild.configuration_client import load_globalconf
from sild.http1 import Request, Responder
from sild.security_server import ConnectionType
from sild.xroad.evidence import verify_container
from sild.xroad.globalconf import GlobalConf

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def globalconf(pair: Pair) -> GlobalConf:
    """As an auditor has it: from the provider's side, not from whom the evidence came."""
    return load_globalconf(pair.provider.server.settings.directory / "globalconf")


@pytest.mark.parametrize("body", [None, b"", b"x", b"y" * 300_000])
async def test_the_whole_proof(
    pair: Pair, xroad: AsyncXRoadClient, globalconf: GlobalConf, body: bytes | None
) -> None:
    call = xroad.get(ECHO, "/p") if body is None else xroad.post(ECHO, "/p", body=body)
    answer = await call
    evidence = await answer.evidence(stamp_now=True)
    verified = evidence.verify(globalconf)
    assert (verified.request.signer, verified.response.signer) == (CLIENT, REGISTER)
    assert verified.proven_at is not None
    assert f"x-road-request-id:{answer.request_id}".encode() in evidence.request.read().message


async def test_the_request_alone_by_its_id(
    pair: Pair, xroad: AsyncXRoadClient, globalconf: GlobalConf
) -> None:
    query_id = (await xroad.post(ECHO, json={"decision": 2}, query_id="kept & nothing/else")).query_id
    container = EvidenceContainer("request.asice", await xroad.request_container(query_id))
    report = verify_container(container.read(), globalconf)
    assert (report.signer, report.query_id, report.kind) == (CLIENT, query_id, "rest-request")
    with pytest.raises(CallerError) as refused:
        await xroad.request_container("of nothing")
    assert refused.value.code == "not_found"


async def test_later_from_another_program(
    pair: Pair, xroad: AsyncXRoadClient, globalconf: GlobalConf, tmp_path: Path
) -> None:
    kept = (await xroad.post(ECHO, json={"decision": 1})).evidence_handle().to_json()
    async with AsyncXRoadClient(pair.consumer.url, CLIENT) as later:
        evidence = await later.evidence(EvidenceHandle.from_json(kept), stamp_now=True)
        logged = await later.logged(evidence.handle.query_id)
    assert {one.data for one in logged} == {evidence.request.data, evidence.response.data}
    request, response = evidence.save(tmp_path)
    again = Evidence(
        evidence.handle,
        EvidenceContainer(request.name, request.read_bytes()),
        EvidenceContainer(response.name, response.read_bytes()),
    )
    assert again.verify(globalconf).proven_at == evidence.verify(globalconf).proven_at


async def test_a_streamed_answer_is_bound_once_it_has_been_read(
    pair: Pair, xroad: AsyncXRoadClient, globalconf: GlobalConf
) -> None:
    async with xroad.stream("POST", ECHO, body=b"z" * 100_000) as answer:
        assert await answer.read_some()
        assert answer.evidence_handle().answer_digest is None
        async for _ in answer.chunks():
            pass
    handle = answer.evidence_handle()
    assert handle.answer_digest == sha512(b"z" * 100_000).digest()
    (await xroad.evidence(handle, stamp_now=True)).verify(globalconf)


async def test_a_repeated_call_has_several_records_under_one_id(
    pair: Pair, xroad: AsyncXRoadClient, globalconf: GlobalConf
) -> None:
    answers = [await xroad.post(ECHO, json=number, query_id="one-id") for number in range(3)]
    for answer in answers:
        evidence = await answer.evidence(stamp_now=True)
        evidence.verify(globalconf)
        with pytest.raises(PlatformError):
            replace(evidence, handle=answers[answer.json() - 1].evidence_handle()).verify(globalconf)


async def test_more_under_one_id_than_can_be_taken_in(
    pair: Pair, xroad: AsyncXRoadClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By their number, by their size: told as what it is, and the exchange that is looked for is found all the same."""
    honest = await xroad.post(ECHO, json="honest", query_id="filled")
    for _ in range(2):
        await xroad.post(ECHO, body=os.urandom(200_000), query_id="filled")
    alone = [honest.request_id or ""]
    async with AsyncXRoadClient(pair.consumer.url, CLIENT, max_answer_bytes=100_000) as small:
        with pytest.raises(PeerError) as huge:
            await small.logged("filled", stamp_now=True)
        assert len(await small.logged("filled", stamp_now=True, request_ids=alone)) == 2
    monkeypatch.setattr("sild.adapter.evidence.MAX_CONTAINERS", 4)
    with pytest.raises(PeerError) as many:
        await xroad.logged("filled", stamp_now=True)
    assert huge.value.code == many.value.code == "too_many_messages"
    assert len(await xroad.logged("filled", stamp_now=True, request_ids=alone)) == 2


async def test_not_stamped_yet(pair: Pair, xroad: AsyncXRoadClient) -> None:
    answer = await xroad.get(ECHO)
    with pytest.raises(Unavailable) as error:
        await answer.evidence()
    assert error.value.code == "asic_timestamp_not_found"
    assert error.value.retry_after == 60.0


async def test_not_found(pair: Pair, xroad: AsyncXRoadClient) -> None:
    answer = await xroad.get(ECHO)
    for absent in (
        replace(answer.evidence_handle(), query_id="never"),
        replace(answer.evidence_handle(), request_id="never"),
    ):
        with pytest.raises(CallerError) as error:
            await xroad.evidence(absent, stamp_now=True)
        assert error.value.code == "not_found"


async def test_not_ours(pair: Pair, xroad: AsyncXRoadClient) -> None:
    answer = await xroad.get(ECHO)
    conf = pair.consumer.server.serverconf
    conf.set_connection_type(CLIENT, ConnectionType.HTTPS)
    try:
        with pytest.raises(TrustError) as error:
            await answer.evidence(stamp_now=True)
        assert error.value.code == "ssl_authentication_failed"
    finally:
        conf.set_connection_type(CLIENT, ConnectionType.HTTP)


# --- what must not pass


@pytest_asyncio.fixture(loop_scope="module")
async def evidence(pair: Pair, xroad: AsyncXRoadClient) -> Evidence:
    answer = await xroad.post(ECHO, "/p", body=b"the question")
    return await answer.evidence(stamp_now=True)


@pytest.mark.parametrize(
    "changed",
    [
        {"answer_digest": sha512(b"another answer").digest()},
        {"answer_digest": sha512(b"").digest()},
        {"request_hash": b"\0" * 64},
        {"request_id": "another"},
        {"request_id": None},
        {"query_id": "another"},
        {"client": subsystem("1", "Other")},
        {"service": ServiceId(REGISTER, "other")},
    ],
)
async def test_evidence_of_something_else(
    evidence: Evidence, globalconf: GlobalConf, changed: dict[str, object]
) -> None:
    evidence.verify(globalconf)
    other = replace(evidence, handle=replace(evidence.handle, **changed))  # type: ignore[arg-type]
    with pytest.raises(TrustError) as error:
        other.verify(globalconf)
    assert error.value.code == "inconsistent_response"


async def test_request_and_answer_of_two_exchanges(
    xroad: AsyncXRoadClient, evidence: Evidence, globalconf: GlobalConf
) -> None:
    answer = await xroad.post(ECHO, "/p", body=b"another question", query_id=evidence.handle.query_id)
    other = await answer.evidence(stamp_now=True)
    for mixed in (
        replace(evidence, response=other.response),
        replace(evidence, request=other.request),
        replace(evidence, request=evidence.response),
        replace(evidence, response=evidence.request),
    ):
        with pytest.raises(TrustError):
            mixed.verify(globalconf)


async def test_any_changed_byte(evidence: Evidence, globalconf: GlobalConf) -> None:
    """In what is signed; elsewhere in a ZIP file a byte may mean nothing."""
    for side in ("request", "response"):
        container: EvidenceContainer = getattr(evidence, side)
        for name in ("message.xml", "attachment1", "META-INF/signatures.xml"):
            changed = replace(container, data=rewritten(container.data, name))
            with pytest.raises(PlatformError):
                replace(evidence, **{side: changed}).verify(globalconf)  # type: ignore[arg-type]


async def test_a_body_the_log_left_out_is_still_bound(evidence: Evidence, globalconf: GlobalConf) -> None:
    """Its digest is in the signature's hash chain."""
    cut = {
        side: replace(
            getattr(evidence, side), data=rewritten(getattr(evidence, side).data, "attachment1", drop=True)
        )
        for side in ("request", "response")
    }
    without = replace(evidence, **cut)
    assert without.verify(globalconf).response.remarks
    other = replace(without.handle, answer_digest=sha512(b"another").digest())
    with pytest.raises(TrustError):
        replace(without, handle=other).verify(globalconf)


def rewritten(data: bytes, name: str, *, drop: bool = False) -> bytes:
    """The container with one bit in the middle of an entry changed, or without it."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for entry in old.infolist():
            content = bytearray(old.read(entry))
            if entry.filename == name:
                if drop:
                    continue
                content[len(content) // 2] ^= 1
            new.writestr(entry, bytes(content))
        new.comment = old.comment
    return out.getvalue()


async def test_the_servers_configuration(
    pair: Pair, xroad: AsyncXRoadClient, evidence: Evidence, tmp_path: Path
) -> None:
    directory = await xroad.download_configuration(tmp_path)
    evidence.verify(load_globalconf(directory))


@pytest.fixture(autouse=True)
def no_answer_left(pair: Pair) -> Iterator[None]:
    yield
    pair.echo.answer = None


async def test_an_empty_answer_is_bound_too(
    pair: Pair, xroad: AsyncXRoadClient, globalconf: GlobalConf
) -> None:
    async def nothing(_request: Request, responder: Responder) -> None:
        await responder.send(204, [])

    pair.echo.answer = nothing
    answer = await xroad.get(ECHO)
    evidence = await answer.evidence(stamp_now=True)
    evidence.verify(globalconf)
    with pytest.raises(TrustError):
        replace(evidence, handle=replace(evidence.handle, answer_digest=b"x" * 64)).verify(globalconf)
