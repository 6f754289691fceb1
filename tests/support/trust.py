"""Trust services over HTTP on loopback, and a configuration that names them.

async with TrustServices.running() as trust:
    trust.globalconf()                      # a snapshot: CA, OCSP, TSA of `trust.pki`
    trust.ocsp_up = False                   # and other switches, for each way they can fail
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from sild.clock import Clock, system_clock
from sild.http1 import Request, Responder, serve
from sild.pki import CertificateStatus, Good, OCSPResponder, TimeStampAuthority, der
from sild.xroad.globalconf import (
    ApprovedCA,
    ApprovedTSA,
    CaInfo,
    GlobalConf,
    Member,
    OcspInfo,
    SharedParameters,
)
from sild.xroad.identifiers import ClientId
from support.pki import KeyKind, Pki

INSTANCE = "DEV"
PROFILE = "ee.ria.xroad.common.certificateprofile.impl.FiVRKCertificateProfileInfoProvider"
TSA_POLICY = "1.3.6.1.4.1.99999.1"
FAR = datetime(2100, 1, 1, tzinfo=UTC)


def member(code: str) -> ClientId:
    return ClientId(INSTANCE, "COM", code)


class TrustServices:
    def __init__(self, pki: Pki, clock: Clock) -> None:
        self.pki = pki
        self.clock = clock
        self.url = ""
        self.certificate_status: dict[int, CertificateStatus] = {}
        self.ocsp_up = True
        self.ocsp_age = timedelta(0)
        self.ocsp_validity: timedelta | None = timedelta(hours=1)
        self.ocsp_answer: bytes | None = None
        self.ocsp_requests = 0
        self.ocsp_held: asyncio.Event | None = None  # the next answer is made, and waits for it
        self.tsa_up = True
        self.tsa_answer: bytes | None = None
        self.tsa_requests: list[str] = []
        self._responder = OCSPResponder(pki.ocsp.certificate, pki.ocsp.key, pki.ca.certificate)
        self._authority = TimeStampAuthority(pki.tsa.certificate, pki.tsa.key, TSA_POLICY)

    @classmethod
    @asynccontextmanager
    async def running(
        cls, kind: KeyKind = "ec-p256", *, clock: Clock = system_clock
    ) -> AsyncIterator[TrustServices]:
        trust = cls(Pki(kind), clock)
        server = await serve(trust._handle, "127.0.0.1", 0, name="trust")
        trust.url = f"http://127.0.0.1:{server.port}"
        yield trust
        await server.close(grace=1)

    @property
    def tsa_url(self) -> str:
        return f"{self.url}/tsa"

    async def _handle(self, request: Request, responder: Responder) -> None:
        body = await request.read(1024 * 1024)
        path = request.target.decode()
        up, answer = (
            (self.ocsp_up, self._ocsp(body)) if path == "/ocsp" else (self.tsa_up, self._tsa(path, body))
        )
        if path == "/ocsp" and (held := self.ocsp_held) is not None:
            self.ocsp_held = None
            await held.wait()
        if up:
            await responder.send(200, [], answer)
        else:
            await responder.send(503, [], b"out of order")

    def _ocsp(self, request: bytes) -> bytes:
        self.ocsp_requests += 1
        return self.ocsp_answer or self._responder.answer(
            request,
            at=self.clock() - self.ocsp_age,
            status_of=lambda serial: self.certificate_status.get(serial, Good()),
            validity=self.ocsp_validity,
        )

    def _tsa(self, path: str, request: bytes) -> bytes:
        self.tsa_requests.append(path)
        return self.tsa_answer or self._authority.answer(
            request, at=self.clock(), serial_number=len(self.tsa_requests)
        )

    def globalconf(self, members: Sequence[str] = ("1234",), *, freshness_seconds: int = 3600) -> GlobalConf:
        pki = self.pki
        ocsp = (OcspInfo(f"{self.url}/ocsp", der(pki.ocsp.certificate)),)
        shared = SharedParameters(
            INSTANCE,
            approved_cas=(ApprovedCA("Test CA", CaInfo(der(pki.ca.certificate), ocsp), PROFILE),),
            approved_tsas=(ApprovedTSA("Test TSA", self.tsa_url, der(pki.tsa.certificate)),),
            members=tuple(Member(member(code), f"Member {code}") for code in members),
            ocsp_freshness_seconds=freshness_seconds,
        )
        return GlobalConf(INSTANCE, {INSTANCE: (shared, FAR)})
