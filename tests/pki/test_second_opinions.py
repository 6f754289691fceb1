"""What we make, OpenSSL believes; what OpenSSL and the reference made, we believe."""

from __future__ import annotations

import base64
import io
import shutil
import subprocess
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from lxml import etree

from sild.pki import (
    Certificate,
    DigestAlgorithm,
    Good,
    OCSPResponder,
    TimeStampAuthority,
    add_certificate_to_token,
    build_ocsp_request,
    build_timestamp_request,
    parse_ocsp_response,
    parse_timestamp_response,
    read_certificate,
    verify_ocsp_response,
    verify_timestamp,
)
from support.pki import Credential, Pki

DATA = b"stamped data"
KINDS = ["ec-p256", "ec-p384", "rsa-2048"]


@pytest.fixture(params=KINDS)
def pki(request: pytest.FixtureRequest) -> Pki:
    return Pki(request.param)


def openssl(*arguments: str | Path) -> str:
    if shutil.which("openssl") is None:
        pytest.skip("the openssl program is not on this machine")
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def save(directory: Path, name: str, what: bytes | Certificate | Credential) -> Path:
    path = directory / name
    if isinstance(what, Credential):
        key = what.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        what = what.certificate.public_bytes(Encoding.PEM) + key
    elif isinstance(what, Certificate):
        what = what.public_bytes(Encoding.PEM)
    path.write_bytes(what)
    return path


def test_openssl_believes_our_paths(pki: Pki, tmp_path: Path) -> None:
    intermediate = pki.intermediate()
    for leaf in (pki.sign_credential(issuer=intermediate), pki.auth_credential(issuer=intermediate)):
        anchor = save(tmp_path, "ca.pem", pki.ca.certificate)
        between = save(tmp_path, "between.pem", intermediate.certificate)
        below = save(tmp_path, "leaf.pem", leaf.certificate)
        assert "OK" in openssl("verify", "-x509_strict", "-CAfile", anchor, "-untrusted", between, below)


def test_openssl_believes_our_ocsp_responses(pki: Pki, tmp_path: Path) -> None:
    member = pki.sign_credential().certificate
    now = datetime.now(UTC)
    request = save(tmp_path, "request.der", build_ocsp_request(member, pki.ca.certificate))
    responder = OCSPResponder(pki.ocsp.certificate, pki.ocsp.key, pki.ca.certificate)
    answer = responder.answer(
        request.read_bytes(), at=now, status_of=lambda _serial: Good(), validity=timedelta(hours=1)
    )
    ca = save(tmp_path, "ca.pem", pki.ca.certificate)
    told = openssl(
        "ocsp", "-reqin", request, "-respin", save(tmp_path, "response.der", answer),
        "-issuer", ca, "-cert", save(tmp_path, "member.pem", member), "-CAfile", ca,
    )  # fmt: skip
    assert "Response verify OK" in told
    assert "member.pem: good" in told


def test_we_answer_openssls_requests(pki: Pki, tmp_path: Path) -> None:
    member = save(tmp_path, "member.pem", pki.sign_credential().certificate)
    ca = save(tmp_path, "ca.pem", pki.ca.certificate)
    request = tmp_path / "request.der"
    openssl("ocsp", "-issuer", ca, "-sha256", "-cert", member, "-sha1", "-cert", member, "-reqout", request)
    responder = OCSPResponder(pki.ocsp.certificate, pki.ocsp.key, pki.ca.certificate)
    answer = save(
        tmp_path,
        "response.der",
        responder.answer(
            request.read_bytes(), at=datetime.now(UTC), status_of=lambda _serial: Good(), validity=None
        ),
    )
    told = openssl(  # -no_nonce: add no other one; the one in the request is compared with the answer's
        "ocsp", "-reqin", request, "-respin", answer, "-no_nonce",
        "-issuer", ca, "-cert", member, "-CAfile", ca,
    )  # fmt: skip
    assert "Response verify OK" in told
    assert "WARNING" not in told


def test_we_believe_openssls_responder(pki: Pki, tmp_path: Path) -> None:
    member = pki.sign_credential().certificate
    index = tmp_path / "index.txt"
    index.write_text(f"V\t491231235959Z\t\t{member.serial_number:02X}\tunknown\t/CN=member\n")
    answer = tmp_path / "response.der"
    openssl(
        "ocsp", "-index", index, "-CA", save(tmp_path, "ca.pem", pki.ca.certificate),
        "-rsigner", save(tmp_path, "ocsp.pem", pki.ocsp),
        "-reqin", save(tmp_path, "request.der", build_ocsp_request(member, pki.ca.certificate)),
        "-respout", answer, "-nmin", "60",
    )  # fmt: skip
    single = verify_ocsp_response(
        answer.read_bytes(),
        certificate=member,
        issuer=pki.ca.certificate,
        responder_certificates=[],
        ca_certificates=[pki.ca.certificate],
        at=datetime.now(UTC),
        freshness=timedelta(minutes=5),
    )
    assert single.status == Good()


def test_openssl_believes_our_time_stamps(pki: Pki, tmp_path: Path) -> None:
    authority = TimeStampAuthority(
        pki.tsa.certificate, pki.tsa.key, "1.3.6.1.4.1.99999.1", [pki.ca.certificate]
    )
    ca = save(tmp_path, "ca.pem", pki.ca.certificate)
    query, data = tmp_path / "query.tsq", save(tmp_path, "data", DATA)
    openssl("ts", "-query", "-data", data, "-sha512", "-cert", "-out", query)
    answer = authority.answer(query.read_bytes(), at=datetime.now(UTC), serial_number=2**64)
    response = save(tmp_path, "answer.tsr", answer)
    assert "Verification: OK" in openssl("ts", "-verify", "-queryfile", query, "-in", response, "-CAfile", ca)
    bare = parse_timestamp_response(
        authority.answer(
            build_timestamp_request(DigestAlgorithm.SHA512.digest(DATA)),
            at=datetime.now(UTC),
            serial_number=1,
        )
    )
    for stamp in (bare, add_certificate_to_token(bare, pki.tsa.certificate)):
        token = save(tmp_path, "token.tst", stamp)
        told = openssl(
            "ts", "-verify", "-data", data, "-token_in", "-in", token, "-CAfile", ca,
            "-untrusted", save(tmp_path, "tsa.pem", pki.tsa.certificate),
        )  # fmt: skip
        assert "Verification: OK" in told


@pytest.mark.parametrize("named_by", ["sha1", "sha256"])
def test_we_believe_openssls_time_stamps(pki: Pki, tmp_path: Path, named_by: str) -> None:
    """Nearest to X-Road's own test authority, which is OpenSSL's `ts -reply`."""
    (tmp_path / "serial").write_text("01\n")
    save(tmp_path, "tsa.pem", pki.tsa)
    config = tmp_path / "ts.cnf"
    config.write_text(
        "[tsa]\ndefault_tsa = one\n[one]\ndefault_policy = 1.2.3.4.1\ndigests = sha256, sha512\nordering = yes\n"
        f"serial = {tmp_path}/serial\naccuracy = secs:1, millisecs:500, microsecs:100\ntsa_name = yes\n"
        f"signer_digest = sha256\ness_cert_id_chain = no\ness_cert_id_alg = {named_by}\n"
    )
    query = save(tmp_path, "q.tsq", build_timestamp_request(DigestAlgorithm.SHA512.digest(DATA), nonce=99))
    answer = tmp_path / "answer.tsr"
    openssl(
        "ts", "-reply", "-config", config, "-queryfile", query, "-out", answer,
        "-signer", save(tmp_path, "signer.pem", pki.tsa.certificate), "-inkey", tmp_path / "tsa.pem",
    )  # fmt: skip
    token = parse_timestamp_response(answer.read_bytes())
    read = verify_timestamp(token, data=DATA, tsa_certificates=[pki.tsa.certificate], nonce=99)
    assert (read.policy, read.serial_number) == ("1.2.3.4.1", 2)
    assert abs(read.gen_time - datetime.now(UTC)) < timedelta(minutes=1)


def _approved(shared: Path, kind: str) -> list[Certificate]:
    parameters = etree.parse(shared / "globalconf/dirs/globalconf_good2_v3/DEV/shared-params.xml")
    return [
        read_certificate(base64.b64decode(found.text or ""))
        for found in parameters.iterfind(f".//{{*}}{kind}//{{*}}cert")
    ]


@pytest.mark.parametrize("container", ["valid-non-batch-rest.asice"])
def test_we_believe_the_references_batch_time_stamp(shared: Path, container: str) -> None:
    archive = zipfile.ZipFile(io.BytesIO((shared / "asice" / container).read_bytes()))
    stamp = archive.read("META-INF/timestamp.tst")
    approved = _approved(shared, "approvedTSA")
    read = verify_timestamp(stamp, data=archive.read("ts-hashchainresult.xml"), tsa_certificates=approved)
    assert read.gen_time == datetime(2024, 7, 11, 12, 51, 12, tzinfo=UTC)


@pytest.mark.parametrize("container", ["valid-signed-message.asice", "valid-signed-hashchain.asice"])
def test_we_believe_the_references_own_evidence(shared: Path, container: str) -> None:
    archive = zipfile.ZipFile(io.BytesIO((shared / "asice" / container).read_bytes()))
    signature = etree.fromstring(archive.read("META-INF/signatures.xml"))

    def decoded(name: str) -> bytes:
        return base64.b64decode(signature.findtext(f".//{{*}}{name}") or "")

    stamp = verify_timestamp(
        decoded("EncapsulatedTimeStamp"),
        data=decoded("SignatureValue"),
        tsa_certificates=_approved(shared, "approvedTSA"),
    )
    response = decoded("EncapsulatedOCSPValue")
    (issuer,) = [
        authority
        for authority in _approved(shared, "topCA")
        if authority.subject == read_certificate(decoded("X509Certificate")).issuer
    ]
    single = verify_ocsp_response(
        response,
        certificate=read_certificate(decoded("X509Certificate")),
        issuer=issuer,
        responder_certificates=_approved(shared, "ocsp"),
        ca_certificates=[issuer],
        at=stamp.gen_time,
        freshness=timedelta(hours=1),
    )
    assert single == parse_ocsp_response(response).singles[0]
