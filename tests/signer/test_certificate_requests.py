"""Requests in both forms, for a key in each kind of token; openssl has the second opinion."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from sild.errors import CallerError
from sild.pki import SignatureAlgorithm, sign_bytes
from sild.signer import KeyAlgorithm, KeyUsage, Signer, encode_request
from sild.signer.pkcs10 import assemble_request, request_info
from sild.xroad.globalconf import CsrFormat, subject_for
from sild.xroad.identifiers import SecurityServerId
from support.pki import name, private_key
from support.signer_world import MEMBER, SignerWorld

PROFILE = "ee.ria.xroad.common.certificateprofile.impl.FiVRKCertificateProfileInfoProvider"


def openssl_verifies(path: Path, form: str) -> None:
    command = ["openssl", "req", "-inform", form, "-in", str(path), "-verify", "-noout"]
    done = subprocess.run(command, capture_output=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("form", ["PEM", "DER"])
async def test_both_forms(signer: Signer, world: SignerWorld, tmp_path: Path, form: CsrFormat) -> None:
    key = await world.token.generate_key(KeyAlgorithm.EC_P256, "new")
    subject = subject_for(
        PROFILE, "sign", member=MEMBER, server=SecurityServerId(MEMBER, "SS1"), member_name="Member"
    )
    der = await signer.keyring.request_certificate(
        key.key_id, KeyUsage.SIGNING, MEMBER, subject, ["a.example"]
    )
    written = encode_request(der, form)
    (tmp_path / "request").write_bytes(written)
    openssl_verifies(tmp_path / "request", form)
    load = x509.load_pem_x509_csr if form == "PEM" else x509.load_der_x509_csr
    request = load(written)
    assert (request.subject, request.public_key()) == (subject, key.public_key)
    names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["a.example"]
    assert signer.keyring.requests()[-1].der == der


@pytest.mark.parametrize("pss", [False, True])
@pytest.mark.parametrize("kind", ["rsa-2048", "ec-p256", "ec-p384"])
@pytest.mark.parametrize("dns_names", [[], ["a.example"], [f"n{n}.example" for n in range(40)]])
def test_assembled_by_hand(tmp_path: Path, kind: str, pss: bool, dns_names: list[str]) -> None:
    key = private_key(kind, "request")  # type: ignore[arg-type]
    algorithm = SignatureAlgorithm.ECDSA_SHA256
    if isinstance(key, rsa.RSAPrivateKey):
        algorithm = SignatureAlgorithm.RSA_PSS_SHA256 if pss else SignatureAlgorithm.RSA_SHA256
    info = request_info(name(C="FI", CN="Ünïcode"), key.public_key(), dns_names)
    request = assemble_request(info, algorithm, sign_bytes(key, algorithm, info))
    parsed = x509.load_der_x509_csr(request)
    assert parsed.is_signature_valid
    assert parsed.tbs_certrequest_bytes == info
    assert bool(parsed.extensions) == bool(dns_names)
    (tmp_path / "request").write_bytes(request)
    openssl_verifies(tmp_path / "request", "DER")


async def test_one_key_has_one_usage(signer: Signer, world: SignerWorld) -> None:
    key = world.token.public_keys[0]
    with pytest.raises(CallerError) as refused:
        await signer.keyring.request_certificate(key.key_id, KeyUsage.AUTHENTICATION, MEMBER, name(CN="x"))
    assert refused.value.code == "wrong_cert_usage"
