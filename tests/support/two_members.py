"""Two members with a security server each, in memory: what the verifier's tests change one thing in.

world = TwoMembers()
sealed = world.seal(b"GET\\r\\n...", b"body")
world.verify(sealed)
world.verify(replace(sealed, attachments=()))       # refused
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256, sha512

from sild.pki import algorithm_for, der, sign_bytes
from sild.signatures import SignatureTemplate, SignedPart, build_hash_chains
from sild.xroad.globalconf import (
    ApprovedCA,
    ApprovedTSA,
    CaInfo,
    GlobalConf,
    Member,
    OcspInfo,
    SecurityServer,
    SharedParameters,
    Subsystem,
)
from sild.xroad.identifiers import ClientId, SecurityServerId
from sild.xroad.verification import CertificateVerifier, VerifiedMessage, verify_message
from support.pki import NOT_AFTER, NOW, Credential, KeyKind, Pki

PROFILE = "ee.ria.xroad.common.certificateprofile.impl.FiVRKCertificateProfileInfoProvider"
CLIENT = ClientId("DEV", "COM", "4422", "Client")
PROVIDER = ClientId("DEV", "COM", "1234", "Service")
REQUEST = (
    b"POST\r\n/r1/DEV/COM/1234/Service/pets?limit=2\r\nContent-Type:application/json\r\n"
    b"X-Road-Client:DEV/COM/4422/Client\r\nx-road-request-id:0d2a4c5e-1111-4222-8333-444455556666\r\nx-road-id:DEV-1\r\n"
)


def part(number: int, data: bytes) -> SignedPart:
    """Part 0 is the message."""
    return SignedPart(f"/attachment{number}" if number else "/message.xml", digest(data))


def digest(data: bytes) -> bytes:

    return sha512(data).digest()


@dataclass(frozen=True)
class Sealed:
    """A message as a peer sends it."""

    message: bytes
    attachments: tuple[bytes, ...]
    signature: bytes
    hash_chain_result: bytes | None = None
    hash_chain: bytes | None = None
    signer: ClientId = CLIENT
    extra_parts: tuple[SignedPart, ...] = field(default=())

    @property
    def parts(self) -> list[SignedPart]:
        found = [part(number, data) for number, data in enumerate((self.message, *self.attachments))]
        return [*found, *self.extra_parts]


class TwoMembers:
    def __init__(self, kind: KeyKind = "ec-p256") -> None:
        self.pki = Pki(kind)
        self.credentials = {
            client.member: self.pki.sign_credential(member_code=client.member_code)
            for client in (CLIENT, PROVIDER)
        }
        self.auth = {
            client.member: self.pki.auth_credential(member_code=client.member_code)
            for client in (CLIENT, PROVIDER)
        }
        self.verifier = CertificateVerifier()
        self.globalconf = self.configuration()

    def configuration(
        self, *, freshness_seconds: int = 3600, authentication_only: bool = False
    ) -> GlobalConf:
        ca = CaInfo(der(self.pki.ca.certificate), (OcspInfo("http://ocsp", der(self.pki.ocsp.certificate)),))
        parameters = SharedParameters(
            "DEV",
            version=6,
            approved_cas=(ApprovedCA("Test CA", ca, PROFILE, authentication_only=authentication_only),),
            approved_tsas=(ApprovedTSA("Test TSA", "http://tsa", der(self.pki.tsa.certificate)),),
            members=tuple(
                Member(client.member, f"Member {client.member_code}", (Subsystem(client, "A subsystem"),))
                for client in (CLIENT, PROVIDER)
            ),
            security_servers=tuple(
                SecurityServer(
                    SecurityServerId(client.member, "SS0"),
                    "127.0.0.1",
                    (sha256(der(self.auth[client.member].certificate)).digest(),),
                    (client,),
                )
                for client in (CLIENT, PROVIDER)
            ),
            ocsp_freshness_seconds=freshness_seconds,
        )
        return GlobalConf("DEV", {"DEV": (parameters, NOT_AFTER)})

    def credential(self, client: ClientId) -> Credential:
        return self.credentials[client.member]

    def sign(
        self,
        uri: str,
        data: bytes,
        *,
        by: Credential,
        ocsp_responses: Sequence[bytes] | None = None,
    ) -> bytes:
        """signatures.xml over one part."""
        algorithm = algorithm_for(by.key)
        statuses = [self.pki.ocsp_response(by.certificate)] if ocsp_responses is None else ocsp_responses
        template = SignatureTemplate(by.certificate, ocsp_responses=statuses, algorithm=algorithm)
        prepared = template.prepare(uri, digest(data), signing_time=NOW)
        return prepared.complete(sign_bytes(by.key, algorithm, prepared.to_be_signed))

    def seal(
        self,
        message: bytes = REQUEST,
        *attachments: bytes,
        signer: ClientId = CLIENT,
        by: Credential | None = None,
        ocsp_responses: Sequence[bytes] | None = None,
    ) -> Sealed:
        """A message signed as X-Road does: plainly when alone, through a hash chain with attachments."""
        by = by or self.credential(signer)
        if not attachments:
            signature = self.sign("/message.xml", message, by=by, ocsp_responses=ocsp_responses)
            return Sealed(message, (), signature, signer=signer)
        chains = build_hash_chains([[part(n, data) for n, data in enumerate((message, *attachments))]])
        signature = self.sign("/sig-hashchainresult.xml", chains.result, by=by, ocsp_responses=ocsp_responses)
        return Sealed(message, attachments, signature, chains.result, chains.chains[0], signer)

    def verify(
        self,
        sealed: Sealed,
        *,
        at: datetime = NOW,
        globalconf: GlobalConf | None = None,
        verifier: CertificateVerifier | None = None,
    ) -> VerifiedMessage:
        return verify_message(
            sealed.parts,
            sealed.signature,
            message=sealed.message,
            hash_chain_result=sealed.hash_chain_result,
            hash_chain=sealed.hash_chain,
            signer=sealed.signer,
            globalconf=globalconf or self.globalconf,
            at=at,
            verifier=verifier or self.verifier,
        )
