"""The registration and management services over TLS: what is taken, and with which fault all else is refused (WIRE 16)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from central_world import INSTANCE, MANAGEMENT, MEMBER, OTHER, OTHER_SUBSYSTEM, SERVER, SetClock
from management_world import NEW_SERVER, Requests, Services, Signed, services

from sild.central_server import AutomaticApproval, CentralServer, management_service
from sild.central_server.request_services import _Rate
from sild.http1 import open_connection, serve, service_client_context
from sild.pki import SignatureAlgorithm, der
from sild.xroad.faults import Fault, parse_soap_fault
from sild.xroad.identifiers import ClientId, SecurityServerId
from sild.xroad.management import (
    MAX_REQUEST_BYTES,
    AddressChange,
    AuthCertDeletion,
    AuthCertRegistration,
    ClientDeletion,
    ClientDisabling,
    ClientEnabling,
    ClientRegistration,
    ClientRenaming,
    MaintenanceModeDisabling,
    MaintenanceModeEnabling,
    OwnerChange,
    management_body,
)
from support.pki import Pki

NEW_SUBSYSTEM = ClientId(INSTANCE, "GOV", "5678", "New")


@pytest.fixture
def requests(pki: Pki, clock: SetClock) -> Requests:
    return Requests(pki, clock)


@pytest.fixture
async def running(central_server: CentralServer, pki: Pki, clock: SetClock) -> AsyncIterator[Services]:
    async with services(central_server, pki, clock) as found:
        yield found


def code_of(answer: int | Fault) -> tuple[str, str]:
    assert isinstance(answer, Fault)
    assert UUID(answer.detail)
    return answer.code, answer.message


async def test_a_registration_waits_then_is_in_the_configuration(
    running: Services, requests: Requests, central_server: CentralServer
) -> None:
    number = await running.register(requests.registration())
    assert isinstance(number, int)
    record = central_server.management_request(number)
    assert (record.status, record.origin) == ("WAITING", "SECURITY_SERVER")
    central_server.approve_management_request(number)
    found = central_server.global_configuration().server(NEW_SERVER, requests.clock())
    assert found is not None
    assert found.address == "ss1.example.org"
    added = next(row for row in central_server.audit_log() if row.event == "add_management_request")
    assert added.actor == f"security server {NEW_SERVER}"


async def test_a_dry_run_changes_nothing(
    running: Services, requests: Requests, central_server: CentralServer
) -> None:
    assert await running.register(requests.registration(dry_run=True)) == 0
    assert central_server.find_management_requests().total_items == 0
    broken = replace(requests.registration(dry_run=True), ocsp=b"nonsense")
    assert code_of(await running.register(broken))[0] == "incorrect_validation_info"


async def test_every_kind_over_the_management_service(
    running: Services, requests: Requests, central_server: CentralServer
) -> None:
    central_server.automatic_approval = AutomaticApproval(client_registration=True, owner_change=True)
    central_server.unregister_client(SERVER, MANAGEMENT)
    auth = central_server.auth_certificates(SERVER)[0].certificate
    for request, signed in (
        (ClientRegistration(SERVER, NEW_SUBSYSTEM, "New"), True),
        (ClientDisabling(SERVER, NEW_SUBSYSTEM), True),
        (ClientEnabling(SERVER, NEW_SUBSYSTEM), True),
        (ClientRenaming(SERVER, NEW_SUBSYSTEM, "Newer"), True),
        (ClientDeletion(SERVER, NEW_SUBSYSTEM), False),
        (AddressChange(SERVER, "new.example.org"), True),
        (MaintenanceModeEnabling(SERVER, "a while"), True),
        (MaintenanceModeDisabling(SERVER), True),
        (AuthCertDeletion(SERVER, auth), False),
        (ClientRegistration(SERVER, OTHER), True),
        (OwnerChange(SERVER, OTHER), True),
    ):
        sent = requests.by_client(request) if signed else Signed(requests.soap(request))
        number = await running.manage(sent)
        assert isinstance(number, int), (request, number)
        record = central_server.management_request(number)
        assert (record.request, record.status) == (request, "APPROVED")


REFUSED: list[tuple[str, Callable[[Requests], Signed], str, str]] = [
    (
        "signed by the wrong member",
        lambda r: r.signed(r.registration().soap, r.auth, r.member(MEMBER)),
        "invalid_request",
        "Subject identifier",
    ),
    (
        "signed with another server's authentication key",
        lambda r: replace(
            r.registration(),
            signers=(
                (r.pki.auth_credential(server_code="SS9"), SignatureAlgorithm.ECDSA_SHA512),
                r.registration().signers[1],
            ),
        ),
        "invalid_signature_value",
        "Auth signature verification failed",
    ),
    (
        "the owner's signature over other bytes",
        lambda r: replace(r.registration(), signed_bytes=b"other"),
        "invalid_signature_value",
        "Auth signature verification failed",
    ),
    (
        "the certificate of another server",
        lambda r: replace(
            r.signed(r.registration().soap, r.pki.auth_credential(server_code="SS9"), r.member(OTHER))
        ),
        "cert_validation",
        "Authentication certificates do not match.",
    ),
    (
        "a sign certificate instead of an authentication certificate",
        lambda r: r.signed(r.registration().soap, r.member(OTHER), r.member(OTHER)),
        "cert_validation",
        "Authentication certificate is not valid",
    ),
    (
        "an authentication certificate of a stranger",
        lambda r: r.signed(
            r.registration().soap, Pki(common_name="Strange CA").auth_credential(), r.member(OTHER)
        ),
        "internal_error",
        "Certificate is not issued by approved certification service provider.",
    ),
    (
        "an authentication certificate of a stranger of that name",
        lambda r: r.signed(r.registration().soap, Pki("ec-p384").auth_credential(), r.member(OTHER)),
        "cert_validation",
        "Authentication certificate is not valid",
    ),
    (
        "an expired authentication certificate",
        lambda r: r.signed(
            r.registration().soap,
            r.pki.auth_credential(not_after=r.clock() - timedelta(days=1)),
            r.member(OTHER),
        ),
        "incorrect_certificate",
        "not valid now",
    ),
    (
        "an authentication certificate as the owner's",
        lambda r: r.signed(r.registration().soap, r.auth, r.auth),
        "cert_validation",
        "Member (owner/client) sign certificate is invalid",
    ),
    (
        "an expired owner's certificate",
        lambda r: r.signed(
            r.registration().soap,
            r.auth,
            r.pki.sign_credential(INSTANCE, "GOV", "5678", not_after=r.clock() - timedelta(days=1)),
        ),
        "cert_validation",
        "Member (owner/client) sign certificate is invalid",
    ),
    (
        "the owner's certificate revoked",
        lambda r: replace(
            r.registration(),
            ocsp=r.pki.ocsp_response(r.member(OTHER).certificate, status="revoked", at=r.clock()),
        ),
        "cert_validation",
        "REVOKED",
    ),
    (
        "an old OCSP response",
        lambda r: replace(
            r.registration(),
            ocsp=r.pki.ocsp_response(r.member(OTHER).certificate, at=r.clock() - timedelta(days=2)),
        ),
        "incorrect_validation_info",
        "too old",
    ),
    (
        "an OCSP response about another certificate",
        lambda r: replace(r.registration(), ocsp=r.ocsp(r.member(MEMBER))),
        "incorrect_validation_info",
        "does not apply",
    ),
    (
        "an algorithm that is not the signature's",
        lambda r: replace(
            r.registration(),
            signers=((r.auth, SignatureAlgorithm.ECDSA_SHA256), r.registration().signers[1]),
        ),
        "",
        "",
    ),
    (
        "signatures swapped",
        lambda r: replace(r.registration(), signers=r.registration().signers[::-1]),
        "invalid_signature_value",
        "Auth signature verification failed",
    ),
    (
        "certificates swapped",
        lambda r: replace(r.registration(), certificates=r.registration().certificates[::-1]),
        "cert_validation",
        "Authentication certificate is not valid",
    ),
    (
        "garbage as a certificate",
        lambda r: replace(r.registration(), certificates=(b"0", r.registration().certificates[1])),
        "incorrect_certificate",
        "not a certificate",
    ),
    (
        "the SOAP client is not the owner",
        lambda r: r.signed(
            r.soap(AuthCertRegistration(NEW_SERVER, "a", der(r.auth.certificate)), sender=MEMBER),
            r.auth,
            r.member(OTHER),
        ),
        "invalid_request",
        "Sender does not match server owner.",
    ),
    (
        "another provider",
        lambda r: r.signed(
            r.soap(AuthCertRegistration(NEW_SERVER, "a", der(r.auth.certificate)), provider=OTHER_SUBSYSTEM),
            r.auth,
            r.member(OTHER),
        ),
        "invalid_request",
        "Invalid management service address. Contact central server administrator.",
    ),
    (
        "an unknown instance",
        lambda r: r.signed(
            r.soap(
                AuthCertRegistration(
                    SecurityServerId(ClientId("XX", "GOV", "5678"), "SS1"), "a", der(r.auth.certificate)
                )
            ),
            r.auth,
            r.member(OTHER),
        ),
        "invalid_request",
        "Invalid management service address. Contact central server administrator.",
    ),
    (
        "a server code that may not be",
        lambda r: r.signed(
            r.soap(AuthCertRegistration(SecurityServerId(OTHER, "a/b"), "a", der(r.auth.certificate))),
            r.auth,
            r.member(OTHER),
        ),
        "invalid_client_identifier",
        "The management request contains an invalid identifier.",
    ),
    ("no host", lambda r: r.registration(address="not a host"), "invalid_request", "Invalid server address"),
    ("no address", lambda r: r.registration(address=""), "invalid_request", "Invalid server address"),
    ("a URL", lambda r: r.registration(address="http://a/"), "invalid_request", "Invalid server address"),
]


@pytest.mark.parametrize(
    ("make", "code", "text"), [case[1:] for case in REFUSED], ids=[c[0] for c in REFUSED]
)
async def test_registrations_that_are_refused(
    running: Services,
    requests: Requests,
    central_server: CentralServer,
    make: Callable[[Requests], Signed],
    code: str,
    text: str,
) -> None:
    content_type, body = make(requests).body()
    if not code:  # the header says one algorithm, the signature was made with the other
        body = body.replace(b"SHA256withECDSA", b"SHA512withECDSA")
        code, text = "invalid_signature_value", "Auth signature verification failed"
    found, message = code_of(await running.register((content_type, body)))
    assert (found, text in message) == (code, True), message
    assert central_server.find_management_requests().total_items == 0


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b"SHA512withECDSA", b"SHA1withRSA", "invalid_signature_value"),
        (b"SHA512withECDSA", b"SHA512withRSA", "invalid_signature_value"),
        (b"<SOAP-ENV:Envelope", b"<!DOCTYPE a><SOAP-ENV:Envelope", "invalid_soap"),
        (b"ss1.example.org", b"ss2.example.org", "invalid_signature_value"),
        (b"authCertReg>", b"authCertRex>", "inconsistent_headers"),
        (b"--\r\n", b"--\r\nmore", "mime_parsing_failed"),
    ],
)
async def test_changed_on_the_way(
    running: Services, requests: Requests, old: bytes, new: bytes, code: str
) -> None:
    content_type, body = requests.registration().body()
    assert code_of(await running.register((content_type, body.replace(old, new))))[0] == code


async def test_a_replay(running: Services, requests: Requests, central_server: CentralServer) -> None:
    """Pending, declined, or after the address has been changed again: the same message is taken once."""
    first = requests.registration().body()
    number = await running.register(first)
    assert isinstance(number, int)
    central_server.decline_management_request(number)
    change = requests.by_client(AddressChange(SERVER, "one.example.org")).body()
    assert isinstance(await running.manage(change), int)
    await running.manage(requests.by_client(AddressChange(SERVER, "two.example.org")))
    for answer in (await running.register(first), await running.manage(change)):
        assert code_of(answer) == ("internal_error", "management_request_exists with statusCode 409")
    assert central_server.security_server(SERVER).address == "two.example.org"


async def test_what_the_register_refuses_is_told_as_the_reference_tells_it(
    running: Services, requests: Requests
) -> None:
    answer = await running.manage(requests.by_client(ClientRegistration(SERVER, OTHER_SUBSYSTEM)))
    assert code_of(answer) == (
        "internal_error",
        "management_request_client_already_registered with statusCode 409",
    )
    answer = await running.manage(Signed(requests.soap(ClientDeletion(SERVER, NEW_SUBSYSTEM))))
    assert code_of(answer) == (
        "internal_error",
        "management_request_client_registration_not_found with statusCode 404",
    )
    answer = await running.manage(requests.by_client(OwnerChange(SERVER, OTHER_SUBSYSTEM)))
    assert code_of(answer) == (
        "internal_error",
        "management_request_owner_must_be_member with statusCode 400",
    )


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda r: r.by_client(ClientRegistration(SERVER, NEW_SUBSYSTEM), signer=MEMBER),
            "in certificate does not match client's member identifier",
        ),
        (
            lambda r: r.by_client(AddressChange(SERVER, "a.example.org"), signer=OTHER),
            "in certificate does not match security server owner identifier",
        ),
        (
            lambda r: r.by_client(MaintenanceModeEnabling(SERVER), signer=OTHER),
            "in certificate does not match security server owner identifier",
        ),
        (
            lambda r: r.by_client(OwnerChange(SERVER, OTHER), signer=MEMBER),
            "in certificate does not match client's member identifier",
        ),
        (
            lambda r: r.signed(
                r.soap(ClientDisabling(SERVER, OTHER_SUBSYSTEM), sender=OTHER), r.member(OTHER)
            ),
            "Sender does not match server owner.",
        ),
        (
            lambda r: Signed(r.soap(ClientDeletion(SERVER, OTHER_SUBSYSTEM), sender=OTHER)),
            "Sender does not match server owner.",
        ),
        (
            lambda r: Signed(r.soap(AuthCertDeletion(SERVER, b"a"), provider=OTHER_SUBSYSTEM)),
            "Invalid management service address. Contact central server administrator.",
        ),
        (
            lambda r: Signed(r.soap(ClientDisabling(SERVER, OTHER_SUBSYSTEM))),
            "Client signature algorithm id is missing",
        ),
        (
            lambda r: r.by_client(ClientRegistration(SERVER, OTHER, "name")),
            "Only name of subsystem can be changed",
        ),
        (lambda r: r.by_client(ClientRenaming(SERVER, OTHER_SUBSYSTEM, " ")), "Invalid subsystem name"),
        (lambda r: r.by_client(AddressChange(SERVER, "-")), "Invalid server address"),
        (lambda r: r.by_client(AddressChange(SERVER, "fe80::1%\n 17  WAITING")), "Invalid server address"),
        (lambda r: r.registration(), "The request is not one of this address"),
    ],
)
async def test_requests_signed_or_sent_by_the_wrong_party(
    running: Services, requests: Requests, make: Callable[[Requests], Signed], text: str
) -> None:
    code, message = code_of(await running.manage(make(requests)))
    assert (code, text in message) == ("invalid_request", True), message


async def test_only_the_management_security_server_may_connect_to_4002(
    running: Services, requests: Requests, pki: Pki
) -> None:
    """A deletion carries no signature: whoever reaches the port must be who passed the exchange's checks."""
    deletion = Signed(requests.soap(ClientDeletion(SERVER, OTHER_SUBSYSTEM)))
    for options in ({"anonymous": True}, {"as_client": pki.tls_credential("stranger")}):
        answer = await running.post(running.management, deletion, **options)  # type: ignore[arg-type]
        fault = parse_soap_fault(answer.body)
        assert fault is not None
        assert (answer.status, fault.code) == (500, "ssl_authentication_failed")
    assert isinstance(await running.manage(deletion), int)


async def test_other_kinds_at_the_registration_service(running: Services, requests: Requests) -> None:
    answer = await running.register(Signed(requests.soap(ClientDeletion(SERVER, OTHER_SUBSYSTEM))))
    assert code_of(answer) == ("invalid_request", "The request is not one of this address")


async def test_a_test_of_the_connection(running: Services, requests: Requests) -> None:
    soap = requests.soap(AuthCertRegistration(NEW_SERVER, "", b"", dry_run=True))
    answer = await running.register(management_body(soap, boundary="xroad"))
    assert code_of(answer) == ("invalid_request", "Auth signature algorithm id is missing")


async def test_too_large(running: Services, requests: Requests) -> None:
    content_type, body = requests.registration().body()
    answer = await running.register((content_type, body + b"\r\n" * MAX_REQUEST_BYTES))
    assert code_of(answer) == ("invalid_request", "a management request has at most 100000 bytes")


async def test_not_an_http_request_for_us(running: Services, requests: Requests) -> None:
    signed = requests.registration()
    assert (await running.post(running.registration + "x", signed)).status == 404
    assert (await running.post(running.registration, signed, method="PUT")).status == 405
    without_slash = await running.post(running.registration.rstrip("/"), signed)
    assert without_slash.status == 200
    answer = await running.register(("", b""))
    assert code_of(answer)[0] == "invalid_content_type"


async def test_too_many_requests_from_one_address(
    central_server: CentralServer, pki: Pki, clock: SetClock
) -> None:
    async with services(central_server, pki, clock, per_minute=2) as running:
        statuses = [(await running.post(running.registration, ("text/xml", b"<"))).status for _ in range(4)]
        assert statuses == [500, 500, 429, 429]


async def test_an_instance_without_signing_keys_takes_no_requests(
    pki: Pki, clock: SetClock, requests: Requests, central_server: CentralServer
) -> None:
    """What could not be published cannot be registered into either."""
    with central_server._engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM signing_keys")
    async with services(central_server, pki, clock) as running:
        answer = await running.register(requests.registration())
        assert code_of(answer) == ("internal_error", "The central server cannot take requests now")


async def test_the_services_key_is_pinned_and_renewed_while_they_run(
    running: Services, central_server: CentralServer
) -> None:
    async def shown() -> bytes | None:
        host, _, port = running.registration.split("/")[2].partition(":")
        connection = await open_connection(
            host, int(port), tls=service_client_context(), server_hostname=None
        )
        try:
            assert connection.tls is not None
            return connection.tls.certificate
        finally:
            connection.close()

    central_server.publish_management_service_tls()
    first = await shown()
    assert first == central_server.management_service_certificate()
    private = central_server.global_configuration().private.management_service
    assert private.auth_cert_reg_service_cert == first
    assert private.auth_cert_reg_service_address == "https://cs.example.org:4001/managementservice/"
    central_server.renew_management_service_key()
    second = await shown()
    assert second != first
    assert second == central_server.management_service_certificate()


async def test_a_database_that_is_away_is_not_described(
    running: Services, requests: Requests, central_server: CentralServer
) -> None:
    with central_server._engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE management_requests RENAME TO gone")
    answer = await running.register(requests.registration())
    assert code_of(answer) == ("database_error", "The central server cannot take requests now")


async def test_anybody_may_connect_where_that_is_asked_for(
    central_server: CentralServer, pki: Pki, clock: SetClock, requests: Requests
) -> None:
    handler = management_service(central_server, clock=clock, client_certificates=None)
    listening = await serve(handler, "127.0.0.1", 0, tls=central_server.management_service_tls())
    try:
        services = Services("", f"https://127.0.0.1:{listening.port}/managementservice/manage/", pki.ca)
        deletion = Signed(requests.soap(ClientDeletion(SERVER, OTHER_SUBSYSTEM)))
        assert (await services.post(services.management, deletion, anonymous=True)).status == 200
    finally:
        await listening.close(grace=1.0)


ORDER = [
    ("cert_validation", "Authentication certificate is not valid"),
    ("invalid_signature_value", "Auth signature verification failed"),
    ("cert_validation", "Member (owner/client) sign certificate is invalid"),
    ("incorrect_validation_info", "does not apply"),
    ("invalid_signature_value", "Owner signature verification failed"),
    ("invalid_request", "Invalid management service address. Contact central server administrator."),
    ("invalid_client_identifier", "The management request contains an invalid identifier."),
    ("invalid_request", "Sender does not match server owner."),
    ("cert_validation", "Authentication certificates do not match."),
    ("invalid_request", "Subject identifier"),
    ("invalid_request", "Invalid server address"),
    ("internal_error", "management_request_exists with statusCode 409"),
]


@pytest.mark.parametrize("first", range(len(ORDER)))
async def test_of_several_faults_the_first_in_x_road_s_order_is_told(
    running: Services, requests: Requests, central_server: CentralServer, first: int
) -> None:
    """Everything from `first` on is wrong at once."""

    def wrong(place: int) -> bool:
        return place >= first

    pki, auth = requests.pki, requests.auth
    waiting = AuthCertRegistration(NEW_SERVER, "a", der(auth.certificate))
    central_server.submit_management_request(waiting)
    owner = requests.member(MEMBER if wrong(9) else OTHER)
    other_certificate = der(pki.auth_credential(server_code="SS9").certificate)
    soap = requests.soap(
        AuthCertRegistration(
            SecurityServerId(OTHER, "a/b") if wrong(6) else NEW_SERVER,
            "not a host" if wrong(10) else "ss1.example.org",
            other_certificate if wrong(8) else der(auth.certificate),
        ),
        sender=MEMBER if wrong(7) else OTHER,
        provider=OTHER_SUBSYSTEM if wrong(5) else MANAGEMENT,
    )
    stranger = pki.tls_credential("stranger")
    signed = requests.signed(soap, stranger if wrong(1) else auth, stranger if wrong(4) else owner)
    signed = replace(
        signed,
        certificates=(
            der((owner if wrong(0) else auth).certificate),
            der((auth if wrong(2) else owner).certificate),
        ),
        ocsp=requests.ocsp(requests.member(OTHER if wrong(9) else MEMBER) if wrong(3) else owner),
    )
    code, message = code_of(await running.register(signed))
    assert (code, ORDER[first][1] in message) == (ORDER[first][0], True), message


@pytest.mark.parametrize(
    ("first", "second", "is_one"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
    ],
)
def test_who_counts_as_one(first: str, second: str, is_one: bool) -> None:
    rate = _Rate(1, lambda: 0.0)
    assert rate.admits(first) and not rate.admits(first)
    assert rate.admits(second) is not is_one
