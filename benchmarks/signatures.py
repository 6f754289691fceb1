"""CPU of signing and verifying one message, beside the bare private and public key operations.

    python benchmarks/signatures.py [--json]

Microseconds per operation on one core, the best of several runs. "recurring" is the reading of a signature whose signer's
earlier signature has been read (`sild.signatures.recurring`), "first" the long way with the XAdES schema.
"""

from __future__ import annotations

import argparse
import json
import sys
import timeit
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha512

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from sild.pki import (
    CertificateProfile,
    Good,
    OCSPResponder,
    PrivateKey,
    algorithm_for,
    build_ocsp_request,
    issue_certificate,
    sign_bytes,
    verify_bytes,
)
from sild.signatures import (
    SignatureTemplate,
    SignedPart,
    build_hash_chains,
    parse_signature,
    verify_hash_chain,
    verify_signature,
)
from sild.signatures.recurring import forget

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MESSAGE = b"GET\r\n/r1/DEV/COM/1234/Service/people/38001085718\r\nX-Road-Client:DEV/COM/4422/Client\r\n" * 4


def microseconds(operation: Callable[[], object], number: int = 500) -> float:
    operation()
    return round(min(timeit.repeat(operation, number=number, repeat=7)) / number * 1e6, 1)


def template_for(key: PrivateKey) -> SignatureTemplate:
    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def issue(profile: CertificateProfile, subject: str, serial_number: int) -> x509.Certificate:
        return issue_certificate(
            profile,
            subject=name(subject),
            public_key=key.public_key(),
            issuer=name("Test CA"),
            issuer_key=key,
            issuer_public_key=key.public_key(),
            serial_number=serial_number,
            not_before=NOW - timedelta(days=1),
            not_after=NOW + timedelta(days=365),
        )

    ca = issue(CertificateProfile.ROOT_CA, "Test CA", 1)
    signer = issue(CertificateProfile.SIGN, "1234", 2)
    responder = OCSPResponder(issue(CertificateProfile.OCSP_RESPONDER, "OCSP", 3), key, issuer=ca)
    response = responder.answer(
        build_ocsp_request(signer, ca), at=NOW, status_of=lambda _: Good(), validity=timedelta(hours=1)
    )
    return SignatureTemplate(signer, ocsp_responses=[response], algorithm=algorithm_for(key))


def measure(key: PrivateKey) -> dict[str, float]:
    template, digest = template_for(key), sha512(MESSAGE).digest()
    algorithm, public_key = template.algorithm, key.public_key()
    bare = sign_bytes(key, algorithm, MESSAGE)
    part = {"/message.xml": SignedPart("/message.xml", digest)}

    def build() -> bytes:
        prepared = template.prepare("/message.xml", digest, signing_time=NOW)
        return prepared.complete(sign_bytes(key, algorithm, prepared.to_be_signed))

    def read_first() -> None:
        forget()
        parse_signature(xml, strict_schema=True)

    xml = build()
    signature = parse_signature(xml, strict_schema=True)
    return {
        "bytes": len(xml),
        "bare sign": microseconds(lambda: sign_bytes(key, algorithm, MESSAGE)),
        "build and sign": microseconds(build),
        "bare verify": microseconds(lambda: verify_bytes(public_key, algorithm, bare, MESSAGE)),
        "read, recurring": microseconds(lambda: parse_signature(xml, strict_schema=True)),
        "read, first": microseconds(read_first, 200),
        "verify": microseconds(lambda: verify_signature(signature, parts=part)),
    }


def measure_chains() -> dict[str, float]:
    digest = sha512(MESSAGE).digest()
    parts = [SignedPart("/message.xml", digest), SignedPart("/attachment1", digest)]
    inputs = {part.uri: part for part in parts}
    own = build_hash_chains([parts])
    foreign = own.result.replace(b"?><", b"?>\n<")
    files = {"/sig-hashchain.xml": own.chains[0]}
    batch = [[SignedPart("/META-INF/signatures.xml", digest)]] * 10_000
    return {
        "build, message and body": microseconds(lambda: build_hash_chains([parts]).chains[0]),
        "verify, written here": microseconds(
            lambda: verify_hash_chain(own.result, files=files, inputs=inputs)
        ),
        "verify, other layout": microseconds(lambda: verify_hash_chain(foreign, files=files, inputs=inputs)),
        "tree over 10,000": microseconds(lambda: build_hash_chains(batch), 1),
        "one chain file of it": microseconds(lambda tree=build_hash_chains(batch): tree.chains[5000]),  # type: ignore[misc]
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--json", action="store_true")
    results = {
        "RSA-2048": measure(rsa.generate_private_key(65537, 2048)),
        "P-256": measure(ec.generate_private_key(ec.SECP256R1())),
        "hash chain": measure_chains(),
    }
    if arguments.parse_args().json:
        json.dump(results, sys.stdout, indent=1)
        return
    for title, rows in results.items():
        sys.stdout.write(f"{title}\n")
        for row, value in rows.items():
            sys.stdout.write(f"  {row:24} {value:10,.1f}\n")


if __name__ == "__main__":
    main()
