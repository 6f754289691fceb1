"""Who may speak for whom, and for how long a verdict is remembered (WIRE 6.2, 10)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from sild.errors import PlatformError
from sild.pki import CertificateProfile, der
from sild.xroad.globalconf import GlobalConf
from sild.xroad.identifiers import ClientId
from sild.xroad.verification import CertificateVerifier, authenticate_peer
from support.pki import NOW, KeyKind, Pki, name
from support.two_members import CLIENT, PROVIDER, REQUEST, Sealed, TwoMembers

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def world() -> TwoMembers:
    return TwoMembers()


def refusal(world: TwoMembers, sealed: Sealed, **changed: object) -> str:
    with pytest.raises(PlatformError) as caught:
        world.verify(sealed, **changed)  # type: ignore[arg-type]  # a table of keyword arguments
    path = caught.value.code_path
    assert path.startswith("signature_verification.")
    return path.removeprefix("signature_verification.")


# --- messages


@pytest.mark.parametrize("kind", ["ec-p256", "rsa-2048"])
def test_good_messages(kind: KeyKind) -> None:
    world = TwoMembers(kind)
    for sealed in (world.seal(), world.seal(REQUEST, b"body"), world.seal(REQUEST, b"one", b"", b"three")):
        verified = world.verify(sealed)
        assert verified.signer == CLIENT
        assert verified.parts == tuple(sealed.parts)
        assert verified.certificate.certificate == world.credential(CLIENT).certificate


def test_any_certificate_of_the_member_will_do(world: TwoMembers) -> None:
    """WIRE 10.2: the signature is checked apart from TLS and from the server."""
    another = world.pki.sign_credential(member_code="4422", server_code="ELSEWHERE")
    world.verify(world.seal(by=another))


def test_another_members_certificate(world: TwoMembers) -> None:
    assert refusal(world, world.seal(by=world.credential(PROVIDER))) == "incorrect_certificate"


def test_an_authentication_certificate(world: TwoMembers) -> None:
    assert refusal(world, world.seal(by=world.auth[CLIENT.member])) == "malformed_signature"


def test_a_certificate_of_an_unknown_authority(world: TwoMembers) -> None:
    stranger = Pki(common_name="Another CA").sign_credential(member_code="4422")
    assert refusal(world, world.seal(by=stranger)) == "internal_error"


def test_a_certificate_of_an_authority_with_the_same_name() -> None:
    """Names are easily had; the path must hold too."""
    world, other = TwoMembers(), TwoMembers("rsa-2048")
    theirs = other.credential(CLIENT)
    status = other.pki.ocsp_response(theirs.certificate)
    path = refusal(world, world.seal(by=theirs, ocsp_responses=[status]))
    assert path == "cannot_create_cert_path.internal_error"


def test_an_authority_for_authentication_only(world: TwoMembers) -> None:
    conf = world.configuration(authentication_only=True)
    assert refusal(world, world.seal(), globalconf=conf) == "incorrect_certificate"


def test_an_expired_certificate(world: TwoMembers) -> None:
    expired = world.pki.sign_credential(member_code="4422", server_code="OLD", not_after=NOW - HOUR)
    assert refusal(world, world.seal(by=expired)) == "cannot_create_cert_path.internal_error"


@pytest.mark.parametrize(
    ("status", "path"),
    [
        ("revoked", "invalid_cert_path.cert_validation"),
        ("unknown", "invalid_cert_path.cert_validation"),
        ("stale", "invalid_cert_path.incorrect_validation_info"),
        ("over", "invalid_cert_path.incorrect_validation_info"),
        ("another", "invalid_cert_path.cert_validation"),
        ("stranger", "invalid_cert_path.incorrect_validation_info"),
        ("none", "malformed_signature"),
        ("garbage", "invalid_cert_path.cert_validation"),
    ],
)
def test_certificate_status(world: TwoMembers, status: str, path: str) -> None:
    pki, signer = world.pki, world.credential(CLIENT)
    responses = {
        "revoked": lambda: pki.ocsp_response(signer.certificate, status="revoked"),
        "unknown": lambda: pki.ocsp_response(signer.certificate, status="unknown"),
        "stale": lambda: pki.ocsp_response(signer.certificate, at=NOW - 2 * HOUR, validity=None),
        "over": lambda: pki.ocsp_response(signer.certificate, at=NOW - HOUR / 2, validity=HOUR / 4),
        "another": lambda: pki.ocsp_response(world.credential(PROVIDER).certificate),
        "stranger": lambda: pki.ocsp_response(signer.certificate, responder=world.credential(PROVIDER)),
        "none": lambda: b"",
        "garbage": lambda: b"\x30\x03\x02\x01\x01",
    }
    response = responses[status]()
    assert refusal(world, world.seal(ocsp_responses=[response] if response else [])) == path


def test_the_first_good_answer_among_several(world: TwoMembers) -> None:
    signer = world.credential(CLIENT)
    responses = [
        world.pki.ocsp_response(world.credential(PROVIDER).certificate),
        world.pki.ocsp_response(signer.certificate),
    ]
    world.verify(world.seal(ocsp_responses=responses))


# --- what is remembered


def test_a_verdict_is_remembered_while_it_holds(world: TwoMembers) -> None:
    verifier, sealed = CertificateVerifier(), world.seal()
    first = world.verify(sealed, verifier=verifier).certificate
    assert world.verify(sealed, verifier=verifier).certificate is first
    assert world.verify(sealed, at=NOW + HOUR, verifier=verifier).certificate is first
    path = refusal(world, sealed, at=NOW + HOUR + timedelta(seconds=1), verifier=verifier)
    assert path == "invalid_cert_path.incorrect_validation_info"


def test_a_verdict_says_nothing_about_earlier(world: TwoMembers) -> None:
    verifier, sealed = CertificateVerifier(), world.seal()
    first = world.verify(sealed, verifier=verifier).certificate
    assert world.verify(sealed, at=NOW - HOUR, verifier=verifier).certificate is not first


def test_a_verdict_ends_with_the_certificate(world: TwoMembers) -> None:
    short = world.pki.sign_credential(member_code="4422", server_code="SHORT", not_after=NOW + HOUR / 2)
    verifier, sealed = CertificateVerifier(), world.seal(by=short)
    assert world.verify(sealed, verifier=verifier).certificate.holds_until == NOW + HOUR / 2
    assert "cannot_create_cert_path" in refusal(world, sealed, at=NOW + HOUR * 3 / 4, verifier=verifier)


def test_a_verdict_ends_with_freshness(world: TwoMembers) -> None:
    conf = world.configuration(freshness_seconds=60)
    verified = world.verify(world.seal(), globalconf=conf, verifier=CertificateVerifier())
    assert verified.certificate.holds_until == NOW + timedelta(seconds=60)


def test_another_configuration_forgets(world: TwoMembers) -> None:
    verifier, sealed = CertificateVerifier(), world.seal()
    first = world.verify(sealed, verifier=verifier).certificate
    again = world.verify(sealed, verifier=verifier, globalconf=world.configuration()).certificate
    assert again is not first
    without = GlobalConf("DEV", {"DEV": (replace(world.globalconf.shared("DEV", NOW), approved_cas=()), NOW)})
    assert refusal(world, sealed, verifier=verifier, globalconf=without) == "internal_error"


def test_another_response_is_looked_at(world: TwoMembers) -> None:
    verifier = CertificateVerifier()
    world.verify(world.seal(), verifier=verifier)
    revoked = world.pki.ocsp_response(world.credential(CLIENT).certificate, status="revoked")
    assert "cert_validation" in refusal(world, world.seal(ocsp_responses=[revoked]), verifier=verifier)


def test_a_refusal_is_not_remembered(world: TwoMembers) -> None:
    verifier = CertificateVerifier()
    sealed = world.seal()
    assert "incorrect_validation_info" in refusal(world, sealed, at=NOW + 2 * HOUR, verifier=verifier)
    world.verify(sealed, at=NOW, verifier=verifier)


def test_memory_is_bounded(world: TwoMembers) -> None:
    verifier = CertificateVerifier(max_entries=4)
    signer = world.credential(CLIENT)
    for seconds in range(20):
        response = world.pki.ocsp_response(signer.certificate, at=NOW - timedelta(seconds=seconds))
        world.verify(world.seal(ocsp_responses=[response]), verifier=verifier)
        assert len(verifier._certificates) <= 4


# --- TLS peers


def authenticate(
    world: TwoMembers,
    member: ClientId,
    *,
    chain: Sequence[bytes] | None = None,
    ocsp: Sequence[bytes] | None = None,
) -> str:
    certificate = world.auth[CLIENT.member].certificate
    peer = authenticate_peer(
        [der(certificate)] if chain is None else chain,
        [world.pki.ocsp_response(certificate)] if ocsp is None else ocsp,
        globalconf=world.globalconf,
        member=member,
        at=NOW,
        verifier=world.verifier,
    )
    return str(peer.server.id)


def refused(world: TwoMembers, member: ClientId = CLIENT, **changed: Sequence[bytes]) -> str:
    with pytest.raises(PlatformError) as caught:
        authenticate(world, member, **changed)
    assert caught.value.code_path == "ssl_authentication_failed"
    return str(caught.value.detail.get("reason", caught.value.message))


def test_the_clients_server(world: TwoMembers) -> None:
    assert authenticate(world, CLIENT) == "DEV:COM:4422:SS0"
    assert authenticate(world, CLIENT.member) == "DEV:COM:4422:SS0", "its owner"
    root = der(world.pki.ca.certificate)
    chain = [der(world.auth[CLIENT.member].certificate), root]
    assert authenticate(world, CLIENT, chain=chain) == "DEV:COM:4422:SS0", "the root sent along"


def test_a_member_that_is_not_on_that_server(world: TwoMembers) -> None:
    assert "is not registered at security server SERVER:DEV/COM/4422/SS0" in refused(world, PROVIDER)


def test_a_server_nobody_registered(world: TwoMembers) -> None:
    stranger = world.pki.auth_credential(member_code="4422", server_code="NEW").certificate
    reason = refused(world, chain=[der(stranger)], ocsp=[world.pki.ocsp_response(stranger)])
    assert "not associated with any security server" in reason


def test_a_sign_certificate_in_tls(world: TwoMembers) -> None:
    sign = world.credential(CLIENT).certificate
    assert "cert_validation" in refused(world, chain=[der(sign)], ocsp=[world.pki.ocsp_response(sign)])


def test_no_certificate_no_status_or_garbage(world: TwoMembers) -> None:
    refused(world, chain=[])
    refused(world, ocsp=[])
    refused(world, chain=[b"\x30\x00"])
    refused(world, ocsp=[b"garbage"])


def test_a_revoked_or_foreign_status(world: TwoMembers) -> None:
    certificate = world.auth[CLIENT.member].certificate
    revoked = world.pki.ocsp_response(certificate, status="revoked")
    assert refused(world, ocsp=[revoked]) == "invalid_cert_path.cert_validation"
    other = world.pki.ocsp_response(world.auth[PROVIDER.member].certificate)
    assert refused(world, ocsp=[other]) == "invalid_cert_path.cert_validation"


def test_an_intermediate_needs_a_status_too() -> None:
    """The anchor is the CA that issued the last certificate presented, as the reference's provider side has it."""
    world = TwoMembers()
    intermediate = world.pki.intermediate()
    auth = world.pki.issue(
        CertificateProfile.AUTH,
        name(C="FI", O="x", CN="localhost", SERIALNUMBER="DEV/SS0/COM"),
        issuer=intermediate,
    )
    world.auth[CLIENT.member] = auth
    shared = world.configuration().shared("DEV", NOW)
    approved = shared.approved_cas[0]
    listed = replace(
        approved, intermediate_cas=(replace(approved.top_ca, certificate=der(intermediate.certificate)),)
    )
    world.globalconf = GlobalConf("DEV", {"DEV": (replace(shared, approved_cas=(listed,)), NOW + HOUR)})
    chain = [der(auth.certificate), der(intermediate.certificate)]
    leaf = world.pki.ocsp_response(auth.certificate, issuer=intermediate)
    upper = world.pki.ocsp_response(intermediate.certificate)
    assert authenticate(world, CLIENT, chain=chain, ocsp=[leaf, upper]) == "DEV:COM:4422:SS0"
    assert refused(world, chain=chain, ocsp=[leaf]) == "invalid_cert_path.cert_validation"
    assert authenticate(world, CLIENT, chain=chain[:1], ocsp=[leaf]) == "DEV:COM:4422:SS0"
