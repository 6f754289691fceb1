"""The signed directory: X-Road's samples to the right verdict, ours the same bytes, and every way to get it wrong."""

import base64
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from sild.errors import CallerError, PlatformError, TrustError
from sild.pki import CertificateProfile, algorithm_for, der, ecdsa_raw_from_der, read_certificate, sign_bytes
from sild.xroad.globalconf import (
    PRIVATE_PARAMETERS,
    SHARED_PARAMETERS,
    DirectoryPart,
    content_location_prefix,
    parse_anchor,
    parse_shared_parameters,
    parse_signed_directory,
    prepare_signed_directory,
    verify_signed_directory,
)
from support.pki import KeyKind, Pki, name

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
BOUNDARIES = ("OUT1OUT1OUT1OUT1OUT1", "IN12IN12IN12IN12IN12")
PARTS = (
    DirectoryPart(SHARED_PARAMETERS, "DEV", "/V6/20260101120000000000000/shared-params.xml", b"<shared/>"),
    DirectoryPart(PRIVATE_PARAMETERS, "DEV", "/V6/20260101120000000000000/private-params.xml", b"<private/>"),
    DirectoryPart("MONITORING", "DEV", "/V6/20260101120000000000000/monitoring-params.xml", b"<m/>"),
)


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(PlatformError) as refused:
        call()
    return refused.value.code


def verdict(data: bytes, certificates: list[bytes], at: datetime) -> str:
    try:
        verify_signed_directory(parse_signed_directory(data), certificates, at=at)
    except PlatformError as error:
        return error.code
    return "ok"


# -- X-Road's own ------------------------------------------------------------------------------------------------------


def certificates_beside(path: Path) -> list[bytes]:
    """From the anchor and the `source` elements of the configuration the directory lists."""
    anchor = parse_anchor((path.parents[2] / "configuration_anchor_CS_internal.xml").read_bytes())
    found = [c for source in anchor.sources for c in source.verification_certs]
    shared = next(path.parent.glob("*/shared-params.xml"))
    for source in parse_shared_parameters(shared.read_bytes()).sources:
        found += [*source.internal_verification_certs, *source.external_verification_certs]
    return found


def test_signed_samples_get_their_verdicts(shared: Path) -> None:
    cases = json.loads((shared / "globalconf/expected.json").read_text())["signed"]
    assert len(cases) == 16
    for case in cases:
        path = shared / "globalconf" / case["file"]
        signed = parse_signed_directory(path.read_bytes())
        assert signed.signature_algorithm.uri == case["signature_algorithm"]
        directory = verify_signed_directory(signed, certificates_beside(path), at=NOW)
        assert directory.expires_at == datetime.fromisoformat(case["expire"])
        assert directory.version == int(path.parent.name[1:])
        for file in directory.files:
            content = (path.parents[1] / file.content_location.lstrip("/")).read_bytes()
            if case["file_hash_ok"][file.content_identifier]:
                file.ensure_content(content)
            else:
                assert code_of(lambda: file.ensure_content(content)) == (  # noqa: B023
                    "global_conf_part_downloaded_file_integrity_failure"
                )


def test_the_anchor_verifies_its_own_directory_and_no_other(shared: Path) -> None:
    signed = shared / "globalconf/signed"
    anchor = parse_anchor((signed / "configuration_anchor_CS_internal.xml").read_bytes())
    certificates = anchor.sources[0].verification_certs
    mine = parse_signed_directory((signed / "public/V6/internalconf").read_bytes())
    assert verify_signed_directory(mine, certificates, at=NOW).version == 6
    for name_ in ("rotated/V6/internalconf", "public/V6/externalconf", "public/V5/internalconf"):
        data = (signed / name_).read_bytes()
        assert verdict(data, list(certificates), NOW) == "global_conf_missing_verification_cert"


def test_directories_with_line_feeds_get_their_verdicts(shared: Path) -> None:
    folder = shared / "globalconf"
    right = (shared / "certs/consumer-p12.der").read_bytes()
    wrong = der(read_certificate((shared / "certs/producer.pem").read_bytes()))
    at = datetime(2014, 1, 1, tzinfo=UTC)
    for case in json.loads((folder / "expected.json").read_text())["directory-parse"]["cases"]:
        data = (folder / "directory-parse" / case["file"]).read_bytes()
        certificates = [wrong if "cert" in case else right]
        assert verdict(data, certificates, at) == case.get("code", "ok")


def test_an_expired_sample_is_outdated(shared: Path) -> None:
    signed = parse_signed_directory((shared / "globalconf/directory-parse/test-conf-simple.txt").read_bytes())
    certificate = (shared / "certs/consumer-p12.der").read_bytes()
    late = datetime(2026, 5, 20, 17, 42, 55, tzinfo=UTC)
    verify_signed_directory(signed, [certificate], at=late - timedelta(seconds=1))
    assert code_of(lambda: verify_signed_directory(signed, [certificate], at=late)) == "global_conf_outdated"


def test_the_same_configuration_is_written_to_the_same_bytes(shared: Path) -> None:
    """Against central server 7.x output: 15 of 16 samples (the sixteenth lists a file that was edited later)."""
    for path in sorted((shared / "globalconf/signed").glob("*/V*/*conf")):
        data = path.read_bytes()
        signed = parse_signed_directory(data)
        certificates = certificates_beside(path)
        directory = verify_signed_directory(signed, certificates, at=NOW)
        outer = re.search(rb"boundary=(\w+)", data)
        assert outer is not None and directory.version is not None
        prepared = prepare_signed_directory(
            [
                DirectoryPart(
                    f.content_identifier,
                    f.instance_identifier,
                    f.content_location,
                    (path.parents[1] / f.content_location.lstrip("/")).read_bytes(),
                )
                for f in directory.files
            ],
            expire_at=directory.expires_at,
            version=directory.version,
            boundaries=(outer[1].decode(), signed.boundary),
            certificate=next(
                c
                for c in certificates
                if signed.certificate_hash_algorithm.digest(c) == signed.certificate_hash
            ),
            algorithm=signed.signature_algorithm,
        )
        if path.parts[-3:] != ("public", "V6", "externalconf"):
            assert prepared.to_be_signed == signed.signed_data
            assert prepared.complete(signed.signature) == data


# -- ours --------------------------------------------------------------------------------------------------------------


class Signer:
    def __init__(self, kind: KeyKind = "ec-p256", common_name: str = "internal") -> None:
        credential = Pki(kind).issue(CertificateProfile.CONFIGURATION_SIGNER, name(CN=common_name))
        self.certificate = der(credential.certificate)
        self.key = credential.key
        self.algorithm = algorithm_for(self.key)

    def directory(
        self,
        parts: tuple[DirectoryPart, ...] = PARTS,
        *,
        layout: str = "central-server",
        change: Callable[[bytes], bytes] = lambda content: content,
        raw: bool = False,
    ) -> bytes:
        """Signed after `change`: what a source with a fault of its own would serve."""
        prepared = prepare_signed_directory(
            parts,
            expire_at=NOW + timedelta(minutes=10),
            version=6,
            boundaries=BOUNDARIES,
            certificate=self.certificate,
            algorithm=self.algorithm,
            layout=layout,  # type: ignore[arg-type]
        )
        prepared = replace(prepared, to_be_signed=change(prepared.to_be_signed))
        signature = sign_bytes(self.key, self.algorithm, prepared.to_be_signed)
        if raw:
            assert isinstance(self.key, ec.EllipticCurvePrivateKey)
            signature = ecdsa_raw_from_der(signature, self.key)
        return prepared.complete(signature)

    def verdict(self, data: bytes) -> str:
        return verdict(data, [self.certificate], NOW)


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer()


@pytest.mark.parametrize("kind", ["ec-p256", "ec-p384", "rsa-2048"])
@pytest.mark.parametrize("layout", ["central-server", "configuration-proxy"])
def test_both_layouts_with_every_key_read_back(kind: KeyKind, layout: str) -> None:
    signer = Signer(kind)
    data = signer.directory(layout=layout)
    directory = verify_signed_directory(
        parse_signed_directory(data), [b"another", signer.certificate], at=NOW
    )
    assert directory.expires_at == NOW + timedelta(minutes=10)
    assert [(f.content_identifier, f.instance_identifier, f.content_location) for f in directory.files] == [
        (p.content_identifier, p.instance_identifier, p.location) for p in PARTS
    ]
    for file, part in zip(directory.files, PARTS, strict=True):
        file.ensure_content(part.content)
    assert [f.file_name for f in directory.files] == [
        "shared-params.xml",
        "private-params.xml",
        "monitoring-params.xml",
    ]


def test_the_configuration_proxys_layout(signer: Signer) -> None:
    """WIRE 13.5, to the byte where it differs."""
    data = signer.directory(layout="configuration-proxy")
    assert data.startswith(
        b'content-type: multipart/related; type="multipart/mixed"; charset=UTF-8; boundary='
    )
    assert b"\n\n--OUT1" in data and b"\r\n\r\n--OUT1" not in data[:120]
    assert b"expire-date: 2026-01-01T12:10:00.000Z\r\nVersion: 6\r\n" in data
    assert b'content-identifier: SHARED-PARAMETERS; instance="DEV"\r\n' in data
    assert b"; hash-algorithm-id=http://www.w3.org/2001/04/xmlenc#sha512\r\n" in data


def test_a_raw_ec_signature_of_a_configuration_proxy(signer: Signer) -> None:
    assert signer.verdict(signer.directory(raw=True)) == "ok"


def test_line_feeds_alone_verify_too(signer: Signer) -> None:
    data = signer.directory(change=lambda content: content.replace(b"\r\n", b"\n"))
    assert signer.verdict(data) == "ok"
    assert signer.verdict(data.replace(b"\r\n", b"\n")) == "ok"


def test_every_changed_byte_of_the_signed_part_is_refused(signer: Signer) -> None:
    data = signer.directory()
    start = data.index(b"--IN12")
    for position in range(start, data.index(b"\r\n--OUT1", start)):
        changed = bytearray(data)
        changed[position] ^= 1
        assert signer.verdict(bytes(changed)) != "ok", position


@cache
def signed_once() -> tuple[Signer, bytes]:
    """One directory for all examples: EC signatures are of varying length."""
    signer = Signer()
    return signer, signer.directory()


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damage_anywhere_is_a_refusal_or_harmless(data: st.DataObject) -> None:
    """Cut, doubled or overwritten: never another exception, and never other content than what was signed."""
    signer, whole = signed_once()
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(whole))] * 2)))
    damaged = (
        whole[:start]
        + data.draw(st.sampled_from([b"", whole[start:end] * 2, b"\r\n", b"--OUT1"]))
        + whole[end:]
    )
    try:
        directory = verify_signed_directory(parse_signed_directory(damaged), [signer.certificate], at=NOW)
    except PlatformError:
        return
    assert [f.content_identifier for f in directory.files] == [p.content_identifier for p in PARTS]


def test_a_certificate_of_another_source_does_not_count(signer: Signer) -> None:
    """WIRE 18: looked up per source, whatever was verified before."""
    data = signer.directory()
    assert signer.verdict(data) == "ok"
    other = Signer(common_name="external")
    assert other.verdict(data) == "global_conf_missing_verification_cert"
    forged = replace(
        parse_signed_directory(data),
        certificate_hash=parse_signed_directory(other.directory()).certificate_hash,
    )
    assert code_of(lambda: verify_signed_directory(forged, [other.certificate], at=NOW)) == (
        "global_conf_signature_verification_failure"
    )


def substitute(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def change(content: bytes) -> bytes:
        assert old in content
        return content.replace(old, new, 1)

    return change


FAULTS = {
    "no expire date": (
        substitute(b"Expire-date: 2026-01-01T12:10:00Z\r\n", b""),
        "global_conf_header_field_missing",
    ),
    "expire date is no time": (substitute(b"12:10:00Z", b"noon"), "global_conf_header_field_wrong_value"),
    "expire date without zone": (
        substitute(b"12:10:00Z", b"12:10:00"),
        "global_conf_header_field_wrong_value",
    ),
    "expire date that UTC does not have": (
        substitute(b"2026-01-01T12:10:00Z", b"9999-12-31T23:59:59-14:00"),
        "global_conf_header_field_wrong_value",
    ),
    "location is no URL": (
        substitute(b"Content-location: /V6", b"Content-location: http://[/V6"),
        "global_conf_header_field_wrong_value",
    ),
    "expired": (substitute(b"12:10:00Z", b"12:00:00Z"), "global_conf_outdated"),
    "version is no number": (
        substitute(b"Version: 6", b"Version: six"),
        "global_conf_header_field_wrong_value",
    ),
    "no content type": (
        substitute(b"Content-type: application/octet-stream\r\n", b""),
        "global_conf_header_field_missing",
    ),
    "other content type": (substitute(b"octet-stream", b"xml"), "global_conf_header_field_wrong_value"),
    "other encoding": (substitute(b": base64", b": 8bit"), "global_conf_header_field_wrong_value"),
    "no location": (
        substitute(b"Content-location: /V6/20260101120000000000000/shared-params.xml\r\n", b""),
        "global_conf_header_field_missing",
    ),
    "no identifier": (
        substitute(b"Content-identifier: SHARED-PARAMETERS; instance='DEV'\r\n", b""),
        "global_conf_header_field_missing",
    ),
    "identifier without instance": (
        substitute(b"; instance='DEV'", b""),
        "global_conf_header_field_missing_parameter",
    ),
    "no hash algorithm": (
        substitute(b"Hash-algorithm-id: http://www.w3.org/2001/04/xmlenc#sha512\r\n", b""),
        "global_conf_header_field_missing",
    ),
    "weak hash": (
        substitute(b"2001/04/xmlenc#sha512", b"2000/09/xmldsig#sha1"),
        "global_conf_header_field_wrong_value",
    ),
    "location is a directory": (
        substitute(b"/monitoring-params.xml", b"/.."),
        "global_conf_header_field_wrong_value",
    ),
    "location is metadata": (
        substitute(b"monitoring-params.xml", b"shared-params.xml.metadata"),
        "global_conf_header_field_wrong_value",
    ),
    "location is another part's": (
        substitute(b"monitoring-params.xml", b"shared-params.xml"),
        "global_conf_header_field_wrong_value",
    ),
    "a file twice": (
        substitute(b"PRIVATE-PARAMETERS", b"SHARED-PARAMETERS"),
        "global_conf_parsing_downloaded_conf_directory_failure",
    ),
    "a header twice": (
        substitute(b"Version: 6\r\n", b"Version: 6\r\nVersion: 5\r\n"),
        "global_conf_parsing_downloaded_conf_directory_failure",
    ),
    "a line that is no header": (
        substitute(b"Version: 6", b"Version 6"),
        "global_conf_parsing_downloaded_conf_directory_failure",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_well_signed_directory_with_a_fault(signer: Signer, fault: str) -> None:
    change, code = FAULTS[fault]
    assert signer.verdict(signer.directory(change=change)) == code


ENVELOPE_FAULTS = {
    "not multipart": (
        substitute(b"multipart/related", b"text/plain"),
        "global_conf_parsing_downloaded_conf_directory_failure",
    ),
    "nothing": (lambda data: b"", "global_conf_parsing_downloaded_conf_directory_failure"),
    "a page of HTML": (
        lambda data: b"<html>\r\n\r\n</html>",
        "global_conf_parsing_downloaded_conf_directory_failure",
    ),
    "no parts": (lambda data: data.replace(b"--OUT1", b"--OTHER"), "global_conf_missing_signed_data"),
    "cut in the signature": (
        lambda data: data[:-60],
        "global_conf_parsing_downloaded_conf_directory_failure",
    ),
    "no signature part": (
        lambda data: data[: data.rindex(b"--OUT1", 0, data.index(b"Signature-Algorithm"))],
        "global_conf_missing_signed_data_expiration_date",
    ),
    "three parts": (
        lambda data: data.replace(
            b"--OUT1OUT1OUT1OUT1OUT1--", b"--OUT1OUT1OUT1OUT1OUT1\r\n\r\nx\r\n--OUT1OUT1OUT1OUT1OUT1--"
        ),
        "global_conf_parsing_downloaded_conf_directory_failure",
    ),
    "no signature algorithm": (
        substitute(b"Signature-Algorithm-Id", b"X"),
        "global_conf_header_field_missing",
    ),
    "SHA-1 signature": (
        lambda data: re.sub(
            rb"Signature-Algorithm-Id: \S+",
            b"Signature-Algorithm-Id: http://www.w3.org/2000/09/xmldsig#rsa-sha1",
            data,
        ),
        "global_conf_header_field_wrong_value",
    ),
    "no certificate hash": (
        substitute(b"Verification-certificate-hash", b"X"),
        "global_conf_header_field_missing",
    ),
    "certificate hash without algorithm": (
        lambda data: re.sub(rb'; hash-algorithm-id="[^"]*"', b"", data),
        "global_conf_header_field_missing_parameter",
    ),
    "signature is not base64": (
        lambda data: re.sub(rb"\r\n\r\n[A-Za-z0-9+/=]+\r\n--OUT1", b"\r\n\r\n!!\r\n--OUT1", data),
        "global_conf_signature_decode_failure",
    ),
    "another signature": (
        lambda data: re.sub(
            rb"\r\n\r\n[A-Za-z0-9+/=]+\r\n--OUT1(?=OUT1OUT1OUT1OUT1--)",
            b"\r\n\r\n" + base64.b64encode(b"0" * 70) + b"\r\n--OUT1",
            data,
        ),
        "global_conf_signature_verification_failure",
    ),
}


@pytest.mark.parametrize("fault", ENVELOPE_FAULTS)
def test_a_faulty_envelope(signer: Signer, fault: str) -> None:
    change, code = ENVELOPE_FAULTS[fault]
    assert signer.verdict(change(signer.directory())) == code


def test_size_is_limited(signer: Signer) -> None:
    assert signer.verdict(signer.directory() + b" " * 1024 * 1024) == (
        "global_conf_parsing_downloaded_conf_directory_failure"
    )
    many = tuple(DirectoryPart("X", "DEV", f"/V6/1/part{i}.xml", b"") for i in range(101))
    assert signer.verdict(signer.directory(many)) == "global_conf_parsing_downloaded_conf_directory_failure"


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "tail",
    ["; " + " " * 500_000, ";" + "ab" * 250_000, "; a" * 160_000, '; a="' * 100_000, "\r\n b" * 120_000],
)
def test_reading_takes_time_in_proportion(tail: str) -> None:
    """Before anything is verified: whoever sits on the way could otherwise keep a server busy for hours."""
    with pytest.raises(PlatformError) as refused:
        parse_signed_directory(f"Content-Type: multipart/related{tail}\r\n\r\n--x\r\n".encode())
    assert refused.value.code == "global_conf_parsing_downloaded_conf_directory_failure"


def test_the_location_of_a_generation() -> None:
    at = datetime(2025, 11, 10, 17, 0, 0, 548026, tzinfo=UTC)
    assert content_location_prefix(6, at) == "/V6/20251110170000548026000"


@pytest.mark.parametrize(
    ("parts", "boundaries"),
    [
        ((), BOUNDARIES),
        (PARTS, ("same" * 5, "same" * 5)),
        (PARTS, ("short", "s" * 20)),
        ((DirectoryPart("X", "DE'V", "/x", b""),), BOUNDARIES),
        ((DirectoryPart("X", "DEV", "/x\r\nHash-algorithm-id: y", b""),), BOUNDARIES),
    ],
)
def test_what_would_break_a_directory_is_the_callers_fault(
    signer: Signer, parts: tuple[DirectoryPart, ...], boundaries: tuple[str, str]
) -> None:
    with pytest.raises(CallerError):
        prepare_signed_directory(
            parts,
            expire_at=NOW,
            version=6,
            boundaries=boundaries,
            certificate=signer.certificate,
            algorithm=signer.algorithm,
        )


def test_a_file_that_is_not_what_was_listed(signer: Signer) -> None:
    directory = verify_signed_directory(
        parse_signed_directory(signer.directory()), [signer.certificate], at=NOW
    )
    with pytest.raises(TrustError):
        directory.files[0].ensure_content(b"<shared />")
