"""Messages to log: plain ones, and properly signed ones whose containers must verify."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from functools import cache

from sild.message_log import MessageRecord
from sild.message_log.records import Attachment
from sild.pki import algorithm_for, sign_bytes
from sild.signatures import SignatureTemplate, SignedPart, build_hash_chains
from sild.xroad.identifiers import ClientId
from support.pki import Pki

CLIENT = ClientId("DEV", "COM", "1234", "TestClient")
PART = b"GET\r\n/r1/DEV/COM/4321/Service/pets\r\nx-road-client:DEV/COM/1234/TestClient\r\nx-road-id:%s\r\n"


def message(
    query_id: str = "DEV-1",
    *,
    is_response: bool = False,
    client_id: ClientId = CLIENT,
    attachments: Sequence[Attachment] = (),
    body_logged: bool = True,
) -> MessageRecord:
    """Its signature is none."""
    return MessageRecord(
        query_id=query_id,
        message=PART % query_id.encode(),
        signature=b"<signatures/>",
        client_id=client_id,
        is_response=is_response,
        x_request_id="0d2a4c5e-1111-4222-8333-444455556666",
        attachments=attachments,
        body_logged=body_logged,
    )


def signed_message(
    pki: Pki,
    query_id: str = "DEV-1",
    *,
    body: bytes | None = None,
    client_id: ClientId = CLIENT,
    at: datetime,
) -> MessageRecord:
    """A REST request with or without a body, signed by the client's member with an OCSP response of `at`."""
    part = PART.replace(b"DEV/COM/1234/TestClient", client_id.encode().encode()) % query_id.encode()
    parts = [SignedPart("/message.xml", hashlib.sha512(part).digest())]
    result = chain = None
    uri, digest = "/message.xml", parts[0].digest
    if body is not None:
        parts.append(SignedPart("/attachment1", hashlib.sha512(body).digest()))
        chains = build_hash_chains([parts])
        result, chain = chains.result, chains.chains[0]
        uri, digest = "/sig-hashchainresult.xml", hashlib.sha512(result).digest()
    credential = pki.sign_credential(
        client_id.instance_identifier, client_id.member_class, client_id.member_code
    )
    algorithm = algorithm_for(credential.key)
    prepared = _template(pki, client_id.member_code, at).prepare(uri, digest, signing_time=at)
    return MessageRecord(
        query_id=query_id,
        message=part,
        signature=prepared.complete(sign_bytes(credential.key, algorithm, prepared.to_be_signed)),
        client_id=client_id,
        is_response=False,
        hash_chain_result=result,
        hash_chain=chain,
        attachments=() if body is None else (body,),
    )


@cache
def _template(pki: Pki, member_code: str, at: datetime) -> SignatureTemplate:
    credential = pki.sign_credential(member_code=member_code)
    return SignatureTemplate(
        credential.certificate,
        ocsp_responses=[pki.ocsp_response(credential.certificate, at=at)],
        algorithm=algorithm_for(credential.key),
    )
