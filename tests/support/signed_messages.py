"""What the signature tests share: recorded parts of X-Road's samples, and a signature made here."""

from __future__ import annotations

from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from functools import cache
from hashlib import sha512
from pathlib import Path
from zipfile import ZipFile

from sild.pki import DigestAlgorithm, algorithm_for, sign_bytes
from sild.signatures import SignatureTemplate
from support.pki import NOW, Credential, KeyKind, Pki

MESSAGE = b"GET\r\n/r1/DEV/COM/1234/TestService/pets\r\nX-Road-Client:DEV/COM/4422/TestClient\r\n"


@dataclass(frozen=True)
class Recorded:
    """A sample: signatures.xml and every other part by the name a signature has for it."""

    signature: bytes
    parts: dict[str, bytes]


@cache
def credential(kind: KeyKind) -> tuple[Pki, Credential]:
    pki = Pki(kind)
    return pki, pki.sign_credential()


def sign(
    message: bytes = MESSAGE,
    *,
    kind: KeyKind = "ec-p256",
    uri: str = "/message.xml",
    pss: bool = False,
    digest_algorithm: DigestAlgorithm = DigestAlgorithm.SHA512,
) -> bytes:
    """signatures.xml over one part."""
    pki, signer = credential(kind)
    algorithm = algorithm_for(signer.key, digest_algorithm, pss=pss)
    template = SignatureTemplate(
        signer.certificate,
        ocsp_responses=[pki.ocsp_response(signer.certificate)],
        algorithm=algorithm,
        digest_algorithm=digest_algorithm,
    )
    prepared = template.prepare(uri, digest_algorithm.digest(message), signing_time=NOW)
    return prepared.complete(sign_bytes(signer.key, algorithm, prepared.to_be_signed))


def container(path: Path) -> Recorded:
    with ZipFile(path) as archive:
        parts = {f"/{name}": archive.read(name) for name in archive.namelist()}
    return Recorded(parts.get("/META-INF/signatures.xml", b""), parts)


def dechunk(data: bytes) -> bytes:
    body = b""
    while True:
        size, _, data = data.partition(b"\r\n")
        if int(size, 16) == 0:
            return body
        body += data[: int(size, 16)]
        data = data[int(size, 16) + 2 :]


def exchange(path: Path) -> Recorded:
    """A recorded HTTP message between security servers, taken apart with the standard library's MIME parser."""
    head, _, body = path.read_bytes().partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")[1:]
    if any(line.lower() == b"transfer-encoding: chunked" for line in lines):
        body = dechunk(body)
    content_type = next(line for line in lines if line.lower().startswith(b"content-type:"))
    top = _split(content_type.partition(b":")[2].strip(), body)
    names = {
        "application/x-road-rest-request": "/message.xml",
        "application/x-road-rest-response": "/message.xml",
        "text/xml": "/message.xml",
        "application/x-road-rest-body": "/attachment1",
        "application/hash-chain-result": "/sig-hashchainresult.xml",
        "application/hash-chain": "/sig-hashchain.xml",
        "signature/bdoc-1.0/ts": "/META-INF/signatures.xml",
    }
    parts = {}
    for kind, header, data in top:
        if kind.startswith("multipart/"):
            for number, (_, _, attachment) in enumerate(_split(header, data), 1):
                parts[f"/attachment{number}"] = attachment
        elif kind in names:
            parts[names[kind]] = data
    return Recorded(parts.get("/META-INF/signatures.xml", b""), parts)


def _split(content_type: bytes, body: bytes) -> list[tuple[str, bytes, bytes]]:
    headers: Message = message_from_bytes(b"Content-Type: " + content_type + b"\r\n\r\n")
    boundary = b"--" + str(headers.get_param("boundary")).encode()
    found = []
    for piece in (b"\r\n" + body).split(b"\r\n" + boundary)[1:-1]:
        head, _, data = piece.partition(b"\r\n\r\n")
        line = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-type:"))
        header = line.partition(b":")[2].strip()
        found.append((header.partition(b";")[0].decode().lower(), header, data))
    return found


SIGNED_SAMPLES = (
    "asice/core-valid-signed-message.asice",
    "asice/invalid-signed-hashchain.asice",
    "asice/valid-non-batch-rest.asice",
    "asice/valid-signed-hashchain.asice",
    "asice/valid-signed-message.asice",
    "wire/01.req",
    "wire/01.resp",
    "wire/02.req",
    "wire/02.resp",
    "wire/04.req",
    "wire/05.req",
    "wire/05.resp",
    "wire/06.req",
    "wire/06.resp",
)
"""Samples whose signature is right, whatever else is wrong with some."""


def read_sample(path: Path) -> Recorded:
    return container(path) if path.suffix == ".asice" else exchange(path)


def digest(data: bytes) -> bytes:
    return sha512(data).digest()
