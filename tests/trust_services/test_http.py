"""The endpoints: each service in its protocol's own words, the signing form, and who may call what."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import NameOID
from trust_world import KEY, Answer, SettableClock, call, certificate_request, form, ocsp_path

from sild.errors import Unavailable
from sild.pki import (
    Certificate,
    CertificateProfile,
    DigestAlgorithm,
    Good,
    OCSPError,
    build_ocsp_request,
    build_timestamp_request,
    is_auth_certificate,
    is_sign_certificate,
    ocsp_error,
    parse_timestamp_response,
    read_certificate,
    verify_ocsp_response,
    verify_timestamp,
)
from sild.trust_services import TrustOptions, TrustServices
from sild.trust_services import http as trust_http
from sild.trust_services.http import ROUTES, Access
from support.pki import NOW, Pki, name

AUTHORISED = {"authorization": f"Bearer {KEY}"}


@pytest.fixture
def member(services: TrustServices) -> Certificate:
    return services.issue(certificate_request(), CertificateProfile.SIGN)


def status(answer: Answer) -> ocsp.OCSPResponse:
    assert (answer.status, answer.headers["content-type"]) == (200, "application/ocsp-response")
    return ocsp.load_der_ocsp_response(answer.body)


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_a_good_certificate(services: TrustServices, member: Certificate, method: str) -> None:
    request = build_ocsp_request(member, services.ca_certificate)
    path, body = ("/ocsp", request) if method == "POST" else (ocsp_path(request), b"")
    answer = await call(services.app, method, path, body)
    single = verify_ocsp_response(
        answer.body,
        certificate=member,
        issuer=services.ca_certificate,
        responder_certificates=[services.ocsp_certificate],
        ca_certificates=[services.ca_certificate],
        at=NOW,
        freshness=timedelta(minutes=1),
    )
    assert (single.status, single.this_update, single.next_update) == (Good(), NOW, NOW + timedelta(days=1))
    assert answer.headers["cache-control"] == "no-cache"


async def test_get_with_raw_slashes_and_pluses(services: TrustServices) -> None:
    """Clients encode base64 in three ways: wholly, only what they must, or not at all."""
    odd = 0
    for _ in range(40):
        issued = services.issue(certificate_request(), CertificateProfile.SIGN)
        text = base64.b64encode(build_ocsp_request(issued, services.ca_certificate)).decode()
        odd += "/" in text or "+" in text
        assert status(await call(services.app, "GET", f"/ocsp/{text}")).serial_number == issued.serial_number
        if odd > 3:
            break
    assert odd


async def test_a_revoked_certificate(
    services: TrustServices, member: Certificate, clock: SettableClock
) -> None:
    services.revoke(member.serial_number, x509.ReasonFlags.superseded)
    clock.at += timedelta(hours=1)
    request = build_ocsp_request(member, services.ca_certificate)
    found = status(await call(services.app, "POST", "/ocsp", request))
    assert found.certificate_status == ocsp.OCSPCertStatus.REVOKED
    assert (found.revocation_time_utc, found.revocation_reason) == (NOW, x509.ReasonFlags.superseded)
    assert found.this_update_utc == NOW + timedelta(hours=1)


async def test_a_certificate_nobody_issued(services: TrustServices) -> None:
    for serial in (1, 2**159, 2**300):
        builder = ocsp.OCSPRequestBuilder()
        hashes_of = ocsp.load_der_ocsp_request(
            build_ocsp_request(services.ca_certificate, services.ca_certificate)
        )
        request = builder.add_certificate_by_hash(
            hashes_of.issuer_name_hash, hashes_of.issuer_key_hash, serial, hashes_of.hash_algorithm
        ).build()
        answer = await call(services.app, "POST", "/ocsp", request.public_bytes(Encoding.DER))
        assert status(answer).certificate_status == ocsp.OCSPCertStatus.UNKNOWN


async def test_another_authoritys_certificate(services: TrustServices) -> None:
    other = Pki()
    request = build_ocsp_request(other.sign_credential().certificate, other.ca.certificate)
    answer = await call(services.app, "POST", "/ocsp", request)
    assert answer.body == ocsp_error(OCSPError.UNAUTHORIZED)


MALFORMED = ocsp_error(OCSPError.MALFORMED_REQUEST)


@pytest.mark.parametrize("body", [b"", b"junk", b"\x30\x80" * 99, bytes(70_000)])
async def test_malformed_ocsp_requests(services: TrustServices, body: bytes) -> None:
    answer = await call(services.app, "POST", "/ocsp", body)
    assert (answer.status, answer.body) == (200, MALFORMED)


async def test_an_endless_body_is_cut_off(services: TrustServices) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield bytes(10_000)

    answer = await call(services.app, "POST", "/ocsp", endless())
    assert answer.body == MALFORMED
    assert (await call(services.app, "POST", "/tsa", endless())).status == 200
    assert (await call(services.app, "POST", "/testca/sign", endless())).status == 413
    announced = await call(services.app, "POST", "/ocsp", b"", headers={"content-length": "99999999999"})
    assert announced.body == MALFORMED


@pytest.mark.parametrize("path", ["/ocsp/", "/ocsp/%%%", "/ocsp/MA%3D", "/ocsp/" + "A" * 9000])
async def test_malformed_get(services: TrustServices, path: str) -> None:
    answer = await call(services.app, "GET", path)
    assert (answer.status, answer.body) == (200, MALFORMED)


async def test_a_body_that_dawdles(services: TrustServices, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust_http, "BODY_SECONDS", 0.01)
    waiting = asyncio.Event()
    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        await waiting.wait()
        return {}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": "/ocsp", "raw_path": b"/ocsp", "query_string": b"",
        "headers": [], "root_path": "", "scheme": "http", "server": ("127.0.0.1", 80),
    }  # fmt: skip
    await services.app(scope, receive, send)  # type: ignore[arg-type]  # ASGI's messages are dictionaries
    assert sent[0]["status"] == 408


async def test_a_bug_is_an_internal_error_in_the_protocols_words(
    services: TrustServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_request: bytes) -> bytes:
        raise RuntimeError("a bug")

    monkeypatch.setattr(services, "answer_ocsp", broken)
    monkeypatch.setattr(services, "answer_timestamp", broken)
    answer = await call(services.app, "POST", "/ocsp", b"x")
    assert answer.body == ocsp_error(OCSPError.INTERNAL_ERROR)
    with pytest.raises(Exception, match="systemFailure") as told:
        parse_timestamp_response((await call(services.app, "POST", "/tsa", b"x")).body)
    assert "a bug" not in str(told.value)


async def test_a_time_stamp(services: TrustServices) -> None:
    request = build_timestamp_request(DigestAlgorithm.SHA512.digest(b"data"), nonce=7, cert_req=True)
    serials = set()
    for _ in range(3):
        answer = await call(services.app, "POST", "/tsa", request)
        assert (answer.status, answer.headers["content-type"]) == (200, "application/timestamp-reply")
        token = verify_timestamp(
            parse_timestamp_response(answer.body),
            data=b"data",
            tsa_certificates=[services.tsa_certificate],
            nonce=7,
        )
        assert (token.gen_time, token.policy) == (NOW, services.options.timestamp_policy)
        serials.add(token.serial_number)
    assert len(serials) == 3


async def test_a_malformed_time_stamp_request(services: TrustServices) -> None:
    for body in (b"junk", bytes(70_000)):
        answer = await call(services.app, "POST", "/tsa", body)
        with pytest.raises(Exception, match="badDataFormat"):
            parse_timestamp_response(answer.body)


@pytest.mark.parametrize(
    ("kind", "file_name", "sign", "answer_name"),
    [
        (None, "sign_csr_20261122_member.der", True, "sign_crt_20261122_member.pem"),
        (b"auto", "auth_csr_20261122.der", False, "auth_crt_20261122.pem"),
        (b"sign", "x.csr", True, "x.pem"),
        (b"auth", "sign.csr", False, "sign.pem"),
        (b"auth", "../..\\a b;c.csr", False, "a_b_c.pem"),
    ],
)
async def test_the_signing_form(
    services: TrustServices, kind: bytes | None, file_name: str, sign: bool, answer_name: str
) -> None:
    fields: list[tuple[str, str | None, bytes]] = [("certreq", file_name, certificate_request())]
    if kind is not None:
        fields.append(("type", None, kind))
    body, headers = form(fields)
    answer = await call(services.app, "POST", "/testca/sign", body, headers=headers)
    assert answer.status == 200
    assert answer.headers["content-disposition"] == f'attachment; filename="{answer_name}"'
    assert answer.headers["content-type"] == "application/octet-stream"
    issued = read_certificate(answer.body)
    assert (is_sign_certificate(issued), is_auth_certificate(issued)) == (sign, not sign)
    assert services.certificate(issued.serial_number)


async def test_the_form_is_a_page(services: TrustServices) -> None:
    answer = await call(services.app, "GET", "/testca/")
    assert answer.headers["content-type"].startswith("text/html")
    assert b'name="certreq"' in answer.body


GOOD_BODY, GOOD_HEADERS = form([("certreq", "sign.der", certificate_request())])


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (GOOD_BODY, {}),
        (GOOD_BODY, {"content-type": "multipart/form-data"}),
        (GOOD_BODY, {"content-type": "multipart/form-data; boundary=other"}),
        (GOOD_BODY, {"content-type": "application/x-www-form-urlencoded"}),
        (GOOD_BODY, {"content-type": "multipart/form-data; boundary=" + "b" * 200}),
        (GOOD_BODY[:-8], GOOD_HEADERS),
        (b"", GOOD_HEADERS),
        (form([("certreq", "sign.der", b"junk")])[0], GOOD_HEADERS),
        (form([("certreq", None, certificate_request())])[0], GOOD_HEADERS),
        (form([("other", "sign.der", certificate_request())])[0], GOOD_HEADERS),
        (form([("x", None, b"")] * 40)[0], GOOD_HEADERS),
        (GOOD_BODY.replace(b"Content-Disposition", b"Content-Nothing"), GOOD_HEADERS),
        (GOOD_BODY.replace(b"\r\n\r\n", b"\r\n"), GOOD_HEADERS),
    ],
)
async def test_bad_forms(services: TrustServices, body: bytes, headers: dict[str, str]) -> None:
    answer = await call(services.app, "POST", "/testca/sign", body, headers=headers)
    assert answer.status == 400
    assert len(services.certificates()) == 3


async def test_the_form_is_off_unless_switched_on(tmp_path: Path) -> None:
    quiet = TrustServices.create(tmp_path / "quiet", password="secret", options=TrustOptions())
    assert (await call(quiet.app, "POST", "/testca/sign", GOOD_BODY, headers=GOOD_HEADERS)).status == 404
    assert (await call(quiet.app, "GET", "/testca/")).status == 404
    assert (
        await call(quiet.app, "POST", "/certificates/sign", certificate_request(), headers=AUTHORISED)
    ).status == 401
    quiet.close()


@pytest.mark.parametrize("profile", ["sign", "auth", "tls"])
async def test_a_holder_of_a_key_issues_and_revokes(services: TrustServices, profile: str) -> None:
    answer = await call(
        services.app, "POST", f"/certificates/{profile}", certificate_request(), headers=AUTHORISED
    )
    assert answer.status == 201
    issued = read_certificate(answer.body)
    assert services.certificate(issued.serial_number).profile.name == profile.upper()
    path = f"/certificates/{issued.serial_number:X}/revocation"
    revoked = await call(services.app, "PUT", path, b'{"reason": "keyCompromise"}', headers=AUTHORISED)
    assert revoked.status == 200
    assert b'"revoked_at":"2026-03-01T12:00:00Z"' in revoked.body
    assert (await call(services.app, "PUT", path, headers=AUTHORISED)).body == revoked.body


@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": "Bearer guess"}, {"authorization": f"Basic {KEY}"}, {"authorization": KEY}],
)
async def test_everybody_else_does_not(services: TrustServices, headers: dict[str, str]) -> None:
    issued = await call(services.app, "POST", "/certificates/sign", certificate_request(), headers=headers)
    serial = services.ocsp_certificate.serial_number
    revoked = await call(services.app, "PUT", f"/certificates/{serial:x}/revocation", headers=headers)
    assert (issued.status, revoked.status) == (401, 401)
    assert issued.headers["www-authenticate"] == "Bearer"
    assert all(known.revoked is None for known in services.certificates())


BODY = "DEV/GOV/70000002"


@pytest.mark.parametrize(
    ("profile", "bodies", "expected"),
    [
        ("sign", [BODY], 201),
        ("sign", ["DEV/GOV/70000003"], 400),  # in another body's name
        ("sign", [BODY, "DEV/GOV/70000003"], 400),
        ("sign", [], 400),  # a member's, or anybody's
        ("tls", [BODY], 400),
        ("auth", [BODY], 400),
    ],
)
async def test_a_key_for_the_seals_of_one_body(
    tmp_path: Path, profile: str, bodies: list[str], expected: int
) -> None:
    digest = hashlib.sha256(KEY.encode()).digest()
    options = TrustOptions(api_keys={"register": digest}, seal_bodies={"register": BODY})
    services = TrustServices.create(tmp_path / "trust", password="x", options=options)
    try:
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.COMMON_NAME, "A seal"),
                *(x509.NameAttribute(NameOID.ORGANIZATION_IDENTIFIER, body) for body in bodies),
            ]
        )
        request = certificate_request(subject)
        issued = await call(services.app, "POST", f"/certificates/{profile}", request, headers=AUTHORISED)
        assert issued.status == expected
        path = f"/certificates/{services.tsa_certificate.serial_number:x}/revocation"
        assert (await call(services.app, "PUT", path, headers=AUTHORISED)).status == 401, "and nothing else"
    finally:
        services.close()


@pytest.mark.parametrize(
    ("holder", "profile", "subject", "expected"),
    [
        ("signing", "sign", {}, 201),
        ("signing", "auth", {}, 400),  # for signatures alone
        ("signing", "sign", {NameOID.SERIAL_NUMBER: "60001019906"}, 400),
        ("signing", "sign", {NameOID.ORGANIZATION_NAME: "Hospital"}, 400),  # a body besides
        ("signing", "sign", {NameOID.ORGANIZATION_IDENTIFIER: BODY}, 400),
        ("other", "sign", {}, 400),  # people's keys are not for everybody who may have certificates
        ("other", "sign", {NameOID.SERIAL_NUMBER: "pnoee-60001019906"}, 400),
        ("other", "auth", {}, 201),  # a card to log in with
    ],
)
async def test_peoples_signing_keys_are_for_a_signing_service_alone(
    tmp_path: Path, holder: str, profile: str, subject: dict[x509.ObjectIdentifier, str], expected: int
) -> None:
    digest, strangers = hashlib.sha256(KEY.encode()).digest(), hashlib.sha256(b"else").digest()
    keys = {"signing": digest, "other": strangers}
    options = TrustOptions(api_keys=keys, person_holders=frozenset({"signing"}), signing_form=True)
    services = TrustServices.create(tmp_path / "trust", password="x", options=options)
    try:
        person = {NameOID.COMMON_NAME: "MAASIKAS,MARI", NameOID.SERIAL_NUMBER: "PNOEE-60001019906"}
        names = [x509.NameAttribute(kind, value) for kind, value in {**person, **subject}.items()]
        request = certificate_request(x509.Name(names))
        headers = AUTHORISED if holder == "signing" else {"authorization": "Bearer else"}
        issued = await call(services.app, "POST", f"/certificates/{profile}", request, headers=headers)
        assert issued.status == expected
        path = f"/certificates/{services.tsa_certificate.serial_number:x}/revocation"
        assert (await call(services.app, "PUT", path, headers=AUTHORISED)).status == 401, "and nothing else"
    finally:
        services.close()


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("POST", "/certificates/root_ca", certificate_request(), 404),
        ("POST", "/certificates/sign", b"junk", 400),
        ("POST", "/certificates/sign", certificate_request(name(O="x")), 400),
        ("PUT", "/certificates/1/revocation", b"", 404),
        ("PUT", "/certificates/xyz/revocation", b"", 404),
        ("PUT", f"/certificates/{'f' * 41}/revocation", b"", 404),
        ("PUT", "/certificates/1/revocation", b"{", 400),
        ("PUT", "/certificates/1/revocation", b"[]", 400),
        ("PUT", "/certificates/1/revocation", b'{"reason": "boredom"}', 400),
        ("PUT", "/certificates/1/revocation", b"[" * 50_000, 400),
        ("GET", "/services/ca.txt", b"", 404),
        ("GET", "/services/root.pem", b"", 404),
        ("GET", "/nothing", b"", 404),
        ("DELETE", "/ocsp", b"", 405),
    ],
)
async def test_wrong_calls(
    services: TrustServices, method: str, path: str, body: bytes, expected: int
) -> None:
    assert (await call(services.app, method, path, body, headers=AUTHORISED)).status == expected


async def test_the_services_own_certificates(services: TrustServices) -> None:
    for service, own in (
        ("ca", services.ca_certificate),
        ("ocsp", services.ocsp_certificate),
        ("tsa", services.tsa_certificate),
    ):
        for ending in ("pem", "der"):
            answer = await call(services.app, "GET", f"/services/{service}.{ending}")
            assert read_certificate(answer.body) == own


async def test_a_locked_database_is_said_to_be_so(
    services: TrustServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*_arguments: object, **_named: object) -> None:
        raise Unavailable("the database is locked", code="database_error")

    monkeypatch.setattr(services, "issue", locked)
    answer = await call(services.app, "POST", "/certificates/sign", certificate_request(), headers=AUTHORISED)
    assert (answer.status, answer.body) == (503, b"try later\n")


async def test_every_route_has_a_stated_access_rule(services: TrustServices) -> None:
    for method, path, _handler, access in ROUTES:
        assert access in (Access.EVERYBODY, Access.FORM, Access.KEY)
        assert (access == Access.KEY) == path.startswith(("/certificates/", "/external-accounts"))
        assert (access == Access.FORM) == path.startswith("/testca/")
        if access == Access.KEY:
            assert (await call(services.app, method, path)).status == 401


async def test_get_commits_nothing(services: TrustServices, member: Certificate) -> None:
    before = services.certificates()
    for method, path, _handler, _access in ROUTES:
        if method == "GET":
            await call(services.app, "GET", path)
    await call(services.app, "GET", ocsp_path(build_ocsp_request(member, services.ca_certificate)))
    assert services.certificates() == before
